//! Who calls: keys, signatures, nonces, permissions.
//!
//! For: the checks of a private REST call, in the venue's order: key, signature over the bytes received, nonce, call counter, permission.
//! Left out: bans after repeated failures, one-time passwords, address lists; what a call then does.
//! Always true: a call that fails its signature moves no nonce; a nonce is accepted once.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};
use thiserror::Error;

use super::rest_limits::CallCounter;
use crate::{
    sim::matching::{AccountId, Tier},
    types::Timestamp,
};

/// What a key may do, in the venue's spelling.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Balances, fees.
    QueryFunds,
    /// Withdrawals; the simulator has none, but a client may refuse a key that has it.
    WithdrawFunds,
    /// Open orders and positions.
    QueryOpenTrades,
    /// Orders and trades that are over.
    QueryClosedTrades,
    /// Placing and changing orders.
    ModifyTrades,
    /// Canceling orders.
    CloseTrades,
    /// The ledger.
    QueryLedger,
    /// Tokens for the private socket.
    CreateWsToken,
}

impl Permission {
    /// Everything that trading needs; no withdrawals.
    pub const TRADING: [Self; 7] = [
        Self::QueryFunds,
        Self::QueryOpenTrades,
        Self::QueryClosedTrades,
        Self::ModifyTrades,
        Self::CloseTrades,
        Self::QueryLedger,
        Self::CreateWsToken,
    ];
}

/// A key as it is configured.
#[derive(Clone)]
pub struct ApiKey {
    /// Public part, sent in `API-Key`.
    pub key: String,
    /// Private part, base64.
    pub secret_base64: String,
    /// Name that the owner gave it.
    pub name: String,
    /// Whose.
    pub account: AccountId,
    /// What it may do.
    pub permissions: BTreeSet<Permission>,
    /// How far below the highest nonce a new one may lie, in nonce units.
    pub nonce_window: u64,
    /// When it was made.
    pub created: Timestamp,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("key", &self.key)
            .field("secret_base64", &"***")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl ApiKey {
    /// A key with all that trading needs and no nonce window.
    #[must_use]
    pub fn trading(key: String, secret_base64: String, account: AccountId) -> Self {
        Self {
            name: key.clone(),
            key,
            secret_base64,
            account,
            permissions: Permission::TRADING.into(),
            nonce_window: 0,
            created: Timestamp::from_secs(0),
        }
    }
}

/// A key that cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InvalidKey {
    /// The private part is no base64.
    #[error("the secret of API key {0} is not base64")]
    Secret(String),
    /// Two keys have the same public part.
    #[error("API key {0} is given twice")]
    Twice(String),
}

/// Why a call is not the key's owner's.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum AuthError {
    /// No such key.
    #[error("EAPI:Invalid key")]
    Key,
    /// The signature is not over these bytes with this secret.
    #[error("EAPI:Invalid signature")]
    Signature,
    /// The nonce is missing, no number, used, or too low.
    #[error("EAPI:Invalid nonce")]
    Nonce,
}

/// A private call as received.
#[derive(Clone, Copy, Debug)]
pub struct SignedCall<'a> {
    /// `API-Key`.
    pub key: &'a str,
    /// `API-Sign`.
    pub signature: &'a str,
    /// Path of the URI, from `/0/private/…`.
    pub path: &'a str,
    /// Digits of the nonce as they stand in the body.
    pub nonce: Option<&'a str>,
    /// Body, byte for byte.
    pub body: &'a [u8],
}

/// All keys. Nonces and call counters live with them, and start anew with the process.
#[derive(Debug)]
pub struct Keys {
    owners: HashMap<String, Owner>,
}

/// A key in use.
pub(super) struct Owner {
    pub(super) key: ApiKey,
    mac: Hmac<Sha512>,
    state: Mutex<KeyState>,
}

