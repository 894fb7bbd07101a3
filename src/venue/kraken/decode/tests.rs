//! Frames of every kind, and what is no frame.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;
use crate::{
    engine::event::{BookUpdate, Level, ReportKind},
    io::captures::shared,
    types::{
        Decimal, Fees, InstrumentId, InvalidDigits, Price, Quantity, Side, Symbol, Timestamp,
        TradingStatus,
    },
    venue::kraken::wire::{account, market, object::object},
};

const FRAMES: &str = include_str!("../../../../tests/data/messages.jsonl");

#[derive(Deserialize)]
struct Row<'a> {
    kind: String,
    #[serde(borrow)]
    frame: &'a RawValue,
}

fn listing(name: &str, id: u32, price_precision: u8, qty_precision: u8) -> Listing {
    Listing {
        id: InstrumentId(id),
        symbol: Symbol::new(name).unwrap(),
        price_precision,
        qty_precision,
    }
}

fn decoder() -> Decoder {
    let mut decoder = Decoder::new();
    decoder.list(listing("BTC/USD", 0, 1, 8));
    decoder.list(listing("ETH/USD", 1, 2, 8));
    decoder
}

fn kind_of(message: &Message<'_>) -> String {
    let kind = |kind: &Kind| match kind {
        Kind::Snapshot => "snapshot",
        Kind::Update => "update",
    };
    match message {
        Message::Status(_) => "status:update".to_owned(),
        Message::Heartbeat => "heartbeat".to_owned(),
        Message::Pong(_) => "pong".to_owned(),
        Message::Flood { .. } => "flood".to_owned(),
        Message::Book(head) => format!("book:{}", kind(&head.kind)),
        Message::Trades(head) => format!("trade:{}", kind(&head.kind)),
        Message::Ticker(rows) => format!("ticker:{}", kind(&rows.kind)),
        Message::Ohlc(rows) => format!("ohlc:{}", kind(&rows.kind)),
        Message::Level3(rows) => format!("level3:{}", kind(&rows.kind)),
        Message::Instruments { kind: of, .. } => format!("instrument:{}", kind(of)),
        Message::Executions(rows) => format!("executions:{}", kind(&rows.kind)),
        Message::Holdings(rows) => format!("balances:{}", kind(&rows.kind)),
        Message::Ledger(rows) => format!("balances:{}", kind(&rows.kind)),
        Message::OtherSymbol { channel, symbol } => format!("other {channel} {symbol}"),
        Message::Unknown { what } => format!("unknown {what}"),
        Message::Reply(reply) => {
            let name = serde_json::to_value(reply.method).unwrap();
            let failed = if reply.success || reply.error.is_none() {
                ""
            } else {
                ":error"
            };
            format!("{}{failed}", name.as_str().unwrap())
        }
    }
}

fn decode_one(frame: &str) -> Result<String, DecodeError> {
    let mut buffers = Buffers::new();
    decoder()
        .decode(frame.as_bytes(), &mut buffers)
        .map(|message| kind_of(&message))
}

#[test]
fn every_kind_of_message_decodes_to_its_own_type_with_no_field_unknown() {
    let mut decoder = decoder();
    let mut buffers = Buffers::new();
    for line in FRAMES.lines() {
        let row: Row<'_> = serde_json::from_str(line).unwrap();
        let message = decoder
            .decode(row.frame.get().as_bytes(), &mut buffers)
            .unwrap();
        assert_eq!(kind_of(&message), row.kind, "{line}");
    }
    assert_eq!(decoder.notes().unknown_fields(), 0, "{:?}", decoder.notes());
}

#[test]
fn every_captured_row_decodes_to_its_own_type_with_no_field_unknown() {
    #[derive(Deserialize)]
    struct Captured {
        prov: String,
        kind: String,
        raw: String,
    }
    let Some(path) = shared("ws-v2/messages.jsonl") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let mut decoder = decoder();
    decoder.list(listing("GST/USD", 2, 3, 8));
    decoder.list(listing("MATIC/USD", 3, 4, 8));
    let (mut buffers, mut captures) = (Buffers::new(), 0);
    for line in text.lines() {
        let row: Captured = serde_json::from_str(line).unwrap();
        let message = decoder.decode(row.raw.as_bytes(), &mut buffers).unwrap();
        if row.prov == "client-request" || row.kind.ends_with(":req") {
            assert!(matches!(message, Message::Unknown { .. }), "{line}");
            continue;
        }
        let kind = row.kind.strip_suffix(":ack").unwrap_or(&row.kind);
        assert_eq!(kind_of(&message), kind, "{line}");
        captures += usize::from(row.prov == "capture");
    }
    assert_eq!(captures, 39);
    assert_eq!(decoder.notes().unknown_fields(), 0, "{:?}", decoder.notes());
}

