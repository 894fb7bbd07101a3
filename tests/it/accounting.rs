//! An account adds up whatever goes wrong on the wires: random requests over both, random faults on both, then an audit over REST.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;
use tradingd::{
    io::{Clock, clock::ManualClock, net::Stream, rng},
    sim::{
        Settings,
        faults::{Fault, FaultRule, SocketFault},
        server::Role,
    },
    types::Decimal,
};

use crate::{
    sim_rest::rig::{FORM, START, exchange, sign_with},
    sim_ws::rig::{Rig, quiet},
    support::{within, ws::Client},
};

/// How long an answer is waited for that may never come.
const PATIENCE: Duration = Duration::from_millis(60);

/// What goes wrong, and how often. Faults of whole sockets are armed by [`Trader::break_a_socket`].
fn faults() -> Vec<FaultRule> {
    let often = |rule: Value| FaultRule {
        rate: 0.06,
        times: u32::MAX,
        ..serde_json::from_value(rule).unwrap()
    };
    let rules = json!([
        {"kind": "rest_error", "on": "*", "text": "EService:Unavailable"},
        {"kind": "rest_error", "on": "*", "text": "EService:Busy", "execute": true},
        {"kind": "rest_status", "on": "*", "status": 502, "text": "<html>Bad gateway</html>"},
        {"kind": "rest_status", "on": "*", "status": 504, "execute": true},
        {"kind": "rest_no_answer", "on": "*"},
        {"kind": "rest_ignore", "on": "*"},
        {"kind": "rest_drop", "on": "*", "execute": true},
        {"kind": "rest_reset", "on": "*"},
        {"kind": "rest_cut", "on": "*"},
        {"kind": "rest_delay", "on": "*", "delay": "2ms", "delay_max": "90ms"},
        {"kind": "no_answer", "on": "*"},
        {"kind": "ignore", "on": "*"},
        {"kind": "error", "on": "*", "text": "EService:Unavailable"},
        {"kind": "error", "on": "*", "text": "EService:Unavailable", "execute": true},
        {"kind": "late", "on": "*", "delay": "2ms", "delay_max": "90ms"},
        {"kind": "void_tokens", "on": "*"},
        {"kind": "unreported", "on": "add_order"},
        {"kind": "fill", "on": "*", "part": "0.37"},
        {"kind": "fill", "on": "*", "part": "1"},
        {"kind": "lose", "on": "private", "channel": "executions"},
        {"kind": "duplicate", "on": "private"},
    ]);
    rules
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .map(often)
        .collect()
}

/// A client that is never sure what became of its requests, and does not ask.
struct Trader {
    rig: Rig,
    hands: ManualClock,
    rng: rng::Rng,
    nonce: u64,
    socket: Option<Client>,
    /// How many requests were answered, and how many were not.
    answered: [usize; 2],
    unanswered: [usize; 2],
}

impl Trader {
    async fn start(seed: u64) -> Self {
        let settings = Settings {
            seed,
            connection_attempts: 0,
            ..quiet()
        };
        let (clock, hands) = Clock::manual(START);
        let rig = Rig::with_clock(&settings, None, clock).await;
        for symbol in ["BTC/USD", "ETH/USD"] {
            rig.two_sided(rig.pair(symbol));
        }
        Self {
            rig,
            hands,
            rng: rng::stream(seed, 0xACC0),
            nonce: 0,
            socket: None,
            answered: [0; 2],
            unanswered: [0; 2],
        }
    }

    /// One random request, over one of the wires.
    async fn step(&mut self) {
        self.hands
            .advance(Duration::from_millis(self.rng.random_range(0..3_000)));
        let name = |trader: &mut Self| format!("n{}", trader.rng.random_range(0..30));
        let (method, mut fields) = match self.rng.random_range(0..20) {
            0 => ("cancel_all", json!({})),
            1 => (
                "cancel_all_orders_after",
                json!({"timeout": self.rng.random_range(0..20)}),
            ),
            2..5 => ("cancel_order", json!({"cl_ord_id": name(self)})),
            5..9 => {
                let (qty, price) = (self.quantity(), self.price());
                (
                    "amend_order",
                    json!({"cl_ord_id": name(self), "order_qty": qty, "limit_price": price}),
                )
            }
            _ => {
                let mut fields = json!({
                    "cl_ord_id": name(self),
                    "side": if self.rng.random_bool(0.5) { "buy" } else { "sell" },
                    "symbol": if self.rng.random_bool(0.8) { "BTC/USD" } else { "ETH/USD" },
                    "order_qty": self.quantity(),
                    "order_type": "market",
                });
                if self.rng.random_bool(0.15) {
                    fields["order_type"] = json!("stop-loss");
                    fields["triggers"] = json!({"price": self.price()});
                } else if self.rng.random_bool(0.85) {
                    fields["order_type"] = json!("limit");
                    fields["limit_price"] = json!(self.price());
                    fields["post_only"] = json!(self.rng.random_bool(0.2));
                }
                ("add_order", fields)
            }
        };
        if self.rng.random_bool(0.5) {
            self.over_the_socket(method, &mut fields).await;
        } else {
            self.over_rest(method, &fields).await;
        }
    }

