//! The subscriptions of one socket as desired state: what is wanted, what is asked, what is live. Pure.
//!
//! For: asking again after a reconnect, matching acknowledgements by request, noticing what stays silent. Left out: sockets, bytes,
//! what frames mean. Always true: at most one request per subscription is out; an acknowledgement without a snapshot (of trades apart),
//! a request without an answer and a silent socket become a [`Fault`] in their time; a channel that should speak and does not, while its
//! socket does, is asked for again; so is a subscription that is refused for the moment, and not one that is refused for what it is.

use std::{collections::BTreeMap, fmt, time::Duration};

use thiserror::Error;

use super::encode::{Channel, FIRST_OWN_REQUEST};
use crate::{
    resilience::{Elapsed, Place, deadline},
    types::{Symbol, Timestamp},
};

/// Symbols of one request: the venue wants few requests with many symbols.
const MOST_SYMBOLS: usize = 250;
/// Pause after a subscription was refused for the moment.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// Least time between two fresh snapshots of one symbol that somebody asked for.
const RESYNC_PAUSE: Duration = Duration::from_secs(1);

/// One thing that is subscribed to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Topic {
    /// Channel with what tells it from others of its kind.
    pub channel: Channel,
    /// Pair, where the channel has one.
    pub symbol: Option<Symbol>,
}

impl Topic {
    /// Whether the frames of both would be told apart by nothing.
    fn is_same_feed(&self, other: &Self) -> bool {
        self.symbol == other.symbol && self.channel.name() == other.channel.name()
    }
}

/// How patient a session is.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How long to wait where.
    pub deadlines: deadline::Settings,
    /// Pause between two pings.
    pub ping: Duration,
}

/// Something to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wish {
    /// Subscribe to these symbols of a channel.
    Subscribe {
        /// Request id.
        req_id: u64,
        /// Channel.
        channel: Channel,
        /// Symbols; none for a channel without.
        symbols: Vec<Symbol>,
    },
    /// The opposite.
    Unsubscribe {
        /// Request id.
        req_id: u64,
        /// Channel.
        channel: Channel,
        /// Symbols.
        symbols: Vec<Symbol>,
    },
    /// Prove that the process behind the socket is alive.
    Ping {
        /// Request id.
        req_id: u64,
    },
}

/// Why a connection is no good any more: a limit passed first.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Fault {
    /// Nothing came for too long.
    #[error(transparent)]
    Socket(Elapsed),
    /// A subscription was not acknowledged, or was and sent no snapshot.
    #[error("{0}: {1}")]
    Topic(Topic, Elapsed),
}

impl Fault {
    /// The place whose limit passed first.
    #[must_use]
    pub const fn late(&self) -> Place {
        match self {
            Self::Socket(elapsed) | Self::Topic(_, elapsed) => elapsed.place,
        }
    }
}

/// A channel that said nothing for too long, although its socket did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Silence {
    /// Of what.
    pub topic: Topic,
    /// The limit that passed.
    pub late: Elapsed,
    /// Whether it has said something since it was last asked for again, beyond the snapshot that followed.
    pub is_news: bool,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.channel.name())?;
        match &self.symbol {
            Some(symbol) => write!(f, " {symbol}"),
            None => Ok(()),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// To be asked for, not before an instant.
    Wanted(Timestamp),
    /// Asked; the answer is due at an instant.
    Asked { req_id: u64, due: Timestamp },
    /// Acknowledged; the snapshot is due at an instant.
    Acked { due: Timestamp },
    /// Delivering.
    Live,
    /// Asked to end, so that a fresh snapshot can be asked for.
    Leaving { req_id: u64, due: Timestamp },
    /// Not granted for the moment; to be asked for again, not before an instant.
    PutOff(Timestamp),
    /// The venue will not have it.
    Refused,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    state: State,
    /// When a fresh snapshot was last asked for.
    resynced: Timestamp,
    /// When it last said something.
    spoke: Timestamp,
    /// Whether it has been silent for too long and has sent nothing but snapshots since.
    is_silent: bool,
}

impl Entry {
    const fn new(state: State) -> Self {
        Self {
            state,
            resynced: Timestamp::MIN,
            spoke: Timestamp::MIN,
            is_silent: false,
        }
    }
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug)]
pub struct Ack<'a> {
    /// Request id.
    pub req_id: u64,
    /// Symbol, where the channel has one.
    pub symbol: Option<&'a str>,
    /// What the venue says.
    pub answer: Granting,
}

