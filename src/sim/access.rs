//! Accounts and keys as they are configured: `[[sim.account]]`, `[[sim.keys]]`.
//!
//! For: what differs from one account to the next, and keys beside the one that every account has.
//! Left out: where keys that are not given come from (`accounts`). Always true: what `check` accepts can be used.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
    str::FromStr,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

use super::{
    Settings,
    matching::{Tier, Universe},
    server::auth::{AddressRange, Otp, Permission, QueryPeriod},
};
use crate::types::{AssetCode, Decimal, Timestamp};

/// An account that is not like the others.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSettings {
    /// Which: the first is 1.
    pub number: u32,
    /// Its tier, if not that of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// All that it begins with, by asset, if not what all begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funds: Option<BTreeMap<String, Text<Decimal>>>,
    /// What it traded in the thirty days before it was opened, in USD. Fees go by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Text<Decimal>>,
}

/// A key beside the one that an account has anyway.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// Whose: the number of an account.
    #[serde(default = "first")]
    pub account: u32,
    /// Its name; an account has one key of a name.
    pub name: String,
    /// Public part; if it is not given, it follows from the account's own key and the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Private part, base64; if it is not given, as `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What it may do.
    #[serde(default = "trading")]
    pub permissions: BTreeSet<Permission>,
    /// How far below the highest nonce a new one may lie, in nonce units.
    #[serde(default)]
    pub nonce_window: u64,
    /// One-time password that stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp_password: Option<String>,
    /// Secret of an authenticator, base32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp_totp: Option<String>,
    /// Addresses, or ranges of them, that it may be used from; everywhere if empty.
    #[serde(default)]
    pub ip_allowlist: Vec<Text<AddressRange>>,
    /// From when on it is none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Moment>,
    /// The earliest moment of the past that it may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_from: Option<Moment>,
    /// The latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_to: Option<Moment>,
}

impl fmt::Debug for KeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySettings")
            .field("account", &self.account)
            .field("name", &self.name)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}

const fn first() -> u32 {
    1
}

fn trading() -> BTreeSet<Permission> {
    Permission::TRADING.into()
}

impl KeySettings {
    /// The one-time password that calls must carry.
    ///
    /// # Errors
    ///
    /// When both kinds are given, or the authenticator's secret is no base32.
    pub(super) fn otp(&self) -> Result<Option<Otp>, InvalidAccess> {
        let invalid = || InvalidAccess::Otp(self.name.clone());
        match (&self.otp_password, &self.otp_totp) {
            (None, None) => Ok(None),
            (Some(password), None) if !password.is_empty() => {
                Ok(Some(Otp::Password(password.clone())))
            }
            (None, Some(secret)) => Otp::totp(secret).map(Some).ok_or_else(invalid),
            (Some(_), None | Some(_)) => Err(invalid()),
        }
    }

    /// The past that it may ask for.
    pub(super) fn query(&self) -> QueryPeriod {
        QueryPeriod {
            from: self.query_from.map(|moment| moment.0),
            to: self.query_to.map(|moment| moment.0),
        }
    }
}

/// Accounts or keys that cannot be.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InvalidAccess {
    /// There is no such account.
    #[error("there is no account {number}: sim.accounts says how many there are")]
    NoAccount {
        /// The number that was given.
        number: u32,
        /// The key of the settings: `account`, or `keys`.
        of: &'static str,
    },
    /// It is described twice.
    #[error("account {0} is described twice")]
    AccountTwice(u32),
    /// Nothing like this is listed.
    #[error("asset {0} is not listed")]
    Asset(String),
    /// Less than nothing.
    #[error("{0} is less than nothing")]
    Negative(Decimal),
    /// An account has two keys of a name.
    #[error("account {0} has two keys named {1}")]
    KeyTwice(u32, String),
    /// Two keys have the same public part.
    #[error("two keys have the same public part {0}")]
    PublicTwice(String),
    /// A key's name or public part cannot be sent.
    #[error("a key's name and its public part are plain text without blanks, not nothing")]
    Text,
    /// The private part is no base64.
    #[error("the secret of key {0} is not base64")]
    Secret(String),
    /// The one-time password is none.
    #[error("key {0} needs either otp_password or otp_totp, the latter in base32, or none of them")]
    Otp(String),
}

impl InvalidAccess {
    /// The key of the settings that it is about.
    pub(super) const fn key(&self) -> &'static str {
        match self {
            Self::NoAccount { of, .. } => of,
            Self::AccountTwice(_) | Self::Asset(_) | Self::Negative(_) => "account",
            Self::KeyTwice(..)
            | Self::PublicTwice(_)
            | Self::Text
            | Self::Secret(_)
            | Self::Otp(_) => "keys",
        }
    }
}

/// Checks accounts and keys against each other and against what is listed.
///
/// # Errors
///
/// The first that cannot be.
pub(super) fn check(settings: &Settings, universe: &Universe) -> Result<(), InvalidAccess> {
    let mut described = BTreeSet::new();
    for account in &settings.account {
        check_number(settings, account.number, "account")?;
        if !described.insert(account.number) {
            return Err(InvalidAccess::AccountTwice(account.number));
        }
        check_account(account, universe)?;
    }
    let (mut names, mut public) = (BTreeSet::new(), BTreeSet::new());
    for key in &settings.keys {
        check_number(settings, key.account, "keys")?;
        check_key(key)?;
        if !names.insert((key.account, &key.name)) {
            return Err(InvalidAccess::KeyTwice(key.account, key.name.clone()));
        }
        if let Some(text) = &key.key
            && !public.insert(text)
        {
            return Err(InvalidAccess::PublicTwice(text.clone()));
        }
    }
    Ok(())
}

