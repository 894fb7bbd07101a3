//! A REST server on loopback over a venue with a still clock, and a client that sends bytes.

use std::{cell::Cell, collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tradingd::{
    io::{
        Clock,
        clock::ManualClock,
        net::{Listener, Stream},
    },
    sim::{
        Venue,
        faults::FaultHandle,
        history::History,
        matching::{
            AccountId, Exchange, NewOrder, OrderKind, Request, Rules, SelfTrade, Tier, TimeInForce,
            Universe,
        },
        server::{
            auth::{ApiKey, Keys, LockoutRule, Permission},
            rest::{self, RestLimits, RestState},
            tokens::Tokens,
        },
    },
    types::{AssetCode, Side, Timestamp},
};

pub(crate) const SECRET: &str =
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
/// 2026-09-01T08:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_788_249_600);
pub(crate) const CLIENT: AccountId = AccountId(1);
pub(crate) const AGENT: AccountId = AccountId(100);
const GENEROUS: Duration = Duration::from_secs(10);

/// A running server.
pub(crate) struct Rig {
    pub(crate) venue: Venue,
    pub(crate) hands: ManualClock,
    pub(crate) faults: FaultHandle,
    pub(crate) tokens: Tokens,
    pub(crate) cancel: CancellationToken,
    pub(crate) address: SocketAddr,
    tasks: JoinSet<()>,
    nonce: Cell<u64>,
}

/// What is not the default.
pub(crate) struct Setup {
    pub(crate) tier: Tier,
    pub(crate) nonce_window: u64,
    pub(crate) permissions: BTreeSet<Permission>,
    pub(crate) reply_delay: Duration,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) limits: RestLimits,
    pub(crate) lockout: LockoutRule,
    /// What else is special about the key.
    pub(crate) key: fn(&mut ApiKey),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            tier: Tier::Pro,
            nonce_window: 0,
            permissions: Permission::TRADING.into(),
            reply_delay: Duration::ZERO,
            tls: None,
            limits: RestLimits::default(),
            lockout: LockoutRule::NEVER,
            key: |_| {},
        }
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Http {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// Whose key is special.
    pub(crate) async fn with_key(key: fn(&mut ApiKey)) -> Self {
        Self::with(Setup {
            key,
            ..Setup::default()
        })
        .await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let (clock, hands) = Clock::manual(START);
        let venue = venue(setup.tier, clock.clone());
        let mut key = ApiKey {
            nonce_window: setup.nonce_window,
            permissions: setup.permissions,
            ..ApiKey::trading("KEY".into(), SECRET.into(), CLIENT)
        };
        (setup.key)(&mut key);
        let keys = Keys::new(vec![key]).unwrap().with_lockout(setup.lockout);
        let (faults, tokens) = (FaultHandle::none(), Tokens::seeded(1));
        let state = RestState {
            venue: venue.clone(),
            keys: Arc::new(keys),
            tokens: tokens.clone(),
            faults: faults.clone(),
            clock,
            reply_delay: setup.reply_delay,
            limits: setup.limits,
        };
        let loopback = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(loopback, setup.tls).await.unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(rest::serve(listener, state, cancel.clone()));
        Self {
            venue,
            hands,
            faults,
            tokens,
            cancel,
            address,
            tasks,
            nonce: Cell::new(1_000),
        }
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        let ended = timeout(GENEROUS, self.tasks.join_next()).await;
        ended.expect("the server ends").unwrap().unwrap();
    }

    /// An order of the market.
    pub(crate) fn agent(&self, side: Side, pair: &str, price: &str, qty: &str) {
        let (id, instrument) = self.venue.read(|view| {
            let universe = view.exchange.universe();
            let id = universe.find_pair(pair).unwrap();
            (id, universe.pair(id).unwrap().instrument.clone())
        });
        let order = NewOrder {
            pair: id,
            side,
            kind: OrderKind::Limit(instrument.price(price).unwrap()),
            qty: instrument.quantity(qty).unwrap().into(),
            time_in_force: TimeInForce::Gtc,
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
        self.venue.act(AGENT, Request::Place(order)).unwrap();
    }

    pub(crate) fn next_nonce(&self) -> u64 {
        self.nonce.set(self.nonce.get() + 1);
        self.nonce.get()
    }

    /// `GET /0/public/<query>`.
    pub(crate) async fn public(&self, query: &str) -> Value {
        let answer = self
            .send("GET", &format!("/0/public/{query}"), &[], "")
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The `result` of a public call that succeeds.
    pub(crate) async fn ask(&self, query: &str) -> Value {
        good(self.public(query).await)
    }

    /// A signed form.
    pub(crate) async fn form(&self, endpoint: &str, fields: &str) -> Value {
        let nonce = self.next_nonce();
        let body = format!("nonce={nonce}&{fields}");
        self.signed(endpoint, &body, nonce, FORM).await.json()
    }

    /// The `result` of a signed form that succeeds.
    pub(crate) async fn call(&self, endpoint: &str, fields: &str) -> Value {
        good(self.form(endpoint, fields).await)
    }

    /// The one error of a signed form that fails.
    pub(crate) async fn refused(&self, endpoint: &str, fields: &str) -> String {
        bad(&self.form(endpoint, fields).await)
    }

    /// The text of an answer, for what a parsed one does not tell.
    pub(crate) async fn signed_text(&self, endpoint: &str, fields: &str) -> String {
        let nonce = self.next_nonce();
        let body = format!("nonce={nonce}&{fields}");
        self.signed(endpoint, &body, nonce, FORM).await.body
    }

    /// A signed JSON body; `fields` are its members after the nonce.
    pub(crate) async fn json(&self, endpoint: &str, fields: &str) -> Value {
        let nonce = self.next_nonce();
        let body = format!("{{\"nonce\":{nonce},{fields}}}");
        self.signed(endpoint, &body, nonce, JSON).await.json()
    }

    pub(crate) async fn signed(&self, endpoint: &str, body: &str, nonce: u64, kind: &str) -> Http {
        let path = format!("/0/private/{endpoint}");
        let signature = sign(&path, &nonce.to_string(), body);
        let headers = [
            ("API-Key", "KEY"),
            ("API-Sign", &signature),
            ("Content-Type", kind),
        ];
        let answer = self.send("POST", &path, &headers, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Http {
        let stream = TcpStream::connect(self.address).await.unwrap();
        exchange(Stream::Plain(stream), method, path, headers, body).await
    }
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

/// Sends a request and reads the answer to its end.
pub(crate) async fn exchange(
    mut stream: Stream,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Http {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(GENEROUS, stream.read_to_end(&mut answer)).await;
    read.expect("an answer").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    Http {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// `API-Sign` as a client computes it.
pub(crate) fn sign(path: &str, nonce: &str, body: &str) -> String {
    sign_with(SECRET, path, nonce, body)
}

/// `API-Sign` with a secret.
pub(crate) fn sign_with(secret: &str, path: &str, nonce: &str, body: &str) -> String {
    let inner = Sha256::digest(format!("{nonce}{body}"));
    let mut mac = Hmac::<Sha512>::new_from_slice(&STANDARD.decode(secret).unwrap()).unwrap();
    mac.update(path.as_bytes());
    mac.update(&inner);
    STANDARD.encode(mac.finalize().into_bytes())
}

pub(crate) fn good(answer: Value) -> Value {
    assert_eq!(answer["error"], serde_json::json!([]), "{answer}");
    answer["result"].clone()
}

pub(crate) fn bad(answer: &Value) -> String {
    assert!(answer.get("result").is_none(), "{answer}");
    let errors = answer["error"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answer}");
    errors.first().unwrap().as_str().unwrap().to_owned()
}

fn venue(tier: Tier, clock: Clock) -> Venue {
    let universe = Universe::default_universe();
    let history = History::new(&universe);
    let mut exchange = Exchange::new(universe, Rules::default());
    let funds = [("BTC", "2"), ("ETH", "10"), ("USD", "20000")];
    let funds =
        funds.map(|(code, amount)| (AssetCode::new(code).unwrap(), amount.parse().unwrap()));
    exchange.open_account(CLIENT, tier, &funds);
    exchange.open_agent(AGENT);
    Venue::open(exchange, history, None, clock).unwrap()
}
