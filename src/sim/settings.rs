//! What is settable about the simulated Kraken.
//!
//! For: one place with every key and its default. Left out: where the values come from.
//! Durations are written as `250ms`, `1s`, `2m`.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::ServerConfig;

use super::{
    access::{AccountSettings, KeySettings},
    faults::FaultSettings,
    market::{Regime, TapeEnd},
    matching::{PostOnlyRule, Tier},
    plan::StatusRule,
};

/// Everything settable. Every key may be left out.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seed of everything random: the market, ids, keys, the order of replies and reports.
    pub seed: u64,
    /// How fast the market's time runs. Scales gaps between market events only.
    pub speed: f64,
    /// How busy the market is: book updates a second of market time, over all pairs.
    pub rate: f64,
    /// Pairs that are listed and traded, by any of their names. None named: all that the simulator knows.
    pub pairs: Vec<String>,
    /// A file of the pairs that are known instead of the built-in list: an answer of `AssetPairs` or a snapshot of `instrument`. Empty: the
    /// built-in list.
    pub universe: PathBuf,
    /// So many pairs more that do not exist, made up from the seed.
    pub extra_pairs: u32,
    /// How the synthetic market behaves.
    pub regime: Regime,
    /// Recordings to play, of trades or of bars: `BTC/USD=FILE`, or a file named `BTCUSD_….csv.zst`.
    pub tapes: Vec<String>,
    /// What happens when a tape is over.
    pub tape_end: TapeEnd,
    /// Recorded WebSocket v2 frames to play instead of agents: `FILE`, or `BTC/USD=FILE` for one pair of it.
    pub recordings: Vec<String>,
    /// Address of a public WebSocket v2 feed, whose market is mirrored in all pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// Levels of each book that are mirrored: 10, 25, 100, 500 or 1000.
    pub mirror_depth: u16,
    /// Number of accounts, each with its own key and funds.
    pub accounts: u32,
    /// Tier of the accounts.
    pub tier: Tier,
    /// Address of REST. Port 0 takes a free one.
    pub rest_addr: SocketAddr,
    /// Address of the public socket.
    pub ws_addr: SocketAddr,
    /// Address of the private socket.
    pub ws_auth_addr: SocketAddr,
    /// Address of the order-by-order socket.
    pub ws_l3_addr: SocketAddr,
    /// Time between a trading request and its reply.
    #[serde(with = "duration")]
    pub reply_delay: Duration,
    /// Whether the reply or the first report comes first.
    pub reply_order: ReplyOrder,
    /// What happens to a post-only order that would take.
    pub post_only: PostOnlyRule,
    /// How far from the best price a market order may trade, as a fraction of it. Between 0 and 1.
    pub market_band: f64,
    /// Silence between channel frames after which a heartbeat is sent.
    #[serde(with = "duration")]
    pub heartbeat: Duration,
    /// Time without a frame from the client after which its socket is closed.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// Time after a trading request after which a private socket without subscription is closed.
    #[serde(with = "duration")]
    pub unsubscribed_timeout: Duration,
    /// Frames that may wait for a slow client; one more and it is disconnected.
    pub outbound_frames: usize,
    /// Requests a second and connection of the public socket; more are answered with `Exceeded msg rate`. 0 is no limit.
    pub messages_per_second: u32,
    /// Attempts of one address to connect to the sockets, in one window; one more and it is banned. 0 is no limit.
    pub connection_attempts: u32,
    /// How long that window is.
    #[serde(with = "duration")]
    pub connection_window: Duration,
    /// How long such an address is banned.
    #[serde(with = "duration")]
    pub connection_ban: Duration,
    /// Private REST calls of one key that may be open at once; more are `EService:Throttled`. 0 is no limit.
    pub rest_concurrent: u32,
    /// Public REST calls a second and address; more are `EAPI:Rate limit exceeded`. 0 is no limit.
    pub rest_public_calls: u32,
    /// Wrong keys, signatures, nonces and one-time passwords in a row that lock a key out, or an address with unknown keys. 0 is never.
    pub lockout_failures: u32,
    /// How long it is locked out.
    #[serde(with = "duration")]
    pub lockout: Duration,
    /// All listeners speak TLS, with a certificate made at the start unless `tls_cert` is given.
    pub tls: bool,
    /// Where the certificate is written that signs the one made at the start; a temporary file if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ca: Option<PathBuf>,
    /// Certificate chain (PEM) of all listeners; with `tls_key`, they speak TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM) of `tls_cert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// TLS set up by the program; wins over everything.
    #[serde(skip)]
    pub tls_config: Option<Arc<ServerConfig>>,
    /// Accounts that are not like the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account: Vec<AccountSettings>,
    /// Keys beside the one that every account has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeySettings>,
    /// Address of the control endpoint, on the loopback; none without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_addr: Option<SocketAddr>,
    /// How far the venue's clock is ahead; behind, if negative.
    #[serde(with = "signed_duration")]
    pub clock_skew: jiff::SignedDuration,
    /// Regimes of single pairs, by any of their names; the others have `regime`.
    pub regimes: BTreeMap<String, Regime>,
    /// Faults to begin with.
    pub faults: FaultSettings,
    /// Changes of statuses to come.
    pub status: Vec<StatusRule>,
}

