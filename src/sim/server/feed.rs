//! The public feed: from the venue's facts to the frames of `book`, `level3`, `trade`, `ticker`, `ohlc`, `instrument`, `status`.
//!
//! For: everyone who subscribed. Left out: requests and their checks, sockets.
//! Always true: a frame is written once for each pair and depth and shared by all; a snapshot and the updates after it
//! meet without gap or overlap, because both are made under the venue's lock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    market_frames,
    outbox::{Outbox, Topic},
    pair_feed::{PairFeed, Taken, Told, Wish, touched},
    validate::Channel,
};
use crate::{
    io::Clock,
    sim::{
        Venue, View,
        faults::FaultHandle,
        matching::{Fact, Move, PairId, PairSpec, Universe},
        notices::Notices,
    },
    types::{Timestamp, TradingStatus},
};

/// The feed. Clones are the same feed.
#[derive(Clone, Debug)]
pub(super) struct Feed(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    universe: Universe,
    faults: FaultHandle,
    everyone: BTreeMap<u64, Outbox>,
    instruments: Topic,
    system: TradingStatus,
    announced: Notices,
    /// What is announced, as told last, and its number.
    notices: String,
    notices_version: u64,
    clock: Clock,
    pairs: Vec<PairFeed>,
}

impl Feed {
    /// A feed that hears everything from now on.
    pub(super) fn listen(venue: &Venue, universe: Universe, faults: FaultHandle) -> Self {
        let pair = |pair: &PairSpec| PairFeed::new(pair.instrument.status);
        let pairs = universe.pairs.iter().map(pair).collect();
        let feed = Self(Arc::new(Mutex::new(State {
            pairs,
            universe,
            faults,
            everyone: BTreeMap::new(),
            instruments: Topic::default(),
            system: TradingStatus::Online,
            announced: venue.notices().clone(),
            notices: String::new(),
            // None that is told, so that the first look writes it.
            notices_version: u64::MAX,
            clock: venue.clock().clone(),
        })));
        let heard = feed.clone();
        venue.listen(Box::new(move |now, view, facts| {
            heard.lock().publish(now, view, facts);
        }));
        feed
    }

    /// Greets a connection, which hears of statuses from now on.
    pub(super) fn join(&self, venue: &Venue, outbox: &Outbox) {
        venue.read(|view| {
            let mut state = self.lock();
            state.publish_statuses(view);
            // How long until a window begins is as of now.
            state.notices = state.told();
            let frame = market_frames::status(state.system, outbox.id, &state.notices);
            outbox.channel(frame.into());
            state.everyone.insert(outbox.id, outbox.clone());
        });
    }

    /// Forgets a connection.
    pub(super) fn leave(&self, id: u64) {
        let mut state = self.lock();
        state.everyone.remove(&id);
        state.instruments.remove(id);
        for pair in &mut state.pairs {
            pair.leave(id);
        }
    }

    /// Connections that were greeted and have not left.
    pub(super) fn connections(&self) -> usize {
        self.lock().everyone.len()
    }

    /// Subscribes to a pair: the acknowledgement, then the state, then every change after it.
    ///
    /// # Errors
    ///
    /// When such a subscription stands already; nothing was sent then.
    pub(super) fn subscribe(
        &self,
        venue: &Venue,
        outbox: &Outbox,
        wish: Wish,
        acknowledge: impl FnOnce(Timestamp) -> String,
    ) -> Result<(), Taken> {
        venue.read(|view| {
            let now = venue.clock().now();
            self.lock().subscribe(now, view, outbox, wish, acknowledge)
        })
    }

    /// Ends a subscription to a pair. False if there was none.
    pub(super) fn unsubscribe(&self, id: u64, pair: PairId, channel: Channel) -> bool {
        let mut state = self.lock();
        let Some(feed) = state.pairs.get_mut(pair.0 as usize) else {
            return false;
        };
        feed.unsubscribe(id, channel)
    }

