//! How many requests a second the matching core decides, alone and with all that hangs on it.

use tradingd::{
    io::Clock,
    sim::{
        History, Settings, Venue,
        faults::FaultHandle,
        matching::{Exchange, Fact, Rules, Universe},
        server::{WsState, tokens::Tokens},
    },
    types::Timestamp,
};

use crate::{
    crowd::{Crowd, PACE},
    rounds::{ROUNDS, cpu},
};

const SEED: u64 = 7;
const NOON: Timestamp = Timestamp::from_secs(1_795_000_000);
/// Requests of one round.
const REQUESTS: u64 = 100_000;
/// Requests a second below which the row fails.
const TARGET: f64 = 50_000.0;

/// The exchange alone.
pub fn core() {
    let mut exchange = Exchange::new(Universe::default_universe(), Rules::default());
    let mut crowd = Crowd::join(&mut exchange, SEED);
    let (mut now, mut facts, mut trades) = (NOON, Vec::new(), 0);
    print("matching core", &mut crowd, |crowd| {
        crowd.act(&mut |account, request| {
            now = now.after(PACE);
            facts.clear();
            let result = exchange.act(now, account, request, &mut facts);
            trades += facts
                .iter()
                .filter(|fact| matches!(fact, Fact::Trade(_)))
                .count();
            result
        });
    });
    println!(
        "   {:.2} trades a request",
        trades as f64 / requests() as f64
    );
}

/// The exchange with candles, tickers, reports and the feed, nobody connected.
pub fn venue() {
    let universe = Universe::default_universe();
    let mut exchange = Exchange::new(universe.clone(), Rules::default());
    let mut crowd = Crowd::join(&mut exchange, SEED);
    let (clock, hand) = Clock::manual(NOON);
    let history = History::with_past(&universe, SEED, NOON);
    let venue = Venue::open(exchange, history, None, clock).unwrap();
    let _sockets = WsState::new(
        venue.clone(),
        Tokens::new(),
        FaultHandle::none(),
        Settings::default(),
    );
    print("matching core, candles, reports", &mut crowd, |crowd| {
        crowd.act(&mut |account, request| {
            hand.advance(PACE);
            venue.act(account, request)
        });
    });
}

/// All requests of a row: a round before the others fills the books.
const fn requests() -> u64 {
    (1 + ROUNDS as u64) * REQUESTS
}

fn print(name: &str, crowd: &mut Crowd, mut act: impl FnMut(&mut Crowd)) {
    let mut rates = Vec::new();
    for round in 0..=ROUNDS {
        if round == 1 {
            crowd.tally();
        }
        let start = cpu();
        for _ in 0..REQUESTS {
            act(crowd);
        }
        rates.push(REQUESTS as f64 / ((cpu() - start) as f64 / 1e9));
    }
    let mut rates = rates.split_off(1);
    rates.sort_by(f64::total_cmp);
    let tally = crowd.tally();
    println!(
        "{name:<40} {:>9.0} requests/s ({:.0}..{:.0})   target {TARGET}",
        rates[ROUNDS / 2],
        rates[0],
        rates[ROUNDS - 1],
    );
    println!("   {tally:?}");
    assert!(rates[ROUNDS / 2] >= TARGET, "below the target");
}