#[test]
fn book_levels_are_exact_whatever_the_order_of_keys() {
    for frame in [
        r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":29999.9,"qty":0.00000000}],"asks":[{"price":30001.0,"qty":1.5}],"checksum":9,"timestamp":"2026-09-01T08:00:04.25Z"}]}"#,
        r#" { "data" : [ { "asks" : [ { "qty" : 15e-1 , "price" : 30001 } ] , "timestamp" : "2026-09-01T08:00:04.250000Z" , "checksum" : 9 ,
            "bids" : [ { "qty" : 0E0, "price" : 29999.90 } ] , "symbol" : "BTC\/USD" } ] , "type" : "update" , "channel" : "book" } "#,
    ] {
        let mut buffers = Buffers::new();
        let mut decoder = decoder();
        let message = decoder.decode(frame.as_bytes(), &mut buffers).unwrap();
        assert_eq!(kind_of(&message), "book:update");
        let level = |price, qty| Level {
            price: Price::new(price).unwrap(),
            qty: Quantity::new(qty).unwrap(),
        };
        let want = BookUpdate {
            instrument: InstrumentId(0),
            kind: BookKind::Update,
            bids: vec![level(299_999, 0)],
            asks: vec![level(300_010, 150_000_000)],
            checksum: 9,
            at: Some(Timestamp::parse("2026-09-01T08:00:04.25Z").unwrap()),
        };
        assert_eq!(buffers.book, want);
        assert_eq!(decoder.notes().unknown_fields(), 0);
    }
}

#[test]
fn trades_keep_every_field() {
    let frame = r#"{"channel":"trade","type":"update","data":[{"symbol":"ETH/USD","side":"sell","price":2450.10,"qty":5.1e-05,"ord_type":"market","trade_id":7,"timestamp":"2026-09-01T08:00:07.000001Z"},{"symbol":"XYZ/USD","side":"buy","price":1,"qty":1,"ord_type":"limit","trade_id":8,"timestamp":"2026-09-01T08:00:07.000001Z"}]}"#;
    let (mut decoder, mut buffers) = (decoder(), Buffers::new());
    decoder.decode(frame.as_bytes(), &mut buffers).unwrap();
    let [trade] = buffers.trades.as_slice() else {
        panic!("{:?}", buffers.trades)
    };
    assert_eq!(trade.public.instrument, InstrumentId(1));
    assert_eq!(trade.public.taker_side, Side::Sell);
    assert_eq!(trade.public.price.units(), 245_010);
    assert_eq!(trade.public.qty.units(), 5_100);
    assert_eq!(trade.public.trade_id, 7);
    assert_eq!(trade.order, Some(TakerOrder::Market));
    assert_eq!(decoder.notes().other_symbols(), 1);
}

#[test]
fn symbol_that_is_not_listed_is_passed_over_and_counted() {
    let frame = r#"{"channel":"book","type":"update","data":[{"symbol":"XYZ/USD","bids":[{"price":1,"qty":2}],"asks":[],"checksum":9}]}"#;
    assert_eq!(decode_one(frame).unwrap(), "other book XYZ/USD");
}

#[test]
fn unknown_keys_are_counted_by_name_and_harm_nothing() {
    let (mut decoder, mut buffers) = (decoder(), Buffers::new());
    for frame in [
        r#"{"channel":"book","type":"update","new":{"a":[1]},"data":[{"symbol":"BTC/USD","bids":[{"price":1.0,"orders":3,"qty":2}],"asks":[],"checksum":9,"seq":[{}]}]}"#,
        r#"{"channel":"executions","type":"update","data":[{"order_id":"A","exec_type":"new","timestamp":"2026-09-01T08:00:07Z","colour":"red"}],"sequence":2}"#,
        r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","mood":null,"side":"sell","price":1.0,"qty":1,"trade_id":7,"timestamp":"2026-09-01T08:00:07Z"}]}"#,
    ] {
        decoder.decode(frame.as_bytes(), &mut buffers).unwrap();
        decoder.decode(frame.as_bytes(), &mut buffers).unwrap();
    }
    let names: Vec<_> = decoder
        .notes()
        .fields()
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(
        names,
        [
            ("book.orders", 2),
            ("book.seq", 2),
            ("executions.colour", 2),
            ("frame.new", 2),
            ("trade.mood", 2)
        ]
    );
}

