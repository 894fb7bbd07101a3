// Two clients for Node.js: ccxt with its sockets, and kraken-api, which signs on its own.
//
// node.js SIM_JSON NUMBER: takes two accounts from NUMBER on. Only addresses, keys, and ccxt's own brake are set.

"use strict";

const assert = require("node:assert/strict");
const ccxt = require("ccxt");
const KrakenClient = require("kraken-api");

const sim = JSON.parse(require("node:fs").readFileSync(process.argv[2]));
const [first, second] = sim.accounts.slice(Number(process.argv[3]));
const SYMBOL = "BTC/USD";
const UPDATES = 100;
const PATIENCE_MS = 40_000;

const kraken = new ccxt.pro.kraken({ apiKey: first.key, secret: first.secret, enableRateLimit: false });
kraken.urls.api.public = kraken.urls.api.private = sim.rest;
Object.assign(kraken.urls.api.ws, { publicV2: sim.ws, privateV2: sim.ws_auth });
const plain = new KrakenClient(second.key, second.secret, { url: sim.rest });

let bid, ask, order;

const rest = {
  async "markets and ticker"() {
    const market = (await kraken.loadMarkets())[SYMBOL];
    assert.deepEqual([market.id, market.taker, market.limits.amount.min], ["XXBTZUSD", 0.004, 0.00005]);
    ({ bid, ask } = await kraken.fetchTicker(SYMBOL));
    assert(bid > 0 && bid < ask);
  },

  async "an order placed, amended and canceled"() {
    order = await kraken.createOrder(SYMBOL, "limit", "buy", 0.01, Math.round(bid * 0.9));
    await kraken.editOrder(order.id, SYMBOL, "limit", "buy", 0.02, Math.round(bid * 0.91));
    const [open] = await kraken.fetchOpenOrders();
    assert.deepEqual([open.id, open.amount, open.price], [order.id, 0.02, Math.round(bid * 0.91)]);
    await kraken.cancelOrder(order.id);
    assert.equal((await kraken.fetchOrder(order.id)).status, "canceled");
  },

  async refusals() {
    await assert.rejects(kraken.cancelOrder(order.id), ccxt.OrderNotFound);
    const much = kraken.createOrder(SYMBOL, "limit", "buy", 1000, Math.round(bid * 0.9));
    await assert.rejects(much, ccxt.InsufficientFunds);
    const little = kraken.createOrder(SYMBOL, "limit", "buy", 0.00001, Math.round(bid * 0.9));
    await assert.rejects(little, ccxt.InvalidOrder);
    const stranger = new ccxt.kraken({ apiKey: "A".repeat(56), secret: first.secret });
    stranger.urls.api.private = sim.rest;
    stranger.urls.api.public = sim.rest;
    await assert.rejects(stranger.fetchBalance(), ccxt.AuthenticationError);
  },
};

const sockets = {
  async "books that never cross"() {
    // What this client wants before it opens a socket without TLS.
    await kraken.loadHttpProxyAgent();
    for (let count = 0; count < UPDATES; count++) {
      const { bids, asks } = await kraken.watchOrderBook(SYMBOL, 25);
      assert.deepEqual([bids.length, asks.length], [25, 25]);
      assert(bids[0][0] < asks[0][0]);
      assert(bids.every((level, place) => place === 0 || level[0] < bids[place - 1][0]));
      assert(asks.every((level, place) => place === 0 || level[0] > asks[place - 1][0]));
    }
  },

  async "ticker, trades and candles"() {
    const ticker = await kraken.watchTicker(SYMBOL);
    assert(ticker.low <= ticker.last && ticker.last <= ticker.high);
    const [trade] = await kraken.watchTrades(SYMBOL);
    assert(Math.abs(trade.price / bid - 1) < 0.02 && trade.amount > 0);
    const [start, , high, low, close] = (await kraken.watchOHLCV(SYMBOL, "1m")).at(-1);
    assert(start % 60_000 === 0 && low <= close && close <= high);
  },

  async "a market order over the socket and its fill"() {
    const watched = kraken.watchMyTrades();
    const placed = await kraken.createOrderWs(SYMBOL, "market", "buy", 0.001);
    const [fill] = await watched;
    assert.deepEqual([fill.order, fill.side, fill.symbol], [placed.id, "buy", SYMBOL]);
    assert(Math.abs(fill.fee.cost - fill.price * fill.amount * 0.004) < 1e-4);
    const trades = await kraken.fetchMyTrades(SYMBOL, undefined, undefined, { consolidate_taker: false });
    assert(trades.some((trade) => trade.id === fill.id));
  },

  async "refused over the socket"() {
    const much = kraken.createOrderWs(SYMBOL, "limit", "buy", 1000, Math.round(bid * 0.9));
    await assert.rejects(much, /EOrder:Insufficient funds/);
    await kraken.close();
  },
};

const api = {
  async "market data"() {
    const { result } = await plain.api("Ticker", { pair: "XBTUSD" });
    ask = Number(result.XXBTZUSD.a[0]);
    assert(ask > Number(result.XXBTZUSD.b[0]));
  },

  async "an order and its end"() {
    const asked = { pair: "XBTUSD", type: "buy", ordertype: "limit", price: 50000, volume: 0.01 };
    const { result } = await plain.api("AddOrder", asked);
    assert.equal(result.descr.order, "buy 0.01000000 XBTUSD @ limit 50000.0");
    const [txid] = result.txid;
    assert.deepEqual(Object.keys((await plain.api("OpenOrders")).result.open), [txid]);
    assert.equal((await plain.api("CancelOrder", { txid })).result.count, 1);
    await assert.rejects(plain.api("CancelOrder", { txid }), /Order:Unknown order/);
  },

  async "a market order moves the balance"() {
    await plain.api("AddOrder", { pair: "XBTUSD", type: "sell", ordertype: "market", volume: 0.001 });
    assert.equal(Number((await plain.api("Balance")).result.XXBT), 9.999);
    assert.equal((await plain.api("TradesHistory")).result.count > 0, true);
  },

  async refusals() {
    const much = { pair: "XBTUSD", type: "buy", ordertype: "limit", price: 50000, volume: 1000 };
    await assert.rejects(plain.api("AddOrder", much), /Order:Insufficient funds/);
    const forger = new KrakenClient(second.key, first.secret, { url: sim.rest });
    await assert.rejects(forger.api("Balance"), /API:Invalid signature/);
  },
};

/** Runs the checks of one client one after another, with a line for each, and tells how many failed. */
async function run(client, checks) {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    });
    try {
      await Promise.race([check(), late]);
      console.log(`clients: ok: ${client}: ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`clients: FAILED: ${client}: ${name}: ${error.stack}`);
    } finally {
      clearTimeout(timer);
    }
  }
  return failed;
}

(async () => {
  const failed =
    (await run("ccxt for Node.js, REST", rest)) +
    (await run("ccxt for Node.js, WebSocket", sockets)) +
    (await run("kraken-api for Node.js", api));
  process.exit(failed === 0 ? 0 : 1);
})();
