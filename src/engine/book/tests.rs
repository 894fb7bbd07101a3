//! The book against vectors, a naive model and damage.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::types::Quantity;

fn levels(text: &str, price_precision: u8, qty_precision: u8) -> Vec<Level> {
    text.split_whitespace()
        .map(|level| {
            let (price, qty) = level.split_once('x').unwrap();
            Level {
                price: Price::new(digits::fixed(price.as_bytes(), price_precision).unwrap())
                    .unwrap(),
                qty: Quantity::new(digits::fixed(qty.as_bytes(), qty_precision).unwrap()).unwrap(),
            }
        })
        .collect()
}

fn frame(kind: BookKind, bids: Vec<Level>, asks: Vec<Level>, checksum: u32) -> BookUpdate {
    BookUpdate {
        kind,
        bids,
        asks,
        checksum,
        ..BookUpdate::empty()
    }
}

#[track_caller]
fn check(depth: usize, precisions: (u8, u8), frames: &[(&str, &str, u32)]) {
    let (price, qty) = precisions;
    let mut book = Book::new(depth);
    for (index, (bids, asks, checksum)) in frames.iter().enumerate() {
        let kind = if index == 0 {
            BookKind::Snapshot
        } else {
            BookKind::Update
        };
        let update = frame(
            kind,
            levels(bids, price, qty),
            levels(asks, price, qty),
            *checksum,
        );
        assert_eq!(book.apply(&update), Ok(()), "frame {index}");
        assert!(book.is_verified());
    }
}

#[test]
fn documented_snapshot_has_the_documented_checksum() {
    let asks = "45285.2x0.00100000 45286.4x1.54571953 45286.6x1.54571109 45289.6x1.54560911 45290.2x0.15890660 \
                45291.8x1.54553491 45294.7x0.04454749 45296.1x0.35380000 45297.5x0.09945542 45299.5x0.18772827";
    let bids = "45283.5x0.10000000 45283.4x1.54582015 45282.1x0.10000000 45281.0x0.10000000 45280.3x1.54592586 \
                45279.0x0.07990000 45277.6x0.03310103 45277.5x0.30000000 45277.3x1.54602737 45276.6x0.15445238";
    check(10, (1, 8), &[(bids, asks, 3_310_070_434)]);
}

#[test]
fn numbers_without_their_trailing_zeros_are_padded_to_the_precision() {
    let bids = "0.5666x4831.75496356 0.5665x6658.22734739 0.5664x18724.91513344 0.5663x11563.92544914 \
                0.5662x14006.65365711 0.5661x17454.85679807 0.566x18097.1547 0.5659x33644.89175666 \
                0.5658x148.3464 0.5657x606.70854372";
    let asks = "0.5668x4410.79769741 0.5669x4655.40412487 0.567x49844.89424998 0.5671x24306.41678 \
                0.5672x29783.25223475 0.5673x57234.71239278 0.5674x45065.04744 0.5675x5912.76380354 \
                0.5676x42514.92434778 0.5677x36304.0847022";
    check(
        10,
        (4, 8),
        &[
            (bids, asks, 2_439_117_997),
            ("0.5657x1098.3947558", "", 2_114_181_697),
        ],
    );
}

const CAPTURED_BIDS: &str = "29430.2x0.18967538 29429.6x0.00011621 29427.4x0.001 29426.7x4.0 29425.7x0.67945399 \
     29423.5x0.67950478 29422.1x0.16314267 29421.8x0.06797895 29421.7x0.23401846 29421.5x0.28639276";
const CAPTURED_ASKS: &str = "29430.3x8.25215653 29430.4x2.55637606 29430.5x0.2997598 29430.9x2.56473216 29431.0x0.00011662 \
     29431.1x0.001 29432.3x0.0241 29432.4x0.02210682 29432.5x3.39761477 29433.1x0.01021497";

