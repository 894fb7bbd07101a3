//! The public socket: books, trades and the state of the markets in.
//!
//! For: one task that keeps every wanted topic live and turns frames into events. Left out: what books mean; the engine proves them.
//! Always true: market events never wait; when their queue is full they are dropped and counted, and the next frame of that book
//! shows it by its checksum. Everything else (link, status, instruments) waits for room: it is never dropped.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use thiserror::Error;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    address::{Address, InvalidAddress, Kind as Scheme},
    counters::SocketCounters,
    decode::{
        Body, Buffers, Decoder, Kind, Listing, Message, Method, Reply, instrument, trading_status,
    },
    encode::{self, Channel},
    redial::{AFTER_MAINTENANCE, Redial},
    session::{Ack, Fault, Patience, Session, Topic, Wish},
    settings::Settings,
    socket::{self, ConnectError, Socket},
    wire::{Text, market::Instruments},
};
use crate::{
    engine::{
        Event,
        event::{BookUpdate, Link},
    },
    io::{Clock, net::Connector, rng::Rng},
    resilience::budget,
    types::{Instrument, InstrumentId, Symbol, Timestamp, TradingStatus},
};

/// What the public socket works with.
#[derive(Debug)]
pub struct Wiring {
    /// Opens connections.
    pub connector: Connector,
    /// Addresses and patience.
    pub settings: Settings,
    /// Tells the time.
    pub clock: Clock,
    /// For the jitter of reconnects.
    pub rng: Rng,
    /// Attempts to connect, shared by all sockets.
    pub budget: budget::Shared,
    /// Books to be taken anew.
    pub resyncs: mpsc::Receiver<InstrumentId>,
    /// Where books and trades go.
    pub market: mpsc::Sender<Event>,
    /// Where everything else goes.
    pub account: mpsc::Sender<Event>,
    /// The run's instruments, by their id.
    pub instruments: Arc<[Instrument]>,
    /// Levels of each book.
    pub depth: u16,
    /// Counts.
    pub counters: Arc<SocketCounters>,
}

/// The task of the public socket.
pub struct PublicSocket {
    address: Address,
    wiring: Wiring,
    redial: Redial,
    decoder: Decoder,
    buffers: Buffers,
    session: Session,
    wishes: Vec<Wish>,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for PublicSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicSocket").finish_non_exhaustive()
    }
}

/// Why a connection ended.
#[derive(Debug, Error)]
enum Lost {
    /// It could not be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A subscription or the whole socket went silent.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The network or the other side ended it.
    #[error("socket failed")]
    Socket(#[from] tungstenite::Error),
    /// The other side closed it.
    #[error("closed by the venue: {0}")]
    Closed(String),
    /// What is written is not taken.
    #[error("writing took too long")]
    Stuck,
}

/// Nobody is left to work for.
#[derive(Debug)]
struct Abandoned;

impl PublicSocket {
    /// Puts the task together.
    ///
    /// # Errors
    ///
    /// When the address cannot be used.
    pub fn new(wiring: Wiring) -> Result<Self, InvalidAddress> {
        let address = Address::parse(&wiring.settings.ws, Scheme::Socket)?;
        let redial = Redial::new(
            &wiring.settings,
            wiring.budget.clone(),
            wiring.clock.clone(),
            wiring.rng.clone(),
        );
        let mut decoder = Decoder::new();
        for (index, listed) in wiring.instruments.iter().enumerate() {
            decoder.list(listing(index, listed));
        }
        let patience = Patience {
            ack: wiring.settings.subscribe,
            snapshot: wiring.settings.subscribe,
            idle: wiring.settings.idle,
            ping: wiring.settings.ping,
        };
        let session = Session::new(topics(&wiring.instruments, wiring.depth), patience);
        Ok(Self {
            address,
            redial,
            decoder,
            buffers: Buffers::new(),
            session,
            wishes: Vec::new(),
            bytes: Vec::new(),
            wiring,
        })
    }

