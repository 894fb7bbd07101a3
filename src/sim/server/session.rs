//! One connection's conversation: requests in, replies and subscriptions out. No socket here.
//!
//! For: who may ask what on which socket, tokens, subscriptions. Left out: carrying out trading requests (`execute`), bytes (`ws`).
//! Always true: when a session ends, its subscriptions and its hold on tokens end with it.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use futures_util::stream::FuturesOrdered;

use super::{
    Role, WsState,
    acks::{acknowledged, acknowledged_private, left, name},
    auth::{Needs, Permission},
    execute::Later,
    level3::{Allowance, Excess},
    outbox::Outbox,
    pair_feed::{Taken, Wish},
    private::PrivateTopic,
    reply::Envelope,
    validate::{
        self, Call, Channel, Executions, Method, Subscription, VenueError, is_private, required,
        subscription, unsubscription,
    },
};
use crate::{
    io::rng::{self, Rng},
    sim::{
        faults::RequestFault,
        matching::{AccountId, PairId, Tier},
        refused::Limit,
    },
    types::Timestamp,
};

const PUBLIC_HERE: VenueError = VenueError::of(
    "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com",
);
/// The same refusal, with the address that does serve it. How the venue words it is not published.
const LEVEL3_HERE: VenueError = VenueError::of(
    "Public market data subscriptions are unavailable on this endpoint. Try ws-l3.kraken.com",
);
const PRIVATE_HERE: VenueError = VenueError::of(
    "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
);
const NOT_SUBSCRIBED: VenueError = VenueError::of("Subscription Not Found");

/// A connection's conversation.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) role: Role,
    pub(super) state: WsState,
    pub(super) outbox: Outbox,
    pub(super) rng: Rng,
    /// Trading requests and replies that wait for their delay.
    pub(super) later: FuturesOrdered<Later>,
    /// Whether something was ever subscribed; heartbeats begin with that.
    pub(super) subscribed: bool,
    /// Whether an order was sent while no private subscription stood.
    pub(super) lonely: bool,
    private: Vec<(Channel, String)>,
    /// Pairs that it sees order by order, and the tokens that opened them.
    level3: BTreeMap<PairId, String>,
    allowance: Allowance,
    counted: (i64, u32),
}

impl Session {
    /// Greets a new connection.
    pub(super) fn open(role: Role, state: WsState, outbox: Outbox) -> Self {
        state.0.open_of(role).fetch_add(1, Ordering::AcqRel);
        state.0.feed.join(&state.0.venue, &outbox);
        Self {
            rng: rng::stream(state.0.settings.seed, outbox.id),
            later: FuturesOrdered::new(),
            subscribed: false,
            lonely: false,
            private: Vec::new(),
            level3: BTreeMap::new(),
            allowance: Allowance::default(),
            counted: (0, 0),
            role,
            state,
            outbox,
        }
    }

    /// The present instant.
    pub(super) fn now(&self) -> Timestamp {
        self.state.0.venue.clock().now()
    }

    /// Answers a frame, text or binary alike.
    pub(super) fn handle(&mut self, frame: &[u8]) {
        let time_in = self.now();
        if self.floods(time_in) {
            self.state.0.venue.refused().note(Limit::Requests);
            self.outbox
                .reply("{\"Error\":\"Exceeded msg rate\"}".to_owned());
            return;
        }
        // What is no text is no JSON either.
        let text = std::str::from_utf8(frame).unwrap_or_default();
        let (envelope, result) = match validate::call(text) {
            Ok(call) => {
                let envelope = Envelope::new(call.method, call.req_id, time_in);
                let result = self.answer(&call, &envelope);
                (envelope, result)
            }
            Err(no_call) => {
                let method = no_call.method.as_deref();
                let envelope = Envelope::unknown(method, no_call.req_id, time_in);
                (envelope, Err(no_call.error))
            }
        };
        if let Err(error) = result {
            self.refuse(&envelope, &error, None);
        }
    }

