//! One circuit breaker per purpose, and their thresholds.

use std::time::Duration;

use rand::SeedableRng;
use serde::{Deserialize, Serialize};

use super::{
    error::{Class, Error, NotSent, Transient},
    socket::ConnectError,
};
use crate::{
    io::{Clock, rng::Rng},
    resilience::circuit_breaker::{CircuitBreaker, Mode, Outcome, Settings as Thresholds},
};

/// Thresholds per purpose. Cancels have none: nothing stops them, they are only counted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Public REST calls.
    pub public: Thresholds,
    /// Private REST calls that are no cancels.
    pub private: Thresholds,
    /// Orders and amends on the private socket.
    pub order_entry: Thresholds,
    /// Attempts to connect, of all sockets.
    pub connect: Thresholds,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public: Thresholds::default(),
            private: Thresholds::default(),
            order_entry: Thresholds::default(),
            // One socket that comes back must be able to close it, and no order leaves while there is none.
            connect: Thresholds {
                open_for_max: Duration::from_secs(30),
                probes: 1,
                half_open_for: Duration::from_secs(20),
                ..Thresholds::default()
            },
        }
    }
}

impl Settings {
    /// The thresholds of each purpose, by its key.
    #[must_use]
    pub const fn each(&self) -> [(&'static str, &Thresholds); 4] {
        [
            ("public", &self.public),
            ("private", &self.private),
            ("order_entry", &self.order_entry),
            ("connect", &self.connect),
        ]
    }
}

/// The breakers of the REST client.
#[derive(Clone, Debug)]
pub struct RestBreakers {
    /// Public calls.
    pub public: CircuitBreaker,
    /// Private calls that are no cancels.
    pub private: CircuitBreaker,
    /// Cancels, over REST and over the socket, and the reads that go with them: counted, never stopped.
    pub cancels: CircuitBreaker,
}

impl RestBreakers {
    /// Closed breakers.
    pub fn new(settings: &Settings, clock: &Clock, rng: &mut Rng) -> Self {
        let counted = Thresholds {
            mode: Mode::MetricsOnly,
            ..Thresholds::default()
        };
        Self {
            public: breaker("rest_public", settings.public.clone(), clock, rng),
            private: breaker("rest_private", settings.private.clone(), clock, rng),
            cancels: breaker("cancels", counted, clock, rng),
        }
    }
}

/// The closed breaker of attempts to connect, for all sockets.
#[must_use]
pub fn connect(settings: &Settings, clock: &Clock, mut rng: Rng) -> CircuitBreaker {
    breaker("connect", settings.connect.clone(), clock, &mut rng)
}

/// The closed breaker of attempts to connect to a market that is mirrored.
#[must_use]
pub fn mirror(settings: &Settings, clock: &Clock, mut rng: Rng) -> CircuitBreaker {
    breaker("mirror", settings.connect.clone(), clock, &mut rng)
}

impl RestBreakers {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<CircuitBreaker> {
        vec![
            self.public.clone(),
            self.private.clone(),
            self.cancels.clone(),
        ]
    }
}

/// A closed breaker whose jitter is its own.
pub(super) fn breaker(
    name: &'static str,
    thresholds: Thresholds,
    clock: &Clock,
    rng: &mut Rng,
) -> CircuitBreaker {
    CircuitBreaker::new(name, thresholds, clock.clone(), Rng::from_rng(rng))
}

/// What an attempt to connect says about the venue. What is said over the connection is another matter.
pub(super) const fn connected<T>(result: &Result<T, ConnectError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    }
}

/// What the result of a REST call says about the service. A certain refusal shows that it works.
pub(super) fn outcome<T>(result: &Result<T, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(Error::NotSent { why, .. }) => match why {
            NotSent::Unreachable(_) => Outcome::Failure,
            NotSent::NoKey | NotSent::BreakerOpen | NotSent::NoTurn(_) => Outcome::Ignored,
        },
        Err(Error::NoAnswer { .. } | Error::Status { .. } | Error::Unreadable { .. }) => {
            Outcome::Failure
        }
        Err(Error::Refused { class, .. }) => match class {
            Class::Rejected(_) | Class::Denied(_) => Outcome::Success,
            Class::Transient(
                Transient::RateLimited | Transient::Throttled(_) | Transient::Nonce,
            ) => Outcome::Ignored,
            Class::Ambiguous => Outcome::Failure,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        resilience::{Elapsed, Place},
        venue::kraken::error::classify,
    };

    const ENDPOINT: &str = "OpenOrders";

    fn refused(text: &str) -> Error {
        Error::Refused {
            endpoint: ENDPOINT,
            text: text.to_owned(),
            class: classify(text),
            retry_after: None,
        }
    }

    const fn unsent(why: NotSent) -> Error {
        let endpoint = ENDPOINT;
        Error::NotSent { endpoint, why }
    }

    #[track_caller]
    fn check(error: Error, expected: Outcome) {
        let result = Err::<(), _>(error);
        assert_eq!(outcome(&result), expected, "{result:?}");
    }

    #[test]
    fn an_answer_and_a_certain_refusal_show_that_the_service_works() {
        assert_eq!(outcome(&Ok(())), Outcome::Success);
        for text in [
            "EOrder:Insufficient funds",
            "EQuery:Unknown asset pair",
            "EService:Market in cancel_only mode",
            "EAPI:Invalid key",
            "EAPI:Invalid token",
            "EGeneral:Permission denied",
            "EGeneral:Temporary lockout",
        ] {
            check(refused(text), Outcome::Success);
        }
    }

    #[test]
    fn being_too_fast_or_overtaken_says_nothing_of_the_service() {
        for text in [
            "EAPI:Rate limit exceeded",
            "EGeneral:Too many requests",
            "EService:Throttled: 1788249600",
            "EAPI:Invalid nonce",
        ] {
            check(refused(text), Outcome::Ignored);
        }
    }

    #[test]
    fn a_service_that_fails_or_is_silent_or_not_understood_has_failed() {
        for text in [
            "EService:Unavailable",
            "EService:Busy",
            "EService:Timeout",
            "EGeneral:Internal error",
            "EThing:never heard of",
        ] {
            check(refused(text), Outcome::Failure);
        }
        let (endpoint, cause) = (ENDPOINT, "reset".to_owned());
        for status in [403, 429, 502, 520] {
            let retry_after = None;
            let error = Error::Status {
                endpoint,
                status,
                retry_after,
            };
            check(error, Outcome::Failure);
        }
        let unreadable = Error::Unreadable {
            endpoint,
            cause: "html".to_owned(),
        };
        check(unreadable, Outcome::Failure);
        check(Error::NoAnswer { endpoint, cause }, Outcome::Failure);
    }

    #[test]
    fn of_what_never_left_only_no_connection_is_a_failure() {
        let late = Elapsed {
            place: Place::Turn,
            after: Duration::from_secs(1),
        };
        let refused = NotSent::Unreachable("refused".to_owned());
        check(unsent(refused), Outcome::Failure);
        for why in [NotSent::NoKey, NotSent::BreakerOpen, NotSent::NoTurn(late)] {
            check(unsent(why), Outcome::Ignored);
        }
    }
}
