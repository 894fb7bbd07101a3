//! The writing side of the private socket, connected or not.
//!
//! For: taking cancels, orders and amends from their lanes and telling what became of each. Left out: what frames mean (the
//! reader's) and how a connection comes up. Always true:
//!
//! * A cancel waits for nothing that is not already being written. While there is no socket it goes by REST, behind no call but other cancels.
//! * Nothing here waits for the account queue: events that find no room there wait in order, and the lanes go on.
//! * No create is ever written twice, nor after its outcome was told.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::SinkExt;
use secrecy::SecretString;
use tokio::{
    sync::mpsc,
    task::{self, JoinError, JoinSet},
    time::sleep,
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::{
    desk::Desk,
    frames::{self, Reply},
    gate::{self, Gate, Permit},
    news::News,
};
use crate::{
    engine::{
        Event,
        command::{Cancel, CommandId},
        event::{Answer, Link, Unsent},
    },
    io::Clock,
    resilience::{Place, Progress},
    types::{Instrument, Timestamp},
    venue::kraken::{
        counters::SocketCounters,
        error::{self, Class, Denied},
        lanes::Entry,
        rest::{
            Rest,
            calls::{CancelOrder, GetWebSocketsToken, OpenOrders},
        },
        settings::Settings,
        socket,
    },
};

/// Longest sleep when nothing is due.
const IDLE: Duration = Duration::from_secs(60);
/// Changes of the clocks' difference below this many nanoseconds are noise of the network.
const OFFSET_STEP: u64 = 5_000_000;

/// Everything of the private socket that outlives a connection.
pub(super) struct Writer {
    cancels: mpsc::Receiver<Cancel>,
    entries: mpsc::Receiver<Entry>,
    account: mpsc::Sender<Event>,
    rest: Rest,
    clock: Clock,
    settings: Settings,
    counters: Arc<SocketCounters>,
    instruments: Arc<[Instrument]>,
    gate: Gate,
    desk: Desk<Permit>,
    news: News,
    /// Cancels to be written.
    urgent: VecDeque<Cancel>,
    /// Work over REST: cancels without a socket, new tokens, probes.
    errands: JoinSet<Errand>,
    /// Cancels that are out by REST.
    by_rest: HashMap<task::Id, CommandId>,
    /// Venue clock minus ours, in nanoseconds, as told last.
    offset: Option<i64>,
    progress: Progress,
}

/// What came back from REST.
#[derive(Debug)]
enum Errand {
    Cancel(CommandId, Answer),
    Token(Option<SecretString>),
    Probe(u64, gate::Read),
}

/// One connection, as the writer sees it.
pub(super) struct Line {
    pub(super) sink: socket::Writer,
    pub(super) replies: mpsc::Receiver<Reply>,
    /// None while a new one is fetched.
    pub(super) token: Option<SecretString>,
    pub(super) ping: Ping,
    /// Venue clock minus ours, in nanoseconds, as first measured.
    pub(super) offset: Option<i64>,
}

/// Pings sent and answered.
#[derive(Debug)]
pub(super) struct Ping {
    pub(super) number: u64,
    pub(super) sent: Timestamp,
    pub(super) answered: Timestamp,
}

impl Ping {
    /// Venue clock minus ours. The venue read its clock about half way between our two readings.
    pub(super) fn offset(&self, venue_time: Timestamp) -> i64 {
        let half = self.answered.since(self.sent) / 2;
        let ours = self.sent.after(half);
        venue_time.as_nanos().saturating_sub(ours.as_nanos())
    }
}

/// Why the work over a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// We are stopping.
    Stopping,
    /// The lanes or the account queue are closed: nobody is left to work for.
    Abandoned,
    /// The connection is gone.
    Lost,
}

/// The connection does not take what is written.
#[derive(Debug)]
struct Broken;

/// What a writer is made of.
pub(super) struct Parts {
    pub(super) cancels: mpsc::Receiver<Cancel>,
    pub(super) entries: mpsc::Receiver<Entry>,
    pub(super) account: mpsc::Sender<Event>,
    pub(super) rest: Rest,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) counters: Arc<SocketCounters>,
    pub(super) instruments: Arc<[Instrument]>,
    pub(super) gate: Gate,
}

