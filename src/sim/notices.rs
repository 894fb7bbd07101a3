//! What the venue announces: planned maintenance and emergencies (§1.5, §3.2).
//!
//! For: `status` frames, `SystemStatus`, `MaintenanceSchedule`. Left out: what happens to the market then (`plan`).
//! Always true: an announcement changes no status; a window leaves `upcoming_maintenance` when it begins.

mod words;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::settings::{Length, duration};
use crate::types::Timestamp;

pub use self::words::{Action, Impact, Incident, Phase, Service, Submission};

/// How far ahead `upcoming_maintenance` looks.
const UPCOMING: Duration = Duration::from_secs(72 * 3600);
/// How far ahead `MaintenanceSchedule` looks.
const SCHEDULED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most that can be announced at once.
const MOST: usize = 100;

/// A maintenance window as it is asked for. Times are from now.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NewMaintenance {
    /// What for.
    pub title: String,
    /// When it begins.
    #[serde(with = "duration")]
    pub starts_in: Duration,
    /// How long it takes; unknown if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Length>,
    /// When orders should be canceled at the latest, before the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_before: Option<Length>,
    /// What is affected.
    #[serde(default = "spot")]
    pub affected_services: Vec<Service>,
    /// Whether orders are taken.
    #[serde(default)]
    pub order_submission: Submission,
    /// What clients should do.
    #[serde(default)]
    pub recommended_action: Action,
    /// Where more is told.
    #[serde(default)]
    pub source_url: String,
}

/// An incident as it is asked for. It begins now.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NewEmergency {
    /// What is wrong.
    pub title: String,
    /// How far it is understood.
    #[serde(default)]
    pub incident_status: Incident,
    /// How bad it is.
    #[serde(default)]
    pub impact: Impact,
    /// What is affected.
    #[serde(default = "spot")]
    pub affected_services: Vec<Service>,
    /// What will be done.
    #[serde(default)]
    pub next_steps: Vec<NextStep>,
    /// Where more is told.
    #[serde(default)]
    pub source_url: String,
}

/// What will be done about an incident.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NextStep {
    /// With what.
    pub applies_to: Service,
    /// What.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, as RFC 3339.
    #[serde(default)]
    pub expected_at_utc: Option<String>,
}

impl NewMaintenance {
    /// A window of which nothing else is known.
    #[must_use]
    pub fn new(title: String, starts_in: Duration) -> Self {
        Self {
            title,
            starts_in,
            lasts: None,
            cancel_before: None,
            affected_services: spot(),
            order_submission: Submission::default(),
            recommended_action: Action::default(),
            source_url: String::new(),
        }
    }
}

fn spot() -> Vec<Service> {
    vec![Service::SpotTrading, Service::SpotWs, Service::SpotRest]
}

/// An announced window on the wire.
#[derive(Debug, Serialize)]
pub struct Maintenance {
    event_id: u64,
    title: String,
    expected_start_utc: String,
    expected_end_utc: Option<String>,
    time_to_start_s: u64,
    phase: Phase,
    affected_services: Vec<Service>,
    order_submission: Submission,
    recommended_action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_before_utc: Option<String>,
    source_url: String,
}

/// An incident on the wire.
#[derive(Debug, Serialize)]
pub struct Emergency {
    event_id: u64,
    title: String,
    incident_status: Incident,
    impact: Impact,
    affected_services: Vec<Service>,
    started_at_utc: String,
    next_steps: Vec<NextStep>,
    source_url: String,
}

/// What a `status` frame and `SystemStatus` tell beside the status.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Windows that begin soon.
    pub upcoming_maintenance: Vec<Maintenance>,
    /// Incidents that are not over.
    pub emergency: Vec<Emergency>,
}

/// All that is announced. Clones share it.
#[derive(Clone, Default)]
pub struct Notices(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    version: AtomicU64,
}

#[derive(Default)]
struct State {
    last_id: u64,
    planned: BTreeMap<u64, (Timestamp, NewMaintenance)>,
    emergencies: BTreeMap<u64, (Timestamp, NewEmergency)>,
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}

