//! A venue of a thousand pairs: everything that lists them all, over REST and the socket; and regimes of a simulator that runs.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::TcpStream;
use tradingd::{
    io::net::Stream,
    sim::{Settings, SimError, Simulator, market::Regime},
};

use super::rig::{exchange, good};
use crate::support::{clock, ws::Client};

/// A thousand pairs, of which 997 do not exist.
fn thousand() -> Settings {
    Settings {
        extra_pairs: 997,
        ..Settings::default()
    }
}

async fn ask(address: SocketAddr, query: &str) -> Value {
    let stream = TcpStream::connect(address).await.unwrap();
    let path = format!("/0/public/{query}");
    let answer = exchange(Stream::Plain(stream), "GET", &path, &[], "").await;
    good(answer.json())
}

fn members(value: &Value) -> usize {
    value.as_object().unwrap().len()
}

#[tokio::test]
async fn a_thousand_pairs_are_listed_everywhere_and_traded() {
    let sim = Simulator::start(&thousand(), None, clock()).await.unwrap();
    let addresses = sim.addresses();
    let pairs = ask(addresses.rest, "AssetPairs").await;
    assert_eq!(members(&pairs), 1_000);
    let assets = ask(addresses.rest, "Assets").await;
    for pair in pairs.as_object().unwrap().values() {
        assert!(
            assets.get(pair["base"].as_str().unwrap()).is_some(),
            "{pair}"
        );
    }
    let tickers = ask(addresses.rest, "Ticker").await;
    assert_eq!(members(&tickers), 1_000);
    let price = |side: &Value| side[0].as_str().unwrap().parse::<f64>().unwrap();
    for (name, ticker) in tickers.as_object().unwrap() {
        let (bid, ask) = (price(&ticker["b"]), price(&ticker["a"]));
        assert!(
            0.0 < bid && bid < ask && ask < bid * 1.01,
            "{name} {ticker}"
        );
    }
    let (last, _) = pairs.as_object().unwrap().iter().next_back().unwrap();
    let candles = ask(addresses.rest, &format!("OHLC?pair={last}")).await;
    assert!(candles[last].as_array().unwrap().len() >= 720);
    check_socket(addresses.ws).await;
    sim.shutdown().await;
}

/// The list of instruments, and the books of all of them over one connection.
async fn check_socket(address: SocketAddr) {
    let mut client = Client::connect(address).await;
    let ask = r#"{"method":"subscribe","params":{"channel":"instrument"}}"#;
    assert_eq!(client.ask(ask).await["success"], true);
    let of = |channel: &'static str| {
        move |frame: &Value| frame["channel"] == channel && frame["type"] == "snapshot"
    };
    let list = client.until(of("instrument")).await;
    let pairs = list["data"]["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 1_000);
    let symbols: Vec<&str> = pairs
        .iter()
        .map(|pair| pair["symbol"].as_str().unwrap())
        .collect();
    let symbols = serde_json::to_string(&symbols).unwrap();
    client
        .send(&format!(
            r#"{{"method":"subscribe","params":{{"channel":"book","symbol":{symbols}}}}}"#
        ))
        .await;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 1_000 {
        let book = client.until(of("book")).await;
        let row = &book["data"][0];
        assert_eq!(row["bids"].as_array().unwrap().len(), 10, "{row}");
        assert_eq!(row["asks"].as_array().unwrap().len(), 10, "{row}");
        seen.insert(row["symbol"].as_str().unwrap().to_owned());
    }
}

#[tokio::test]
async fn a_regime_is_changed_while_the_simulator_runs() {
    let settings = Settings {
        speed: 20.0,
        regimes: [("XBT/USD".to_owned(), Regime::Calm)].into(),
        ..Settings::default()
    };
    let sim = Simulator::start(&settings, None, clock()).await.unwrap();
    let pair = sim
        .venue()
        .read(|view| view.exchange.universe().find_symbol("BTC/USD"));
    let pair = pair.unwrap();
    assert_eq!(sim.regimes().of(pair), Regime::Calm);
    let mut client = Client::connect(sim.addresses().ws).await;
    let ask = r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"event_trigger":"bbo"}}"#;
    assert_eq!(client.ask(ask).await["success"], true);
    let spread = |frame: &Value| {
        let row = &frame["data"][0];
        let (bid, ask) = (row["bid"].as_f64()?, row["ask"].as_f64()?);
        Some((ask - bid) / bid)
    };
    client
        .until(|frame| spread(frame).is_some_and(|spread| spread < 0.000_05))
        .await;
    sim.set_regime(Some(pair), Regime::Thin);
    client
        .until(|frame| spread(frame).is_some_and(|spread| spread > 0.001))
        .await;
    sim.set_regime(None, Regime::Normal);
    client
        .until(|frame| spread(frame).is_some_and(|spread| spread < 0.000_05))
        .await;
    sim.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused_with_its_key() {
    let refused = |settings: Settings| async move {
        let error = Simulator::start(&settings, None, clock())
            .await
            .unwrap_err();
        error.key().unwrap()
    };
    let extra = Settings {
        extra_pairs: 100_000,
        ..Settings::default()
    };
    assert_eq!(refused(extra).await, "extra_pairs");
    let universe = Settings {
        universe: "/nowhere/at/all".into(),
        ..Settings::default()
    };
    assert_eq!(refused(universe).await, "universe");
    let unlisted = Settings {
        regimes: [("NOPE/USD".to_owned(), Regime::Thin)].into(),
        ..Settings::default()
    };
    let error = Simulator::start(&unlisted, None, clock())
        .await
        .unwrap_err();
    assert!(matches!(error, SimError::RegimePair(_)));
    assert_eq!(error.key(), Some("regimes"));
}

#[tokio::test]
async fn what_was_before_a_tape_leads_to_its_first_price() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tape.csv");
    std::fs::write(&path, "1525737600,9431.0,0.5\n1525737660,9432.5,0.5\n").unwrap();
    let settings = Settings {
        tapes: vec![format!("BTC/USD={}", path.display())],
        ..Settings::default()
    };
    let sim = Simulator::start(&settings, None, clock()).await.unwrap();
    let candles = ask(sim.addresses().rest, "OHLC?pair=XBTUSD&interval=1").await;
    let rows = candles["XXBTZUSD"].as_array().unwrap();
    let price = |row: &Value, column: usize| row[column].as_str().unwrap().parse::<f64>().unwrap();
    for row in &rows[rows.len() - 60..] {
        assert!(
            price(row, 2) < 9_431.0 * 1.05 && price(row, 3) > 9_431.0 * 0.95,
            "{row}"
        );
    }
    let ticker = &ask(sim.addresses().rest, "Ticker?pair=XBTUSD").await["XXBTZUSD"];
    assert!(price(&ticker["h"], 1) < 9_431.0 * 1.2, "{ticker}");
    sim.shutdown().await;
}