#[test]
fn garbage_is_an_error_that_says_where() {
    let book = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":1.0,"qty":PUT}],"asks":[],"checksum":9}]}"#;
    let put = |number: &str| book.replace("PUT", number);
    for (frame, why) in [
        (String::new(), "expected an object at byte 0"),
        (
            "CloudFlare WebSocket proxy restarting".to_owned(),
            "expected an object at byte 0",
        ),
        ("[1,2]".to_owned(), "expected an object"),
        ("{\"channel\":\"book\"".to_owned(), "expected `,` or `}`"),
        (
            "{\"channel\":\"heartbeat\"} x".to_owned(),
            "expected the end",
        ),
        ("{\"channel\":7}".to_owned(), "expected a string"),
        (
            "{\"channel\":\"book\",\"type\":\"update\"}".to_owned(),
            "no `data`",
        ),
        (
            put("1").replace("\"update\"", "\"news\""),
            "expected snapshot or update",
        ),
        (put("\"1\""), "expected a digit of a number at byte 89"),
        (put("-1"), "`qty`: negative at byte 89"),
        (put("1e400"), "`qty`: too large"),
        (put("1.123456789"), "`qty`: more than 8 fraction digits"),
        (put("92233720368547758070"), "`qty`: too large"),
        (put("1").replace("1.0", "0.0"), "price is zero"),
        (
            put("1").replace(":9", ":4294967296"),
            "`checksum`: too large",
        ),
        (put("1").replace(":9", ":9.5"), "`checksum`"),
        (put("1,\"qty\":2"), "second `qty`"),
        (put("1").replace(",\"checksum\":9", ""), "no `checksum`"),
        (
            "{\"channel\":\"ticker\",\"type\":\"update\",\"data\":[{\"symbol\":\"A\",\"bid\":[]}]}"
                .to_owned(),
            "expected a digit of a number",
        ),
        (
            "{\"channel\":\"status\",\"type\":\"update\",\"data\":[]}".to_owned(),
            "expected one element",
        ),
        (
            "{\"method\":\"add_order\",\"success\":true,\"result\":[]}".to_owned(),
            "expected an object at byte 46",
        ),
        (
            format!("{{\"data\":{}", "[".repeat(10_000)),
            "nested too deep",
        ),
    ] {
        let error = decode_one(&frame).expect_err(&frame).to_string();
        assert!(error.contains(why), "{frame:.200}: {error}");
    }
    let mut buffers = Buffers::new();
    let binary = decoder().decode(b"{\"channel\":\"\xff\"}", &mut buffers);
    assert_eq!(
        binary.map(|_| ()).unwrap_err().to_string(),
        "not UTF-8 at byte 12"
    );
}