#[test]
fn levels_pushed_out_by_an_insert_are_cut_without_a_message() {
    check(
        10,
        (1, 8),
        &[
            (CAPTURED_BIDS, CAPTURED_ASKS, 2_785_033_588),
            ("", "29431.1x0 29433.3x0.8 29430.6x0.001", 3_547_452_596),
            ("", "29430.3x8.25182177", 3_111_681_483),
            ("29423.0x2.54902601", "", 434_883_881),
        ],
    );
}

#[test]
fn short_and_empty_books_have_checksums_too() {
    check(
        10,
        (1, 8),
        &[("29999.9x1.25 29999.5x0.00012", "30001.0x0.5", 1_871_965_336)],
    );
    check(10, (5, 8), &[("0.05005x0.000005", "", 3_735_470_871)]);
    check(10, (1, 8), &[("", "", 0)]);
}

#[test]
fn wrong_checksum_makes_the_book_stale_until_the_next_snapshot() {
    let snapshot = frame(
        BookKind::Snapshot,
        levels(CAPTURED_BIDS, 1, 8),
        levels(CAPTURED_ASKS, 1, 8),
        2_785_033_588,
    );
    let good = frame(
        BookKind::Update,
        vec![],
        levels("29431.1x0 29433.3x0.8 29430.6x0.001", 1, 8),
        3_547_452_596,
    );
    let mut wrong = good.clone();
    wrong.checksum += 1;
    let mut book = Book::new(10);
    assert_eq!(book.apply(&good), Err(BookFault::NoSnapshot));
    assert_eq!(book.state(), State::Waiting);
    book.apply(&snapshot).unwrap();
    assert_eq!(
        book.apply(&wrong),
        Err(BookFault::Checksum {
            expected: 3_547_452_597,
            computed: 3_547_452_596
        })
    );
    assert_eq!(book.state(), State::Stale { why: Why::Checksum });
    assert_eq!(book.apply(&good), Err(BookFault::NoSnapshot));
    book.apply(&snapshot).unwrap();
    book.apply(&good).unwrap();
}

#[test]
fn crossed_book_is_stale_even_when_its_checksum_is_right() {
    let mut update = frame(
        BookKind::Snapshot,
        levels("101x1", 1, 8),
        levels("100x1", 1, 8),
        0,
    );
    let Err(BookFault::Checksum { computed, .. }) = Book::new(10).apply(&update) else {
        panic!("the checksum of two levels is not 0");
    };
    update.checksum = computed;
    let mut book = Book::new(10);
    assert!(matches!(
        book.apply(&update),
        Err(BookFault::Crossed { .. })
    ));
    assert_eq!(book.state(), State::Stale { why: Why::Crossed });
}

#[test]
fn finer_units_keep_the_levels_and_change_the_checksum() {
    let snapshot = frame(
        BookKind::Snapshot,
        levels(CAPTURED_BIDS, 1, 8),
        levels(CAPTURED_ASKS, 1, 8),
        2_785_033_588,
    );
    let mut coarse = Book::new(10);
    coarse.apply(&snapshot).unwrap();
    coarse.refine(1, 0).unwrap();
    assert_eq!(
        coarse.best_bid().copied(),
        levels("29430.2x0.18967538", 2, 8).first().copied()
    );
    assert!(coarse.verify(2_785_033_588).is_err());
    assert!(coarse.refine(18, 0).is_err());
}

/// The documented algorithm over texts and a map: slow, and plainly right.
#[derive(Default)]
struct Naive {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Naive {
    fn apply(&mut self, bids: &[(i64, i64)], asks: &[(i64, i64)], depth: usize) {
        for (book, changes) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for &(price, qty) in changes {
                if qty == 0 {
                    book.remove(&price);
                } else {
                    book.insert(price, qty);
                }
            }
        }
        while self.bids.len() > depth {
            self.bids.pop_first();
        }
        while self.asks.len() > depth {
            self.asks.pop_last();
        }
    }

