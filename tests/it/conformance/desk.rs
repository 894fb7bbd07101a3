//! One simulator with a clock that the test turns: its sockets, and signed calls to its REST.

use std::{cell::Cell, ops::Deref};

use serde_json::Value;
use tokio::net::TcpStream;
use tradingd::{
    io::{Clock, clock::ManualClock, net::Stream},
    sim::{Settings, matching::OrderKind, settings::ReplyOrder},
    types::{Price, Side},
};

use crate::{
    sim_rest::rig::{FORM, SECRET, START, exchange, sign, sign_with},
    sim_ws::rig::{Rig, quiet},
    support::ws::Client,
};

/// The simulator, still but for what the test does, and replies before reports.
pub(super) struct Desk {
    rig: Rig,
    pub(super) hands: ManualClock,
    nonce: Cell<u64>,
}

impl Deref for Desk {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.rig
    }
}

impl Desk {
    pub(super) async fn open() -> Self {
        Self::with(quiet()).await
    }

    /// A book of one bid and one ask in BTC/USD: 60,000.0 × 1 and 60,010.0 × 1.
    pub(super) async fn two_sided() -> Self {
        let desk = Self::open().await;
        desk.rig.two_sided(desk.pair("BTC/USD"));
        desk
    }

    /// A book that the documented orders rest in: 60,000.0 × 1 and 61,600.0 × 1, last traded at 60,010.0.
    pub(super) async fn documented() -> Self {
        let desk = Self::two_sided().await;
        let pair = desk.pair("BTC/USD");
        desk.hand(pair, Side::Buy, OrderKind::Market, 100_000_000);
        let ask = OrderKind::Limit(Price::new(616_000).unwrap());
        desk.hand(pair, Side::Sell, ask, 100_000_000);
        desk
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let settings = Settings {
            reply_order: ReplyOrder::ReplyFirst,
            ..settings
        };
        let (clock, hands) = Clock::manual(START);
        Self {
            rig: Rig::with_clock(&settings, None, clock).await,
            hands,
            nonce: Cell::new(1),
        }
    }

    /// The text of an answer to a signed form.
    pub(super) async fn call(&self, endpoint: &str, fields: &str) -> String {
        self.nonce.set(self.nonce.get() + 1);
        let (nonce, path) = (self.nonce.get(), format!("/0/private/{endpoint}"));
        let body = format!("nonce={nonce}&{fields}");
        let account = &self.sim.accounts()[0];
        let signature = sign_with(&account.secret_base64, &path, &nonce.to_string(), &body);
        let headers = [
            ("API-Key", account.key.as_str()),
            ("API-Sign", &signature),
            ("Content-Type", FORM),
        ];
        let stream = TcpStream::connect(self.sim.addresses().rest).await.unwrap();
        exchange(Stream::Plain(stream), "POST", &path, &headers, &body)
            .await
            .body
    }
}

/// Everything that comes before the answer to a ping: what was to come has come. Heartbeats are left out.
pub(super) async fn fence(client: &mut Client) -> Vec<String> {
    client.send(r#"{"method":"ping","req_id":424242}"#).await;
    let mut frames = Vec::new();
    loop {
        let text = client.text().await;
        if text.contains(r#""pong","req_id":424242"#) {
            return frames;
        }
        if text != r#"{"channel":"heartbeat"}"# {
            frames.push(text);
        }
    }
}

/// Sends a request and returns all that it leads to.
pub(super) async fn ask(client: &mut Client, request: &str) -> Vec<String> {
    client.send(request).await;
    fence(client).await
}

/// Sends a request that has one reply and returns that.
pub(super) async fn reply(client: &mut Client, request: &str) -> String {
    let mut replies = replies(client, request).await;
    assert_eq!(replies.len(), 1, "{request}: {replies:?}");
    replies.remove(0)
}

/// Sends a request and returns its replies without what the channels say.
pub(super) async fn replies(client: &mut Client, request: &str) -> Vec<String> {
    let mut frames = ask(client, request).await;
    frames.retain(|frame| read(frame).get("channel").is_none());
    frames
}

/// Sends a request that is refused and returns the venue's words.
pub(super) async fn refusal(client: &mut Client, request: &str) -> String {
    let answer = read(&reply(client, request).await);
    assert_eq!(answer["success"], false, "{request}: {answer}");
    assert!(answer.get("result").is_none(), "{request}: {answer}");
    answer["error"].as_str().unwrap().to_owned()
}

/// Sends a request with a token in its parameters, as the documents have it at the end.
pub(super) fn with_token(request: &str, token: &str) -> String {
    assert!(request.contains("\"TOKEN\""), "{request}");
    request.replace("TOKEN", token)
}

/// The frames of one channel.
pub(super) fn of<'a>(frames: &'a [String], channel: &str) -> Vec<&'a str> {
    let of = |frame: &&String| read(frame)["channel"] == channel;
    frames.iter().filter(of).map(String::as_str).collect()
}

/// The one row of a frame.
pub(super) fn row(frame: &str) -> Value {
    let frame = read(frame);
    let rows = frame["data"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{frame}");
    rows[0].clone()
}

/// The one entry of a map.
pub(super) fn only(map: &Value) -> (String, Value) {
    let map = map.as_object().unwrap();
    assert_eq!(map.len(), 1, "{map:?}");
    let (id, row) = map.iter().next().unwrap();
    (id.clone(), row.clone())
}

pub(super) fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The text of an answer to a form of any key.
pub(super) async fn call_as(desk: &Desk, key: &str, nonce: u64, endpoint: &str) -> String {
    let (path, body) = (format!("/0/private/{endpoint}"), format!("nonce={nonce}"));
    let signature = sign(&path, &nonce.to_string(), &body);
    let headers = [
        ("API-Key", key),
        ("API-Sign", &signature),
        ("Content-Type", FORM),
    ];
    let stream = TcpStream::connect(desk.sim.addresses().rest).await.unwrap();
    exchange(Stream::Plain(stream), "POST", &path, &headers, &body)
        .await
        .body
}

/// Two keys of one account, `A` and `B`, that sign with the secret of the vectors.
pub(super) async fn two_keys() -> Desk {
    let key = |name: &str| {
        format!("[[keys]]\nname = \"{name}\"\nkey = \"{name}\"\nsecret = \"{SECRET}\"\n")
    };
    let keys: Settings = toml::from_str(&(key("A") + &key("B"))).unwrap();
    Desk::with(Settings {
        keys: keys.keys,
        ..quiet()
    })
    .await
}
