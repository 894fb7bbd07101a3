//! The table of pairs: one row each, of one line where the terminal is wide and of two where it is not.

use ratatui::{
    layout::{Alignment, Constraint},
    style::{Color, Style, Stylize as _},
    text::{Line, Span, Text},
    widgets::{Row, Table},
};

use super::amounts::{money, signed};
use crate::{app::picture::MarketPicture, types::Decimal};

/// Columns from which a row has one line.
const WIDE: u16 = 132;
/// What belongs together: on a narrow terminal the second stands below the first. With the width of each.
const COLUMNS: [[(&str, u16); 2]; 5] = [
    [("PAIR", 9), ("BOOK", 9)],
    [("BID", 24), ("ASK", 24)],
    [("SPREAD", 10), ("FILLS", 6)],
    [("POSITION", 14), ("FEES", 10)],
    [("PNL", 10), ("ORDERS", 6)],
];
/// Columns that a narrow terminal goes without, the least needed first: a cut number would read as another one.
const DISPENSABLE: [usize; 3] = [2, 3, 4];
/// Columns of text; all others are numbers.
const TEXTS: usize = 1;

/// The table, for an area of this width.
pub(super) fn table(markets: &[MarketPicture], width: u16) -> Table<'static> {
    let heads = COLUMNS.map(|pair| pair.map(|(head, _)| Span::raw(head).dim()));
    let bodies = markets.iter().map(cells);
    if width < WIDE {
        let shown = fitting(width);
        let rows = bodies.map(|cells| Row::new(stacked(cells, &shown)).height(2));
        let widths = shown
            .iter()
            .map(|column| Constraint::Min(stacked_width(*column)));
        let header = Row::new(stacked(heads, &shown)).height(2);
        return Table::new(rows, widths).header(header);
    }
    let rows = bodies.map(|cells| Row::new(abreast(cells)));
    let widths = COLUMNS
        .into_iter()
        .flatten()
        .map(|(_, width)| Constraint::Min(width));
    Table::new(rows, widths).header(Row::new(abreast(heads)))
}

/// Lines of the table for so many pairs.
pub(super) fn height(markets: usize, width: u16) -> u16 {
    let lines = if width < WIDE { 2 } else { 1 };
    u16::try_from(markets.saturating_add(1).saturating_mul(lines)).unwrap_or(u16::MAX)
}

/// How many pairs have a place in so many lines.
pub(super) fn capacity(height: u16, width: u16) -> usize {
    let lines = if width < WIDE { 2 } else { 1 };
    usize::from((height / lines).saturating_sub(1))
}

fn stacked_width(column: usize) -> u16 {
    let [(_, above), (_, below)] = COLUMNS[column];
    above.max(below)
}

/// The columns that stand side by side in this width, one blank between them.
fn fitting(width: u16) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..COLUMNS.len()).collect();
    for column in DISPENSABLE {
        let widths = shown.iter().map(|column| stacked_width(*column) + 1);
        if widths.sum::<u16>() <= width + 1 {
            break;
        }
        shown.retain(|other| *other != column);
    }
    shown
}

fn stacked(cells: [[Span<'static>; 2]; 5], shown: &[usize]) -> Vec<Text<'static>> {
    let text = |(column, pair): (usize, [Span<'static>; 2])| {
        let lines = pair.map(Line::from);
        let text = Text::from(lines.to_vec()).alignment(alignment(column));
        shown.contains(&column).then_some(text)
    };
    cells.into_iter().enumerate().filter_map(text).collect()
}

fn abreast(cells: [[Span<'static>; 2]; 5]) -> impl Iterator<Item = Text<'static>> {
    cells
        .into_iter()
        .enumerate()
        .flat_map(|(column, pair)| pair.map(|cell| Text::from(cell).alignment(alignment(column))))
}

const fn alignment(column: usize) -> Alignment {
    if column < TEXTS {
        Alignment::Left
    } else {
        Alignment::Right
    }
}

fn cells(market: &MarketPicture) -> [[Span<'static>; 2]; 5] {
    let text = |text: String| Span::raw(text);
    [
        [Span::raw(market.symbol.to_string()).bold(), book(market)],
        [
            text(level(market.bid)).green(),
            text(level(market.ask)).red(),
        ],
        [text(spread(market)), text(market.fills.to_string())],
        [
            text(market.position.normalized().to_string()),
            text(money(market.fees)),
        ],
        [
            Span::styled(signed(market.pnl), gain(market.pnl)),
            text(market.orders.len().to_string()),
        ],
    ]
}

fn book(market: &MarketPicture) -> Span<'static> {
    match (market.halted, market.verified) {
        (true, _) => Span::raw("HALTED").white().on_red(),
        (false, true) => Span::raw("verified").green(),
        (false, false) => Span::raw("STALE").red().bold(),
    }
}

fn level(level: Option<(Decimal, Decimal)>) -> String {
    level.map_or_else(
        || "–".to_owned(),
        |(price, qty)| format!("{price} × {}", qty.normalized()),
    )
}

fn spread(market: &MarketPicture) -> String {
    let spread = market
        .bid
        .zip(market.ask)
        .and_then(|((bid, _), (ask, _))| ask.checked_sub(bid).ok());
    spread.map_or_else(|| "–".to_owned(), |spread| spread.to_string())
}

fn gain(pnl: Decimal) -> Style {
    let color = match pnl.cmp(&Decimal::ZERO) {
        std::cmp::Ordering::Less => Color::Red,
        std::cmp::Ordering::Equal => Color::Reset,
        std::cmp::Ordering::Greater => Color::Green,
    };
    Style::new().fg(color)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_goes_without_columns_and_never_cuts_a_number() {
        for (width, columns) in [
            (131, vec![0, 1, 2, 3, 4]),
            (71, vec![0, 1, 2, 3, 4]),
            (70, vec![0, 1, 3, 4]),
            (60, vec![0, 1, 3, 4]),
            (59, vec![0, 1, 4]),
            (20, vec![0, 1]),
        ] {
            assert_eq!(fitting(width), columns, "{width}");
        }
    }
}