/// How the venue answers a subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Granting {
    /// Agreed.
    Granted,
    /// It would be refused again.
    Refused,
    /// Refused, and may be granted another time.
    NotNow,
}

/// The subscriptions of one socket.
#[derive(Clone, Debug)]
pub struct Session {
    topics: BTreeMap<Topic, Entry>,
    patience: Patience,
    next_id: u64,
    heard: Timestamp,
    pinged: Timestamp,
    connected: bool,
    silences: Vec<Silence>,
}

impl Session {
    /// A session that wants these topics and is not connected.
    #[must_use]
    pub fn new(topics: impl IntoIterator<Item = Topic>, patience: Patience) -> Self {
        let entry = Entry::new(State::Wanted(Timestamp::MIN));
        Self {
            topics: topics.into_iter().map(|topic| (topic, entry)).collect(),
            patience,
            next_id: FIRST_OWN_REQUEST,
            heard: Timestamp::MIN,
            pinged: Timestamp::MIN,
            connected: false,
            silences: Vec::new(),
        }
    }

    /// A socket is open: nothing is remembered on the other side, everything is asked for again.
    pub fn connected(&mut self, now: Timestamp) {
        self.connected = true;
        (self.heard, self.pinged) = (now, now);
        for entry in self.topics.values_mut() {
            if entry.state != State::Refused {
                entry.state = State::Wanted(now);
            }
        }
    }

    /// The socket is gone.
    pub const fn disconnected(&mut self) {
        self.connected = false;
    }

    /// A frame came, whatever it says.
    pub const fn heard(&mut self, now: Timestamp) {
        self.heard = now;
    }

    /// The answer to a subscribe or unsubscribe. False if it answers nothing that was asked.
    pub fn acknowledged(&mut self, now: Timestamp, ack: Ack<'_>) -> bool {
        let snapshot_due = now.after(self.patience.deadlines.first_snapshot);
        let found = self.topics.iter_mut().find(|(topic, entry)| {
            topic.symbol.as_deref() == ack.symbol && entry.state.request() == Some(ack.req_id)
        });
        let Some((topic, entry)) = found else {
            return false;
        };
        entry.state = match (entry.state, ack.answer) {
            (State::Asked { .. }, Granting::Granted) if topic.channel.has_snapshot() => {
                State::Acked { due: snapshot_due }
            }
            (State::Asked { .. }, Granting::Granted) => {
                entry.spoke = now;
                State::Live
            }
            (State::Asked { .. }, Granting::Refused) => State::Refused,
            (State::Asked { .. }, Granting::NotNow) => State::PutOff(now.after(REFUSED_PAUSE)),
            // It is still there.
            (State::Leaving { .. }, Granting::NotNow) => State::Leaving {
                req_id: 0,
                due: now.after(REFUSED_PAUSE),
            },
            // Whether it was still there or not: it is not there now.
            (State::Leaving { .. }, Granting::Granted | Granting::Refused) => State::Wanted(now),
            (state, _) => state,
        };
        true
    }

    /// Takes on a subscription that somebody else asked for, as in a recording. It replaces one of the same symbol at another depth.
    pub fn adopt(&mut self, topic: Topic) {
        self.topics.retain(|known, _| !known.is_same_feed(&topic));
        let acked = State::Acked {
            due: Timestamp::MAX,
        };
        self.topics.insert(topic, Entry::new(acked));
    }

    /// Lets go of a subscription that somebody else ended.
    pub fn release(&mut self, topic: &Topic) {
        self.topics.retain(|known, _| !known.is_same_feed(topic));
    }

    /// Depth at which the book of a symbol is subscribed to.
    #[must_use]
    pub fn book_depth(&self, symbol: &str) -> Option<u16> {
        self.topics.keys().find_map(|topic| match topic.channel {
            Channel::Book { depth } if topic.symbol.as_deref() == Some(symbol) => Some(depth),
            Channel::Book { .. }
            | Channel::Trade
            | Channel::Ticker
            | Channel::Ohlc { .. }
            | Channel::Instrument
            | Channel::Executions
            | Channel::Balances => None,
        })
    }

    /// A snapshot without a row came, which names no symbol: it is that of one that waits.
    pub fn delivered_nothing(&mut self, now: Timestamp, channel: Channel) {
        let mut waiting = self.topics.iter();
        let waiting = waiting.find(|(topic, entry)| {
            topic.channel == channel && matches!(entry.state, State::Acked { .. })
        });
        if let Some(topic) = waiting.map(|(topic, _)| *topic) {
            self.delivered(now, &topic);
        }
    }

