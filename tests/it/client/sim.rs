//! The client against the simulated Kraken's REST, over HTTP and HTTPS.

use std::{io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_util::sync::CancellationToken;
use tradingd::{
    engine::{
        command::LookUp,
        event::{Answer, Found, RecordStatus, RejectReason},
    },
    io::{
        net::{Connector, Listener},
        rng,
    },
    sim::{
        Venue,
        faults::{FaultHandle, RestFault},
        history::History,
        matching::{
            self, AccountId, Exchange, NewOrder, OrderKind, Request, Rules, SelfTrade,
            Tier as SimTier, Universe,
        },
        server::{
            auth::{ApiKey, Keys},
            rest::{RestLimits, RestState, serve},
            tokens::Tokens,
        },
    },
    types::{AssetCode, ClOrdId, Decimal, Price, Quantity, Side, Symbol, TimeInForce, Timestamp},
    venue::kraken::{
        account::Account,
        catalog::Catalog,
        error::Class,
        nonce::{Nonces, Volatile},
        rest::{
            Rest,
            calls::{AddOrder, BalanceEx, CancelOrder, GetWebSocketsToken, SystemStatus, Time},
            transport::Http,
        },
        settings::Settings,
        tls,
    },
};

use super::{SECRET, credentials, settings};
use crate::support::{self, within};

const US: AccountId = AccountId(1);
const AGENT: AccountId = AccountId(1_000);

/// A simulated Kraken that serves REST.
struct Sim {
    venue: Venue,
    faults: FaultHandle,
    rest: Rest,
    clock: tradingd::io::Clock,
    settings: Settings,
    _tasks: JoinSet<()>,
}

fn venue(clock: &tradingd::io::Clock) -> Venue {
    let universe = Universe::default_universe();
    let history = History::new(&universe);
    let mut exchange = Exchange::new(universe, Rules::default());
    let fund = |asset: &str, amount: &str| -> (AssetCode, Decimal) {
        (asset.parse().unwrap(), amount.parse().unwrap())
    };
    let funds = [fund("USD", "100000"), fund("BTC", "10")];
    exchange.open_account(US, SimTier::Pro, &funds);
    exchange.open_agent(AGENT);
    Venue::open(exchange, history, None, clock.clone()).unwrap()
}

/// Server settings and the file with the certificate that signs for them.
pub(crate) fn certificate() -> (Arc<ServerConfig>, tempfile::NamedTempFile) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(made.cert.pem().as_bytes()).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    (Arc::new(config), file)
}

async fn start(server_tls: Option<Arc<ServerConfig>>, ca_file: Option<PathBuf>) -> Sim {
    let (clock, faults) = (support::clock(), FaultHandle::none());
    let venue = venue(&clock);
    let key = ApiKey::trading("PUBLIC".to_owned(), SECRET.to_owned(), US);
    let scheme = if server_tls.is_some() {
        "https"
    } else {
        "http"
    };
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), server_tls);
    let listener = listener.await.unwrap();
    let address = format!("{scheme}://{}", listener.local_addr().unwrap());
    let state = RestState {
        venue: venue.clone(),
        keys: Arc::new(Keys::new(vec![key]).unwrap()),
        tokens: Tokens::new(),
        faults: faults.clone(),
        clock: clock.clone(),
        reply_delay: Duration::ZERO,
        limits: RestLimits::default(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, state, CancellationToken::new()));
    let settings = Settings {
        ca_file,
        ..settings(&address)
    };
    let tls = tls::client_config(settings.ca_file.as_deref()).unwrap();
    let http = Http::new(&settings, &Connector::new(Arc::new(tls))).unwrap();
    let nonces = Nonces::open(Box::new(Volatile), clock.clone()).unwrap();
    let key = Some((credentials(), nonces));
    let rest = Rest::new(http, key, &settings, clock.clone(), rng::stream(1, 1));
    Sim {
        venue,
        faults,
        rest,
        clock,
        settings,
        _tasks: tasks,
    }
}

impl Sim {
    async fn account(&self) -> Account {
        let names = Catalog::load(&self.rest).await.unwrap().names();
        Account::new(self.rest.clone(), names, self.clock.clone(), &self.settings)
    }

