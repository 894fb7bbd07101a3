//! The market over long virtual times: seeded, two-sided, at the rate that was set.

use std::collections::BTreeMap;

use super::*;
use crate::{
    io::captures::shared,
    sim::matching::{
        Fact, LevelFact, NewOrder, OrderKind, Reply, Rules, SelfTrade, Tier, TimeInForce, TradeFact,
    },
    types::{AssetCode, Price, Quantity, Side},
};

mod regimes;

const BTC: PairId = PairId(0);
const ETH: PairId = PairId(1);
const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const CLIENT: AccountId = AccountId(1);

/// An exchange and a market, played in virtual time.
struct Stage {
    exchange: Exchange,
    sources: Vec<Box<dyn Source>>,
    facts: Vec<Fact>,
    /// Market time.
    now: Duration,
    requests: u64,
    refusals: u64,
}

impl Stage {
    fn new(tapes: Vec<Tape>, seed: u64, rate: f64) -> Self {
        let universe = Universe::default_universe();
        let regimes = Regimes::new(universe.pairs.len());
        let sources = sources(&universe, tapes, seed, rate, &regimes);
        Self::with(Exchange::new(universe, Rules::default()), sources)
    }

    fn with(mut exchange: Exchange, sources: Vec<Box<dyn Source>>) -> Self {
        for account in sources.iter().flat_map(|source| source.accounts()) {
            exchange.open_agent(account);
        }
        Self {
            exchange,
            sources,
            facts: Vec::new(),
            now: Duration::ZERO,
            requests: 0,
            refusals: 0,
        }
    }

    /// Plays up to a market time. `heard` gets the facts of every act.
    fn play(&mut self, until: Duration, mut heard: impl FnMut(&Exchange, &[Fact])) {
        let mut requests = Vec::new();
        loop {
            let due = self.sources.iter_mut().filter_map(|s| Some((s.next()?, s)));
            let Some((at, source)) = due.min_by_key(|(at, _)| *at).filter(|(at, _)| *at <= until)
            else {
                self.now = until;
                return;
            };
            self.now = at;
            source.act(START.after(at), &self.exchange, &mut requests);
            for (account, request) in requests.drain(..) {
                self.requests += 1;
                self.facts.clear();
                let acted = self
                    .exchange
                    .act(START.after(at), account, request, &mut self.facts);
                self.refusals += u64::from(acted.is_err());
                heard(&self.exchange, &self.facts);
            }
        }
    }

    fn best(&self, pair: PairId, side: Side) -> i64 {
        self.exchange.best(pair, side).unwrap().0.units()
    }

    fn levels(&self, pair: PairId, side: Side) -> usize {
        self.exchange.levels(pair, side).count()
    }

    fn open_client(&mut self) {
        let funds = ["USD", "BTC", "ETH"].map(|code| {
            let amount = "100000000".parse().unwrap();
            (AssetCode::new(code).unwrap(), amount)
        });
        self.exchange.open_account(CLIENT, Tier::Pro, &funds);
    }