    fn answer(&mut self, call: &Call<'_>, envelope: &Envelope) -> Result<(), VenueError> {
        let shared = &self.state.0;
        if shared.faults.voids_tokens(call.method.name()) {
            shared.tokens.void_all();
        }
        if call.method.is_trading() {
            return self.trade(call, envelope);
        }
        match shared.faults.request(call.method.name()) {
            Some((RequestFault::NoAnswer | RequestFault::Ignore, _)) => return Ok(()),
            Some((RequestFault::Error { text, .. }, _)) => return Err(VenueError::with(text)),
            Some((RequestFault::Late(delay), luck)) if call.method == Method::Ping => {
                let pong = vec![envelope.pong(self.now())];
                self.send_after(delay.drawn(luck), pong);
                return Ok(());
            }
            // A subscription's acknowledgement and its data belong together.
            Some((RequestFault::Late(_) | RequestFault::Shape { .. }, _)) | None => {}
        }
        match call.method {
            Method::Subscribe => self.subscribe(call, envelope),
            Method::Unsubscribe => self.unsubscribe(call, envelope),
            Method::Ping => {
                self.outbox.reply(envelope.pong(self.now()));
                Ok(())
            }
            Method::AddOrder
            | Method::AmendOrder
            | Method::EditOrder
            | Method::CancelOrder
            | Method::CancelAll
            | Method::CancelAfter
            | Method::BatchAdd
            | Method::BatchCancel => Ok(()),
        }
    }

    /// Sends an error.
    pub(super) fn refuse(&self, envelope: &Envelope, error: &VenueError, symbol: Option<&str>) {
        self.outbox
            .reply(envelope.failure(error, symbol, self.now()));
    }

    /// Whose token the request carries.
    pub(super) fn account(&self, call: &Call<'_>) -> Result<(AccountId, String), VenueError> {
        self.permitted(call, Needs::All(&[]))
    }

    /// Whose token the request carries, if its key may do this. That the socket asks for the same as REST is (unconfirmed).
    pub(super) fn permitted(
        &self,
        call: &Call<'_>,
        needs: Needs,
    ) -> Result<(AccountId, String), VenueError> {
        let token = required(call.params.text("token")?, "token")?;
        let grant = self.state.0.tokens.grant(self.now(), &token);
        let grant = grant.map_err(|error| VenueError::with(error.to_string()))?;
        if !needs.met(|one| grant.permissions.contains(&one)) {
            return Err(VenueError::of("EGeneral:Permission denied"));
        }
        Ok((grant.account, token))
    }

    /// Refuses to trade on sockets that do not.
    pub(super) fn check_trading_role(&self) -> Result<(), VenueError> {
        match self.role {
            Role::Private => Ok(()),
            Role::Public | Role::Level3 => Err(PRIVATE_HERE),
        }
    }

    /// Notes a trading request: without a private subscription the venue soon closes the socket.
    pub(super) fn note_trading(&mut self) {
        self.lonely = self.private.is_empty();
    }

    fn check_role(&self, channel: Channel) -> Result<(), VenueError> {
        let neutral = matches!(channel, Channel::Heartbeat);
        let level3 = matches!(channel, Channel::Level3(_));
        match (self.role, is_private(channel)) {
            _ if neutral => Ok(()),
            (Role::Level3, false) if level3 => Ok(()),
            (Role::Public | Role::Private, false) if level3 => Err(LEVEL3_HERE),
            (Role::Public, false) | (Role::Private, true) => Ok(()),
            (Role::Public | Role::Level3, true) => Err(PRIVATE_HERE),
            (Role::Private | Role::Level3, false) => Err(PUBLIC_HERE),
        }
    }

    fn subscribe(&mut self, call: &Call<'_>, envelope: &Envelope) -> Result<(), VenueError> {
        let wanted = subscription(&call.params)?;
        self.check_role(wanted.channel)?;
        match wanted.channel {
            Channel::Executions(_) | Channel::Balances => {
                self.subscribe_private(call, &wanted, envelope)
            }
            Channel::Level3(depth) => {
                let (account, token) = self.permitted(call, needed(wanted.channel))?;
                let venue = &self.state.0.venue;
                let tier = venue.read(|view| view.exchange.tier(account));
                let opener = Opener {
                    token,
                    tier: tier.unwrap_or(Tier::Starter),
                    depth,
                    at: self.now(),
                };
                for symbol in &wanted.symbols {
                    let taken = self.subscribe_orders(symbol, &opener, &wanted, envelope);
                    if let Err(error) = taken {
                        self.refuse(envelope, &error, Some(symbol));
                    }
                }
                Ok(())
            }
            Channel::Heartbeat => {
                self.subscribed = true;
                let ack = envelope.success("{\"channel\":\"heartbeat\"}", self.now());
                self.outbox.reply(ack);
                Ok(())
            }
            Channel::Instrument => self.subscribe_instruments(&wanted, envelope),
            Channel::Ticker(_) | Channel::Book(_) | Channel::Trade | Channel::Ohlc(_) => {
                for symbol in &wanted.symbols {
                    if let Err(error) = self.subscribe_symbol(symbol, &wanted, envelope) {
                        self.refuse(envelope, &error, Some(symbol));
                    }
                }
                Ok(())
            }
        }
    }

