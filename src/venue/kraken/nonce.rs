//! The nonces of one API key: strictly rising, across restarts and clock steps.
//!
//! For: `max(clock in nanoseconds, last + 1)`, with the last one persisted. Left out: files; `app` hands in a [`Store`].
//! Always true: what is persisted is never below what was used. It is written ahead, a block of time at once, so that
//! most calls write nothing. A store that fails is reported and does not stop anything: the clock alone is nearly always
//! enough, and a full disk must not keep a cancel from leaving.

use std::{fmt, io, time::Duration};

use crate::io::Clock;

/// How far ahead the persisted value runs.
const BLOCK: Duration = Duration::from_secs(60);

/// Where the last nonce survives a restart.
pub trait Store: Send {
    /// The value saved last; zero when there was none.
    ///
    /// # Errors
    ///
    /// When it cannot be read. A daemon must not start then: nonces might fall back.
    fn load(&mut self) -> io::Result<u64>;

    /// Saves a value that no nonce used so far exceeds.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn save(&mut self, value: u64) -> io::Result<()>;
}

/// Forgets at exit. For keys that live as long as the process: simulators, tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Volatile;

impl Store for Volatile {
    fn load(&mut self) -> io::Result<u64> {
        Ok(0)
    }

    fn save(&mut self, _value: u64) -> io::Result<()> {
        Ok(())
    }
}

/// Hands out the nonces of one key.
pub struct Nonces {
    clock: Clock,
    store: Box<dyn Store>,
    last: u64,
    /// What the store holds; nonces up to it need no write.
    saved: u64,
}

impl Nonces {
    /// Continues above the stored value.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn open(mut store: Box<dyn Store>, clock: Clock) -> io::Result<Self> {
        let saved = store.load()?;
        Ok(Self {
            clock,
            store,
            last: saved,
            saved,
        })
    }

    /// The next nonce, larger than every one before.
    pub fn next_nonce(&mut self) -> u64 {
        let now = u64::try_from(self.clock.now().as_nanos()).unwrap_or(0);
        self.last = now.max(self.last.saturating_add(1));
        if self.last > self.saved {
            self.reserve();
        }
        self.last
    }

    fn reserve(&mut self) {
        let block = u64::try_from(BLOCK.as_nanos()).unwrap_or(u64::MAX);
        let ahead = self.last.saturating_add(block);
        match self.store.save(ahead) {
            Ok(()) => self.saved = ahead,
            Err(error) => tracing::warn!(%error, "nonce not persisted, the clock alone guards it"),
        }
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces")
            .field("last", &self.last)
            .field("saved", &self.saved)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::types::Timestamp;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<(u64, u32)>>);

    impl Store for Shared {
        fn load(&mut self) -> io::Result<u64> {
            Ok(self.0.lock().unwrap().0)
        }

        fn save(&mut self, value: u64) -> io::Result<()> {
            let mut state = self.0.lock().unwrap();
            *state = (value, state.1 + 1);
            Ok(())
        }
    }

    struct Broken;

    impl Store for Broken {
        fn load(&mut self) -> io::Result<u64> {
            Ok(0)
        }

        fn save(&mut self, _value: u64) -> io::Result<()> {
            Err(io::Error::other("disk full"))
        }
    }

    #[test]
    fn nonces_rise_while_the_clock_stands_and_follow_it_when_it_moves() {
        let (clock, hand) = Clock::manual(Timestamp::from_secs(1_000));
        let mut nonces = Nonces::open(Box::new(Volatile), clock).unwrap();
        let first = nonces.next_nonce();
        assert_eq!(first, 1_000_000_000_000);
        assert_eq!(nonces.next_nonce(), first + 1);
        hand.advance(Duration::from_secs(1));
        assert_eq!(nonces.next_nonce(), 1_001_000_000_000);
    }

    #[test]
    fn a_restart_continues_above_every_nonce_used_even_when_the_clock_fell_back() {
        let store = Shared::default();
        let (clock, _) = Clock::manual(Timestamp::from_secs(5_000));
        let mut nonces = Nonces::open(Box::new(store.clone()), clock).unwrap();
        let used: Vec<_> = (0..1_000).map(|_| nonces.next_nonce()).collect();
        let (earlier, _) = Clock::manual(Timestamp::from_secs(10));
        let mut again = Nonces::open(Box::new(store), earlier).unwrap();
        assert!(again.next_nonce() > *used.iter().max().unwrap());
    }

    #[test]
    fn most_calls_write_nothing() {
        let store = Shared::default();
        let (clock, hand) = Clock::manual(Timestamp::from_secs(5_000));
        let mut nonces = Nonces::open(Box::new(store.clone()), clock).unwrap();
        for _ in 0..59 {
            nonces.next_nonce();
            hand.advance(Duration::from_secs(1));
        }
        assert_eq!(store.0.lock().unwrap().1, 1);
        hand.advance(Duration::from_secs(2));
        let last = nonces.next_nonce();
        let (saved, writes) = *store.0.lock().unwrap();
        assert_eq!(writes, 2);
        assert!(saved >= last);
    }

    #[test]
    fn a_failing_store_stops_nothing() {
        let (clock, _) = Clock::manual(Timestamp::from_secs(7));
        let mut nonces = Nonces::open(Box::new(Broken), clock).unwrap();
        assert!(nonces.next_nonce() < nonces.next_nonce());
    }
}
