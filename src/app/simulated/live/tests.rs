//! Events of the public socket in, what the simulator is told out.

use std::pin::pin;

use futures_util::poll;

use super::*;
use crate::{
    engine::event::{BookKind, Level, PublicTrade},
    types::{Price, Quantity, Side, Timestamp},
};

const BTC: InstrumentId = InstrumentId(0);

struct Rig {
    pump: Pump,
    resyncs: mpsc::Receiver<InstrumentId>,
    spares: mpsc::Receiver<BookUpdate>,
    told: mpsc::Receiver<Upstream>,
}

fn rig() -> Rig {
    let (resyncs_in, resyncs) = mpsc::channel(2);
    let (spares_in, spares) = mpsc::channel(1);
    let (out, told) = mpsc::channel(1);
    let universe = crate::sim::matching::Universe::default_universe();
    let instruments = vec![universe.pairs[0].instrument.clone()];
    let pump = Pump {
        books: Books::new(1, 10),
        instruments,
        market: mpsc::channel(1).1,
        account: mpsc::channel(1).1,
        resyncs: resyncs_in,
        spares: spares_in,
        out,
        system: TradingStatus::Online,
        strange: BTreeSet::new(),
    };
    Rig {
        pump,
        resyncs,
        spares,
        told,
    }
}

impl Rig {
    fn told(&mut self, event: Event) -> Vec<Upstream> {
        let mut told = Vec::new();
        self.pump.take(event, &mut told).unwrap();
        told
    }
}

/// An empty book is right with a checksum of zero, one with a bid is not.
fn book(kind: BookKind, bids: &[i64]) -> Event {
    let level = |price: &i64| Level {
        price: Price::new(*price).unwrap(),
        qty: Quantity::new(1).unwrap(),
    };
    Event::Book(BookUpdate {
        kind,
        bids: bids.iter().map(level).collect(),
        ..BookUpdate::empty()
    })
}

fn status(status: TradingStatus) -> Upstream {
    Upstream::Status {
        instrument: BTC,
        status,
    }
}

const STALE: Upstream = Upstream::Stale { instrument: BTC };

#[test]
fn a_book_that_does_not_agree_is_stale_taken_anew_once_and_told_again_when_it_is_right() {
    let mut rig = rig();
    assert_eq!(rig.told(book(BookKind::Update, &[])), []);
    let whole = rig.told(book(BookKind::Snapshot, &[]));
    assert!(matches!(whole[..], [Upstream::Book { depth: 10, .. }]));
    assert_eq!(rig.told(book(BookKind::Update, &[7])), [STALE]);
    assert_eq!(rig.resyncs.try_recv(), Ok(BTC));
    assert_eq!(rig.told(book(BookKind::Update, &[])), []);
    assert!(rig.resyncs.try_recv().is_err());
    assert_eq!(rig.told(book(BookKind::Snapshot, &[])).len(), 1);
    assert_eq!(rig.told(book(BookKind::Update, &[])).len(), 1);
}

#[test]
fn the_end_of_a_connection_makes_every_book_wait_for_a_whole_one() {
    let mut rig = rig();
    rig.told(book(BookKind::Snapshot, &[]));
    assert_eq!(rig.told(Event::Feed(Link::Down)), [Upstream::Down]);
    assert_eq!(rig.told(book(BookKind::Update, &[])), []);
    assert_eq!(rig.told(Event::Feed(Link::Up)), []);
    assert_eq!(rig.told(book(BookKind::Snapshot, &[])).len(), 1);
}

#[test]
fn the_stricter_of_venue_and_pair_is_what_may_be_done() {
    let mut rig = rig();
    let mut rules = rig.pump.instruments[0].clone();
    rules.status = TradingStatus::PostOnly;
    let told = rig.told(Event::Instrument(BTC, Box::new(rules.clone())));
    assert_eq!(told, [status(TradingStatus::PostOnly)]);
    for (venue, expected) in [
        (TradingStatus::LimitOnly, TradingStatus::PostOnly),
        (TradingStatus::Maintenance, TradingStatus::Maintenance),
        (TradingStatus::Online, TradingStatus::PostOnly),
    ] {
        assert_eq!(rig.told(Event::Venue(venue)), [status(expected)]);
    }
}

#[test]
fn a_pair_whose_digits_change_is_not_told_of_any_more() {
    let mut rig = rig();
    rig.told(book(BookKind::Snapshot, &[]));
    let mut rules = rig.pump.instruments[0].clone();
    rules.price_precision += 1;
    let told = rig.told(Event::Instrument(BTC, Box::new(rules)));
    assert_eq!(told, [STALE, status(TradingStatus::Online)]);
    assert_eq!(rig.told(book(BookKind::Snapshot, &[])), []);
    assert_eq!(rig.told(Event::Trade(trade())), []);
}

#[tokio::test]
async fn a_full_queue_to_the_simulator_holds_up_the_feed_which_fills_the_queue_before_it() {
    let Rig {
        mut pump,
        mut told,
        resyncs: _resyncs,
        spares: _spares,
    } = rig();
    let (market_in, market) = mpsc::channel(2);
    let (_account_in, account) = mpsc::channel(1);
    (pump.market, pump.account) = (market, account);
    let nth = |trade_id| PublicTrade {
        trade_id,
        qty: Quantity::new(i64::try_from(trade_id).unwrap()).unwrap(),
        ..trade()
    };
    let cancel = CancellationToken::new();
    let mut pumping = pin!(pump.run(cancel.clone()));
    // One is told, one is in hand, two wait before it.
    for number in 1..=4 {
        market_in.try_send(Event::Trade(nth(number))).unwrap();
        assert!(poll!(&mut pumping).is_pending());
    }
    assert!(market_in.try_send(Event::Trade(nth(5))).is_err(), "full");
    for number in 1..=4 {
        assert_eq!(told.recv().await, Some(books::trade(&nth(number), false)));
        assert!(poll!(&mut pumping).is_pending());
    }
    market_in.try_send(Event::Trade(nth(6))).unwrap();
    cancel.cancel();
    assert!(pumping.await.is_ok());
}

#[test]
fn more_books_to_be_taken_anew_than_there_is_room_for_end_the_feed() {
    let mut rig = rig();
    for _ in 0..2 {
        rig.told(book(BookKind::Snapshot, &[]));
        assert_eq!(rig.told(book(BookKind::Update, &[7])), [STALE]);
    }
    rig.told(book(BookKind::Snapshot, &[]));
    let full = rig.pump.take(book(BookKind::Update, &[7]), &mut Vec::new());
    assert!(matches!(full, Err(Ended::Jammed)));
}

#[test]
fn a_full_queue_of_spare_books_costs_the_mirror_an_allocation_and_no_more() {
    let mut rig = rig();
    for _ in 0..3 {
        assert_eq!(rig.told(book(BookKind::Snapshot, &[])).len(), 1);
    }
    assert!(rig.spares.try_recv().is_ok());
    assert!(rig.spares.try_recv().is_err(), "the others found no room");
}

#[test]
fn a_trade_is_told_as_it_is() {
    let mut rig = rig();
    assert_eq!(
        rig.told(Event::Trade(trade())),
        [books::trade(&trade(), false)]
    );
}

fn trade() -> PublicTrade {
    PublicTrade {
        instrument: BTC,
        taker_side: Side::Sell,
        price: Price::new(600_000).unwrap(),
        qty: Quantity::new(7).unwrap(),
        trade_id: 1,
        at: Timestamp::from_secs(1),
    }
}
