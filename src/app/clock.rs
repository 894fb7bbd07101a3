//! The one place where time enters.

use std::time::{Instant, SystemTime};

use crate::{io::Clock, types::Timestamp};

/// UTC, read once and carried on by the monotonic clock, so that it never steps.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub fn system() -> Clock {
    let began = Instant::now();
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let anchor = Timestamp::from_nanos(0).after(since_epoch);
    Clock::new(move || anchor.after(began.elapsed()))
}