impl Notices {
    /// Announces a maintenance window and returns its `event_id`; none if too much is announced already.
    #[must_use]
    pub fn announce(&self, now: Timestamp, new: NewMaintenance) -> Option<u64> {
        let mut state = self.lock();
        let id = state.next_id()?;
        let start = now.after(new.starts_in);
        state.planned.insert(id, (start, new));
        self.touch();
        Some(id)
    }

    /// Takes an announcement back. False if there is none of that number.
    #[must_use]
    pub fn withdraw(&self, id: u64) -> bool {
        let found = self.lock().planned.remove(&id).is_some();
        self.touch();
        found
    }

    /// Tells of an incident and returns its `event_id`; none if too much is told already.
    #[must_use]
    pub fn alert(&self, now: Timestamp, new: NewEmergency) -> Option<u64> {
        let mut state = self.lock();
        let id = state.next_id()?;
        state.emergencies.insert(id, (now, new));
        self.touch();
        Some(id)
    }

    /// Ends an incident. False if there is none of that number.
    #[must_use]
    pub fn resolve(&self, id: u64) -> bool {
        let found = self.lock().emergencies.remove(&id).is_some();
        self.touch();
        found
    }

    /// A number that changes whenever something else is to be told.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// What is told beside the status, with so many fraction digits of seconds.
    #[must_use]
    pub fn told(&self, now: Timestamp, digits: u8) -> Told {
        let state = self.lock();
        let emergencies = state.emergencies.iter();
        Told {
            upcoming_maintenance: state.within(now, UPCOMING, digits),
            emergency: emergencies
                .map(|(id, (since, new))| emergency(*id, *since, new, digits))
                .collect(),
        }
    }

    /// The windows of the next seven days, by their beginning.
    #[must_use]
    pub fn schedule(&self, now: Timestamp) -> Vec<Maintenance> {
        self.lock().within(now, SCHEDULED, 0)
    }

    /// When something else is to be told next because time passed: a window comes into sight, nearer, or begins.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let state = self.lock();
        let steps = state.planned.values().flat_map(|(start, _)| {
            let before = Phase::BOUNDS.iter().map(|(before, _)| *before);
            before
                .chain([UPCOMING, Duration::ZERO])
                .map(|before| start.before(before))
        });
        steps.filter(|at| *at > now).min()
    }

    /// Forgets windows that have begun, and notes that something else is to be told.
    pub fn refresh(&self, now: Timestamp) {
        self.lock().planned.retain(|_, (start, _)| *start > now);
        self.touch();
    }

    fn touch(&self) {
        self.0.version.fetch_add(1, Ordering::AcqRel);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_id(&mut self) -> Option<u64> {
        if self.planned.len() + self.emergencies.len() >= MOST {
            return None;
        }
        self.last_id += 1;
        Some(self.last_id)
    }

    fn within(&self, now: Timestamp, ahead: Duration, digits: u8) -> Vec<Maintenance> {
        let seen = |start: Timestamp| start > now && start.since(now) <= ahead;
        let windows = self.planned.iter();
        let mut windows: Vec<_> = windows.filter(|(_, (start, _))| seen(*start)).collect();
        windows.sort_by_key(|(id, (start, _))| (*start, **id));
        windows
            .into_iter()
            .map(|(id, (start, new))| maintenance(*id, now, *start, new, digits))
            .collect()
    }
}

fn maintenance(
    id: u64,
    now: Timestamp,
    start: Timestamp,
    new: &NewMaintenance,
    digits: u8,
) -> Maintenance {
    let text = |at: Timestamp| at.rfc3339(digits).to_string();
    let left = start.since(now);
    Maintenance {
        event_id: id,
        title: new.title.clone(),
        expected_start_utc: text(start),
        expected_end_utc: new.lasts.map(|length| text(start.after(length.0))),
        time_to_start_s: left.as_secs(),
        phase: Phase::of(left),
        affected_services: new.affected_services.clone(),
        order_submission: new.order_submission,
        recommended_action: new.recommended_action,
        cancel_before_utc: new.cancel_before.map(|before| text(start.before(before.0))),
        source_url: new.source_url.clone(),
    }
}