    fn quantity(&mut self) -> f64 {
        f64::from(self.rng.random_range(1..400)) / 10_000.0
    }

    fn price(&mut self) -> f64 {
        f64::from(self.rng.random_range(599_900..600_200)) / 10.0
    }

    async fn over_the_socket(&mut self, method: &str, fields: &mut Value) {
        fields["token"] = json!(self.rig.token());
        if method == "cancel_order" {
            fields["cl_ord_id"] = json!([fields["cl_ord_id"]]);
        }
        let request = json!({"method": method, "params": fields, "req_id": self.nonce});
        self.nonce += 1;
        let answer = tokio::time::timeout(PATIENCE, self.exchange(&request)).await;
        if answer.unwrap_or(None).is_some() {
            self.answered[0] += 1;
        } else {
            self.unanswered[0] += 1;
            // Half of the clients go on with the socket that they have.
            if self.rng.random_bool(0.5) {
                self.socket = None;
            }
        }
    }

    /// The answer, unless the socket ends before.
    async fn exchange(&mut self, request: &Value) -> Option<Value> {
        if self.socket.is_none() {
            let mut client = Client::open(self.rig.sim.addresses().ws_auth, "/v2")
                .await
                .ok()?;
            let subscribe = json!({"method": "subscribe", "params": {"channel": "executions", "token": self.rig.token()}});
            client
                .socket
                .send(Message::text(subscribe.to_string()))
                .await
                .ok()?;
            self.socket = Some(client);
        }
        let client = self.socket.as_mut()?;
        if client
            .socket
            .send(Message::text(request.to_string()))
            .await
            .is_err()
        {
            self.socket = None;
            return None;
        }
        while let Some(Ok(message)) = client.socket.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["req_id"] == request["req_id"] {
                return Some(frame);
            }
        }
        self.socket = None;
        None
    }

    async fn over_rest(&mut self, method: &str, fields: &Value) {
        let text = |name: &str| {
            let field = &fields[name];
            field
                .as_str()
                .map_or_else(|| field.to_string(), str::to_owned)
        };
        let (endpoint, form) = match method {
            "cancel_all" => ("CancelAll", String::new()),
            "cancel_all_orders_after" => (
                "CancelAllOrdersAfter",
                format!("timeout={}", text("timeout")),
            ),
            "cancel_order" => ("CancelOrder", format!("cl_ord_id={}", text("cl_ord_id"))),
            "amend_order" => {
                let (name, qty, price) =
                    (text("cl_ord_id"), text("order_qty"), text("limit_price"));
                (
                    "AmendOrder",
                    format!("cl_ord_id={name}&order_qty={qty}&limit_price={price}"),
                )
            }
            _ => {
                let (name, side, pair) = (text("cl_ord_id"), text("side"), text("symbol"));
                let (kind, qty) = (text("order_type"), text("order_qty"));
                let mut form = format!(
                    "cl_ord_id={name}&type={side}&pair={pair}&ordertype={kind}&volume={qty}"
                );
                match kind.as_str() {
                    "limit" => form += &format!("&price={}", text("limit_price")),
                    "stop-loss" => form += &format!("&price={}", fields["triggers"]["price"]),
                    _ => {}
                }
                if fields["post_only"] == true {
                    form += "&oflags=post";
                }
                ("AddOrder", form)
            }
        };
        let answer = tokio::time::timeout(PATIENCE, self.call(endpoint, &form)).await;
        if answer.is_ok_and(|answer| answer.is_some()) {
            self.answered[1] += 1;
        } else {
            self.unanswered[1] += 1;
        }
    }

    /// The answer to a signed form, unless what comes is none.
    async fn call(&mut self, endpoint: &str, fields: &str) -> Option<Value> {
        self.nonce += 1;
        let (nonce, path) = (self.nonce, format!("/0/private/{endpoint}"));
        let body = format!("nonce={nonce}&{fields}");
        let account = &self.rig.sim.accounts()[0];
        let signature = sign_with(&account.secret_base64, &path, &nonce.to_string(), &body);
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {FORM}\r\nAPI-Key: {}\r\nAPI-Sign: {signature}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            account.key,
            body.len()
        );
        let mut stream = TcpStream::connect(self.rig.sim.addresses().rest)
            .await
            .ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let answer = String::from_utf8(answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    /// Something happens to the private socket, if there is one.
    fn break_a_socket(&mut self) {
        let fault = match self.rng.random_range(0..5) {
            0 => SocketFault::Drop,
            1 => SocketFault::Reset,
            2 => SocketFault::HalfClose,
            3 => SocketFault::Close(1012, "restart".to_owned()),
            _ => SocketFault::SwitchOff,
        };
        self.rig
            .sim
            .faults()
            .arm(Fault::Socket(Role::Private, fault), 1);
    }

    /// The result of a call that nothing disturbs.
    async fn ask(&mut self, endpoint: &str, fields: &str) -> Value {
        self.hands.advance(Duration::from_secs(30));
        let answer = within(self.call(endpoint, fields)).await.expect(endpoint);
        assert_eq!(answer["error"], json!([]), "{endpoint}: {answer}");
        answer["result"].clone()
    }

    /// All rows of an endpoint that gives them in pages, by id. Further fields begin with `&`.
    async fn pages(
        &mut self,
        endpoint: &str,
        fields: &str,
        field: &str,
    ) -> BTreeMap<String, Value> {
        let mut rows = BTreeMap::new();
        loop {
            let page = self
                .ask(endpoint, &format!("ofs={}{fields}", rows.len()))
                .await;
            rows.extend(page[field].as_object().unwrap().clone());
            if rows.len() as u64 >= page["count"].as_u64().unwrap() {
                return rows;
            }
        }
    }
}