impl Writer {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            desk: Desk::new(parts.settings.deadlines.answer),
            cancels: parts.cancels,
            entries: parts.entries,
            account: parts.account,
            rest: parts.rest,
            clock: parts.clock,
            settings: parts.settings,
            counters: parts.counters,
            instruments: parts.instruments,
            gate: parts.gate,
            news: News::default(),
            urgent: VecDeque::new(),
            errands: JoinSet::new(),
            by_rest: HashMap::new(),
            offset: None,
            progress: Progress::default(),
        }
    }

    /// Counts its turns, and the frames that it has written.
    pub(super) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Works without a socket: cancels go by REST, orders and amends come back unsent. Ends only when nobody is left to work for.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub(super) async fn offline(&mut self) -> End {
        loop {
            self.progress.turn();
            self.tell();
            let turn = tokio::select! {
                biased;
                cancel = self.cancels.recv() => cancel.map_or(Turn::Abandoned, Turn::Cancel),
                room = self.account.reserve(), if !self.news.is_empty() => self.news.tell(room).map_or(Turn::Abandoned, |()| Turn::Told),
                Some(errand) = self.errands.join_next_with_id(), if !self.errands.is_empty() => Turn::Errand(errand),
                entry = self.entries.recv() => entry.map_or(Turn::Abandoned, Turn::Entry),
                () = self.progress.wished() => Turn::Wished,
            };
            match turn {
                Turn::Cancel(cancel) => self.cancel_offline(cancel),
                Turn::Entry(entry) => {
                    let unsent = Answer::Unsent(Unsent::NotConnected);
                    self.desk.settle(entry.id(), unsent);
                }
                // Without a line nothing can break.
                Turn::Errand(errand) => self.take_errand(None, errand).unwrap_or_default(),
                Turn::Told | Turn::Wished => {}
                Turn::Stop | Turn::Reply(_) | Turn::Due | Turn::Lost | Turn::Abandoned => {
                    return End::Abandoned;
                }
            }
        }
    }

    /// Works over a connection until it ends. The order of the branches is the order of haste.
    ///
    /// # Cancel safety
    ///
    /// None: a frame may be half written.
    pub(super) async fn online(&mut self, line: &mut Line, stop: &CancellationToken) -> End {
        if let Some(offset) = line.offset {
            self.tell_offset(offset);
        }
        self.news.push(Event::Account(Link::Up));
        loop {
            self.progress.turn();
            self.give_up_late();
            self.probe();
            if let Err(Broken) = self.write_due(line).await {
                return End::Lost;
            }
            self.tell();
            let wake = self.until_next_wake(line);
            let turn = tokio::select! {
                biased;
                () = stop.cancelled() => Turn::Stop,
                cancel = self.cancels.recv() => cancel.map_or(Turn::Abandoned, Turn::Cancel),
                reply = line.replies.recv() => reply.map_or(Turn::Lost, Turn::Reply),
                room = self.account.reserve(), if !self.news.is_empty() => self.news.tell(room).map_or(Turn::Abandoned, |()| Turn::Told),
                Some(errand) = self.errands.join_next_with_id(), if !self.errands.is_empty() => Turn::Errand(errand),
                entry = self.entries.recv() => entry.map_or(Turn::Abandoned, Turn::Entry),
                () = sleep(wake) => Turn::Due,
                () = self.progress.wished() => Turn::Wished,
            };
            match turn {
                Turn::Cancel(cancel) => self.take_cancel(cancel),
                Turn::Reply(reply) => self.take_reply(line, reply),
                Turn::Errand(errand) => {
                    if let Err(Broken) = self.take_errand(Some(line), errand) {
                        return End::Lost;
                    }
                }
                Turn::Entry(entry) => self.desk.take(entry),
                Turn::Told | Turn::Due | Turn::Wished => {}
                Turn::Stop => return End::Stopping,
                Turn::Lost => return End::Lost,
                Turn::Abandoned => return End::Abandoned,
            }
        }
    }
}