    fn order(&self, name: &str, price: &str) -> AddOrder {
        AddOrder {
            pair: "BTC/USD".to_owned(),
            side: Side::Buy,
            volume: "0.02000000".parse().unwrap(),
            price: price.parse().unwrap(),
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            cl_ord_id: id(name),
            deadline: self.clock.now().after(Duration::from_secs(5)),
        }
    }

    /// Somebody sells at a price.
    fn agent_sells(&self, price_units: i64, qty_units: i64) {
        let pair = self
            .venue
            .read(|view| view.exchange.universe().find_symbol("BTC/USD").unwrap());
        let order = NewOrder {
            pair,
            side: Side::Sell,
            kind: OrderKind::Limit(Price::new(price_units).unwrap()),
            qty: Quantity::new(qty_units).unwrap().into(),
            time_in_force: matching::TimeInForce::Gtc,
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
}

fn id(name: &str) -> ClOrdId {
    ClOrdId::new(name).unwrap()
}

async fn look_up(account: &Account, cl_ord_id: ClOrdId, sent: Timestamp) -> Found {
    let wanted = [LookUp {
        cl_ord_id,
        sent,
        since: sent,
    }];
    account.look_up(&wanted).await.pop().unwrap()
}

#[tokio::test]
async fn an_order_is_followed_from_rest_to_its_fills() {
    let sim = start(None, None).await;
    let account = sim.account().await;
    let since = sim.clock.now();
    within(sim.rest.order(sim.order("aa1", "50000.0")))
        .await
        .unwrap();
    within(sim.rest.order(sim.order("aa2", "40000.0")))
        .await
        .unwrap();
    sim.agent_sells(500_000, 500_000);
    let Found::Order { order, fills } = look_up(&account, id("aa1"), since).await else {
        panic!("not found");
    };
    assert_eq!(order.status, RecordStatus::Open);
    assert_eq!(order.filled, "0.005".parse().unwrap());
    assert_eq!(fills.len(), 1);
    assert_eq!(fills[0].1.price, "50000".parse().unwrap());
    assert_eq!(fills[0].1.fees[0].0.as_str(), "USD");

    let cancel = CancelOrder::ClOrdId(id("aa2"));
    assert_eq!(sim.rest.cancel(&cancel).await.unwrap().count, 1);
    let found = look_up(&account, id("aa2"), since).await;
    assert!(matches!(found, Found::Order { order, .. } if order.status == RecordStatus::Canceled));
    assert_eq!(look_up(&account, id("aa3"), since).await, Found::Absent);

    let state = account
        .reconcile(since.before(Duration::from_secs(1)))
        .await
        .unwrap();
    assert_eq!(
        (state.open.len(), state.closed.len(), state.fills.len()),
        (1, 1, 1)
    );
    let balance = |code: &str| {
        let mut balances = state.balances.iter();
        balances.find(|b| b.asset.as_str() == code).unwrap().total
    };
    let fill = &fills[0].1;
    assert_eq!(balance("BTC"), "10.005".parse().unwrap());
    let spent = fill.cost.checked_add(fill.fees[0].1).unwrap();
    assert_eq!(
        balance("USD").checked_add(spent).unwrap(),
        "100000".parse().unwrap()
    );
}

#[tokio::test]
async fn an_order_that_was_taken_and_never_answered_is_found() {
    let sim = start(None, None).await;
    let account = sim.account().await;
    sim.faults.arm_rest("AddOrder", RestFault::DoThenSilence, 1);
    let sent = sim.clock.now();
    let error = within(sim.rest.order(sim.order("aa1", "50000.0")))
        .await
        .unwrap_err();
    assert_eq!(error.answer(), Answer::Unanswered);
    let found = look_up(&account, id("aa1"), sent).await;
    assert!(matches!(found, Found::Order { order, .. } if order.status == RecordStatus::Open));
}

#[tokio::test]
async fn an_order_that_was_refused_ambiguously_is_looked_up_and_absent() {
    let sim = start(None, None).await;
    let account = sim.account().await;
    let fault = RestFault::Error("EService:Unavailable".to_owned());
    sim.faults.arm_rest("AddOrder", fault, 1);
    let sent = sim.clock.now();
    let error = within(sim.rest.order(sim.order("aa1", "50000.0")))
        .await
        .unwrap_err();
    assert_eq!(error.answer(), Answer::Unanswered);
    assert_eq!(look_up(&account, id("aa1"), sent).await, Found::Absent);
}

#[tokio::test]
async fn the_simulators_refusals_are_understood() {
    let sim = start(None, None).await;
    let refused = async |order: AddOrder| match sim.rest.order(order).await.unwrap_err().answer() {
        Answer::Rejected(rejection) => rejection.reason,
        other => panic!("{other:?}"),
    };
    let small = AddOrder {
        volume: "0.00000001".parse().unwrap(),
        ..sim.order("aa1", "50000.0")
    };
    assert_eq!(refused(small).await, RejectReason::Minimum);
    let large = AddOrder {
        volume: "1000".parse().unwrap(),
        ..sim.order("aa2", "50000.0")
    };
    assert_eq!(refused(large).await, RejectReason::InsufficientFunds);
    sim.rest.order(sim.order("aa3", "50000.0")).await.unwrap();
    assert_eq!(
        refused(sim.order("aa3", "50000.0")).await,
        RejectReason::DuplicateId
    );
    assert_eq!(
        refused(sim.order("aa4", "50000.01")).await,
        RejectReason::Price
    );
    let gone = CancelOrder::ClOrdId(id("never"));
    let answer = sim.rest.cancel(&gone).await.unwrap_err().answer();
    assert!(matches!(answer, Answer::Rejected(r) if r.reason == RejectReason::UnknownOrder));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_cancels_and_reads_at_once_meet_no_refused_nonce() {
    let sim = start(None, None).await;
    let names: Vec<_> = (0..10).map(|n| format!("aa{n}")).collect();
    for name in &names {
        sim.rest.order(sim.order(name, "40000.0")).await.unwrap();
    }
    let unknown = Class::Rejected(RejectReason::UnknownOrder);
    let mut calls = JoinSet::new();
    for n in 0..200 {
        let rest = sim.rest.clone();
        let resting = names.get(n).map(|name| id(name));
        calls.spawn(async move {
            if n % 20 == 19 {
                return rest.read(&BalanceEx).await.map(|_| None);
            }
            let cancel = CancelOrder::ClOrdId(resting.unwrap_or(id(&format!("never{n}"))));
            match rest.cancel(&cancel).await {
                Err(error) if error.class() == Some(unknown) => Ok(Some(0)),
                other => other.map(|canceled| Some(canceled.count)),
            }
        });
    }
    let ended = within(calls.join_all()).await;
    let ended: Result<Vec<_>, _> = ended.into_iter().collect();
    let canceled: u64 = ended.unwrap().into_iter().flatten().sum();
    assert_eq!(canceled, 10);
    // A refused nonce is nothing that a breaker counts.
    assert_eq!(sim.rest.breakers().cancels.snapshot().totals.ignored, 0);
}

#[tokio::test]
async fn our_copy_of_the_counter_keeps_below_the_simulators() {
    let sim = start(None, None).await;
    let all: Vec<_> = (0..21).map(|_| sim.rest.read(&BalanceEx)).collect();
    for balances in within(futures_util::future::join_all(all)).await {
        balances.unwrap();
    }
}

#[tokio::test]
async fn https_reaches_the_same_handlers_with_the_given_certificate_only() {
    let (server_tls, ca_file) = certificate();
    let path = Some(ca_file.path().to_owned());
    let sim = start(Some(Arc::clone(&server_tls)), path).await;
    let time = sim.rest.public(&Time).await.unwrap();
    assert!(time.unixtime > 1_000_000_000);
    assert_eq!(
        sim.rest.public(&SystemStatus).await.unwrap().status(),
        tradingd::types::TradingStatus::Online
    );
    sim.rest.read(&GetWebSocketsToken).await.unwrap();
    let catalog = Catalog::load(&sim.rest).await.unwrap();
    let symbol = Symbol::new("BTC/USD").unwrap();
    let made = catalog.instruments(&sim.rest, &[symbol]).await.unwrap();
    assert_eq!(made[0].base.as_str(), "BTC");

    let stranger = start(Some(server_tls), None).await;
    let refused = stranger.rest.public(&Time).await.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
}