    fn client(&mut self, pair: PairId, side: Side, price: i64, qty: i64) -> Reply {
        let order = NewOrder {
            pair,
            side,
            kind: OrderKind::Limit(Price::new(price).unwrap()),
            qty: Quantity::new(qty).unwrap().into(),
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
        let now = START.after(self.now);
        let place = Request::Place(order);
        self.exchange
            .act(now, CLIENT, place, &mut self.facts)
            .unwrap()
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A market of a few pairs only, so that long runs are quick.
fn small(pairs: &[&str], seed: u64, rate: f64) -> Stage {
    ruled(pairs, seed, rate, &Regimes::new(16))
}

/// The same in regimes.
fn ruled(pairs: &[&str], seed: u64, rate: f64, regimes: &Regimes) -> Stage {
    let universe = Universe::default_universe();
    let pairs: Vec<PairId> = pairs
        .iter()
        .map(|s| universe.find_symbol(s).unwrap())
        .collect();
    let market = Synthetic::new(&universe, &pairs, seed, rate, regimes);
    Stage::with(
        Exchange::new(universe, Rules::default()),
        vec![Box::new(market)],
    )
}

fn tape(file: &str, content: &str) -> Tape {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(file);
    std::fs::write(&path, content).unwrap();
    let tape = Tape::load(path.to_str().unwrap(), &Universe::default_universe(), 1);
    tape.unwrap().ending(TapeEnd::Stop)
}

fn trades(facts: &[Fact]) -> impl Iterator<Item = &TradeFact> {
    facts.iter().filter_map(|fact| {
        let Fact::Trade(trade) = fact else {
            return None;
        };
        Some(trade)
    })
}

fn levels(facts: &[Fact]) -> impl Iterator<Item = &LevelFact> {
    facts.iter().filter_map(|fact| {
        let Fact::Level(level) = fact else {
            return None;
        };
        Some(level)
    })
}

/// A subscriber's picture of one book, made of what it is told only.
#[derive(Default)]
struct Picture {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Picture {
    fn apply(&mut self, level: &LevelFact) {
        let side = match level.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        match level.qty.units() {
            0 => side.remove(&level.price.units()),
            qty => side.insert(level.price.units(), qty),
        };
    }

    fn best(&self) -> (i64, i64) {
        let bid = *self.bids.last_key_value().unwrap().0;
        (bid, *self.asks.first_key_value().unwrap().0)
    }
}

#[test]
fn the_same_seed_gives_the_same_requests_and_another_seed_others() {
    let facts = |seed| {
        let mut stage = small(&["BTC/USD", "ETH/USD", "ETH/BTC"], seed, 100.0);
        let mut all = Vec::new();
        stage.play(seconds(60), |_, facts| all.extend(facts.iter().cloned()));
        all
    };
    let first = facts(1);
    assert!(first.len() > 5_000);
    assert!(first == facts(1));
    assert!(first != facts(2));
}

#[test]
fn every_book_has_two_deep_sides_and_a_first_trade_at_time_zero() {
    let mut stage = Stage::new(vec![], 4, DEFAULT_RATE);
    stage.play(Duration::ZERO, |_, _| {});
    for (pair, spec) in (0..).map(PairId).zip(&Universe::default_universe().pairs) {
        for side in [Side::Buy, Side::Sell] {
            let levels = stage.levels(pair, side);
            let least = match spec.instrument.symbol.as_str() {
                "BTC/USD" | "ETH/USD" | "SOL/USD" => 1_000,
                _ => 70,
            };
            assert!(levels >= least, "{levels} at {}", spec.instrument.symbol);
        }
        let spread = stage.best(pair, Side::Sell) - stage.best(pair, Side::Buy);
        let middle = stage.best(pair, Side::Buy) as f64;
        assert!(spread > 0 && (spread as f64 / middle < 0.000_6 || spread == 1));
        let last = stage.exchange.last_price(pair).unwrap();
        let last = spec.instrument.price_decimal(last);
        let ratio = last.divided_toward_zero(spec.opening_price, 6).unwrap();
        assert!(ratio > "0.999".parse().unwrap() && ratio < "1.001".parse().unwrap());
    }
    assert_eq!(stage.refusals, 0);
}

#[test]
fn books_stay_deep_narrow_and_uncrossed_for_hours() {
    let mut stage = small(&["BTC/USD", "SHIB/USD", "ETH/BTC"], 5, 40.0);
    let mut pictures: BTreeMap<PairId, Picture> = BTreeMap::new();
    let mut narrow = 0;
    let hours = 3;
    for minute in 0..=hours * 60 {
        stage.play(seconds(minute * 60), |_, facts| {
            for level in levels(facts) {
                pictures.entry(level.pair).or_default().apply(level);
            }
            for picture in pictures.values() {
                if let (Some(bid), Some(ask)) = (
                    picture.bids.last_key_value(),
                    picture.asks.first_key_value(),
                ) {
                    assert!(bid.0 < ask.0);
                }
            }
        });
        for (pair, picture) in &pictures {
            let least = picture.bids.len().min(picture.asks.len());
            let enough = if *pair == BTC { 1_000 } else { 60 };
            assert!(
                least >= enough,
                "{least} levels in {pair:?} after {minute} min"
            );
        }
        let (bid, ask) = pictures[&BTC].best();
        assert!((920_000..1_020_000).contains(&bid));
        narrow += u64::from(ask - bid <= 3);
    }
    assert!(narrow > hours * 60 * 8 / 10, "{narrow}");
    assert!(stage.refusals * 100 < stage.requests);
}

#[test]
fn book_updates_come_at_the_rate_that_is_set() {
    for (rate, span) in [(15.0, 3_600), (150.0, 1_800), (4_000.0, 120)] {
        let mut stage = Stage::new(vec![], 6, rate);
        stage.play(Duration::ZERO, |_, _| {});
        let mut updates = 0;
        stage.play(seconds(span), |_, facts| updates += levels(facts).count());
        let ratio = updates as f64 / span as f64 / rate;
        assert!((0.75..1.3).contains(&ratio), "{ratio} of {rate}");
    }
}

#[test]
fn takers_have_a_heavy_tail_and_makers_sizes_from_fractions_to_several() {
    let mut stage = small(&["BTC/USD"], 7, 60.0);
    let mut sizes = Vec::new();
    stage.play(seconds(1_200), |_, facts| {
        let total: i64 = trades(facts).map(|trade| trade.qty.units()).sum();
        sizes.extend((total > 0).then_some(total));
    });
    sizes.sort_unstable();
    let (median, large) = (sizes[sizes.len() / 2], sizes[sizes.len() * 99 / 100]);
    assert!(sizes.len() > 1_000, "{}", sizes.len());
    assert!((100_000..5_000_000).contains(&median), "{median}");
    assert!(large > 15 * median, "{large} {median}");
    let resting = stage
        .exchange
        .levels(BTC, Side::Buy)
        .map(|(_, qty)| qty.units());
    assert!(resting.max().unwrap() > 200_000_000);
}

#[test]
fn an_order_at_the_touch_fills_within_seconds() {
    for (pair, qty) in [(BTC, 1_000_000), (ETH, 20_000_000)] {
        let mut stage = Stage::new(vec![], 8, DEFAULT_RATE);
        stage.open_client();
        let mut waits = Vec::new();
        for round in 1..=40_u64 {
            stage.play(seconds(round * 60), |_, _| {});
            let side = if round % 2 == 0 {
                Side::Buy
            } else {
                Side::Sell
            };
            let price = stage.best(pair, side);
            let Reply::Placed { order_id } = stage.client(pair, side, price, qty) else {
                panic!("not placed");
            };
            let waited = (1..60).find(|second| {
                stage.play(seconds(round * 60 + second), |_, _| {});
                stage.exchange.order(&order_id).unwrap().closed_at.is_some()
            });
            let mut ignored = Vec::new();
            let now = START.after(stage.now);
            let all = Request::CancelAll;
            stage.exchange.act(now, CLIENT, all, &mut ignored).unwrap();
            waits.push(waited.unwrap_or(60));
        }
        waits.sort_unstable();
        assert!(waits[20] <= 8 && waits[28] <= 30, "{pair:?} {waits:?}");
    }
}

#[test]
fn prices_go_on_from_the_last_ones() {
    let mut first = small(&["BTC/USD"], 9, 40.0);
    first.play(Duration::ZERO, |_, _| {});
    let universe = Universe::default_universe();
    let mut exchange = Exchange::new(universe.clone(), Rules::default());
    exchange.restore_last_price(BTC, Price::new(931_234).unwrap());
    let market = Synthetic::new(&universe, &[BTC, ETH], 9, 40.0, &Regimes::new(16));
    let mut again = Stage::with(exchange, vec![Box::new(market)]);
    again.play(Duration::ZERO, |_, _| {});
    assert_eq!(again.best(BTC, Side::Buy), 931_234);
    again.play(seconds(600), |_, _| {});
    assert!((920_000..945_000).contains(&again.best(BTC, Side::Buy)));
}

#[test]
fn agents_stand_still_while_the_venue_does_not_trade() {
    let mut stage = small(&["BTC/USD"], 10, 60.0);
    stage.play(seconds(10), |_, _| {});
    stage
        .exchange
        .set_system_status(crate::types::TradingStatus::CancelOnly);
    let before = stage.requests;
    stage.play(seconds(60), |_, _| {});
    assert_eq!(stage.requests, before);
    stage
        .exchange
        .set_system_status(crate::types::TradingStatus::Online);
    let mut updates = 0;
    stage.play(seconds(120), |_, facts| updates += levels(facts).count());
    assert!((1_000..9_000).contains(&updates), "{updates}");
}

const SHORT: &str = "time,price,volume,side,ordertype
100.0000,8318.0,0.25000000,s,m
100.0048,8317.5,1.99521190,s,l
100.0200,8317.5,0.00000100,s,l
103.5000,8330.1,12.00000000,b,m
103.5020,8330.1,3.00000000,b,l
700.0000,8100.0,0.50000000,b,l
";

/// Prints as (market time in ms, price, quantity, side, market order).
fn prints(stage: &mut Stage, pair: PairId, until: Duration) -> Vec<(u128, i64, i64, Side, bool)> {
    let mut all = Vec::new();
    stage.play(until, |_, facts| all.extend(trades(facts).cloned()));
    let own = all.iter().filter(|trade| trade.pair == pair);
    own.map(|t| {
        let at = t.at.since(START).as_millis();
        (
            at,
            t.price.units(),
            t.qty.units(),
            t.taker_side,
            t.taker_market,
        )
    })
    .collect()
}

#[test]
fn recorded_trades_print_at_their_price_size_side_and_gap() {
    let mut stage = Stage::new(vec![tape("XBTUSD_1.csv", SHORT)], 11, 100.0);
    stage.play(Duration::ZERO, |_, _| {});
    assert_eq!(stage.best(BTC, Side::Buy), 83_180);
    assert!(stage.levels(BTC, Side::Sell) >= 70);
    let told = prints(&mut stage, BTC, seconds(1_200));
    let expected = [
        (500, 83_180, 25_000_000, Side::Sell, true),
        (504, 83_175, 199_521_190, Side::Sell, false),
        (520, 83_175, 100, Side::Sell, false),
        (4_000, 83_301, 1_200_000_000, Side::Buy, true),
        (4_002, 83_301, 300_000_000, Side::Buy, false),
        (600_500, 81_000, 50_000_000, Side::Buy, false),
    ];
    assert_eq!(told, expected);
    let spread = stage.best(BTC, Side::Sell) - stage.best(BTC, Side::Buy);
    assert!((80_900..81_001).contains(&stage.best(BTC, Side::Buy)) && spread < 10);
    let mut after = 0;
    stage.play(seconds(1_260), |_, facts| {
        after += levels(facts).filter(|level| level.pair == BTC).count();
    });
    assert!(after > 300, "{after}");
}

#[test]
fn makers_are_at_the_recorded_price_before_it_trades() {
    let mut stage = Stage::new(vec![tape("XBTUSD_1.csv", SHORT)], 12, 100.0);
    stage.play(Duration::from_millis(3_999), |_, _| {});
    let (bid, ask) = (stage.best(BTC, Side::Buy), stage.best(BTC, Side::Sell));
    assert!(
        (83_290..=83_300).contains(&bid) && ask >= 83_301,
        "{bid} {ask}"
    );
}

#[test]
fn clients_that_the_recorded_price_reaches_are_filled_at_their_price() {
    let mut stage = Stage::new(vec![tape("XBTUSD_1.csv", SHORT)], 13, 100.0);
    stage.open_client();
    stage.play(Duration::from_millis(100), |_, _| {});
    let mut place = |side, price| {
        let Reply::Placed { order_id } = stage.client(BTC, side, price, 1_000_000) else {
            panic!("not placed");
        };
        order_id
    };
    let inside = place(Side::Sell, 83_250);
    let below = place(Side::Buy, 82_000);
    let never = place(Side::Buy, 80_000);
    stage.play(seconds(5), |_, _| {});
    let is_over = |stage: &Stage, id| stage.exchange.order(id).unwrap().closed_at.is_some();
    assert!(is_over(&stage, &inside) && !is_over(&stage, &below));
    stage.play(seconds(700), |_, _| {});
    assert!(is_over(&stage, &below) && !is_over(&stage, &never));
    let fills = stage.exchange.fills(CLIENT).map(|fill| fill.price.units());
    assert_eq!(fills.collect::<Vec<_>>(), [83_250, 82_000]);
}

#[test]
fn several_tapes_keep_their_distance_unless_they_are_of_different_times() {
    let btc = tape("XBTUSD_1.csv", "100,8318.0,1,b,l\n");
    let eth = tape("ETHUSD_1.csv", "107.5,674.4,1,b,l\n");
    let sol = tape("SOLUSD_1.csv", "99000000,21.5,1,b,l\n");
    let mut stage = Stage::new(vec![btc, eth, sol], 14, 100.0);
    let mut first: BTreeMap<PairId, u128> = BTreeMap::new();
    stage.play(seconds(20), |_, facts| {
        for trade in trades(facts) {
            let at = trade.at.since(START).as_millis();
            first.entry(trade.pair).or_insert(at);
        }
    });
    assert_eq!(
        (first[&BTC], first[&ETH], first[&PairId(2)]),
        (500, 8_000, 500)
    );
    assert_eq!(first[&PairId(3)], 0);
}

#[test]
fn a_tape_that_begins_anew_prints_again_after_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("XBTUSD_1.csv");
    std::fs::write(&path, "100,8318.0,1,b,l\n101,8320.0,1,b,l\n").unwrap();
    let tape = Tape::load(path.to_str().unwrap(), &Universe::default_universe(), 1);
    let tape = tape.unwrap().ending(TapeEnd::Loop);
    let mut stage = Stage::new(vec![tape], 18, 100.0);
    let told = prints(&mut stage, BTC, seconds(6));
    let times: Vec<_> = told.iter().map(|(at, price, ..)| (*at, *price)).collect();
    let expected = [
        (500, 83_180),
        (1_500, 83_200),
        (2_500, 83_180),
        (3_500, 83_200),
        (4_500, 83_180),
        (5_500, 83_200),
    ];
    assert_eq!(times, expected);
}

#[test]
fn after_a_tape_the_agents_go_on_from_its_last_price() {
    for seed in [18, 19, 20] {
        println!("seed {seed}");
        let tape = tape("XBTUSD_1.csv", "100,8318.0,1,b,l\n101,8350.0,1,s,l\n");
        let mut stage = Stage::new(vec![tape.ending(TapeEnd::Agents)], seed, 100.0);
        let told = prints(&mut stage, BTC, seconds(121));
        assert_eq!(told[1].1, 83_500);
        assert!(told.len() > 50, "{}", told.len());
        assert!(
            told[2..]
                .iter()
                .all(|(_, price, ..)| (83_000..84_000).contains(price))
        );
        assert!(stage.best(BTC, Side::Sell) - stage.best(BTC, Side::Buy) < 10);
        assert!(stage.levels(BTC, Side::Buy) >= 70);
    }
}

#[test]
fn real_tapes_print_as_recorded() {
    let files = [
        ("trades/XBTUSD_trades_20180508-0511.csv.zst", "", 55_305),
        ("trades/ETHUSD_trades_20180513-0518.csv.zst", "", 82_811),
        ("trades/USDTUSD_trades_20180507-0624.csv.zst", "", 41_131),
        ("trades/timeandsales_BCHEUR.csv", "BCH/EUR=", 148),
        ("rest/nautilus_public_2025-11.jsonl.zst", "BTC/USDT=", 1_000),
        ("ws-v2/trades_BTC_DOGE_20241112.csv", "DOGE/USD=", 0),
    ];
    for (name, pair, count) in files {
        let Some(path) = shared(name) else { continue };
        let argument = format!("{pair}{}", path.display());
        let open = || {
            let tape = Tape::load(&argument, &Universe::default_universe(), 1);
            tape.unwrap().ending(TapeEnd::Stop)
        };
        let (mut read, tape) = (open(), open());
        let rows: Vec<_> = std::iter::from_fn(|| {
            read.fill();
            read.take()
        })
        .collect();
        assert!(count == 0 || rows.len() == count);
        let played = rows.len().min(1_500);
        let span = rows[played - 1].at.since(rows[0].at) + Duration::from_millis(500);
        let universe = Universe::default_universe();
        let pair = tape.pair();
        let playback = Playback::new(&universe, vec![tape], 15, 0.5, &Regimes::new(16));
        let exchange = Exchange::new(universe, Rules::default());
        let mut stage = Stage::with(exchange, vec![Box::new(playback)]);
        let told = prints(&mut stage, pair, span);
        let expected: Vec<_> = rows
            .iter()
            .take_while(|row| row.at.since(rows[0].at) + Duration::from_millis(500) <= span)
            .map(|row| {
                let at = row.at.since(rows[0].at).as_nanos() + 500_000_000;
                let (price, qty) = (row.price.units(), row.qty.units());
                (at / 1_000_000, price, qty, row.taker, row.market)
            })
            .collect();
        assert_eq!(told.len(), expected.len(), "{name}");
        assert!(told == expected, "{name}");
    }
}

/// Runs the driver for some wall time, which passes as fast as it can.
async fn driven(speed: f64, wall: Duration) -> crate::sim::Venue {
    let universe = Universe::default_universe();
    let history = crate::sim::history::History::new(&universe);
    let sources = sources(&universe, vec![], 16, 30.0, &Regimes::new(16));
    let exchange = Exchange::new(universe, Rules::default());
    let (clock, hand) = crate::io::Clock::manual(START);
    let venue = crate::sim::Venue::open(exchange, history, None, clock).unwrap();
    let cancel = tokio_util::sync::CancellationToken::new();
    let passing = async {
        let step = Duration::from_millis(5);
        for _ in 0..wall.as_millis() / step.as_millis() {
            tokio::time::sleep(step).await;
            hand.advance(step);
        }
        cancel.cancel();
    };
    tokio::join!(run(venue.clone(), sources, speed, cancel.clone()), passing);
    venue
}

#[tokio::test(start_paused = true)]
async fn speed_shortens_the_gaps_and_nothing_else() {
    let trades = |venue: &crate::sim::Venue| {
        venue.read(|view| {
            let all = view.history.trades(BTC).count();
            let last = view.history.trades(BTC).next_back().map(|trade| trade.at);
            (all, last)
        })
    };
    let (slow, _) = trades(&driven(1.0, seconds(60)).await);
    let (fast, last) = trades(&driven(10.0, seconds(60)).await);
    assert!(slow > 20 && fast > 5 * slow, "{slow} {fast}");
    assert!(last.unwrap() <= START.after(seconds(61)));
}

#[test]
fn whoever_comes_after_the_warm_up_finds_books_and_tickers() {
    let universe = Universe::default_universe();
    let history = crate::sim::history::History::new(&universe);
    let mut sources = sources(
        &universe,
        vec![tape("XBTUSD_1.csv", SHORT)],
        17,
        30.0,
        &Regimes::new(16),
    );
    let exchange = Exchange::new(universe, Rules::default());
    let (clock, _hand) = crate::io::Clock::manual(START);
    let venue = crate::sim::Venue::open(exchange, history, None, clock).unwrap();
    warm_up(&venue, &mut sources);
    warm_up(&venue, &mut sources);
    venue.read(|view| {
        for pair in [BTC, ETH, PairId(5)] {
            let best = |side| view.exchange.best(pair, side).unwrap().0;
            assert!(best(Side::Buy) < best(Side::Sell));
            let spread = view.history.spreads(pair).pop().unwrap();
            assert_eq!(
                (spread.bid, spread.ask),
                (best(Side::Buy), best(Side::Sell))
            );
        }
        assert!(view.history.ticker(ETH, START).unwrap().day.trades > 0);
        assert_eq!(view.history.candles(ETH, 1, 720).len(), 1);
        assert_eq!(view.history.trades(BTC).count(), 0);
    });
}