    /// Subscribes to a symbol order by order, within what the connection may have.
    fn subscribe_orders(
        &mut self,
        symbol: &str,
        opener: &Opener,
        wanted: &Subscription,
        envelope: &Envelope,
    ) -> Result<(), VenueError> {
        let shared = &self.state.0;
        let pair = shared.universe.find_symbol(symbol);
        let pair = pair.ok_or_else(|| unsupported(symbol))?;
        if !self.level3.contains_key(&pair) {
            let symbols = self.level3.len();
            self.allowance
                .take(opener.at, opener.tier, symbols, opener.depth)
                .inspect_err(|excess| {
                    if matches!(excess, Excess::Rate) {
                        shared.venue.refused().note(Limit::Calls);
                    }
                })
                .map_err(excess)?;
        }
        self.subscribe_symbol(symbol, wanted, envelope)?;
        self.state.0.tokens.keep_alive(&opener.token);
        self.level3.insert(pair, opener.token.clone());
        Ok(())
    }

    fn subscribe_symbol(
        &mut self,
        symbol: &str,
        wanted: &Subscription,
        envelope: &Envelope,
    ) -> Result<(), VenueError> {
        let shared = &self.state.0;
        let pair = shared.universe.find_symbol(symbol);
        let pair = pair.ok_or_else(|| unsupported(symbol))?;
        let wish = Wish {
            pair,
            channel: wanted.channel,
            snapshot: wanted.snapshot,
            silent: shared.faults.silences(name(wanted.channel)),
        };
        let result = acknowledged(wanted, Some(symbol));
        shared
            .feed
            .subscribe(&shared.venue, &self.outbox, wish, |now| {
                envelope.success(&result, now)
            })
            .map_err(taken)?;
        self.subscribed = true;
        Ok(())
    }

    fn subscribe_instruments(
        &mut self,
        wanted: &Subscription,
        envelope: &Envelope,
    ) -> Result<(), VenueError> {
        let shared = &self.state.0;
        let silent = shared.faults.silences("instrument");
        let result = acknowledged(wanted, None);
        shared
            .feed
            .subscribe_instruments(
                &shared.venue,
                &self.outbox,
                wanted.snapshot,
                (silent, wanted.elsewhere),
                |now| envelope.success(&result, now),
            )
            .map_err(taken)?;
        self.subscribed = true;
        Ok(())
    }

    fn subscribe_private(
        &mut self,
        call: &Call<'_>,
        wanted: &Subscription,
        envelope: &Envelope,
    ) -> Result<(), VenueError> {
        let (account, token) = self.permitted(call, needed(wanted.channel))?;
        let topic = match wanted.channel {
            Channel::Executions(options) => PrivateTopic::Executions(options),
            Channel::Ticker(_)
            | Channel::Book(_)
            | Channel::Trade
            | Channel::Ohlc(_)
            | Channel::Instrument
            | Channel::Level3(_)
            | Channel::Heartbeat
            | Channel::Balances => PrivateTopic::Balances {
                snapshot: wanted.snapshot,
            },
        };
        let shared = &self.state.0;
        let silent = shared.faults.silences(name(wanted.channel));
        let fresh = shared.reports.subscribe(
            &shared.venue,
            &self.outbox,
            account,
            (topic, wanted.channel, silent),
            |now, view| {
                let tier = view.exchange.tier(account);
                let threshold = tier.map_or(0, |tier| tier.threshold());
                envelope.success(&acknowledged_private(topic, threshold), now)
            },
        );
        if !fresh {
            return Err(taken(Taken::Already));
        }
        shared.tokens.keep_alive(&token);
        self.private.push((wanted.channel, token));
        self.subscribed = true;
        self.lonely = false;
        Ok(())
    }