/// What the market printed since the beginning, by number: price and quantity.
async fn printed(rig: &Rig, pair: &str) -> BTreeMap<u64, [Decimal; 2]> {
    let mut since = (START.as_nanos() - 1).to_string();
    let mut found = BTreeMap::new();
    loop {
        let path = format!("/0/public/Trades?pair={pair}&since={since}&count=1000");
        let stream = TcpStream::connect(rig.sim.addresses().rest).await.unwrap();
        let answer = exchange(Stream::Plain(stream), "GET", &path, &[], "").await;
        let answer = answer.json();
        let rows = answer["result"][pair].as_array().expect("trades");
        for row in rows {
            let number = row[6].as_u64().unwrap();
            found.insert(number, [decimal(&row[0]), decimal(&row[1])]);
        }
        if rows.len() < 1_000 {
            return found;
        }
        answer["result"]["last"]
            .as_str()
            .unwrap()
            .clone_into(&mut since);
    }
}

fn decimal(value: &Value) -> Decimal {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.parse()
        .unwrap_or_else(|error| panic!("{error:?}: {value}"))
}

/// Sums by asset, written as REST writes assets.
#[derive(Default)]
struct Sums(BTreeMap<String, Decimal>);

impl Sums {
    fn of(balances: &Value) -> Self {
        let balances = balances.as_object().unwrap();
        Self(
            balances
                .iter()
                .map(|(asset, amount)| (asset.clone(), decimal(amount)))
                .collect(),
        )
    }

    fn add(&mut self, asset: &str, amount: Decimal) {
        let sum = self.0.entry(asset.to_owned()).or_insert(Decimal::ZERO);
        *sum = sum.checked_add(amount).unwrap();
    }

    fn subtract(&mut self, asset: &str, amount: Decimal) {
        let sum = self.0.entry(asset.to_owned()).or_insert(Decimal::ZERO);
        *sum = sum.checked_sub(amount).unwrap();
    }
}

fn assets(pair: &str) -> (&'static str, &'static str) {
    match pair {
        "XXBTZUSD" | "XBTUSD" => ("XXBT", "ZUSD"),
        "XETHZUSD" | "ETHUSD" => ("XETH", "ZUSD"),
        other => panic!("{other}"),
    }
}

