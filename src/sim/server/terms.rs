//! What both wires ask of an order's ids and times (§2.4, §3.4).

use std::time::Duration;

use crate::types::{ClOrdId, Timestamp};

/// The refusal of a name for an order with a conditional close.
pub(super) const NO_NAME_WITH_CLOSE: &str =
    "EOrder:cl_ord_id is not supported on conditional close";

/// Nothing about an order lies further ahead.
const MONTH: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// Least time from now to an expiry.
const LEAST: Duration = Duration::from_secs(5);

/// A client's id in one of the three forms: UUID, the same without dashes, or at most 18 characters of free text.
pub(super) fn client_id(text: &str) -> Option<ClOrdId> {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups = text.split('-').map(str::len);
    let good = match text.len() {
        1..=18 => text.bytes().all(|byte| byte.is_ascii_graphic()),
        32 => hex(text),
        36 => groups.eq([8, 4, 4, 4, 12]) && hex(&text.replace('-', "")),
        _ => false,
    };
    good.then(|| ClOrdId::new(text).ok()).flatten()
}

/// Whether an order may begin then: at most a month ahead. What is over is now.
pub(super) fn is_start(at: Timestamp, now: Timestamp) -> bool {
    at <= now.after(MONTH)
}

/// Whether an order may expire then: at least five seconds and at most a month ahead, and after it has begun.
pub(super) fn is_expiry(at: Timestamp, start: Option<Timestamp>, now: Timestamp) -> bool {
    let ahead = now.after(LEAST)..=now.after(MONTH);
    ahead.contains(&at) && start.is_none_or(|start| start < at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_are_uuids_or_short_texts() {
        for good in [
            "a",
            "arb-20240509-00010",
            "p1641_47",
            "6d1b345e-2821-40e2-ad83-4ecb18a06876",
            "6D1B345E282140E2AD834ECB18A06876",
        ] {
            assert_eq!(client_id(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "has a blank",
            "nineteen-characters",
            "6d1b345e282140e2ad834ecb18a0687g",
            "6d1b345e-2821-40e2-ad83-4ecb18a0687",
            "6d1b345e2-821-40e2-ad83-4ecb18a06876",
            "6d1b345e-2821-40e2-ad83-4ecb18a06876a",
            "6d1b345e-2821-409a-8dba1-d2a93d1ce58",
            "caf\u{e9}",
        ] {
            assert_eq!(client_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_order_ends_after_it_begins_and_both_within_a_month() {
        let now = Timestamp::from_secs(1_788_249_600);
        let ahead = |seconds| now.after(Duration::from_secs(seconds));
        let month = MONTH.as_secs();
        assert!(is_start(now, now) && is_start(ahead(month), now));
        assert!(!is_start(ahead(month + 1), now));
        for (expiry, start, fits) in [
            (4, None, false),
            (5, None, true),
            (month, None, true),
            (month + 1, None, false),
            (60, Some(60), false),
            (60, Some(59), true),
        ] {
            let told = is_expiry(ahead(expiry), start.map(ahead), now);
            assert_eq!(told, fits, "{expiry} {start:?}");
        }
    }
}
