//! Both sockets against the simulated Kraken, plain and over TLS.

use std::{path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tradingd::{
    engine::{
        Event,
        book::Book,
        command::{Cancel, CommandId},
        event::{Answer, Link, Report, ReportKind},
    },
    io::{Clock, net::Connector, rng},
    resilience::budget,
    sim::{
        Settings as SimSettings, Simulator,
        faults::{Fault, RequestFault, SocketFault},
        server::Role,
        settings::ReplyOrder,
    },
    types::{ClOrdId, Instrument, InstrumentId},
    venue::kraken::{
        auth::Credentials,
        breakers,
        catalog::Catalog,
        counters::SocketCounters,
        lanes::Entry,
        nonce::{Nonces, Volatile},
        private::{self, PrivateSocket},
        public::{self, PublicSocket},
        rest::{Rest, transport::Http},
        settings::Settings,
        tls,
        wiring::Wiring,
    },
};

use super::{far_order, settings, sim::certificate};
use crate::support::{clock, within};

/// The client side of one simulator: REST and both sockets.
pub(super) struct Client {
    pub(super) sim: Simulator,
    rest: Rest,
    clock: Clock,
    instruments: Arc<[Instrument]>,
    pub(super) cancels: mpsc::Sender<Cancel>,
    resyncs: mpsc::Sender<InstrumentId>,
    pub(super) market: mpsc::Receiver<Event>,
    account: mpsc::Receiver<Event>,
    pub(super) public: Arc<SocketCounters>,
    pub(super) private: Arc<SocketCounters>,
    pub(super) stop: CancellationToken,
    _entries: mpsc::Sender<Entry>,
    tasks: JoinSet<()>,
}

async fn start(sim_settings: SimSettings, ca_file: Option<PathBuf>) -> Client {
    let sim = simulator(&sim_settings).await;
    let mut settings = of(&sim, ca_file);
    settings.deadlines.answer = Duration::from_secs(1);
    connect(sim, settings).await
}

pub(super) async fn simulator(settings: &SimSettings) -> Simulator {
    let starting = Simulator::start(settings, None, clock());
    starting.await.unwrap()
}

/// How a client reaches it.
pub(super) fn of(sim: &Simulator, ca_file: Option<PathBuf>) -> Settings {
    let addresses = sim.addresses();
    Settings {
        ws: addresses.ws_url(Role::Public),
        ws_auth: addresses.ws_url(Role::Private),
        ca_file,
        ..settings(&addresses.rest_url())
    }
}

/// A client of the simulator's first account.
pub(super) async fn connect(sim: Simulator, settings: Settings) -> Client {
    let clock = clock();
    let account = &sim.accounts()[0];
    let secret = SecretString::from(account.secret_base64.clone());
    let credentials = Credentials::new(account.key.clone(), &secret).unwrap();
    let nonces = Nonces::open(Box::new(Volatile), clock.clone()).unwrap();
    let tls = tls::client_config(settings.ca_file.as_deref()).unwrap();
    let connector = Connector::new(Arc::new(tls));
    let http = Http::new(&settings, &connector).unwrap();
    let key = Some((credentials, nonces));
    let rest = Rest::new(http, key, &settings, clock.clone(), rng::stream(1, 1));
    let catalog = Catalog::load(&rest).await.unwrap();
    let wanted = ["BTC/USD", "ETH/USD"].map(|symbol| symbol.parse().unwrap());
    let instruments: Arc<[Instrument]> = catalog.instruments(&rest, &wanted).await.unwrap().into();

    let (cancels, cancels_end) = mpsc::channel(64);
    let (entries, entries_end) = mpsc::channel(64);
    let (resyncs, resyncs_end) = mpsc::channel(64);
    let (market_in, market) = mpsc::channel(100_000);
    let (account_in, account) = mpsc::channel(1_000);
    let budget = budget::Shared::new(settings.connections.clone(), clock.clone());
    let connect = breakers::connect(&settings.breakers, &clock, rng::stream(1, 5));
    let wiring = Wiring {
        connector,
        connect,
        settings,
        clock: clock.clone(),
        budget,
        account: account_in,
        instruments: Arc::clone(&instruments),
    };
    let mut tasks = JoinSet::new();
    let queues = public::Queues {
        resyncs: resyncs_end,
        market: market_in,
        spares: mpsc::channel(1).1,
    };
    let socket = PublicSocket::new(&wiring, queues, 25, rng::stream(1, 2)).unwrap();
    let public = socket.counters();
    let stop = CancellationToken::new();
    tasks.spawn(socket.run(stop.clone()));
    let queues = private::Queues {
        cancels: cancels_end,
        entries: entries_end,
    };
    let socket = PrivateSocket::new(&wiring, queues, rest.clone(), rng::stream(1, 3)).unwrap();
    let private = socket.counters();
    let running = socket.run(stop.clone());
    tasks.spawn(async { running.await.unwrap() });
    Client {
        sim,
        rest,
        clock,
        instruments,
        cancels,
        resyncs,
        market,
        account,
        public,
        private,
        stop,
        _entries: entries,
        tasks,
    }
}

impl Client {
    pub(super) async fn until<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let event = within(self.account.recv()).await.unwrap();
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    /// Waits until the private socket is up.
    pub(super) async fn up(&mut self) {
        self.until(|event| (*event == Event::Account(Link::Up)).then_some(()))
            .await;
    }

    /// Passes over what comes from the market before the word that the feed is so.
    pub(super) async fn feed(&mut self, link: Link) {
        while within(self.market.recv()).await.unwrap() != Event::Feed(link) {}
    }

    /// Places an order that rests far below the market.
    async fn rest_order(&self, name: &str) {
        within(self.rest.order(far_order(name, &self.clock)))
            .await
            .unwrap();
    }

    /// Waits until both tasks have ended.
    pub(super) async fn ended(&mut self) {
        while let Some(ended) = within(self.tasks.join_next()).await {
            ended.unwrap();
        }
    }

    pub(super) async fn cancel(&self, id: u64, name: &str) {
        let cancel = Cancel {
            id: CommandId(id),
            cl_ord_id: ClOrdId::new(name).unwrap(),
            order_id: None,
        };
        self.cancels.send(cancel).await.unwrap();
    }

    /// Applies frames of one book until it has been verified so often in a row, asking for a fresh one where it fails, as the
    /// engine does. Returns how often it failed.
    async fn verify(&mut self, id: InstrumentId, book: &mut Book, frames: u32) -> u32 {
        let (mut verified, mut failed) = (0, 0);
        while verified < frames {
            let Event::Book(update) = within(self.market.recv()).await.unwrap() else {
                continue;
            };
            if update.instrument != id {
                continue;
            }
            match book.apply(&update) {
                Ok(()) if book.is_verified() => verified += 1,
                Ok(()) => {}
                Err(_fault) => {
                    (verified, failed) = (0, failed + 1);
                    self.resyncs.send(id).await.unwrap();
                }
            }
        }
        failed
    }
}

fn report(event: &Event, name: &str) -> Option<Report> {
    match event {
        Event::Report(report) if report.cl_ord_id.as_deref() == Some(name) => {
            Some((**report).clone())
        }
        _ => None,
    }
}

fn canceled(event: &Event, name: &str) -> Option<()> {
    let report = report(event, name)?;
    matches!(report.kind, ReportKind::Canceled { .. }).then_some(())
}

#[tokio::test]
async fn every_book_frame_of_a_busy_market_verifies() {
    let busy = SimSettings {
        rate: 1_000.0,
        ..SimSettings::default()
    };
    let mut client = start(busy, None).await;
    client.up().await;
    let mut book = Book::new(25);
    assert_eq!(client.verify(InstrumentId(0), &mut book, 300).await, 0);
    assert!(book.best_bid().is_some());
    assert_eq!(client.public.decode_errors.get(), 0);
    assert_eq!(client.public.unknown_fields.get(), 0);
    assert_eq!(client.public.unknown_frames.get(), 0);
}

#[tokio::test]
async fn an_order_is_reported_and_canceled_whichever_comes_first_reply_or_report() {
    for reply_order in [ReplyOrder::ReplyFirst, ReplyOrder::ReportFirst] {
        let settings = SimSettings {
            reply_order,
            ..SimSettings::default()
        };
        let mut client = start(settings, None).await;
        client.up().await;
        client.rest_order("aa1").await;
        let new = client
            .until(|event| report(event, "aa1").filter(|report| report.kind == ReportKind::New))
            .await;
        client.cancel(7, "aa1").await;
        let (mut over, mut answer) = (false, None);
        while !over || answer.is_none() {
            match within(client.account.recv()).await.unwrap() {
                Event::Outcome(outcome) => answer = Some((outcome.command.0, outcome.answer)),
                event => {
                    over |= matches!(&event, Event::Report(report)
                    if report.order_id == new.order_id
                        && matches!(report.kind, ReportKind::Canceled { .. }))
                }
            }
        }
        assert_eq!(answer, Some((7, Answer::Accepted { order_id: None })));
    }
}

#[tokio::test]
async fn a_corrupt_checksum_heals_by_a_fresh_snapshot_over_the_same_connection() {
    let mut client = start(SimSettings::default(), None).await;
    client.up().await;
    let mut book = Book::new(25);
    client.verify(InstrumentId(0), &mut book, 5).await;
    client
        .sim
        .faults()
        .arm(Fault::Checksum("BTC/USD".to_owned()), 1);
    let mut failed = 0;
    while failed == 0 {
        failed += client.verify(InstrumentId(0), &mut book, 5).await;
    }
    assert!(client.public.resyncs.get() >= 1);
    assert_eq!(client.public.connections.get(), 1);
}

#[tokio::test]
async fn dropped_sockets_come_back_with_fresh_books_and_open_orders() {
    let mut client = start(SimSettings::default(), None).await;
    client.up().await;
    client.rest_order("aa1").await;
    client.until(|event| report(event, "aa1")).await;
    client.feed(Link::Up).await;
    client
        .sim
        .faults()
        .arm(Fault::Socket(Role::Public, SocketFault::Drop), 1);
    client
        .sim
        .faults()
        .arm(Fault::Socket(Role::Private, SocketFault::Drop), 1);
    client.feed(Link::Down).await;
    client
        .until(|event| (*event == Event::Account(Link::Down)).then_some(()))
        .await;
    client.until(|event| report(event, "aa1")).await;
    let mut book = Book::new(25);
    while client.market.try_recv().is_ok() {}
    client.resyncs.send(InstrumentId(0)).await.unwrap();
    client.verify(InstrumentId(0), &mut book, 5).await;
}

#[tokio::test]
async fn a_cancel_that_is_done_and_not_answered_is_unanswered_and_reported() {
    let mut client = start(SimSettings::default(), None).await;
    client.up().await;
    client.rest_order("aa1").await;
    client.until(|event| report(event, "aa1")).await;
    let fault = Fault::Request("cancel_order".to_owned(), RequestFault::NoAnswer);
    client.sim.faults().arm(fault, 1);
    client.cancel(1, "aa1").await;
    client
        .until(|event| match event {
            Event::Report(report) => {
                matches!(report.kind, ReportKind::Canceled { .. }).then_some(())
            }
            _ => None,
        })
        .await;
    let answer = client
        .until(|event| match event {
            Event::Outcome(outcome) => Some(outcome.answer),
            _ => None,
        })
        .await;
    assert_eq!(answer, Answer::Unanswered);
}

#[tokio::test]
async fn wss_and_https_reach_the_same_handlers() {
    let (server_tls, ca_file) = certificate();
    let settings = SimSettings {
        tls_config: Some(server_tls),
        ..SimSettings::default()
    };
    let mut client = start(settings, Some(ca_file.path().to_owned())).await;
    assert!(
        client
            .sim
            .addresses()
            .ws_url(Role::Public)
            .starts_with("wss://")
    );
    client.up().await;
    let mut book = Book::new(25);
    assert_eq!(client.verify(InstrumentId(1), &mut book, 5).await, 0);
    client.rest_order("aa1").await;
    client.until(|event| report(event, "aa1")).await;
    client.cancel(1, "aa1").await;
    client.until(|event| canceled(event, "aa1")).await;
    assert_eq!(client.instruments.len(), 2);
}
