//! The private socket against a scripted venue, over real sockets.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the events that it is about"
)]

use std::{
    cell::Cell,
    collections::BTreeSet,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use futures_util::{poll, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::*;
use crate::{
    engine::event::{Answer, Link, OrderEntry, RejectReason, ReportKind, Unsent},
    io::rng,
    resilience::{
        backoff, budget,
        circuit_breaker::{CircuitBreaker, State},
        deadline,
    },
    venue::kraken::{
        breakers,
        settings::Settings,
        testing::{Api, Peer, Server, amend, cancel, clock, connector, instrument, submit, within},
    },
};

/// The task, its lanes and what it tells.
struct Edge {
    cancels: mpsc::Sender<Cancel>,
    entries: mpsc::Sender<Entry>,
    events: mpsc::Receiver<Event>,
    api: Api,
    clock: Clock,
    counters: Arc<SocketCounters>,
    watcher: Watcher,
    /// What counts cancels.
    counting: CircuitBreaker,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), KeyRefused>>,
}

fn tokens() -> Api {
    Api::new(|endpoint, _| match endpoint {
        "GetWebSocketsToken" => {
            Some(r#"{"error":[],"result":{"token":"T0","expires":900}}"#.to_owned())
        }
        "CancelOrder" => Some(r#"{"error":[],"result":{"count":1}}"#.to_owned()),
        other => panic!("{other} called"),
    })
}

/// Tokens, and what a probe reads; nothing else is asked for.
fn probed() -> Api {
    Api::new(|endpoint, _| {
        Some(match endpoint {
            "GetWebSocketsToken" => r#"{"error":[],"result":{"token":"T0"}}"#.to_owned(),
            "OpenOrders" => r#"{"error":[],"result":{"open":{}}}"#.to_owned(),
            other => panic!("{other} called"),
        })
    })
}

impl Edge {
    fn start(server: &Server, api: Api, room: usize) -> Self {
        Self::at(&server.address, api, room)
    }

    fn at(address: &str, api: Api, room: usize) -> Self {
        let mut settings = Settings {
            ws_auth: address.to_owned(),
            deadlines: deadline::Settings {
                answer: Duration::from_millis(300),
                write: Duration::from_millis(500),
                subscribe_ack: Duration::from_secs(2),
                first_snapshot: Duration::from_secs(2),
                ..deadline::Settings::default()
            },
            reconnect: backoff::Settings {
                base: Duration::from_millis(20),
                minimum: Duration::from_millis(10),
                ..backoff::Settings::default()
            },
            ..Settings::default()
        };
        settings.breakers.order_entry.consecutive_failures = 2;
        settings.breakers.order_entry.open_for = Duration::from_millis(200);
        let (cancels, cancels_end) = mpsc::channel(16);
        let (entries, entries_end) = mpsc::channel(16);
        let (account, events) = mpsc::channel(room);
        let (clock, stop) = (clock(), CancellationToken::new());
        let rest = api.rest(&settings, &clock);
        let counting = rest.breakers().cancels.clone();
        let wiring = Wiring {
            connector: connector(),
            clock: clock.clone(),
            budget: budget::Shared::new(settings.connections.clone(), clock.clone()),
            connect: breakers::connect(&settings.breakers, &clock, rng::stream(1, 3)),
            account,
            instruments: [instrument()].into(),
            settings,
        };
        let queues = Queues {
            cancels: cancels_end,
            entries: entries_end,
        };
        let socket = PrivateSocket::new(&wiring, queues, rest, rng::stream(1, 2)).unwrap();
        let (counters, watcher) = (socket.counters(), socket.watcher("private_socket"));
        let mut tasks = JoinSet::new();
        tasks.spawn(socket.run(stop.clone()));
        Self {
            cancels,
            entries,
            events,
            api,
            clock,
            counters,
            watcher,
            counting,
            stop,
            tasks,
        }
    }

    async fn next(&mut self) -> Event {
        within(self.events.recv())
            .await
            .expect("the task has ended")
    }

    /// Waits for the connection, passing over what comes before.
    async fn up(&mut self) {
        while self.next().await != Event::Account(Link::Up) {}
    }

    async fn outcome(&mut self) -> (u64, Answer) {
        loop {
            match self.next().await {
                Event::Outcome(outcome) => return (outcome.command.0, outcome.answer),
                Event::Account(link) => panic!("{link:?}"),
                _ => {}
            }
        }
    }

    async fn submit(&self, id: u64, name: &str) {
        let deadline = self.clock.now().after(Duration::from_secs(60));
        self.entries.send(submit(id, name, deadline)).await.unwrap();
    }

    async fn cancel(&self, id: u64, name: &str) {
        self.cancels.send(cancel(id, name)).await.unwrap();
    }

    /// The task turns as often as it is looked at, not only by the pauses of its pings and dials. Time between looks counts as long.
    async fn turns(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "the task runs in real time")]
        let mut now = Instant::now();
        let looking = async {
            for _ in 0..100 {
                while {
                    now += Duration::from_secs(3_600);
                    !self.watcher.goes_on(now)
                } {
                    tokio::task::yield_now().await;
                }
            }
        };
        within(looking).await;
    }

    async fn stop(mut self) -> Vec<Event> {
        self.stop.cancel();
        let mut rest = Vec::new();
        while let Some(event) = within(self.events.recv()).await {
            rest.push(event);
        }
        within(self.tasks.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        rest
    }
}

const SNAPSHOT: &str = r#"{"channel":"executions","type":"snapshot","data":[{"order_id":"OQQQQQ-AAAAA-BBBBB9","cl_ord_id":"old","symbol":"BTC/USD","side":"buy","order_type":"limit","order_qty":0.02000000,"limit_price":61000.0,"cum_qty":0.00000000,"exec_type":"new","order_status":"new","timestamp":"2026-09-01T08:00:00.000140Z"}],"sequence":1}"#;
const BALANCES: &str = r#"{"channel":"balances","type":"snapshot","data":[{"asset":"USD","asset_class":"currency","balance":20000.0000,"wallets":[{"type":"spot","id":"main","balance":20000.0000}]}],"sequence":1}"#;

/// Answers the subscriptions.
async fn welcome(peer: &mut Peer) {
    for _ in 0..2 {
        let Some(request) = peer.request().await else {
            return;
        };
        let (id, channel) = (
            &request["req_id"],
            request["params"]["channel"].as_str().unwrap(),
        );
        let limit = if channel == "executions" {
            r#""maxratecount":180,"#
        } else {
            ""
        };
        peer.send(&format!(
            r#"{{"method":"subscribe","req_id":{id},"result":{{"channel":"{channel}",{limit}"snapshot":true}},"success":true,"time_in":"2026-09-01T08:00:08.000001Z","time_out":"2026-09-01T08:00:08.008001Z"}}"#
        ))
        .await;
        peer.send(if channel == "executions" {
            SNAPSHOT
        } else {
            BALANCES
        })
        .await;
    }
}

fn accepted(request: &Value) -> String {
    let (method, id) = (&request["method"], &request["req_id"]);
    let name = &request["params"]["cl_ord_id"];
    let result = match method.as_str().unwrap() {
        "add_order" => format!(r#"{{"order_id":"OQQQQQ-AAAAA-BBBBB1","cl_ord_id":{name}}}"#),
        "amend_order" => format!(r#"{{"amend_id":"TAAAAA-MMMMM-NNNNN1","cl_ord_id":{name}}}"#),
        _ => format!(r#"{{"cl_ord_id":{}}}"#, name[0]),
    };
    format!(
        r#"{{"method":{method},"req_id":{id},"result":{result},"success":true,"time_in":"2026-09-01T08:01:00.000050Z","time_out":"2026-09-01T08:01:00.005050Z"}}"#
    )
}

fn refused(request: &Value, text: &str) -> String {
    let (method, id) = (&request["method"], &request["req_id"]);
    format!(
        r#"{{"error":"{text}","method":{method},"req_id":{id},"success":false,"time_in":"2026-09-01T08:01:05.000050Z","time_out":"2026-09-01T08:01:05.003050Z"}}"#
    )
}

/// Welcomes, then does the same to every request.
async fn every(
    answer: impl Fn(&Value) -> Option<String> + Clone + Send + Sync + 'static,
) -> Server {
    Server::start(move |mut peer, _| {
        let answer = answer.clone();
        async move {
            welcome(&mut peer).await;
            while let Some(request) = peer.request().await {
                if let Some(answer) = answer(&request) {
                    peer.send(&answer).await;
                }
            }
        }
    })
    .await
}

const ACCEPTED: Answer = Answer::Accepted { order_id: None };

#[tokio::test]
async fn the_link_is_up_after_the_snapshots_and_the_clocks_were_compared() {
    let server = every(|_| None).await;
    let mut edge = Edge::start(&server, tokens(), 64);
    let mut before = Vec::new();
    loop {
        match edge.next().await {
            Event::Account(Link::Up) => break,
            event => before.push(event),
        }
    }
    assert!(before.contains(&Event::RateThreshold(180)));
    assert!(
        before
            .iter()
            .any(|event| matches!(event, Event::ClockOffset(_)))
    );
    assert!(
        before
            .iter()
            .any(|event| matches!(event, Event::Report(report)
        if report.kind == ReportKind::New && report.order_id.as_str() == "OQQQQQ-AAAAA-BBBBB9"))
    );
    assert!(
        before
            .iter()
            .any(|event| matches!(event, Event::Balances(balances)
        if balances[0].total.to_string() == "20000.0000"))
    );
}

#[tokio::test]
async fn answers_become_outcomes_of_their_commands() {
    let server = every(|request| Some(accepted(request))).await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.submit(7, "a").await;
    let order_id = Some("OQQQQQ-AAAAA-BBBBB1".parse().unwrap());
    assert_eq!(edge.outcome().await, (7, Answer::Accepted { order_id }));
    let deadline = edge.clock.now().after(Duration::from_secs(60));
    edge.entries.send(amend(8, "a", deadline)).await.unwrap();
    assert_eq!(edge.outcome().await, (8, ACCEPTED));
    edge.cancel(9, "a").await;
    assert_eq!(edge.outcome().await, (9, ACCEPTED));
}

#[tokio::test]
async fn refusals_are_certain_only_where_the_text_is() {
    for (text, reason) in [
        (
            "EOrder:Insufficient funds",
            Some(RejectReason::InsufficientFunds),
        ),
        (
            "EOrder:Rate limit exceeded",
            Some(RejectReason::RateLimited),
        ),
        ("EService:Unavailable", None),
        ("EService:Deadline elapsed", None),
        ("EGeneral:Internal error", None),
        ("ESomething:new", None),
        ("", None),
    ] {
        let server = every(move |request| Some(refused(request, text))).await;
        let mut edge = Edge::start(&server, tokens(), 64);
        edge.up().await;
        edge.submit(1, "a").await;
        let (id, answer) = edge.outcome().await;
        assert_eq!(id, 1);
        match reason {
            Some(reason) => assert!(matches!(answer, Answer::Rejected(r) if r.reason == reason)),
            None => assert_eq!(answer, Answer::Unanswered, "{text}"),
        }
    }
}

#[tokio::test]
async fn a_create_without_an_answer_is_unanswered_and_written_once() {
    let (seen_in, mut seen) = mpsc::channel(16);
    let server = every(move |request| {
        seen_in.try_send(request.clone()).unwrap();
        None
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.submit(1, "a").await;
    assert_eq!(edge.outcome().await, (1, Answer::Unanswered));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(within(seen.recv()).await.unwrap()["req_id"], 1);
    assert!(seen.try_recv().is_err());
    assert_eq!(edge.counters.unanswered.get(), 1);
    assert_eq!(edge.counters.deadlines.missed(Place::Answer), 1);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_left_and_every_cancel_ends_once() {
    let (read_in, read) = tokio::sync::watch::channel(false);
    let server = Server::start_narrow(move |mut peer, number| {
        let mut read = read.clone();
        async move {
            welcome(&mut peer).await;
            if number == 0 {
                // The first cancel, and nothing after it.
                peer.request().await;
                read.wait_for(|read| *read).await.unwrap();
            }
            while peer.request().await.is_some() {}
        }
    });
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    let (cancels, down) = (edge.cancels.clone(), CancellationToken::new());
    let (over, mut flood) = (down.clone(), JoinSet::new());
    flood.spawn(async move {
        let mut id = 0;
        while !over.is_cancelled() {
            id += 1;
            cancels.send(cancel(id as u64, "a")).await.unwrap();
        }
        id
    });
    let (mut ended, mut link) = (BTreeSet::new(), Link::Up);
    let flooding = async {
        while link == Link::Up {
            match edge.next().await {
                Event::Outcome(outcome) => {
                    assert_eq!(outcome.answer, Answer::Unanswered);
                    assert!(ended.insert(outcome.command.0));
                }
                Event::Account(now) => link = now,
                _ => {}
            }
        }
    };
    within(flooding).await;
    down.cancel();
    assert_eq!(edge.counters.deadlines.missed(Place::Write), 1);
    assert!(!ended.is_empty());
    read_in.send_replace(true);
    // Those that were about to be written go by REST, those in the lane either way.
    let the_rest = async {
        let (mut sent, mut left) = (None, flood);
        while sent.is_none_or(|sent| ended.len() < sent) {
            tokio::select! {
                biased;
                Some(all) = left.join_next() => sent = Some(all.unwrap()),
                event = edge.next() => if let Event::Outcome(outcome) = event {
                    assert!(ended.insert(outcome.command.0));
                }
            }
        }
    };
    within(the_rest).await;
}

#[tokio::test]
async fn a_dropped_socket_settles_what_was_out_before_the_link_is_down() {
    let (seen_in, mut seen) = mpsc::channel(16);
    let server = Server::start(move |mut peer, number| {
        let seen = seen_in.clone();
        async move {
            welcome(&mut peer).await;
            while let Some(request) = peer.request().await {
                seen.try_send((number, request["req_id"].clone())).unwrap();
                if number == 0 {
                    // Taken, never answered.
                    return;
                }
                peer.send(&accepted(&request)).await;
            }
        }
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.submit(1, "a").await;
    assert_eq!(edge.outcome().await, (1, Answer::Unanswered));
    assert_eq!(edge.next().await, Event::Account(Link::Down));
    edge.up().await;
    edge.submit(2, "b").await;
    assert_eq!(edge.outcome().await.0, 2);
    assert_eq!(within(seen.recv()).await.unwrap(), (0, Value::from(1)));
    assert_eq!(within(seen.recv()).await.unwrap(), (1, Value::from(2)));
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn without_a_socket_cancels_go_by_rest_and_creates_come_back_unsent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/v2", listener.local_addr().unwrap());
    drop(listener);
    let mut edge = Edge::at(&address, tokens(), 64);
    edge.submit(1, "a").await;
    assert_eq!(
        edge.outcome().await,
        (1, Answer::Unsent(Unsent::NotConnected))
    );
    edge.cancel(2, "b").await;
    edge.cancel(3, "c").await;
    let mut done = [edge.outcome().await, edge.outcome().await];
    done.sort_by_key(|(id, _)| *id);
    assert_eq!(done, [(2, ACCEPTED), (3, ACCEPTED)]);
    let bodies = edge.api.calls("CancelOrder");
    assert!(bodies.iter().any(|body| body.ends_with("cl_ord_id=b")));
}

/// A bug in an errand costs its cancel an answer, or the connection that it was for, and nothing else.
#[tokio::test]
async fn an_errand_that_panics_leaves_nothing_without_an_end() {
    let server = every(|request| Some(refused(request, "EAPI:Invalid token"))).await;
    let tokens = AtomicUsize::new(0);
    let api = Api::new(move |endpoint, _| match endpoint {
        "GetWebSocketsToken" if tokens.fetch_add(1, SeqCst) != 1 => {
            Some(r#"{"error":[],"result":{"token":"T0"}}"#.to_owned())
        }
        broken => panic!("{broken}"),
    });
    let mut edge = Edge::start(&server, api, 64);
    // Before there is a socket.
    edge.cancel(1, "a").await;
    assert_eq!(edge.outcome().await, (1, Answer::Unanswered));
    edge.up().await;
    // The fetch of a new token panics: a new connection has a token of its own.
    edge.submit(2, "b").await;
    while edge.next().await != Event::Account(Link::Down) {}
    edge.up().await;
    assert_eq!(edge.counters.lost_connections.get(), 1);
}

#[tokio::test]
async fn the_last_word_on_maintenance_holds() {
    for (words, lasts) in [
        (&["maintenance"][..], true),
        (&["maintenance", "online"], false),
    ] {
        let frames = words.iter().map(|word| {
            let status = r#"{"channel":"status","type":"update","data":[{"api_version":"v2","connection_id":1,"system":"WORD","version":"2.0.10"}]}"#;
            Ok(Frame::text(status.replace("WORD", word)))
        });
        let counters = Arc::new(SocketCounters::new(&deadline::Settings::default()));
        let intake = Intake::new(mpsc::channel(1).0, counters);
        let maintenance = Arc::new(AtomicBool::new(false));
        let listening = stream::iter(frames.collect::<Vec<_>>());
        listen(
            listening,
            intake,
            mpsc::channel(1).0,
            Arc::clone(&maintenance),
        )
        .await;
        assert_eq!(maintenance.load(SeqCst), lasts, "{words:?}");
    }
}

#[tokio::test]
async fn a_void_token_is_a_rejection_and_the_next_order_has_a_new_one() {
    let count = Arc::new(AtomicUsize::new(0));
    let api = Api::new(move |_, _| {
        let number = count.fetch_add(1, SeqCst);
        Some(format!(
            r#"{{"error":[],"result":{{"token":"T{number}","expires":900}}}}"#
        ))
    });
    let server = every(|request| {
        Some(match request["params"]["token"].as_str().unwrap() {
            "T0" => refused(request, "EAPI:Invalid token"),
            "T1" => accepted(request),
            other => panic!("{other}"),
        })
    })
    .await;
    let mut edge = Edge::start(&server, api, 64);
    edge.up().await;
    edge.submit(1, "a").await;
    let (_, answer) = edge.outcome().await;
    assert!(matches!(answer, Answer::Rejected(r) if r.reason == RejectReason::Permission));
    edge.submit(2, "b").await;
    assert!(matches!(edge.outcome().await, (2, Answer::Accepted { .. })));
}

#[tokio::test]
async fn while_a_token_is_fetched_orders_wait_and_cancels_overtake_them() {
    let first = AtomicBool::new(true);
    let api = Api::new(move |endpoint, _| match endpoint {
        "GetWebSocketsToken" if first.swap(false, SeqCst) => {
            Some(r#"{"error":[],"result":{"token":"T0","expires":900}}"#.to_owned())
        }
        "GetWebSocketsToken" => None,
        _ => Some(r#"{"error":[],"result":{"count":1}}"#.to_owned()),
    });
    let server = every(|request| Some(refused(request, "ESession:Invalid session"))).await;
    let mut edge = Edge::start(&server, api, 64);
    edge.up().await;
    edge.submit(1, "a").await;
    edge.outcome().await;
    edge.submit(2, "b").await;
    edge.cancel(3, "b").await;
    let withdrawn = Answer::Unsent(Unsent::Withdrawn);
    assert_eq!(edge.outcome().await, (2, withdrawn));
    assert_eq!(edge.outcome().await, (3, ACCEPTED));
    assert!(edge.api.calls("CancelOrder").is_empty());
    edge.cancel(4, "a").await;
    assert_eq!(edge.outcome().await, (4, ACCEPTED));
    assert_eq!(edge.api.calls("CancelOrder").len(), 1);
}

#[tokio::test]
async fn what_waits_for_a_token_past_its_deadline_comes_back_while_the_token_is_still_out() {
    let first = AtomicBool::new(true);
    let api = Api::new(move |endpoint, _| {
        assert_eq!(endpoint, "GetWebSocketsToken");
        first
            .swap(false, SeqCst)
            .then(|| r#"{"error":[],"result":{"token":"T0","expires":900}}"#.to_owned())
    });
    let server = every(|request| Some(refused(request, "ESession:Invalid session"))).await;
    let mut edge = Edge::start(&server, api, 64);
    edge.up().await;
    edge.submit(1, "a").await;
    edge.outcome().await;
    let passed = edge.clock.now().before(Duration::from_secs(60));
    // More than the lane has room for: the desk keeps none of them.
    for id in 2..100 {
        edge.entries.send(submit(id, "b", passed)).await.unwrap();
        let unsent = Answer::Unsent(Unsent::DeadlinePassed);
        assert_eq!(edge.outcome().await, (id, unsent));
    }
}

#[tokio::test]
async fn an_order_whose_deadline_has_passed_stays_home() {
    let server = every(|_| panic!("written")).await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    let passed = edge.clock.now().before(Duration::from_secs(60));
    edge.entries.send(submit(1, "a", passed)).await.unwrap();
    let unsent = Answer::Unsent(Unsent::DeadlinePassed);
    assert_eq!(edge.outcome().await, (1, unsent));
}

#[tokio::test]
async fn a_full_account_queue_holds_up_the_socket_but_no_cancel() {
    let (seen_in, mut seen) = mpsc::channel(16);
    let server = Server::start(move |mut peer, _| {
        let seen = seen_in.clone();
        async move {
            welcome(&mut peer).await;
            peer.request().await;
            for sequence in 2..100 {
                let frame = SNAPSHOT
                    .replace("snapshot", "update")
                    .replace(r#""sequence":1"#, &format!(r#""sequence":{sequence}"#));
                peer.send(&frame).await;
            }
            while let Some(request) = peer.request().await {
                seen.try_send(request).unwrap();
            }
        }
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 1);
    edge.up().await;
    edge.submit(4, "a").await;
    // From here on nobody reads events: the queue fills, the socket with it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    edge.cancel(5, "a").await;
    let request = within(seen.recv()).await.unwrap();
    assert_eq!(request["method"], "cancel_order");
    assert_eq!(request["params"]["cl_ord_id"][0], "a");
    // All of them are there in the end.
    let mut reports = 0;
    while reports < 98 {
        reports += usize::from(matches!(edge.next().await, Event::Report(_)));
    }
}

#[tokio::test]
async fn a_full_queue_of_replies_holds_up_the_reader_and_loses_none() {
    let most = 2 * REPLIES as u64;
    let read = Cell::new(0);
    let pongs = futures_util::stream::iter(1..=most).map(|number| {
        read.set(number);
        Ok(Frame::text(format!(
            r#"{{"method":"pong","req_id":{number},"time_in":"2026-09-01T08:00:02.500001Z","time_out":"2026-09-01T08:00:02.500020Z"}}"#
        )))
    });
    let (replies_in, mut replies) = mpsc::channel(REPLIES);
    let counters = Arc::new(SocketCounters::new(&deadline::Settings::default()));
    let intake = Intake::new(mpsc::channel(1).0, counters);
    let listening = listen(pongs, intake, replies_in, Arc::default());
    let mut listening = pin!(tokio::task::unconstrained(listening));
    assert!(poll!(&mut listening).is_pending());
    assert_eq!(read.get(), REPLIES as u64 + 1, "the last one is in hand");
    let taking = async {
        let mut taken = Vec::new();
        while let Some(reply) = replies.recv().await {
            if let Reply::Pong { number, .. } = reply {
                taken.push(number);
            }
        }
        taken
    };
    let (fault, taken) = tokio::join!(listening, taking);
    assert!(matches!(fault, Fault::Closed));
    assert_eq!(taken, Vec::from_iter(1..=most));
}

#[tokio::test]
async fn outcomes_that_find_no_room_wait_in_order_beside_the_lanes() {
    let (seen_in, mut seen) = mpsc::channel(16);
    let server = every(move |request| {
        seen_in.try_send(request["req_id"].clone()).unwrap();
        Some(accepted(request))
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 1);
    edge.up().await;
    // Nobody hears of the first ones while the next ones leave.
    for id in 1..=10 {
        edge.submit(id, "a").await;
        assert_eq!(within(seen.recv()).await.unwrap(), id);
    }
    edge.cancel(11, "a").await;
    assert_eq!(within(seen.recv()).await.unwrap(), 11);
    // Pongs tell something as well: none of the waits alone would end.
    let told = async {
        for id in 1..=11 {
            assert_eq!(edge.outcome().await.0, id);
        }
    };
    within(told).await;
}

#[tokio::test]
async fn garbage_is_counted_and_harms_nothing() {
    let server = Server::start(move |mut peer, _| async move {
        welcome(&mut peer).await;
        for garbage in [
            "",
            "{",
            "CloudFlare WebSocket proxy restarting",
            r#"{"channel":"executions","type":"update","data":[{"order_id":"#,
            r#"{"channel":"executions","type":"update","data":{}}"#,
            r#"{"channel":"balances","type":"update","data":[{"ledger_id":"L","timestamp":"2026-09-01T08:01:30.000090Z","type":"trade","asset":"BTC","amount":1e999999999,"balance":1}]}"#,
            r#"{"channel":"news","type":"update","data":[]}"#,
            r#"{"Error":"Exceeded msg rate"}"#,
            r#"{"method":"add_order","req_id":18446744073709551616,"success":true}"#,
            "[1,2,3]",
            "null",
        ] {
            peer.send(garbage).await;
        }
        peer.send_binary(b"\xff\xfe\x00").await;
        while let Some(request) = peer.request().await {
            peer.send(&accepted(&request)).await;
        }
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.submit(1, "a").await;
    assert!(matches!(edge.outcome().await, (1, Answer::Accepted { .. })));
    assert!(edge.counters.decode_errors.get() >= 8);
    assert!(edge.counters.unknown_frames.get() >= 1);
}

#[tokio::test]
async fn a_gap_in_the_reports_ends_the_connection() {
    let server = Server::start(move |mut peer, number| async move {
        welcome(&mut peer).await;
        peer.request().await;
        if number == 0 {
            let frame = SNAPSHOT
                .replace("snapshot", "update")
                .replace(r#""sequence":1"#, r#""sequence":3"#);
            peer.send(&frame).await;
        }
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.submit(1, "a").await;
    assert_eq!(edge.outcome().await, (1, Answer::Unanswered));
    assert_eq!(edge.next().await, Event::Account(Link::Down));
    edge.up().await;
    assert_eq!(edge.counters.lost_connections.get(), 1);
}

#[tokio::test]
async fn after_maintenance_the_next_connection_waits() {
    let server = Server::start(move |mut peer, number| async move {
        welcome(&mut peer).await;
        peer.request().await;
        if number == 0 {
            peer.send(r#"{"channel":"status","type":"update","data":[{"api_version":"v2","connection_id":1,"system":"maintenance","version":"2.0.10"}]}"#)
                .await;
            return;
        }
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.submit(1, "a").await;
    while edge.next().await != Event::Account(Link::Down) {}
    // Five seconds by rule, twenty milliseconds by the backoff of this test.
    let early = timeout(Duration::from_millis(500), edge.up()).await;
    assert!(early.is_err(), "connected again at once");
}

#[tokio::test]
async fn a_report_that_cannot_be_read_is_told_again_over_a_new_connection() {
    let server = Server::start(move |mut peer, number| async move {
        welcome(&mut peer).await;
        peer.request().await;
        if number == 0 {
            peer.send(
                r#"{"channel":"executions","type":"update","data":[{"order_id":"OTOO-LONG-TO-BE-AN-ID-OF-THE-VENUE-BY-FAR","exec_type":"new","timestamp":"2026-09-01T08:00:07.000001Z"}],"sequence":2}"#,
            )
            .await;
        }
        while peer.request().await.is_some() {}
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.submit(1, "a").await;
    while edge.next().await != Event::Account(Link::Down) {}
    edge.up().await;
    assert_eq!(edge.counters.decode_errors.get(), 1);
}

#[tokio::test]
async fn silence_shuts_order_entry_and_only_harmless_probes_open_it() {
    let (seen_in, mut seen) = mpsc::channel(16);
    let server = every(move |request| {
        let method = request["method"].as_str().unwrap().to_owned();
        seen_in.try_send(method).unwrap();
        (request["method"] == "cancel_order").then(|| accepted(request))
    })
    .await;
    let mut edge = Edge::start(&server, probed(), 64);
    edge.up().await;
    edge.submit(1, "a").await;
    assert_eq!(edge.outcome().await, (1, Answer::Unanswered));
    edge.submit(2, "b").await;
    // Told before the outcome that led to it, so that nobody tries again in between.
    while edge.next().await != Event::OrderEntry(OrderEntry::Shut) {}
    assert_eq!(edge.outcome().await, (2, Answer::Unanswered));
    edge.submit(3, "c").await;
    let unsent = Answer::Unsent(Unsent::BreakerOpen);
    assert_eq!(edge.outcome().await, (3, unsent));
    edge.cancel(4, "a").await;
    assert_eq!(edge.outcome().await, (4, ACCEPTED));
    while edge.next().await != Event::OrderEntry(OrderEntry::Open) {}
    assert!(edge.api.calls("OpenOrders").len() >= 2);
    let mut methods = Vec::new();
    while let Ok(method) = seen.try_recv() {
        methods.push(method);
    }
    assert_eq!(methods, ["add_order", "add_order", "cancel_order"]);
}

#[tokio::test]
async fn a_probe_whose_ping_is_not_answered_leaves_order_entry_shut() {
    let (mute, pings) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let (muted, pinged) = (Arc::clone(&mute), Arc::<AtomicUsize>::clone(&pings));
    let server = Server::start(move |mut peer, _| {
        let (muted, pinged) = (Arc::clone(&muted), Arc::clone(&pinged));
        async move {
            welcome(&mut peer).await;
            while let Some(request) = peer.receive().await {
                if request["method"] == "ping" {
                    pinged.fetch_add(1, SeqCst);
                    if !muted.load(SeqCst) {
                        peer.pong(&request).await;
                    }
                }
            }
        }
    })
    .await;
    let mut edge = Edge::start(&server, probed(), 64);
    edge.up().await;
    mute.store(true, SeqCst);
    let before = pings.load(SeqCst);
    for (id, name) in [(1, "a"), (2, "b")] {
        edge.submit(id, name).await;
        while !matches!(edge.next().await, Event::Outcome(_)) {}
    }
    // The read of the first was answered: what ended it is the silence after its ping.
    let third = async {
        while edge.api.calls("OpenOrders").len() < 3 {
            tokio::task::yield_now().await
        }
    };
    within(third).await;
    let told = std::iter::from_fn(|| edge.events.try_recv().ok());
    let opened: Vec<_> = told
        .filter(|event| matches!(event, Event::OrderEntry(_)))
        .collect();
    assert_eq!(opened, [], "a read alone");
    mute.store(false, SeqCst);
    while edge.next().await != Event::OrderEntry(OrderEntry::Open) {}
    let probes = edge.api.calls("OpenOrders").len();
    assert!(pings.load(SeqCst) - before >= probes, "one each");
}

#[tokio::test]
async fn cancels_over_the_socket_are_counted_and_pass_whatever_order_entry_says() {
    let server = every(|request| match request["params"]["cl_ord_id"][0].as_str() {
        Some("known") => Some(accepted(request)),
        Some("gone") => Some(refused(request, "EOrder:Unknown order")),
        _ => None,
    })
    .await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    for (id, name) in [
        (1, "known"),
        (2, "gone"),
        (3, "mute"),
        (4, "mute"),
        (5, "mute"),
    ] {
        edge.cancel(id, name).await;
        edge.outcome().await;
    }
    let counted = edge.counting.snapshot();
    assert_eq!(
        (counted.name, counted.state),
        ("cancels", State::MetricsOnly)
    );
    let totals = counted.totals;
    let ended = (totals.succeeded, totals.failed, totals.ignored);
    assert_eq!((totals.admitted, ended), (5, (2, 3, 0)));
    // They say nothing about orders, and the next cancel leaves as well.
    edge.cancel(6, "known").await;
    assert_eq!(edge.outcome().await, (6, ACCEPTED));
    assert!(
        edge.stop()
            .await
            .iter()
            .all(|event| !matches!(event, Event::OrderEntry(_)))
    );
}

#[tokio::test]
async fn over_a_connection_the_task_turns_when_it_is_looked_at() {
    let server = every(|_| None).await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.turns().await;
    edge.stop().await;
}

#[tokio::test]
async fn without_a_connection_the_task_turns_when_it_is_looked_at() {
    let mut edge = Edge::at("ws://127.0.0.1:1/v2", tokens(), 64);
    edge.turns().await;
    edge.stop().await;
}

#[tokio::test]
async fn a_refused_key_ends_the_task() {
    let api = Api::new(|_, _| Some(r#"{"error":["EAPI:Invalid key"]}"#.to_owned()));
    let mut edge = Edge::at("ws://127.0.0.1:1/v2", api, 64);
    let ended = within(edge.tasks.join_next()).await.unwrap().unwrap();
    assert!(ended.is_err());
    assert_eq!(edge.api.calls("GetWebSocketsToken").len(), 1);
}

#[tokio::test]
async fn stopping_leaves_no_command_without_an_outcome() {
    let server = every(|_| None).await;
    let mut edge = Edge::start(&server, tokens(), 64);
    edge.up().await;
    edge.submit(1, "a").await;
    while edge.counters.frames.get() == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let rest = edge.stop().await;
    let outcomes: Vec<_> = rest
        .iter()
        .filter_map(|event| match event {
            Event::Outcome(outcome) => Some((outcome.command.0, outcome.answer)),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes, [(1, Answer::Unanswered)]);
    assert_eq!(rest.last(), Some(&Event::Account(Link::Down)));
}
