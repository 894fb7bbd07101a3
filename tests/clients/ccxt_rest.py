"""ccxt over REST: what it makes of every answer, and which of its exceptions a refusal becomes.

ccxt_rest.py SIM_JSON NUMBER. Only addresses, the key, and ccxt's own brake (which spreads calls over seconds) are set.
"""

import asyncio
import re

import ccxt
from checks import Checks, near, refused, same, simulator

check = Checks("ccxt REST")
SYMBOL = "BTC/USD"
MINUTE = 60_000


def client(sim, key, secret):
    kraken = ccxt.kraken({"apiKey": key, "secret": secret, "enableRateLimit": False})
    kraken.urls["api"]["public"] = kraken.urls["api"]["private"] = sim["rest"]
    return kraken


class State:
    """What one check learns and a later one needs."""

    sim = bid = ask = order = trades = None


@check
def markets(kraken, state):
    market = kraken.load_markets()[SYMBOL]
    same((market["id"], market["base"], market["quote"]), ("XXBTZUSD", "BTC", "USD"))
    same((market["active"], market["spot"], market["taker"], market["maker"]), (True, True, 0.004, 0.0025))
    same((market["precision"]["price"], market["precision"]["amount"]), (0.1, 1e-8))
    same((market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]), (0.00005, 0.5))
    assert {"ETH/USD", "SOL/USD"} <= set(kraken.symbols)
    same(kraken.currencies["BTC"]["id"], "XXBT")


@check
def time_and_status(kraken, state):
    near(kraken.fetch_time(), kraken.milliseconds(), 5_000)
    same(kraken.fetch_status()["status"], "ok")


@check
def ticker(kraken, state):
    ticker = kraken.fetch_ticker(SYMBOL)
    state.bid, state.ask = ticker["bid"], ticker["ask"]
    assert 0 < ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert ticker["low"] <= ticker["vwap"] <= ticker["high"]
    assert ticker["baseVolume"] > 0
    assert abs(ticker["last"] / ticker["bid"] - 1) < 0.02
    same(set(kraken.fetch_tickers([SYMBOL, "ETH/USD"])), {SYMBOL, "ETH/USD"})


@check
def order_book(kraken, state):
    book = kraken.fetch_order_book(SYMBOL, 25)
    bids, asks = ([level[0] for level in book[side]] for side in ("bids", "asks"))
    same((len(bids), len(asks)), (25, 25))
    same((bids, asks), (sorted(bids, reverse=True), sorted(asks)))
    assert bids[0] < asks[0]
    assert all(level[1] > 0 for side in ("bids", "asks") for level in book[side])


@check
def trades(kraken, state):
    trades = kraken.fetch_trades(SYMBOL, limit=50)
    same(len(trades), 50)
    times = [trade["timestamp"] for trade in trades]
    same(times, sorted(times))
    same(len({trade["id"] for trade in trades}), 50)
    for trade in trades:
        assert trade["side"] in ("buy", "sell") and trade["type"] in ("limit", "market")
        near(trade["cost"], trade["price"] * trade["amount"], 1e-6)
    since = times[25]
    assert all(trade["timestamp"] >= since for trade in kraken.fetch_trades(SYMBOL, since))


@check
def ohlc(kraken, state):
    for frame, step in (("1m", MINUTE), ("1h", 60 * MINUTE)):
        candles = kraken.fetch_ohlcv(SYMBOL, frame)
        assert len(candles) >= 720, len(candles)
        for before, candle in zip(candles, candles[1:]):
            same(candle[0] - before[0], step)
        for _, opened, high, low, closed, volume in candles:
            assert low <= min(opened, closed) <= max(opened, closed) <= high and volume >= 0
    recent = kraken.fetch_ohlcv(SYMBOL, "1m", since=kraken.milliseconds() - 10 * MINUTE)
    assert 9 <= len(recent) <= 11, len(recent)


@check
def balance(kraken, state):
    balance = kraken.fetch_balance()
    same((balance["USD"]["total"], balance["USD"]["used"]), (1_000_000, 0))
    same((balance["BTC"]["total"], balance["ETH"]["total"]), (10, 50))


@check
def limit_order(kraken, state):
    price = round(state.bid * 0.9, 1)
    state.order = kraken.create_order(SYMBOL, "limit", "buy", 0.01, price, {"clientOrderId": "client-of-ccxt"})
    assert re.fullmatch(r"O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}", state.order["id"])
    same((state.order["price"], state.order["amount"], state.order["side"]), (price, 0.01, "buy"))


@check
def open_orders(kraken, state):
    (order,) = kraken.fetch_open_orders()
    same((order["id"], order["status"], order["type"]), (state.order["id"], "open", "limit"))
    same((order["symbol"], order["clientOrderId"]), (SYMBOL, "client-of-ccxt"))
    same((order["price"], order["amount"], order["filled"], order["remaining"]), (state.order["price"], 0.01, 0, 0.01))


@check
def amended_order_is_the_same_order(kraken, state):
    price = round(state.bid * 0.91, 1)
    kraken.edit_order(state.order["id"], SYMBOL, "limit", "buy", 0.02, price)
    order = kraken.fetch_order(state.order["id"])
    same((order["price"], order["amount"], order["status"]), (price, 0.02, "open"))


@check
def funds_of_an_open_order_are_held(kraken, state):
    used = kraken.fetch_balance()["USD"]["used"]
    cost = 0.02 * round(state.bid * 0.91, 1)
    assert cost <= used <= cost * 1.01, f"{used} for {cost}"


