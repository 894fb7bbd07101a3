//! The simulated Kraken's REST server.
//!
//! For: clients of `https://api.kraken.com/0`, unchanged: the same paths, bodies, signatures, counters, errors and types.
//! Left out: endpoints that need what the simulator has not (funding, earning, subaccounts, exports); they say `EAPI:Feature disabled`.
//! Always true: an application error has HTTP status 200; a call is decided at once or not at all, delays come after.

mod account;
mod books;
mod call;
mod changes;
mod edit;
mod endpoints;
mod extras;
mod fees;
mod listener;
mod lists;
mod market;
mod orders;
mod params;
mod prices;
mod public;
mod reply;
mod revisions;
mod stale;
mod transparency;
mod trickle;
mod valuation;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, header::CONTENT_TYPE, request::Parts},
    response::Response,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use super::rest_limits::RestLimits;
pub(crate) use endpoints::is_one as is_endpoint;

use self::{
    call::Call,
    listener::{Established, Peer},
    params::Params,
    public::Query,
    reply::{Answer, Failure, page, response},
    stale::Horizon,
};
use super::{
    auth::{Keys, SignedCall},
    rest_limits::{self, PublicCalls, Slot, THROTTLE},
    tokens::Tokens,
};
use crate::{
    io::{Clock, net},
    sim::{
        Venue,
        faults::{FaultHandle, RestFault},
        refused::Limit,
    },
    types::Timestamp,
};

/// Largest body that is read, in bytes; the API's own are a hundredth of it.
const LARGEST_BODY: usize = 1 << 20;
/// How long calls may take to end after the server was told to.
const GRACE: Duration = Duration::from_secs(2);

/// What the endpoints work on.
#[derive(Clone, Debug)]
pub struct RestState {
    /// Decides and remembers.
    pub venue: Venue,
    /// Who may call.
    pub keys: Arc<Keys>,
    /// Tokens that are issued here and used on the socket.
    pub tokens: Tokens,
    /// What goes wrong on purpose.
    pub faults: FaultHandle,
    /// The time that nonces, counters and deadlines go by.
    pub clock: Clock,
    /// Time between the decision of a trading call and its answer.
    pub reply_delay: Duration,
    /// How much may be asked at once.
    pub limits: RestLimits,
}

struct Shared {
    state: RestState,
    public_calls: PublicCalls,
    cancel: CancellationToken,
}

/// Serves until canceled. Open calls may end within a short grace.
///
/// # Cancel safety
///
/// Dropped, it accepts no more and leaves open calls to themselves.
pub async fn serve(listener: net::Listener, state: RestState, cancel: CancellationToken) {
    let shared = Arc::new(Shared {
        state,
        public_calls: PublicCalls::default(),
        cancel: cancel.clone(),
    });
    let router = Router::new().fallback(handle).with_state(shared);
    serve_router(listener, router, cancel).await;
}

/// Serves until canceled. Open calls may end within a short grace.
///
/// # Cancel safety
///
/// Dropped, it accepts no more and leaves open calls to themselves.
pub(in crate::sim) async fn serve_router(
    listener: net::Listener,
    router: Router,
    cancel: CancellationToken,
) {
    let router = router.into_make_service_with_connect_info::<Peer>();
    let server = axum::serve(Established::new(listener), router)
        .with_graceful_shutdown(cancel.clone().cancelled_owned());
    let overdue = async {
        cancel.cancelled().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        ended = server => {
            if let Err(error) = ended {
                tracing::error!(%error, "HTTP server ended");
            }
        }
        () = overdue => tracing::warn!("HTTP calls still open are left behind"),
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return page(413, "<html>Request Entity Too Large</html>".to_owned());
    };
    let Some(route) = Route::of(parts.uri.path()) else {
        return page(404, "<html>Not Found</html>".to_owned());
    };
    // Given back when the answer has left.
    let _slot = match shared.admit(&route, &parts, peer.ip) {
        Ok(slot) => slot,
        Err(failure) => return response(&Err(failure)),
    };
    let sent = Sent {
        route,
        peer: &peer,
        parts: &parts,
        body: &body,
    };
    match shared.state.faults.rest(route.endpoint) {
        None => shared.respond(&sent, None).await,
        Some((fault, luck)) => shared.fail(&sent, fault, luck).await,
    }
}

