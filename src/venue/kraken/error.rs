//! What a call's failure means, and what is safe next.
//!
//! For: the one place that reads Kraken's error texts (§6.1). Everyone else asks for a [`Class`], a
//! [`Remedy`] or an [`Answer`]. Left out: waiting and repeating. Always true: a text that is not known is ambiguous, never a refusal;
//! only a refusal that is certain may let an order be forgotten.

use std::time::Duration;

use thiserror::Error;

use crate::{
    engine::event::{Answer, RejectReason, Rejection, Unsent},
    resilience::Elapsed,
    types::{InlineText, Timestamp},
};

/// What a refusal means for the request that met it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// No effect, and the same request would meet the same refusal.
    Rejected(RejectReason),
    /// No effect, and the same request may pass later.
    Transient(Transient),
    /// No effect, and nothing will pass until key, token or account changes.
    Denied(Denied),
    /// It may have taken effect.
    Ambiguous,
}

/// Refusals that pass with time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transient {
    /// Over a rate limit.
    RateLimited,
    /// Too many calls at once; none before this instant.
    Throttled(Timestamp),
    /// The nonce was not above the last one seen.
    Nonce,
}

/// Refusals of the caller rather than of the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Denied {
    /// Key or signature is wrong. Repeating leads to a lockout.
    Key,
    /// The key or account may not do this.
    Permission,
    /// The socket token is void; a new one helps.
    Token,
    /// The account is locked for some minutes; retrying prolongs it.
    Lockout,
}

impl Class {
    /// The class of refusal, where it is certain that the request had no effect.
    #[must_use]
    pub const fn certain(self) -> Option<RejectReason> {
        match self {
            Self::Rejected(reason) => Some(reason),
            Self::Transient(Transient::RateLimited | Transient::Throttled(_)) => {
                Some(RejectReason::RateLimited)
            }
            Self::Transient(Transient::Nonce) | Self::Denied(_) => Some(RejectReason::Permission),
            Self::Ambiguous => None,
        }
    }
}

