//! §5.3 What each request costs in the trading counter, on both wires.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    io::{Clock, clock::ManualClock},
    sim::{Settings, matching::Tier, settings::ReplyOrder},
    types::{Decimal, Timestamp},
};

use crate::{
    sim_rest::rig as rest,
    sim_ws::rig::{Rig, quiet},
    support::ws::Client,
};

fn limit(side: &str, price: &str, qty: &str, more: &str) -> String {
    format!(
        r#""order_type":"limit","side":"{side}","symbol":"BTC/USD","order_qty":{qty},"limit_price":{price}{more}"#
    )
}

/// A simulator whose clock the test turns, and a client that is told the counter.
struct Counted {
    rig: Rig,
    hands: ManualClock,
    client: Client,
    token: String,
}

impl Counted {
    async fn start(tier: Tier) -> Self {
        let (clock, hands) = Clock::manual(Timestamp::from_secs(1_788_249_600));
        let settings = Settings {
            tier,
            reply_order: ReplyOrder::ReportFirst,
            ..quiet()
        };
        let rig = Rig::with_clock(&settings, None, clock).await;
        let (mut client, token) = rig.private().await;
        let params = format!(
            r#""channel":"executions","snap_orders":false,"ratecounter":true,"token":"{token}""#
        );
        let ack = client
            .ask(&format!(
                r#"{{"method":"subscribe","params":{{{params}}}}}"#
            ))
            .await;
        assert_eq!(ack["result"]["maxratecount"], tier.threshold(), "{ack}");
        Self {
            rig,
            hands,
            client,
            token,
        }
    }

