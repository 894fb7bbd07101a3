//! The REST client: signed, counted, guarded, at most one private call in flight.
//!
//! For: typed calls, each with a deadline. Left out: what the answers mean ([`account`](super::account)).
//! Always true:
//!
//! * Private calls take turns, since nonces that overtake each other are refused. A cancel waits for other cancels only: it goes past
//!   a read with the next nonce, and a read that it overtook is repeated (`turns`).
//! * Reads are repeated within a budget that they share ([`Retry`]). An [`Order`] cannot be: it is consumed by its one send.
//! * A failure says whether the call can have taken effect.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::{
    auth::Credentials,
    breakers::{self, RestBreakers},
    error::{AFTER_LOCKOUT, Class, Denied, Error, NotSent, Transient, classify},
    nonce::Nonces,
    rate_limit::Counter,
    settings::Settings,
};
use crate::{
    io::{Clock, rng::Rng},
    resilience::{
        Deadlines, Place, Retry,
        circuit_breaker::{CircuitBreaker, Outcome, Permit, Rejected},
        retry::{self, Idempotent, Next},
    },
    types::Timestamp,
};

pub mod calls;
pub mod form;
pub mod number;
#[cfg(test)]
mod tests;
pub mod transport;
mod turns;

use calls::{Call, CancelOrder, CanceledCount, Order, Public, Read};
use form::Form;
use transport::{Failure, Request, Response, Signed, Transport};
use turns::{ReadTurn, Turns};

/// How often a cancel goes again whose nonce another call overtook.
const OVERTAKEN_CANCELS: u32 = 5;

/// The REST client. Clones share everything.
#[derive(Clone)]
pub struct Rest(Arc<Inner>);

struct Inner {
    transport: Box<dyn Transport>,
    signer: Option<Signer>,
    clock: Clock,
    retry: Retry,
    breakers: RestBreakers,
    deadlines: Deadlines,
}

/// What a client with a key has.
struct Signer {
    credentials: Credentials,
    turns: Turns,
    counter: Mutex<Counter>,
}

/// Which way a call goes.
#[derive(Clone, Copy)]
enum Route {
    Public,
    Private {
        cost: u32,
    },
    /// As private, but no breaker stops it.
    Urgent {
        cost: u32,
    },
    /// As private, for what must not be a probe, and costs nothing.
    Order,
}

impl Rest {
    /// A client; without a key only public calls pass. `rng` is for the jitter of waits.
    pub fn new(
        transport: impl Transport + 'static,
        key: Option<(Credentials, Nonces)>,
        settings: &Settings,
        clock: Clock,
        mut rng: Rng,
    ) -> Self {
        let breakers = RestBreakers::new(&settings.breakers, &clock, &mut rng);
        let signer = key.map(|(credentials, nonces)| Signer {
            credentials,
            turns: Turns::new(nonces),
            counter: Mutex::new(Counter::new(settings.tier)),
        });
        Self(Arc::new(Inner {
            transport: Box::new(transport),
            signer,
            clock,
            retry: Retry::new(settings.retry.clone(), rng),
            breakers,
            deadlines: Deadlines::new(settings.deadlines.clone()),
        }))
    }

    /// The breakers that calls go through.
    #[must_use]
    pub fn breakers(&self) -> &RestBreakers {
        &self.0.breakers
    }

    /// How often reads were repeated.
    #[must_use]
    pub fn retries(&self) -> retry::Totals {
        self.0.retry.totals()
    }

    /// Limits that passed first, by place.
    #[must_use]
    pub fn deadlines(&self) -> &Deadlines {
        &self.0.deadlines
    }