/// A call as it arrived.
#[derive(Clone, Copy)]
struct Sent<'a> {
    route: Route<'a>,
    peer: &'a Peer,
    parts: &'a Parts,
    body: &'a Bytes,
}

/// Which endpoint a path means.
#[derive(Clone, Copy, Debug)]
struct Route<'a> {
    private: bool,
    endpoint: &'a str,
}

impl<'a> Route<'a> {
    /// Everything below `/0/` is the API's, known or not.
    fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/0/")?;
        Some(match rest.split_once('/') {
            Some(("private", endpoint)) => Self {
                private: true,
                endpoint,
            },
            Some(("public", endpoint)) => Self {
                private: false,
                endpoint,
            },
            _ => Self {
                private: false,
                endpoint: "",
            },
        })
    }

    /// The pair that a public call is counted in: trades and candles have a counter each.
    fn counted_pair(&self, parts: &Parts) -> Option<String> {
        let query = parts.uri.query().unwrap_or_default();
        let params = Params::from_form(query.as_bytes());
        let pair = params.text("pair").unwrap_or_default();
        matches!(self.endpoint, "Trades" | "OHLC").then(|| pair.to_ascii_uppercase())
    }

    fn is_trading(&self) -> bool {
        let trading = [
            "AddOrder",
            "AddOrderBatch",
            "AmendOrder",
            "EditOrder",
            "CancelOrder",
            "CancelOrderBatch",
            "CancelAll",
            "CancelAllOrdersAfter",
        ];
        self.private && trading.contains(&self.endpoint)
    }
}

impl Shared {
    /// Whether a call may be looked at now.
    fn admit(&self, route: &Route<'_>, parts: &Parts, peer: IpAddr) -> Result<Slot<'_>, Failure> {
        let (limits, now) = (self.state.limits, self.state.clock.now());
        if route.private {
            let key = header(parts, "API-Key");
            let slot = self.state.keys.open(key, limits.concurrent);
            return slot.ok_or_else(|| {
                self.state.venue.refused().note(Limit::CallsAtOnce);
                throttled(now)
            });
        }
        let visitor = (peer, route.counted_pair(parts));
        let fits = self.public_calls.charge(now, visitor, limits.public_calls);
        fits.then_some(Slot::FREE)
            .ok_or_else(|| self.state.too_many_calls())
    }

    /// Carries a call out and answers it.
    async fn respond(&self, sent: &Sent<'_>, horizon: Option<Horizon>) -> Response {
        let answer = self.state.answer(sent, horizon);
        if let Err(Failure(text)) = &answer {
            tracing::debug!(endpoint = sent.route.endpoint, %text, "refused");
        }
        if sent.route.is_trading() && !self.state.reply_delay.is_zero() {
            sleep(self.state.reply_delay).await;
        }
        response(&answer)
    }

    /// Does what is armed instead of answering properly.
    async fn fail(&self, sent: &Sent<'_>, fault: RestFault, luck: u64) -> Response {
        // What it decides stays decided; nobody hears of it.
        let act = || drop(self.state.answer(sent, None));
        match fault {
            RestFault::Error(text) => response(&Err(Failure(text.into()))),
            RestFault::DoThenError(text) => {
                act();
                response(&Err(Failure(text.into())))
            }
            RestFault::Status(status, html) => page(status, html),
            RestFault::DoThenStatus(status, html) => {
                act();
                page(status, html)
            }
            RestFault::Silence => self.silence().await,
            RestFault::DoThenSilence => {
                act();
                self.silence().await
            }
            RestFault::Drop(ending) => {
                if ending.execute {
                    act();
                }
                sent.peer.cord.cut(ending.reset);
                // Nothing of it is sent.
                page(503, String::new())
            }
            RestFault::Cut => trickle::half(self.respond(sent, None).await).await,
            RestFault::Delay(delay) => {
                let answer = self.respond(sent, None).await;
                sleep(delay.drawn(luck)).await;
                answer
            }
            RestFault::Slow(rate) => trickle::slow(self.respond(sent, None).await, rate).await,
            RestFault::Overtaken(delay) => {
                self.state.faults.overtaken(delay.drawn(luck)).await;
                self.respond(sent, None).await
            }
            RestFault::Stale(staleness) => {
                let horizon = Horizon::new(self.state.clock.now(), staleness, luck);
                self.respond(sent, Some(horizon)).await
            }
        }
    }

    /// Never answers, until the server ends.
    async fn silence(&self) -> Response {
        self.cancel.cancelled().await;
        page(503, String::new())
    }
}

impl RestState {
    fn answer(&self, sent: &Sent<'_>, horizon: Option<Horizon>) -> Answer {
        if sent.route.private {
            let answer = self.private(sent, horizon);
            self.faults.note_decided();
            answer
        } else {
            self.public(sent.route.endpoint, sent.parts, sent.body)
        }
    }

