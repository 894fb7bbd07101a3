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
        for (symbol, counts) in other.books {
            let sum = self.books.entry(symbol).or_default();
            sum.snapshots += counts.snapshots;
            sum.updates += counts.updates;
            sum.checksum_ok += counts.checksum_ok;
            sum.checksum_failed += counts.checksum_failed;
        }
    }

    /// Whether nothing failed.
    pub(super) fn is_clean(&self) -> bool {
        self.errors == 0 && self.books.values().all(|book| book.checksum_failed == 0)
    }

    /// One JSON object.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
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
        for (symbol, book) in &self.books {
            write!(
                f,
                "book {symbol}: {} snapshots, {} updates, {} checksums right, {} wrong",
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