    fn checksum(&self) -> u32 {
        let mut text = String::new();
        let sides: [Vec<_>; 2] = [
            self.asks.iter().take(10).collect(),
            self.bids.iter().rev().take(10).collect(),
        ];
        for (price, qty) in sides.into_iter().flatten() {
            for number in [
                format!("{}.{}", price / 10, price % 10),
                format!("{}.{:08}", qty / 100_000_000, qty % 100_000_000),
            ] {
                text.push_str(number.replace('.', "").trim_start_matches('0'));
            }
        }
        crc32fast::hash(text.as_bytes())
    }
}

fn as_levels(changes: &[(i64, i64)]) -> Vec<Level> {
    changes
        .iter()
        .map(|&(price, qty)| Level {
            price: Price::new(price).unwrap(),
            qty: Quantity::new(qty).unwrap(),
        })
        .collect()
}

fn changes(range: std::ops::Range<i64>, most: usize) -> impl Strategy<Value = Vec<(i64, i64)>> {
    let qty = prop_oneof![1 => Just(0), 3 => 1_i64..5_000_000_000];
    prop::collection::vec((range, qty), 0..most)
}

proptest! {
    #[test]
    fn book_agrees_with_a_naive_model(
        depth in prop_oneof![Just(10_usize), Just(25), Just(100)],
        first in (changes(1..300, 120), changes(301..600, 120)),
        frames in prop::collection::vec((changes(1..300, 8), changes(301..600, 8)), 1..120),
    ) {
        let (mut naive, mut book) = (Naive::default(), Book::new(depth));
        naive.apply(&first.0, &first.1, depth);
        let best_first = |(price, qty): (&i64, &i64)| (*price, *qty);
        let bids: Vec<_> = naive.bids.iter().rev().map(best_first).collect();
        let asks: Vec<_> = naive.asks.iter().map(best_first).collect();
        let snapshot = frame(BookKind::Snapshot, as_levels(&bids), as_levels(&asks), naive.checksum());
        prop_assert_eq!(book.apply(&snapshot), Ok(()));
        for (bids, asks) in &frames {
            naive.apply(bids, asks, depth);
            let update = frame(BookKind::Update, as_levels(bids), as_levels(asks), naive.checksum());
            prop_assert_eq!(book.apply(&update), Ok(()));
            let ours: Vec<_> = book.bids().map(|level| (level.price.units(), level.qty.units())).collect();
            let theirs: Vec<_> = naive.bids.iter().rev().map(best_first).collect();
            prop_assert_eq!(ours, theirs);
            let ours: Vec<_> = book.asks().map(|level| (level.price.units(), level.qty.units())).collect();
            let theirs: Vec<_> = naive.asks.iter().map(best_first).collect();
            prop_assert_eq!(ours, theirs);
        }
        let bytes = postcard::to_stdvec(&book).unwrap();
        let mut back: Book = postcard::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&back, &book);
        prop_assert_eq!(back.verify(naive.checksum()), Ok(()));
    }

    #[test]
    fn snapshot_in_any_order_gives_the_same_book(
        bids in prop::collection::btree_map(1_i64..300, 1_i64..5_000, 0..40),
        seed in any::<u64>(),
    ) {
        let sorted: Vec<_> = bids.iter().rev().map(|(price, qty)| (*price, *qty)).collect();
        let mut shuffled = sorted.clone();
        shuffled.sort_by_key(|(price, _)| price.unsigned_abs().wrapping_mul(seed | 1));
        let (mut left, mut right) = (Book::new(1000), Book::new(1000));
        let said = left.apply(&frame(BookKind::Snapshot, as_levels(&sorted), vec![], 0));
        prop_assert_eq!(said, right.apply(&frame(BookKind::Snapshot, as_levels(&shuffled), vec![], 0)));
        prop_assert_eq!(left, right);
    }
}