#[test]
fn unknown_channels_methods_and_shapes_are_unknown_not_errors() {
    for (frame, want) in [
        (
            r#"{"channel":"weather","type":"update","data":[1]}"#,
            "unknown weather",
        ),
        (r#"{"method":"dance","success":true}"#, "unknown dance"),
        (r#"{"method":"ping","params":{}}"#, "unknown ping"),
        ("{}", "unknown "),
    ] {
        assert_eq!(decode_one(frame).unwrap(), want);
    }
}

#[test]
fn precision_change_takes_effect_at_the_next_frame() {
    let frame = br#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":1.25,"qty":2}],"asks":[],"checksum":9}]}"#;
    let (mut decoder, mut buffers) = (decoder(), Buffers::new());
    let error = decoder.decode(frame, &mut buffers).unwrap_err();
    let why = Why::Number {
        field: "price",
        source: InvalidDigits::TooPrecise(1),
    };
    assert_eq!(error.why, why);
    decoder.list(listing("BTC/USD", 0, 2, 8));
    decoder.decode(frame, &mut buffers).unwrap();
    assert_eq!(buffers.book.bids[0].price.units(), 125);
}

fn executions(frame: &str) -> Vec<Result<crate::engine::event::Report, ConvertError>> {
    let mut buffers = Buffers::new();
    let mut decoder = decoder();
    let message = decoder.decode(frame.as_bytes(), &mut buffers).unwrap();
    let Message::Executions(rows) = message else {
        panic!("{message:?}")
    };
    rows.data.iter().map(report).collect()
}

#[test]
fn executions_become_reports() {
    let mut kinds = Vec::new();
    for line in FRAMES.lines() {
        let row: Row<'_> = serde_json::from_str(line).unwrap();
        if row.kind == "executions:update" {
            for report in executions(row.frame.get()) {
                kinds.push(report.unwrap());
            }
        }
    }
    assert_eq!(kinds[0].kind, ReportKind::Pending);
    assert_eq!(kinds[0].order_qty, Some("0.02".parse().unwrap()));
    assert_eq!(kinds[0].limit_price, Some("61000".parse().unwrap()));
    assert_eq!(kinds[0].side, Some(Side::Buy));
    assert_eq!(kinds[1].kind, ReportKind::New);
    let ReportKind::Trade(fill) = &kinds[2].kind else {
        panic!("{:?}", kinds[2])
    };
    assert_eq!(fill.exec_id.as_str(), "TQQQQQ-CCCCC-DDDDD1");
    assert_eq!(fill.cost, "305".parse().unwrap());
    assert_eq!(fill.fees[0].1, "0.7625".parse().unwrap());
    assert_eq!(kinds[2].cum_qty, Some("0.005".parse().unwrap()));
    let ReportKind::Canceled { reason } = kinds[3].kind else {
        panic!("{:?}", kinds[3])
    };
    assert_eq!(reason.as_str(), "User requested");
    assert_eq!(kinds[4].kind, ReportKind::Amended);
    let row = r#"{"order_id":"A","exec_type":"trade","timestamp":"2026-09-01T08:00:07Z"}"#;
    let frame = format!(r#"{{"channel":"executions","type":"update","data":[{row}]}}"#);
    assert_eq!(executions(&frame), [Err(ConvertError::Missing("exec_id"))]);
}

#[test]
fn balances_are_those_of_the_tradable_wallet() {
    let (mut decoder, mut buffers) = (decoder(), Buffers::new());
    let mut totals = Vec::new();
    for line in FRAMES.lines() {
        let row: Row<'_> = serde_json::from_str(line).unwrap();
        let frame = row.frame.get().as_bytes();
        let message = decoder.decode(frame, &mut buffers).unwrap();
        if let Message::Holdings(rows) = &message {
            totals.extend(rows.data.iter().map(|row| balance_of_holding(row).unwrap()));
        }
        if let Message::Ledger(rows) = &message {
            let entries = rows.data.iter().map(|row| balance_of_entry(row).unwrap());
            totals.extend(entries.flatten());
        }
    }
    let totals: Vec<_> = totals
        .iter()
        .map(|balance| format!("{} {}", balance.asset, balance.total))
        .collect();
    assert_eq!(
        totals,
        ["BTC 0.4000000000", "USD 20000.0000", "BTC 0.5050000000"]
    );
}

#[test]
fn pairs_become_instruments() {
    let fees = Fees {
        maker: Decimal::new(25, 4).unwrap(),
        taker: Decimal::new(40, 4).unwrap(),
    };
    let (mut decoder, mut buffers) = (decoder(), Buffers::new());
    let mut found = Vec::new();
    for line in FRAMES.lines() {
        let row: Row<'_> = serde_json::from_str(line).unwrap();
        let frame = row.frame.get().as_bytes();
        if let Message::Instruments { data, .. } = decoder.decode(frame, &mut buffers).unwrap() {
            for pair in data.pairs.iter().flatten() {
                found.push(instrument(pair, fees).unwrap());
            }
        }
    }
    let [btc, eth] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(btc.symbol.as_str(), "BTC/USD");
    assert_eq!((btc.price_precision, btc.qty_precision), (1, 8));
    assert_eq!((btc.tick.units(), btc.lot.units()), (1, 1));
    assert_eq!(btc.qty_min.units(), 5_000);
    assert_eq!(btc.cost_min, "0.5".parse().unwrap());
    assert_eq!(btc.fees, fees);
    assert_eq!(eth.status, TradingStatus::CancelOnly);
    assert_eq!(eth.qty_min.units(), 200_000);
}

object! {
    /// A whole `book` frame, read the long way.
    BookFrame<'a> {
        /// Channel.
        b"channel" => channel: Text<'a>,
        /// Kind.
        b"type" => kind: Text<'a>,
        /// One row.
        b"data" => data: Vec<market::BookRow<'a>>,
    }
}

object! {
    /// A whole `trade` frame, read the long way.
    TradeFrame<'a> {
        /// Channel.
        b"channel" => channel: Text<'a>,
        /// Kind.
        b"type" => kind: Text<'a>,
        /// Rows.
        b"data" => data: Vec<market::TradeRow<'a>>,
    }
}

fn units(number: super::super::wire::Number, precision: u8) -> Option<i64> {
    let units = i64::try_from(number.decimal().mantissa_at(precision)?).ok()?;
    (units >= 0).then_some(units)
}

fn typed_levels(rows: Option<&Vec<market::LevelRow<'_>>>) -> Option<Vec<Level>> {
    let level = |row: &market::LevelRow<'_>| {
        Some(Level {
            price: Price::new(units(row.price, 1)?).ok()?,
            qty: Quantity::new(units(row.qty, 8)?).ok()?,
        })
    };
    rows.into_iter().flatten().map(level).collect()
}

