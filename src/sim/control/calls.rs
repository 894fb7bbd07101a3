//! The calls of the control endpoint, one function each.

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    super::{
        controls::Controls,
        faults::{FaultRule, Part},
        market::Regime,
        matching::CancelTarget,
        plan::StatusRule,
        settings::signed_duration,
    },
    answer::{Answer, Problem, json},
    state,
};
use crate::types::OrderId;

/// Longest way that the clock can be wrong.
const MOST_SKEW: SignedDuration = SignedDuration::from_hours(24);

/// What can be called, for whoever calls something else.
const CALLS: [&str; 21] = [
    "GET /state",
    "GET /faults",
    "POST /faults",
    "DELETE /faults",
    "DELETE /faults/ID",
    "GET /status",
    "POST /status",
    "DELETE /status",
    "GET /maintenance",
    "POST /maintenance",
    "DELETE /maintenance/ID",
    "GET /emergency",
    "POST /emergency",
    "DELETE /emergency/ID",
    "GET /clock",
    "POST /clock",
    "GET /regime",
    "POST /regime",
    "POST /tokens/void",
    "POST /switches/fire",
    "POST /orders/ID/fill",
];

/// Carries a call out.
pub(super) fn carry_out(controls: &Controls, method: &str, path: &[&str], body: &[u8]) -> Answer {
    match (method, path) {
        ("GET", ["state"]) => state::all(controls),
        ("GET", ["faults"]) => state::faults(controls),
        ("POST", ["faults"]) => arm(controls, body),
        ("DELETE", ["faults"]) => json(&Disarmed {
            disarmed: controls.faults.disarm(),
        }),
        ("DELETE", ["faults", id]) => {
            let found = controls.faults.disarm_one(number(id)?);
            gone(found, "fault", id)
        }
        ("GET", ["status"]) => state::statuses(controls),
        ("POST", ["status"]) => {
            let rule: StatusRule = read(body)?;
            controls.schedule(&rule).map_err(Problem::bad)?;
            state::statuses(controls)
        }
        ("DELETE", ["status"]) => json(&Canceled {
            canceled: controls.cancel_schedule(),
        }),
        ("GET", ["maintenance"]) => state::maintenance(controls),
        ("POST", ["maintenance"]) => announced(controls.announce(read(body)?)),
        ("DELETE", ["maintenance", id]) => gone(controls.withdraw(number(id)?), "announcement", id),
        ("GET", ["emergency"]) => state::emergency(controls),
        ("POST", ["emergency"]) => announced(controls.alert(read(body)?)),
        ("DELETE", ["emergency", id]) => gone(controls.resolve(number(id)?), "emergency", id),
        ("GET", ["clock"]) => state::clock(controls),
        ("POST", ["clock"]) => set_clock(controls, body),
        ("GET", ["regime"]) => state::regimes(controls),
        ("POST", ["regime"]) => set_regime(controls, body),
        ("POST", ["tokens", "void"]) => {
            controls.tokens.void_all();
            json(&Done { done: true })
        }
        ("POST", ["switches", "fire"]) => json(&Fired {
            fired: controls.venue.fire_switches(),
        }),
        ("POST", ["orders", id, "fill"]) => fill(controls, id, body),
        _ => Err(unknown(method, path)),
    }
}

fn unknown(method: &str, path: &[&str]) -> Problem {
    let first = path.first().copied().unwrap_or_default();
    let near = |call: &&&str| call.split('/').nth(1) == Some(first);
    let near: Vec<String> = CALLS
        .iter()
        .filter(near)
        .map(|call| (*call).to_owned())
        .collect();
    let asked = path.join("/");
    if near.is_empty() {
        let all = CALLS.iter().map(|call| (*call).to_owned());
        return Problem::missing(format!("nothing is at /{asked}")).allowing(all);
    }
    let why = format!("{method} /{asked} is not one of the calls there");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, why).allowing(near)
}

#[derive(Serialize)]
struct Disarmed {
    disarmed: usize,
}

#[derive(Serialize)]
struct Canceled {
    canceled: usize,
}

#[derive(Serialize)]
struct Done {
    done: bool,
}

#[derive(Serialize)]
struct Fired {
    fired: usize,
}

#[derive(Serialize)]
struct Announced {
    event_id: u64,
}

fn arm(controls: &Controls, body: &[u8]) -> Answer {
    let rule: FaultRule = read(body)?;
    rule.check(&controls.universe()).map_err(Problem::bad)?;
    let id = controls.faults.arm_rule(rule.clone());
    json(&state::Armed { id, rule })
}

fn announced(id: Option<u64>) -> Answer {
    let full = "no more can be announced; take something back first";
    let event_id = id.ok_or_else(|| Problem::new(StatusCode::CONFLICT, full))?;
    json(&Announced { event_id })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSkew {
    #[serde(with = "signed_duration")]
    skew: SignedDuration,
}

fn set_clock(controls: &Controls, body: &[u8]) -> Answer {
    let NewSkew { skew } = read(body)?;
    if skew.abs() > MOST_SKEW {
        return Err(Problem::bad("skew: no more than a day, either way"));
    }
    controls.set_skew(skew);
    state::clock(controls)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRegime {
    regime: Regime,
    /// All pairs, if none is named.
    pair: Option<String>,
}

fn set_regime(controls: &Controls, body: &[u8]) -> Answer {
    let NewRegime { regime, pair } = read(body)?;
    let universe = controls.universe();
    let find = |name: String| {
        let unlisted = || Problem::bad(format!("pair: {name:?} is not listed"));
        universe.find_pair(&name).ok_or_else(unlisted)
    };
    controls.regimes.set(pair.map(find).transpose()?, regime);
    state::regimes(controls)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fill {
    part: Part,
}

fn fill(controls: &Controls, id: &str, body: &[u8]) -> Answer {
    let Fill { part } = read(body)?;
    let missing = || Problem::missing(format!("no order {id:?} rests where trading goes on"));
    let order = OrderId::new(id).map_err(|_malformed| missing())?;
    let filled = controls.venue.intervene(|now, exchange, facts| {
        let account = exchange.order(&order)?.state.account;
        let target = CancelTarget::Order(order);
        exchange
            .fill_on_demand(now, account, &target, part.fraction(), facts)
            .then_some(())
    });
    filled.flatten().ok_or_else(missing)?;
    json(&Done { done: true })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // A list would be taken for the members in order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::bad("body: a JSON object belongs here"));
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad(format!("body: {error}")))
}

fn number(id: &str) -> Result<u64, Problem> {
    let malformed = |_error| Problem::bad(format!("path: {id:?} is no number of one"));
    id.parse().map_err(malformed)
}

fn gone(found: bool, what: &str, id: &str) -> Answer {
    if found {
        return json(&Done { done: true });
    }
    Err(Problem::missing(format!("there is no {what} {id}")))
}
