//! §6 The words of refusals that the state of the venue leads to, on both wires. Elsewhere: words for wrong members, types and values →
//! `s1_4_refusals`, `s2_4` to `s2_9`, `s3_2` to `s3_4`; for keys and nonces → `s4_authentication`; for limits → `s5_1` to `s5_4`;
//! outcomes that stay unknown → `sim_rest/bad_answers.rs`, `sim_ws/faults.rs`; restarts and delistings → `sim_ws/statuses.rs`.

use serde_json::Value;
use tradingd::{
    sim::matching::OrderKind,
    types::{Side, TradingStatus},
};

use super::desk::{Desk, ask, read, replies};
use crate::{sim_rest::rig::Rig, support::ws::Client};

/// One order as the socket and as REST has it.
struct Order {
    params: String,
    form: String,
}

fn limit(side: &str, price: &str, qty: &str, more: (&str, &str)) -> Order {
    Order {
        params: format!(
            r#""order_type":"limit","side":"{side}","symbol":"BTC/USD","order_qty":{qty},"limit_price":{price}{}"#,
            more.0
        ),
        form: format!(
            "pair=XBTUSD&type={side}&ordertype=limit&price={price}&volume={qty}{}",
            more.1
        ),
    }
}

fn market(side: &str, qty: &str) -> Order {
    Order {
        params: format!(
            r#""order_type":"market","side":"{side}","symbol":"BTC/USD","order_qty":{qty}"#
        ),
        form: format!("pair=XBTUSD&type={side}&ordertype=market&volume={qty}"),
    }
}

/// The two wires of one account.
struct Wires {
    desk: Desk,
    client: Client,
    token: String,
}

impl Wires {
    async fn open() -> Self {
        let desk = Desk::documented().await;
        let (client, token) = desk.trader().await;
        Self {
            desk,
            client,
            token,
        }
    }

