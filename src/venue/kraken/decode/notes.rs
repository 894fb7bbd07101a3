//! What the decoder met and does not know: counted per name, logged once per name.

use std::collections::BTreeMap;

use tracing::warn;

/// Names remembered one by one; more are counted together, so that no peer can fill the memory.
const MOST_NAMES: usize = 256;

/// Counts of unknown things.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    fields: BTreeMap<String, u64>,
    further: u64,
    other_symbols: u64,
}

impl Notes {
    /// Unknown fields as `place.key`, with how often each was met.
    #[must_use]
    pub const fn fields(&self) -> &BTreeMap<String, u64> {
        &self.fields
    }

    /// How often an unknown field was met, all names together.
    #[must_use]
    pub fn unknown_fields(&self) -> u64 {
        self.fields.values().sum::<u64>() + self.further
    }

    /// Rows passed over because their symbol is not in the table.
    #[must_use]
    pub const fn other_symbols(&self) -> u64 {
        self.other_symbols
    }

    pub(super) const fn other_symbol(&mut self) {
        self.other_symbols += 1;
    }

    #[cold]
    pub(super) fn unknown_field(&mut self, place: &str, key: &str) {
        let name = format!("{place}.{key:.64}");
        if let Some(count) = self.fields.get_mut(&name) {
            *count += 1;
        } else if self.fields.len() < MOST_NAMES {
            warn!(field = %name, "the venue sends a field that is not known");
            self.fields.insert(name, 1);
        } else {
            self.further += 1;
        }
    }
}