/// What a key has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyState {
    pub(super) nonces: Nonces,
    pub(super) last_used: Option<Timestamp>,
    calls: CallCounter,
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// Takes the keys.
    ///
    /// # Errors
    ///
    /// When a secret is no base64, or a key is given twice.
    pub fn new(keys: Vec<ApiKey>) -> Result<Self, InvalidKey> {
        let mut owners = HashMap::with_capacity(keys.len());
        for key in keys {
            let name = key.key.clone();
            if owners.insert(name.clone(), Owner::new(key)?).is_some() {
                return Err(InvalidKey::Twice(name));
            }
        }
        Ok(Self { owners })
    }

    /// Finds the caller and takes the nonce.
    pub(super) fn authenticate(
        &self,
        now: Timestamp,
        call: &SignedCall<'_>,
    ) -> Result<&Owner, AuthError> {
        let owner = self.owners.get(call.key).ok_or(AuthError::Key)?;
        let nonce = call.nonce.ok_or(AuthError::Nonce)?;
        let number = parse_nonce(nonce).ok_or(AuthError::Nonce)?;
        owner.verify(nonce, call)?;
        let mut state = owner.state();
        if !state.nonces.take(number, owner.key.nonce_window) {
            return Err(AuthError::Nonce);
        }
        state.last_used = Some(now);
        Ok(owner)
    }
}

impl Owner {
    fn new(key: ApiKey) -> Result<Self, InvalidKey> {
        let invalid = || InvalidKey::Secret(key.key.clone());
        let secret = STANDARD
            .decode(&key.secret_base64)
            .map_err(|_malformed| invalid())?;
        let mac = Hmac::new_from_slice(&secret).map_err(|_length| invalid())?;
        Ok(Self {
            mac,
            state: Mutex::default(),
            key,
        })
    }

    fn verify(&self, nonce: &str, call: &SignedCall<'_>) -> Result<(), AuthError> {
        let signature = STANDARD
            .decode(call.signature)
            .map_err(|_malformed| AuthError::Signature)?;
        let inner = Sha256::new()
            .chain_update(nonce.as_bytes())
            .chain_update(call.body)
            .finalize();
        self.mac
            .clone()
            .chain_update(call.path.as_bytes())
            .chain_update(inner)
            .verify_slice(&signature)
            .map_err(|_wrong| AuthError::Signature)
    }

    /// Counts a call. False when the key has no room for it.
    pub(super) fn charge(&self, now: Timestamp, tier: Tier, cost: u32) -> bool {
        self.state().calls.charge(now, tier, cost)
    }

    pub(super) fn may(&self, permission: Permission) -> bool {
        self.key.permissions.contains(&permission)
    }

    pub(super) fn snapshot(&self) -> KeyState {
        self.state().clone()
    }

    fn state(&self) -> MutexGuard<'_, KeyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nonces that a key has used, as far as they still matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Nonces {
    pub(super) highest: u64,
    recent: BTreeSet<u64>,
}

impl Nonces {
    /// Takes a nonce if it is new and above the highest less `window`.
    fn take(&mut self, nonce: u64, window: u64) -> bool {
        let above = match self.highest.checked_sub(window) {
            Some(floor) => nonce > floor,
            None => true,
        };
        let floor = self.highest.max(nonce).saturating_sub(window);
        if !above || !self.recent.insert(nonce) {
            return false;
        }
        self.highest = self.highest.max(nonce);
        // At the floor and below nothing is accepted any more, so nothing need be remembered.
        self.recent = self.recent.split_off(&floor);
        true
    }
}