    /// The refusal of an order on each wire; none where it was accepted.
    async fn send(&mut self, order: &Order) -> [Option<String>; 2] {
        let (params, token) = (&order.params, &self.token);
        let request =
            format!(r#"{{"method":"add_order","params":{{{params},"token":"{token}"}}}}"#);
        let answers = replies(&mut self.client, &request).await;
        let socket = read(&answers[0])["error"].as_str().map(str::to_owned);
        let rest: Value = read(&self.desk.call("AddOrder", &order.form).await);
        [socket, rest["error"][0].as_str().map(str::to_owned)]
    }

    /// Sends an order that both wires answer with these words, or both accept.
    async fn answered(&mut self, order: &Order, words: Option<&str>, when: &str) {
        let told = self.send(order).await;
        let words = words.map(str::to_owned);
        assert_eq!(told, [words.clone(), words], "{when}{}", order.params);
    }

    /// Changes the status of the venue, or of the one pair.
    fn set(&self, whole: bool, status: TradingStatus) {
        let (sim, pair) = (&self.desk.sim, self.desk.pair("BTC/USD"));
        match whole {
            true => sim.set_system_status(status),
            false => sim.set_pair_status(pair, status),
        }
    }
}

const NONE: (&str, &str) = ("", "");
const NAMED: (&str, &str) = (r#","cl_ord_id":"twice""#, "&cl_ord_id=twice");
const POST: (&str, &str) = (r#","post_only":true"#, "&oflags=post");

#[tokio::test]
async fn s6_1_both_wires_refuse_an_order_in_the_same_words() {
    let mut wires = Wires::open().await;
    wires.send(&limit("buy", "50000.0", "0.01", NAMED)).await;
    for (order, words) in [
        (
            limit("buy", "50000.0", "0.01", NAMED),
            "EGeneral:Invalid arguments:cl_ord_id not unique",
        ),
        (
            limit("buy", "50000.0", "0.00004", NONE),
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        (
            limit("buy", "5000.0", "0.00005", NONE),
            "EOrder:Cost minimum not met",
        ),
        (
            limit("buy", "50000.05", "0.01", NONE),
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        (
            limit("buy", "50000.0", "1000", NONE),
            "EOrder:Insufficient funds",
        ),
        (
            limit("sell", "70000.0", "10.1", NONE),
            "EOrder:Insufficient funds",
        ),
        (market("sell", "10.1"), "EOrder:Insufficient funds"),
        (
            limit("buy", "61600.0", "0.01", POST),
            "EOrder:Post only order",
        ),
        (
            limit(
                "buy",
                "50000.0",
                "0.01",
                (r#","reduce_only":true"#, "&reduce_only=true"),
            ),
            "EOrder:Reduce only:No position exists",
        ),
        (
            limit(
                "buy",
                "50000.0",
                "0.01",
                (r#","margin":true"#, "&leverage=5"),
            ),
            "EOrder:Cannot open position",
        ),
        (
            limit(
                "buy",
                "50000.0",
                "0.01",
                (
                    r#","deadline":"2026-09-01T07:59:59Z""#,
                    "&deadline=2026-09-01T07:59:59Z",
                ),
            ),
            "EService:Deadline elapsed",
        ),
        (
            limit(
                "buy",
                "50000.0",
                "0.01",
                (
                    r#","cl_ord_id":"nineteen-characters""#,
                    "&cl_ord_id=nineteen-characters",
                ),
            ),
            "EGeneral:Invalid arguments:cl_ord_id",
        ),
        (
            limit(
                "buy",
                "50000.0",
                "0.01",
                (
                    r#","conditional":{"order_type":"limit","limit_price":1},"cl_ord_id":"c""#,
                    "&close[ordertype]=limit&close[price]=1&cl_ord_id=c",
                ),
            ),
            "EOrder:cl_ord_id is not supported on conditional close",
        ),
    ] {
        wires.answered(&order, Some(words), "").await;
    }
}

#[tokio::test]
async fn s6_1_the_first_thing_that_is_wrong_is_the_one_that_is_told() {
    let mut wires = Wires::open().await;
    wires.send(&limit("buy", "50000.0", "0.01", NAMED)).await;
    for (order, words) in [
        // Decimals before the minimum, the minimum before the name, the name before the funds, the funds before post-only.
        (
            limit("buy", "50000.05", "0.00001", NAMED),
            "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals.",
        ),
        (
            limit("buy", "50000.0", "0.00001", NAMED),
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        (
            limit("buy", "50000.0", "1000", NAMED),
            "EGeneral:Invalid arguments:cl_ord_id not unique",
        ),
        (
            limit("buy", "61600.0", "1000", POST),
            "EOrder:Insufficient funds",
        ),
    ] {
        wires.answered(&order, Some(words), "").await;
    }
    wires.desk.sim.set_system_status(TradingStatus::CancelOnly);
    let order = limit("buy", "50000.0", "0.00001", NAMED);
    let words = "EService:Market in cancel_only mode";
    let when = "the venue's state before all that: ";
    wires.answered(&order, Some(words), when).await;
}

#[tokio::test]
async fn s6_2_each_status_lets_through_what_it_is_named_for() {
    let mut wires = Wires::open().await;
    let posts = || limit("buy", "50000.0", "0.01", POST);
    let plain = || limit("buy", "50000.0", "0.01", NONE);
    let cancel_only = Some("EService:Market in cancel_only mode");
    let post_only = Some("EService:Market in post_only mode");
    let limit_only = Some("EService:Market in limit_only mode");
    let unavailable = Some("EService:Unavailable");
    for (status, of_post, of_limit, of_market, cancels) in [
        (TradingStatus::Online, None, None, None, true),
        (TradingStatus::PostOnly, None, post_only, post_only, true),
        (TradingStatus::LimitOnly, None, None, limit_only, true),
        (
            TradingStatus::CancelOnly,
            cancel_only,
            cancel_only,
            cancel_only,
            true,
        ),
        (
            TradingStatus::Maintenance,
            unavailable,
            unavailable,
            unavailable,
            false,
        ),
    ] {
        for whole in [true, false] {
            if whole && status == TradingStatus::LimitOnly {
                continue;
            }
            // One order rests, to be canceled.
            wires.send(&plain()).await;
            wires.set(whole, status);
            for (order, words) in [
                (posts(), of_post),
                (plain(), of_limit),
                (market("buy", "0.001"), of_market),
            ] {
                let when = format!("{status:?} {whole} ");
                wires.answered(&order, words, &when).await;
            }
            let all = format!(
                r#"{{"method":"cancel_all","params":{{"token":"{}"}}}}"#,
                wires.token
            );
            let answer = read(&replies(&mut wires.client, &all).await[0]);
            if whole {
                assert_eq!(answer["success"], cancels, "{status:?}: {answer}");
            }
            wires.set(whole, TradingStatus::Online);
            ask(&mut wires.client, &all).await;
        }
    }
}

#[tokio::test]
async fn s6_2_nothing_is_matched_but_online_and_resting_orders_stay() {
    let mut wires = Wires::open().await;
    wires.send(&limit("buy", "60000.0", "0.5", NAMED)).await;
    let pair = wires.desk.pair("BTC/USD");
    for (status, words) in [
        (TradingStatus::PostOnly, "EService:Market in post_only mode"),
        (
            TradingStatus::CancelOnly,
            "EService:Market in cancel_only mode",
        ),
        (TradingStatus::Maintenance, "EService:Unavailable"),
    ] {
        wires.set(true, status);
        // Neither what comes nor what is moved meets the other side.
        wires
            .desk
            .hand(pair, Side::Sell, OrderKind::Market, 10_000_000);
        let moved = "cl_ord_id=twice&limit_price=61600.0";
        let answer = read(&wires.desk.call("AmendOrder", moved).await);
        assert_eq!(answer["error"][0], words, "{status:?}");
        wires.set(true, TradingStatus::Online);
        let open = read(&wires.desk.call("OpenOrders", "cl_ord_id=twice").await);
        let rows = open["result"]["open"].as_object().unwrap();
        let row = rows.values().next().unwrap();
        assert_eq!(row["vol_exec"], "0.00000000", "{status:?}");
    }
}

#[tokio::test]
async fn s6_2_rest_tells_the_status_of_the_venue_and_of_each_pair() {
    let rig = Rig::start().await;
    let pair = rig
        .venue
        .read(|view| view.exchange.universe().find_pair("XBTUSD").unwrap());
    for (status, name) in [
        (TradingStatus::PostOnly, "post_only"),
        (TradingStatus::CancelOnly, "cancel_only"),
        (TradingStatus::Maintenance, "maintenance"),
        (TradingStatus::Online, "online"),
    ] {
        rig.venue
            .change(|exchange| exchange.set_system_status(status));
        assert_eq!(rig.ask("SystemStatus").await["status"], name);
    }
    for (status, name) in [
        (TradingStatus::LimitOnly, "limit_only"),
        (TradingStatus::ReduceOnly, "reduce_only"),
    ] {
        rig.venue
            .change(|exchange| exchange.set_pair_status(pair, status));
        let pairs = rig.ask("AssetPairs?pair=XBTUSD,ETHUSD").await;
        assert_eq!(pairs["XXBTZUSD"]["status"], name);
        assert_eq!(pairs["XETHZUSD"]["status"], "online");
    }
}
