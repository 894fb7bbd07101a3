//! Kraken's old names: which assets and pairs have them.
//!
//! Always true: an asset or a pair that is not in the tables has one name everywhere. No rule tells the others apart; the
//! tables are those of the listings of 2021 and 2024.

/// Modern code, REST altname, REST id.
const ASSETS: &[[&str; 3]] = &[
    ["BTC", "XBT", "XXBT"],
    ["DOGE", "XDG", "XXDG"],
    ["ETC", "ETC", "XETC"],
    ["ETH", "ETH", "XETH"],
    ["LTC", "LTC", "XLTC"],
    ["MLN", "MLN", "XMLN"],
    ["REP", "REP", "XREP"],
    ["XLM", "XLM", "XXLM"],
    ["XMR", "XMR", "XXMR"],
    ["XRP", "XRP", "XXRP"],
    ["ZEC", "ZEC", "XZEC"],
    ["AUD", "AUD", "ZAUD"],
    ["CAD", "CAD", "ZCAD"],
    ["EUR", "EUR", "ZEUR"],
    ["GBP", "GBP", "ZGBP"],
    ["JPY", "JPY", "ZJPY"],
    ["USD", "USD", "ZUSD"],
];

/// Pairs whose id is made of the ids of their assets.
const PAIRS: &str = "ETC/ETH ETC/XBT ETC/EUR ETC/USD ETH/XBT ETH/CAD ETH/EUR ETH/GBP ETH/JPY ETH/USD LTC/XBT LTC/EUR LTC/JPY LTC/USD \
    MLN/ETH MLN/XBT MLN/EUR MLN/USD REP/ETH REP/XBT REP/EUR REP/USD XBT/CAD XBT/EUR XBT/GBP XBT/JPY XBT/USD XDG/XBT \
    XLM/XBT XLM/AUD XLM/EUR XLM/GBP XLM/USD XMR/XBT XMR/EUR XMR/USD XRP/XBT XRP/CAD XRP/EUR XRP/JPY XRP/USD \
    ZEC/XBT ZEC/EUR ZEC/USD EUR/USD GBP/USD USD/CAD USD/JPY USDT/USD";

const FIAT: [&str; 9] = [
    "AED", "AUD", "CAD", "CHF", "EUR", "GBP", "JPY", "USD", "ARS",
];

/// REST altname and id of an asset.
pub(super) fn of_asset(code: &str) -> [&str; 2] {
    let known = ASSETS.iter().find(|[modern, ..]| *modern == code);
    known.map_or([code; 2], |[_, altname, id]| [altname, id])
}

/// The modern code of an asset by its name in a `wsname`.
pub(super) fn modern(altname: &str) -> &str {
    let known = ASSETS.iter().find(|[_, old, _]| *old == altname);
    known.map_or(altname, |[modern, ..]| modern)
}

/// REST id, altname and `wsname` of a pair.
pub(super) fn of_pair(base: &str, quote: &str) -> [String; 3] {
    let ([base, base_id], [quote, quote_id]) = (of_asset(base), of_asset(quote));
    let wsname = format!("{base}/{quote}");
    let id = if PAIRS.split_whitespace().any(|pair| pair == wsname) {
        format!("{base_id}{quote_id}")
    } else {
        format!("{base}{quote}")
    };
    [id, format!("{base}{quote}"), wsname]
}

/// Whether an asset is a currency of a country.
pub(super) fn is_fiat(code: &str) -> bool {
    FIAT.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_names_are_as_published() {
        for (base, quote, names) in [
            ("BTC", "USD", ["XXBTZUSD", "XBTUSD", "XBT/USD"]),
            ("DOGE", "EUR", ["XDGEUR", "XDGEUR", "XDG/EUR"]),
            ("DOGE", "BTC", ["XXDGXXBT", "XDGXBT", "XDG/XBT"]),
            ("USDT", "USD", ["USDTZUSD", "USDTUSD", "USDT/USD"]),
            ("BTC", "AUD", ["XBTAUD", "XBTAUD", "XBT/AUD"]),
            ("XTZ", "USD", ["XTZUSD", "XTZUSD", "XTZ/USD"]),
        ] {
            assert_eq!(of_pair(base, quote), names);
        }
        assert_eq!(
            (of_asset("ZEC"), of_asset("ZRX")),
            (["ZEC", "XZEC"], ["ZRX"; 2])
        );
        assert_eq!((modern("XBT"), modern("SOL")), ("BTC", "SOL"));
    }
}
