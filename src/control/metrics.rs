//! The page of numbers.
//!
//! For: names, help and labels after Prometheus's conventions; `docs/metrics.md` has the same table, and a test compares them.
//! Left out: keeping anything. A page is made from what is read when it is asked for.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric, prometheus_text, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::{
    board::{Board, Figures, Glance, Parts, Stage, TASKS},
    health,
};
use crate::{
    journal::BUILD,
    resilience::{
        Place,
        circuit_breaker::{Snapshot, State, Totals},
        supervisor::{self, TaskStatus},
    },
    venue::kraken::counters::{Feed, SocketCounters},
};

/// One page, in OpenMetrics or in Prometheus's older text.
///
/// # Errors
///
/// When a number has no text form.
pub(super) fn page(board: &Arc<Board>, glance: Glance, open: bool) -> Result<String, fmt::Error> {
    board.look();
    let mut registry = Registry::with_prefix("tradingd");
    let board = Arc::clone(board);
    registry.register_collector(Box::new(Page { board, glance }));
    let mut page = String::new();
    if open {
        text::encode(&mut page, &registry)?;
    } else {
        prometheus_text::encode(&mut page, &registry)?;
    }
    Ok(page)
}

#[derive(Debug)]
struct Page {
    board: Arc<Board>,
    glance: Glance,
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Families(encoder);
        self.run(&mut out)?;
        tasks(&mut out, &self.board.tasks())?;
        if let Some(parts) = self.board.parts() {
            breakers(&mut out, parts)?;
            sockets(&mut out, &self.board, parts)?;
            deadlines(&mut out, parts)?;
            retries(&mut out, parts)?;
            connections(&mut out, &self.board, parts)?;
            queues(&mut out, parts)?;
        }
        if let Glance::Seen(figures) = &self.glance {
            engine(&mut out, figures)?;
            orders(&mut out, figures)?;
        }
        Ok(())
    }
}

/// The labels of one sample.
type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// Reads one number.
type Read<T> = fn(&T) -> u64;

