//! A client's copy against the exchange, whatever happens: two ways of keeping it, every depth, every checksum.

use std::collections::BTreeMap;

use rand::RngExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    io::rng::{self, Rng},
    sim::{
        History, View,
        faults::FaultHandle,
        matching::{
            AccountId, Amend, Cancel, CancelTarget, Exchange, Fact, NewOrder, NewTrigger, Offset,
            OrderKind, PairId, Reference, Request, SelfTrade, TimeInForce, TriggerKind,
            fixture::{AGENT, ALICE, BOB, Bench, limit, price, qty},
        },
        server::{
            outbox::{Drain, Outbox, Outgoing},
            pair_feed::{PairFeed, Told, Wish, touched},
            validate::Channel,
        },
    },
    types::{Side, TradingStatus},
};

const BTC: PairId = PairId(0);
const DEPTHS: [u16; 3] = [10, 100, 1000];

#[derive(Deserialize)]
struct Frame<'a> {
    channel: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    data: [Data<'a>; 1],
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    bids: Vec<Row<'a>>,
    #[serde(borrow)]
    asks: Vec<Row<'a>>,
    checksum: u32,
    timestamp: &'a str,
}

#[derive(Deserialize)]
struct Row<'a> {
    event: Option<&'a str>,
    order_id: Option<&'a str>,
    #[serde(borrow, alias = "price")]
    limit_price: &'a RawValue,
    #[serde(borrow, alias = "qty")]
    order_qty: &'a RawValue,
    timestamp: Option<&'a str>,
}

fn digits(text: &RawValue) -> i64 {
    text.get().replace('.', "").parse().unwrap()
}

/// An order as a client keeps it: id, size in units, time.
type Kept = (String, i64, String);

/// A client's copy: by price, best first.
#[derive(Default)]
struct Client {
    depth: usize,
    /// Orders the queues by time and cuts after each row, as the official Go client does; else by arrival, cutting after each frame.
    by_time: bool,
    bids: BTreeMap<i64, Vec<Kept>>,
    asks: BTreeMap<i64, Vec<Kept>>,
}

impl Client {
    fn apply(&mut self, frame: &Frame<'_>) {
        assert_eq!(frame.channel, "level3");
        let [data] = &frame.data;
        assert_eq!(data.timestamp.len(), 30, "nanoseconds");
        if frame.kind == "update" {
            let events = data.bids.iter().chain(&data.asks);
            let first = events.clone().filter(|row| row.event != Some("add"));
            assert!(first.count() <= 1, "one change a frame");
            assert!(events.count() > 0, "an empty update");
        }
        for (buys, rows) in [(true, &data.bids), (false, &data.asks)] {
            for row in rows {
                self.row(buys, row);
                if self.by_time {
                    self.cut();
                }
            }
        }
        self.cut();
        assert_eq!(self.checksum(), data.checksum, "depth {}", self.depth);
        let (bid, ask) = (self.bids.first_key_value(), self.asks.first_key_value());
        if let (Some((bid, _)), Some((ask, _))) = (bid, ask) {
            assert!(-bid < *ask, "crossed");
        }
    }

    fn row(&mut self, buys: bool, row: &Row<'_>) {
        let (id, at) = (row.order_id.unwrap(), row.timestamp.unwrap());
        let (place, size) = (digits(row.limit_price), digits(row.order_qty));
        let (side, place) = match buys {
            true => (&mut self.bids, -place),
            false => (&mut self.asks, place),
        };
        assert!(size > 0 && at.len() == 30, "{id} {size} {at}");
        let queue = side.entry(place).or_default();
        let found = queue.iter().position(|order| order.0 == id);
        match (row.event, found) {
            (None | Some("add"), None) => queue.push((id.to_owned(), size, at.to_owned())),
            (Some("modify"), Some(position)) => {
                assert_eq!(queue[position].2, at, "who stays keeps the time");
                queue[position].1 = size;
            }
            (Some("delete"), Some(position)) => {
                assert_eq!(queue[position].1, size, "the size that it had");
                queue.remove(position);
            }
            odd => panic!("{odd:?} {id}"),
        }
        if self.by_time {
            queue.sort_by(|one, other| one.2.cmp(&other.2));
        }
        if queue.is_empty() {
            side.remove(&place);
        }
    }

    fn cut(&mut self) {
        for side in [&mut self.bids, &mut self.asks] {
            while side.len() > self.depth {
                side.pop_last();
            }
        }
    }

