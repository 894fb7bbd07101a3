//! Who calls: keys, signatures, nonces, addresses, one-time passwords, permissions.
//!
//! For: the checks of a private REST call, in the venue's order: key, lockout, signature over the bytes received, nonce, address,
//! one-time password, call counter, permission.
//! Left out: what a call then does.
//! Always true: a call that fails its signature moves no nonce; a nonce is accepted once; no secret shows.

mod addresses;
mod lockout;
mod nonces;
mod otp;
mod permission;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use thiserror::Error;

use self::{
    lockout::Failures,
    nonces::{Nonces, parse_nonce},
};
use super::rest_limits::{CallCounter, Concurrency, Slot};
use crate::{
    sim::matching::{AccountId, Tier},
    types::Timestamp,
};

pub use addresses::AddressRange;
pub use lockout::LockoutRule;
pub use otp::Otp;
pub(super) use permission::Needs;
pub use permission::Permission;

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
    /// What every call must carry beside its signature, if anything.
    pub otp: Option<Otp>,
    /// Where it may be used from; everywhere if empty.
    pub ip_allowlist: Vec<AddressRange>,
    /// From when on it is none any more.
    pub valid_until: Option<Timestamp>,
    /// The time whose history it may ask for.
    pub query: QueryPeriod,
    /// When it was made.
    pub created: Timestamp,
}

/// From when and until when a key may look back. What is not given is open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct QueryPeriod {
    /// The earliest `start`.
    pub from: Option<Timestamp>,
    /// The latest `end`.
    pub to: Option<Timestamp>,
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
    /// A key with all that trading needs, and no more conditions.
    #[must_use]
    pub fn trading(key: String, secret_base64: String, account: AccountId) -> Self {
        Self {
            name: key.clone(),
            key,
            secret_base64,
            account,
            permissions: Permission::TRADING.into(),
            nonce_window: 0,
            otp: None,
            ip_allowlist: Vec::new(),
            valid_until: None,
            query: QueryPeriod::default(),
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
    /// No such key, or it is none any more (the latter's text is (unconfirmed)).
    #[error("EAPI:Invalid key")]
    Key,
    /// The signature is not over these bytes with this secret.
    #[error("EAPI:Invalid signature")]
    Signature,
    /// The nonce is missing, no number, used, or too low.
    #[error("EAPI:Invalid nonce")]
    Nonce,
    /// The key may not be used from this address (unconfirmed).
    #[error("EGeneral:Permission denied")]
    Address,
    /// The one-time password is missing, or wrong (the latter's text is (unconfirmed)).
    #[error("EGeneral:Permission denied")]
    Otp,
    /// Too many failures.
    #[error("EGeneral:Temporary lockout")]
    Lockout,
}

/// A private call as received.
#[derive(Clone, Copy, Debug)]
pub struct SignedCall<'a> {
    /// Address that it came from.
    pub from: IpAddr,
    /// `API-Key`.
    pub key: &'a str,
    /// `API-Sign`.
    pub signature: &'a str,
    /// Path of the URI, from `/0/private/…`.
    pub path: &'a str,
    /// Digits of the nonce as they stand in the body.
    pub nonce: Option<&'a str>,
    /// One-time password.
    pub otp: Option<&'a str>,
    /// Body, byte for byte.
    pub body: &'a [u8],
}

/// All keys. Nonces, call counters and failures live with them, and start anew with the process.
#[derive(Debug)]
pub struct Keys {
    owners: HashMap<String, Owner>,
    lockout: LockoutRule,
    strangers: Mutex<HashMap<IpAddr, Failures>>,
}

/// A key in use.
pub(super) struct Owner {
    pub(super) key: ApiKey,
    mac: Hmac<Sha512>,
    state: Mutex<KeyState>,
    calls_open: Concurrency,
}

/// What a key has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyState {
    pub(super) nonces: Nonces,
    pub(super) last_used: Option<Timestamp>,
    calls: CallCounter,
    failures: Failures,
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// Takes the keys. Nobody is locked out for failures.
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
        Ok(Self {
            owners,
            lockout: LockoutRule::NEVER,
            strangers: Mutex::default(),
        })
    }

    /// Locks out those who fail too often: a known key by itself, all unknown ones of an address together.
    #[must_use]
    pub fn with_lockout(self, lockout: LockoutRule) -> Self {
        Self { lockout, ..self }
    }

    /// Finds the caller and takes the nonce.
    pub(super) fn authenticate(
        &self,
        now: Timestamp,
        call: &SignedCall<'_>,
    ) -> Result<&Owner, AuthError> {
        let known = self.owners.get(call.key);
        let Some(owner) = known.filter(|owner| owner.is_valid(now)) else {
            return Err(self.refuse_stranger(now, call.from));
        };
        let mut state = owner.state();
        if state.failures.lock_out(now, self.lockout) {
            return Err(AuthError::Lockout);
        }
        match owner.check(now, call, &mut state) {
            Ok(()) => state.failures = Failures::default(),
            // The right owner at the wrong place guesses nothing.
            Err(AuthError::Address) => return Err(AuthError::Address),
            Err(error) => {
                state.failures.count(now, self.lockout);
                return Err(error);
            }
        }
        state.last_used = Some(now);
        drop(state);
        Ok(owner)
    }

    /// A place among the calls that a key may have open at once; a key that is unknown needs none.
    pub(super) fn open(&self, key: &str, most: u32) -> Option<Slot<'_>> {
        match self.owners.get(key) {
            Some(owner) => owner.calls_open.enter(most),
            None => Some(Slot::FREE),
        }
    }

    fn refuse_stranger(&self, now: Timestamp, from: IpAddr) -> AuthError {
        let rule = self.lockout;
        let mut strangers = lock(&self.strangers);
        strangers.retain(|_, failures| !failures.is_stale(now, rule));
        let failures = strangers.entry(from).or_default();
        if failures.lock_out(now, rule) {
            return AuthError::Lockout;
        }
        failures.count(now, rule);
        AuthError::Key
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
            calls_open: Concurrency::default(),
            key,
        })
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        self.key.valid_until.is_none_or(|until| now < until)
    }

    /// Everything about a call that proves its caller; the nonce is used from then on.
    fn check(
        &self,
        now: Timestamp,
        call: &SignedCall<'_>,
        state: &mut KeyState,
    ) -> Result<(), AuthError> {
        let nonce = call.nonce.ok_or(AuthError::Nonce)?;
        let number = parse_nonce(nonce).ok_or(AuthError::Nonce)?;
        self.verify(nonce, call)?;
        if !state.nonces.take(number, self.key.nonce_window) {
            return Err(AuthError::Nonce);
        }
        let places = &self.key.ip_allowlist;
        if !places.is_empty() && !places.iter().any(|place| place.holds(call.from)) {
            return Err(AuthError::Address);
        }
        let given = call.otp.unwrap_or_default();
        let proven = self
            .key
            .otp
            .as_ref()
            .is_none_or(|otp| otp.accepts(now, given));
        proven.then_some(()).ok_or(AuthError::Otp)
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
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
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
            from: HOME,
            key: "KEY",
            signature,
            path,
            nonce: Some(nonce),
            otp: None,
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
