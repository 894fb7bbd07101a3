//! Pictures as lines of text.

use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::{
    app::{picture::MarketPicture, tally::Tally, telemetry::Line as LogLine},
    cli::screen::Extra,
    engine::risk::Code,
    io::{Clock, rng},
    resilience::circuit_breaker::{self, CircuitBreaker, Outcome, Settings},
    types::{ClOrdId, Decimal, InlineText, Timestamp},
};

fn decimal(digits: &str) -> Decimal {
    digits.parse().unwrap()
}

fn order(id: &str, side: Side, price: &str, state: &'static str) -> OrderPicture {
    let (price, open) = (decimal(price), decimal("0.01000000"));
    OrderPicture {
        id: ClOrdId::new(id).unwrap(),
        side,
        price,
        open,
        state,
    }
}

fn market(symbol: &str, bid: &str, ask: &str, pnl: &str) -> MarketPicture {
    let (_, quote) = symbol.split_once('/').unwrap();
    MarketPicture {
        symbol: InlineText::new(symbol).unwrap(),
        quote: InlineText::new(quote).unwrap(),
        verified: true,
        halted: false,
        bid: Some((decimal(bid), decimal("0.12345678"))),
        ask: Some((decimal(ask), decimal("2.50000000"))),
        position: decimal("0.03000000"),
        cash: Decimal::ZERO,
        pnl: decimal(pnl),
        fees: decimal("0.48125"),
        fills: 7,
        orders: Vec::new(),
    }
}

fn tally(now: Timestamp) -> Tally {
    Tally {
        since: Some(now.before(Duration::from_secs(754))),
        checksums: 12_000,
        orders: 12,
        amends: 340,
        cancels: 5,
        fills: 7,
        denied: [(Code::Collar, 4), (Code::Throttled, 1)].into(),
        worst_latency: Duration::from_micros(312),
        ..Tally::default()
    }
}

fn view() -> View {
    let now = Timestamp::from_secs(1_800_000_000);
    let mut btc = market("BTC/USD", "64123.4", "64123.5", "12.345");
    btc.orders = vec![
        order("td1a", Side::Buy, "64100.0", "open"),
        order("td1b", Side::Sell, "64150.0", "amending"),
    ];
    let mut eth = market("ETH/USD", "3123.41", "3123.50", "-0.5");
    eth.verified = false;
    let line = |level, text: &str| LogLine {
        level,
        text: text.to_owned(),
    };
    View {
        picture: Picture {
            at: now,
            mode: Mode::Trading,
            ready: true,
            feed: Link::Up,
            account: Link::Down,
            order_entry: OrderEntry::Open,
            markets: vec![btc, eth],
            balances: Vec::new(),
            anomalies: 0,
            tally: tally(now),
        },
        extra: Extra {
            frames: 12_345,
            breakers: vec![("rest".to_owned(), "half-open".to_owned())],
            venue: "sim 127.0.0.1:4000".to_owned(),
        },
        log: vec![
            line(Level::INFO, "08:00:00  INFO fill order=td1a"),
            line(Level::WARN, "08:00:01  WARN book stale symbol=ETH/USD"),
        ],
    }
}

fn drawn(view: &View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| render(frame, view)).unwrap();
    let buffer = terminal.backend().buffer();
    let cells = buffer.content().chunks(usize::from(width).max(1));
    let line = |row: &[ratatui::buffer::Cell]| {
        row.iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect::<String>()
    };
    cells.map(|row| line(row).trim_end().to_owned()).collect()
}

#[test]
fn a_small_terminal_shows_everything() {
    let expected = "\
tradingd   TRADING   up 0:12:34  sim 127.0.0.1:4000  feed up  account DOWN
order entry open  breaker rest half-open
PAIR                               BID       SPREAD       POSITION           PNL
BOOK                               ASK        FILLS           FEES        ORDERS
BTC/USD           64123.4 × 0.12345678          0.1           0.03        +12.35
verified                 64123.5 × 2.5            7          0.481             2
ETH/USD           3123.41 × 0.12345678         0.09           0.03        -0.500
STALE                    3123.50 × 2.5            7          0.481             0
OPEN ORDERS 2
BTC/USD   buy                  64100.0 × 0.01  open      td1a
BTC/USD   sell                 64150.0 × 0.01  amending  td1b
LOG
08:00:00  INFO fill order=td1a
08:00:01  WARN book stale symbol=ETH/USD






frames 12,345  checksums 12,000  failed 0  stale books 0  worst latency 312µs
orders 12  amends 340  cancels 5  a minute 28  fills 7  rejected 0  unanswered 0
anomalies 0  denied 5  collar 4  throttled 1
q or ctrl-c stops: strategies stop, open orders are canceled";
    assert_eq!(drawn(&view(), 80, 24).join("\n"), expected);
}

#[test]
fn on_a_wide_terminal_a_pair_has_one_line() {
    let lines = drawn(&view(), 140, 30);
    let expected = "\
BTC/USD    verified       64123.4 × 0.12345678            64123.5 × 2.5        0.1         7           0.03      0.481     +12.35          2
ETH/USD    STALE          3123.41 × 0.12345678            3123.50 × 2.5       0.09         7           0.03      0.481     -0.500          0
OPEN ORDERS 2";
    assert_eq!(lines[2..5].join("\n"), expected);
}