/// What came first.
enum Turn {
    Stop,
    Cancel(Cancel),
    Reply(Reply),
    Told,
    Errand(Result<(task::Id, Errand), JoinError>),
    Entry(Entry),
    Due,
    Wished,
    Lost,
    Abandoned,
}

/// Lanes, desk and wire.
impl Writer {
    /// Takes a cancel in. What was handed over before it is taken first, so that a cancel always finds its create.
    fn take_cancel(&mut self, cancel: Cancel) {
        while let Ok(entry) = self.entries.try_recv() {
            self.desk.take(entry);
        }
        self.urgent.extend(self.desk.cancel(cancel));
    }

    fn cancel_offline(&mut self, cancel: Cancel) {
        self.take_cancel(cancel);
        self.desk.lost(Unsent::NotConnected);
        self.send_urgent_by_rest();
    }

    /// Writes all that can be written: cancels, a ping, orders and amends one by one. Cancels that come in meanwhile go first.
    async fn write_due(&mut self, line: &mut Line) -> Result<(), Broken> {
        loop {
            while let Ok(cancel) = self.cancels.try_recv() {
                self.take_cancel(cancel);
            }
            self.write_cancels(line).await?;
            self.write_ping(line).await?;
            let Some(entry) = self.next_entry(line) else {
                return Ok(());
            };
            self.write_entry(line, entry).await?;
        }
    }

    async fn write_cancels(&mut self, line: &mut Line) -> Result<(), Broken> {
        while let Some(cancel) = self.urgent.pop_front() {
            let Some(token) = &line.token else {
                self.send_by_rest(&cancel);
                continue;
            };
            let frame = frames::cancel(&cancel, token);
            let now = self.clock.now();
            self.desk.sending(cancel.id, self.gate.pass(now), now);
            self.write(line, frame).await?;
        }
        Ok(())
    }

    async fn write_ping(&mut self, line: &mut Line) -> Result<(), Broken> {
        let now = self.clock.now();
        if now < line.ping.sent.after(self.settings.ping) {
            return Ok(());
        }
        line.ping.number += 1;
        line.ping.sent = now;
        let frame = frames::ping(line.ping.number);
        self.write(line, frame).await
    }

    /// The next order or amend that may be written now; those that must not be come back unsent.
    fn next_entry(&mut self, line: &Line) -> Option<(Entry, Permit)> {
        let now = self.clock.now();
        let venue_now = now.shifted_nanos(self.offset.unwrap_or(0));
        self.desk.drop_late(venue_now);
        line.token.as_ref()?;
        loop {
            let entry = self.desk.next_entry(venue_now)?;
            match self.gate.admit(now) {
                Some(permit) => return Some((entry, permit)),
                None => {
                    let unsent = Answer::Unsent(Unsent::BreakerOpen);
                    self.desk.settle(entry.id(), unsent);
                }
            }
        }
    }

    async fn write_entry(
        &mut self,
        line: &mut Line,
        (entry, permit): (Entry, Permit),
    ) -> Result<(), Broken> {
        let frame = match &line.token {
            Some(token) => frames::entry(&entry, &self.instruments, token),
            None => None,
        };
        let Some(frame) = frame else {
            tracing::error!(
                ?entry,
                "an order of an instrument that this run does not have"
            );
            let unsent = Answer::Unsent(Unsent::NotConnected);
            self.desk.settle(entry.id(), unsent);
            return Ok(());
        };
        self.desk
            .sending(entry.id(), Some(permit), self.clock.now());
        self.write(line, frame).await
    }