    fn checksum(&self) -> u32 {
        let levels = self.asks.iter().take(10).chain(self.bids.iter().take(10));
        let text: String = levels
            .flat_map(|(place, queue)| {
                let place = place.abs();
                queue.iter().map(move |order| format!("{place}{}", order.1))
            })
            .collect();
        crc32fast::hash(text.as_bytes())
    }

    /// What the exchange's queues must look like here.
    fn equals(&self, exchange: &Exchange) {
        for (side, kept) in [(Side::Buy, &self.bids), (Side::Sell, &self.asks)] {
            let mut queues: Vec<(i64, Vec<Kept>)> = Vec::new();
            for order in exchange.queue(BTC, side) {
                let place = order.price.units();
                let at = order.since.rfc3339(9).to_string();
                let kept = (order.order_id.to_string(), order.qty.units(), at);
                let full = queues.len() == self.depth;
                match queues.last_mut() {
                    Some((last, queue)) if *last == place => queue.push(kept),
                    Some(_) if full => break,
                    _ => queues.push((place, vec![kept])),
                }
            }
            let kept = kept.iter().map(|(place, queue)| (place.abs(), queue));
            assert!(kept.eq(queues.iter().map(|(place, queue)| (*place, queue))));
        }
    }

    /// Levels as the `book` channel tells them.
    fn sums(&self) -> [Vec<(i64, i64)>; 2] {
        [&self.bids, &self.asks].map(|side| {
            let level = |(place, queue): (&i64, &Vec<Kept>)| {
                (place.abs(), queue.iter().map(|order| order.1).sum())
            };
            side.iter().map(level).collect()
        })
    }
}

/// A client's copy of `book`: by price, best first.
#[derive(Default)]
struct Levels([BTreeMap<i64, i64>; 2]);

impl Levels {
    fn apply(&mut self, frame: &Frame<'_>, depth: usize) {
        assert_eq!(frame.channel, "book");
        let [data] = &frame.data;
        let Self([bids, asks]) = self;
        for (side, sign, rows) in [(bids, -1, &data.bids), (asks, 1, &data.asks)] {
            for row in rows {
                let place = sign * digits(row.limit_price);
                match digits(row.order_qty) {
                    0 => side.remove(&place),
                    size => side.insert(place, size),
                };
            }
            while side.len() > depth {
                side.pop_last();
            }
        }
    }

    fn sums(&self) -> [Vec<(i64, i64)>; 2] {
        let level = |(place, size): (&i64, &i64)| (place.abs(), *size);
        self.0
            .each_ref()
            .map(|side| side.iter().map(level).collect())
    }
}

/// The feed of one pair over a bench, and what its subscribers were sent.
struct Stand {
    bench: Bench,
    feed: PairFeed,
    history: History,
    faults: FaultHandle,
}

impl Stand {
    fn new() -> Self {
        let bench = Bench::new();
        Self {
            feed: PairFeed::new(TradingStatus::Online),
            history: History::new(bench.exchange.universe()),
            faults: FaultHandle::new(Vec::new()),
            bench,
        }
    }

    fn subscribe(&mut self, id: u64, channel: Channel) -> Drain {
        let (outbox, drain) = Outbox::new(id, 100_000);
        let wish = Wish {
            pair: BTC,
            channel,
            snapshot: true,
            silent: false,
        };
        let snapshot = self.with(|feed, told| feed.take_in(told, &outbox, wish));
        outbox.channel(snapshot.unwrap().into());
        drain
    }

