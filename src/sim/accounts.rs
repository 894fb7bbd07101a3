//! The clients' accounts: keys and opening funds.
//!
//! Always true: with a state directory keys come from the system's entropy and are kept in a file that only the owner reads;
//! without one they follow from the seed, so that a run can be repeated to the byte.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};
use thiserror::Error;

use super::{
    Settings,
    access::{self, AccountSettings, InvalidAccess, KeySettings},
    matching::{AccountId, Tier, Universe},
    server::auth::ApiKey,
};
use crate::{
    io::{files, rng},
    types::{AssetCode, Decimal},
};

/// Stream of randomness for keys.
const PURPOSE: u64 = 0x6B65_7973;
/// The first client's number; market agents are elsewhere.
const FIRST: u32 = 1;
const FILE: &str = "keys.json";

/// A client's account with its key.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct SimAccount {
    /// The exchange's number.
    pub id: AccountId,
    /// Public part of the key.
    pub key: String,
    /// Private part, base64 of 64 bytes.
    pub secret_base64: String,
    /// Tier.
    pub tier: Tier,
}

impl fmt::Debug for SimAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimAccount")
            .field("id", &self.id)
            .field("key", &self.key)
            .field("secret_base64", &"***")
            .field("tier", &self.tier)
            .finish()
    }
}

/// Why the file of keys cannot be used.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The file system refused, or there is no entropy.
    #[error("{path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} is no file of keys")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// The settings' accounts, with the keys they had before if there is a state directory.
