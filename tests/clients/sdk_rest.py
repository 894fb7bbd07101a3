"""python-kraken-sdk over REST: what it makes of every answer, and which of its exceptions a refusal becomes.

sdk_rest.py SIM_JSON NUMBER. Only the address and the key are set.
"""

import asyncio
import re

from checks import Checks, near, refused, same, simulator
from kraken import exceptions
from kraken.spot import Market, SpotClient, Trade, User

check = Checks("python-kraken-sdk REST")
PAIR = "XBTUSD"
NAME = "XXBTZUSD"


class State:
    """The clients, what one check learns and a later one needs."""

    def __init__(self, account):
        self.account = account
        key = {"key": account["key"], "secret": account["secret"]}
        self.market, self.user, self.trade = Market(), User(**key), Trade(**key)
        self.bid = self.ask = 0.0
        self.order = self.trades = None


@check
def markets(state):
    pair = state.market.get_asset_pairs(pair=PAIR)[NAME]
    same((pair["altname"], pair["wsname"], pair["base"], pair["quote"]), ("XBTUSD", "XBT/USD", "XXBT", "ZUSD"))
    same((pair["pair_decimals"], pair["lot_decimals"], pair["tick_size"]), (1, 8, "0.1"))
    same((pair["ordermin"], pair["costmin"], pair["status"]), ("0.00005", "0.5", "online"))
    same(state.market.get_assets(assets="XBT")["XXBT"]["decimals"], 10)
    same(state.market.get_system_status()["status"], "online")


@check
def ticker(state):
    ticker = state.market.get_ticker(pair=PAIR)[NAME]
    state.ask, state.bid = float(ticker["a"][0]), float(ticker["b"][0])
    assert 0 < state.bid < state.ask
    for today in (0, 1):
        assert float(ticker["l"][today]) <= float(ticker["p"][today]) <= float(ticker["h"][today])
    assert float(ticker["v"][1]) > 0 and ticker["t"][1] > 0


@check
def order_book(state):
    book = state.market.get_order_book(pair=PAIR, count=25)[NAME]
    bids, asks = ([float(level[0]) for level in book[side]] for side in ("bids", "asks"))
    same((len(bids), len(asks)), (25, 25))
    same((bids, asks), (sorted(bids, reverse=True), sorted(asks)))
    assert bids[0] < asks[0]


@check
def trades_and_spreads(state):
    answer = state.market.get_recent_trades(pair=PAIR, count=20)
    same(len(answer[NAME]), 20)
    assert all(trade[3] in "bs" and trade[4] in "lm" and trade[6] > 0 for trade in answer[NAME])
    later = state.market.get_recent_trades(pair=PAIR, since=answer["last"])
    assert all(trade[6] > answer[NAME][-1][6] for trade in later[NAME])
    assert all(float(bid) < float(ask) for _, bid, ask in state.market.get_recent_spreads(pair=PAIR)[NAME])


@check
def ohlc(state):
    answer = state.market.get_ohlc(pair=PAIR, interval=5)
    candles = answer[NAME]
    assert len(candles) >= 720
    same({after[0] - before[0] for before, after in zip(candles, candles[1:])}, {300})
    same(answer["last"], candles[-2][0])


@check
def balance(state):
    balance = state.user.get_account_balance()
    near(balance["ZUSD"], 1_000_000)
    near(balance["XXBT"], 10)
    worth = state.user.get_trade_balance()
    same((worth["mf"], worth["m"]), (worth["e"], "0.0000"))
    assert float(worth["eb"]) > 1_000_000


@check
def validated_order_is_not_placed(state):
    answer = state.trade.create_order(
        ordertype="limit", side="buy", pair=PAIR, volume="0.01", price="50000", validate=True
    )
    same(answer["descr"]["order"], "buy 0.01000000 XBTUSD @ limit 50000.0")
    assert "txid" not in answer


@check
def limit_order(state):
    answer = state.trade.create_order(
        ordertype="limit", side="buy", pair=PAIR, volume="0.01", price="50000", userref=7, truncate=True
    )
    (state.order,) = answer["txid"]
    assert re.fullmatch(r"O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}", state.order)
    same(answer["descr"]["order"], "buy 0.01000000 XBTUSD @ limit 50000.0")


@check
def open_orders(state):
    orders = state.user.get_open_orders(userref=7)["open"]
    same(set(orders), {state.order})
    order = orders[state.order]
    same((order["status"], order["vol"], order["vol_exec"]), ("open", "0.01000000", "0.00000000"))
    same((order["descr"]["pair"], order["descr"]["type"], order["descr"]["price"]), ("XBTUSD", "buy", "50000.0"))


@check
def amended_order_is_the_same_order(state):
    answer = state.trade.amend_order(txid=state.order, order_qty="0.02", limit_price="50001")
    assert re.fullmatch(r"T[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}", answer["amend_id"])
    order = state.user.get_orders_info(txid=state.order)[state.order]
    same((order["vol"], order["descr"]["price"], order["status"]), ("0.02000000", "50001.0", "open"))


@check
def edited_order_is_another_order(state):
    answer = state.trade.edit_order(txid=state.order, pair=PAIR, volume="0.03", price="50002")
    same((answer["status"], answer["originaltxid"]), ("ok", state.order))
    assert answer["txid"] != state.order
    same(state.user.get_orders_info(txid=state.order)[state.order]["status"], "canceled")
    state.order = answer["txid"]


@check
def canceled_order(state):
    same(state.trade.cancel_order(txid=state.order)["count"], 1)
    order = state.user.get_orders_info(txid=state.order)[state.order]
    same((order["status"], order["vol_exec"]), ("canceled", "0.00000000"))


