//! What happens on a market and to an account: trades, tickers, lives of orders.

use std::fmt::Write as _;

use super::{Dice, Frames, Pair, Zipf, decimal, stamp};
use tradingd::io::rng::stream;

pub fn trades(pairs: &[Pair], count: usize, seed: u64) -> Frames {
    let (zipf, mut dice) = (Zipf::new(pairs.len()), Dice(stream(seed, 4)));
    let (mut frames, mut micros, mut id) = (Frames::default(), 0, 81_234_567);
    for _ in 0..count {
        let pair = &pairs[zipf.draw(&mut dice)];
        micros += 1 + dice.exponential(900.0);
        let rows = if dice.unit() < 0.72 {
            1
        } else {
            1 + (dice.exponential(2.0) + 1).min(11)
        };
        let side = dice.pick(&["buy", "sell"]);
        let mut text = "{\"channel\":\"trade\",\"type\":\"update\",\"data\":[".to_owned();
        for row in 0..rows {
            id += 1;
            let order = if dice.unit() < 0.55 {
                "market"
            } else {
                "limit"
            };
            text.push_str(if row > 0 { "," } else { "" });
            write!(
                text,
                "{{\"symbol\":\"{}\",\"side\":\"{side}\",\"price\":",
                pair.symbol
            )
            .unwrap();
            decimal(
                (pair.mid + dice.below(81) - 40).max(1),
                pair.price_precision,
                &mut text,
            );
            text.push_str(",\"qty\":");
            decimal(
                dice.qty(-2.5, 1.9, pair.qty_precision),
                pair.qty_precision,
                &mut text,
            );
            write!(
                text,
                ",\"ord_type\":\"{order}\",\"trade_id\":{id},\"timestamp\":\"{}\"}}",
                stamp(micros)
            )
            .unwrap();
        }
        text.push_str("]}");
        frames.push(&text);
    }
    frames
}

pub fn tickers(pairs: &[Pair], count: usize, seed: u64) -> Frames {
    let (zipf, mut dice) = (Zipf::new(pairs.len()), Dice(stream(seed, 5)));
    let (mut frames, mut micros) = (Frames::default(), 0);
    for _ in 0..count {
        let pair = &pairs[zipf.draw(&mut dice)];
        micros += 1 + dice.exponential(900.0);
        let mut text = format!(
            "{{\"channel\":\"ticker\",\"type\":\"update\",\"data\":[{{\"symbol\":\"{}\"",
            pair.symbol
        );
        let volume =
            ((100.0 + 1e5 * dice.unit()) * 10_f64.powi(i32::from(pair.qty_precision))) as i64;
        let (bid, ask) = (
            dice.qty(-1.0, 1.5, pair.qty_precision),
            dice.qty(-1.0, 1.5, pair.qty_precision),
        );
        let (price, qty) = (pair.price_precision, pair.qty_precision);
        for (key, units, precision) in [
            ("bid", pair.mid, price),
            ("bid_qty", bid, qty),
            ("ask", pair.mid + 1, price),
            ("ask_qty", ask, qty),
            ("last", pair.mid + dice.below(6) - 2, price),
            ("volume", volume, qty),
            ("vwap", (pair.mid - 77).max(1), price),
            ("low", (pair.mid - 900).max(1), price),
            ("high", pair.mid + 1_200, price),
            ("change", 1 + dice.below(5_000), price),
            ("change_pct", dice.below(900), 2),
        ] {
            let sign = if key.starts_with("change") {
                dice.pick(&["", "-"])
            } else {
                ""
            };
            write!(text, ",\"{key}\":{sign}").unwrap();
            decimal(units, precision, &mut text);
        }
        write!(text, ",\"timestamp\":\"{}\"}}]}}", stamp(micros)).unwrap();
        frames.push(&text);
    }
    frames
}

fn id(dice: &mut Dice, first: char) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut part = |length: usize| -> String {
        (0..length)
            .map(|_| char::from(dice.pick(LETTERS)))
            .collect()
    };
    format!("{first}{}-{}-{}", part(5), part(5), part(6))
}