    fn unsubscribe(&mut self, call: &Call<'_>, envelope: &Envelope) -> Result<(), VenueError> {
        let wanted = unsubscription(&call.params)?;
        self.check_role(wanted.channel)?;
        if is_private(wanted.channel) {
            self.account(call)?;
            self.unsubscribe_private(wanted.channel)?;
        } else if wanted.channel == Channel::Instrument {
            let left = self.state.0.feed.unsubscribe_instruments(self.outbox.id);
            left.then_some(()).ok_or(NOT_SUBSCRIBED)?;
        } else if matches!(wanted.channel, Channel::Level3(_)) {
            self.account(call)?;
        }
        if wanted.symbols.is_empty() {
            let result = left(&wanted, None);
            self.outbox.reply(envelope.success(&result, self.now()));
        }
        for symbol in &wanted.symbols {
            match self.unsubscribe_symbol(symbol, wanted.channel) {
                Ok(()) => {
                    let result = left(&wanted, Some(symbol));
                    self.outbox.reply(envelope.success(&result, self.now()));
                }
                Err(error) => self.refuse(envelope, &error, Some(symbol)),
            }
        }
        Ok(())
    }

    fn unsubscribe_symbol(&mut self, symbol: &str, channel: Channel) -> Result<(), VenueError> {
        let shared = &self.state.0;
        let pair = shared.universe.find_symbol(symbol);
        let pair = pair.ok_or_else(|| unsupported(symbol))?;
        if !shared.feed.unsubscribe(self.outbox.id, pair, channel) {
            return Err(NOT_SUBSCRIBED);
        }
        let order_by_order = matches!(channel, Channel::Level3(_));
        let opener = order_by_order.then(|| self.level3.remove(&pair)).flatten();
        if let Some(token) = opener {
            shared.tokens.release(&token);
        }
        Ok(())
    }

    fn unsubscribe_private(&mut self, channel: Channel) -> Result<(), VenueError> {
        let shared = &self.state.0;
        if !shared.reports.unsubscribe(self.outbox.id, channel) {
            return Err(NOT_SUBSCRIBED);
        }
        let held = |entry: &(Channel, String)| name(entry.0) == name(channel);
        if let Some(position) = self.private.iter().position(held) {
            let (_, token) = self.private.remove(position);
            shared.tokens.release(&token);
        }
        // An authenticated connection needs a private subscription to stay open.
        self.lonely = self.private.is_empty();
        Ok(())
    }

    /// Counts a request; true if it is one too many for its second.
    fn floods(&mut self, now: Timestamp) -> bool {
        let limit = self.state.0.settings.messages_per_second;
        if limit == 0 || self.role != Role::Public {
            return false;
        }
        if self.counted.0 != now.as_secs() {
            self.counted = (now.as_secs(), 0);
        }
        self.counted.1 = self.counted.1.saturating_add(1);
        self.counted.1 > limit
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let shared = &self.state.0;
        shared.open_of(self.role).fetch_sub(1, Ordering::AcqRel);
        shared.feed.leave(self.outbox.id);
        shared.reports.leave(self.outbox.id);
        let private = self.private.iter().map(|(_, token)| token);
        for token in private.chain(self.level3.values()) {
            shared.tokens.release(token);
        }
    }
}

/// Who asks for a market order by order, and how deep.
#[derive(Debug)]
struct Opener {
    token: String,
    tier: Tier,
    depth: u16,
    at: Timestamp,
}

/// What a private channel needs, by what it tells.
const fn needed(channel: Channel) -> Needs {
    match channel {
        Channel::Executions(Executions {
            snap_trades: true, ..
        }) => Needs::All(&[Permission::QueryOpenTrades, Permission::QueryClosedTrades]),
        Channel::Executions(_) | Channel::Level3(_) => Needs::All(&[Permission::QueryOpenTrades]),
        Channel::Balances => Needs::All(&[Permission::QueryFunds]),
        Channel::Ticker(_)
        | Channel::Book(_)
        | Channel::Trade
        | Channel::Ohlc(_)
        | Channel::Instrument
        | Channel::Heartbeat => Needs::All(&[]),
    }
}

fn unsupported(symbol: &str) -> VenueError {
    VenueError::with(format!("Currency pair not supported {symbol}"))
}

const fn taken(taken: Taken) -> VenueError {
    match taken {
        Taken::Already => VenueError::of("Already subscribed"),
        Taken::OtherInterval => {
            VenueError::of("Already subscribed to one ohlc interval on this symbol")
        }
        Taken::OtherDepth => VenueError::of("Already subscribed to one depth on this symbol"),
    }
}

const fn excess(excess: Excess) -> VenueError {
    match excess {
        Excess::Symbols => VenueError::of("Exceeded max symbols per connection"),
        Excess::Rate => VenueError::of("EAPI:Rate limit exceeded"),
    }
}
