//! Recorded data that is no part of the crate, for the tests that want it.

use std::path::PathBuf;

/// A file of the recordings beside the checkout, or where `TRADINGD_DATA` says; a loud note if it is not there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let root = std::env::var_os("TRADINGD_DATA").map_or_else(|| beside.into(), PathBuf::from);
    let path = root.join(name);
    let found = path.exists();
    if !found {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    found.then_some(path)
}