    /// A snapshot of a topic came.
    pub fn delivered(&mut self, now: Timestamp, topic: &Topic) {
        if let Some(entry) = self.topics.get_mut(topic) {
            entry.spoke = now;
            // A refusal that was none, as it turns out, included.
            if matches!(
                entry.state,
                State::Acked { .. } | State::Asked { .. } | State::PutOff(_)
            ) {
                entry.state = State::Live;
            }
        }
    }

    /// Something came of a topic that is no snapshot.
    pub fn spoke(&mut self, now: Timestamp, topic: &Topic) {
        if let Some(entry) = self.topics.get_mut(topic) {
            (entry.spoke, entry.is_silent) = (now, false);
        }
    }

    /// Takes a fresh snapshot of a topic: ends it and asks again, at most once a second. One that is not live is on its way anyway.
    pub fn resync(&mut self, now: Timestamp, topic: &Topic) {
        let pause = RESYNC_PAUSE;
        let Some(entry) = self.topics.get_mut(topic) else {
            return;
        };
        if entry.state != State::Live {
            return;
        }
        let free = if entry.resynced == Timestamp::MIN {
            now
        } else {
            entry.resynced.after(pause)
        };
        entry.resynced = now.max(free);
        // The end is asked for by the next poll that is late enough.
        entry.state = State::Leaving {
            req_id: 0,
            due: now.max(free),
        };
    }

    /// What is to be sent now, appended to `out`.
    ///
    /// # Errors
    ///
    /// When the connection is no good any more.
    pub fn poll(&mut self, now: Timestamp, out: &mut Vec<Wish>) -> Result<(), Fault> {
        if !self.connected {
            return Ok(());
        }
        self.check(now)?;
        self.hear_silences(now);
        self.ask(now, out);
        self.leave(now, out);
        if now.since(self.pinged) >= self.patience.ping {
            self.pinged = now;
            out.push(Wish::Ping {
                req_id: self.take_id(),
            });
        }
        Ok(())
    }