/// Balances are the opening, the fills and the fees; the ledger says the same; orders are the sums of their fills; what is held is what
/// open orders may need; the market printed each fill. Gives back how many fills and open orders there are.
async fn audit(trader: &mut Trader, opening: &Value) -> (usize, usize) {
    trader.ask("CancelAllOrdersAfter", "timeout=0").await;
    let trades = trader
        .pages("TradesHistory", "&consolidate_taker=false", "trades")
        .await;
    let ledger = trader.pages("Ledgers", "", "ledger").await;
    let closed = trader.pages("ClosedOrders", "", "closed").await;
    let open = trader.ask("OpenOrders", "").await["open"]
        .as_object()
        .unwrap()
        .clone();
    let balances = trader.ask("BalanceEx", "").await;

    let (mut by_fills, mut by_ledger) = (Sums::of(opening), Sums::of(opening));
    let mut prints = BTreeMap::new();
    for pair in ["XXBTZUSD", "XETHZUSD"] {
        prints.insert(pair, printed(&trader.rig, pair).await);
    }
    let mut of_orders: BTreeMap<&str, [Decimal; 3]> = BTreeMap::new();
    for trade in trades.values() {
        let pair = trade["pair"].as_str().unwrap();
        let print = prints[pair][&trade["trade_id"].as_u64().unwrap()];
        assert_eq!(print, ["price", "vol"].map(|field| decimal(&trade[field])));
        let (base, quote) = assets(pair);
        let amounts = ["vol", "cost", "fee"].map(|field| decimal(&trade[field]));
        // Fills are told at the pair's cost precision; the ledger of dollars keeps four digits.
        let booked = |amount: Decimal| amount.rounded_toward_zero(4).unwrap();
        let (qty, cost, fee) = (amounts[0], booked(amounts[1]), booked(amounts[2]));
        if trade["type"] == "buy" {
            by_fills.add(base, qty);
            by_fills.subtract(quote, cost);
        } else {
            by_fills.subtract(base, qty);
            by_fills.add(quote, cost);
        }
        by_fills.subtract(quote, fee);
        let sums = of_orders
            .entry(trade["ordertxid"].as_str().unwrap())
            .or_insert([Decimal::ZERO; 3]);
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum = sum.checked_add(amount).unwrap();
        }
    }
    for entry in ledger.values() {
        let asset = entry["asset"].as_str().unwrap();
        by_ledger.add(asset, decimal(&entry["amount"]));
        by_ledger.subtract(asset, decimal(&entry["fee"]));
    }
    assert_eq!(ledger.len(), 2 * trades.len(), "two entries for each fill");

    let mut least = Sums::default();
    let mut most = Sums::default();
    for order in open.values() {
        let (base, quote) = assets(order["descr"]["pair"].as_str().unwrap());
        let left = decimal(&order["vol"])
            .checked_sub(decimal(&order["vol_exec"]))
            .unwrap();
        if order["descr"]["type"] == "sell" {
            least.add(base, left);
            most.add(base, left);
        } else {
            let cost = left.checked_mul(decimal(&order["descr"]["price"])).unwrap();
            let with_fee = cost.checked_mul("1.004".parse().unwrap()).unwrap();
            least.add(quote, cost);
            most.add(quote, with_fee.rounded_away_from_zero(4).unwrap());
        }
    }
    for (asset, balance) in balances.as_object().unwrap() {
        let (total, held) = (
            decimal(&balance["balance"]),
            decimal(&balance["hold_trade"]),
        );
        assert_eq!(total, by_fills.0[asset], "{asset} by fills");
        assert_eq!(total, by_ledger.0[asset], "{asset} by the ledger");
        assert!(!held.is_negative() && held <= total, "{asset}: {balance}");
        let bound = |sums: &Sums| sums.0.get(asset).copied().unwrap_or(Decimal::ZERO);
        assert!(
            bound(&least) <= held && held <= bound(&most),
            "{asset}: {balance}"
        );
    }
    for (id, order) in open.iter().chain(&closed) {
        let sums = of_orders.remove(id.as_str()).unwrap_or([Decimal::ZERO; 3]);
        assert_eq!(
            ["vol_exec", "cost", "fee"].map(|field| decimal(&order[field])),
            sums,
            "{id}: {order}"
        );
    }
    assert!(of_orders.is_empty(), "fills of no order: {of_orders:?}");
    (trades.len(), open.len())
}

#[tokio::test]
async fn an_account_adds_up_whatever_goes_wrong_on_the_wires() {
    let (mut fills, mut open) = (0, 0);
    let (mut answered, mut unanswered) = ([0; 2], [0; 2]);
    for seed in [11, 12, rand::random()] {
        eprintln!("seed {seed}");
        let mut trader = Trader::start(seed).await;
        let opening = trader.ask("Balance", "").await;
        for rule in faults() {
            trader.rig.sim.faults().arm_rule(rule);
        }
        for step in 0..150 {
            if step % 10 == 9 {
                trader.break_a_socket();
            }
            if step % 5 == 0 {
                let pair = trader.rig.pair("BTC/USD");
                trader.rig.stir(pair, seed ^ step, 6);
            }
            trader.step().await;
        }
        trader.rig.sim.faults().disarm();
        let (more_fills, more_open) = audit(&mut trader, &opening).await;
        (fills, open) = (fills + more_fills, open + more_open);
        for wire in 0..2 {
            answered[wire] += trader.answered[wire];
            unanswered[wire] += trader.unanswered[wire];
        }
    }
    eprintln!("{fills} fills, {open} open, answered {answered:?}, unanswered {unanswered:?}");
    assert!(
        fills > 50 && open > 0,
        "{fills} fills, {open} open orders: too few to mean anything"
    );
    assert!(
        answered.iter().chain(&unanswered).all(|count| *count > 20),
        "{answered:?} {unanswered:?}"
    );
}