/// A text's beginning and what it means. The first match holds, so longer beginnings come first.
const TABLE: &[(&str, Class)] = {
    use Class::{Ambiguous, Rejected};
    use RejectReason as R;
    const LIMITED: Class = Class::Transient(Transient::RateLimited);
    const KEY: Class = Class::Denied(Denied::Key);
    const PERMISSION: Class = Class::Denied(Denied::Permission);
    const TOKEN: Class = Class::Denied(Denied::Token);
    &[
        ("EAPI:Invalid key", KEY),
        ("EAPI:Invalid signature", KEY),
        ("EAPI:Invalid nonce", Class::Transient(Transient::Nonce)),
        ("EAPI:Rate limit exceeded", LIMITED),
        ("EAPI:Bad request", Rejected(R::Other)),
        ("EAPI:Feature disabled", Rejected(R::Other)),
        ("EAPI:Permission denied", PERMISSION),
        ("EAPI:Invalid token", TOKEN),
        ("ESession:Invalid session", TOKEN),
        ("Token(s) not found", TOKEN),
        ("EAuth:Account temporary disabled", PERMISSION),
        ("EAuth:Account unconfirmed", PERMISSION),
        ("EAuth:Failed", KEY),
        ("EAuth:Rate limit exceeded", LIMITED),
        ("EAuth:Too many requests", LIMITED),
        ("EAccount:Invalid permissions", PERMISSION),
        ("EGeneral:Permission denied", PERMISSION),
        ("EGeneral:Temporary lockout", Class::Denied(Denied::Lockout)),
        ("EGeneral:Too many requests", LIMITED),
        ("EGeneral:Internal error", Ambiguous),
        (
            "EGeneral:Invalid arguments:cl_ord_id not unique",
            Rejected(R::DuplicateId),
        ),
        ("EGeneral:Invalid arguments:volume", Rejected(R::Minimum)),
        ("EGeneral:Invalid arguments:price", Rejected(R::Price)),
        ("EGeneral:Invalid arguments:deadline", Rejected(R::Deadline)),
        ("EGeneral:Invalid arguments", Rejected(R::Other)),
        ("EGeneral:Invalid timeout argument", Rejected(R::Other)),
        ("EGeneral:Unknown method", Rejected(R::Other)),
        ("EDatabase:Internal error", Ambiguous),
        ("EService:Market in ", Rejected(R::MarketMode)),
        ("EOrder:Insufficient", Rejected(R::InsufficientFunds)),
        ("EOrder:Margin ", Rejected(R::InsufficientFunds)),
        ("EOrder:Cannot open ", Rejected(R::Other)),
        ("EOrder:Positions limit exceeded", Rejected(R::Other)),
        ("EOrder:Unknown position", Rejected(R::Other)),
        ("EOrder:Order minimum not met", Rejected(R::Minimum)),
        ("EOrder:Cost minimum not met", Rejected(R::Minimum)),
        ("EOrder:Tick size check failed", Rejected(R::Price)),
        ("EOrder:Invalid price", Rejected(R::Price)),
        ("EOrder:Invalid limit price", Rejected(R::Price)),
        ("EOrder:Invalid secondary price", Rejected(R::Price)),
        ("EOrder:Orders limit exceeded", Rejected(R::OrdersLimit)),
        (
            "EOrder:Scheduled orders limit exceeded",
            Rejected(R::OrdersLimit),
        ),
        ("EOrder:Rate limit exceeded", LIMITED),
        ("EOrder:Domain rate limit exceeded", LIMITED),
        ("EOrder:Post only order", Rejected(R::PostOnly)),
        // Part of it has matched.
        ("EOrder:Reduce only:Position is closed", Ambiguous),
        ("EOrder:Reduce only", Rejected(R::Other)),
        ("EOrder:Unknown order", Rejected(R::UnknownOrder)),
        ("EOrder:Invalid order", Rejected(R::UnknownOrder)),
        ("EOrder:Cancel pending", Rejected(R::Other)),
        (
            "EOrder:No amendable parameters specified",
            Rejected(R::NothingToAmend),
        ),
        ("EOrder:cl_ord_id is not supported", Rejected(R::Other)),
        ("ETrade:Invalid request", Rejected(R::Other)),
        ("ETrade:Locked", Rejected(R::Other)),
        ("ETrade:User Locked", Rejected(R::Other)),
        ("EQuery:Unknown asset", Rejected(R::Other)),
        ("EQuery:Invalid asset pair", Rejected(R::Other)),
        ("EFunding:", Rejected(R::Other)),
        ("EBM:limit exceeded", Rejected(R::Other)),
        ("Currency pair not supported", Rejected(R::Other)),
        ("Subscription name invalid", Rejected(R::Other)),
        ("Subscription depth not supported", Rejected(R::Other)),
        ("Unsupported field", Rejected(R::Other)),
        ("Unsupported event", Rejected(R::Other)),
        ("Malformed request", Rejected(R::Other)),
    ]
};

/// What an error text means. Blanks around colons and case do not matter.
#[must_use]
pub fn classify(text: &str) -> Class {
    let text = without_blanks_at_colons(text);
    if let Some(until) = strip_prefix(&text, "EService:Throttled") {
        let seconds = until.trim_start_matches(':').parse().unwrap_or(0);
        return Class::Transient(Transient::Throttled(Timestamp::from_secs(seconds)));
    }
    let known = TABLE
        .iter()
        .find(|(beginning, _)| strip_prefix(&text, beginning).is_some());
    match known {
        Some((_, class)) => *class,
        None if is_bare_validation(&text) => Class::Rejected(RejectReason::Other),
        None => Class::Ambiguous,
    }
}