    fn with<T>(&mut self, tell: impl FnOnce(&mut PairFeed, &Told<'_>) -> T) -> T {
        let exchange = &self.bench.exchange;
        let told = Told {
            now: self.bench.now,
            view: View {
                exchange,
                history: &self.history,
            },
            pair: BTC,
            of: &exchange.universe().pairs[0].instrument,
            faults: &self.faults,
        };
        tell(&mut self.feed, &told)
    }

    fn act(&mut self, who: AccountId, request: Request) {
        let before = self.bench.facts.len();
        let _refused_or_not = self.bench.act(who, request);
        self.publish(before);
    }

    fn tick(&mut self) {
        let before = self.bench.facts.len();
        self.bench.tick();
        self.publish(before);
    }

    fn publish(&mut self, before: usize) {
        let facts = self.bench.facts[before..].iter();
        let facts: Vec<Fact> = facts.map(|(_, fact)| fact.clone()).collect();
        if facts.is_empty() {
            return;
        }
        let moves = self.bench.exchange.moves().to_vec();
        self.with(|feed, told| {
            if let Some(touched) = touched(&facts).get(&BTC) {
                feed.publish(told, touched);
            }
            feed.publish_orders(told, &moves);
        });
    }
}

/// Something that may happen to a book: orders of every kind, icebergs among them, amends, cancels.
fn anything(bench: &Bench, dice: &mut Rng) -> (AccountId, Request) {
    let who = [ALICE, BOB, AGENT, AGENT][dice.random_range(0..4)];
    let open: Vec<_> = bench.exchange.open_orders(who).collect();
    let chosen =
        (!open.is_empty() && dice.random_bool(0.5)).then(|| open[dice.random_range(0..open.len())]);
    let near = |dice: &mut Rng| price(610_000 + dice.random_range(-25..25));
    if let Some(order) = chosen {
        let target = CancelTarget::Order(order.state.order_id);
        if dice.random_bool(0.5) {
            return (who, Request::Cancel(Cancel { target }));
        }
        let size = |dice: &mut Rng| qty(dice.random_range(10_000..3_000_000));
        let amend = Amend {
            qty: dice.random_bool(0.6).then(|| size(dice)),
            price: dice.random_bool(0.4).then(|| Offset::At(near(dice))),
            display: order.state.conditions.display.map(|_| size(dice)),
            ..Amend::of(target)
        };
        return (who, Request::Amend(amend));
    }
    let side = [Side::Buy, Side::Sell][dice.random_range(0..2)];
    let size = dice.random_range(10_000..4_000_000);
    let flavor = dice.random_range(0..12);
    let order = NewOrder {
        kind: match flavor {
            0 => OrderKind::Market,
            _ => OrderKind::Limit(near(dice)),
        },
        time_in_force: match flavor {
            1 => TimeInForce::Ioc,
            2 => TimeInForce::Fok,
            3 => TimeInForce::Gtd(bench.now.after(std::time::Duration::from_secs(2))),
            _ => TimeInForce::Gtc,
        },
        display: (flavor > 8).then(|| qty(size / 8 + 1)),
        trigger: (flavor == 4).then(|| NewTrigger {
            kind: TriggerKind::StopLoss,
            reference: Reference::Last,
            price: Offset::At(near(dice)),
            limit: Some(Offset::At(near(dice))),
        }),
        self_trade: match flavor {
            5 => SelfTrade::CancelOldest,
            6 => SelfTrade::CancelBoth,
            _ => SelfTrade::CancelNewest,
        },
        ..limit(side, 610_000, size)
    };
    (who, Request::Place(order))
}

fn frames(drain: &mut Drain) -> Vec<String> {
    let mut frames = Vec::new();
    while let Ok(Outgoing::Channel(frame)) = drain.queue.try_recv() {
        frames.push(frame.to_string());
    }
    frames
}

#[test]
fn s1_8_a_copy_is_right_after_every_frame_and_sums_up_to_the_levels_of_the_book() {
    let mut updates = BTreeMap::new();
    for seed in 0..60 {
        let mut dice = rng::stream(seed, 0x13);
        let mut stand = Stand::new();
        for _ in 0..dice.random_range(0..60) {
            let (who, request) = anything(&stand.bench, &mut dice);
            stand.act(who, request);
        }
        let mut seen = Vec::new();
        for (id, depth) in (0..).zip(DEPTHS) {
            let level3 = stand.subscribe(id, Channel::Level3(depth));
            let book = stand.subscribe(id, Channel::Book(depth));
            let client = |by_time| Client {
                depth: depth.into(),
                by_time,
                ..Client::default()
            };
            seen.push((
                level3,
                book,
                [client(false), client(true)],
                Levels::default(),
            ));
        }
        for _ in 0..150 {
            if dice.random_bool(0.2) {
                stand.bench.wait(1);
                stand.tick();
            } else {
                let (who, request) = anything(&stand.bench, &mut dice);
                stand.act(who, request);
            }
            for (level3, book, clients, levels) in &mut seen {
                for text in frames(level3) {
                    let frame: Frame<'_> = serde_json::from_str(&text).unwrap();
                    let events = frame.data[0].bids.iter().chain(&frame.data[0].asks);
                    for event in events.filter_map(|row| row.event) {
                        *updates.entry(event.to_owned()).or_insert(0) += 1;
                    }
                    clients.iter_mut().for_each(|client| client.apply(&frame));
                }
                let depth = clients[0].depth;
                for text in frames(book) {
                    levels.apply(&serde_json::from_str(&text).unwrap(), depth);
                }
                for client in clients {
                    client.equals(&stand.bench.exchange);
                    assert_eq!(client.sums(), levels.sums(), "seed {seed} depth {depth}");
                }
            }
        }
    }
    assert!(updates.values().all(|count| *count > 1_000), "{updates:?}");
    assert_eq!(updates.len(), 3, "{updates:?}");
}

/// The rows of all frames so far as `event size`, with the order's place in `ids`.
fn told(drain: &mut Drain, ids: &[String]) -> Vec<(usize, String)> {
    let row = |row: &Row<'_>| {
        let id = ids.iter().position(|id| Some(id.as_str()) == row.order_id);
        let event = row.event.unwrap_or("row");
        let shown = format!("{event} {}", row.order_qty.get());
        (id.unwrap(), shown)
    };
    let mut all = Vec::new();
    for text in frames(drain) {
        let frame: Frame<'_> = serde_json::from_str(&text).unwrap();
        let [data] = &frame.data;
        all.extend(data.bids.iter().chain(&data.asks).map(row));
    }
    all
}

