//! The public socket: books, trades, rules and statuses in.
//!
//! For: one task that keeps a subscribed connection up and turns its frames into events. Left out: whether a book is right; the
//! engine proves that, and asks for a fresh one on the lane of resyncs. Always true:
//!
//! * Books and trades never wait: what finds no room in the market queue is dropped, counted, and its book taken anew.
//! * Rules of an instrument stand in the market queue among the books that were read by them, and wait for room there.
//! * So does the word that the feed is up or down: no book of a connection comes after the end of it. Every connection has an end,
//!   one that never came up whole as well, since its books may have been verified one by one.
//! * Everything else waits for room in the account queue, and the socket with it.
//! * A frame that cannot be read harms nobody but the book that it was for.
//! * A book that is silent for too long is taken anew, over the same connection: either its snapshot shows that nothing has happened,
//!   or none comes, which ends the connection.

mod intake;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use thiserror::Error;
use tokio::{pin, sync::mpsc, time::sleep};
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_util::sync::CancellationToken;

use self::intake::Intake;
use super::{
    address::{Address, InvalidAddress, Kind},
    counters::SocketCounters,
    encode::{self, Channel},
    redial::Redial,
    session::{self, Patience, Session, Silence, Topic, Wish},
    socket::Socket,
    wiring::Wiring,
};
use crate::{
    engine::{
        Event,
        event::{BookUpdate, Link},
    },
    io::{Clock, net::Connector, rng::Rng},
    resilience::{Canceled, Elapsed, Place, or_canceled},
    types::{Instrument, InstrumentId},
};

/// Longest sleep when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// The public socket's ends of its queues.
#[derive(Debug)]
pub struct Queues {
    /// Books to be taken anew.
    pub resyncs: mpsc::Receiver<InstrumentId>,
    /// Where books, trades, rules of instruments and the state of the feed go.
    pub market: mpsc::Sender<Event>,
    /// Where books come back once they have been applied, for their room.
    pub spares: mpsc::Receiver<BookUpdate>,
}

/// The task of the public socket.
#[derive(Debug)]
pub struct PublicSocket {
    connector: Connector,
    address: Address,
    clock: Clock,
    redial: Redial,
    resyncs: mpsc::Receiver<InstrumentId>,
    account: mpsc::Sender<Event>,
    counters: Arc<SocketCounters>,
    session: Session,
    intake: Intake,
}

/// What came first.
enum Turn {
    Frame(Option<Result<Frame, tungstenite::Error>>),
    Resync(Option<InstrumentId>),
    Due,
}

/// Why the work over a connection ended, though nobody told it to.
#[derive(Debug, Error)]
enum End {
    #[error("nobody listens")]
    Abandoned,
    #[error("closed by the venue")]
    Closed,
    #[error("broken: {0}")]
    Broken(#[from] tungstenite::Error),
    #[error(transparent)]
    Stuck(#[from] Elapsed),
    #[error(transparent)]
    Fault(#[from] session::Fault),
}

impl PublicSocket {
    /// Puts the task together, for books of a depth.
    ///
    /// # Errors
    ///
    /// When the address cannot be used.
    pub fn new(
        wiring: &Wiring,
        queues: Queues,
        depth: u16,
        rng: Rng,
    ) -> Result<Self, InvalidAddress> {
        let settings = &wiring.settings;
        let address = Address::parse(&settings.ws, Kind::Socket)?;
        let topics = topics(&wiring.instruments, depth);
        let patience = Patience {
            deadlines: settings.deadlines.clone(),
            ping: settings.ping,
        };
        let counters = Arc::new(SocketCounters::new(&settings.deadlines));
        let intake = Intake::new(
            &wiring.instruments,
            depth,
            (queues.market, queues.spares),
            Arc::clone(&counters),
        );
        Ok(Self {
            connector: wiring.connector.clone(),
            address,
            session: Session::new(topics, patience),
            clock: wiring.clock.clone(),
            redial: Redial::new("public", wiring, rng),
            resyncs: queues.resyncs,
            account: wiring.account.clone(),
            counters,
            intake,
        })
    }

    /// What the socket counts.
    #[must_use]
    pub fn counters(&self) -> Arc<SocketCounters> {
        Arc::clone(&self.counters)
    }

    /// Keeps a connection up until the token is canceled or nobody is left to work for.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the connection ends without a close frame; what was told is told.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let Ok(Some(mut socket)) = or_canceled(&stop, self.dial()).await else {
                return;
            };
            self.counters.connections.add(1);
            self.counters.up.set(true);
            self.redial.up();
            let end = self.hold(&mut socket, &stop).await;
            if let Ok(End::Fault(fault)) = &end {
                self.counters.deadlines.count(fault.late(), false);
            }
            self.counters.up.set(false);
            self.session.disconnected();
            let closing = socket.close(None);
            if let Err(late) = self.counters.deadlines.within(Place::Close, closing).await {
                tracing::debug!(%late, "public socket does not close");
            }
            // Nothing may keep the venue waiting while the queue is full.
            drop(socket);
            if self.tell(Event::Feed(Link::Down)).await.is_err() {
                return;
            }
            match end {
                Err(Canceled) | Ok(End::Abandoned) => return,
                Ok(end @ (End::Closed | End::Broken(_) | End::Stuck(_) | End::Fault(_))) => {
                    self.counters.lost_connections.add(1);
                    tracing::warn!(reason = %end, "public socket lost");
                }
            }
        }
    }

