"""ccxt.pro over WebSocket v2: its books, trades, candles, own orders and fills, and orders over the socket.

ccxt_ws.py SIM_JSON NUMBER. Left out: checksums of books, which this version of ccxt cannot verify (sdk_ws.py does). A book from
which an update is missing would cross itself soon, and that is looked for.
"""

import asyncio

import ccxt.pro
from checks import Checks, near, refused, same, simulator

check = Checks("ccxt WebSocket")
SYMBOL = "BTC/USD"
UPDATES = 200


class State:
    """What one check learns and a later one needs."""

    bid = ask = order = None


@check
async def ticker(kraken, state):
    for _ in range(3):
        ticker = await kraken.watch_ticker(SYMBOL)
        assert 0 < ticker["bid"] < ticker["ask"] and ticker["low"] <= ticker["last"] <= ticker["high"]
    state.bid, state.ask = ticker["bid"], ticker["ask"]


@check
async def books_of_two_depths(kraken, state):
    for symbol, depth in ((SYMBOL, 10), ("ETH/USD", 100)):
        for _ in range(UPDATES):
            book = await kraken.watch_order_book(symbol, depth)
            bids, asks = ([level[0] for level in book[side]] for side in ("bids", "asks"))
            same((bids, asks), (sorted(set(bids), reverse=True), sorted(set(asks))))
            assert bids[0] < asks[0], f"crossed: {bids[0]} and {asks[0]}"
            assert len(bids) == len(asks) == depth, f"{len(bids)} bids, {len(asks)} asks at depth {depth}"


@check
async def trades(kraken, state):
    seen = {}
    while len(seen) < 5:
        for trade in await kraken.watch_trades(SYMBOL):
            seen[trade["id"]] = trade
    for trade in seen.values():
        same((trade["symbol"], trade["side"] in ("buy", "sell")), (SYMBOL, True))
        assert abs(trade["price"] / state.bid - 1) < 0.02 and trade["amount"] > 0


@check
async def ohlc(kraken, state):
    candles = await kraken.watch_ohlcv(SYMBOL, "1m")
    start, opened, high, low, closed, volume = candles[-1]
    assert low <= min(opened, closed) <= max(opened, closed) <= high and volume >= 0
    assert start % 60_000 == 0 and kraken.milliseconds() - start < 125_000


@check
async def balance(kraken, state):
    balance = await kraken.watch_balance()
    same((balance["USD"]["total"], balance["BTC"]["total"]), (1_000_000, 10))


async def report(kraken, identity, fits):
    """What ccxt was told of that order, once it fits. Reports without a symbol stand for themselves in its list."""
    while True:
        for seen in kraken.orders or []:
            if seen["id"] == identity and fits(seen):
                return seen
        await kraken.watch_orders()


def has_status(wanted):
    return lambda seen: seen["status"] == wanted


@check
async def limit_order(kraken, state):
    price = round(state.bid * 0.9, 1)
    watching = asyncio.ensure_future(kraken.watch_orders())
    state.order = await kraken.create_order_ws(SYMBOL, "limit", "buy", 0.01, price)
    await watching
    seen = await report(kraken, state.order["id"], has_status("open"))
    same((seen["symbol"], seen["side"], seen["type"]), (SYMBOL, "buy", "limit"))
    same((seen["price"], seen["amount"]), (price, 0.01))


@check
async def amended_order_is_the_same_order(kraken, state):
    price = round(state.bid * 0.91, 1)
    amended = await kraken.edit_order_ws(state.order["id"], SYMBOL, "limit", "buy", 0.02, price)
    same(amended["id"], state.order["id"])
    seen = await report(kraken, state.order["id"], lambda it: it["amount"] == 0.02)
    same((seen["price"], seen["status"]), (price, "open"))


@check
async def canceled_order(kraken, state):
    await kraken.cancel_order_ws(state.order["id"])
    await report(kraken, state.order["id"], has_status("canceled"))


@check
async def market_order_and_its_fills(kraken, state):
    watching = asyncio.ensure_future(kraken.watch_my_trades())
    order = await kraken.create_order_ws(SYMBOL, "market", "buy", 0.001)
    fills = {fill["id"]: fill for fill in await watching}
    while sum(fill["amount"] for fill in fills.values()) < 0.001 - 1e-9:
        fills |= {fill["id"]: fill for fill in await kraken.watch_my_trades()}
    near(sum(fill["amount"] for fill in fills.values()), 0.001)
    for fill in fills.values():
        same((fill["order"], fill["side"], fill["symbol"]), (order["id"], "buy", SYMBOL))
        near(fill["fee"]["cost"], fill["price"] * fill["amount"] * 0.004, 1e-4)
    await report(kraken, order["id"], has_status("closed"))
    state.fills = fills


@check
async def fills_are_the_trades_of_rest(kraken, state):
    # Unless told not to, REST adds up what one taker took.
    trades = await kraken.fetch_my_trades(SYMBOL, params={"consolidate_taker": "false"})
    trades = {trade["id"]: trade for trade in trades}
    same(set(trades), set(state.fills))
    for identity, fill in state.fills.items():
        same((fill["price"], fill["amount"]), (trades[identity]["price"], trades[identity]["amount"]))


@check
async def cancel_all(kraken, state):
    for step in range(2):
        await kraken.create_order_ws(SYMBOL, "limit", "buy", 0.01, round(state.bid * 0.9, 1) - step)
    answer = await kraken.cancel_all_orders_ws()
    same(answer["result"]["count"], 2)


@check
async def refused_orders(kraken, state):
    with refused(ccxt.ExchangeError, "EOrder:Insufficient funds"):
        await kraken.create_order_ws(SYMBOL, "limit", "buy", 1_000, round(state.bid * 0.9, 1))
    with refused(ccxt.OrderNotFound, "EOrder:Unknown order"):
        await kraken.cancel_order_ws(state.order["id"])
    with refused(ccxt.InvalidOrder, "EOrder:Invalid order"):
        await kraken.cancel_order_ws("OABCDE-FGHIJ-KLMNOP")
    with refused(ccxt.ExchangeError, "EOrder:Post only order"):
        price = round(state.ask * 1.05, 1)
        await kraken.create_order_ws(SYMBOL, "limit", "buy", 0.01, price, {"postOnly": True})
    with refused(ccxt.BadRequest, "EGeneral:Invalid arguments:volume minimum not met"):
        await kraken.create_order_ws(SYMBOL, "limit", "buy", 0.00001, round(state.bid * 0.9, 1))


async def main():
    sim, account = simulator()
    kraken = ccxt.pro.kraken({"apiKey": account["key"], "secret": account["secret"], "enableRateLimit": False})
    kraken.urls["api"]["public"] = kraken.urls["api"]["private"] = sim["rest"]
    kraken.urls["api"]["ws"].update(publicV2=sim["ws"], privateV2=sim["ws_auth"])
    try:
        await check.run(kraken, State())
    finally:
        await kraken.close()


asyncio.run(main())