    /// Writes one frame. A peer that does not read for so long is gone.
    async fn write(&self, line: &mut Line, frame: Message) -> Result<(), Broken> {
        let writing = line.sink.send(frame);
        match self.counters.deadlines.within(Place::Write, writing).await {
            Ok(Ok(())) => {
                self.progress.turn();
                Ok(())
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "private socket broke while writing");
                Err(Broken)
            }
            Err(late) => {
                tracing::warn!(%late, "private socket does not take what is written");
                Err(Broken)
            }
        }
    }

    fn take_reply(&mut self, line: &mut Line, reply: Reply) {
        match reply {
            Reply::Pong { number, venue_time } => self.take_pong(line, number, venue_time),
            Reply::Answer { id, result } => {
                let answer = match &result {
                    Ok(order_id) => Answer::Accepted {
                        order_id: *order_id,
                    },
                    Err(text) => error::answer_to(text),
                };
                if result.is_err_and(|text| error::classify(&text) == Class::Denied(Denied::Token))
                {
                    self.fetch_token(line);
                }
                match self.desk.answered(CommandId(id), answer) {
                    Some(permit) => {
                        if let Some(permit) = permit {
                            Gate::record(permit, answer);
                        }
                    }
                    None => self.counters.late_answers.add(1),
                }
            }
        }
    }

    fn take_pong(&mut self, line: &mut Line, number: u64, venue_time: Option<Timestamp>) {
        if number != line.ping.number {
            return;
        }
        line.ping.answered = self.clock.now();
        self.gate.ponged();
        if let Some(venue_time) = venue_time {
            self.tell_offset(line.ping.offset(venue_time));
        }
    }

    fn tell_offset(&mut self, offset: i64) {
        let moved = self
            .offset
            .is_none_or(|told| told.abs_diff(offset) >= OFFSET_STEP);
        if moved {
            self.offset = Some(offset);
            self.news.push(Event::ClockOffset(offset));
        }
    }

    fn give_up_late(&mut self) {
        let before = self.desk.in_flight();
        for permit in self.desk.expire(self.clock.now()) {
            Gate::record(permit, Answer::Unanswered);
        }
        let given_up = before - self.desk.in_flight();
        if given_up > 0 {
            self.counters.unanswered.add(given_up as u64);
            (0..given_up).for_each(|_request| self.late(Place::Answer));
            tracing::warn!(given_up, "requests were not answered");
        }
    }

    /// A limit that the desk or the gate watches has passed.
    fn late(&self, place: Place) {
        self.counters.deadlines.count(place, false);
    }

    fn until_next_wake(&self, line: &Line) -> Duration {
        let ping = line.ping.sent.after(self.settings.ping);
        let due = [Some(ping), self.desk.next_due(), self.gate.next_step()];
        let next = due.into_iter().flatten().min();
        next.map_or(IDLE, |next| next.since(self.clock.now()))
    }

    /// Moves what is to be told into the queue of events.
    fn tell(&mut self) {
        if let Some(entry) = self.gate.transition() {
            self.news.push(Event::OrderEntry(entry));
        }
        while let Some(outcome) = self.desk.next_outcome() {
            self.news.push(Event::Outcome(outcome));
        }
    }

    /// The connection is gone: everything owed is settled, then the link is down.
    pub(super) fn lost(&mut self) {
        self.desk.lost(Unsent::NotConnected);
        self.gate.disconnected();
        self.send_urgent_by_rest();
        self.tell();
        self.news.push(Event::Account(Link::Down));
    }

    /// Settles everything and tells it, as far as somebody listens within the time to close.
    ///
    /// # Cancel safety
    ///
    /// None: dropped, what is not told stays untold, and its orders count as unanswered.
    pub(super) async fn finish(mut self) {
        self.cancels.close();
        self.entries.close();
        while let Ok(entry) = self.entries.try_recv() {
            self.desk.take(entry);
        }
        while let Ok(cancel) = self.cancels.try_recv() {
            self.urgent.push_back(cancel);
        }
        self.desk.lost(Unsent::Stopping);
        for cancel in std::mem::take(&mut self.urgent) {
            self.desk
                .settle(cancel.id, Answer::Unsent(Unsent::Stopping));
        }
        let deadlines = self.counters.deadlines.clone();
        let errands = async {
            while let Some(ended) = self.errands.join_next_with_id().await {
                // Without a line nothing can break.
                self.take_errand(None, ended).unwrap_or_default();
            }
        };
        if let Err(late) = deadlines.within(Place::Close, errands).await {
            tracing::warn!(%late, "cancels by REST are still out");
        }
        let mut out: Vec<_> = std::mem::take(&mut self.by_rest).into_values().collect();
        out.sort_unstable();
        for id in out {
            self.desk.settle(id, Answer::Unanswered);
        }
        self.tell();
        let telling = async {
            for event in self.news {
                if self.account.send(event).await.is_err() {
                    return;
                }
            }
        };
        if let Err(late) = deadlines.within(Place::Close, telling).await {
            tracing::warn!(%late, "nobody takes the last outcomes");
        }
    }
}

