//! What came of a replay.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// Counts over all recordings.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Frames received.
    pub(super) frames: u64,
    /// Of them, decoded to a typed message.
    pub(super) decoded: u64,
    /// Of them, of a channel or method that is not known.
    pub(super) unknown: u64,
    /// Of them, no message at all; and files that could not be read to their end.
    pub(super) errors: u64,
    /// Frames by channel.
    pub(super) channels: BTreeMap<&'static str, u64>,
    /// Proofs by symbol.
    pub(super) books: BTreeMap<String, BookCounts>,
    /// Proofs of order-by-order books, by symbol; not there without one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) level3: BTreeMap<String, BookCounts>,
    /// Keys that no field took, by name.
    #[serde(skip)]
    pub(super) fields: BTreeMap<String, u64>,
}

/// Counts of one symbol's book.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct BookCounts {
    /// Whole books.
    pub(super) snapshots: u64,
    /// Changes.
    pub(super) updates: u64,
    /// Frames after which the checksum agreed.
    pub(super) checksum_ok: u64,
    /// Frames after which it did not, or the book was crossed. Updates after that are not applied until the next snapshot.
    pub(super) checksum_failed: u64,
}

impl BookCounts {
    const fn unproven(&self) -> u64 {
        self.snapshots + self.updates - self.checksum_ok - self.checksum_failed
    }
}

impl Summary {
    /// A file that could not be read to its end.
    pub(super) const fn unreadable(&mut self) {
        self.errors += 1;
    }

    /// Adds another recording's counts.
    pub(super) fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.decoded += other.decoded;
        self.unknown += other.unknown;
        self.errors += other.errors;
        for (channel, count) in other.channels {
            *self.channels.entry(channel).or_default() += count;
        }
        for (name, count) in other.fields {
            *self.fields.entry(name).or_default() += count;
        }
        add(&mut self.books, other.books);
        add(&mut self.level3, other.level3);
    }

    /// Whether nothing failed.
    pub(super) fn is_clean(&self) -> bool {
        let mut books = self.books.values().chain(self.level3.values());
        self.errors == 0 && books.all(|book| book.checksum_failed == 0)
    }

    /// One JSON object.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn add(sums: &mut BTreeMap<String, BookCounts>, others: BTreeMap<String, BookCounts>) {
    for (symbol, counts) in others {
        let sum = sums.entry(symbol).or_default();
        sum.snapshots += counts.snapshots;
        sum.updates += counts.updates;
        sum.checksum_ok += counts.checksum_ok;
        sum.checksum_failed += counts.checksum_failed;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "frames: {}", self.frames)?;
        writeln!(f, "decoded: {}", self.decoded)?;
        writeln!(f, "unknown: {}", self.unknown)?;
        writeln!(f, "errors: {}", self.errors)?;
        for (channel, count) in &self.channels {
            writeln!(f, "channel {channel}: {count}")?;
        }
        for (name, count) in &self.fields {
            writeln!(f, "unknown field {name}: {count}")?;
        }
        let books = self
            .books
            .iter()
            .map(|(symbol, book)| ("book", symbol, book));
        let level3 = self.level3.iter();
        let level3 = level3.map(|(symbol, book)| ("level3", symbol, book));
        for (channel, symbol, book) in books.chain(level3) {
            write!(
                f,
                "{channel} {symbol}: {} snapshots, {} updates, {} checksums right, {} wrong",
                book.snapshots, book.updates, book.checksum_ok, book.checksum_failed
            )?;
            match book.unproven() {
                0 => writeln!(f)?,
                unproven => writeln!(f, ", {unproven} updates without a sound book")?,
            }
        }
        Ok(())
    }
}
