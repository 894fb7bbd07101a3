//! One picture into one frame. Pure: the same view gives the same frame.
//!
//! From top to bottom: what the daemon is about, pairs, own orders, log, counters, keys. What does not fit is counted; on a small
//! terminal counters and log give way first.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Style, Stylize as _},
    text::{Line, Span},
    widgets::Paragraph,
};
use tracing::Level;

use super::{
    View,
    amounts::{clock, count, latency},
    flow::{flow, fold},
    markets,
};
use crate::{
    app::picture::{OrderPicture, Picture},
    engine::{
        Mode,
        event::{Link, OrderEntry},
    },
    types::{Side, Symbol},
};

/// Lines of the log that are asked for; terminals are rarely higher.
pub(super) const LOG_LINES: usize = 100;
/// Lines that the log has at least, with its title.
const LOG_LEAST: u16 = 4;
/// Pairs that go before counters and log.
const FEW_PAIRS: usize = 3;
/// Lines that own orders have at least, with their title.
const ORDERS_LEAST: u16 = 3;

/// Draws everything.
pub fn render(frame: &mut Frame<'_>, view: &View) {
    let area = frame.area();
    let header = flow(header(view), area.width);
    let mut counters = flow(counters(view), area.width);
    let heights = Heights::of(area, view, header.len(), counters.len());
    counters.truncate(usize::from(heights.counters));
    let [top, table, own, log, bottom, keys] = Layout::vertical([
        Constraint::Length(lines(header.len())),
        Constraint::Length(heights.pairs),
        Constraint::Length(heights.orders),
        Constraint::Min(0),
        Constraint::Length(heights.counters),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(header), top);
    frame.render_widget(markets::table(&view.picture.markets, area.width), table);
    draw_orders(frame, own, &view.picture, table);
    draw_log(frame, log, view);
    frame.render_widget(Paragraph::new(counters), bottom);
    frame.render_widget(hint(view.picture.mode), keys);
}

/// Lines of what need not fit. The log has the rest.
struct Heights {
    pairs: u16,
    orders: u16,
    counters: u16,
}

impl Heights {
    /// A few pairs and the title of the orders, which counts what is missing, come first; counters give way to them, then the log.
    fn of(area: Rect, view: &View, header: usize, counters: usize) -> Self {
        let markets = view.picture.markets.len();
        let all = markets::height(markets, area.width);
        let few = markets::height(markets.min(FEW_PAIRS), area.width);
        let free = area.height.saturating_sub(lines(header)).saturating_sub(1);
        let first = few.saturating_add(ORDERS_LEAST).min(free);
        let counters = lines(counters).min(free - first);
        let log = LOG_LEAST.min(free - first - counters);
        let rest = free - counters - log;
        let few = few.min(rest.saturating_sub(1));
        let pairs = all.min(rest.saturating_sub(ORDERS_LEAST)).max(few);
        let orders = lines(view.picture.open_orders().max(1)).saturating_add(1);
        Self {
            pairs,
            orders: orders.min(rest - pairs),
            counters,
        }
    }
}

fn lines(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn header(view: &View) -> Vec<Vec<Span<'static>>> {
    let picture = &view.picture;
    let mut items = vec![
        vec![Span::raw("tradingd").bold()],
        vec![mode(picture.mode)],
        vec![Span::raw(format!("up {}", clock(uptime(picture))))],
        vec![Span::raw(view.extra.venue.clone())],
        state("feed", link(picture.feed), picture.feed == Link::Up),
        state(
            "account",
            link(picture.account),
            picture.account == Link::Up,
        ),
        state(
            "order entry",
            entry(picture.order_entry),
            picture.order_entry == OrderEntry::Open,
        ),
    ];
    let breakers = view.extra.breakers.iter();
    items.extend(breakers.map(|(name, is)| breaker(name, is)));
    items
}

/// A breaker that never opens because the operator, or its purpose, wants it so is neither well nor ill.
fn breaker(name: &str, is: &str) -> Vec<Span<'static>> {
    let mut spans = state(&format!("breaker {name}"), is, is == "closed");
    if matches!(is, "metrics_only" | "disabled") {
        spans.pop();
        spans.push(Span::raw(is.to_owned()));
    }
    spans
}

fn mode(mode: Mode) -> Span<'static> {
    match mode {
        Mode::Syncing => Span::raw(" SYNCING ").black().on_yellow(),
        Mode::Trading => Span::raw(" TRADING ").black().on_green(),
        Mode::Stopping => Span::raw(" STOPPING ").black().on_yellow(),
        Mode::Stopped => Span::raw(" STOPPED ").reversed(),
    }
}

fn uptime(picture: &Picture) -> Duration {
    picture
        .tally
        .since
        .map_or(Duration::ZERO, |since| picture.at.since(since))
}

const fn link(link: Link) -> &'static str {
    match link {
        Link::Up => "up",
        Link::Down => "DOWN",
    }
}

const fn entry(entry: OrderEntry) -> &'static str {
    match entry {
        OrderEntry::Open => "open",
        OrderEntry::Shut => "SHUT",
    }
}