/// What became of an order command that the venue answered with an error text.
#[must_use]
pub fn answer_to(text: &str) -> Answer {
    match classify(text).certain() {
        Some(reason) => Answer::Rejected(Rejection {
            reason,
            text: InlineText::lossy(text),
        }),
        None => Answer::Unanswered,
    }
}

/// Whether a subscription that was refused with this text would be refused again.
pub(super) fn refuses_for_good(text: &str) -> bool {
    match classify(text) {
        Class::Rejected(_) | Class::Denied(Denied::Permission) => true,
        Class::Transient(_)
        | Class::Denied(Denied::Key | Denied::Token | Denied::Lockout)
        | Class::Ambiguous => false,
    }
}

/// Texts by which the socket refuses a malformed request, without a category.
fn is_bare_validation(text: &str) -> bool {
    !text.starts_with('E') && (text.contains(" field must be ") || text.ends_with("(s) not found"))
}

fn strip_prefix<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(beginning.len())?;
    head.eq_ignore_ascii_case(beginning).then_some(rest)
}

fn without_blanks_at_colons(text: &str) -> String {
    let parts: Vec<_> = text.split(':').map(str::trim).collect();
    parts.join(":")
}

/// Why a REST call gave no result.
#[derive(Debug, Error)]
pub enum Error {
    /// It never left.
    #[error("{endpoint} not sent: {why}")]
    NotSent {
        /// Which call.
        endpoint: &'static str,
        /// What kept it.
        #[source]
        why: NotSent,
    },
    /// It left, or may have, and no answer came.
    #[error("no answer from {endpoint}: {cause}")]
    NoAnswer {
        /// Which call.
        endpoint: &'static str,
        /// What was seen.
        cause: String,
    },
    /// Something in front of the API answered.
    #[error("{endpoint} answered with HTTP status {status}")]
    Status {
        /// Which call.
        endpoint: &'static str,
        /// The status.
        status: u16,
        /// The wait that it asks for before the same call.
        retry_after: Option<Duration>,
    },
    /// The answer makes no sense.
    #[error("{endpoint} gave an answer that cannot be read: {cause}")]
    Unreadable {
        /// Which call.
        endpoint: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// The API refused, or failed.
    #[error("{endpoint} refused: {text}")]
    Refused {
        /// Which call.
        endpoint: &'static str,
        /// The venue's words.
        text: String,
        /// What they mean.
        class: Class,
        /// The wait that HTTP asks for beside them.
        retry_after: Option<Duration>,
    },
}

/// What kept a call from leaving.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
pub enum NotSent {
    /// No API key is configured.
    #[error("no API key")]
    NoKey,
    /// The circuit breaker is open.
    #[error("circuit breaker open")]
    BreakerOpen,
    /// Its time ran out while it waited for its turn.
    #[error(transparent)]
    NoTurn(Elapsed),
    /// No connection could be made.
    #[error("cannot connect: {0}")]
    Unreachable(String),
}

/// What is safe next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Remedy {
    /// The same call again, after a wait.
    Retry(Duration),
    /// Find out first whether it took effect.
    Reconcile,
    /// Nothing will make this call pass.
    GiveUp,
    /// Nothing will make any call pass, and trying would lock the key.
    Stop,
}

/// How long to leave a limited API alone (§6.1: 5 to 15 s).
const LIMITED_PAUSE: Duration = Duration::from_secs(5);
/// Retrying prolongs a lockout, which lasts some minutes to a quarter of an hour.
pub const AFTER_LOCKOUT: Duration = Duration::from_secs(900);
/// How long to leave an unreachable API alone.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(1);