/// A `book` frame of BTC/USD through serde and typed structs alone.
fn typed_book(text: &str) -> Option<BookUpdate> {
    let frame: BookFrame<'_> = serde_json::from_str(text).ok()?;
    let [row] = frame.data.as_slice() else {
        return None;
    };
    let kind = match frame.kind.as_str() {
        "snapshot" => BookKind::Snapshot,
        "update" => BookKind::Update,
        _ => return None,
    };
    (frame.channel.as_str() == "book" && row.symbol.as_str() == "BTC/USD").then_some(())?;
    Some(BookUpdate {
        instrument: InstrumentId(0),
        kind,
        bids: typed_levels(row.bids.as_ref())?,
        asks: typed_levels(row.asks.as_ref())?,
        checksum: row.checksum,
        at: row.timestamp.map(|instant| instant.0),
    })
}

fn scanned_book(text: &str) -> Option<BookUpdate> {
    let mut buffers = Buffers::new();
    match decoder().decode(text.as_bytes(), &mut buffers) {
        Ok(Message::Book(head)) if head.symbol.as_str() == "BTC/USD" => Some(buffers.book),
        _ => None,
    }
}

fn typed_trades(text: &str) -> Option<Vec<(i64, i64, u64, Timestamp)>> {
    let frame: TradeFrame<'_> = serde_json::from_str(text).ok()?;
    (frame.channel.as_str() == "trade").then_some(())?;
    matches!(frame.kind.as_str(), "snapshot" | "update").then_some(())?;
    let row = |row: &market::TradeRow<'_>| {
        matches!(row.side.as_str(), "buy" | "sell").then_some(())?;
        (row.symbol.as_str() == "BTC/USD").then_some(())?;
        let price = units(row.price, 1).filter(|price| *price > 0)?;
        Some((price, units(row.qty, 8)?, row.trade_id, row.timestamp.0))
    };
    frame.data.iter().map(row).collect()
}

fn scanned_trades(text: &str) -> Option<Vec<(i64, i64, u64, Timestamp)>> {
    let (mut decoder, mut buffers) = (decoder(), Buffers::new());
    let Ok(Message::Trades(_)) = decoder.decode(text.as_bytes(), &mut buffers) else {
        return None;
    };
    (decoder.notes().other_symbols() == 0).then_some(())?;
    let row = |trade: &Trade| {
        let public = trade.public;
        (
            public.price.units(),
            public.qty.units(),
            public.trade_id,
            public.at,
        )
    };
    Some(buffers.trades.iter().map(row).collect())
}

#[derive(Deserialize)]
struct Typed<'a, T> {
    channel: String,
    #[serde(rename = "type")]
    _kind: KindName,
    sequence: Option<u64>,
    data: Vec<T>,
    #[serde(skip)]
    _lifetime: std::marker::PhantomData<&'a ()>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindName {
    Snapshot,
    Update,
}