    /// The channels that polling has found silent since this was last asked.
    pub fn silences(&mut self) -> impl Iterator<Item = Silence> + '_ {
        self.silences.drain(..)
    }

    /// When to poll again, if no frame comes first.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if !self.connected {
            return None;
        }
        let deadlines = &self.patience.deadlines;
        let topics = self.topics.iter();
        let states = topics.filter_map(|(topic, entry)| match entry.state {
            State::Wanted(at)
            | State::PutOff(at)
            | State::Asked { due: at, .. }
            | State::Acked { due: at }
            | State::Leaving { due: at, .. } => Some(at),
            State::Live => {
                let silent_at = entry.spoke.after(deadlines.channel_idle);
                topic.channel.is_steady().then_some(silent_at)
            }
            State::Refused => None,
        });
        let socket = [
            self.heard.after(deadlines.idle),
            self.pinged.after(self.patience.ping),
        ];
        states.chain(socket).min()
    }

    /// Whether every topic that the venue grants at present is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.topics.iter().all(|(topic, entry)| match entry.state {
            State::Live | State::PutOff(_) | State::Refused => true,
            State::Acked { .. } => !topic.channel.needs_snapshot(),
            State::Wanted(_) | State::Asked { .. } | State::Leaving { .. } => false,
        })
    }

    fn check(&self, now: Timestamp) -> Result<(), Fault> {
        let deadlines = &self.patience.deadlines;
        if now.since(self.heard) >= deadlines.idle {
            return Err(Fault::Socket(deadlines.elapsed(Place::Idle)));
        }
        let late = |topic: &Topic, entry: &Entry| match entry.state {
            State::Asked { due, .. } if due <= now => Some(Place::SubscribeAck),
            State::Leaving { due, req_id } if req_id != 0 && due <= now => {
                Some(Place::SubscribeAck)
            }
            State::Acked { due } if due <= now && topic.channel.needs_snapshot() => {
                Some(Place::FirstSnapshot)
            }
            State::Wanted(_)
            | State::PutOff(_)
            | State::Asked { .. }
            | State::Acked { .. }
            | State::Live
            | State::Leaving { .. }
            | State::Refused => None,
        };
        let mut topics = self.topics.iter();
        match topics.find_map(|(topic, entry)| Some((*topic, late(topic, entry)?))) {
            Some((topic, place)) => Err(Fault::Topic(topic, deadlines.elapsed(place))),
            None => Ok(()),
        }
    }

    /// Has what should speak and does not asked for again: its snapshot shows whether nothing happens or nothing is told. What can do
    /// without the snapshot that did not come goes on.
    fn hear_silences(&mut self, now: Timestamp) {
        for (topic, entry) in &mut self.topics {
            if matches!(entry.state, State::Acked { due } if due <= now) {
                entry.state = State::Live;
                self.silences.push(Silence {
                    topic: *topic,
                    late: self.patience.deadlines.elapsed(Place::FirstSnapshot),
                    is_news: true,
                });
            }
        }
        let late = self.patience.deadlines.elapsed(Place::ChannelIdle);
        let silent = |(topic, entry): (&Topic, &Entry)| {
            let speaks = entry.state != State::Live || now.since(entry.spoke) < late.after;
            (topic.channel.is_steady() && !speaks).then_some(*topic)
        };
        let silent: Vec<Topic> = self.topics.iter().filter_map(silent).collect();
        for topic in silent {
            self.resync(now, &topic);
            if let Some(entry) = self.topics.get_mut(&topic) {
                let is_news = !std::mem::replace(&mut entry.is_silent, true);
                self.silences.push(Silence {
                    topic,
                    late,
                    is_news,
                });
            }
        }
    }

    /// Asks for what is wanted, many symbols to a request.
    fn ask(&mut self, now: Timestamp, out: &mut Vec<Wish>) {
        let due = now.after(self.patience.deadlines.subscribe_ack);
        let wanted: Vec<Topic> = self
            .topics
            .iter()
            .filter(|(_, entry)| matches!(entry.state, State::Wanted(at) | State::PutOff(at) if at <= now))
            .map(|(topic, _)| *topic)
            .collect();
        for topic in wanted {
            let req_id = match out.last_mut() {
                Some(Wish::Subscribe {
                    req_id,
                    channel,
                    symbols,
                }) if *channel == topic.channel
                    && !symbols.is_empty()
                    && symbols.len() < MOST_SYMBOLS =>
                {
                    symbols.extend(topic.symbol);
                    *req_id
                }
                _ => {
                    let req_id = self.take_id();
                    let symbols = topic.symbol.into_iter().collect();
                    out.push(Wish::Subscribe {
                        req_id,
                        channel: topic.channel,
                        symbols,
                    });
                    req_id
                }
            };
            if let Some(entry) = self.topics.get_mut(&topic) {
                entry.state = State::Asked { req_id, due };
            }
        }
    }

    fn leave(&mut self, now: Timestamp, out: &mut Vec<Wish>) {
        let ack_due = now.after(self.patience.deadlines.subscribe_ack);
        for (topic, entry) in &mut self.topics {
            let State::Leaving { req_id: 0, due } = entry.state else {
                continue;
            };
            if due > now {
                continue;
            }
            let req_id = self.next_id;
            self.next_id += 1;
            entry.state = State::Leaving {
                req_id,
                due: ack_due,
            };
            let symbols = topic.symbol.into_iter().collect();
            out.push(Wish::Unsubscribe {
                req_id,
                channel: topic.channel,
                symbols,
            });
        }
    }

    const fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }
}

impl State {
    const fn request(self) -> Option<u64> {
        match self {
            Self::Asked { req_id, .. } | Self::Leaving { req_id, .. } => Some(req_id),
            Self::Wanted(_) | Self::Acked { .. } | Self::Live | Self::PutOff(_) | Self::Refused => {
                None
            }
        }
    }
}

impl Channel {
    /// Whether a snapshot follows the acknowledgement, as we subscribe. (A candle channel may have none to send.)
    #[must_use]
    pub const fn has_snapshot(self) -> bool {
        match self {
            Self::Book { .. }
            | Self::Trade
            | Self::Ticker
            | Self::Instrument
            | Self::Executions
            | Self::Balances => true,
            Self::Ohlc { .. } => false,
        }
    }

    /// Whether it is of no use without its snapshot. Trades are: a pair that never traded may have none to send.
    const fn needs_snapshot(self) -> bool {
        match self {
            Self::Trade => false,
            Self::Book { .. }
            | Self::Ticker
            | Self::Ohlc { .. }
            | Self::Instrument
            | Self::Executions
            | Self::Balances => true,
        }
    }

    /// Whether it says something again and again while its market is open. The others may rightly be silent for days: of them it is
    /// a fault when no acknowledgement or no first snapshot comes, or, of trades, a silence.
    #[must_use]
    pub const fn is_steady(self) -> bool {
        match self {
            Self::Book { .. } => true,
            Self::Trade
            | Self::Ticker
            | Self::Ohlc { .. }
            | Self::Instrument
            | Self::Executions
            | Self::Balances => false,
        }
    }
}

#[cfg(test)]
mod tests;
