//! A simulator for one test, and hands to move its market with.

use std::path::Path;

use rand::RngExt as _;
use serde_json::Value;
use tradingd::{
    io::{Clock, rng},
    sim::{
        Settings, Simulator,
        matching::{AccountId, NewOrder, OrderKind, PairId, Request, SelfTrade, TimeInForce},
    },
    types::{Price, Quantity, Side},
};

use crate::support::{clock, ws::Client};

/// An agent that the tests play themselves.
const HAND: AccountId = AccountId(0xFFFF_0000);

/// A simulator whose market stands still after its books are filled.
pub(crate) fn quiet() -> Settings {
    Settings {
        speed: 0.000_001,
        ..Settings::default()
    }
}

/// A simulator that runs, and the hands.
pub(crate) struct Rig {
    pub(crate) sim: Simulator,
}

impl Rig {
    pub(crate) async fn start(settings: &Settings) -> Self {
        Self::with_state(settings, None).await
    }

    pub(crate) async fn with_state(settings: &Settings, state: Option<&Path>) -> Self {
        Self::with_clock(settings, state, clock()).await
    }

    pub(crate) async fn with_clock(
        settings: &Settings,
        state: Option<&Path>,
        clock: Clock,
    ) -> Self {
        let sim = Simulator::start(settings, state, clock).await.unwrap();
        sim.venue().change(|exchange| exchange.open_agent(HAND));
        Self { sim }
    }

    /// A client of the public socket.
    pub(crate) async fn public(&self) -> Client {
        Client::connect(self.sim.addresses().ws).await
    }

    /// A client of the private socket with a token of the first account.
    pub(crate) async fn private(&self) -> (Client, String) {
        let client = Client::connect(self.sim.addresses().ws_auth).await;
        (client, self.token())
    }

    /// A client that is subscribed to `executions` without snapshots.
    pub(crate) async fn trader(&self) -> (Client, String) {
        let (mut client, token) = self.private().await;
        let ack = client
            .ask(&format!(
                r#"{{"method":"subscribe","params":{{"channel":"executions","snap_orders":false,"token":"{token}"}}}}"#
            ))
            .await;
        assert_eq!(ack["success"], true, "{ack}");
        (client, token)
    }

    pub(crate) fn token(&self) -> String {
        let (account, now) = (self.sim.accounts()[0].id, self.sim.venue().clock().now());
        self.sim.tokens().issue(now, account)
    }

    pub(crate) fn pair(&self, symbol: &str) -> PairId {
        let found = self
            .sim
            .venue()
            .read(|view| view.exchange.universe().find_symbol(symbol));
        found.unwrap()
    }

    /// Places an order of the hand.
    pub(crate) fn hand(&self, pair: PairId, side: Side, kind: OrderKind, qty: i64) {
        self.hand_with(pair, side, kind, qty, TimeInForce::Gtc);
    }

    fn hand_with(
        &self,
        pair: PairId,
        side: Side,
        kind: OrderKind,
        qty: i64,
        time_in_force: TimeInForce,
    ) {
        let order = NewOrder {
            pair,
            side,
            kind,
            qty: Quantity::new(qty).unwrap().into(),
            time_in_force,
            post_only: false,
            trigger: None,
            self_trade: SelfTrade::default(),
            display: None,
            cl_ord_id: None,
            userref: None,
            deadline: None,
            validate: false,
            extras: Default::default(),
        };
        self.sim.venue().act(HAND, Request::Place(order)).ok();
    }

    /// Empties the book of a pair and puts one bid and one ask of the hand in: 60,000.0 × 1 and 60,010.0 × 1.
    pub(crate) fn two_sided(&self, pair: PairId) {
        const ALL: i64 = 1_000_000_000_000_000;
        for (side, price) in [(Side::Buy, 100_000_000), (Side::Sell, 10)] {
            let price = OrderKind::Limit(Price::new(price).unwrap());
            self.hand_with(pair, side, price, ALL, TimeInForce::Ioc);
        }
        for (side, price) in [(Side::Buy, 600_000), (Side::Sell, 600_100)] {
            let price = Price::new(price).unwrap();
            self.hand(pair, side, OrderKind::Limit(price), 100_000_000);
        }
    }

    /// Random orders of the hand around the middle of the book, market orders among them.
    pub(crate) fn stir(&self, pair: PairId, seed: u64, count: usize) {
        let mut rng = rng::stream(seed, 0x7E57);
        for _ in 0..count {
            let side = if rng.random_bool(0.5) {
                Side::Buy
            } else {
                Side::Sell
            };
            let kind = if rng.random_bool(0.2) {
                OrderKind::Market
            } else {
                let away = rng.random_range(-400..=60);
                let away = if side == Side::Buy { away } else { -away };
                OrderKind::Limit(Price::new(600_050 + away).unwrap())
            };
            self.hand(pair, side, kind, rng.random_range(10_000..40_000_000));
        }
    }
}

/// The rows of a frame.
pub(crate) fn rows(frame: &Value) -> &Vec<Value> {
    frame["data"].as_array().unwrap()
}

/// Whether a frame is of a channel.
pub(crate) fn of(channel: &str) -> impl Fn(&Value) -> bool + '_ {
    move |frame| frame["channel"] == channel
}
