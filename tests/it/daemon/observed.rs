//! What an operator sees over HTTP, as the daemon starts, trades and ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{interval, timeout},
};
use tradingd::{
    app::{Stops, Verdict},
    engine::Mode,
    resilience::{
        Canceled,
        circuit_breaker::{Outcome, State},
    },
    sim::{
        faults::{Fault, RequestFault, RestFault, SocketFault},
        server::Role,
    },
};

use super::rig::{Rig, busy, config, starting, still};
use crate::support::{LIMIT, within};

/// An answer.
struct Page {
    status: u16,
    head: String,
    body: String,
}

/// Sends one request and reads until the other side closes.
async fn send(address: SocketAddr, request: &str) -> Option<Page> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Page {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> Page {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    within(send(address, &request)).await.expect("an answer")
}

async fn get(address: SocketAddr, path: &str) -> Page {
    ask(address, "GET", path).await
}

/// Asks until an answer is as wanted. None where nobody answers any more.
async fn until(address: SocketAddr, path: &str, wanted: impl Fn(&Page) -> bool) -> Option<Page> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut ticks = interval(Duration::from_millis(2));
    within(async {
        loop {
            ticks.tick().await;
            let page = send(address, &request).await?;
            if wanted(&page) {
                return Some(page);
            }
        }
    })
    .await
}

/// The value of a sample, by its whole name with labels.
fn value(metrics: &str, sample: &str) -> f64 {
    let mut values = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    let value = values.next();
    value
        .unwrap_or_else(|| panic!("no {sample} in\n{metrics}"))
        .parse()
        .unwrap()
}

