//! Items side by side, on as many lines as it takes.

use ratatui::text::{Line, Span};

/// Space between two items.
const GAP: &str = "  ";
/// Space before what goes on on the next line.
const INDENT: &str = "    ";

/// Puts items on lines of a width. An item stays in one piece; one that is wider than a line is cut there.
pub(super) fn flow(items: Vec<Vec<Span<'static>>>, width: u16) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for item in items {
        let wide: usize = item.iter().map(Span::width).sum();
        match lines.last_mut() {
            Some(line) if line.width() + GAP.len() + wide <= width => {
                line.push_span(GAP);
                line.spans.extend(item);
            }
            _ => lines.push(Line::from(item)),
        }
    }
    lines
}

/// A text on lines of a width, broken between words.
pub(super) fn fold(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{INDENT}{word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_between_words_and_keeps_its_spaces() {
        let text = "08:00:00  INFO fill price=1.5";
        assert_eq!(fold(text, 80), [text]);
        assert_eq!(fold(text, 20), ["08:00:00  INFO fill", "    price=1.5"]);
    }

    #[test]
    fn items_stay_in_one_piece() {
        let items = || {
            ["one", "two", "three"]
                .map(|word| vec![Span::raw(word)])
                .to_vec()
        };
        let texts = |width| {
            flow(items(), width)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(80), ["one  two  three"]);
        assert_eq!(texts(8), ["one  two", "three"]);
        assert_eq!(texts(7), ["one", "two", "three"]);
        assert_eq!(texts(0), ["one", "two", "three"]);
    }
}