fn state(name: &str, is: &str, well: bool) -> Vec<Span<'static>> {
    let is = Span::raw(is.to_owned());
    let is = if well { is.green() } else { is.red().bold() };
    vec![Span::raw(format!("{name} ")).dim(), is]
}

fn counters(view: &View) -> Vec<Vec<Span<'static>>> {
    let (picture, tally) = (&view.picture, &view.picture.tally);
    let mut items = vec![
        number("frames", view.extra.frames, false),
        number("checksums", tally.checksums, false),
        number("failed", tally.checksums_failed, true),
        number("stale books", tally.stale_books, true),
        vec![
            Span::raw("worst latency ").dim(),
            Span::raw(latency(tally.worst_latency)),
        ],
        number("orders", tally.orders, false),
        number("amends", tally.amends, false),
        number("cancels", tally.cancels, false),
        number("a minute", picture.commands_a_minute(), false),
        number("fills", tally.fills, false),
        number("rejected", tally.rejected, true),
        number("unanswered", tally.unanswered, true),
        number("anomalies", picture.anomalies, true),
        number("denied", tally.denied(), false),
    ];
    let codes = tally.denied.iter();
    items.extend(codes.map(|(code, times)| number(code.as_str(), *times, false)));
    items
}

/// A counter; one that should stay at zero stands out once it does not.
fn number(name: &str, number: u64, alarms: bool) -> Vec<Span<'static>> {
    let value = Span::raw(count(number));
    let value = if alarms && number > 0 {
        value.yellow().bold()
    } else {
        value
    };
    vec![Span::raw(format!("{name} ")).dim(), value]
}

/// Own orders; the title says how many, and which pairs have no place in the table above.
fn draw_orders(frame: &mut Frame<'_>, area: Rect, picture: &Picture, table: Rect) {
    let shown = markets::capacity(table.height, table.width);
    let hidden = picture.markets.len().saturating_sub(shown);
    let own = picture.markets.iter().flat_map(|market| {
        market
            .orders
            .iter()
            .map(move |order| (market.symbol, order))
    });
    let place = usize::from(area.height.saturating_sub(1));
    let mut rows: Vec<Line<'static>> = own
        .map(|(symbol, order)| order_line(symbol, order))
        .collect();
    let title = match (rows.len().saturating_sub(place), hidden) {
        (0, 0) => format!("OPEN ORDERS {}", rows.len()),
        (0, pairs) => format!("OPEN ORDERS {} ({pairs} more pairs above)", rows.len()),
        (orders, 0) => format!("OPEN ORDERS {} ({orders} more)", rows.len()),
        (orders, pairs) => {
            format!(
                "OPEN ORDERS {} ({orders} more; {pairs} more pairs above)",
                rows.len()
            )
        }
    };
    if rows.is_empty() {
        rows.push(Line::from("none").dim());
    }
    rows.truncate(place);
    rows.insert(0, Line::from(title).dim());
    frame.render_widget(Paragraph::new(rows), area);
}

fn order_line(symbol: Symbol, order: &OrderPicture) -> Line<'static> {
    let side = Span::raw(format!("{:<5}", order.side.as_str()));
    let side = match order.side {
        Side::Buy => side.green(),
        Side::Sell => side.red(),
    };
    let state = Span::raw(format!("{:<10}", order.state));
    let state = if order.state == "unknown" {
        state.yellow().bold()
    } else {
        state
    };
    let amount = format!("{} × {}", order.price, order.open.normalized());
    Line::from(vec![
        Span::raw(format!("{:<10}", symbol.as_str())),
        side,
        Span::raw(format!("{amount:>30}  ")),
        state,
        Span::raw(order.id.to_string()).dim(),
    ])
}

/// The newest lines that have a place, each in full.
fn draw_log(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let place = usize::from(area.height.saturating_sub(1));
    let mut rows = Vec::new();
    for line in view.log.iter().rev() {
        let folded = fold(&line.text, area.width);
        if rows.len() + folded.len() > place && !rows.is_empty() {
            break;
        }
        let style = level(line.level);
        let styled = folded.into_iter().map(|text| Line::styled(text, style));
        rows.splice(0..0, styled);
    }
    rows.truncate(place);
    rows.insert(0, Line::from("LOG").dim());
    frame.render_widget(Paragraph::new(rows), area);
}

fn level(level: Level) -> Style {
    match level {
        Level::ERROR => Style::new().fg(Color::Red).bold(),
        Level::WARN => Style::new().fg(Color::Yellow),
        Level::INFO => Style::new(),
        _ => Style::new().dim(),
    }
}

fn hint(mode: Mode) -> Line<'static> {
    let text = match mode {
        Mode::Syncing | Mode::Trading => {
            "q or ctrl-c stops: strategies stop, open orders are canceled"
        }
        Mode::Stopping => "stopping, open orders are being canceled; q or ctrl-c again hurries",
        Mode::Stopped => "stopped, no order of ours is open",
    };
    Line::from(text).dim()
}

#[cfg(test)]
mod tests;