fn emergency(id: u64, since: Timestamp, new: &NewEmergency, digits: u8) -> Emergency {
    Emergency {
        event_id: id,
        title: new.title.clone(),
        incident_status: new.incident_status,
        impact: new.impact,
        affected_services: new.affected_services.clone(),
        started_at_utc: since.rfc3339(digits).to_string(),
        next_steps: new.next_steps.clone(),
        source_url: new.source_url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_788_249_600);

    fn window(title: &str, starts_in: Duration) -> NewMaintenance {
        let text = format!(
            r#"{{"title":"{title}","starts_in":"{}s","lasts":"20m","cancel_before":"5m"}}"#,
            starts_in.as_secs()
        );
        serde_json::from_str(&text).unwrap()
    }

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3600)
    }

    #[test]
    fn status_looks_three_days_ahead_and_the_schedule_seven() {
        let notices = Notices::default();
        for (title, starts_in) in [
            ("week", hours(169)),
            ("later", hours(73)),
            ("soon", hours(72)),
        ] {
            assert!(notices.announce(NOW, window(title, starts_in)).is_some());
        }
        let titles = |windows: Vec<Maintenance>| -> Vec<String> {
            windows.into_iter().map(|window| window.title).collect()
        };
        assert_eq!(titles(notices.told(NOW, 0).upcoming_maintenance), ["soon"]);
        assert_eq!(titles(notices.schedule(NOW)), ["soon", "later"]);
        let begins = NOW.after(hours(72));
        let told = titles(notices.told(begins, 0).upcoming_maintenance);
        assert_eq!(told, ["later"], "one that begins is no longer upcoming");
    }

    #[test]
    fn a_window_has_the_documented_members_and_nears_phase_by_phase() {
        let notices = Notices::default();
        assert_eq!(notices.announce(NOW, window("x", hours(25))), Some(1));
        let told = serde_json::to_value(notices.told(NOW, 6)).unwrap();
        let wanted = serde_json::json!({
            "event_id": 1, "title": "x",
            "expected_start_utc": "2026-09-02T09:00:00.000000Z",
            "expected_end_utc": "2026-09-02T09:20:00.000000Z",
            "time_to_start_s": 90000, "phase": "announced",
            "affected_services": ["spot_trading", "spot_ws", "spot_rest"],
            "order_submission": "allowed", "recommended_action": "continue",
            "cancel_before_utc": "2026-09-02T08:55:00.000000Z", "source_url": "",
        });
        assert_eq!(told["upcoming_maintenance"][0], wanted);
        let (mut now, mut phases) = (NOW, Vec::new());
        while let Some(next) = notices.next_change(now) {
            now = next;
            let told = notices.told(now, 0).upcoming_maintenance;
            phases.extend(told.first().map(|window| window.phase));
        }
        let wanted = [
            Phase::Reminder24h,
            Phase::Approaching30m,
            Phase::Imminent5m,
            Phase::FinalWarning30s,
        ];
        assert_eq!(phases, wanted);
        assert_eq!(now, NOW.after(hours(25)));
    }

    #[test]
    fn an_incident_is_told_until_it_is_over() {
        let notices = Notices::default();
        let new = r#"{"title":"slow","impact":"major","next_steps":[{"applies_to":"spot_ws","type":"restart"}]}"#;
        let id = notices
            .alert(NOW, serde_json::from_str(new).unwrap())
            .unwrap();
        let told = serde_json::to_value(notices.told(NOW, 0)).unwrap();
        assert_eq!(told["emergency"][0]["incident_status"], "investigating");
        assert_eq!(
            told["emergency"][0]["started_at_utc"],
            "2026-09-01T08:00:00Z"
        );
        assert!(notices.resolve(id) && !notices.resolve(id));
        assert!(notices.told(NOW, 0).emergency.is_empty());
    }
}
