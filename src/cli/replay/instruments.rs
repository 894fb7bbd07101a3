//! Precisions of pairs from a file.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use thiserror::Error;

use crate::{
    app::recording::{self, Line},
    io::lines,
    venue::kraken::decode::{Buffers, Decoder, Message},
};

/// Fraction digits of a pair's prices and quantities.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Precision {
    pub(super) price: u8,
    pub(super) qty: u8,
}

/// Precisions by modern symbol.
pub(super) type Precisions = BTreeMap<String, Precision>;

/// Why a file tells no precisions.
#[derive(Debug, Error)]
pub(super) enum InstrumentsError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{path}: neither an instrument frame nor an AssetPairs body{reason}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong, where that is known.
        reason: Reason,
    },
}

/// What is wrong, if anything more can be said.
#[derive(Debug)]
pub(super) struct Reason(Option<serde_json::Error>);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(error) => write!(f, " ({error})"),
            None => Ok(()),
        }
    }
}

/// Reads an `instrument` snapshot frame, alone or in a recording, or an AssetPairs body, with or without its envelope.
pub(super) fn read(path: &Path) -> Result<Precisions, InstrumentsError> {
    let text = lines::read_to_string(path).map_err(|source| InstrumentsError::Io {
        path: path.to_owned(),
        source,
    })?;
    let content = |error| InstrumentsError::Content {
        path: path.to_owned(),
        reason: Reason(error),
    };
    if let Some(precisions) = frame(text.as_bytes()) {
        return Ok(precisions);
    }
    match asset_pairs(&text) {
        Ok(precisions) if !precisions.is_empty() => Ok(precisions),
        other => text
            .lines()
            .find_map(|line| frame(line.as_bytes()))
            .ok_or_else(|| content(other.err())),
    }
}

/// Pairs of a frame, whatever is around it.
fn frame(text: &[u8]) -> Option<Precisions> {
    let Line::Received(frame) = recording::read(text) else {
        return None;
    };
    let mut buffers = Buffers::new();
    match Decoder::new().decode(&frame, &mut buffers) {
        Ok(Message::Instruments { data, .. }) => {
            let pairs = data.pairs.iter().flatten();
            let precision = |price, qty| Precision { price, qty };
            let entry = |pair: &crate::venue::kraken::wire::market::Pair<'_>| {
                let precision = precision(pair.price_precision, pair.qty_precision);
                (pair.symbol.as_str().to_owned(), precision)
            };
            Some(pairs.map(entry).collect())
        }
        _ => None,
    }
}

#[derive(Deserialize)]
struct Answer {
    result: BTreeMap<String, AssetPair>,
}

#[derive(Deserialize)]
struct AssetPair {
    wsname: Option<String>,
    pair_decimals: u8,
    lot_decimals: u8,
}

fn asset_pairs(text: &str) -> Result<Precisions, serde_json::Error> {
    let pairs = match serde_json::from_str::<Answer>(text) {
        Ok(answer) => answer.result,
        Err(_no_envelope) => serde_json::from_str(text)?,
    };
    let precision = |pair: AssetPair| {
        // Pairs without a WebSocket name (dark pools) are in no recording.
        let symbol = modern(&pair.wsname?);
        let (price, qty) = (pair.pair_decimals, pair.lot_decimals);
        Some((symbol, Precision { price, qty }))
    };
    Ok(pairs.into_values().filter_map(precision).collect())
}

/// The WebSocket v2 spelling of a `wsname`. Two assets differ.
fn modern(wsname: &str) -> String {
    let modern = |asset| match asset {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    };
    let assets: Vec<&str> = wsname.split('/').map(modern).collect();
    assets.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Precisions, InstrumentsError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pairs");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    const FRAME: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"price_precision":1}]}}"#;
    const PAIRS: &str = r#"{"XXBTZUSD":{"wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8},"XDGXBT":{"wsname":"XDG/XBT","pair_decimals":9,"lot_decimals":8},"X.d":{"pair_decimals":1,"lot_decimals":8}}"#;

    #[test]
    fn both_sources_are_read_in_every_wrapping() {
        let btc = Precision { price: 1, qty: 8 };
        let pretty: serde_json::Value = serde_json::from_str(FRAME).unwrap();
        for text in [
            FRAME.to_owned(),
            serde_json::to_string_pretty(&pretty).unwrap(),
            format!("{{\"channel\":\"heartbeat\"}}\n{{\"frame\":{FRAME}}}\n"),
            PAIRS.to_owned(),
            format!("{{\"error\":[],\"result\":{PAIRS}}}"),
        ] {
            assert_eq!(
                read_text(&text).unwrap().get("BTC/USD"),
                Some(&btc),
                "{text}"
            );
        }
        let pairs = read_text(PAIRS).unwrap();
        assert_eq!(pairs.get("DOGE/BTC"), Some(&Precision { price: 9, qty: 8 }));
        assert_eq!(pairs.len(), 2);
    }

    #[test]
    fn other_files_are_refused() {
        for text in [
            "",
            "{}",
            "[]",
            "hello",
            r#"{"error":["EGeneral:Internal error"]}"#,
        ] {
            assert!(
                matches!(read_text(text), Err(InstrumentsError::Content { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            read(Path::new("/nowhere")),
            Err(InstrumentsError::Io { .. })
        ));
    }
}