    /// Whether there is a key.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.0.signer.is_some()
    }

    /// Makes a public call.
    ///
    /// # Errors
    ///
    /// When no attempt gave a result.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn public<C: Public>(&self, call: &C) -> Result<C::Answer, Error> {
        self.0.repeat(call, Route::Public).await
    }

    /// Makes a private call that changes nothing.
    ///
    /// # Errors
    ///
    /// When no attempt gave a result, or there is no key.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn read<C: Read>(&self, call: &C) -> Result<C::Answer, Error> {
        self.0.repeat(call, Route::Private { cost: C::COST }).await
    }

    /// Makes a private call that changes nothing, once, as a probe of `breaker`. That one is asked when the call has its turn: no wait
    /// of our own is part of the probe. None when it was never asked, or let nothing pass.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future; the probe counts as nothing.
    pub async fn probe<C: Read>(
        &self,
        call: &C,
        breaker: &CircuitBreaker,
    ) -> Option<(Permit, Outcome)> {
        let mut probe = None;
        let both = |own: &CircuitBreaker| {
            let permit = own.admit()?;
            probe = Some(breaker.admit()?);
            Ok(permit)
        };
        let guard = (&self.0.breakers.private, both);
        let result = self.0.private_once(call, C::COST, guard).await;
        Some((probe?, breakers::outcome(&result)))
    }

    /// As [`read`](Self::read), past every breaker: for whoever must know what to cancel.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn read_urgently<C: Read>(&self, call: &C) -> Result<C::Answer, Error> {
        self.0.repeat(call, Route::Urgent { cost: C::COST }).await
    }

    /// Makes a call that makes or changes an order, once.
    ///
    /// # Errors
    ///
    /// [`Error::answer`] tells whether it can have taken effect.
    ///
    /// # Cancel safety
    ///
    /// None: the call may have left when the future is dropped.
    pub async fn order<C: Order>(&self, call: C) -> Result<C::Answer, Error> {
        self.0.once(&call, Route::Order).await
    }

    /// Cancels an order, past every breaker and every call but other cancels. Where another call took its nonce's place, it goes again
    /// with a new one: refused for its nonce, it had no effect.
    ///
    /// # Errors
    ///
    /// [`Error::answer`] tells whether it can have taken effect.
    ///
    /// # Cancel safety
    ///
    /// The cancel may have left when the future is dropped; repeating it does no harm.
    pub async fn cancel(&self, call: &CancelOrder) -> Result<CanceledCount, Error> {
        let inner = &*self.0;
        let signer = inner.signer::<CancelOrder>()?;
        let mut result = inner.cancel_once(signer, call).await;
        for _ in 1..OVERTAKEN_CANCELS {
            match &result {
                Err(error) if error.is_overtaken() => {
                    result = inner.cancel_once(signer, call).await;
                }
                Ok(_) | Err(_) => break,
            }
        }
        result
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest")
            .field("transport", &self.0.transport)
            .field("has_key", &self.has_key())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Repeats a read: one whose nonce was overtaken at once, what passes with time after a wait. A breaker that opens meanwhile ends
    /// it, with the failure that it had before.
    async fn repeat<C: Call + Idempotent>(
        &self,
        call: &C,
        route: Route,
    ) -> Result<C::Answer, Error> {
        let attempt = |call| self.once(call, route);
        let next = |error: &Error| {
            let next = next(error, self.clock.now());
            tracing::debug!(%error, ?next, "read failed");
            next
        };
        self.retry.call(call, attempt, next).await
    }

    async fn once<C: Call>(&self, call: &C, route: Route) -> Result<C::Answer, Error> {
        match route {
            Route::Public => self.public_once(call).await,
            Route::Private { cost } => {
                let guard = (&self.breakers.private, CircuitBreaker::admit);
                self.private_once(call, cost, guard).await
            }
            Route::Urgent { cost } => {
                let guard = (&self.breakers.cancels, CircuitBreaker::admit);
                self.private_once(call, cost, guard).await
            }
            Route::Order => {
                let no_probe = |of: &CircuitBreaker| of.admit_no_probe_at(self.clock.now());
                self.private_once(call, 0, (&self.breakers.private, no_probe))
                    .await
            }
        }
    }

    /// The breaker counts, and never stops, a cancel.
    async fn cancel_once(
        &self,
        signer: &Signer,
        call: &CancelOrder,
    ) -> Result<CanceledCount, Error> {
        let turn = signer.turns.cancel().await;
        let counted = self.breakers.cancels.admit();
        let sending = |nonce| self.signed(signer, call, nonce);
        let result = turn.send(sending).await;
        if let Ok(permit) = counted {
            permit.record(breakers::outcome(&result));
        }
        result
    }

    async fn public_once<C: Call>(&self, call: &C) -> Result<C::Answer, Error> {
        let mut form = Form::default();
        call.write(&mut form);
        let query = form.into_text();
        let separator = if query.is_empty() { "" } else { "?" };
        let request = Request {
            path: format!("/0/public/{}{separator}{query}", C::NAME),
            signed: None,
        };
        let permit = self.breakers.public.admit().map_err(Self::open::<C>)?;
        let result = self.exchange::<C>(request).await;
        permit.record(breakers::outcome(&result));
        result
    }

    /// Makes a private call once. A breaker stands before it, and says how it is asked once the call has its turn.
    async fn private_once<C: Call>(
        &self,
        call: &C,
        cost: u32,
        (breaker, admit): (
            &CircuitBreaker,
            impl FnOnce(&CircuitBreaker) -> Result<Permit, Rejected>,
        ),
    ) -> Result<C::Answer, Error> {
        let signer = self.signer::<C>()?;
        // A turn is waited for and costs points: it is not for a call that could not be made.
        breaker.turn_away().map_err(Self::open::<C>)?;
        let waiting = self.take_turn(signer, cost);
        let waited = self.deadlines.within(Place::Turn, waiting).await;
        let (_turn, nonce) = waited.map_err(|late| Error::NotSent {
            endpoint: C::NAME,
            why: NotSent::NoTurn(late),
        })?;
        let permit = admit(breaker).map_err(Self::open::<C>)?;
        let result = self.signed(signer, call, nonce).await;
        permit.record(breakers::outcome(&result));
        result
    }

    const fn open<C: Call>(_rejected: Rejected) -> Error {
        Error::NotSent {
            endpoint: C::NAME,
            why: NotSent::BreakerOpen,
        }
    }

    /// Waits until no other private call is in flight and the rate counter has room. The nonce is to be sent at once.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the turn passes on. What it was charged stays charged.
    async fn take_turn<'a>(&self, signer: &'a Signer, cost: u32) -> (ReadTurn<'a>, u64) {
        let turn = signer.turns.read().await;
        while let Err(wait) = self.charge(signer, cost) {
            sleep(wait).await;
        }
        let nonce = turn.nonce().await;
        (turn, nonce)
    }

    fn charge(&self, signer: &Signer, cost: u32) -> Result<(), Duration> {
        locked(&signer.counter).charge(self.clock.now(), cost)
    }

    /// Signs and sends.
    async fn signed<C: Call>(
        &self,
        signer: &Signer,
        call: &C,
        nonce: u64,
    ) -> Result<C::Answer, Error> {
        let path = format!("/0/private/{}", C::NAME);
        let mut form = Form::default();
        form.add("nonce", nonce);
        call.write(&mut form);
        let body = form.into_text();
        let signed = Some(Signed {
            key: signer.credentials.key().to_owned(),
            signature: signer.credentials.sign(&path, nonce, &body),
            body,
        });
        let result = self.exchange::<C>(Request { path, signed }).await;
        if let Err(Error::Refused { class, .. }) = &result {
            self.learn(signer, *class);
        }
        result
    }

    /// Takes over what a refusal says about the rate.
    fn learn(&self, signer: &Signer, class: Class) {
        let mut counter = locked(&signer.counter);
        match class {
            Class::Transient(Transient::RateLimited) => counter.refused(self.clock.now()),
            Class::Transient(Transient::Throttled(until)) => counter.pause(until),
            // Each call into a lockout prolongs it.
            Class::Denied(Denied::Lockout) => counter.pause(self.clock.now().after(AFTER_LOCKOUT)),
            Class::Transient(Transient::Nonce)
            | Class::Rejected(_)
            | Class::Denied(Denied::Key | Denied::Permission | Denied::Token)
            | Class::Ambiguous => {}
        }
    }

    /// Sends one request and reads the answer.
    async fn exchange<C: Call>(&self, request: Request) -> Result<C::Answer, Error> {
        let sending = self.transport.send(request);
        let unreachable = |cause| Error::NotSent {
            endpoint: C::NAME,
            why: NotSent::Unreachable(cause),
        };
        let response = match self.deadlines.within(Place::Request, sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(Failure::Unreachable(cause))) => return Err(unreachable(cause)),
            Ok(Err(Failure::Late(late))) => {
                self.deadlines.count(late.place, false);
                return Err(unreachable(late.to_string()));
            }
            Ok(Err(Failure::Broken(cause))) => return Err(no_answer::<C>(cause)),
            Err(late) => return Err(no_answer::<C>(late.to_string())),
        };
        read_body(C::NAME, &response)
    }

    fn signer<C: Call>(&self) -> Result<&Signer, Error> {
        self.signer.as_ref().ok_or(Error::NotSent {
            endpoint: C::NAME,
            why: NotSent::NoKey,
        })
    }
}

