//! Commands and subscriptions to the bytes that Kraken reads. No allocation once the buffer has its size.
//!
//! Always true: numbers are JSON numbers in plain notation with the pair's full precision, never strings, never exponents.

use crate::{
    engine::command::{Amend, Cancel, Submit},
    types::{Instrument, Price, Quantity, TimeInForce, Timestamp, digits},
};

/// Request ids from here on belong to subscriptions and pings; below are commands of the engine.
pub const FIRST_OWN_REQUEST: u64 = 1 << 48;

/// Writes `add_order`.
pub fn add_order(submit: &Submit, instrument: &Instrument, token: &str, out: &mut Vec<u8>) {
    let order = submit.order.get();
    out.clear();
    out.extend_from_slice(br#"{"method":"add_order","params":{"order_type":"limit","side":""#);
    out.extend_from_slice(order.side.as_str().as_bytes());
    out.extend_from_slice(br#"","symbol":""#);
    out.extend_from_slice(instrument.symbol.as_bytes());
    out.extend_from_slice(br#"","order_qty":"#);
    quantity(order.qty, instrument, out);
    out.extend_from_slice(br#","limit_price":"#);
    price(order.price, instrument, out);
    out.extend_from_slice(match order.time_in_force {
        TimeInForce::Gtc => br#","time_in_force":"gtc""#,
        TimeInForce::Ioc => br#","time_in_force":"ioc""#,
    });
    if order.post_only {
        out.extend_from_slice(br#","post_only":true"#);
    }
    out.extend_from_slice(br#","cl_ord_id":""#);
    out.extend_from_slice(submit.cl_ord_id.as_bytes());
    out.extend_from_slice(br#"","stp_type":"cancel_newest","deadline":""#);
    instant(submit.deadline, out);
    end(token, submit.id.0, out);
}

/// Writes `amend_order`.
pub fn amend_order(amend: &Amend, instrument: &Instrument, token: &str, out: &mut Vec<u8>) {
    let change = amend.change.get();
    out.clear();
    out.extend_from_slice(br#"{"method":"amend_order","params":{"cl_ord_id":""#);
    out.extend_from_slice(change.cl_ord_id.as_bytes());
    out.extend_from_slice(br#"","order_qty":"#);
    quantity(change.qty, instrument, out);
    out.extend_from_slice(br#","limit_price":"#);
    price(change.price, instrument, out);
    if change.post_only {
        out.extend_from_slice(br#","post_only":true"#);
    }
    out.extend_from_slice(br#","deadline":""#);
    instant(amend.deadline, out);
    end(token, amend.id.0, out);
}

/// Writes `cancel_order`, by the venue's id where it is known.
pub fn cancel_order(cancel: &Cancel, token: &str, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(br#"{"method":"cancel_order","params":{""#);
    match &cancel.order_id {
        Some(id) => {
            out.extend_from_slice(br#"order_id":[""#);
            out.extend_from_slice(id.as_bytes());
        }
        None => {
            out.extend_from_slice(br#"cl_ord_id":[""#);
            out.extend_from_slice(cancel.cl_ord_id.as_bytes());
        }
    }
    out.extend_from_slice(br#""]"#);
    out.extend_from_slice(br#","token":""#);
    text(token, out);
    close(cancel.id.0, out);
}

/// Writes `ping`.
pub fn ping(req_id: u64, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(br#"{"method":"ping","req_id":"#);
    integer(req_id, out);
    out.push(b'}');
}

/// Depths that a book can be subscribed to at.
pub const BOOK_DEPTHS: [u16; 5] = [10, 25, 100, 500, 1000];

/// The least depth that holds so many levels, if one does.
#[must_use]
pub fn least_book_depth(levels: usize) -> Option<usize> {
    let mut depths = BOOK_DEPTHS.into_iter().map(usize::from);
    depths.find(|depth| *depth >= levels)
}

/// What a subscription asks for beside its symbols.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Channel {
    /// Level-2 book of a depth.
    Book {
        /// One of [`BOOK_DEPTHS`].
        depth: u16,
    },
    /// Public trades, without those of the past.
    Trade,
    /// Best prices at each change.
    Ticker,
    /// Candles.
    Ohlc {
        /// Minutes.
        interval: u16,
    },
    /// All assets and pairs; has no symbols.
    Instrument,
    /// Our orders and fills; has no symbols, needs a token.
    Executions,
    /// Our balances; has no symbols, needs a token.
    Balances,
}

impl Channel {
    /// The venue's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Book { .. } => "book",
            Self::Trade => "trade",
            Self::Ticker => "ticker",
            Self::Ohlc { .. } => "ohlc",
            Self::Instrument => "instrument",
            Self::Executions => "executions",
            Self::Balances => "balances",
        }
    }
}

/// Writes `subscribe`.
pub fn subscribe<'a>(
    channel: Channel,
    symbols: impl Iterator<Item = &'a str>,
    token: Option<&str>,
    req_id: u64,
    out: &mut Vec<u8>,
) {
    subscription("subscribe", channel, symbols, token, req_id, out);
}

/// Writes `unsubscribe`, with what tells the subscription from others of its channel.
pub fn unsubscribe<'a>(
    channel: Channel,
    symbols: impl Iterator<Item = &'a str>,
    token: Option<&str>,
    req_id: u64,
    out: &mut Vec<u8>,
) {
    subscription("unsubscribe", channel, symbols, token, req_id, out);
}

fn subscription<'a>(
    method: &str,
    channel: Channel,
    symbols: impl Iterator<Item = &'a str>,
    token: Option<&str>,
    req_id: u64,
    out: &mut Vec<u8>,
) {
    out.clear();
    out.extend_from_slice(br#"{"method":""#);
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(br#"","params":{"channel":""#);
    out.extend_from_slice(channel.name().as_bytes());
    out.push(b'"');
    match channel {
        Channel::Book { depth } => named(r#","depth":"#, u64::from(depth), out),
        Channel::Ohlc { interval } => named(r#","interval":"#, u64::from(interval), out),
        Channel::Ticker => out.extend_from_slice(br#","event_trigger":"bbo""#),
        Channel::Executions if method == "subscribe" => {
            out.extend_from_slice(br#","snap_orders":true,"snap_trades":true,"order_status":true"#);
        }
        Channel::Trade | Channel::Instrument | Channel::Executions | Channel::Balances => {}
    }
    if method == "subscribe" && !matches!(channel, Channel::Executions) {
        // Even where what is past is nothing to us: that it comes shows that the channel speaks.
        out.extend_from_slice(br#","snapshot":true"#);
    }
    let mut first = true;
    for symbol in symbols {
        out.extend_from_slice(if first { br#","symbol":[""# } else { br#"",""# });
        out.extend_from_slice(symbol.as_bytes());
        first = false;
    }
    if !first {
        out.extend_from_slice(br#""]"#);
    }
    if let Some(token) = token {
        out.extend_from_slice(br#","token":""#);
        text(token, out);
        out.push(b'"');
    }
    named(r#"},"req_id":"#, req_id, out);
    out.push(b'}');
}

fn named(key: &str, value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    integer(value, out);
}

/// Closes an open text, then token, parameters and request.
fn end(token: &str, req_id: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"","token":""#);
    text(token, out);
    close(req_id, out);
}

fn close(req_id: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(br#""},"req_id":"#);
    integer(req_id, out);
    out.push(b'}');
}

/// A token is opaque: what JSON would misread is escaped.
fn text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        if byte >= b' ' {
            out.push(byte);
        }
    }
}

fn price(price: Price, instrument: &Instrument, out: &mut Vec<u8>) {
    fixed(
        price.units().unsigned_abs(),
        instrument.price_precision,
        out,
    );
}

fn quantity(quantity: Quantity, instrument: &Instrument, out: &mut Vec<u8>) {
    fixed(
        quantity.units().unsigned_abs(),
        instrument.qty_precision,
        out,
    );
}

/// A count of units of 10^-`precision` in plain notation, all fraction digits shown.
fn fixed(units: u64, precision: u8, out: &mut Vec<u8>) {
    let precision = usize::from(precision);
    let mut buffer = [0; digits::LONGEST];
    let digits = digits::text(units, &mut buffer);
    if precision == 0 {
        return out.extend_from_slice(digits);
    }
    let whole = digits.len().saturating_sub(precision);
    let (before, after) = digits.split_at(whole);
    out.extend_from_slice(if before.is_empty() { b"0" } else { before });
    out.push(b'.');
    for _ in after.len()..precision {
        out.push(b'0');
    }
    out.extend_from_slice(after);
}

fn integer(value: u64, out: &mut Vec<u8>) {
    let mut buffer = [0; digits::LONGEST];
    out.extend_from_slice(digits::text(value, &mut buffer));
}

/// RFC 3339 with milliseconds.
fn instant(at: Timestamp, out: &mut Vec<u8>) {
    let civil = at.civil();
    let mut part = |value: u32, width: usize, before: u8| {
        if before != 0 {
            out.push(before);
        }
        let mut buffer = [0; digits::LONGEST];
        let digits = digits::text(u64::from(value), &mut buffer);
        for _ in digits.len()..width {
            out.push(b'0');
        }
        out.extend_from_slice(digits);
    };
    part(civil.year, 4, 0);
    part(civil.month, 2, b'-');
    part(civil.day, 2, b'-');
    part(civil.hour, 2, b'T');
    part(civil.minute, 2, b':');
    part(civil.second, 2, b':');
    part(civil.nanosecond / 1_000_000, 3, b'.');
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::command::CommandId, types::InlineText};

    #[test]
    fn numbers_are_plain_and_complete() {
        for (units, precision, want) in [
            (610_000, 1, "61000.0"),
            (2_000_000, 8, "0.02000000"),
            (1, 8, "0.00000001"),
            (123, 2, "1.23"),
            (7, 0, "7"),
            (1_000_000_000_000_012_345, 5, "10000000000000.12345"),
        ] {
            let mut out = Vec::new();
            fixed(units, precision, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn instants_are_as_the_clock_writes_them() {
        for text in [
            "2026-09-01T08:01:02.000Z",
            "1999-12-31T23:59:59.007Z",
            "2024-02-29T00:00:00.120Z",
        ] {
            let mut out = Vec::new();
            instant(Timestamp::parse(text).unwrap(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_cancel_names_the_order_by_what_is_known() {
        let mut out = Vec::new();
        let mut cancel = Cancel {
            id: CommandId(9),
            cl_ord_id: InlineText::lossy("td1"),
            order_id: None,
        };
        cancel_order(&cancel, "TO\"KEN", &mut out);
        let by_client = r#"{"method":"cancel_order","params":{"cl_ord_id":["td1"],"token":"TO\"KEN"},"req_id":9}"#;
        assert_eq!(String::from_utf8(out.clone()).unwrap(), by_client);
        cancel.order_id = Some(InlineText::lossy("OAAAAA-BBBBB-CCCCCC"));
        cancel_order(&cancel, "TOKEN", &mut out);
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains(r#""order_id":["OAAAAA-BBBBB-CCCCCC"]"#)
        );
    }

    #[test]
    fn subscriptions_repeat_what_tells_them_apart() {
        let mut out = Vec::new();
        let symbols = ["BTC/USD", "ETH/USD"];
        subscribe(
            Channel::Book { depth: 25 },
            symbols.into_iter(),
            None,
            7,
            &mut out,
        );
        let want = r#"{"method":"subscribe","params":{"channel":"book","depth":25,"snapshot":true,"symbol":["BTC/USD","ETH/USD"]},"req_id":7}"#;
        assert_eq!(String::from_utf8(out.clone()).unwrap(), want);
        unsubscribe(
            Channel::Book { depth: 25 },
            symbols.into_iter().take(1),
            None,
            8,
            &mut out,
        );
        let want = r#"{"method":"unsubscribe","params":{"channel":"book","depth":25,"symbol":["BTC/USD"]},"req_id":8}"#;
        assert_eq!(String::from_utf8(out.clone()).unwrap(), want);
        subscribe(
            Channel::Executions,
            std::iter::empty(),
            Some("T"),
            9,
            &mut out,
        );
        let want = r#"{"method":"subscribe","params":{"channel":"executions","snap_orders":true,"snap_trades":true,"order_status":true,"token":"T"},"req_id":9}"#;
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