/// Which comes first: the reply to a request, or the reports of what it did.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyOrder {
    /// The reply.
    ReplyFirst,
    /// The reports.
    ReportFirst,
    /// Either, drawn for each request from the seed.
    #[default]
    Random,
}

/// A free port of the loopback.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            speed: 1.0,
            rate: 100.0,
            pairs: ["BTC/USD", "ETH/USD", "SOL/USD"]
                .map(str::to_owned)
                .to_vec(),
            universe: PathBuf::new(),
            extra_pairs: 0,
            regime: Regime::default(),
            tapes: Vec::new(),
            tape_end: TapeEnd::default(),
            recordings: Vec::new(),
            mirror: None,
            mirror_depth: 100,
            accounts: 1,
            tier: Tier::Pro,
            rest_addr: LOOPBACK,
            ws_addr: LOOPBACK,
            ws_auth_addr: LOOPBACK,
            ws_l3_addr: LOOPBACK,
            reply_delay: Duration::ZERO,
            reply_order: ReplyOrder::default(),
            post_only: PostOnlyRule::default(),
            market_band: 0.05,
            heartbeat: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(60),
            unsubscribed_timeout: Duration::from_secs(5),
            outbound_frames: 4096,
            messages_per_second: 0,
            connection_attempts: 150,
            connection_window: Duration::from_secs(600),
            connection_ban: Duration::from_secs(600),
            rest_concurrent: 100,
            rest_public_calls: 0,
            lockout_failures: 20,
            lockout: Duration::from_secs(900),
            tls: false,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            tls_config: None,
            account: Vec::new(),
            keys: Vec::new(),
            control_addr: None,
            clock_skew: jiff::SignedDuration::ZERO,
            regimes: BTreeMap::new(),
            faults: FaultSettings::new(),
            status: Vec::new(),
        }
    }
}

/// A length of time, as people write it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Length(#[serde(with = "duration")] pub Duration);

/// Durations as people write them, with a sign.
pub(crate) mod signed_duration {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    /// Reads `250ms`, `-1s`, `2m`.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<SignedDuration, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(|_malformed| {
            D::Error::custom(format_args!(
                "`{text}` is no length of time such as \"250ms\", \"-1s\" or \"2m\""
            ))
        })
    }

    /// Writes what [`deserialize`] reads.
    pub(crate) fn serialize<S: Serializer>(
        value: &SignedDuration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let sign = if value.is_negative() { "-" } else { "" };
        to.collect_str(&format_args!("{sign}{:#}", value.abs()))
    }
}

/// Durations as people write them.
pub(crate) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    /// Reads `250ms`, `1s`, `2m`.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let signed = text.parse::<jiff::SignedDuration>().ok();
        signed
            .and_then(|signed| Duration::try_from(signed).ok())
            .ok_or_else(|| {
                D::Error::custom(format_args!(
                    "`{text}` is no length of time such as \"250ms\", \"1s\" or \"2m\""
                ))
            })
    }

    /// Writes what [`deserialize`] reads.
    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        let signed = jiff::SignedDuration::try_from(*value).unwrap_or(jiff::SignedDuration::MAX);
        to.collect_str(&format_args!("{signed:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_default_and_survives_the_config_and_back() {
        let settings: Settings =
            toml::from_str("reply_delay = '1m 250ms'\ntier = 'starter'").unwrap();
        assert_eq!(settings.reply_delay, Duration::from_millis(60_250));
        assert_eq!(settings.pairs.len(), 3);
        let text = toml::to_string(&settings).unwrap();
        let again: Settings = toml::from_str(&text).unwrap();
        assert_eq!(toml::to_string(&again).unwrap(), text);
    }

    #[test]
    fn unknown_keys_and_impossible_values_are_refused() {
        for text in [
            "sed = 1",
            "tier = 'gold'",
            "heartbeat = 'often'",
            "heartbeat = '-1s'",
            "ws_addr = 'here'",
        ] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }
}