    /// The refusal of a call for which its key, or its address, has no room.
    fn too_many_calls(&self) -> Failure {
        self.venue.refused().note(Limit::Calls);
        Failure::RATE_LIMIT
    }

    fn public(&self, endpoint: &str, parts: &Parts, body: &Bytes) -> Answer {
        let ask = endpoints::public(endpoint).ok_or(Failure::UNKNOWN_METHOD)?;
        let mut params = Params::from_form(parts.uri.query().unwrap_or_default().as_bytes());
        params.extend(read_body(&parts.headers, body)?);
        ask(&Query {
            state: self,
            now: self.clock.now(),
            params: &params,
        })
    }

    fn private(&self, sent: &Sent<'_>, horizon: Option<Horizon>) -> Answer {
        let (endpoint, peer) = (sent.route.endpoint, sent.peer.ip);
        let (parts, body) = (sent.parts, sent.body);
        let carry_out = endpoints::private(endpoint)?;
        let params = read_body(&parts.headers, body)?;
        let now = self.clock.now();
        let signed = SignedCall {
            from: peer,
            key: header(parts, "API-Key"),
            signature: header(parts, "API-Sign"),
            path: parts.uri.path(),
            nonce: params.text("nonce"),
            otp: params.text("otp"),
            body,
        };
        let owner = self.keys.authenticate(now, &signed);
        let owner = owner.map_err(|error| Failure(error.to_string().into()))?;
        let tier = self
            .venue
            .read(|view| view.exchange.tier(owner.key.account));
        let tier = tier.ok_or(Failure::text("EAuth:Account unconfirmed"))?;
        if !owner.charge(now, tier, rest_limits::cost(endpoint)) {
            return Err(self.too_many_calls());
        }
        carry_out(&Call {
            state: self,
            now,
            owner,
            params: &params,
            fill: self.faults.fills(endpoint),
            horizon,
        })
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> &'a str {
    let value = parts.headers.get(name);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default()
}

fn throttled(now: Timestamp) -> Failure {
    let until = now.after(THROTTLE).as_secs() + 1;
    Failure(format!("EService:Throttled: {until}").into())
}

/// A body in whichever of the two forms it comes. Some clients send JSON without saying so.
fn read_body(headers: &HeaderMap, body: &[u8]) -> Result<Params, Failure> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let says_json = content_type.is_some_and(|kind| kind.contains("json"));
    let looks_json = body.trim_ascii_start().starts_with(b"{");
    if body.is_empty() || !(says_json || looks_json) {
        return Ok(Params::from_form(body));
    }
    Params::from_json(body).ok_or(Failure::text("EAPI:Bad request"))
}
