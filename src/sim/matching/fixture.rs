//! A small universe and a hand to drive it, for tests.

use std::time::Duration;

use super::*;
use crate::types::{
    AssetCode, ClOrdId, Decimal, Fees, Instrument, OrderId, Price, Quantity, Side, Symbol,
    Timestamp, TradingStatus,
};

pub(in crate::sim) const BTC_USD: PairId = PairId(0);
pub(in crate::sim) const ALICE: AccountId = AccountId(1);
pub(in crate::sim) const BOB: AccountId = AccountId(2);
pub(in crate::sim) const AGENT: AccountId = AccountId(100);

pub(in crate::sim) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(in crate::sim) fn asset(code: &str) -> AssetCode {
    AssetCode::new(code).unwrap()
}

/// A price of BTC/USD or ETH/BTC in units of its last digit.
pub(in crate::sim) fn price(units: i64) -> Price {
    Price::new(units).unwrap()
}

pub(in crate::sim) fn qty(units: i64) -> Quantity {
    Quantity::new(units).unwrap()
}

fn pair(symbol: &str, digits: (u8, u8), minimums: (&str, &str)) -> PairSpec {
    let (base, quote) = symbol.split_once('/').unwrap();
    let (maker, taker) = (decimal("0.0025"), decimal("0.0040"));
    let (price_precision, cost_precision) = digits;
    let instrument = Instrument {
        symbol: Symbol::new(symbol).unwrap(),
        base: asset(base),
        quote: asset(quote),
        price_precision,
        tick: price(1),
        qty_precision: 8,
        lot: qty(1),
        qty_min: qty(minimums.0.parse().unwrap()),
        cost_precision,
        cost_min: decimal(minimums.1),
        fees: Fees { maker, taker },
        status: TradingStatus::Online,
    };
    let fee = FeeTier {
        volume: Decimal::ZERO,
        maker,
        taker,
    };
    PairSpec {
        rest_id: symbol.replace('/', ""),
        altname: symbol.replace('/', ""),
        wsname: symbol.to_owned(),
        fees: vec![fee],
        opening_price: decimal("1"),
        instrument,
    }
}

/// BTC/USD (prices with one digit, least 0.0001) and ETH/BTC (five digits).
pub(in crate::sim) fn universe() -> Universe {
    let asset = |code: &str, decimals| AssetSpec {
        code: asset(code),
        rest_id: code.to_owned(),
        altname: code.to_owned(),
        decimals,
        display_decimals: 5,
    };
    Universe {
        assets: vec![asset("BTC", 10), asset("ETH", 10), asset("USD", 4)],
        pairs: vec![
            pair("BTC/USD", (1, 5), ("10000", "0.5")),
            pair("ETH/BTC", (5, 10), ("1000", "0.00002")),
        ],
    }
}

/// Two clients with funds, one agent.
pub(in crate::sim) fn exchange(rules: Rules) -> Exchange {
    let mut exchange = Exchange::new(universe(), rules);
    for client in [ALICE, BOB] {
        let funds = ["BTC", "ETH", "USD"].map(asset).map(|code| {
            let amount = if code.as_str() == "USD" { "20000" } else { "2" };
            (code, decimal(amount))
        });
        exchange.open_account(client, Tier::Pro, &funds);
    }
    exchange.open_agent(AGENT);
    exchange
}

/// A limit order on BTC/USD: 61000.0 is `610_000`, 0.01 is `1_000_000`.
pub(in crate::sim) fn limit(side: Side, at: i64, quantity: i64) -> NewOrder {
    NewOrder {
        pair: BTC_USD,
        side,
        kind: OrderKind::Limit(price(at)),
        qty: qty(quantity).into(),
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        trigger: None,
        self_trade: SelfTrade::default(),
        display: None,
        cl_ord_id: None,
        userref: None,
        deadline: None,
        validate: false,
        extras: Extras::NONE,
    }
}

pub(in crate::sim) fn name(text: &str) -> ClOrdId {
    ClOrdId::new(text).unwrap()
}

/// An exchange, the time, and all facts so far.
pub(in crate::sim) struct Bench {
    pub(in crate::sim) exchange: Exchange,
    pub(in crate::sim) now: Timestamp,
    pub(in crate::sim) facts: Vec<(Timestamp, Fact)>,
    /// How many facts there were after each act.
    pub(in crate::sim) acts: Vec<usize>,
}

impl Bench {
    pub(in crate::sim) fn new() -> Self {
        Self::with(Rules::default())
    }

    pub(in crate::sim) fn with(rules: Rules) -> Self {
        Self {
            exchange: exchange(rules),
            now: Timestamp::from_secs(1_800_000_000),
            facts: Vec::new(),
            acts: Vec::new(),
        }
    }

    pub(in crate::sim) fn wait(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    /// Lets what is due by now happen.
    pub(in crate::sim) fn tick(&mut self) {
        self.intervene(|exchange, now, facts| exchange.tick(now, facts));
    }

    /// Lets something happen that no client asked for.
    pub(in crate::sim) fn intervene<T>(
        &mut self,
        happen: impl FnOnce(&mut Exchange, Timestamp, &mut Vec<Fact>) -> T,
    ) -> T {
        let mut facts = Vec::new();
        let result = happen(&mut self.exchange, self.now, &mut facts);
        self.facts
            .extend(facts.into_iter().map(|fact| (self.now, fact)));
        self.acts.push(self.facts.len());
        result
    }

    pub(in crate::sim) fn act(
        &mut self,
        account: AccountId,
        request: Request,
    ) -> Result<Reply, Refusal> {
        self.intervene(|exchange, now, facts| exchange.act(now, account, request, facts))
    }

    pub(in crate::sim) fn place(
        &mut self,
        account: AccountId,
        order: NewOrder,
    ) -> Result<OrderId, Refusal> {
        let reply = self.act(account, Request::Place(order))?;
        let Reply::Placed { order_id } = reply else {
            panic!("{reply:?}");
        };
        Ok(order_id)
    }

    pub(in crate::sim) fn amend(
        &mut self,
        account: AccountId,
        id: OrderId,
        new_qty: Option<i64>,
        new_price: Option<i64>,
    ) -> Result<Reply, Refusal> {
        let amend = Amend {
            qty: new_qty.map(qty),
            price: new_price.map(|units| Offset::At(price(units))),
            ..Amend::of(CancelTarget::Order(id))
        };
        self.act(account, Request::Amend(amend))
    }

    pub(in crate::sim) fn cancel(
        &mut self,
        account: AccountId,
        id: OrderId,
    ) -> Result<Reply, Refusal> {
        let target = CancelTarget::Order(id);
        self.act(account, Request::Cancel(Cancel { target }))
    }

    pub(in crate::sim) fn status(&self, id: OrderId) -> OrderStatus {
        self.exchange.order(&id).unwrap().status
    }

    pub(in crate::sim) fn filled(&self, id: OrderId) -> i64 {
        self.exchange.order(&id).unwrap().state.filled.units()
    }

    pub(in crate::sim) fn balance(&self, account: AccountId, code: &str) -> Balance {
        let mut balances = self.exchange.balances(account);
        balances
            .find(|(asset, _)| asset.as_str() == code)
            .unwrap()
            .1
    }

    /// Prices and quantities of all trades so far.
    pub(in crate::sim) fn trades(&self) -> Vec<(i64, i64)> {
        let mut trades = Vec::new();
        for (_, fact) in &self.facts {
            if let Fact::Trade(trade) = fact {
                trades.push((trade.price.units(), trade.qty.units()));
            }
        }
        trades
    }
}