@check
def canceled_order(kraken, state):
    kraken.cancel_order(state.order["id"])
    order = kraken.fetch_order(state.order["id"])
    same((order["status"], order["filled"]), ("canceled", 0))


@check
def market_order(kraken, state):
    state.order = kraken.create_order(SYMBOL, "market", "buy", 0.001)
    order = kraken.fetch_order(state.order["id"])
    same((order["status"], order["type"], order["amount"], order["filled"]), ("closed", "market", 0.001, 0.001))
    assert abs(order["average"] / state.ask - 1) < 0.02


@check
def own_trades(kraken, state):
    trades = kraken.fetch_my_trades(SYMBOL)
    same({trade["order"] for trade in trades}, {state.order["id"]})
    near(sum(trade["amount"] for trade in trades), 0.001)
    for trade in trades:
        same((trade["symbol"], trade["side"], trade["type"], trade["takerOrMaker"]), (SYMBOL, "buy", "market", "taker"))
        near(trade["cost"], trade["price"] * trade["amount"], 1e-4)
        near(trade["fee"]["cost"], trade["cost"] * 0.004, 1e-4)
        same(trade["fee"]["currency"], "USD")
    state.trades = trades


@check
def closed_orders(kraken, state):
    orders = {order["id"]: order for order in kraken.fetch_closed_orders()}
    same(len(orders), 2)
    same(orders[state.order["id"]]["status"], "closed")
    near(orders[state.order["id"]]["fee"]["cost"], sum(trade["fee"]["cost"] for trade in state.trades), 1e-4)


@check
def ledger_and_balance_agree(kraken, state):
    entries = kraken.fetch_ledger()
    traded = [entry for entry in entries if entry["type"] == "trade"]
    same({entry["referenceId"] for entry in traded}, {trade["id"] for trade in state.trades})
    balance = kraken.fetch_balance()
    for code, before in (("USD", 1_000_000), ("BTC", 10)):
        moved = 0
        for entry in (entry for entry in traded if entry["currency"] == code):
            sign = 1 if entry["direction"] == "in" else -1
            moved += sign * entry["amount"] - entry["fee"]["cost"]
        near(balance[code]["total"], before + moved, 1e-3)
    near(balance["BTC"]["total"], 10.001)


@check
def fees(kraken, state):
    fee = kraken.fetch_trading_fee(SYMBOL)
    same((fee["maker"], fee["taker"]), (0.0025, 0.004))


@check
def wrong_key(kraken, state):
    stranger = client(state.sim, "A" * 56, kraken.secret)
    with refused(ccxt.AuthenticationError, "EAPI:Invalid key"):
        stranger.fetch_balance()


@check
def wrong_signature(kraken, state):
    forger = client(state.sim, kraken.apiKey, "c2VjcmV0" * 8)
    with refused(ccxt.ExchangeError, "EAPI:Invalid signature"):
        forger.fetch_balance()


@check
def old_nonce(kraken, state):
    sleeper = client(state.sim, kraken.apiKey, kraken.secret)
    sleeper.nonce = lambda: 1
    with refused(ccxt.InvalidNonce, "EAPI:Invalid nonce"):
        sleeper.fetch_balance()


@check
def insufficient_funds(kraken, state):
    with refused(ccxt.InsufficientFunds, "EOrder:Insufficient funds"):
        kraken.create_order(SYMBOL, "limit", "buy", 1_000, round(state.bid * 0.9, 1))
    with refused(ccxt.InsufficientFunds, "EOrder:Insufficient funds"):
        kraken.create_order(SYMBOL, "market", "sell", 100)


@check
def order_that_is_gone(kraken, state):
    with refused(ccxt.OrderNotFound, "EOrder:Unknown order"):
        kraken.cancel_order(state.order["id"])
    with refused(ccxt.InvalidOrder, "EOrder:Unknown order"):
        kraken.edit_order(state.order["id"], SYMBOL, "limit", "buy", 0.01, 50_000)


@check
def order_that_never_was(kraken, state):
    with refused(ccxt.InvalidOrder, "EOrder:Invalid order"):
        kraken.cancel_order("OABCDE-FGHIJ-KLMNOP")


@check
def post_only_that_would_cross(kraken, state):
    with refused(ccxt.ExchangeError, "EOrder:Post only order"):
        kraken.create_order(SYMBOL, "limit", "buy", 0.01, round(state.ask * 1.05, 1), {"postOnly": True})


@check
def below_the_minimum(kraken, state):
    with refused(ccxt.InvalidOrder, "EGeneral:Invalid arguments:volume minimum not met"):
        kraken.create_order(SYMBOL, "limit", "buy", 0.00001, round(state.bid * 0.9, 1))


@check
def wrong_pair(kraken, state):
    with refused(ccxt.ExchangeError, "EQuery:Unknown asset pair"):
        kraken.publicGetTicker({"pair": "NOSUCHPAIR"})


@check
def batch_and_cancel_all(kraken, state):
    price = round(state.bid * 0.9, 1)
    order = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.01}
    placed = kraken.create_orders([order | {"price": price}, order | {"price": price - 1}])
    same(len({order["id"] for order in placed}), 2)
    (answer,) = kraken.cancel_all_orders()
    same(int(answer["info"]["result"]["count"]), 2)
    same(kraken.fetch_open_orders(), [])


def main():
    sim, account = simulator()
    state = State()
    state.sim = sim
    asyncio.run(check.run(client(sim, account["key"], account["secret"]), state))


main()
