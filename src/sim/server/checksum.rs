//! The checksums of books, server side: CRC-32 over the best ten levels of each side.
//!
//! For: what a `book` or a `level3` frame claims about the state after it. Left out: frames, subscriptions.
//! Always true: computed from the same fixed-point units that the frame's digits are written from.
//! Digits without their point and without leading zeros are the integer itself, so no text is cut here.

use super::encode::push_units;
use crate::types::{Price, Quantity};

/// Levels a side that count, whatever depth was subscribed.
const LEVELS: usize = 10;

/// The checksum of a book whose sides come best first.
pub(super) fn checksum(
    asks: impl Iterator<Item = (Price, Quantity)>,
    bids: impl Iterator<Item = (Price, Quantity)>,
) -> u32 {
    let mut text = String::with_capacity(512);
    for (price, qty) in asks.take(LEVELS).chain(bids.take(LEVELS)) {
        push_units(&mut text, price.units());
        push_units(&mut text, qty.units());
    }
    crc32fast::hash(text.as_bytes())
}

/// The checksum of a book order by order: levels come best first, and the orders of each in the order in which they are served.
pub(super) fn of_orders<L>(asks: impl Iterator<Item = L>, bids: impl Iterator<Item = L>) -> u32
where
    L: Iterator<Item = (Price, Quantity)>,
{
    let mut text = String::with_capacity(2048);
    for (price, qty) in asks.take(LEVELS).chain(bids.take(LEVELS)).flatten() {
        push_units(&mut text, price.units());
        push_units(&mut text, qty.units());
    }
    crc32fast::hash(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::digits::fixed;

    type Side = Vec<(Price, Quantity)>;

    fn side(text: &str, precisions: (u8, u8)) -> Side {
        let level = |entry: &str| {
            let (price, qty) = entry.split_once('x').unwrap();
            let price = fixed(price.trim().as_bytes(), precisions.0).unwrap();
            let qty = fixed(qty.trim().as_bytes(), precisions.1).unwrap();
            (Price::new(price).unwrap(), Quantity::new(qty).unwrap())
        };
        text.split(',').map(level).collect()
    }

    fn sum(asks: &Side, bids: &Side) -> u32 {
        checksum(asks.iter().copied(), bids.iter().copied())
    }

    #[test]
    fn s1_7_the_documented_ten_level_book_gives_its_documented_sum() {
        let asks = side(
            "45285.2x0.00100000,45286.4x1.54571953,45286.6x1.54571109,45289.6x1.54560911,45290.2x0.15890660,\
             45291.8x1.54553491,45294.7x0.04454749,45296.1x0.35380000,45297.5x0.09945542,45299.5x0.18772827",
            (1, 8),
        );
        let bids = side(
            "45283.5x0.10000000,45283.4x1.54582015,45282.1x0.10000000,45281.0x0.10000000,45280.3x1.54592586,\
             45279.0x0.07990000,45277.6x0.03310103,45277.5x0.30000000,45277.3x1.54602737,45276.6x0.15445238",
            (1, 8),
        );
        assert_eq!(sum(&asks, &bids), 3_310_070_434);
    }

    #[test]
    fn s1_7_digits_that_a_page_cut_off_are_padded_back() {
        let mut bids = side(
            "0.5666x4831.75496356,0.5665x6658.22734739,0.5664x18724.91513344,0.5663x11563.92544914,\
             0.5662x14006.65365711,0.5661x17454.85679807,0.566x18097.1547,0.5659x33644.89175666,\
             0.5658x148.3464,0.5657x606.70854372",
            (4, 8),
        );
        let asks = side(
            "0.5668x4410.79769741,0.5669x4655.40412487,0.567x49844.89424998,0.5671x24306.41678,\
             0.5672x29783.25223475,0.5673x57234.71239278,0.5674x45065.04744,0.5675x5912.76380354,\
             0.5676x42514.92434778,0.5677x36304.0847022",
            (4, 8),
        );
        assert_eq!(sum(&asks, &bids), 2_439_117_997);
        bids[9] = side("0.5657x1098.3947558", (4, 8))[0];
        assert_eq!(sum(&asks, &bids), 2_114_181_697);
    }

    #[test]
    fn s1_7_short_and_empty_books_use_what_is_there() {
        let (asks, bids) = (
            side("30001.0x0.50000000", (1, 8)),
            side("29999.9x1.25000000,29999.5x0.00012000", (1, 8)),
        );
        assert_eq!(sum(&asks, &bids), 1_871_965_336);
        let one = side("0.05005x0.00000500", (5, 8));
        assert_eq!(sum(&Vec::new(), &one), 3_735_470_871);
        assert_eq!(sum(&Vec::new(), &Vec::new()), 0);
    }

    /// Levels as `price: qty, qty; …`, in queue order.
    fn queues(text: &str) -> Vec<Side> {
        let level = |entry: &str| {
            let (price, qtys) = entry.split_once(':').unwrap();
            let orders = qtys.split(',').map(|qty| format!("{price}x{qty}"));
            side(&orders.collect::<Vec<_>>().join(","), (1, 8))
        };
        text.split(';').map(level).collect()
    }

    fn sum_of_orders(asks: &[Side], bids: &[Side]) -> u32 {
        let orders = |level: &Side| level.clone().into_iter();
        of_orders(asks.iter().map(orders), bids.iter().map(orders))
    }

    #[test]
    fn s1_8_the_documented_queues_give_their_documented_sum_and_another_order_does_not() {
        let asks = queues(
            "44939.5: 4.52308393, 0.00111261, 0.00100000, 0.01000000; 44950.0: 0.10334926; 44953.0: 0.00064537; \
             44955.0: 0.00250000; 44959.6: 0.35630000, 0.35630000; 44960.1: 0.00338072; 44960.2: 0.88967575; \
             44967.0: 3.14392283; 44978.5: 0.06778960; 44979.2: 0.35630000",
        );
        let mut bids = queues(
            "44939.4: 0.88968699, 0.45210000, 0.10000000, 0.14296323, 0.25000000, 0.10292988, 0.33880000, 1.28140860; \
             44937.1: 0.03346877; 44934.7: 0.35630000; \
             44930.2: 0.22734299, 0.01000000, 0.05550000, 0.70000000, 0.15000000; 44928.0: 0.00105240; \
             44919.6: 0.33870000; 44919.5: 0.07610000; 44912.0: 0.35630000; 44909.7: 0.06690000; 44901.9: 0.00088982",
        );
        assert_eq!(sum_of_orders(&asks, &bids), 1_063_832_831);
        bids.extend(queues("44900.0: 1.00000000"));
        assert_eq!(
            sum_of_orders(&asks, &bids),
            1_063_832_831,
            "ten levels count"
        );
        bids[0].swap(0, 1);
        assert_ne!(sum_of_orders(&asks, &bids), 1_063_832_831);
        assert_eq!(sum_of_orders(&[], &[]), 0);
    }
}
