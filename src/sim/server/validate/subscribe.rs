//! `subscribe` and `unsubscribe`: which channel, which symbols, which view of them.

use super::{Fields, VenueError, required};

/// What one request subscribes to, or leaves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Subscription {
    /// The channel with its discriminator.
    pub(crate) channel: Channel,
    /// Symbols as sent; empty for channels without.
    pub(crate) symbols: Vec<String>,
    /// Whether the present state is wanted first.
    pub(crate) snapshot: bool,
    /// Whether the instruments of the second execution venue are meant, which lists none here.
    pub(crate) elsewhere: bool,
}

/// A channel with what tells two subscriptions of it apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Channel {
    /// `ticker`
    Ticker(Trigger),
    /// `book` at a depth.
    Book(u16),
    /// `trade`
    Trade,
    /// `ohlc` at an interval in minutes.
    Ohlc(u32),
    /// `instrument`
    Instrument,
    /// `level3` at a depth.
    Level3(u16),
    /// `heartbeat`
    Heartbeat,
    /// `executions`
    Executions(Executions),
    /// `balances`
    Balances,
}

/// When a `ticker` update is sent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Trigger {
    /// On trades.
    Trades,
    /// On every change of the best bid or offer.
    Bbo,
}

impl Trigger {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Bbo => "bbo",
        }
    }
}

/// Options of `executions`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Executions {
    /// Open orders first.
    pub(crate) snap_orders: bool,
    /// The last fifty fills first.
    pub(crate) snap_trades: bool,
    /// All transitions, or the decisive ones only.
    pub(crate) order_status: bool,
    /// With the trading rate counter.
    pub(crate) ratecounter: bool,
}

/// Depths of books.
pub(in crate::sim) const BOOK_DEPTHS: [i64; 5] = [10, 25, 100, 500, 1000];
const LEVEL3_DEPTHS: [i64; 3] = [10, 100, 1000];
const INTERVALS: [i64; 9] = [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600];

/// Whether a channel's data belongs to an account. Unknown names are neither.
pub(crate) fn is_private(channel: Channel) -> bool {
    matches!(channel, Channel::Executions(_) | Channel::Balances)
}

/// Reads the parameters of `subscribe`.
///
/// # Errors
///
/// What the venue refuses before it looks at single symbols.
pub(crate) fn subscription(fields: &Fields<'_>) -> Result<Subscription, VenueError> {
    read(fields, "subscribe")
}

/// Reads the parameters of `unsubscribe`. A `book` or a `level3` without depth means depth 10.
///
/// # Errors
///
/// As for [`subscription`].
pub(crate) fn unsubscription(fields: &Fields<'_>) -> Result<Subscription, VenueError> {
    read(fields, "unsubscribe")
}

fn read(fields: &Fields<'_>, kind: &str) -> Result<Subscription, VenueError> {
    let name = required(fields.text("channel")?, "channel")?;
    let allowed = allowed(&name);
    if let Some(allowed) = allowed {
        fields.only(allowed, kind)?;
    }
    let symbols = if allowed.is_none_or(|names| names.contains(&"symbol")) {
        required(fields.texts("symbol")?, "symbol")?
    } else {
        Vec::new()
    };
    let channel = channel(&name, fields)?;
    let by_default = !matches!(channel, Channel::Trade);
    let snapshot = fields.flag("snapshot")?.unwrap_or(by_default);
    let snapshot = snapshot && !(is_private(channel) && users(fields)?);
    if symbols.is_empty() && fields.has("symbol") {
        return Err(VenueError::of("Symbol(s) not found"));
    }
    Ok(Subscription {
        elsewhere: channel == Channel::Instrument && is_elsewhere(fields)?,
        channel,
        symbols,
        snapshot,
    })
}

fn allowed(channel: &str) -> Option<&'static [&'static str]> {
    Some(match channel {
        "ticker" => &["channel", "symbol", "event_trigger", "snapshot"],
        "book" => &["channel", "symbol", "depth", "snapshot"],
        "trade" => &["channel", "symbol", "snapshot"],
        "ohlc" => &["channel", "symbol", "interval", "snapshot"],
        "instrument" => &[
            "channel",
            "snapshot",
            "include_tokenized_assets",
            "execution_venue",
        ],
        "level3" => &["channel", "symbol", "depth", "snapshot", "token"],
        "heartbeat" => &["channel"],
        "executions" => &[
            "channel",
            "snap_orders",
            "snap_trades",
            "order_status",
            "ratecounter",
            "rebased",
            "users",
            "snapshot",
            "snapshot_trades",
            "token",
        ],
        "balances" => &["channel", "snapshot", "rebased", "users", "token"],
        _ => return None,
    })
}

fn channel(name: &str, fields: &Fields<'_>) -> Result<Channel, VenueError> {
    match name {
        "ticker" => trigger(fields).map(Channel::Ticker),
        "book" => depth(fields, &BOOK_DEPTHS).map(Channel::Book),
        "trade" => Ok(Channel::Trade),
        "ohlc" => interval(fields).map(Channel::Ohlc),
        "instrument" => fields
            .flag("include_tokenized_assets")
            .map(|_none_listed| Channel::Instrument),
        "level3" => depth(fields, &LEVEL3_DEPTHS).map(Channel::Level3),
        "heartbeat" => Ok(Channel::Heartbeat),
        "executions" => executions(fields).map(Channel::Executions),
        "balances" => {
            fields.flag("rebased")?;
            users(fields).map(|_all| Channel::Balances)
        }
        _ => Err(VenueError::of("Subscription name invalid")),
    }
}

