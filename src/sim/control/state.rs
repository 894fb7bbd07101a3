//! What the control endpoint tells about the simulator.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Serialize;

use super::{
    super::{
        controls::Controls,
        faults::FaultRule,
        market::Regime,
        notices::{Emergency, Maintenance},
        plan::Planned,
        server::{Role, names},
        settings::signed_duration,
    },
    answer::{Answer, json},
};

#[derive(Serialize)]
struct Faults {
    faults: Vec<Armed>,
}

/// A fault under its number.
#[derive(Serialize)]
pub(super) struct Armed {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) rule: FaultRule,
}

#[derive(Serialize)]
struct Statuses {
    system: &'static str,
    pairs: BTreeMap<String, &'static str>,
    planned: Vec<Planned>,
}

#[derive(Serialize)]
struct Windows {
    maintenance: Vec<Maintenance>,
}

#[derive(Serialize)]
struct Emergencies {
    emergency: Vec<Emergency>,
}

#[derive(Serialize)]
struct Clock {
    now: String,
    #[serde(with = "signed_duration")]
    skew: SignedDuration,
}

#[derive(Serialize)]
struct Regimes {
    regimes: BTreeMap<String, Regime>,
}

#[derive(Serialize)]
struct All {
    connections: BTreeMap<&'static str, usize>,
    refused: BTreeMap<&'static str, u64>,
    #[serde(flatten)]
    clock: Clock,
    #[serde(flatten)]
    statuses: Statuses,
    #[serde(flatten)]
    faults: Faults,
    #[serde(flatten)]
    windows: Windows,
    #[serde(flatten)]
    emergencies: Emergencies,
    #[serde(flatten)]
    regimes: Regimes,
}

/// Everything.
pub(super) fn all(controls: &Controls) -> Answer {
    let open = |role: Role| (role.name(), controls.sockets.open(role));
    let refused = controls.venue.refused().counts();
    json(&All {
        connections: Role::ALL.map(open).into(),
        refused: refused
            .map(|(limit, count)| (limit.name(), count))
            .collect(),
        clock: clock_of(controls),
        statuses: statuses_of(controls),
        faults: faults_of(controls),
        windows: windows_of(controls),
        emergencies: emergencies_of(controls),
        regimes: regimes_of(controls),
    })
}

/// The faults that are armed, and what is left of them.
pub(super) fn faults(controls: &Controls) -> Answer {
    json(&faults_of(controls))
}

/// The statuses, and those to come.
pub(super) fn statuses(controls: &Controls) -> Answer {
    json(&statuses_of(controls))
}

/// Announced windows, for seven days.
pub(super) fn maintenance(controls: &Controls) -> Answer {
    json(&windows_of(controls))
}

/// Incidents that are not over.
pub(super) fn emergency(controls: &Controls) -> Answer {
    json(&emergencies_of(controls))
}

/// The venue's time, and how far it is ahead.
pub(super) fn clock(controls: &Controls) -> Answer {
    json(&clock_of(controls))
}

/// How the synthetic market of each pair behaves.
pub(super) fn regimes(controls: &Controls) -> Answer {
    json(&regimes_of(controls))
}

fn regimes_of(controls: &Controls) -> Regimes {
    let universe = controls.universe();
    let regime = |pair: names::NamedPair<'_>| {
        let symbol = pair.spec.instrument.symbol.to_string();
        (symbol, controls.regimes.of(pair.id))
    };
    Regimes {
        regimes: names::all_pairs(&universe).map(regime).collect(),
    }
}

fn faults_of(controls: &Controls) -> Faults {
    let rules = controls.faults.rules().into_iter();
    Faults {
        faults: rules.map(|(id, rule)| Armed { id, rule }).collect(),
    }
}

fn statuses_of(controls: &Controls) -> Statuses {
    let (system, pairs) = controls.venue.read(|view| {
        let exchange = view.exchange;
        let pairs = names::all_pairs(exchange.universe());
        let pairs = pairs.map(|pair| {
            let symbol = pair.spec.instrument.symbol.to_string();
            (symbol, names::status(exchange.pair_status(pair.id)))
        });
        (names::status(exchange.system_status()), pairs.collect())
    });
    Statuses {
        system,
        pairs,
        planned: controls.plan.planned(&controls.universe()),
    }
}

fn windows_of(controls: &Controls) -> Windows {
    let now = controls.venue.clock().now();
    Windows {
        maintenance: controls.venue.notices().schedule(now),
    }
}

fn emergencies_of(controls: &Controls) -> Emergencies {
    let now = controls.venue.clock().now();
    Emergencies {
        emergency: controls.venue.notices().told(now, 0).emergency,
    }
}

fn clock_of(controls: &Controls) -> Clock {
    Clock {
        now: controls.venue.clock().now().rfc3339(6).to_string(),
        skew: controls.skew.ahead(),
    }
}
