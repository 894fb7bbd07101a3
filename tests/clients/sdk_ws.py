"""python-kraken-sdk over WebSocket v2: books whose checksums it verifies itself, trades, candles, own orders, and orders over the socket.

sdk_ws.py SIM_JSON NUMBER. Only addresses and the key are set.
"""

import asyncio

from checks import Checks, near, same, simulator
from kraken.spot import SpotClient, SpotOrderBookClient, SpotWSClient, User

check = Checks("python-kraken-sdk WebSocket")
SYMBOL = "BTC/USD"
UPDATES = 300


class Books(SpotOrderBookClient):
    """Counts what the client itself has verified, and what it refused."""

    def __init__(self, depth):
        super().__init__(depth=depth)
        self.verified, self.refused, self.enough = {}, [], asyncio.Event()

    async def on_book_update(self, pair, message):
        if not self.get(pair=pair)["valid"]:
            self.refused.append(message)
        elif message.get("type") == "update":
            self.verified[pair] = self.verified.get(pair, 0) + 1
        pairs = list(self.verified.values())
        if self.refused or (len(pairs) == 2 and min(pairs) >= UPDATES):
            self.enough.set()


class Client(SpotWSClient):
    """Keeps every message until someone asks for it."""

    def __init__(self, **key):
        super().__init__(**key)
        self.inbox, self.number = asyncio.Queue(), 0
        self.seen = []

    async def on_message(self, message):
        await self.inbox.put(message)

    async def find(self, fits):
        """The first message that fits and was not found before; the others stay."""
        for place, message in enumerate(self.seen):
            if fits(message):
                return self.seen.pop(place)
        while not fits(message := await self.inbox.get()):
            self.seen.append(message)
        return message

    async def channel(self, name, kind):
        return await self.find(lambda it: it.get("channel") == name and it.get("type") == kind)

    async def execution(self, identity, kind):
        """The report of that kind on that order."""
        fits = lambda it: it["order_id"] == identity and it["exec_type"] == kind
        message = await self.find(lambda it: it.get("channel") == "executions" and any(map(fits, it["data"])))
        return next(filter(fits, message["data"]))

    async def call(self, method, **params):
        """Sends a request and returns its answer."""
        self.number += 1
        number = self.number
        await self.send_message(message={"method": method, "params": params, "req_id": number})
        return await self.find(lambda it: it.get("req_id") == number and it.get("method") == method)


class State:
    """What one check learns and a later one needs."""

    def __init__(self, account):
        self.key = {"key": account["key"], "secret": account["secret"]}
        self.client = self.order = None
        self.bid = self.ask = 0.0


async def verify_books(depth):
    books = Books(depth)
    await books.start()
    await books.add_book(pairs=[SYMBOL, "ETH/USD"])
    await books.enough.wait()
    same(books.refused, [])
    for pair in (SYMBOL, "ETH/USD"):
        book = books.get(pair=pair)
        for side in ("bid", "ask"):
            # The market has fewer than 1,000 levels.
            assert min(depth, 100) <= len(book[side]) <= depth, f"{len(book[side])} at depth {depth}"
    await books.close()


@check
async def books_of_three_depths_verified(state):
    await asyncio.gather(*map(verify_books, (10, 100, 1000)))


@check
async def connects(state):
    state.client = Client(**state.key)
    await state.client.start()
    status = await state.client.channel("status", "update")
    same((status["data"][0]["system"], status["data"][0]["api_version"]), ("online", "v2"))


@check
async def ticker(state):
    await state.client.subscribe(params={"channel": "ticker", "symbol": [SYMBOL]})
    (ticker,) = (await state.client.channel("ticker", "snapshot"))["data"]
    state.bid, state.ask = ticker["bid"], ticker["ask"]
    assert 0 < ticker["bid"] < ticker["ask"] and ticker["low"] <= ticker["last"] <= ticker["high"]
    (update,) = (await state.client.channel("ticker", "update"))["data"]
    same(set(update) >= {"symbol", "bid_qty", "ask_qty", "volume", "vwap", "change", "change_pct"}, True)