impl Error {
    /// What is safe next.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NotSent { why, .. } => match why {
                NotSent::NoKey => Remedy::Stop,
                NotSent::BreakerOpen | NotSent::NoTurn(_) | NotSent::Unreachable(_) => {
                    Remedy::Retry(UNREACHABLE_PAUSE)
                }
            },
            Self::NoAnswer { .. } | Self::Status { .. } | Self::Unreadable { .. } => {
                Remedy::Reconcile
            }
            Self::Refused { class, .. } => match class {
                Class::Rejected(_) => Remedy::GiveUp,
                Class::Transient(Transient::Nonce) | Class::Denied(Denied::Token) => {
                    Remedy::Retry(Duration::ZERO)
                }
                Class::Transient(Transient::RateLimited | Transient::Throttled(_)) => {
                    Remedy::Retry(LIMITED_PAUSE)
                }
                Class::Denied(Denied::Key | Denied::Permission) => Remedy::Stop,
                Class::Denied(Denied::Lockout) => Remedy::Retry(AFTER_LOCKOUT),
                Class::Ambiguous => Remedy::Reconcile,
            },
        }
    }

    /// What the venue's refusal means, where it refused.
    #[must_use]
    pub const fn class(&self) -> Option<Class> {
        match self {
            Self::Refused { class, .. } => Some(*class),
            Self::NotSent { .. }
            | Self::NoAnswer { .. }
            | Self::Status { .. }
            | Self::Unreadable { .. } => None,
        }
    }

    /// Whether the same read may be tried again soon with some hope.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::NotSent { why, .. } => matches!(why, NotSent::Unreachable(_)),
            Self::NoAnswer { .. } | Self::Unreadable { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429 || *status == 408,
            Self::Refused { class, .. } => {
                matches!(class, Class::Ambiguous | Class::Transient(_))
            }
        }
    }

    /// The wait that the venue asks for before the same call, in its words or in HTTP's: the longer one.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Duration {
        let told = match self.class() {
            Some(Class::Transient(Transient::Throttled(until))) => until.since(now),
            // Our own rate counter has learned of it, and makes the next call wait.
            Some(
                Class::Transient(Transient::RateLimited | Transient::Nonce)
                | Class::Rejected(_)
                | Class::Denied(_)
                | Class::Ambiguous,
            )
            | None => Duration::ZERO,
        };
        let asked = match self {
            Self::Status { retry_after, .. } | Self::Refused { retry_after, .. } => *retry_after,
            Self::NotSent { .. } | Self::NoAnswer { .. } | Self::Unreadable { .. } => None,
        };
        told.max(asked.unwrap_or_default())
    }

    /// Whether a breaker stopped it.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(
            self,
            Self::NotSent {
                why: NotSent::BreakerOpen,
                ..
            }
        )
    }

    /// Whether it never left by a rule of our own: it tells nothing of the venue.
    #[must_use]
    pub const fn is_our_own(&self) -> bool {
        match self {
            Self::NotSent { why, .. } => !matches!(why, NotSent::Unreachable(_)),
            Self::NoAnswer { .. }
            | Self::Status { .. }
            | Self::Unreadable { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// Whether the nonce was refused: a later call overtook this one.
    #[must_use]
    pub const fn is_overtaken(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                class: Class::Transient(Transient::Nonce),
                ..
            }
        )
    }

    /// What this failure says about an order command that was sent by REST.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self {
            Self::NotSent { why, .. } => Answer::Unsent(match why {
                NotSent::BreakerOpen => Unsent::BreakerOpen,
                NotSent::NoTurn(_) => Unsent::DeadlinePassed,
                NotSent::NoKey | NotSent::Unreachable(_) => Unsent::NotConnected,
            }),
            Self::NoAnswer { .. } | Self::Status { .. } | Self::Unreadable { .. } => {
                Answer::Unanswered
            }
            Self::Refused { text, .. } => answer_to(text),
        }
    }
}

