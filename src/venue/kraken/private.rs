//! The private socket: orders out, reports in.
//!
//! For: one task that keeps a subscribed connection up and serves the lanes whether it is up or not. Left out: what reports mean.
//! Always true:
//!
//! * [`Link::Up`](crate::engine::event::Link::Up) comes after the snapshots of orders, fills and balances, and before any order is written;
//!   before [`Link::Down`](crate::engine::event::Link::Down), every request in flight is settled as unanswered.
//! * Reader and writer are separate tasks: a full account queue stops the reader, never a cancel.
//! * Each connection has a token of its own.

mod desk;
mod frames;
mod gate;
mod news;
mod reader;
#[cfg(test)]
mod tests;
mod welcome;
mod writer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, Stream, StreamExt};
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_util::sync::CancellationToken;

use self::{
    frames::Reply,
    gate::Gate,
    reader::{Fault, Heard, Intake},
    welcome::{Unwelcome, Welcome},
    writer::{End, Line, Parts, Writer},
};
use super::{
    address::{Address, InvalidAddress, Kind},
    breakers::breaker,
    counters::SocketCounters,
    error::{self, AFTER_LOCKOUT, Class, Denied},
    lanes::Entry,
    redial::Redial,
    rest::{Rest, calls::GetWebSocketsToken},
    socket::{ConnectError, Socket},
    wiring::Wiring,
};
use crate::{
    engine::{Event, command::Cancel},
    io::{Clock, net::Connector, rng::Rng},
    resilience::{Place, Watcher, circuit_breaker::CircuitBreaker},
};

/// Replies that may wait for the writer.
const REPLIES: usize = 64;

/// The private socket's ends of its queues.
#[derive(Debug)]
pub struct Queues {
    /// Cancels to be done.
    pub cancels: mpsc::Receiver<Cancel>,
    /// Orders and amends to be done.
    pub entries: mpsc::Receiver<Entry>,
}

/// The key cannot be used; trying again would only lock it.
#[derive(Debug, Error)]
#[error("the venue refuses the key")]
pub struct KeyRefused(#[source] error::Error);

/// The task of the private socket.
pub struct PrivateSocket {
    writer: Writer,
    dialer: Dialer,
    counters: Arc<SocketCounters>,
    order_entry: CircuitBreaker,
    /// Longest turn of the writer.
    longest: Duration,
}

impl std::fmt::Debug for PrivateSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateSocket").finish_non_exhaustive()
    }
}

impl PrivateSocket {
    /// Puts the task together. REST is for tokens, and for cancels while there is no socket.
    ///
    /// # Errors
    ///
    /// When the address cannot be used.
    pub fn new(
        wiring: &Wiring,
        queues: Queues,
        rest: Rest,
        mut rng: Rng,
    ) -> Result<Self, InvalidAddress> {
        let settings = wiring.settings.clone();
        let address = Address::parse(&settings.ws_auth, Kind::Socket)?;
        let thresholds = settings.breakers.order_entry.clone();
        let order_entry = breaker("order_entry", thresholds, &wiring.clock, &mut rng);
        let counters = Arc::new(SocketCounters::new(&settings.deadlines));
        let dialer = Dialer {
            connector: wiring.connector.clone(),
            address,
            rest: rest.clone(),
            clock: wiring.clock.clone(),
            account: wiring.account.clone(),
            counters: Arc::clone(&counters),
            redial: Redial::new("private", wiring, rng),
        };
        // A frame that is not taken, or the end of everything: its errands, then what is told of them.
        let (write, close) = (settings.deadlines.write, settings.deadlines.close);
        let longest = write.max(close.saturating_mul(2));
        let cancels = rest.breakers().cancels.clone();
        let gate = Gate::new(order_entry.clone(), cancels, settings.deadlines.answer);
        let writer = Writer::new(Parts {
            cancels: queues.cancels,
            entries: queues.entries,
            account: wiring.account.clone(),
            rest,
            clock: wiring.clock.clone(),
            settings,
            counters: Arc::clone(&counters),
            instruments: Arc::clone(&wiring.instruments),
            gate,
        });
        Ok(Self {
            writer,
            dialer,
            counters,
            order_entry,
            longest,
        })
    }

    /// Looks at the task from outside. It turns whether there is a connection or not.
    #[must_use]
    pub fn watcher(&self, task: &'static str) -> Watcher {
        self.writer.progress().watcher(task, self.longest)
    }

    /// What the socket counts.
    #[must_use]
    pub fn counters(&self) -> Arc<SocketCounters> {
        Arc::clone(&self.counters)
    }

    /// The breaker in front of orders and amends.
    #[must_use]
    pub fn breaker(&self) -> CircuitBreaker {
        self.order_entry.clone()
    }

    /// Keeps a connection up until the token is canceled or nobody is left to work for.
    ///
    /// # Errors
    ///
    /// When the venue refuses the key for good.
    ///
    /// # Cancel safety
    ///
    /// None: dropped, what was sent counts as unanswered, and nobody is told. Cancel the token instead.
    pub async fn run(self, stop: CancellationToken) -> Result<(), KeyRefused> {
        let Self {
            mut writer,
            mut dialer,
            ..
        } = self;
        let result = loop {
            let dialed = tokio::select! {
                biased;
                () = stop.cancelled() => break Ok(()),
                dialed = dialer.dial() => dialed,
                _end = writer.offline() => break Ok(()),
            };
            match dialed {
                Err(refused) => break Err(refused),
                Ok(dialed) => match hold(dialed, &mut writer, &mut dialer, &stop).await {
                    End::Lost => {}
                    End::Stopping | End::Abandoned => break Ok(()),
                },
            }
        };
        writer.finish().await;
        result
    }
}

