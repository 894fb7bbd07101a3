//! `tradingd verify` on journals of a real engine: whole, damaged, and recording what the engine did not decide.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{runtime::Builder, task::JoinSet};
use tradingd::{
    app::{
        plan,
        recover::{Past, Replayed},
    },
    config::Config,
    engine::{
        Command as Order, Engine, Event, Outbox,
        event::{Answer, Balance, BookKind, BookUpdate, Level, Link, Outcome, VenueState},
        strategy,
    },
    io::Clock,
    journal::{Settings, Writer},
    types::{
        Decimal, Fees, InlineText, Instrument, InstrumentId, Price, Quantity, Timestamp,
        TradingStatus,
    },
};

const CONFIG: &str = "
[[strategy]]
kind = 'quoter'
name = 'q'
pair = 'BTC/USD'
qty = '0.01'
half_spread = '0.05%'
max_position = '0.1'
";

fn decimal(digits: &str) -> Decimal {
    digits.parse().unwrap()
}

fn instrument() -> Instrument {
    Instrument {
        symbol: InlineText::new("BTC/USD").unwrap(),
        base: InlineText::new("BTC").unwrap(),
        quote: InlineText::new("USD").unwrap(),
        price_precision: 1,
        tick: Price::new(1).unwrap(),
        qty_precision: 8,
        lot: Quantity::new(1).unwrap(),
        qty_min: Quantity::new(5_000).unwrap(),
        cost_precision: 5,
        cost_min: decimal("0.5"),
        fees: Fees {
            maker: decimal("0.0025"),
            taker: decimal("0.004"),
        },
        status: TradingStatus::Online,
    }
}

fn book(bid: i64, ask: i64) -> Event {
    let level = |units| Level {
        price: Price::new(units).unwrap(),
        qty: Quantity::new(100_000_000).unwrap(),
    };
    Event::Book(BookUpdate {
        instrument: InstrumentId(0),
        kind: BookKind::Snapshot,
        bids: vec![level(bid)],
        asks: vec![level(ask)],
        checksum: crc32fast::hash(format!("{ask}100000000{bid}100000000").as_bytes()),
        at: None,
    })
}

/// An engine comes up, reconciles, quotes, and follows the market.
fn day(asked: Timestamp) -> Vec<Event> {
    let balance = |asset, total| Balance {
        asset: InlineText::new(asset).unwrap(),
        total: decimal(total),
    };
    let state = VenueState {
        asked,
        balances: vec![balance("USD", "100000"), balance("BTC", "10")],
        ..VenueState::default()
    };
    let mut events = vec![
        Event::Feed(Link::Up),
        book(600_000, 600_010),
        Event::Account(Link::Up),
        Event::Reconciled(Box::new(state)),
    ];
    events.extend((0..20).map(|step| book(600_000 + step * 50, 600_010 + step * 50)));
    events
}

/// What the venue answers to a command at once.
fn answer(command: &Order) -> Option<Event> {
    let (id, order_id) = match command {
        Order::Submit(submit) => (submit.id, Some(InlineText::lossy("OAAAAA-BBBBB-CCCCCC"))),
        Order::Amend(amend) => (amend.id, None),
        Order::Cancel(_) | Order::LookUp(_) | Order::Reconcile(_) | Order::Resync(_) => {
            return None;
        }
    };
    let answer = Answer::Accepted { order_id };
    Some(Event::Outcome(Outcome {
        command: id,
        answer,
    }))
}

/// What the journal is told of the commands of an event.
type Record = fn(&[Order]) -> &[Order];

/// One run in a state directory: what the engine decided, and its journal.
fn run(directory: &Path, start: Timestamp, record: Record) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config: Config = toml::from_str(CONFIG).unwrap();
        let settings = plan::settings(&config, vec![instrument()]).unwrap();
        let strategies = settings.strategies.iter().filter_map(strategy::build);
        let strategies = strategies.collect();
        let (clock, hand) = Clock::manual(start);
        let past = Past::read(directory).unwrap();
        let (engine, journal) = past
            .begin(
                directory,
                settings,
                strategies,
                &Settings::default(),
                &clock,
            )
            .unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(journal.sync.run());
        let mut writer = journal.writer;
        let now = || {
            hand.advance(Duration::from_millis(300));
            clock.now()
        };
        feed(engine, &mut writer, now, record);
        writer.seal().unwrap();
        tasks.shutdown().await;
    });
}

