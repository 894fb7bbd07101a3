//! How long the venue is asked before a run begins, and when it is asked again.
//!
//! Left out: what is asked, and what an error means. Always true: what will not get better ends the asking at once; a venue that
//! wants a wait is not asked before it is over; a lockout is waited out whole, whatever the limit.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::info;

use super::StartError;

/// How one round of questions ended without an answer.
pub(super) enum Setback {
    /// Later it may work.
    Later {
        said: String,
        /// The venue was not asked: a breaker, for one, follows from failures and is none.
        our_own: bool,
        wait: Duration,
    },
    /// After the end of a lockout it may work.
    Locked(Lockout),
    /// It will not.
    Over(StartError),
}

/// The venue takes no private call for a while. Another one would prolong it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Lockout {
    pub(super) said: String,
    pub(super) wait: Duration,
}

/// Asks again until it works or the time is up. What will not get better is told at once. The time begins anew after a lockout;
/// `locked` hears of each one that is going to be waited for.
///
/// # Cancel safety
///
/// As that of what is asked; a wait is given up.
pub(super) async fn within<T, F>(
    limit: Duration,
    mut ask: impl FnMut() -> F,
    locked: impl Fn(&Lockout),
) -> Result<T, StartError>
where
    F: Future<Output = Result<T, Setback>>,
{
    loop {
        match insist(limit, &mut ask).await? {
            Ok(answer) => return Ok(answer),
            Err(lockout) => {
                locked(&lockout);
                sleep(lockout.wait).await;
            }
        }
    }
}

/// Asks until it works, the key is locked or the time is up.
async fn insist<T, F>(
    limit: Duration,
    ask: &mut impl FnMut() -> F,
) -> Result<Result<T, Lockout>, StartError>
where
    F: Future<Output = Result<T, Setback>>,
{
    let mut last = None;
    let asking = async {
        loop {
            match ask().await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(Setback::Locked(lockout)) => return Ok(Err(lockout)),
                Err(Setback::Over(error)) => return Err(error),
                Err(Setback::Later {
                    said,
                    our_own,
                    wait,
                }) => {
                    info!(reason = %said, ?wait, "the venue does not answer yet");
                    if !our_own || last.is_none() {
                        last = Some(said);
                    }
                    sleep(wait).await;
                }
            }
        }
    };
    let ended = timeout(limit, asking).await;
    ended.unwrap_or_else(|_elapsed| {
        Err(StartError::Unreachable {
            after: limit,
            last: last.unwrap_or_else(|| "no answer".to_owned()),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::{super::refused, *};
    use crate::venue::kraken::error::{Error as CallError, NotSent};

    const LIMIT: Duration = Duration::from_secs(60);

    /// What is told after a minute of setbacks.
    async fn told(mut setback: impl FnMut() -> Setback) -> String {
        let ask = || std::future::ready(Err(setback()));
        let answer: Result<(), StartError> = within(LIMIT, ask, |_| panic!("no lockout")).await;
        let Err(StartError::Unreachable { last, .. }) = answer else {
            panic!("{answer:?}")
        };
        last
    }

    async fn rounds(wait: Duration) -> u32 {
        let asked = Cell::new(0);
        let last = told(|| {
            asked.set(asked.get() + 1);
            Setback::Later {
                said: "EAPI:Rate limit exceeded".to_owned(),
                our_own: false,
                wait,
            }
        });
        assert_eq!(last.await, "EAPI:Rate limit exceeded");
        asked.get()
    }

    fn not_sent(why: NotSent) -> Setback {
        let endpoint = "Time";
        refused(CallError::NotSent { endpoint, why })
    }

    #[tokio::test(start_paused = true)]
    async fn the_breaker_does_not_hide_what_opened_it() {
        let refusal = || NotSent::Unreachable("connection refused".to_owned());
        let mut whys = [NotSent::BreakerOpen, refusal()].into_iter();
        let last = told(|| not_sent(whys.next().unwrap_or(NotSent::BreakerOpen)));
        assert_eq!(
            last.await,
            "Time not sent: cannot connect: connection refused"
        );
        let last = told(|| not_sent(NotSent::BreakerOpen));
        assert_eq!(last.await, "Time not sent: circuit breaker open");
    }

    #[tokio::test(start_paused = true)]
    async fn a_venue_that_asks_for_a_wait_is_not_asked_before_it_is_over() {
        assert_eq!(rounds(Duration::from_secs(900)).await, 1);
        assert_eq!(rounds(Duration::from_secs(25)).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lockout_longer_than_the_limit_is_waited_out_and_not_asked_into() {
        let lockout = Lockout {
            said: "EGeneral:Temporary lockout".to_owned(),
            wait: Duration::from_secs(900),
        };
        let (asked, told) = (Cell::new(0), RefCell::new(Vec::new()));
        let ask = || {
            asked.set(asked.get() + 1);
            let setback = match asked.get() {
                1 | 3 => Some(Setback::Locked(lockout.clone())),
                2 | 4 => Some(Setback::Later {
                    said: "EService:Unavailable".to_owned(),
                    our_own: false,
                    wait: Duration::from_secs(50),
                }),
                _ => None,
            };
            async { setback.map_or(Ok("an answer"), Err) }
        };
        let hear = |lockout: &Lockout| told.borrow_mut().push(lockout.clone());
        // Twice fifty seconds beside the lockouts: after each the limit begins anew.
        let mut asking = Box::pin(within(LIMIT, ask, hear));
        let early = timeout(Duration::from_secs(1_899), &mut asking).await;
        assert!(early.is_err(), "not waited out");
        let answer = timeout(Duration::from_secs(2), asking).await.unwrap();
        assert_eq!((answer.unwrap(), asked.get()), ("an answer", 5));
        assert_eq!(told.into_inner(), [lockout.clone(), lockout]);
    }
}