    /// Keeps the topics live until the token is canceled or nobody is left to work for.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let held = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                held = self.connect_and_hold() => held,
            };
            self.session.disconnected();
            match held {
                Err(Abandoned) => return,
                Ok(lost) => warn!(reason = %Chain(&lost), "public socket lost"),
            }
            if self
                .wiring
                .account
                .send(Event::Feed(Link::Down))
                .await
                .is_err()
            {
                return;
            }
        }
    }

    async fn connect_and_hold(&mut self) -> Result<Lost, Abandoned> {
        self.redial.turn().await;
        let opened = socket::open(&self.wiring.connector, &self.address, &self.wiring.settings);
        let socket = match opened.await {
            Ok(socket) => socket,
            Err(error) => {
                self.wiring.counters.failed_connections.add(1);
                return Ok(error.into());
            }
        };
        info!(address = self.address.as_str(), "public socket open");
        self.wiring.counters.connections.add(1);
        self.redial.up();
        self.session.connected(self.wiring.clock.now());
        self.tell(Event::Feed(Link::Up)).await?;
        let lost = self.hold(socket).await;
        self.wiring.counters.lost_connections.add(1);
        lost
    }

    async fn hold(&mut self, mut socket: Socket) -> Result<Lost, Abandoned> {
        loop {
            if let Err(lost) = self.send_wishes(&mut socket).await {
                return Ok(lost);
            }
            let due = self.session.next_deadline().unwrap_or(Timestamp::MAX);
            let wait = due.since(self.wiring.clock.now());
            tokio::select! {
                biased;
                frame = socket.next() => match frame {
                    None => return Ok(Lost::Closed("no close frame".to_owned())),
                    Some(Err(error)) => return Ok(error.into()),
                    Some(Ok(Frame::Close(frame))) => {
                        let reason = frame.map(|frame| format!("{} {}", frame.code, frame.reason));
                        return Ok(Lost::Closed(reason.unwrap_or_default()));
                    }
                    Some(Ok(frame)) => self.frame(&frame).await?,
                },
                resync = self.wiring.resyncs.recv() => match resync {
                    Some(instrument) => self.resync(instrument),
                    None => return Err(Abandoned),
                },
                () = sleep(wait) => {}
            }
        }
    }

    /// Sends what the session wants, each within its time.
    async fn send_wishes(&mut self, socket: &mut Socket) -> Result<(), Lost> {
        self.session
            .poll(self.wiring.clock.now(), &mut self.wishes)?;
        for wish in std::mem::take(&mut self.wishes) {
            write(&wish, &mut self.bytes);
            let text = String::from_utf8_lossy(&self.bytes).into_owned();
            let sending = socket.send(Frame::text(text));
            match timeout(self.wiring.settings.write, sending).await {
                Ok(sent) => sent?,
                Err(_elapsed) => return Err(Lost::Stuck),
            }
        }
        Ok(())
    }

    fn resync(&mut self, id: InstrumentId) {
        let Some(instrument) = self.wiring.instruments.get(id.index()) else {
            return;
        };
        self.wiring.counters.resyncs.add(1);
        let topic = book(self.wiring.depth, instrument.symbol);
        self.session.resync(self.wiring.clock.now(), &topic);
    }

    async fn frame(&mut self, frame: &Frame) -> Result<(), Abandoned> {
        let now = self.wiring.clock.now();
        self.session.heard(now);
        let bytes: &[u8] = match frame {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
            Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) | Frame::Frame(_) => return Ok(()),
        };
        self.wiring.counters.frames.add(1);
        let message = match self.decoder.decode(bytes, &mut self.buffers) {
            Ok(message) => message,
            Err(error) => {
                self.wiring.counters.decode_errors.add(1);
                warn!(%error, "a frame cannot be read");
                return Ok(());
            }
        };
        match message {
            Message::Book(head) => {
                if head.kind == Kind::Snapshot {
                    self.session
                        .delivered(&book(self.wiring.depth, head.symbol));
                }
                // The buffer goes with the event; the next one starts with room for as much.
                let room = (self.buffers.book.bids.len(), self.buffers.book.asks.len());
                let update = std::mem::replace(&mut self.buffers.book, with_room(room));
                self.offer(Event::Book(update));
            }
            Message::Trades(head) => {
                for index in 0..self.buffers.trades.len() {
                    let trade = self.buffers.trades.get(index).map(|trade| trade.public);
                    if let (Some(trade), Kind::Update) = (trade, head.kind) {
                        self.offer(Event::Trade(trade));
                    }
                }
            }
            Message::Reply(reply) => self.reply(now, &reply),
            Message::Status(status) => {
                let status = trading_status(status.system.as_str());
                if status == TradingStatus::Maintenance {
                    self.redial.hold_off(AFTER_MAINTENANCE);
                }
                self.tell(Event::Venue(status)).await?;
            }
            Message::Instruments { data, kind } => {
                let events = changed(&self.wiring.instruments, &mut self.decoder, &data);
                if kind == Kind::Snapshot {
                    let topic = Topic {
                        channel: Channel::Instrument,
                        symbol: None,
                    };
                    self.session.delivered(&topic);
                }
                for event in events {
                    self.tell(event).await?;
                }
            }
            Message::Flood { error } => warn!(%error, "the venue asks for fewer requests"),
            Message::Unknown { what } => {
                self.wiring.counters.unknown_frames.add(1);
                debug!(%what, "a frame of an unknown kind");
            }
            Message::Heartbeat
            | Message::Pong(_)
            | Message::OtherSymbol { .. }
            | Message::Ticker(_)
            | Message::Ohlc(_)
            | Message::Level3(_)
            | Message::Executions(_)
            | Message::Holdings(_)
            | Message::Ledger(_) => {}
        }
        Ok(())
    }

    fn reply(&mut self, now: Timestamp, reply: &Reply<'_>) {
        if !matches!(reply.method, Method::Subscribe | Method::Unsubscribe) {
            return;
        }
        let named = reply.symbol.as_ref().map(Text::as_str);
        let symbol = match &reply.body {
            Some(Body::Subscribed(body)) => body.symbol.as_ref().map(Text::as_str).or(named),
            _ => named,
        };
        if let (false, Some(error)) = (reply.success, &reply.error) {
            warn!(%error, symbol, "the venue refuses a subscription");
        }
        let Some(req_id) = reply.req_id else { return };
        self.session.acknowledged(
            now,
            Ack {
                req_id,
                symbol,
                success: reply.success,
            },
        );
    }

    /// Market events never wait.
    fn offer(&self, event: Event) {
        if self.wiring.market.try_send(event).is_err() {
            self.wiring.counters.dropped.add(1);
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Abandoned> {
        self.wiring
            .account
            .send(event)
            .await
            .map_err(|_closed| Abandoned)
    }
}

fn with_room((bids, asks): (usize, usize)) -> BookUpdate {
    let mut update = BookUpdate::empty();
    // A snapshot says nothing about the size of the updates that follow.
    update.bids.reserve(bids.min(16));
    update.asks.reserve(asks.min(16));
    update
}

fn book(depth: u16, symbol: Symbol) -> Topic {
    Topic {
        channel: Channel::Book { depth },
        symbol: Some(symbol),
    }
}

fn topics(instruments: &[Instrument], depth: u16) -> Vec<Topic> {
    let mut topics = vec![Topic {
        channel: Channel::Instrument,
        symbol: None,
    }];
    for instrument in instruments {
        topics.push(book(depth, instrument.symbol));
        topics.push(Topic {
            channel: Channel::Trade,
            symbol: Some(instrument.symbol),
        });
    }
    topics
}

fn listing(index: usize, instrument: &Instrument) -> Listing {
    Listing {
        id: InstrumentId(u32::try_from(index).unwrap_or(u32::MAX)),
        symbol: instrument.symbol,
        price_precision: instrument.price_precision,
        qty_precision: instrument.qty_precision,
    }
}

/// Our instruments as the frame has them. The decoder knows a new precision before the next frame is read.
fn changed(ours: &[Instrument], decoder: &mut Decoder, data: &Instruments<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    for pair in data.pairs.iter().flatten() {
        let position = ours
            .iter()
            .position(|own| *own.symbol == *pair.symbol.as_str());
        let Some((index, own)) = position.and_then(|index| Some((index, ours.get(index)?))) else {
            continue;
        };
        match instrument(pair, own.fees) {
            Ok(new) => {
                let listing = listing(index, &new);
                decoder.list(listing);
                events.push(Event::Instrument(listing.id, Box::new(new)));
            }
            Err(error) => warn!(%error, symbol = %own.symbol, "an instrument cannot be read"),
        }
    }
    events
}

fn write(wish: &Wish, out: &mut Vec<u8>) {
    match wish {
        Wish::Subscribe {
            req_id,
            channel,
            symbols,
        } => {
            encode::subscribe(
                *channel,
                symbols.iter().map(Symbol::as_str),
                None,
                *req_id,
                out,
            );
        }
        Wish::Unsubscribe {
            req_id,
            channel,
            symbols,
        } => {
            encode::unsubscribe(
                *channel,
                symbols.iter().map(Symbol::as_str),
                None,
                *req_id,
                out,
            );
        }
        Wish::Ping { req_id } => encode::ping(*req_id, out),
    }
}

/// An error with its sources on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