fn feed(
    mut engine: Engine,
    writer: &mut Writer,
    mut now: impl FnMut() -> Timestamp,
    record: Record,
) {
    let mut commands = 0;
    let mut events = VecDeque::from(day(now()));
    while let Some(event) = events.pop_front() {
        let (now, mut out) = (now(), Outbox::new());
        engine.handle(now, &event, &mut out);
        commands += out.commands().len();
        for answer in out.commands().iter().filter_map(answer) {
            events.push_front(answer);
        }
        writer.append(now, &event, record(out.commands())).unwrap();
    }
    assert!(commands > 3, "the engine decided nothing worth a proof");
}

fn journal(runs: i64, record: Record) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for hour in 0..runs {
        let start = Timestamp::from_secs(1_800_000_000 + 3600 * hour);
        run(directory.path(), start, record);
    }
    directory
}

fn verify(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("tradingd").unwrap();
    let output = command
        .arg("verify")
        .arg(directory)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn segment(directory: &Path, number: u32) -> PathBuf {
    directory
        .join("journal")
        .join(format!("{number:08}.journal"))
}

#[test]
fn a_whole_journal_is_proven_run_by_run() {
    let directory = journal(2, |commands| commands);
    let (code, data, notes) = verify(directory.path(), &[]);
    assert_eq!((code, notes.as_str()), (Some(0), ""));
    let lines: Vec<&str> = data.lines().collect();
    assert_eq!(lines.len(), 2, "{data}");
    for (epoch, line) in (1..).zip(lines) {
        assert!(
            line.starts_with(&format!("run {epoch}, build 0.1.0+")),
            "{line}"
        );
        assert!(line.ends_with("ended in order: equal"), "{line}");
    }
    let (code, data, _) = verify(directory.path(), &["-o", "json"]);
    let proof: Value = serde_json::from_str(&data).unwrap();
    assert_eq!((code, &proof["equal"]), (Some(0), &Value::Bool(true)));
    assert_eq!(proof["runs"][1]["epoch"], 2);
    assert!(
        proof["runs"][1]["commands"].as_u64().unwrap() > 3,
        "{proof}"
    );
}

#[test]
fn a_command_that_the_engine_would_not_give_is_found_and_named() {
    let directory = journal(1, |commands| {
        commands.split_last().map_or(commands, |(_, rest)| rest)
    });
    let (code, data, notes) = verify(directory.path(), &[]);
    assert_eq!((code, data.as_str()), (Some(1), ""));
    assert!(
        notes.contains("segment 1, byte ") && notes.contains("the engine decided otherwise"),
        "{notes}"
    );
    let (code, data, _) = verify(directory.path(), &["-o", "json"]);
    let proof: Value = serde_json::from_str(&data).unwrap();
    assert_eq!((code, &proof["equal"]), (Some(1), &Value::Bool(false)));
    assert_eq!(proof["error"]["segment"], 1);
    assert!(proof["error"]["sequence"].is_u64(), "{proof}");
}

#[test]
fn damage_is_found_and_a_torn_end_is_only_noted() {
    let directory = journal(1, |commands| commands);
    let path = segment(directory.path(), 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let (code, data, notes) = verify(directory.path(), &[]);
    assert_eq!(code, Some(0), "{notes}");
    assert!(data.contains("not ended in order: equal"), "{data}");
    assert!(
        notes.contains("segment 1: ") && notes.contains("unfinished bytes"),
        "{notes}"
    );
    let mut flipped = whole;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&path, &flipped).unwrap();
    let (code, _, notes) = verify(directory.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(notes.contains("segment 1 is damaged at byte"), "{notes}");
}

#[test]
fn a_directory_without_a_journal_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, notes) = verify(directory.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(notes.contains("holds no journal"), "{notes}");
    let missing = directory.path().join("missing");
    let (code, data, _) = verify(&missing, &["-o", "json"]);
    let proof: Value = serde_json::from_str(&data).unwrap();
    assert_eq!((code, &proof["equal"]), (Some(1), &Value::Bool(false)));
    assert!(
        proof["error"]["what"]
            .as_str()
            .unwrap()
            .ends_with("missing is no directory"),
        "{proof}"
    );
}

#[test]
fn what_is_replayed_here_is_what_every_start_replays() {
    let directory = journal(1, |commands| commands);
    let verified = tradingd::journal::verify::<Replayed>(directory.path()).unwrap();
    assert!(verified.runs.iter().all(|run| run.replayed && run.sealed));
}