async fn trading() -> (Rig, SocketAddr) {
    let rig = Rig::start(busy(), config()).await;
    let address = rig.http.unwrap();
    rig.until("a fill", |picture| picture.ready && picture.tally.fills > 0)
        .await;
    (rig, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_trades_lives_and_is_ready_condition_by_condition() {
    let (mut rig, address) = trading().await;
    assert!(address.ip().is_loopback());
    let page = get(address, "/livez").await;
    assert_eq!((page.status, &*page.body), (200, "ok\n"));
    let page = until(address, "/readyz?verbose", |page| page.status == 200).await;
    let lines = "[+]started ok\n[+]feed ok\n[+]private_link ok\n[+]order_entry ok\n[+]journal ok\n[+]reconciled ok\n[+]not_stopping ok\nready\n";
    assert_eq!(page.unwrap().body, lines);
    let page = until(address, "/readyz", |page| page.status == 200).await;
    assert_eq!(page.unwrap().body, "ready\n");
    rig.stop().await;
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_move_with_what_happens() {
    let (mut rig, address) = trading().await;
    let picture = rig.picture().await;
    let before = get(address, "/metrics").await;
    let kind = "content-type: text/plain; version=0.0.4; charset=utf-8";
    assert!(before.head.contains(kind), "{}", before.head);
    let of = |name| value(&before.body, name);
    assert!(of("tradingd_fills_total") >= picture.tally.fills as f64);
    assert!(of("tradingd_socket_frames_total{socket=\"public\",channel=\"book\"}") > 0.0);
    assert!(of("tradingd_queue_high_water_mark{queue=\"orders\"}") >= 1.0);
    assert_eq!(of("tradingd_queue_capacity{queue=\"market\"}"), 4096.0);
    assert_eq!(of("tradingd_phase{phase=\"running\"}"), 1.0);
    assert_eq!(
        of("tradingd_task_state{task=\"driver\",state=\"running\"}"),
        1.0
    );
    assert_eq!(of("tradingd_socket_up{socket=\"private\"}"), 1.0);
    let spent = of("tradingd_connection_budget_left");

    rig.sim
        .faults()
        .arm(Fault::Socket(Role::Private, SocketFault::Drop), 1);
    let reconnected = "tradingd_socket_reconnects_total{socket=\"private\"} 1\n";
    let after = until(address, "/metrics", |page| page.body.contains(reconnected)).await;
    let after = after.unwrap().body;
    let lost = "tradingd_socket_losses_total{socket=\"private\"}";
    assert_eq!(value(&after, lost), 1.0);
    assert!(value(&after, "tradingd_connection_budget_left") < spent);
    let frames = "tradingd_socket_frames_total{socket=\"public\",channel=\"book\"}";
    assert!(value(&after, frames) >= of(frames));
    rig.stop().await;
    rig.shutdown().await;
}

/// On one thread: the daemon's own calls have no turn while the failures are counted.
#[tokio::test]
async fn the_thresholds_of_each_purpose_reach_its_own_breaker() {
    let purposes = [
        ("public", 2),
        ("private", 3),
        ("order_entry", 4),
        ("connect", 5),
    ];
    let section = |(purpose, failures): (&str, u32)| {
        format!(
            "[{purpose}]\nconsecutive_failures = {failures}\nfailure_percent = 0\nopen_for = \"50ms\"\n"
        )
    };
    let mut config = config();
    config.breaker = toml::from_str(&purposes.map(section).concat()).unwrap();
    let mut rig = Rig::start(still(), config).await;
    rig.until("ready", |picture| picture.ready).await;
    let mut opened = BTreeMap::new();
    for breaker in &rig.breakers {
        let mut failures = 0;
        while breaker.snapshot().state == State::Closed {
            breaker.admit().unwrap().record(Outcome::Failure);
            failures += 1;
        }
        opened.insert(breaker.snapshot().name, failures);
    }
    let expected = [
        ("rest_public", 2),
        ("rest_private", 3),
        ("cancels", 0),
        ("order_entry", 4),
        ("connect", 5),
    ];
    assert_eq!(
        opened,
        BTreeMap::from(expected),
        "cancels never open theirs"
    );
    rig.stop().await;
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_that_opens_is_seen_in_metrics_and_readiness() {
    let mut config = config();
    config.breaker.order_entry.consecutive_failures = 1;
    config.breaker.order_entry.open_for = LIMIT;
    config.breaker.order_entry.open_for_max = LIMIT;
    let mut rig = Rig::start(busy(), config).await;
    let address = rig.http.unwrap();
    until(address, "/readyz", |page| page.status == 200).await;
    for method in ["add_order", "amend_order"] {
        let mute = Fault::Request(method.to_owned(), RequestFault::NoAnswer);
        rig.sim.faults().arm(mute, 1);
    }
    let open = "[-]order_entry the circuit breaker is not closed\n";
    let page = until(address, "/readyz", |page| page.body.contains(open)).await;
    assert_eq!(page.unwrap().status, 503);
    let page = get(address, "/metrics").await.body;
    for (sample, expected) in [
        (
            "tradingd_breaker_state{breaker=\"order_entry\",state=\"open\"}",
            1.0,
        ),
        (
            "tradingd_breaker_state{breaker=\"order_entry\",state=\"closed\"}",
            0.0,
        ),
        (
            "tradingd_breaker_calls_total{breaker=\"order_entry\",outcome=\"failed\"}",
            1.0,
        ),
        (
            "tradingd_breaker_openings_total{breaker=\"order_entry\"}",
            1.0,
        ),
        ("tradingd_ready", 0.0),
    ] {
        assert_eq!(value(&page, sample), expected, "{sample}");
    }
    rig.stop().await;
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_stops_is_not_ready_and_still_lives() {
    let (mut rig, address) = trading().await;
    // The cancels of the stop are not carried out: it lasts until it is hurried.
    let ignored = Fault::Request("cancel_order".to_owned(), RequestFault::Ignore);
    rig.sim.faults().arm(ignored, u32::MAX);
    rig.stops.stop.cancel();
    let stopping = "[-]not_stopping the daemon is stopping\nnot ready\n";
    let page = until(address, "/readyz", |page| page.body.ends_with(stopping)).await;
    assert_eq!(page.unwrap().status, 503);
    let settling = "tradingd_phase{phase=\"settling\"} 1\n";
    let seen = until(address, "/metrics", |page| page.body.contains(settling)).await;
    assert!(seen.is_some());
    assert_eq!(get(address, "/livez").await.status, 200);
    rig.stops.abandon.cancel();
    rig.ended().await;
    assert!(TcpStream::connect(address).await.is_err(), "it is closed");
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_starts_lives_and_is_not_ready() {
    // A port that was free a moment ago.
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let stops = Stops::default();
    let watching = async {
        let mut ticks = interval(Duration::from_millis(2));
        while TcpStream::connect(address).await.is_err() {
            ticks.tick().await;
        }
        let page = get(address, "/readyz").await;
        assert_eq!(page.status, 503);
        assert!(
            page.body.starts_with("[-]started still asking the venue\n"),
            "{}",
            page.body
        );
        assert_eq!(get(address, "/livez").await.status, 200);
        let page = get(address, "/metrics").await;
        assert_eq!(value(&page.body, "tradingd_phase{phase=\"starting\"}"), 1.0);
        stops.stop.cancel();
    };
    let starting = starting(address, stops.clone());
    let both = Box::pin(async { tokio::join!(starting, watching) });
    let (started, ()) = within(both).await;
    assert!(matches!(started, Err(Canceled)), "{started:?}");
}

#[tokio::test]
async fn a_port_in_use_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let refused = within(starting(address, Stops::default())).await;
    let told = refused.unwrap().unwrap_err().to_string();
    assert!(told.contains(&address.to_string()), "{told}");
    for way_out in ["http.listen", "port 0", "http.enabled = false"] {
        assert!(told.contains(way_out), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_switches_it_off() {
    let mut config = config();
    config.http.enabled = false;
    let mut rig = Rig::start(still(), config).await;
    assert_eq!(rig.http, None);
    rig.until("trading", |picture| picture.mode == Mode::Trading)
        .await;
    assert_eq!(rig.stop().await.verdict, Verdict::Clean);
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_and_what_is_not_allowed_is_refused() {
    let mut rig = Rig::start(still(), config()).await;
    let address = rig.http.unwrap();
    for path in ["/", "/metrics/", "/readyz/x", "/favicon.ico"] {
        let page = get(address, path).await;
        assert_eq!(page.status, 404, "{path}");
        for there in ["/livez", "/readyz?verbose", "/metrics"] {
            assert!(page.body.contains(there), "{}", page.body);
        }
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let page = ask(address, method, "/metrics").await;
        assert_eq!(page.status, 405, "{method}");
        assert!(page.head.contains("allow: get, head"), "{}", page.head);
    }
    let head = ask(address, "HEAD", "/metrics").await;
    assert_eq!((head.status, &*head.body), (200, ""));
    assert!(head.head.contains("connection: close"), "{}", head.head);
    let accepting = "GET /metrics HTTP/1.1\r\nhost: x\r\naccept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3\r\n\r\n";
    let page = within(send(address, accepting)).await.unwrap();
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(page.head.contains(kind), "{}", page.head);
    assert!(page.body.ends_with("# EOF\n"), "{}", page.body);
    rig.stop().await;
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_say_nothing_are_few_and_do_not_hold_up_the_end() {
    let mut rig = Rig::start(still(), config()).await;
    let address = rig.http.unwrap();
    let mut closed = JoinSet::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /livez HT").await.unwrap();
        closed.spawn(async move {
            let mut rest = Vec::new();
            // Closed or reset: either is an end.
            let _ended = stream.read_to_end(&mut rest).await;
        });
    }
    // Sixteen have a place. The others are sent away for those who come, not by the end of their ten seconds.
    for _ in 0..40 - 16 {
        let one = timeout(Duration::from_secs(5), closed.join_next()).await;
        one.expect("it gives up its place").unwrap().unwrap();
    }
    let stopped = timeout(Duration::from_secs(5), rig.stop()).await;
    let report = stopped.expect("those who say nothing do not hold it up");
    assert_eq!(report.verdict, Verdict::Clean);
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_an_answer_is_a_time_out_at_its_place() {
    let mut config = config();
    config.deadlines.request = Duration::from_millis(300);
    config.orders.reconcile_every = Duration::from_millis(200);
    let mut rig = Rig::start(still(), config).await;
    let address = rig.http.unwrap();
    until(address, "/readyz", |page| page.status == 200).await;
    rig.sim
        .faults()
        .arm_rest("OpenOrders", RestFault::DoThenSilence, 1);
    let late = "tradingd_timeouts_total{on=\"rest\",place=\"request\"} 1\n";
    let seen = until(address, "/metrics", |page| page.body.contains(late)).await;
    assert!(seen.is_some());
    rig.stop().await;
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_that_fall_silent_are_counted_and_trading_goes_on() {
    let mut config = config();
    config.deadlines.channel_idle = Duration::from_millis(100);
    let mut rig = Rig::start(still(), config).await;
    let address = rig.http.unwrap();
    until(address, "/readyz", |page| page.status == 200).await;
    let silent = "tradingd_timeouts_total{on=\"public\",place=\"channel_idle\"}";
    let often = |page: &Page| value(&page.body, silent) >= 8.0;
    let page = until(address, "/metrics", often).await.unwrap().body;
    for (sample, expected) in [
        ("tradingd_socket_losses_total{socket=\"public\"}", 0.0),
        ("tradingd_stale_books_total", 0.0),
        ("tradingd_books_verified", 2.0),
    ] {
        assert_eq!(value(&page, sample), expected, "{sample}");
    }
    assert_eq!(get(address, "/readyz").await.status, 200);
    assert_eq!(rig.stop().await.verdict, Verdict::Clean);
    rig.shutdown().await;
}

/// Names in the first column of the tables of a document.
fn documented(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`'))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("tradingd_"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_family_is_documented_and_every_documented_family_is_there() {
    let (mut rig, address) = trading().await;
    let page = get(address, "/metrics").await.body;
    let told = include_str!("../../../docs/metrics.md");
    let families: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next())
        .collect();
    assert_eq!(families, documented(told));
    let account = &rig.sim.accounts()[0];
    for secret in [&account.key, &account.secret_base64] {
        assert!(!page.contains(&**secret), "a secret");
    }
    rig.stop().await;
    rig.shutdown().await;
}