/// What may follow a read that failed.
fn next(error: &Error, now: Timestamp) -> Next {
    if error.is_stopped() {
        Next::NotMade
    } else if error.is_overtaken() {
        Next::AtOnce
    } else if error.is_passing() {
        Next::After(error.retry_after(now))
    } else {
        Next::GiveUp
    }
}

fn no_answer<C: Call>(cause: String) -> Error {
    Error::NoAnswer {
        endpoint: C::NAME,
        cause,
    }
}

impl Response {
    /// The wait that whoever answered asks for. `Retry-After` means it with these two; with a redirect, for one, it means another thing.
    const fn asked_wait(&self) -> Option<Duration> {
        match self.status {
            429 | 503 => self.retry_after,
            _ => None,
        }
    }
}

/// Every answer of the API.
#[derive(Deserialize)]
struct Envelope {
    error: Vec<String>,
    result: Option<Box<RawValue>>,
}

/// Takes the result out of a response. A refusal in the API's own form counts below status 500; above, nothing that is said is evidence.
fn read_body<T: DeserializeOwned>(endpoint: &'static str, response: &Response) -> Result<T, Error> {
    let status = || Error::Status {
        endpoint,
        status: response.status,
        retry_after: response.asked_wait(),
    };
    let unreadable = |error: serde_json::Error| match response.status {
        200 => Error::Unreadable {
            endpoint,
            cause: error.to_string(),
        },
        _ => status(),
    };
    if response.status >= 500 {
        return Err(status());
    }
    let envelope: Envelope = serde_json::from_slice(&response.body).map_err(unreadable)?;
    if let Some(text) = refusal(&envelope.error) {
        return Err(Error::Refused {
            endpoint,
            text: text.clone(),
            class: classify(text),
            retry_after: response.asked_wait(),
        });
    }
    match envelope.result {
        Some(result) if response.status == 200 => {
            serde_json::from_str(result.get()).map_err(unreadable)
        }
        Some(_) => Err(status()),
        None => Err(Error::Unreadable {
            endpoint,
            cause: "neither error nor result".to_owned(),
        }),
    }
}

/// The refusal among the texts, warnings aside. Where one of several is ambiguous, that one decides.
fn refusal(texts: &[String]) -> Option<&String> {
    let errors = || texts.iter().filter(|text| !text.starts_with('W'));
    let ambiguous = errors().find(|text| classify(text) == Class::Ambiguous);
    ambiguous.or_else(|| errors().next())
}

/// A lock that a panic elsewhere does not take from us: the data behind these is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