#[test]
fn what_has_no_place_is_counted() {
    let mut view = view();
    view.picture.markets = vec![view.picture.markets[0].clone(); 12];
    let lines = drawn(&view, 80, 24);
    let title = lines
        .iter()
        .find(|line| line.starts_with("OPEN ORDERS"))
        .unwrap();
    assert_eq!(title, "OPEN ORDERS 24 (22 more; 8 more pairs above)");
    assert_eq!(
        lines.last().unwrap(),
        "q or ctrl-c stops: strategies stop, open orders are canceled"
    );
}

#[test]
fn on_a_small_terminal_pairs_come_before_counters_and_log() {
    let mut view = view();
    view.picture
        .markets
        .push(market("SOL/USD", "190.01", "190.02", "0"));
    let lines = drawn(&view, 60, 15);
    for symbol in ["BTC/USD", "ETH/USD", "SOL/USD"] {
        assert!(
            lines.iter().any(|line| line.starts_with(symbol)),
            "{lines:#?}"
        );
    }
    let title = |height| {
        let lines = drawn(&view, 60, height);
        lines
            .into_iter()
            .find(|line| line.starts_with("OPEN ORDERS"))
    };
    assert_eq!(title(15).unwrap(), "OPEN ORDERS 2");
    assert_eq!(
        title(10).unwrap(),
        "OPEN ORDERS 2 (2 more; 1 more pairs above)"
    );
    assert_eq!(
        title(6).unwrap(),
        "OPEN ORDERS 2 (2 more; 3 more pairs above)"
    );
}

#[test]
fn a_log_line_is_shown_to_its_end() {
    let mut view = view();
    let sent = "08:00:02  INFO sent order=td0000100000002 symbol=BTC/USD what=\"create\" side=sell price=97000.1 qty=0.01";
    view.log.push(LogLine {
        level: Level::INFO,
        text: sent.to_owned(),
    });
    let text = drawn(&view, 80, 24).join("\n");
    let folded = " side=sell\n    price=97000.1 qty=0.01\n";
    assert!(text.contains(folded), "{text}");
    assert!(text.contains("WARN book stale"), "{text}");
}

#[test]
fn a_breaker_is_shown_in_each_state_as_it_changes() {
    let (clock, hands) = Clock::manual(Timestamp::from_secs(1_800_000_000));
    let settings = Settings {
        consecutive_failures: 1,
        probes: 1,
        ..Settings::default()
    };
    let open_for = settings.open_for;
    let rng = rng::stream(1, 0);
    let breaker = CircuitBreaker::new("order_entry", settings, clock, rng);
    let shows = |state: &str| {
        let mut view = view();
        view.extra.breakers = vec![crate::cli::launch::shown(&breaker)];
        let lines = drawn(&view, 120, 20).join("\n");
        let expected = format!("breaker order_entry {state}");
        assert!(lines.contains(&expected), "{expected} not in\n{lines}");
    };
    shows("closed");
    breaker.admit().unwrap().record(Outcome::Failure);
    shows("open");
    hands.advance(open_for);
    let probe = breaker.admit().unwrap();
    shows("half_open");
    probe.record(Outcome::Success);
    shows("closed");
    breaker.set_mode(circuit_breaker::Mode::ForcedOpen);
    shows("forced_open");
}

#[test]
fn a_breaker_that_is_meant_never_to_open_does_not_alarm() {
    let style = |is: &str| breaker("cancels", is).pop().unwrap().style;
    assert_eq!(style("metrics_only"), Style::new());
    assert_eq!(style("disabled"), Style::new());
    assert_eq!(style("closed"), Style::new().green());
    assert_eq!(style("open"), Style::new().red().bold());
    assert_eq!(style("forced_open"), Style::new().red().bold());
}

#[test]
fn the_newest_log_lines_are_shown() {
    let mut view = view();
    let line = |number: u32| LogLine {
        level: Level::INFO,
        text: format!("line {number}"),
    };
    view.log = (0..100).map(line).collect();
    let lines = drawn(&view, 80, 24);
    assert!(lines.contains(&"line 99".to_owned()));
    assert!(lines.contains(&"line 97".to_owned()));
    assert!(!lines.contains(&"line 80".to_owned()));
}

#[test]
fn an_empty_daemon_and_every_size_can_be_drawn() {
    let mut empty = view();
    empty.picture.markets.clear();
    empty.log.clear();
    empty.extra = Extra::default();
    for view in [&empty, &view()] {
        for width in (0..200).step_by(7) {
            for height in 0..40 {
                drawn(view, width, height);
            }
        }
    }
}

#[test]
fn the_last_line_tells_what_the_keys_do_now() {
    for (mode, word) in [
        (Mode::Syncing, "stops"),
        (Mode::Stopping, "hurries"),
        (Mode::Stopped, "no order of ours is open"),
    ] {
        let mut view = view();
        view.picture.mode = mode;
        let lines = drawn(&view, 80, 24);
        assert!(lines.last().unwrap().contains(word), "{lines:?}");
    }
}