fn parse_nonce(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
    const NOW: Timestamp = Timestamp::from_secs(1_788_249_600);

    fn keys(nonce_window: u64) -> Keys {
        let key = ApiKey {
            nonce_window,
            ..ApiKey::trading("KEY".into(), SECRET.into(), AccountId(7))
        };
        Keys::new(vec![key]).unwrap()
    }

    const FORM: &str =
        "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
    const FORM_SIGN: &str =
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==";

    const fn call<'a>(
        nonce: &'a str,
        path: &'a str,
        body: &'a str,
        signature: &'a str,
    ) -> SignedCall<'a> {
        SignedCall {
            key: "KEY",
            signature,
            path,
            nonce: Some(nonce),
            body: body.as_bytes(),
        }
    }

    #[test]
    fn the_documented_signatures_are_accepted() {
        let order = "/0/private/AddOrder";
        let vectors = [
            call("1616492376594", order, FORM, FORM_SIGN),
            call(
                "1616492376594",
                order,
                r#"{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}"#,
                "r/o+GpKxXjV/mls/r5CKLu5R+yzK5psqvQ4hXxMX1nzdxTBhV+ui82QGgPZMMitpFwCOAdPEZMmXgZxD2chJEg==",
            ),
            call(
                "1616492376594",
                order,
                r#"{"nonce":1616492376594,"ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}"#,
                "kMkTQfyYJH05IdnWQ9TIqL9Kq+dKqcD5O/TGPPLRwwy1is/YvqEYtMAHf7tXsqwfbLwp7pbzJzWHxzKPnL8rfA==",
            ),
            call(
                "1616492376595",
                "/0/private/GetWebSocketsToken",
                "nonce=1616492376595",
                "9+sByJ+GoGcsG24mbEPvXhxunYLRQw1QCR9Y9Cq+7ZKUbYPOvacooUSLgu56t/gXR+hpWD3RrgSUxfDB6rsBkQ==",
            ),
        ];
        for vector in vectors {
            let owner = keys(0).authenticate(NOW, &vector).unwrap().key.account;
            assert_eq!(owner, AccountId(7), "{vector:?}");
        }
    }

    #[test]
    fn one_changed_byte_anywhere_is_an_invalid_signature() {
        let good = call("1616492376594", "/0/private/AddOrder", FORM, FORM_SIGN);
        let body = FORM.replace("1.25", "1.26");
        let wrong = [
            SignedCall {
                body: body.as_bytes(),
                ..good
            },
            SignedCall {
                path: "/0/private/addOrder",
                ..good
            },
            SignedCall {
                nonce: Some("1616492376595"),
                ..good
            },
            SignedCall {
                signature: "AAAA",
                ..good
            },
            SignedCall {
                signature: "?",
                ..good
            },
        ];
        let keys = keys(0);
        for call in wrong {
            assert_eq!(
                keys.authenticate(NOW, &call).unwrap_err(),
                AuthError::Signature
            );
        }
        assert!(
            keys.authenticate(NOW, &good).is_ok(),
            "failed calls took no nonce"
        );
        assert_eq!(
            keys.authenticate(NOW, &good).unwrap_err(),
            AuthError::Nonce,
            "a replay"
        );
        let unknown = SignedCall {
            key: "OTHER",
            ..good
        };
        assert_eq!(
            keys.authenticate(NOW, &unknown).unwrap_err(),
            AuthError::Key
        );
    }

    #[test]
    fn nonces_rise_unless_a_window_lets_them_overtake() {
        let mut strict = Nonces::default();
        let taken = [5, 5, 4, 6, 100, 99].map(|nonce| strict.take(nonce, 0));
        assert_eq!(taken, [true, false, false, true, true, false]);

        let mut windowed = Nonces::default();
        let taken = [100, 95, 95, 90, 91, 200, 191, 190, 200, u64::MAX]
            .map(|nonce| windowed.take(nonce, 10));
        assert_eq!(
            taken,
            [
                true, true, false, false, true, true, true, false, false, true
            ]
        );
    }

    #[test]
    fn a_nonce_is_plain_digits_of_64_bits() {
        assert_eq!(parse_nonce("18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1.5", "1e3", "18446744073709551616", "x"] {
            assert_eq!(parse_nonce(text), None, "{text}");
        }
    }

    #[test]
    fn secrets_do_not_show_and_bad_keys_do_not_load() {
        let key = ApiKey::trading("KEY".into(), SECRET.into(), AccountId(1));
        assert!(!format!("{:?} {:?}", key, keys(0)).contains("kQH5"));
        assert_eq!(
            Keys::new(vec![key.clone(), key]).unwrap_err(),
            InvalidKey::Twice("KEY".into())
        );
        let bad = ApiKey::trading("KEY".into(), "?".into(), AccountId(1));
        assert_eq!(
            Keys::new(vec![bad]).unwrap_err(),
            InvalidKey::Secret("KEY".into())
        );
    }
}
