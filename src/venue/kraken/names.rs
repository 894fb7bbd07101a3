//! Kraken's several spellings of one asset or pair, resolved from its own lists.
//!
//! For: `XXBT`, `XBT` and `BTC`; `XXBTZUSD`, `XBTUSD`, `XBT/USD` and `BTC/USD` (§7.1). Left out: rules about
//! leading letters; they are wrong for `XTZ`, `ZEC` and others. Always true: inside the daemon only modern spellings exist.

use std::collections::BTreeMap;

use crate::types::{AssetCode, Symbol, TextTooLong};

/// The only two names that differ between REST and WebSocket v2.
const RENAMED: [(&str, &str); 2] = [("XBT", "BTC"), ("XDG", "DOGE")];

/// A pair's spellings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PairName {
    /// Modern spelling: `BTC/USD`.
    pub symbol: Symbol,
    /// REST id: `XXBTZUSD`.
    pub id: String,
    /// REST alternative name: `XBTUSD`.
    pub altname: String,
}

/// All spellings that the venue's lists hold.
#[derive(Clone, Debug, Default)]
pub struct Names {
    assets: BTreeMap<String, AssetCode>,
    pairs: BTreeMap<String, PairName>,
    quotes: BTreeMap<Symbol, AssetCode>,
}

impl Names {
    /// Learns an asset: its id (`XXBT`) and alternative name (`XBT`).
    ///
    /// # Errors
    ///
    /// A name that is no short ASCII text.
    pub fn learn_asset(&mut self, id: &str, altname: &str) -> Result<(), TextTooLong> {
        let code = AssetCode::new(modern_asset(altname))?;
        for spelling in [id, altname, code.as_str()] {
            self.assets.insert(spelling.to_owned(), code);
        }
        Ok(())
    }

    /// Learns a pair: its id (`XXBTZUSD`), alternative name (`XBTUSD`) and WebSocket v1 name (`XBT/USD`).
    ///
    /// # Errors
    ///
    /// A name that is no short ASCII text.
    pub fn learn_pair(
        &mut self,
        id: &str,
        altname: &str,
        wsname: &str,
    ) -> Result<Symbol, TextTooLong> {
        let (symbol, quote) = modern_pair(wsname)?;
        let name = PairName {
            symbol,
            id: id.to_owned(),
            altname: altname.to_owned(),
        };
        for spelling in [id, altname, wsname, symbol.as_str()] {
            self.pairs.insert(spelling.to_owned(), name.clone());
        }
        self.quotes.insert(symbol, quote);
        Ok(symbol)
    }

    /// The modern code of an asset in any spelling. Codes that the lists lack (`BTC.F`, an asset of tomorrow) keep their spelling.
    ///
    /// # Errors
    ///
    /// A text that is no short ASCII text.
    pub fn asset(&self, spelling: &str) -> Result<AssetCode, TextTooLong> {
        match self.assets.get(spelling) {
            Some(code) => Ok(*code),
            None => AssetCode::new(spelling),
        }
    }

    /// A pair by any spelling.
    #[must_use]
    pub fn pair(&self, spelling: &str) -> Option<&PairName> {
        self.pairs.get(spelling)
    }

    /// What a pair is paid in, by its modern spelling.
    #[must_use]
    pub fn quote(&self, symbol: &Symbol) -> Option<AssetCode> {
        self.quotes.get(symbol).copied()
    }
}

fn modern_asset(name: &str) -> &str {
    RENAMED
        .iter()
        .find(|(old, _)| *old == name)
        .map_or(name, |(_, new)| new)
}

/// Modern symbol and quote of a WebSocket v1 name.
fn modern_pair(wsname: &str) -> Result<(Symbol, AssetCode), TextTooLong> {
    let (base, quote) = wsname.split_once('/').unwrap_or((wsname, ""));
    let quote = modern_asset(quote);
    let symbol = Symbol::new(&format!("{}/{quote}", modern_asset(base)))?;
    Ok((symbol, AssetCode::new(quote)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::default();
        for (id, altname) in [
            ("XXBT", "XBT"),
            ("XXDG", "XDG"),
            ("ZUSD", "USD"),
            ("XTZ", "XTZ"),
            ("XZEC", "ZEC"),
            ("XBT.F", "XBT.F"),
        ] {
            names.learn_asset(id, altname).unwrap();
        }
        for (id, altname, wsname) in [
            ("XXBTZUSD", "XBTUSD", "XBT/USD"),
            ("XDGEUR", "XDGEUR", "XDG/EUR"),
            ("XETHXXBT", "ETHXBT", "ETH/XBT"),
            ("XTZUSD", "XTZUSD", "XTZ/USD"),
        ] {
            names.learn_pair(id, altname, wsname).unwrap();
        }
        names
    }

    #[test]
    fn every_spelling_of_an_asset_is_one_code() {
        for (spelling, code) in [
            ("XXBT", "BTC"),
            ("XBT", "BTC"),
            ("BTC", "BTC"),
            ("XXDG", "DOGE"),
            ("ZUSD", "USD"),
            ("USD", "USD"),
            ("XTZ", "XTZ"),
            ("XZEC", "ZEC"),
        ] {
            assert_eq!(names().asset(spelling).unwrap().as_str(), code);
        }
    }

    #[test]
    fn earning_balances_stay_apart_from_the_plain_asset() {
        assert_eq!(names().asset("XBT.F").unwrap().as_str(), "XBT.F");
        assert_eq!(names().asset("ZUSD.HOLD").unwrap().as_str(), "ZUSD.HOLD");
    }

    #[test]
    fn every_spelling_of_a_pair_is_one_symbol() {
        for (spelling, symbol, quote) in [
            ("XXBTZUSD", "BTC/USD", "USD"),
            ("XBTUSD", "BTC/USD", "USD"),
            ("XBT/USD", "BTC/USD", "USD"),
            ("BTC/USD", "BTC/USD", "USD"),
            ("XDGEUR", "DOGE/EUR", "EUR"),
            ("ETHXBT", "ETH/BTC", "BTC"),
            ("XTZ/USD", "XTZ/USD", "USD"),
        ] {
            let names = names();
            let pair = names.pair(spelling).unwrap();
            assert_eq!(pair.symbol.as_str(), symbol);
            assert_eq!(names.quote(&pair.symbol).unwrap().as_str(), quote);
        }
        assert!(names().pair("XBTEUR").is_none());
    }

    #[test]
    fn a_pair_without_a_quote_is_refused() {
        assert!(Names::default().learn_pair("A", "A", "A").is_err());
    }
}