    /// Tries until a socket is open. Resyncs asked for meanwhile are forgotten: every book is taken anew anyway.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the attempt under way; the next one waits for backoff, breaker and budget as if it had failed.
    async fn dial(&mut self) -> Option<Socket> {
        let deadlines = &self.counters.deadlines;
        loop {
            let attempt = self.redial.open(&self.connector, &self.address, deadlines);
            pin!(attempt);
            let opened = loop {
                tokio::select! {
                    biased;
                    opened = &mut attempt => break opened,
                    resync = self.resyncs.recv() => {
                        resync?;
                    }
                }
            };
            match opened {
                Ok(socket) => return Some(socket),
                Err(error) => {
                    self.counters.failed_connections.add(1);
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "cannot open the public socket");
                }
            }
        }
    }

    /// Works over one connection until it ends.
    ///
    /// # Errors
    ///
    /// When it was told to stop first.
    async fn hold(
        &mut self,
        socket: &mut Socket,
        stop: &CancellationToken,
    ) -> Result<End, Canceled> {
        self.session.connected(self.clock.now());
        let alarm = sleep(Duration::ZERO);
        pin!(alarm);
        let mut up = false;
        loop {
            let turn = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Canceled),
                frame = socket.next() => Turn::Frame(frame),
                resync = self.resyncs.recv() => Turn::Resync(resync),
                () = &mut alarm => Turn::Due,
            };
            match self.turn(socket, turn, &mut up).await {
                Ok(true) => {
                    let next = self.session.next_deadline();
                    let wait = next.map_or(IDLE, |next| next.since(self.clock.now()));
                    alarm.set(sleep(wait));
                }
                Ok(false) => {}
                Err(end) => return Ok(end),
            }
        }
    }

    /// Does what one turn asks for. True when it may have changed what is due next.
    async fn turn(&mut self, socket: &mut Socket, turn: Turn, up: &mut bool) -> Result<bool, End> {
        match turn {
            Turn::Frame(frame) => {
                let frame = frame.ok_or(End::Closed)??;
                if !self.take(frame).await? {
                    return Ok(false);
                }
            }
            Turn::Resync(resync) => {
                let instrument = resync.ok_or(End::Abandoned)?;
                if let Some(topic) = self.intake.book(instrument) {
                    self.counters.resyncs.add(1);
                    self.session.resync(self.clock.now(), &topic);
                }
            }
            Turn::Due => {}
        }
        self.send_wishes(socket).await?;
        if !*up && self.session.is_live() {
            *up = true;
            self.tell(Event::Feed(Link::Up)).await?;
        }
        Ok(true)
    }

    /// Takes a frame in. True when it changed what is to be asked for, or when.
    async fn take(&mut self, frame: Frame) -> Result<bool, End> {
        let now = self.clock.now();
        self.session.heard(now);
        let heard = match &frame {
            Frame::Text(text) => {
                self.intake
                    .frame(text.as_str().as_bytes(), now, &mut self.session)
            }
            Frame::Binary(bytes) => self.intake.frame(bytes, now, &mut self.session),
            Frame::Close(_) => return Err(End::Closed),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => return Ok(false),
        };
        if let Some(lasts) = heard.maintenance {
            self.redial.maintenance(lasts);
        }
        while let Some(event) = self.intake.next_event() {
            self.tell(event).await?;
        }
        if heard.abandoned {
            return Err(End::Abandoned);
        }
        Ok(heard.changed)
    }

    async fn tell(&self, event: Event) -> Result<(), End> {
        // Books that were read by the old rules must not come after the new ones, nor those of a connection after its end.
        let queue = if matches!(event, Event::Instrument(..) | Event::Feed(_)) {
            self.intake.market()
        } else {
            &self.account
        };
        let sent = queue.send(event).await;
        sent.map_err(|_closed| End::Abandoned)
    }

    async fn send_wishes(&mut self, socket: &mut Socket) -> Result<(), End> {
        let mut wishes = Vec::new();
        self.session.poll(self.clock.now(), &mut wishes)?;
        let deadlines = &self.counters.deadlines;
        for Silence {
            topic,
            late,
            is_news,
        } in self.session.silences()
        {
            deadlines.count(late.place, false);
            if is_news {
                tracing::warn!(%topic, %late, "a channel is silent");
            }
        }
        for wish in &wishes {
            let sending = socket.send(frame(wish));
            deadlines.within(Place::Write, sending).await??;
        }
        Ok(())
    }
}

fn topics(instruments: &[Instrument], depth: u16) -> Vec<Topic> {
    let of_symbol = |channel| {
        instruments.iter().map(move |instrument| Topic {
            channel,
            symbol: Some(instrument.symbol),
        })
    };
    let rules = Topic {
        channel: Channel::Instrument,
        symbol: None,
    };
    std::iter::once(rules)
        .chain(of_symbol(Channel::Book { depth }))
        .chain(of_symbol(Channel::Trade))
        .collect()
}

fn frame(wish: &Wish) -> Frame {
    let mut out = Vec::new();
    match wish {
        Wish::Subscribe {
            req_id,
            channel,
            symbols,
        } => {
            let symbols = symbols.iter().map(|symbol| symbol.as_str());
            encode::subscribe(*channel, symbols, None, *req_id, &mut out);
        }
        Wish::Unsubscribe {
            req_id,
            channel,
            symbols,
        } => {
            let symbols = symbols.iter().map(|symbol| symbol.as_str());
            encode::unsubscribe(*channel, symbols, None, *req_id, &mut out);
        }
        Wish::Ping { req_id } => encode::ping(*req_id, &mut out),
    }
    match String::from_utf8(out) {
        Ok(text) => Frame::text(text),
        Err(error) => Frame::binary(error.into_bytes()),
    }
}