/// Works over one connection until it ends.
async fn hold(
    dialed: Dialed,
    writer: &mut Writer,
    dialer: &mut Dialer,
    stop: &CancellationToken,
) -> End {
    let (sink, stream) = dialed.socket.split();
    let (replies_in, replies) = mpsc::channel(REPLIES);
    let mut line = Line {
        sink,
        replies,
        token: Some(dialed.token),
        ping: dialed.welcome.ping,
        offset: dialed.welcome.offset,
    };
    let mut reader = JoinSet::new();
    let maintenance = Arc::new(AtomicBool::new(dialer.redial.is_in_maintenance()));
    let heard = Arc::clone(&maintenance);
    reader.spawn(listen(stream, dialed.intake, replies_in, heard));
    dialer.counters.connections.add(1);
    dialer.counters.up.set(true);
    let end = writer.online(&mut line, stop).await;
    dialer.counters.up.set(false);
    if end == End::Lost {
        dialer.counters.lost_connections.add(1);
    } else {
        let closing = line.sink.close();
        if let Err(late) = dialer
            .counters
            .deadlines
            .within(Place::Close, closing)
            .await
        {
            tracing::debug!(%late, "private socket does not close");
        }
    }
    reader.abort_all();
    while let Some(ended) = reader.join_next().await {
        match ended {
            Ok(fault) => tracing::warn!(%fault, "private socket lost"),
            Err(error) if error.is_panic() => tracing::error!(%error, "reader failed"),
            Err(_aborted) => {}
        }
    }
    dialer
        .redial
        .maintenance(maintenance.load(Ordering::Relaxed));
    // Only now: nothing of this connection comes after its end.
    writer.lost();
    end
}

/// Reads until the connection is of no more use.
async fn listen<S>(
    mut stream: S,
    mut intake: Intake,
    replies: mpsc::Sender<Reply>,
    maintenance: Arc<AtomicBool>,
) -> Fault
where
    S: Stream<Item = Result<Frame, tungstenite::Error>> + Unpin,
{
    loop {
        match intake.next(&mut stream).await {
            Ok(Heard::Reply(reply)) => {
                if replies.send(reply).await.is_err() {
                    return Fault::Abandoned;
                }
            }
            Ok(Heard::Status { maintenance: lasts }) => maintenance.store(lasts, Ordering::Relaxed),
            Ok(Heard::Other | Heard::Subscribed(_) | Heard::Snapshot(_)) => {}
            Err(fault) => return fault,
        }
    }
}

/// Brings connections up.
struct Dialer {
    connector: Connector,
    address: Address,
    rest: Rest,
    clock: Clock,
    account: mpsc::Sender<Event>,
    counters: Arc<SocketCounters>,
    redial: Redial,
}

/// A connection with its subscriptions, whose snapshots have been told.
struct Dialed {
    socket: Socket,
    token: secrecy::SecretString,
    intake: Intake,
    welcome: Welcome,
}

/// Why a connection did not come up.
#[derive(Debug, Error)]
enum DialError {
    #[error(transparent)]
    Token(#[from] error::Error),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("cannot subscribe")]
    Subscribe(#[from] Unwelcome),
}

impl Dialer {
    /// Tries until a connection is up.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened.
    async fn dial(&mut self) -> Result<Dialed, KeyRefused> {
        loop {
            self.redial.pause().await;
            match self.attempt().await {
                Ok(dialed) => {
                    self.redial.up();
                    return Ok(dialed);
                }
                Err(DialError::Token(error)) => self.without_token(error)?,
                Err(error) => {
                    self.counters.failed_connections.add(1);
                    tracing::warn!(error = &error as &dyn std::error::Error, "private socket");
                }
            }
        }
    }

    fn without_token(&mut self, error: error::Error) -> Result<(), KeyRefused> {
        self.redial.passed_up();
        self.counters.failed_connections.add(1);
        tracing::warn!(%error, "no token for the private socket");
        match error.class() {
            Some(Class::Denied(Denied::Key | Denied::Permission)) => return Err(KeyRefused(error)),
            Some(Class::Denied(Denied::Lockout)) => self.redial.hold_off(AFTER_LOCKOUT),
            Some(
                Class::Denied(Denied::Token)
                | Class::Rejected(_)
                | Class::Transient(_)
                | Class::Ambiguous,
            )
            | None => {}
        }
        Ok(())
    }

    async fn attempt(&mut self) -> Result<Dialed, DialError> {
        let token = self.rest.read(&GetWebSocketsToken).await?.into_secret();
        let deadlines = &self.counters.deadlines;
        let opening = self.redial.open(&self.connector, &self.address, deadlines);
        let mut socket = opening.await?;
        let mut intake = Intake::new(self.account.clone(), Arc::clone(&self.counters));
        let redial = &mut self.redial;
        let maintenance = |lasts| redial.maintenance(lasts);
        let hello = frames::hello(&token);
        let patience = (&self.clock, deadlines);
        let welcome = welcome::await_it(&mut socket, &mut intake, hello, patience, maintenance);
        // Once a connection; the task's own future stays small.
        let welcome = Box::pin(welcome).await?;
        Ok(Dialed {
            socket,
            token,
            intake,
            welcome,
        })
    }
}