pub(super) fn keys(
    settings: &Settings,
    state_dir: Option<&Path>,
) -> Result<Vec<SimAccount>, KeyFileError> {
    let Some(directory) = state_dir else {
        let mut accounts = Vec::new();
        add(&mut accounts, settings, settings.seed);
        return Ok(accounts);
    };
    let path = directory.join(FILE);
    let failed = |source| KeyFileError::Io {
        path: path.clone(),
        source,
    };
    let mut accounts = match fs::read(&path) {
        Ok(content) => {
            serde_json::from_slice(&content).map_err(|source| KeyFileError::Malformed {
                path: path.clone(),
                source,
            })?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    if add(&mut accounts, settings, rng::entropy().map_err(failed)?) {
        let content = serde_json::to_vec_pretty(&accounts).map_err(io::Error::other);
        files::replace(&path, &content.map_err(failed)?).map_err(failed)?;
    }
    accounts.truncate(usize::try_from(settings.accounts).unwrap_or(usize::MAX));
    for account in &mut accounts {
        account.tier = tier(settings, account.number());
    }
    Ok(accounts)
}

/// What the settings say of an account that is not like the others.
pub(super) fn described(settings: &Settings, number: u32) -> Option<&AccountSettings> {
    let mut described = settings.account.iter();
    described.find(|account| account.number == number)
}

fn tier(settings: &Settings, number: u32) -> Tier {
    let described = described(settings, number);
    described
        .and_then(|account| account.tier)
        .unwrap_or(settings.tier)
}

/// All API keys: that of each account, named `trading`, then those of the settings.
///
/// # Errors
///
/// When one of the settings cannot be.
pub(super) fn api_keys(
    settings: &Settings,
    accounts: &[SimAccount],
) -> Result<Vec<ApiKey>, InvalidAccess> {
    let own = accounts.iter().map(|account| {
        Ok(ApiKey {
            name: "trading".to_owned(),
            ..account.api_key()
        })
    });
    let more = settings.keys.iter().map(|key| {
        let mut owners = accounts.iter();
        let owner = owners.find(|account| account.number() == key.account);
        api_key(
            key,
            owner.ok_or(InvalidAccess::NoAccount {
                number: key.account,
                of: "keys",
            })?,
        )
    });
    own.chain(more).collect()
}

/// A key of the settings. Parts that are not given follow from the owner's secret, so that they are kept as long as that is.
fn api_key(key: &KeySettings, owner: &SimAccount) -> Result<ApiKey, InvalidAccess> {
    let derived = |part: &str, length: usize| {
        let digest = Sha512::new()
            .chain_update(owner.secret_base64.as_bytes())
            .chain_update(part)
            .chain_update(key.name.as_bytes())
            .finalize();
        STANDARD.encode(digest.get(..length).unwrap_or(&digest))
    };
    let public = key.key.clone().unwrap_or_else(|| derived("/key/", 42));
    let secret = key.secret.clone();
    let secret = secret.unwrap_or_else(|| derived("/secret/", 64));
    Ok(ApiKey {
        name: key.name.clone(),
        permissions: key.permissions.clone(),
        nonce_window: key.nonce_window,
        otp: key.otp()?,
        ip_allowlist: key.ip_allowlist.iter().map(|range| range.0).collect(),
        valid_until: key.valid_until.map(|moment| moment.0),
        query: key.query(),
        ..ApiKey::trading(public, secret, owner.id)
    })
}

impl SimAccount {
    /// Its number in the settings: the first is 1.
    const fn number(&self) -> u32 {
        self.id.0 - FIRST + 1
    }

    fn api_key(&self) -> ApiKey {
        ApiKey::trading(self.key.clone(), self.secret_base64.clone(), self.id)
    }
}

/// Adds what is missing to the settings' number; true if something was.
fn add(accounts: &mut Vec<SimAccount>, settings: &Settings, seed: u64) -> bool {
    let mut rng = rng::stream(seed, PURPOSE);
    let mut added = false;
    let known = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
    for number in known..settings.accounts {
        let (mut key, mut secret) = ([0; 42], [0; 64]);
        rng.fill_bytes(&mut key);
        rng.fill_bytes(&mut secret);
        accounts.push(SimAccount {
            id: AccountId(FIRST + number),
            key: STANDARD.encode(key),
            secret_base64: STANDARD.encode(secret),
            tier: tier(settings, number + 1),
        });
        added = true;
    }
    added
}

/// What a new account holds: what the settings say of it, or what all hold.
pub(super) fn funds_of(
    account: &SimAccount,
    settings: &Settings,
    universe: &Universe,
) -> Vec<(AssetCode, Decimal)> {
    let described = described(settings, account.number());
    match described.and_then(|account| account.funds.as_ref()) {
        Some(described) => access::funds(described, universe),
        None => funds(universe),
    }
}

/// What it traded before it was opened, in USD.
pub(super) fn volume_of(account: &SimAccount, settings: &Settings) -> Option<Decimal> {
    let volume = described(settings, account.number())?.volume;
    volume.map(|volume| volume.0)
}

/// What a new account holds, of the assets that are listed.
fn funds(universe: &Universe) -> Vec<(AssetCode, Decimal)> {
    const FUNDS: [(&str, i64); 9] = [
        ("USD", 1_000_000),
        ("BTC", 10),
        ("ETH", 50),
        ("SOL", 500),
        ("EUR", 100_000),
        ("USDT", 100_000),
        ("USDC", 100_000),
        ("DOGE", 500_000),
        ("XRP", 50_000),
    ];
    let fund = |(code, amount): (&str, i64)| {
        let asset = universe.asset(code)?;
        Decimal::new(i128::from(amount), 0)
            .ok()
            .map(|amount| (asset.code, amount))
    };
    FUNDS.into_iter().filter_map(fund).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(accounts: u32) -> Settings {
        Settings {
            accounts,
            ..Settings::default()
        }
    }

    #[test]
    fn without_a_directory_keys_follow_from_the_seed() {
        let first = keys(&settings(2), None).unwrap();
        assert_eq!(first, keys(&settings(2), None).unwrap());
        assert_ne!(first[0].key, first[1].key);
        let secret = STANDARD.decode(&first[0].secret_base64).unwrap();
        assert_eq!(secret.len(), 64);
    }

    #[test]
    fn with_a_directory_keys_are_kept_and_nobody_else_reads_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let two = keys(&settings(2), Some(directory.path())).unwrap();
        let three = keys(&settings(3), Some(directory.path())).unwrap();
        assert_eq!(two, three[..2]);
        assert_eq!(two, keys(&settings(2), Some(directory.path())).unwrap());
        let mode = fs::metadata(directory.path().join(FILE))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        fs::write(directory.path().join(FILE), "no keys").unwrap();
        assert!(keys(&settings(1), Some(directory.path())).is_err());
    }

    #[test]
    fn keys_of_the_settings_are_kept_as_long_as_the_accounts_own() {
        let with = |text: &str| -> Settings { toml::from_str(text).unwrap() };
        let settings =
            with("accounts = 2\n[[keys]]\naccount = 2\nname = 'a'\n[[keys]]\nname = 'a'");
        let made = |settings: &Settings, directory| {
            let accounts = keys(settings, directory).unwrap();
            api_keys(settings, &accounts).unwrap()
        };
        let parts = |keys: &[ApiKey]| -> Vec<(String, String)> {
            let parts = keys.iter();
            parts
                .map(|key| (key.key.clone(), key.secret_base64.clone()))
                .collect()
        };
        let all = made(&settings, None);
        assert_eq!(parts(&all), parts(&made(&settings, None)));
        let accounts: Vec<u32> = all.iter().map(|key| key.account.0).collect();
        assert_eq!(accounts, [1, 2, 2, 1]);
        let public: std::collections::BTreeSet<_> = parts(&all).into_iter().collect();
        assert_eq!(public.len(), 4, "all differ");
        let directory = tempfile::tempdir().unwrap();
        let kept = made(&settings, Some(directory.path()));
        assert_eq!(
            parts(&kept),
            parts(&made(&settings, Some(directory.path())))
        );
        assert_ne!(parts(&kept), parts(&all), "not from the seed");
    }

    #[test]
    fn a_tier_is_what_the_settings_say_today() {
        let directory = tempfile::tempdir().unwrap();
        keys(&settings(2), Some(directory.path())).unwrap();
        let text = "accounts = 2\n[[account]]\nnumber = 2\ntier = 'starter'";
        let settings: Settings = toml::from_str(text).unwrap();
        let accounts = keys(&settings, Some(directory.path())).unwrap();
        let tiers: Vec<Tier> = accounts.iter().map(|account| account.tier).collect();
        assert_eq!(tiers, [Tier::Pro, Tier::Starter]);
    }

    #[test]
    fn a_new_account_holds_at_least_what_is_promised() {
        let funds = funds(&Universe::default_universe());
        for (code, least) in [("USD", 1_000_000), ("BTC", 10), ("ETH", 50)] {
            let (_, amount) = funds
                .iter()
                .find(|(asset, _)| asset.as_str() == code)
                .unwrap();
            assert!(*amount >= Decimal::new(least, 0).unwrap());
        }
        assert!(funds.len() >= 6);
    }
}