@check
def market_order_and_its_trades(state):
    (state.order,) = state.trade.create_order(ordertype="market", side="sell", pair=PAIR, volume="0.001")["txid"]
    history = state.user.get_trades_history()
    state.trades = history["trades"]
    same(history["count"], len(state.trades))
    same({trade["ordertxid"] for trade in state.trades.values()}, {state.order})
    near(sum(float(trade["vol"]) for trade in state.trades.values()), 0.001)
    for trade in state.trades.values():
        same((trade["pair"], trade["type"], trade["ordertype"], trade["maker"]), (NAME, "sell", "market", False))
        near(trade["cost"], float(trade["price"]) * float(trade["vol"]), 1e-4)
        near(trade["fee"], float(trade["cost"]) * 0.004, 1e-4)
    (some, *_) = state.trades
    same(state.user.get_trades_info(txid=some)[some], state.trades[some])


@check
def closed_orders(state):
    orders = state.user.get_closed_orders()["closed"]
    same(len(orders), 3)
    same((orders[state.order]["status"], orders[state.order]["vol_exec"]), ("closed", "0.00100000"))


@check
def ledger_and_balance_agree(state):
    entries = state.user.get_ledgers_info(type_="trade")["ledger"]
    same({entry["refid"] for entry in entries.values()}, set(state.trades))
    same(len(entries), 2 * len(state.trades))
    balance = state.user.get_account_balance()
    for asset, before in (("ZUSD", 1_000_000), ("XXBT", 10)):
        moved = [float(entry["amount"]) - float(entry["fee"]) for entry in entries.values() if entry["asset"] == asset]
        near(balance[asset], before + sum(moved), 1e-3)
    near(balance["XXBT"], 9.999)


@check
def fees(state):
    answer = state.user.get_trade_volume(pair=PAIR)
    same((answer["fees"][NAME]["fee"], answer["fees_maker"][NAME]["fee"]), ("0.4000", "0.2500"))


@check
def wrong_key(state):
    with refused(exceptions.KrakenInvalidAPIKeyError, "EAPI:Invalid key"):
        User(key="A" * 56, secret=state.account["secret"]).get_account_balance()


@check
def wrong_signature(state):
    with refused(exceptions.KrakenInvalidSignatureError, "EAPI:Invalid signature"):
        User(key=state.account["key"], secret="c2VjcmV0" * 8).get_account_balance()


@check
def old_nonce(state):
    sleeper = User(key=state.account["key"], secret=state.account["secret"])
    sleeper.get_nonce = lambda: "1"
    with refused(exceptions.KrakenInvalidNonceError, "EAPI:Invalid nonce"):
        sleeper.get_account_balance()


@check
def insufficient_funds(state):
    with refused(exceptions.KrakenInsufficientFundsError, "EOrder:Insufficient funds"):
        state.trade.create_order(ordertype="limit", side="buy", pair=PAIR, volume="1000", price="50000")


@check
def order_that_is_gone(state):
    with refused(exceptions.KrakenUnknownOrderError, "EOrder:Unknown order"):
        state.trade.cancel_order(txid=state.order)
    with refused(exceptions.KrakenUnknownOrderError, "EOrder:Unknown order"):
        state.trade.amend_order(txid=state.order, order_qty="0.02")


@check
def order_that_never_was(state):
    with refused(exceptions.KrakenInvalidOrderError, "EOrder:Invalid order"):
        state.trade.cancel_order(txid="OABCDE-FGHIJ-KLMNOP")


@check
def post_only_that_would_cross(state):
    answer = state.trade.create_order(
        ordertype="limit", side="buy", pair=PAIR, volume="0.01", price=f"{state.ask * 1.05:.1f}", oflags="post"
    )
    # The SDK has no class for this error and hands out the answer as it came.
    same(answer["error"], ["EOrder:Post only order"])


@check
def below_the_minimum(state):
    with refused(exceptions.KrakenInvalidArgumentsError, "EGeneral:Invalid arguments:volume minimum not met"):
        state.trade.create_order(ordertype="limit", side="buy", pair=PAIR, volume="0.00001", price="50000")
    with refused(exceptions.KrakenCostMinimumNotMetError, "EOrder:Cost minimum not met"):
        state.trade.create_order(ordertype="limit", side="buy", pair=PAIR, volume="0.00005", price="5000")


@check
def wrong_tick_and_pair(state):
    with refused(exceptions.KrakenInvalidPriceError, "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals."):
        state.trade.create_order(ordertype="limit", side="buy", pair=PAIR, volume="0.01", price="50000.05")
    # The SDK looks for the first text that it knows in the error, and finds `EQuery:Unknown asset`.
    with refused(exceptions.KrakenUnknownAssetError, "EQuery:Unknown asset pair"):
        state.market.get_ticker(pair="NOSUCHPAIR")


@check
def batch_of_orders_and_of_cancels(state):
    order = {"ordertype": "limit", "type": "buy", "volume": "0.01"}
    answer = state.trade.create_order_batch(pair=PAIR, orders=[order | {"price": "50000"}, order | {"price": "50001"}])
    placed = [order["txid"] for order in answer["orders"]]
    same(len(set(placed)), 2)
    same(state.trade.cancel_order_batch(orders=placed)["count"], 2)


@check
def cancel_all_and_the_dead_mans_switch(state):
    state.trade.create_order(ordertype="limit", side="buy", pair=PAIR, volume="0.01", price="50000")
    assert {"currentTime", "triggerTime"} <= set(state.trade.cancel_all_orders_after_x(60))
    same(state.trade.cancel_all_orders()["count"], 1)
    same(state.user.get_open_orders()["open"], {})


def main():
    sim, account = simulator()
    SpotClient.URL = sim["rest"]
    asyncio.run(check.run(State(account)))


main()