#[test]
fn s1_8_the_next_part_of_an_iceberg_goes_to_the_back_with_a_time_of_its_own() {
    let mut stand = Stand::new();
    let iceberg = NewOrder {
        display: Some(qty(1_000_000)),
        ..limit(Side::Sell, 610_000, 3_000_000)
    };
    let mut ids = vec![stand.bench.place(ALICE, iceberg).unwrap().to_string()];
    let plain = limit(Side::Sell, 610_000, 500_000);
    ids.push(stand.bench.place(BOB, plain).unwrap().to_string());
    let mut drain = stand.subscribe(1, Channel::Level3(10));
    let rows = [(0, "row 0.01000000"), (1, "row 0.00500000")];
    assert_eq!(
        told(&mut drain, &ids),
        rows.map(|(id, row)| (id, row.into()))
    );
    stand.bench.wait(1);
    let taker = limit(Side::Buy, 610_000, 1_000_000);
    stand.act(AGENT, Request::Place(taker));
    let text = frames(&mut drain);
    let rows: Vec<Frame<'_>> = text
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    let [gone, back] = &rows[..] else {
        panic!("{text:?}")
    };
    let (gone, back) = (&gone.data[0].asks[0], &back.data[0].asks[0]);
    assert_eq!((gone.event, back.event), (Some("delete"), Some("add")));
    assert_eq!(
        (gone.order_id, back.order_id),
        (Some(&*ids[0]), Some(&*ids[0]))
    );
    let now = stand.bench.now.rfc3339(9).to_string();
    assert_eq!(back.timestamp, Some(&*now), "fresh");
    let queue = stand.bench.exchange.queue(BTC, Side::Sell);
    let queue: Vec<_> = queue.map(|order| order.order_id.to_string()).collect();
    assert_eq!(queue, [ids[1].clone(), ids[0].clone()]);
}

#[test]
fn s1_8_an_order_is_told_of_once_it_has_met_the_other_side_and_with_what_is_left() {
    let mut stand = Stand::new();
    let ask = |at| limit(Side::Sell, at, 100_000);
    let mut ids: Vec<String> = [610_000, 610_010]
        .map(|at| stand.bench.place(BOB, ask(at)).unwrap().to_string())
        .into();
    let mut drain = stand.subscribe(1, Channel::Level3(10));
    told(&mut drain, &ids);
    stand.act(AGENT, Request::Place(limit(Side::Buy, 610_010, 450_000)));
    let resting = stand.bench.exchange.queue(BTC, Side::Buy).next().unwrap();
    ids.push(resting.order_id.to_string());
    assert_eq!(
        told(&mut drain, &ids),
        [
            (0, "delete 0.00100000"),
            (1, "delete 0.00100000"),
            (2, "add 0.00250000")
        ]
        .map(|(id, row)| (id, row.into())),
    );
    // A market order that finds nothing more never shows.
    let market = NewOrder {
        kind: OrderKind::Market,
        ..limit(Side::Sell, 1, 900_000)
    };
    stand.act(BOB, Request::Place(market));
    assert_eq!(told(&mut drain, &ids), [(2, "delete 0.00250000".into())]);
}

#[test]
fn what_nobody_hears_is_not_copied() {
    let mut stand = Stand::new();
    assert!(!stand.feed.tells_orders());
    let _drain = stand.subscribe(1, Channel::Level3(100));
    assert!(stand.feed.tells_orders());
    assert!(!stand.feed.unsubscribe(1, Channel::Level3(10)));
    assert!(stand.feed.unsubscribe(1, Channel::Level3(100)));
    assert!(!stand.feed.tells_orders());
    let _drain = stand.subscribe(2, Channel::Level3(10));
    stand.feed.leave(2);
    assert!(!stand.feed.tells_orders());
}