#[cfg(test)]
mod texts;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, class: Class) {
        assert_eq!(classify(text), class, "{text}");
    }

    #[test]
    fn certain_refusals_have_their_reason() {
        use RejectReason as R;
        for (text, reason) in [
            ("EOrder:Insufficient funds", R::InsufficientFunds),
            ("EOrder:Insufficient initial margin", R::InsufficientFunds),
            ("EOrder:Post only order", R::PostOnly),
            ("EOrder:Orders limit exceeded", R::OrdersLimit),
            ("EOrder:Unknown order", R::UnknownOrder),
            ("EOrder:Invalid order", R::UnknownOrder),
            (
                "EGeneral:Invalid arguments:cl_ord_id not unique",
                R::DuplicateId,
            ),
            (
                "EGeneral:Invalid arguments:volume minimum not met",
                R::Minimum,
            ),
            ("EGeneral:Invalid arguments:volume", R::Minimum),
            ("EOrder:Cost minimum not met", R::Minimum),
            ("EOrder:Tick size check failed", R::Price),
            (
                "EOrder:Invalid price:ETH/GBP price can only be specified up to 2 decimals.",
                R::Price,
            ),
            ("EGeneral:Invalid arguments:price", R::Price),
            ("EService:Market in cancel_only mode", R::MarketMode),
            (
                "EOrder:No amendable parameters specified",
                R::NothingToAmend,
            ),
            ("EGeneral:Invalid arguments:cl_ord_id", R::Other),
            ("EGeneral:Unknown Method", R::Other),
            ("Limit_price field must be a number_float", R::Other),
            ("Limit_price(s) not found", R::Other),
            (
                "Unsupported field: 'price' for the given msg type: add order",
                R::Other,
            ),
        ] {
            check(text, Class::Rejected(reason));
            assert!(matches!(answer_to(text), Answer::Rejected(r) if r.reason == reason));
        }
    }

    #[test]
    fn texts_after_which_an_order_may_be_live_are_ambiguous() {
        for text in [
            "EService:Unavailable",
            "EService:Busy",
            "EService:Timeout",
            "EService:Deadline elapsed",
            "EGeneral:Internal error",
            "EGeneral:Internal error:17",
            "EDatabase:Internal error",
            "EOrder:Reduce only:Position is closed",
            "EOrder:Something new",
            "EThing:never heard of",
            "not even a category",
            "",
        ] {
            check(text, Class::Ambiguous);
            assert_eq!(answer_to(text), Answer::Unanswered, "{text}");
        }
    }

    #[test]
    fn passing_refusals_are_told_from_lasting_ones() {
        check("EAPI:Invalid nonce", Class::Transient(Transient::Nonce));
        for text in [
            "EAPI:Rate limit exceeded",
            "EOrder:Rate limit exceeded",
            "EOrder:Domain rate limit exceeded",
            "EGeneral:Too many requests",
        ] {
            check(text, Class::Transient(Transient::RateLimited));
        }
        check("EAPI:Invalid key", Class::Denied(Denied::Key));
        check("EGeneral:Temporary lockout", Class::Denied(Denied::Lockout));
        for text in [
            "EAPI:Invalid token",
            "ESession:Invalid session",
            "Token(s) not found",
        ] {
            check(text, Class::Denied(Denied::Token));
        }
    }

    #[test]
    fn blanks_around_colons_do_not_matter() {
        let until = Timestamp::from_secs(1_788_249_600);
        check(
            "EService: Throttled: 1788249600",
            Class::Transient(Transient::Throttled(until)),
        );
        check(
            "EOrder : Unknown order",
            Class::Rejected(RejectReason::UnknownOrder),
        );
    }

    #[test]
    fn no_answer_is_never_a_refusal() {
        let endpoint = "AddOrder";
        for error in [
            Error::NoAnswer {
                endpoint,
                cause: "request took longer than 10s".to_owned(),
            },
            Error::Status {
                endpoint,
                status: 520,
                retry_after: None,
            },
            Error::Unreadable {
                endpoint,
                cause: "html".to_owned(),
            },
        ] {
            assert_eq!(error.answer(), Answer::Unanswered);
            assert_eq!(error.remedy(), Remedy::Reconcile);
        }
    }
}