    /// Subscribes to the list of instruments; `elsewhere` nothing is listed.
    ///
    /// # Errors
    ///
    /// When the subscription stands already.
    pub(super) fn subscribe_instruments(
        &self,
        venue: &Venue,
        outbox: &Outbox,
        snapshot: bool,
        (silent, elsewhere): (bool, bool),
        acknowledge: impl FnOnce(Timestamp) -> String,
    ) -> Result<(), Taken> {
        venue.read(|view| {
            let mut state = self.lock();
            if state.instruments.has(outbox.id) {
                return Err(Taken::Already);
            }
            outbox.reply(acknowledge(venue.clock().now()));
            if snapshot && !silent {
                let status = |position: usize| {
                    u32::try_from(position).map_or(TradingStatus::Closed, |position| {
                        view.exchange.pair_status(PairId(position))
                    })
                };
                let nothing = Universe {
                    assets: Vec::new(),
                    pairs: Vec::new(),
                };
                let listed = if elsewhere { &nothing } else { &state.universe };
                outbox.channel(market_frames::instruments(listed, status).into());
            }
            state.instruments.add(outbox.clone(), silent || elsewhere);
            Ok(())
        })
    }

    /// Ends the subscription to the list of instruments. False if there was none.
    pub(super) fn unsubscribe_instruments(&self, id: u64) -> bool {
        self.lock().instruments.remove(id)
    }

    /// Tells about statuses that changed without a fact.
    pub(super) fn publish_statuses(&self, venue: &Venue) {
        venue.read(|view| self.lock().publish_statuses(view));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn publish(&mut self, now: Timestamp, view: View<'_>, facts: &[Fact]) {
        self.publish_statuses(view);
        for (pair, touched) in touched(facts) {
            self.with(now, view, pair, |feed, told| feed.publish(told, &touched));
        }
        let moves = view.exchange.moves();
        for pair in self.told_of_orders(moves) {
            self.with(now, view, pair, |feed, told| {
                feed.publish_orders(told, moves);
            });
        }
    }

    /// The pairs whose orders moved and are listened to.
    fn told_of_orders(&self, moves: &[Move]) -> BTreeSet<PairId> {
        let pairs = moves.iter().map(Move::pair);
        let listened = |pair: &PairId| {
            let feed = self.pairs.get(pair.0 as usize);
            feed.is_some_and(PairFeed::tells_orders)
        };
        pairs.filter(listened).collect()
    }

    fn with(
        &mut self,
        now: Timestamp,
        view: View<'_>,
        pair: PairId,
        tell: impl FnOnce(&mut PairFeed, &Told<'_>),
    ) {
        let spec = self.universe.pair(pair);
        let Some((spec, feed)) = spec.zip(self.pairs.get_mut(pair.0 as usize)) else {
            return;
        };
        let told = Told {
            now,
            view,
            pair,
            of: &spec.instrument,
            faults: &self.faults,
        };
        tell(feed, &told);
    }

    /// What is announced at present.
    fn told(&self) -> String {
        let told = self.announced.told(self.clock.now(), 6);
        serde_json::to_string(&told).unwrap_or_default()
    }

    fn publish_statuses(&mut self, view: View<'_>) {
        let (system, version) = (view.exchange.system_status(), self.announced.version());
        if (system, version) != (self.system, self.notices_version) {
            (self.system, self.notices_version) = (system, version);
            self.notices = self.told();
            for (id, outbox) in &self.everyone {
                outbox.channel(market_frames::status(system, *id, &self.notices).into());
            }
        }
        for (position, (feed, spec)) in (0..).zip(self.pairs.iter_mut().zip(&self.universe.pairs)) {
            let status = view.exchange.pair_status(PairId(position));
            if status != feed.status {
                feed.status = status;
                let frame = market_frames::instrument(spec, status);
                self.instruments.send(&frame.into());
            }
        }
    }

    fn subscribe(
        &mut self,
        now: Timestamp,
        view: View<'_>,
        outbox: &Outbox,
        wish: Wish,
        acknowledge: impl FnOnce(Timestamp) -> String,
    ) -> Result<(), Taken> {
        let (Some(spec), Some(feed)) = (
            self.universe.pair(wish.pair),
            self.pairs.get_mut(wish.pair.0 as usize),
        ) else {
            return Ok(());
        };
        feed.check(outbox.id, wish.channel)?;
        outbox.reply(acknowledge(now));
        let told = Told {
            now,
            view,
            pair: wish.pair,
            of: &spec.instrument,
            faults: &self.faults,
        };
        if let Some(frame) = feed.take_in(&told, outbox, wish) {
            outbox.channel(frame.into());
        }
        Ok(())
    }
}