/// Whether the decoder's message of a frame holds the rows that serde reads, or both refuse it.
fn same_rows<'a, T>(channel: &str, text: &'a str) -> Result<(), TestCaseError>
where
    T: Deserialize<'a> + serde::Serialize,
{
    let typed = serde_json::from_str::<Typed<'a, T>>(text)
        .ok()
        .filter(|typed| typed.channel == channel);
    let mut buffers = Buffers::new();
    let scanned = match decoder().decode(text.as_bytes(), &mut buffers) {
        Ok(message) if kind_of(&message).starts_with(&format!("{channel}:")) => {
            Some(serde_json::to_value(&message).unwrap())
        }
        Ok(_) | Err(_) => None,
    };
    let scanned = scanned.map(|message| (message["data"].clone(), message["sequence"].as_u64()));
    let typed = typed.map(|typed| (serde_json::to_value(&typed.data).unwrap(), typed.sequence));
    prop_assert_eq!(scanned, typed, "{}", text);
    Ok(())
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0_u32..999_999, 0_u32..99_999_999).prop_map(|(whole, fraction)| format!("{whole}.{fraction:08}")),
        4 => (1_u32..999_999, 0_u32..10).prop_map(|(whole, fraction)| format!("{whole}.{fraction}")),
        1 => "-?[0-9]{1,22}(\\.[0-9]{1,10})?([eE][+-]?[0-9]{1,3})?",
        1 => Just("0E0".to_owned()),
    ]
}

/// Members in a random order, with a random gap, and sometimes a key that nobody knows.
fn shuffled(members: Vec<(&'static str, String)>) -> impl Strategy<Value = String> {
    let extra = prop_oneof![
        9 => Just(None),
        1 => Just(Some(("later", "{\"a\":[null,1.5,\"\\u00e9\"]}".to_owned()))),
    ];
    let gap = prop::sample::select(vec!["", "", "", " ", "\n\t"]);
    (Just(members), extra, gap).prop_flat_map(|(mut members, extra, gap)| {
        members.extend(extra);
        Just(members).prop_shuffle().prop_map(move |members| {
            let members: Vec<_> = members
                .iter()
                .map(|(key, value)| format!("{gap}\"{key}\"{gap}:{gap}{value}"))
                .collect();
            format!("{{{}{gap}}}", members.join(","))
        })
    })
}

fn level() -> impl Strategy<Value = String> {
    (number(), number())
        .prop_flat_map(|(price, qty)| shuffled(vec![("price", price), ("qty", qty)]))
}

fn side_levels() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 0..4).prop_map(|levels| format!("[{}]", levels.join(",")))
}

fn book_frame() -> impl Strategy<Value = String> {
    let row =
        (side_levels(), side_levels(), any::<u32>()).prop_flat_map(|(bids, asks, checksum)| {
            shuffled(vec![
                ("symbol", "\"BTC/USD\"".to_owned()),
                ("bids", bids),
                ("asks", asks),
                ("checksum", checksum.to_string()),
                ("timestamp", "\"2026-09-01T08:00:04.250000Z\"".to_owned()),
            ])
        });
    framed("book", row.prop_map(|row| format!("[{row}]")))
}

/// A frame as the venue writes it today, but for its numbers.
fn usual_frame() -> impl Strategy<Value = String> {
    let level = || {
        (number(), number()).prop_map(|(price, qty)| format!("{{\"price\":{price},\"qty\":{qty}}}"))
    };
    let side = || prop::collection::vec(level(), 0..4).prop_map(|levels| levels.join(","));
    let kind = prop::sample::select(vec!["update", "snapshot"]);
    (kind, side(), side(), any::<u32>(), any::<bool>()).prop_map(|(kind, bids, asks, checksum, stamped)| {
        let stamp = if stamped { ",\"timestamp\":\"2026-09-01T08:00:04.250000Z\"" } else { "" };
        format!(
            "{{\"channel\":\"book\",\"type\":\"{kind}\",\"data\":[{{\"symbol\":\"BTC/USD\",\"bids\":[{bids}],\"asks\":[{asks}],\
             \"checksum\":{checksum}{stamp}}}]}}"
        )
    })
}