/// Lives of orders: placed, live, then two fills or a cancel.
pub fn executions(pairs: &[Pair], count: usize, seed: u64) -> Frames {
    let mut dice = Dice(stream(seed, 6));
    let (mut frames, mut micros) = (Frames::default(), 0);
    while frames.len() < count {
        let pair = pairs[dice.below(20.min(pairs.len() as i64)) as usize].clone();
        let (price_precision, qty_precision) = (pair.price_precision, pair.qty_precision);
        let number = |units: i64, precision: u8| {
            let mut text = String::new();
            decimal(units, precision, &mut text);
            text
        };
        let base = format!(
            "\"order_id\":\"{}\",\"cl_ord_id\":\"{:018x}\"",
            id(&mut dice, 'O'),
            dice.below(1 << 60)
        );
        let side = dice.pick(&["buy", "sell"]);
        let price = number((pair.mid + dice.below(180) - 90).max(1), price_precision);
        let qty = dice.qty(-2.0, 1.0, qty_precision).max(2);
        let (total, zero_price) = (number(qty, qty_precision), number(0, price_precision));
        let mut emit = |micros: i64, body: &str| {
            let sequence = frames.len() + 1;
            frames.push(&format!(
                "{{\"channel\":\"executions\",\"type\":\"update\",\"data\":[{{{body},\"timestamp\":\"{}\"}}],\"sequence\":{sequence}}}",
                stamp(micros)
            ));
        };
        micros += 1 + dice.exponential(90_000.0);
        emit(
            micros,
            &format!(
                "{base},\"symbol\":\"{}\",\"side\":\"{side}\",\"order_type\":\"limit\",\"order_qty\":{total},\"limit_price\":{price},\
             \"time_in_force\":\"GTC\",\"cum_qty\":{},\"cum_cost\":0.00000,\"avg_price\":{zero_price},\"fee_usd_equiv\":0.00000,\
             \"order_status\":\"pending_new\",\"exec_type\":\"pending_new\",\"post_only\":true",
                pair.symbol,
                number(0, qty_precision)
            ),
        );
        emit(
            micros + 310,
            &format!("{base},\"order_status\":\"new\",\"exec_type\":\"new\""),
        );
        if dice.unit() >= 0.35 {
            micros += 1_000 + dice.below(900_000);
            emit(
                micros,
                &format!(
                    "{base},\"order_status\":\"canceled\",\"exec_type\":\"canceled\",\"cum_qty\":{},\"cum_cost\":0.00000,\
                 \"avg_price\":{zero_price},\"reason\":\"User requested\"",
                    number(0, qty_precision)
                ),
            );
            continue;
        }
        for (filled, last) in [(qty / 2, qty / 2), (qty, qty - qty / 2)] {
            micros += 1_000 + dice.below(900_000);
            let exec = id(&mut dice, 'T');
            emit(
                micros,
                &format!(
                    "{base},\"exec_id\":\"{exec}\",\"trade_id\":{},\"exec_type\":\"trade\",\"symbol\":\"{}\",\"side\":\"{side}\",\
                 \"last_qty\":{},\"last_price\":{price},\"liquidity_ind\":\"m\",\"cost\":305.00000,\"order_status\":\"partially_filled\",\
                 \"order_type\":\"limit\",\"order_qty\":{total},\"limit_price\":{price},\"cum_qty\":{},\"cum_cost\":610.00000,\
                 \"avg_price\":{price},\"fees\":[{{\"asset\":\"USD\",\"qty\":0.48800}}],\"fee_usd_equiv\":0.48800",
                    dice.below(100_000_000),
                    pair.symbol,
                    number(last, qty_precision),
                    number(filled, qty_precision)
                ),
            );
        }
        emit(
            micros + 5,
            &format!(
                "{base},\"order_status\":\"filled\",\"exec_type\":\"filled\",\"cum_qty\":{total}"
            ),
        );
    }
    frames
}