/// Writes families, one after the other.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn counter<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, u64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, samples, ConstCounter::new)
    }

    fn gauge<'l, V: EncodeGaugeValue, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, samples, ConstGauge::new)
    }

    fn family<'l, V, M: EncodeMetric, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        samples: impl IntoIterator<Item = (Labels<'l, N>, V)>,
        metric: impl Fn(V) -> M,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in samples {
            metric(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// The one that holds is 1, the others 0.
fn one_hot<T: Copy + PartialEq>(all: &[T], holds: T) -> impl Iterator<Item = (T, u64)> {
    all.iter().map(move |one| (*one, u64::from(*one == holds)))
}

impl Page {
    fn run(&self, out: &mut Families<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION")), ("build", BUILD)];
        out.gauge(
            "build_info",
            "Which program runs; always 1.",
            [(version, 1_u64)],
        )?;
        let stage = self.board.stage();
        let stages = one_hot(&Stage::ALL, stage);
        out.gauge(
            "phase",
            "How far the run is: 1 for the phase that it is in, 0 for the others.",
            stages.map(|(stage, holds)| ([("phase", stage.as_str())], holds)),
        )?;
        let (ready, _) = health::report(&health::conditions(stage, &self.glance));
        out.gauge(
            "ready",
            "Whether /readyz says 200.",
            [([], u64::from(ready))],
        )
    }
}

fn tasks(out: &mut Families<'_>, tasks: &[TaskStatus]) -> fmt::Result {
    use supervisor::State;
    let all = [
        (State::Running, "running"),
        (State::Waiting, "waiting"),
        (State::Ended, "ended"),
        (State::Failed, "failed"),
    ];
    let states = tasks.iter().flat_map(|task| {
        all.map(|(state, name)| {
            let labels = [("task", task.name), ("state", name)];
            (labels, u64::from(task.state == state))
        })
    });
    out.gauge(
        "task_state",
        "Where a task stands: 1 for its state, 0 for the others.",
        states,
    )?;
    let restarts = tasks
        .iter()
        .map(|task| ([("task", task.name)], task.restarts));
    out.counter("task_restarts", "How often a task was restarted.", restarts)
}

/// What became of the calls that a breaker let pass.
const CALLS: [(&str, Read<Totals>); 5] = [
    ("succeeded", |it| it.succeeded),
    ("failed", |it| it.failed),
    ("ignored", |it| it.ignored),
    ("dropped", |it| it.dropped),
    ("stale", |it| it.stale),
];

/// What a breaker's probes said.
const PROBES: [(&str, Read<Totals>); 3] = [
    ("succeeded", |it| it.probes_succeeded),
    ("failed", |it| it.probes_failed),
    ("void", |it| it.probes_void),
];

/// What else a breaker counts.
const BREAKER_TOTALS: [(&str, &str, Read<Totals>); 5] = [
    (
        "breaker_admissions",
        "Calls that a circuit breaker let pass.",
        |it| it.admitted,
    ),
    (
        "breaker_rejections",
        "Calls that a circuit breaker did not let pass.",
        |it| it.rejected,
    ),
    (
        "breaker_slow_calls",
        "Calls that succeeded or failed, slowly.",
        |it| it.slow,
    ),
    (
        "breaker_openings",
        "Times that a circuit breaker opened by its rules.",
        |it| it.opened,
    ),
    (
        "breaker_transitions",
        "Changes of a circuit breaker's state, those by an operator included.",
        |it| it.transitions,
    ),
];

fn breakers(out: &mut Families<'_>, parts: &Parts) -> fmt::Result {
    let breakers: Vec<Snapshot> = parts.breakers.iter().map(|it| it.snapshot()).collect();
    let all = [
        State::Closed,
        State::Open,
        State::HalfOpen,
        State::ForcedOpen,
        State::Disabled,
        State::MetricsOnly,
    ];
    let states = breakers.iter().flat_map(|breaker| {
        one_hot(&all, breaker.state).map(|(state, holds)| {
            let labels = [("breaker", breaker.name), ("state", state.as_str())];
            (labels, holds)
        })
    });
    out.gauge(
        "breaker_state",
        "Where a circuit breaker stands: 1 for its state, 0 for the others.",
        states,
    )?;
    let calls = breakers.iter().flat_map(|breaker| {
        CALLS.map(|(outcome, count)| {
            let labels = [("breaker", breaker.name), ("outcome", outcome)];
            (labels, count(&breaker.totals))
        })
    });
    out.counter(
        "breaker_calls",
        "Calls that a circuit breaker let pass and that have ended, by what became of them.",
        calls,
    )?;
    let probes = breakers.iter().flat_map(|breaker| {
        PROBES.map(|(outcome, count)| {
            let labels = [("breaker", breaker.name), ("outcome", outcome)];
            (labels, count(&breaker.totals))
        })
    });
    out.counter(
        "breaker_probes",
        "Calls by which a half-open circuit breaker found out whether it works again, by what they said.",
        probes,
    )?;
    for (name, help, count) in BREAKER_TOTALS {
        let samples = breakers.iter();
        let samples = samples.map(|it| ([("breaker", it.name)], count(&it.totals)));
        out.counter(name, help, samples)?;
    }
    Ok(())
}

/// What a socket counts.
const SOCKET_COUNTS: [(&str, &str, Read<SocketCounters>); 11] = [
    ("socket_connections", "Connections that came up.", |it| {
        it.connections.get()
    }),
    (
        "socket_reconnects",
        "Connections that came up, the first apart.",
        |it| it.connections.get().saturating_sub(1),
    ),
    (
        "socket_connect_failures",
        "Attempts to connect that failed.",
        |it| it.failed_connections.get(),
    ),
    (
        "socket_losses",
        "Connections lost after they were up.",
        |it| it.lost_connections.get(),
    ),
    (
        "socket_decode_errors",
        "Frames that could not be read.",
        |it| it.decode_errors.get(),
    ),
    (
        "socket_unknown_frames",
        "Frames of a kind that this program does not know.",
        |it| it.unknown_frames.get(),
    ),
    (
        "socket_unknown_fields",
        "Fields that this program does not know.",
        |it| it.unknown_fields.get(),
    ),
    (
        "socket_dropped_events",
        "Market events dropped because their queue was full.",
        |it| it.dropped.get(),
    ),
    (
        "socket_resyncs",
        "Books taken anew because the engine asked.",
        |it| it.resyncs.get(),
    ),
    (
        "socket_unanswered_requests",
        "Requests given up without an answer.",
        |it| it.unanswered.get(),
    ),
    (
        "socket_late_answers",
        "Answers that came after their request was given up.",
        |it| it.late_answers.get(),
    ),
];

fn sockets(out: &mut Families<'_>, board: &Board, parts: &Parts) -> fmt::Result {
    let sockets = || parts.sockets.iter();
    let up = sockets().map(|(name, it)| ([("socket", *name)], u64::from(it.up.get())));
    out.gauge("socket_up", "Whether a connection is up.", up)?;
    let frames = sockets().flat_map(|(name, it)| {
        let counted = Feed::ALL.map(|feed| (feed, it.feeds.get(feed)));
        let heard = counted.into_iter().filter(|(_, frames)| *frames > 0);
        heard.map(|(feed, frames)| ([("socket", *name), ("channel", feed.as_str())], frames))
    });
    out.counter(
        "socket_frames",
        "Frames received and read, by channel.",
        frames,
    )?;
    let now = board.clock.now();
    let ages = sockets().zip(board.ages()).flat_map(|((name, _), ages)| {
        let ages = ages.seconds(now).into_iter();
        ages.map(|(feed, age)| ([("socket", *name), ("channel", feed.as_str())], age))
    });
    out.gauge(
        "socket_last_frame_age_seconds",
        "Time since a channel's last frame, to a quarter of a second.",
        ages,
    )?;
    for (name, help, count) in SOCKET_COUNTS {
        let samples = sockets().map(|(socket, it)| ([("socket", *socket)], count(it)));
        out.counter(name, help, samples)?;
    }
    Ok(())
}

/// Whether somebody ever waits at a place; a number of one where he never does would only ever be 0.
fn waits(on: &str, at: Place) -> bool {
    let is_market = on == "public" || on == "mirror";
    let is_socket = is_market || on == "private";
    match at {
        Place::Connect => on != TASKS,
        Place::Tls
        | Place::Upgrade
        | Place::SubscribeAck
        | Place::FirstSnapshot
        | Place::Idle
        | Place::Write
        | Place::Close => is_socket,
        Place::ChannelIdle => is_market,
        Place::Answer => on == "private",
        Place::Request | Place::Turn => on == "rest",
        Place::Join => on == TASKS,
    }
}

fn deadlines(out: &mut Families<'_>, parts: &Parts) -> fmt::Result {
    let missed = parts.deadlines.iter().flat_map(|(on, deadlines)| {
        let places = deadlines.counts().into_iter();
        let places = places.filter(|(place, _)| waits(on, *place));
        places.map(|(place, counts)| ([("on", *on), ("place", place.as_str())], counts.missed))
    });
    out.counter(
        "timeouts",
        "Limits that passed first, by who waited and where.",
        missed,
    )
}

fn retries(out: &mut Families<'_>, parts: &Parts) -> fmt::Result {
    let totals = (parts.retries)();
    out.counter(
        "rest_reads",
        "REST reads, each with all its attempts.",
        [([], totals.calls)],
    )?;
    out.counter(
        "rest_retries",
        "Attempts of REST reads after the first one.",
        [([], totals.retries)],
    )?;
    out.counter(
        "rest_retries_refused",
        "Retries of REST reads that their budget refused.",
        [([], totals.refused)],
    )?;
    out.gauge(
        "rest_retry_budget_left",
        "Retries of REST reads that their budget holds.",
        [([], totals.left)],
    )
}

fn connections(out: &mut Families<'_>, board: &Board, parts: &Parts) -> fmt::Result {
    let now = board.clock.now();
    let (left, refused) = parts.connections.with(|it| (it.left(now), it.refused()));
    out.gauge(
        "connection_budget_left",
        "Attempts to connect that are left in the present window, over all sockets.",
        [([], left)],
    )?;
    out.counter(
        "connection_budget_refusals",
        "Attempts to connect that had to wait because the budget was spent.",
        [([], refused)],
    )
}

fn queues(out: &mut Families<'_>, parts: &Parts) -> fmt::Result {
    let sample = |number: fn(&crate::resilience::queue::Gauge) -> usize| {
        let queues = parts.queues.iter();
        queues.map(move |queue| ([("queue", queue.name)], number(queue)))
    };
    out.gauge(
        "queue_depth",
        "What waits in a queue.",
        sample(|queue| queue.waiting()),
    )?;
    out.gauge(
        "queue_capacity",
        "The room of a queue.",
        sample(|queue| queue.capacity),
    )?;
    out.gauge(
        "queue_high_water_mark",
        "The most that ever waited in a queue, what is in the reader's hand apart.",
        sample(|queue| queue.most()),
    )
}

fn engine(out: &mut Families<'_>, figures: &Figures) -> fmt::Result {
    let (books, verified) = figures.books;
    out.gauge("books", "Books that are kept.", [([], books)])?;
    out.gauge(
        "books_verified",
        "Books that agree with the venue.",
        [([], verified)],
    )?;
    out.gauge(
        "pairs_halted",
        "Pairs that stand still after an anomaly.",
        [([], figures.halted)],
    )?;
    let (right, wrong) = figures.checksums;
    out.counter(
        "book_checksums",
        "Book frames whose checksum was compared, by what came of it.",
        [("right", right), ("wrong", wrong)].map(|(result, n)| ([("result", result)], n)),
    )?;
    out.counter(
        "stale_books",
        "Books that went bad and were taken anew.",
        [([], figures.stale_books)],
    )?;
    out.counter(
        "anomalies",
        "Things that could not be; each is recorded.",
        [([], figures.anomalies)],
    )?;
    out.counter(
        "journal_failures",
        "Times that the journal could not be written or synced.",
        [([], figures.journal_failures)],
    )?;
    out.gauge(
        "order_latency_worst_seconds",
        "Longest time from an event in hand to its last order in the lane.",
        [([], figures.worst_latency.as_secs_f64())],
    )
}

fn orders(out: &mut Families<'_>, figures: &Figures) -> fmt::Result {
    out.gauge(
        "open_orders",
        "Orders of ours that may still trade.",
        [([], figures.open_orders)],
    )?;
    let commands = figures.commands;
    out.counter(
        "commands",
        "Creates, amends and cancels handed to the edge.",
        commands.map(|(command, n)| ([("command", command)], n)),
    )?;
    out.counter("fills", "Fills of ours.", [([], figures.fills)])?;
    let denied = figures.denied.iter();
    out.counter(
        "intents_denied",
        "Wishes of strategies that the risk gate refused, by its code.",
        denied.map(|(code, n)| ([("code", code.as_str())], *n)),
    )?;
    let (rejected, rate) = figures.rejected;
    out.counter(
        "commands_rejected",
        "Commands that the venue refused, by reason.",
        [("rate_limit", rate), ("other", rejected - rate)]
            .map(|(reason, n)| ([("reason", reason)], n)),
    )?;
    out.counter(
        "commands_unanswered",
        "Commands that were not answered and had to be looked up.",
        [([], figures.unanswered)],
    )
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, future::ready};

    use super::*;
    use crate::control::board::tests::{board, figures};

    async fn told(open: bool) -> String {
        let board = Arc::new(board(|| Box::pin(ready(Some(figures())))));
        let parts = board.parts().unwrap();
        parts.sockets[0].1.feeds.add(Feed::Book);
        parts.sockets[0].1.connections.add(3);
        parts.deadlines[0].1.count(Place::ChannelIdle, false);
        let glance = board.glance().await;
        page(&board, glance, open).unwrap()
    }

    #[tokio::test]
    async fn a_page_tells_what_was_counted() {
        let page = told(false).await;
        for line in [
            "tradingd_ready 1",
            "tradingd_phase{phase=\"running\"} 1",
            "tradingd_phase{phase=\"parking\"} 0",
            "# TYPE tradingd_socket_frames_total counter",
            "tradingd_socket_frames_total{socket=\"public\",channel=\"book\"} 1",
            "tradingd_socket_last_frame_age_seconds{socket=\"public\",channel=\"book\"} 0.0",
            "tradingd_socket_reconnects_total{socket=\"public\"} 2",
            "tradingd_socket_reconnects_total{socket=\"private\"} 0",
            "tradingd_timeouts_total{on=\"public\",place=\"channel_idle\"} 1",
            "tradingd_timeouts_total{on=\"rest\",place=\"turn\"} 0",
            "tradingd_timeouts_total{on=\"tasks\",place=\"join\"} 0",
            "tradingd_connection_budget_left 100",
            "tradingd_task_restarts_total{task=\"public\"} 11",
            "tradingd_rest_reads_total 9",
            "tradingd_rest_retries_total 2",
            "tradingd_rest_retries_refused_total 4",
            "tradingd_rest_retry_budget_left 8",
            "tradingd_breaker_probes_total{breaker=\"connect\",outcome=\"failed\"} 1",
            "tradingd_breaker_rejections_total{breaker=\"connect\"} 13",
            "tradingd_breaker_openings_total{breaker=\"connect\"} 2",
            "tradingd_queue_depth{queue=\"market\"} 17",
            "tradingd_queue_capacity{queue=\"market\"} 64",
            "tradingd_queue_high_water_mark{queue=\"market\"} 23",
            "tradingd_breaker_transitions_total{breaker=\"connect\"} 3",
            "tradingd_book_checksums_total{result=\"wrong\"} 1",
            "tradingd_commands_total{command=\"amend\"} 6",
            "tradingd_commands_rejected_total{reason=\"other\"} 1",
            "tradingd_intents_denied_total{code=\"collar\"} 9",
            "tradingd_order_latency_worst_seconds 0.00025",
        ] {
            assert!(
                page.lines().any(|told| told == line),
                "no {line} in\n{page}"
            );
        }
    }

    #[tokio::test]
    async fn each_place_is_shown_with_who_waits_there() {
        let page = told(false).await;
        let shown = |on: &str| -> Vec<&str> {
            let head = format!("tradingd_timeouts_total{{on=\"{on}\",place=\"");
            let lines = page.lines().filter_map(|line| line.strip_prefix(&head));
            lines.filter_map(|line| line.split('"').next()).collect()
        };
        let socket = [
            "connect",
            "tls",
            "upgrade",
            "subscribe_ack",
            "first_snapshot",
            "idle",
        ];
        let public = [&socket[..], &["channel_idle", "write", "close"]].concat();
        let private = [&socket[..], &["write", "answer", "close"]].concat();
        assert_eq!(shown("public"), public);
        assert_eq!(shown("mirror"), public);
        assert_eq!(shown("private"), private);
        assert_eq!(shown("rest"), ["connect", "request", "turn"]);
        assert_eq!(shown("tasks"), ["join"]);
        let seen_somewhere = |place: &Place| {
            let mut all = ["public", "private", "rest", TASKS].into_iter();
            all.any(|on| waits(on, *place))
        };
        assert!(Place::ALL.iter().all(seen_somewhere));
    }

    #[tokio::test]
    async fn each_family_has_one_name_one_help_and_the_suffix_of_its_type() {
        let page = told(false).await;
        let mut names = BTreeSet::new();
        for line in page.lines().filter_map(|it| it.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            assert!(names.insert(name), "{name} twice");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(page.contains(&format!("# HELP {name} ")), "{name}");
        }
        assert!(names.len() > 30, "{names:?}");
    }

    #[tokio::test]
    async fn open_metrics_end_with_their_mark() {
        let page = told(true).await;
        assert!(page.contains("# TYPE tradingd_fills counter\n"), "{page}");
        assert!(page.contains("tradingd_fills_total 3\n"), "{page}");
        assert!(page.ends_with("# EOF\n"), "{page}");
    }
}