/// Errands over REST.
impl Writer {
    fn send_urgent_by_rest(&mut self) {
        for cancel in std::mem::take(&mut self.urgent) {
            self.send_by_rest(&cancel);
        }
    }

    /// Cancels by REST, beside everything else.
    fn send_by_rest(&mut self, cancel: &Cancel) {
        let (id, rest) = (cancel.id, self.rest.clone());
        let call = match cancel.order_id {
            Some(order_id) => CancelOrder::Id(order_id),
            None => CancelOrder::ClOrdId(cancel.cl_ord_id),
        };
        let errand = self.errands.spawn(async move {
            let answer = match rest.cancel(&call).await {
                Ok(canceled) if canceled.count > 0 => Answer::Accepted { order_id: None },
                // Gone orders are refused with an error; a count of nothing tells nothing.
                Ok(_) => Answer::Unanswered,
                Err(error) => error.answer(),
            };
            Errand::Cancel(id, answer)
        });
        self.by_rest.insert(errand.id(), id);
    }

    /// Fetches a new token. Until it is here, cancels go by REST and orders wait.
    fn fetch_token(&mut self, line: &mut Line) {
        if line.token.take().is_none() {
            return;
        }
        tracing::info!("the socket's token is void, fetching another");
        let rest = self.rest.clone();
        self.errands.spawn(async move {
            let token = rest.read(&GetWebSocketsToken).await;
            Errand::Token(token.ok().map(|row| row.into_secret()))
        });
    }

    /// Starts a probe where the gate wants one, with a harmless read. Its ping follows.
    fn probe(&mut self) {
        let now = self.clock.now();
        if self.gate.is_late(now) {
            self.late(Place::Answer);
        }
        let Some(number) = self.gate.step(now) else {
            return;
        };
        let (rest, breaker) = (self.rest.clone(), self.gate.breaker().clone());
        self.errands.spawn(async move {
            let read = rest.probe(&OpenOrders::default(), &breaker).await;
            Errand::Probe(number, read)
        });
    }

    /// Takes in what an errand brought. One that failed has broken off in the middle: its cancel is unanswered, and a new connection
    /// begins with what the others would have brought.
    fn take_errand(
        &mut self,
        line: Option<&mut Line>,
        ended: Result<(task::Id, Errand), JoinError>,
    ) -> Result<(), Broken> {
        let (task, errand) = match ended {
            Ok((task, errand)) => (task, Ok(errand)),
            Err(error) => (error.id(), Err(error)),
        };
        let canceling = self.by_rest.remove(&task);
        match (errand, line) {
            (Ok(Errand::Cancel(id, answer)), _) => self.desk.settle(id, answer),
            (Ok(Errand::Token(Some(token))), Some(line)) => line.token = Some(token),
            // A new connection fetches a token of its own.
            (Ok(Errand::Token(None)), Some(_)) => return Err(Broken),
            (Ok(Errand::Probe(number, read)), line) => {
                let is_ping_due = self.gate.read(self.clock.now(), number, read);
                if let Some(line) = line.filter(|_| is_ping_due) {
                    line.ping.sent = Timestamp::MIN;
                }
            }
            // Asked for over a connection that is gone.
            (Ok(Errand::Token(_)), None) => {}
            (Err(error), line) => {
                tracing::error!(%error, "an errand failed");
                if let Some(id) = canceling {
                    self.desk.settle(id, Answer::Unanswered);
                } else if line.is_some() {
                    return Err(Broken);
                }
            }
        }
        Ok(())
    }
}
