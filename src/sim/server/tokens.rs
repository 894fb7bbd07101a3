//! Tokens that open the private socket.
//!
//! For: issuing them over REST and checking them in every private WebSocket request. Left out: who may have one.
//! Always true: a token that no private subscription keeps alive ends 900 s after it was issued.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::auth::Permission;
use crate::{io::rng, sim::matching::AccountId, types::Timestamp};

/// How long an unused token lives.
pub const LIFE: Duration = Duration::from_secs(900);

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TokenError {
    /// It was never issued, or voided.
    #[error("EAPI:Invalid token")]
    Unknown,
    /// Its time is over.
    #[error("ESession:Invalid session")]
    Expired,
}

/// What a token opens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// Whose it is.
    pub account: AccountId,
    /// What its key may do.
    pub permissions: BTreeSet<Permission>,
}

/// All tokens. Clones share them.
#[derive(Clone)]
pub struct Tokens(Arc<Mutex<State>>);

struct State {
    seed: u64,
    issued: u64,
    tokens: HashMap<String, Token>,
}

struct Token {
    grant: Grant,
    issued: Timestamp,
    /// Private subscriptions that it opened and that still stand.
    holders: u32,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokens {
    /// No tokens yet. They differ from run to run.
    #[must_use]
    pub fn new() -> Self {
        // Without entropy tokens can be guessed; they guard play money.
        Self::seeded(rng::entropy().unwrap_or_default())
    }

    /// No tokens yet; the ones to come follow from the seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            seed,
            issued: 0,
            tokens: HashMap::new(),
        })))
    }

    /// A new token for an account, with all that trading needs.
    #[must_use]
    pub fn issue(&self, now: Timestamp, account: AccountId) -> String {
        let permissions = Permission::TRADING.into();
        self.issue_for(
            now,
            Grant {
                account,
                permissions,
            },
        )
    }

    /// A new token.
    #[must_use]
    pub fn issue_for(&self, now: Timestamp, grant: Grant) -> String {
        let mut state = self.lock();
        state.tokens.retain(|_, token| token.is_alive(now));
        state.issued += 1;
        let digest = Sha256::new()
            .chain_update(state.seed.to_be_bytes())
            .chain_update(state.issued.to_be_bytes())
            .finalize();
        let text = STANDARD.encode(digest).replace(['+', '/', '='], "x");
        let token = Token {
            grant,
            issued: now,
            holders: 0,
        };
        state.tokens.insert(text.clone(), token);
        text
    }

    /// Whose token this is.
    ///
    /// # Errors
    ///
    /// When it was never issued, was voided, or is over.
    pub fn check(&self, now: Timestamp, token: &str) -> Result<AccountId, TokenError> {
        self.grant(now, token).map(|grant| grant.account)
    }

    /// What a token opens.
    ///
    /// # Errors
    ///
    /// When it was never issued, was voided, or is over.
    pub fn grant(&self, now: Timestamp, token: &str) -> Result<Grant, TokenError> {
        let state = self.lock();
        let token = state.tokens.get(token).ok_or(TokenError::Unknown)?;
        if token.is_alive(now) {
            Ok(token.grant.clone())
        } else {
            Err(TokenError::Expired)
        }
    }

    /// A private subscription stands on this token; it does not end while one does.
    pub fn keep_alive(&self, token: &str) {
        if let Some(token) = self.lock().tokens.get_mut(token) {
            token.holders = token.holders.saturating_add(1);
        }
    }

    /// A private subscription that stood on this token is gone; undoes one [`Tokens::keep_alive`].
    pub fn release(&self, token: &str) {
        if let Some(token) = self.lock().tokens.get_mut(token) {
            token.holders = token.holders.saturating_sub(1);
        }
    }

    /// Voids every token, as an upgrade of the venue may.
    pub fn void_all(&self) {
        self.lock().tokens.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn is_alive(&self, now: Timestamp) -> bool {
        self.holders > 0 || now <= self.issued.after(LIFE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn an_unused_token_ends_after_900_seconds_and_a_held_one_does_not() {
        let tokens = Tokens::seeded(1);
        let (idle, held) = (
            tokens.issue(START, AccountId(1)),
            tokens.issue(START, AccountId(2)),
        );
        assert_ne!(idle, held);
        tokens.keep_alive(&held);
        let (end, after) = (
            START.after(LIFE),
            START.after(LIFE + Duration::from_nanos(1)),
        );
        assert_eq!(tokens.check(end, &idle), Ok(AccountId(1)));
        assert_eq!(tokens.check(after, &idle), Err(TokenError::Expired));
        assert_eq!(tokens.check(after, &held), Ok(AccountId(2)));
        tokens.release(&held);
        assert_eq!(tokens.check(after, &held), Err(TokenError::Expired));
    }

    #[test]
    fn voided_and_invented_tokens_are_unknown() {
        let tokens = Tokens::seeded(1);
        let token = tokens.issue(START, AccountId(1));
        tokens.clone().void_all();
        assert_eq!(tokens.check(START, &token), Err(TokenError::Unknown));
        assert_eq!(tokens.check(START, "invented"), Err(TokenError::Unknown));
        assert_ne!(tokens.issue(START, AccountId(1)), token);
    }
}