const fn check_number(
    settings: &Settings,
    number: u32,
    of: &'static str,
) -> Result<(), InvalidAccess> {
    if number == 0 || number > settings.accounts {
        return Err(InvalidAccess::NoAccount { number, of });
    }
    Ok(())
}

fn check_account(account: &AccountSettings, universe: &Universe) -> Result<(), InvalidAccess> {
    let funds = account.funds.iter().flatten();
    for (code, _amount) in funds.clone() {
        if universe.asset(code).is_none() {
            return Err(InvalidAccess::Asset(code.clone()));
        }
    }
    let amounts = funds.map(|(_code, amount)| amount).chain(&account.volume);
    let mut negative = amounts.filter(|amount| amount.0.is_negative());
    negative
        .next()
        .map_or(Ok(()), |amount| Err(InvalidAccess::Negative(amount.0)))
}

fn check_key(key: &KeySettings) -> Result<(), InvalidAccess> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain(&key.name) || !key.key.as_deref().is_none_or(plain) {
        return Err(InvalidAccess::Text);
    }
    let secret = key.secret.as_deref().unwrap_or_default();
    if STANDARD.decode(secret).is_err() {
        return Err(InvalidAccess::Secret(key.name.clone()));
    }
    key.otp().map(|_otp| ())
}

/// What a described account begins with, at the digits of its assets.
pub(super) fn funds(
    described: &BTreeMap<String, Text<Decimal>>,
    universe: &Universe,
) -> Vec<(AssetCode, Decimal)> {
    let listed = described.iter().filter_map(|(code, amount)| {
        let asset = universe.asset(code)?;
        Some((asset.code, amount.0))
    });
    listed.collect()
}

/// A value that is written as text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text<T>(pub T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// An instant as people write it: `2027-01-01T00:00:00Z`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Timestamp::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(), String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
        check(&settings, &Universe::default_universe()).map_err(|error| error.to_string())
    }

    #[test]
    fn accounts_and_keys_survive_the_config_and_back() {
        let text = r#"accounts = 2
            [[account]]
            number = 2
            tier = "starter"
            funds = { USD = "10.5", BTC = "0" }
            volume = "120000"
            [[keys]]
            account = 2
            name = "reader"
            key = "READER"
            secret = "c2VjcmV0"
            permissions = ["query-funds", "query-open-trades"]
            nonce_window = 5
            otp_totp = "GEZDGNBVGY3TQOJQ"
            ip_allowlist = ["127.0.0.1", "10.0.0.0/8"]
            valid_until = "2027-01-01T00:00:00Z"
            query_from = "2026-01-01T00:00:00Z"
            query_to = "2026-12-31T00:00:00Z"
            [[keys]]
            name = "other"
            otp_password = "pw""#;
        read(text).unwrap();
        let settings: Settings = toml::from_str(text).unwrap();
        assert!(!format!("{settings:?}").contains("c2VjcmV0"));
        assert_eq!(settings.keys[1].account, 1);
        assert_eq!(settings.keys[1].permissions.len(), 7);
        let again = toml::to_string(&settings).unwrap();
        let read: Settings = toml::from_str(&again).unwrap();
        assert_eq!(toml::to_string(&read).unwrap(), again);
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (text, error) in [
            ("[[account]]\nnumber = 2", "no account 2"),
            ("[[account]]\nnumber = 0", "no account 0"),
            ("[[account]]\nnumber = 1\n[[account]]\nnumber = 1", "twice"),
            (
                "[[account]]\nnumber = 1\nfunds = { XYZ = '1' }",
                "asset XYZ",
            ),
            (
                "[[account]]\nnumber = 1\nfunds = { USD = '-1' }",
                "-1 is less",
            ),
            ("[[account]]\nnumber = 1\nvolume = '-2'", "-2 is less"),
            ("[[account]]\nnumber = 1\nfunds = { USD = 'x' }", "TOML"),
            ("[[keys]]\nname = 'a'\naccount = 2", "no account 2"),
            ("[[keys]]\nname = ''", "plain text"),
            ("[[keys]]\nname = 'a b'", "plain text"),
            ("[[keys]]\nname = 'a'\nkey = 'ü'", "plain text"),
            ("[[keys]]\nname = 'a'\nsecret = '?'", "not base64"),
            ("[[keys]]\nname = 'a'\notp_totp = '1'", "base32"),
            ("[[keys]]\nname = 'a'\notp_password = ''", "otp_password"),
            (
                "[[keys]]\nname = 'a'\notp_password = 'p'\notp_totp = 'GE'",
                "either",
            ),
            (
                "[[keys]]\nname = 'a'\n[[keys]]\nname = 'a'",
                "two keys named a",
            ),
            (
                "[[keys]]\nname = 'a'\nkey = 'K'\n[[keys]]\nname = 'b'\nkey = 'K'",
                "same public",
            ),
            ("[[keys]]\nname = 'a'\npermissions = ['fly']", "fly"),
            ("[[keys]]\nname = 'a'\nip_allowlist = ['here']", "TOML"),
            ("[[keys]]\nname = 'a'\nvalid_until = 'soon'", "TOML"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(error), "{text}: {told}");
        }
    }
}