    /// Sends a request and returns its reply, and what each report before it says of the counter.
    async fn exchange(&mut self, method: &str, params: &str) -> (Value, Vec<Value>) {
        let params = format!("{params}{}", if params.is_empty() { "" } else { "," });
        let params = format!(r#"{params}"token":"{}""#, self.token);
        self.client
            .send(&format!(
                r#"{{"method":"{method}","params":{{{params}}},"req_id":1}}"#
            ))
            .await;
        let mut counts = Vec::new();
        loop {
            let frame = self.client.next().await;
            if frame["method"] == method {
                return (frame, counts);
            }
            if frame["channel"] == "executions" {
                counts.push(frame["data"][0]["ratecount"].clone());
            }
        }
    }

    /// The reply to a request.
    async fn ask(&mut self, method: &str, params: &str) -> Value {
        self.exchange(method, params).await.0
    }

    /// What the reports of a request that succeeds say of the counter.
    async fn counts(&mut self, method: &str, params: &str) -> Vec<Value> {
        let (reply, counts) = self.exchange(method, params).await;
        assert_eq!(reply["success"], true, "{reply}");
        counts
    }

    /// What the last of them says.
    async fn count(&mut self, method: &str, params: &str) -> Value {
        self.counts(method, params).await.pop().unwrap()
    }

    /// The counter of BTC/USD to the last digit, which reports do not tell.
    fn counter(&self) -> Decimal {
        let pair = self.rig.pair("BTC/USD");
        let account = self.rig.sim.accounts()[0].id;
        let venue = self.rig.sim.venue();
        venue.read(|view| view.exchange.counter(venue.clock().now(), account, pair))
    }

    /// Adds an order that rests far away; its id.
    async fn add(&mut self) -> String {
        let order = limit("buy", "10000.0", "0.01", "");
        let reply = self.ask("add_order", &order).await;
        assert_eq!(reply["success"], true, "{reply}");
        reply["result"]["order_id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn s5_3_the_documents_example_costs_one_three_and_four() {
    let mut counted = Counted::start(Tier::Starter).await;
    let order = limit("buy", "10000.0", "0.01", r#","cl_ord_id":"a""#);
    let added = counted.count("add_order", &order).await;
    counted.hands.advance(Duration::from_secs(7));
    let amend = r#""cl_ord_id":"a","order_qty":0.02"#;
    let amended = counted.count("amend_order", amend).await;
    counted.hands.advance(Duration::from_secs(36));
    let cancel = r#""cl_ord_id":["a"]"#;
    let canceled = counted.count("cancel_order", cancel).await;
    // In the gaps the counter of this tier has fallen to zero.
    assert_eq!([added, amended, canceled], [1, 3, 4]);
}

#[tokio::test]
async fn s5_3_each_order_of_a_batch_costs_half_a_point_though_it_is_refused() {
    let mut counted = Counted::start(Tier::Starter).await;
    let orders = [r#""limit_price":10000.0"#; 5]
        .join(r#","side":"buy","order_type":"limit","order_qty":0.01},{"#);
    let batch = format!(
        r#""symbol":"BTC/USD","orders":[{{{orders},"side":"buy","order_type":"limit","order_qty":1000}}]"#
    );
    let reply = counted.ask("batch_add", &batch).await;
    assert!(
        reply.to_string().contains("EOrder:Insufficient funds"),
        "{reply}"
    );
    assert_eq!(counted.counter(), points("2.5"));
}

#[tokio::test]
async fn s5_3_a_batch_cancel_goes_over_the_limit_where_a_cancel_is_refused() {
    let mut counted = Counted::start(Tier::Starter).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(counted.add().await);
    }
    // Ten points of sixty; a young order's cancel costs eight.
    for id in &ids[..6] {
        let cancel = format!(r#""order_id":["{id}"]"#);
        assert_eq!(counted.ask("cancel_order", &cancel).await["success"], true);
    }
    let one = format!(r#""order_id":["{}"]"#, ids[6]);
    let refused = counted.ask("cancel_order", &one).await;
    assert_eq!(refused["error"], "EOrder:Rate limit exceeded");
    let batch = format!(r#""orders":["{}","{}"]"#, ids[6], ids[7]);
    let counts = counted.counts("batch_cancel", &batch).await;
    assert_eq!(counts, [66, 74]);
    let order = limit("buy", "10000.0", "0.01", "");
    let full = counted.ask("add_order", &order).await;
    assert_eq!(full["error"], "EOrder:Rate limit exceeded");
    // 74 fall to 59 in fifteen seconds.
    counted.hands.advance(Duration::from_secs(15));
    counted.add().await;
}

#[tokio::test]
async fn s5_3_an_amend_below_what_is_filled_pays_for_the_cancel_too() {
    let mut counted = Counted::start(Tier::Starter).await;
    let pair = counted.rig.pair("BTC/USD");
    counted.rig.two_sided(pair);
    let order = limit("buy", "60010.0", "1.5", r#","cl_ord_id":"a""#);
    let filled = counted.count("add_order", &order).await;
    assert_eq!(filled, 1);
    counted.hands.advance(Duration::from_secs(10));
    let amend = r#""cl_ord_id":"a","order_qty":0.5"#;
    let count = counted.count("amend_order", amend).await;
    // At ten seconds: an amend 1 + 1, a cancel 5.
    assert_eq!(count, 7);
}

#[tokio::test]
async fn s5_3_a_refused_amend_costs_its_fixed_part_only() {
    let mut counted = Counted::start(Tier::Starter).await;
    let id = counted.add().await;
    let same = format!(r#""order_id":"{id}","order_qty":0.01"#);
    let refused = counted.ask("amend_order", &same).await;
    assert_eq!(refused["error"], "EOrder:No amendable parameters specified");
    let more = format!(r#""order_id":"{id}","order_qty":0.02"#);
    let count = counted.count("amend_order", &more).await;
    // The add, the fixed part of the first amend, all of the second.
    assert_eq!(count, 1 + 1 + 4);
}

#[tokio::test]
async fn s5_3_canceling_all_costs_a_point_in_each_pair_and_winding_the_switch_one_in_none() {
    let mut counted = Counted::start(Tier::Starter).await;
    for _ in 0..3 {
        counted.add().await;
    }
    let counts = counted.counts("cancel_all", "").await;
    assert_eq!(counts, [4, 4, 4]);
    let wind = r#""timeout":60"#;
    for _ in 0..60 {
        let reply = counted.ask("cancel_all_orders_after", wind).await;
        assert_eq!(reply["success"], true, "{reply}");
    }
    let refused = counted.ask("cancel_all_orders_after", wind).await;
    assert_eq!(refused["error"], "EOrder:Rate limit exceeded");
    let order = limit("buy", "10000.0", "0.01", "");
    let count = counted.count("add_order", &order).await;
    assert_eq!(
        count, 5,
        "the pair's own counter knows nothing of the switch"
    );
}

/// The counter of BTC/USD as it stands.
fn counter(rig: &rest::Rig) -> Decimal {
    rig.venue.read(|view| {
        let pair = view.exchange.universe().find_pair("XBTUSD").unwrap();
        view.exchange
            .counter(rig.venue.clock().now(), rest::CLIENT, pair)
    })
}

fn points(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[tokio::test]
async fn s5_3_batches_cost_half_a_point_an_order_and_cancel_whatever_the_counter_says() {
    let rig = rest::Rig::start().await;
    let order = r#"{"type":"buy","ordertype":"limit","price":"100","volume":"0.01"}"#;
    let orders = [order; 3].join(",");
    let fields = format!(r#""pair":"XBTUSD","orders":[{orders}]"#);
    let mut ids = Vec::new();
    for _ in 0..9 {
        let rows = rest::good(rig.json("AddOrderBatch", &fields).await);
        let rows = rows["orders"].as_array().unwrap().clone();
        ids.extend(rows.into_iter().map(|row| row["txid"].clone()));
    }
    assert_eq!(counter(&rig), points("13.5"));
    let batch = format!(r#""orders":{}"#, json!(ids));
    let count = rest::good(rig.json("CancelOrderBatch", &batch).await);
    assert_eq!(count, json!({"count": 27}));
    // 27 × 8 are more than the 180 of the tier.
    assert_eq!(counter(&rig), points("229.5"));
    let more = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";
    assert_eq!(
        rig.refused("AddOrder", more).await,
        "EOrder:Rate limit exceeded"
    );
}

#[tokio::test]
async fn s5_3_a_refused_order_costs_its_point_and_one_that_is_only_checked_costs_none() {
    let rig = rest::Rig::start().await;
    let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=";
    let refused = rig.refused("AddOrder", &format!("{order}0.00001")).await;
    assert!(refused.contains("minimum"), "{refused}");
    assert_eq!(counter(&rig), points("1"));
    rig.call("AddOrder", &format!("{order}0.01&validate=true"))
        .await;
    assert_eq!(counter(&rig), points("1"));
    rig.call("AddOrder", &format!("{order}0.01")).await;
    rig.call("CancelAll", "").await;
    assert_eq!(counter(&rig), points("3"));
    rig.call("CancelAll", "").await;
    assert_eq!(counter(&rig), points("3"), "nothing was affected");
}

/// What the counter of BTC/USD is without what has decayed: the tier falls by one a second.
async fn spent(counted: &mut Counted, method: &str, params: &str) -> f64 {
    let count = counted.count(method, params).await;
    count.as_f64().unwrap()
}

#[tokio::test]
async fn s5_3_an_edit_costs_by_the_age_of_the_order() {
    let mut counted = Counted::start(Tier::Starter).await;
    for (age, cost) in [
        (0_u32, 7.0),
        (4_999, 7.0),
        (5_000, 6.0),
        (10_000, 5.0),
        (15_000, 3.0),
        (45_000, 2.0),
        (90_000, 1.0),
        (300_000, 1.0),
    ] {
        counted.hands.advance(Duration::from_secs(600));
        let id = counted.add().await;
        counted.hands.advance(Duration::from_millis(age.into()));
        let edit = format!(r#""order_id":"{id}","symbol":"BTC/USD","order_qty":0.02"#);
        let told = spent(&mut counted, "edit_order", &edit).await;
        let left = (1.0 - f64::from(age) / 1_000.0).max(0.0);
        assert!((told - left - cost).abs() < 0.01, "{age} ms: {told}");
    }
}

#[tokio::test]
async fn s5_3_a_batch_of_cancels_costs_each_orders_cancel() {
    let mut counted = Counted::start(Tier::Starter).await;
    for (age, cost) in [
        (0, 8.0),
        (5, 6.0),
        (10, 5.0),
        (15, 4.0),
        (45, 2.0),
        (90, 1.0),
        (300, 0.0),
    ] {
        counted.hands.advance(Duration::from_secs(600));
        let ids = [
            counted.add().await,
            counted.add().await,
            counted.add().await,
        ];
        counted.hands.advance(Duration::from_secs(age));
        let batch = format!(r#""orders":["{}"]"#, ids.join("\",\""));
        let told = spent(&mut counted, "batch_cancel", &batch).await;
        let left = if age == 0 { 3.0 } else { 0.0 };
        assert!((told - left - 3.0 * cost).abs() < 0.01, "{age} s: {told}");
    }
}

#[tokio::test]
async fn s5_3_an_order_is_as_old_as_its_last_amend() {
    let mut counted = Counted::start(Tier::Starter).await;
    let id = counted.add().await;
    counted.hands.advance(Duration::from_secs(400));
    let amend = format!(r#""order_id":"{id}","order_qty":0.02"#);
    assert_eq!(counted.count("amend_order", &amend).await, 1);
    counted.hands.advance(Duration::from_secs(4));
    let cancel = format!(r#""order_id":["{id}"]"#);
    assert_eq!(counted.count("cancel_order", &cancel).await, 8);
}

#[tokio::test]
async fn s5_3_what_the_venue_does_with_an_order_is_free() {
    let mut counted = Counted::start(Tier::Starter).await;
    let pair = counted.rig.pair("BTC/USD");
    counted.rig.two_sided(pair);
    // Two fills; then it stands in its own way; then the rest of an immediate order is canceled.
    for (order, cost) in [
        (limit("buy", "60010.0", "0.5", ""), 1),
        (limit("buy", "60005.0", "0.1", ""), 2),
        (limit("sell", "60005.0", "0.1", ""), 3),
        (limit("buy", "60010.0", "2", r#","time_in_force":"ioc""#), 4),
    ] {
        assert_eq!(counted.count("add_order", &order).await, cost, "{order}");
    }
    // Nor does it cost that an order expires.
    let soon = counted
        .rig
        .sim
        .venue()
        .clock()
        .now()
        .after(Duration::from_secs(5));
    let expiry = format!(
        r#","time_in_force":"gtd","expire_time":"{}""#,
        soon.rfc3339(0)
    );
    let order = limit("buy", "10000.0", "0.01", &expiry);
    assert_eq!(counted.count("add_order", &order).await, 5);
    counted.hands.advance(Duration::from_secs(5));
    counted.rig.sim.venue().elapse();
    let expired = |frame: &Value| frame["data"][0]["exec_type"] == "expired";
    let report = counted.client.until(expired).await;
    assert_eq!(report["data"][0]["ratecount"], 0);
}

#[tokio::test]
async fn s5_3_fifty_orders_have_decayed_to_26_6_after_ten_seconds() {
    let mut counted = Counted::start(Tier::Intermediate).await;
    for _ in 0..50 {
        counted.add().await;
    }
    counted.hands.advance(Duration::from_secs(10));
    assert_eq!(counted.counter(), points("26.6"));
}