@check
async def trades(state):
    await state.client.subscribe(params={"channel": "trade", "symbol": [SYMBOL], "snapshot": True})
    past = (await state.client.channel("trade", "snapshot"))["data"]
    same(len(past), 50)
    new = (await state.client.channel("trade", "update"))["data"]
    numbers = [trade["trade_id"] for trade in past + new]
    same(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
    assert all(trade["side"] in ("buy", "sell") and trade["ord_type"] in ("limit", "market") for trade in new)


@check
async def ohlc(state):
    await state.client.subscribe(params={"channel": "ohlc", "symbol": [SYMBOL], "interval": 1})
    candles = (await state.client.channel("ohlc", "snapshot"))["data"]
    same((len(candles) > 1, {candle["interval"] for candle in candles}), (True, {1}))
    (candle,) = (await state.client.channel("ohlc", "update"))["data"]
    assert candle["low"] <= candle["close"] <= candle["high"]


@check
async def instruments(state):
    await state.client.subscribe(params={"channel": "instrument"})
    listed = (await state.client.channel("instrument", "snapshot"))["data"]
    (pair,) = (pair for pair in listed["pairs"] if pair["symbol"] == SYMBOL)
    same((pair["price_increment"], pair["qty_min"], pair["status"]), (0.1, 0.00005, "online"))
    assert {"BTC", "USD"} <= {asset["id"] for asset in listed["assets"]}


@check
async def own_orders_and_balances_at_first(state):
    await state.client.subscribe(params={"channel": "executions", "snap_orders": True, "snap_trades": True})
    same((await state.client.channel("executions", "snapshot"))["data"], [])
    await state.client.subscribe(params={"channel": "balances"})
    balances = {row["asset"]: row["balance"] for row in (await state.client.channel("balances", "snapshot"))["data"]}
    same((balances["USD"], balances["BTC"]), (1_000_000, 10))


@check
async def limit_order(state):
    limit = round(state.bid * 0.9, 1)
    answer = await state.client.call(
        "add_order", order_type="limit", side="buy", symbol=SYMBOL, order_qty=0.01, limit_price=limit, order_userref=9
    )
    same((answer["success"], answer["result"]["order_userref"]), (True, 9))
    state.order = answer["result"]["order_id"]
    new = await state.client.execution(state.order, "new")
    same((new["order_status"], new["order_userref"]), ("new", 9))
    pending = await state.client.execution(state.order, "pending_new")
    same((pending["symbol"], pending["side"], pending["limit_price"], pending["order_qty"]), (SYMBOL, "buy", limit, 0.01))


@check
async def amended_order_is_the_same_order(state):
    answer = await state.client.call("amend_order", order_id=state.order, order_qty=0.02)
    same((answer["success"], answer["result"]["order_id"]), (True, state.order))
    same((await state.client.execution(state.order, "amended"))["order_qty"], 0.02)


@check
async def canceled_order(state):
    answer = await state.client.call("cancel_order", order_id=[state.order])
    same((answer["success"], answer["result"]["order_id"]), (True, state.order))
    same((await state.client.execution(state.order, "canceled"))["order_status"], "canceled")


@check
async def market_order_and_its_fills(state):
    answer = await state.client.call("add_order", order_type="market", side="sell", symbol=SYMBOL, order_qty=0.001)
    order = answer["result"]["order_id"]
    await state.client.execution(order, "filled")
    trade = await state.client.execution(order, "trade")
    same((trade["liquidity_ind"], trade["symbol"], trade["side"]), ("t", SYMBOL, "sell"))
    (fee,) = trade["fees"]
    same(fee["asset"], "USD")
    near(fee["qty"], trade["cost"] * 0.004, 1e-4)
    trades = User(**state.key).get_trades_history(consolidate_taker=False)["trades"]
    same({row["ordertxid"] for row in trades.values()}, {order})
    assert trade["exec_id"] in trades


@check
async def refused_orders(state):
    limit = round(state.bid * 0.9, 1)
    order = {"order_type": "limit", "side": "buy", "symbol": SYMBOL, "order_qty": 0.01, "limit_price": limit}
    for change, text in (
        ({"order_qty": 1000}, "EOrder:Insufficient funds"),
        ({"order_qty": 0.00001}, "EGeneral:Invalid arguments:volume minimum not met"),
        ({"limit_price": round(state.ask * 1.05, 1), "post_only": True}, "EOrder:Post only order"),
    ):
        answer = await state.client.call("add_order", **(order | change))
        same((answer["success"], answer["error"]), (False, text))
    for identity, text in ((state.order, "EOrder:Unknown order"), ("OABCDE-FGHIJ-KLMNOP", "EOrder:Invalid order")):
        answer = await state.client.call("cancel_order", order_id=[identity])
        same((answer["success"], answer["error"]), (False, text))


@check
async def batch_and_cancel_all(state):
    order = {"order_type": "limit", "side": "buy", "order_qty": 0.01}
    limit = round(state.bid * 0.9, 1)
    orders = [order | {"limit_price": limit}, order | {"limit_price": round(limit - 1, 1)}]
    answer = await state.client.call("batch_add", symbol=SYMBOL, orders=orders)
    same((answer["success"], len(answer["result"])), (True, 2))
    answer = await state.client.call("cancel_all")
    same((answer["success"], answer["result"]["count"]), (True, 2))


@check
async def closes(state):
    await state.client.close()


async def main():
    sim, account = simulator()
    SpotClient.URL = sim["rest"]
    SpotWSClient.WS_URL = sim["ws"].removesuffix("/v2")
    SpotWSClient.AUTH_WS_URL = sim["ws_auth"].removesuffix("/v2")
    await check.run(State(account))


asyncio.run(main())
