//! Who sends next under one key, so that nonces arrive in the order in which they were given.
//!
//! For: the turns of signed calls, and their nonces. Left out: signing, sending, the rate.
//! Always true: one call at a time that is no cancel; one cancel after the other; a cancel waits for no other call, and every other
//! call waits for the cancels. So only a cancel overtakes, and it overtakes one call at most.

use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{self, watch},
    time::timeout,
};

use crate::venue::kraken::nonce::Nonces;

/// After so long a cancel that is not answered has arrived, or never will: the next one goes.
const ARRIVAL: Duration = Duration::from_secs(1);

/// The turns of one key.
pub(super) struct Turns {
    nonces: Mutex<Nonces>,
    /// Held by the one call in flight that is no cancel.
    read: sync::Mutex<()>,
    /// Held by the cancel that may be on its way to the venue.
    cancel: sync::Mutex<()>,
    /// Cancels that wait for their turn or have it.
    cancels: watch::Sender<usize>,
}

impl Turns {
    pub(super) fn new(nonces: Nonces) -> Self {
        Self {
            nonces: Mutex::new(nonces),
            read: sync::Mutex::new(()),
            cancel: sync::Mutex::new(()),
            cancels: watch::Sender::new(0),
        }
    }

    /// Waits until no other call that is no cancel is in flight.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the place in the queue away.
    pub(super) async fn read(&self) -> ReadTurn<'_> {
        ReadTurn {
            turns: self,
            _held: self.read.lock().await,
        }
    }

    /// Waits until the cancel before this one is answered or has had its time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the place in the queue away.
    pub(super) async fn cancel(&self) -> CancelTurn<'_> {
        let waiting = Waiting::new(&self.cancels);
        CancelTurn {
            turns: self,
            _waiting: waiting,
            _held: self.cancel.lock().await,
        }
    }

    fn nonces(&self) -> MutexGuard<'_, Nonces> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of a call that is no cancel.
pub(super) struct ReadTurn<'a> {
    turns: &'a Turns,
    _held: sync::MutexGuard<'a, ()>,
}

impl ReadTurn<'_> {
    /// The nonce to send with, at once: no cancel is on its way, and one that comes now has a higher one.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub(super) async fn nonce(&self) -> u64 {
        let mut cancels = self.turns.cancels.subscribe();
        loop {
            // Who sends is borrowed here, so it is there.
            drop(cancels.wait_for(|cancels| *cancels == 0).await);
            let mut nonces = self.turns.nonces();
            // A cancel counts before it takes its nonce.
            if *self.turns.cancels.borrow() == 0 {
                return nonces.next_nonce();
            }
        }
    }
}

/// The turn of a cancel.
pub(super) struct CancelTurn<'a> {
    turns: &'a Turns,
    _waiting: Waiting<'a>,
    _held: sync::MutexGuard<'a, ()>,
}

impl CancelTurn<'_> {
    /// Sends with the next nonce, and passes the turn on when the answer is there or has taken too long.
    ///
    /// # Cancel safety
    ///
    /// As that of what is sent.
    pub(super) async fn send<F: Future>(self, send: impl FnOnce(u64) -> F) -> F::Output {
        let nonce = self.turns.nonces().next_nonce();
        let mut sending = pin!(send(nonce));
        match timeout(ARRIVAL, &mut sending).await {
            Ok(answer) => answer,
            Err(_elapsed) => {
                drop(self);
                sending.await
            }
        }
    }
}

/// One among the cancels that wait or are on their way.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(cancels: &'a watch::Sender<usize>) -> Self {
        cancels.send_modify(|cancels| *cancels += 1);
        Self(cancels)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|cancels| *cancels -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt as _;
    use tokio::time::sleep;

    use super::*;
    use crate::{io::Clock, types::Timestamp, venue::kraken::nonce::Volatile};

    fn turns() -> Turns {
        let (clock, _hand) = Clock::manual(Timestamp::from_nanos(1));
        Turns::new(Nonces::open(Box::new(Volatile), clock).unwrap())
    }

    #[tokio::test]
    async fn a_cancel_waits_for_no_read_and_has_a_higher_nonce() {
        let turns = turns();
        let read = turns.read().await;
        assert_eq!(read.nonce().await, 1);
        let cancel = turns.cancel().now_or_never().unwrap();
        assert_eq!(cancel.send(ready).await, 2);
    }

    #[tokio::test]
    async fn a_read_waits_for_every_cancel_given_up_or_not() {
        let turns = turns();
        let (read, first) = (turns.read().await, turns.cancel().await);
        let mut second = Box::pin(turns.cancel());
        assert!(second.as_mut().now_or_never().is_none());
        let mut nonce = Box::pin(read.nonce());
        assert!(nonce.as_mut().now_or_never().is_none());
        assert_eq!(first.send(ready).await, 1);
        assert!(nonce.as_mut().now_or_never().is_none());
        drop(second);
        assert_eq!(nonce.now_or_never(), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancel_without_an_answer_holds_the_others_up_for_a_moment_only() {
        let turns = turns();
        let silent = async { turns.cancel().await.send(|_| pending::<()>()).await };
        let answered = async |nonce| {
            let answer = async |sent| {
                sleep(ARRIVAL / 4).await;
                sent
            };
            assert_eq!(turns.cancel().await.send(answer).await, nonce);
        };
        let others = async {
            let mut both = pin!(async { tokio::join!(answered(2), answered(3)) });
            assert!(timeout(ARRIVAL, &mut both).await.is_err());
            timeout(ARRIVAL, both).await.unwrap();
        };
        tokio::select! {
            biased;
            () = silent => unreachable!(),
            () = others => {}
        }
    }
}