fn trigger(fields: &Fields<'_>) -> Result<Trigger, VenueError> {
    match fields.text("event_trigger")?.as_deref() {
        None | Some("trades") => Ok(Trigger::Trades),
        Some("bbo") => Ok(Trigger::Bbo),
        Some(_) => Err(VenueError::of("EGeneral:Invalid arguments:event_trigger")),
    }
}

fn depth(fields: &Fields<'_>, offered: &[i64]) -> Result<u16, VenueError> {
    let depth = fields.integer("depth")?.unwrap_or(10);
    let unsupported = VenueError::of("Subscription depth not supported");
    if !offered.contains(&depth) {
        return Err(unsupported);
    }
    u16::try_from(depth).map_err(|_too_deep| unsupported)
}

fn interval(fields: &Fields<'_>) -> Result<u32, VenueError> {
    let interval = fields.integer("interval")?.unwrap_or(1);
    let unsupported = VenueError::of("Subscription ohlc interval not supported");
    if !INTERVALS.contains(&interval) {
        return Err(unsupported);
    }
    u32::try_from(interval).map_err(|_too_long| unsupported)
}

fn is_elsewhere(fields: &Fields<'_>) -> Result<bool, VenueError> {
    match fields.text("execution_venue")?.as_deref() {
        None | Some("international") => Ok(false),
        Some("bitnomial-exchange") => Ok(true),
        Some(_) => Err(VenueError::of("EGeneral:Invalid arguments:execution_venue")),
    }
}

fn executions(fields: &Fields<'_>) -> Result<Executions, VenueError> {
    let flag = |name, old| match fields.flag(name) {
        Ok(None) => fields.flag(old),
        other => other,
    };
    let snap_orders = flag("snap_orders", "snapshot")?.unwrap_or(true);
    let snap_trades = flag("snap_trades", "snapshot_trades")?.unwrap_or(false);
    fields.flag("rebased")?;
    let all_users = users(fields)?;
    Ok(Executions {
        snap_orders: snap_orders && !all_users,
        snap_trades: snap_trades && !all_users,
        order_status: fields.flag("order_status")?.unwrap_or(true),
        ratecounter: fields.flag("ratecounter")?.unwrap_or(false),
    })
}

/// Whether the events of sub-accounts are asked for too. There are none here; such a subscription has no snapshot.
fn users(fields: &Fields<'_>) -> Result<bool, VenueError> {
    match fields.text("users")?.as_deref() {
        None => Ok(false),
        Some("all") => Ok(true),
        Some(_) => Err(VenueError::of("EGeneral:Invalid arguments:users")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Subscription, String> {
        subscription(&Fields::parse(json).unwrap()).map_err(|error| error.0.into_owned())
    }

    #[test]
    fn each_channel_reads_its_own_parameters_with_their_defaults() {
        let book = read(r#"{"channel":"book","symbol":["BTC/USD"]}"#).unwrap();
        assert_eq!(book.channel, Channel::Book(10));
        assert!(book.snapshot);
        let trade = read(r#"{"channel":"trade","symbol":["BTC/USD","ETH/USD"]}"#).unwrap();
        assert_eq!((trade.snapshot, trade.symbols.len()), (false, 2));
        let executions = read(r#"{"channel":"executions","token":"T"}"#).unwrap();
        let options = Executions {
            snap_orders: true,
            snap_trades: false,
            order_status: true,
            ratecounter: false,
        };
        assert_eq!(executions.channel, Channel::Executions(options));
        let instrument = |more: &str| read(&format!(r#"{{"channel":"instrument"{more}}}"#));
        assert!(!instrument(r#","snapshot":true"#).unwrap().elsewhere);
        let second = instrument(r#","execution_venue":"bitnomial-exchange""#);
        assert!(second.unwrap().elsewhere);
        assert!(instrument(r#","execution_venue":"bitnomial_exchange""#).is_err());
    }

    #[test]
    fn wrong_subscriptions_are_refused_in_the_venues_words() {
        for (json, want) in [
            (r"{}", "Channel(s) not found"),
            (r#"{"channel":"status"}"#, "Symbol(s) not found"),
            (
                r#"{"channel":"gossip","symbol":["BTC/USD"]}"#,
                "Subscription name invalid",
            ),
            (r#"{"channel":"book"}"#, "Symbol(s) not found"),
            (r#"{"channel":"book","symbol":[]}"#, "Symbol(s) not found"),
            (
                r#"{"channel":"book","symbol":"BTC/USD"}"#,
                "Symbol field must be an array",
            ),
            (
                r#"{"channel":"book","symbol":["BTC/USD"],"depth":20}"#,
                "Subscription depth not supported",
            ),
            (
                r#"{"channel":"book","symbol":["BTC/USD"],"depth":"10"}"#,
                "Depth field must be a number_integer",
            ),
            (
                r#"{"channel":"ohlc","symbol":["BTC/USD"],"interval":2}"#,
                "Subscription ohlc interval not supported",
            ),
            (
                r#"{"channel":"trade","symbol":["BTC/USD"],"depth":10}"#,
                "Unsupported field: 'depth' for the given msg type: subscribe",
            ),
            (
                r#"{"channel":"ticker","symbol":["BTC/USD"],"snapshot":1}"#,
                "Snapshot field must be a boolean",
            ),
        ] {
            assert_eq!(read(json).unwrap_err(), want, "{json}");
        }
    }
}
