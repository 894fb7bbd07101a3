//! The words of announcements.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an announcement is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the venue's, and say it all")]
pub enum Service {
    SpotWs,
    SpotRest,
    SpotFix,
    SpotTrading,
    FuturesWs,
    FuturesRest,
    FuturesFix,
    FuturesTrading,
    All,
    Unspecified,
}

/// Whether orders are taken during a window.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the venue's, and say it all")]
pub enum Submission {
    #[default]
    Allowed,
    Discouraged,
    Blocked,
    Unspecified,
}

/// What clients should do about a window.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the venue's, and say it all")]
pub enum Action {
    #[default]
    Continue,
    ReduceActivity,
    CancelOpenOrders,
    StopNewOrders,
    DisconnectAndWait,
    Unspecified,
}

/// How far an incident is understood.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the venue's, and say it all")]
pub enum Incident {
    #[default]
    Investigating,
    Identified,
    Monitoring,
    Unspecified,
}

/// How bad an incident is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the venue's, and say it all")]
pub enum Impact {
    None,
    #[default]
    Minor,
    Major,
    Critical,
    Unspecified,
}

/// How near a window is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum Phase {
    /// More than a day away.
    #[serde(rename = "announced")]
    Announced,
    /// A day or less.
    #[serde(rename = "reminder_24h")]
    Reminder24h,
    /// Half an hour or less.
    #[serde(rename = "approaching_30m")]
    Approaching30m,
    /// Five minutes or less.
    #[serde(rename = "imminent_5m")]
    Imminent5m,
    /// Half a minute or less.
    #[serde(rename = "final_warning_30s")]
    FinalWarning30s,
}

impl Phase {
    /// How long before the beginning each phase begins, nearest first.
    pub(super) const BOUNDS: [(Duration, Self); 4] = [
        (Duration::from_secs(30), Self::FinalWarning30s),
        (Duration::from_secs(300), Self::Imminent5m),
        (Duration::from_secs(1800), Self::Approaching30m),
        (Duration::from_secs(86_400), Self::Reminder24h),
    ];

    /// The phase of a window that begins in a while.
    pub(super) fn of(left: Duration) -> Self {
        let reached = Self::BOUNDS.iter().find(|(before, _)| left <= *before);
        reached.map_or(Self::Announced, |(_, phase)| *phase)
    }
}