fn trade_frame() -> impl Strategy<Value = String> {
    let row = (number(), number(), any::<u32>()).prop_flat_map(|(price, qty, id)| {
        shuffled(vec![
            ("symbol", "\"BTC/USD\"".to_owned()),
            ("side", "\"buy\"".to_owned()),
            ("price", price),
            ("qty", qty),
            ("ord_type", "\"limit\"".to_owned()),
            ("trade_id", id.to_string()),
            ("timestamp", "\"2026-09-01T08:00:07.000001Z\"".to_owned()),
        ])
    });
    let rows = prop::collection::vec(row, 0..4).prop_map(|rows| format!("[{}]", rows.join(",")));
    framed("trade", rows)
}

fn framed(
    channel: &'static str,
    data: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    data.prop_flat_map(move |data| {
        shuffled(vec![
            ("channel", format!("\"{channel}\"")),
            ("type", "\"update\"".to_owned()),
            ("data", data),
        ])
    })
}

/// The same text with one byte changed, dropped or cut off at.
fn damaged(frame: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let byte = prop::sample::select(b"\"\\{}[]:,0e.-tnB \n".to_vec());
    (frame, any::<prop::sample::Index>(), byte, 0..3).prop_map(|(frame, index, byte, how)| {
        let mut bytes = frame.into_bytes();
        let at = index.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn scanner_reads_books_as_the_typed_reader_does(frame in book_frame()) {
        prop_assert_eq!(scanned_book(&frame), typed_book(&frame), "{}", frame);
    }

    #[test]
    fn usual_form_is_read_as_every_other(frame in prop_oneof![usual_frame().boxed(), damaged(usual_frame()).boxed()]) {
        prop_assert_eq!(scanned_book(&frame), typed_book(&frame), "{}", frame);
    }

    #[test]
    fn scanner_refuses_damaged_books_where_the_typed_reader_does(frame in damaged(book_frame())) {
        prop_assert_eq!(scanned_book(&frame), typed_book(&frame), "{}", frame);
    }

    #[test]
    fn scanner_reads_trades_as_the_typed_reader_does(frame in prop_oneof![trade_frame().boxed(), damaged(trade_frame()).boxed()]) {
        prop_assert_eq!(scanned_trades(&frame), typed_trades(&frame), "{}", frame);
    }

    #[test]
    fn typed_rows_are_read_as_serde_reads_them(line in 0_usize..45, index in any::<prop::sample::Index>(), byte in prop::sample::select(b"\"\\{}[]:,0e.-tn".to_vec())) {
        let line = FRAMES.lines().nth(line).unwrap();
        let row: Row<'_> = serde_json::from_str(line).unwrap();
        let mut bytes = row.frame.get().as_bytes().to_vec();
        let at = index.index(bytes.len());
        for damage in [false, true] {
            if damage {
                bytes[at] = byte;
            }
            let text = std::str::from_utf8(&bytes).unwrap();
            same_rows::<market::Ticker<'_>>("ticker", text)?;
            same_rows::<market::Candle<'_>>("ohlc", text)?;
            same_rows::<market::Level3<'_>>("level3", text)?;
            same_rows::<account::Execution<'_>>("executions", text)?;
            if text.contains("\"snapshot\"") {
                same_rows::<account::Holding<'_>>("balances", text)?;
            } else {
                same_rows::<account::Entry<'_>>("balances", text)?;
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut buffers = Buffers::new();
        if let Ok(message) = decoder().decode(&bytes, &mut buffers) {
            prop_assert_eq!(kind_of(&message), "unknown ");
        }
    }

    #[test]
    fn no_damage_to_any_kind_of_frame_panics(line in 0_usize..45, index in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let line = FRAMES.lines().nth(line).unwrap();
        let mut bytes = line.as_bytes().to_vec();
        let start = line.find("\"frame\":").unwrap() + 8;
        bytes = bytes[start..bytes.len() - 1].to_vec();
        let at = index.index(bytes.len());
        bytes[at] = byte;
        let (mut decoder, mut buffers) = (decoder(), Buffers::new());
        for end in [bytes.len(), at] {
            if let Ok(Message::Executions(rows)) = decoder.decode(&bytes[..end], &mut buffers) {
                prop_assert!(rows.data.iter().map(report).count() < 10);
            }
        }
    }
}
