//! The order that fills leave behind, in the words of both wires.

use super::{encode::Json, order_type::OrderType, render::told_offset};
use crate::{
    sim::matching::{Close, Offset, PairSpec},
    types::Instrument,
};

/// The text of an order object's `descr.close`: `close position @ stop loss 22000.0 -> limit 21000.0`.
pub(super) fn text(pair: &PairSpec, close: &Close) -> String {
    let told = |offset: Option<Offset>| offset.map_or_else(String::new, |at| told_offset(pair, at));
    let kind = OrderType::of_close(close).name().replace('-', " ");
    let limit = told(close.limit);
    let Some((_, price)) = close.trigger else {
        return format!("close position @ {kind} {limit}");
    };
    let (waits, price) = (kind.trim_end_matches(" limit"), told(Some(price)));
    match close.limit {
        Some(_) => format!("close position @ {waits} {price} -> limit {limit}"),
        None => format!("close position @ {waits} {price}"),
    }
}

/// The member `contingent` of a report.
pub(super) fn contingent(json: &mut Json, of: &Instrument, close: &Close) {
    json.open_object("contingent")
        .text("order_type", OrderType::of_close(close).name());
    if let Some((_, price)) = close.trigger {
        member(json, of, ["trigger_price", "trigger_price_type"], price);
    }
    if let Some(limit) = close.limit {
        member(json, of, ["limit_price", "limit_price_type"], limit);
    }
    json.close();
}

fn member(json: &mut Json, of: &Instrument, [name, kind]: [&str; 2], price: Offset) {
    match price {
        Offset::At(price) => json.price(name, of, price).text(kind, "static"),
        Offset::Percent(percent) => json.plain(name, percent).text(kind, "pct"),
        Offset::Quote(amount) => json.plain(name, amount).text(kind, "quote"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sim::matching::{TriggerKind, Universe},
        types::Price,
    };

    #[test]
    fn a_close_reads_in_the_grammar_of_orders_and_distances_stay_distances() {
        let universe = Universe::default_universe();
        let pair = universe.pair(universe.find_symbol("BTC/USD").unwrap());
        let at = |units| Offset::At(Price::new(units).unwrap());
        let percent = |text: &str| Offset::Percent(text.parse().unwrap());
        for (trigger, limit, want) in [
            (None, Some(at(600_000)), "limit 60000.0"),
            (
                Some((TriggerKind::StopLoss, at(220_000))),
                Some(at(210_000)),
                "stop loss 22000.0 -> limit 21000.0",
            ),
            (
                Some((TriggerKind::TakeProfit, percent("5"))),
                None,
                "take profit +5.0000%",
            ),
            (
                Some((TriggerKind::TrailingStop, percent("2.5"))),
                Some(percent("-0.1")),
                "trailing stop +2.5000% -> limit -0.1000%",
            ),
        ] {
            let close = Close {
                trigger,
                limit,
                follows: true,
            };
            assert_eq!(
                text(pair.unwrap(), &close),
                format!("close position @ {want}")
            );
        }
    }
}
