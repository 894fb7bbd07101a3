//! Fault rules as the config has them: flat, with the keys that their kind needs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Fault, FaultRule, Garbage, RestFault};
use crate::sim::{server::Role, settings::duration};

/// A rule as the config has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    kind: Kind,
    /// A socket (`public`, `private`, `level3`), a method, a channel, a symbol or a REST endpoint.
    on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    garbage: Option<Garbage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default)]
    execute: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, with = "duration")]
    delay: Duration,
    #[serde(default)]
    skip: u32,
    #[serde(default = "once")]
    times: u32,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Drop,
    HalfClose,
    Mute,
    Garbage,
    Silence,
    NoAnswer,
    Ignore,
    Error,
    Checksum,
    Unreported,
    RestError,
    RestStatus,
    RestNoAnswer,
    RestIgnore,
    RestDelay,
}

const fn once() -> u32 {
    1
}

impl TryFrom<RawRule> for FaultRule {
    type Error = String;

    fn try_from(raw: RawRule) -> Result<Self, String> {
        let (skip, times) = (raw.skip, raw.times);
        if times == 0 {
            return Err("times: a fault happens at least once".to_owned());
        }
        Ok(Self {
            fault: fault(raw)?,
            skip,
            times,
        })
    }
}

fn fault(raw: RawRule) -> Result<Fault, String> {
    let role = || Role::find(&raw.on).ok_or(format!("on: no socket is called {:?}", raw.on));
    let text = raw.text.clone();
    let text = || text.ok_or("text: an error needs one".to_owned());
    Ok(match raw.kind {
        Kind::Drop => Fault::Drop(role()?),
        Kind::HalfClose => Fault::HalfClose(role()?),
        Kind::Mute => Fault::Mute(role()?),
        Kind::Garbage => Fault::Garbage(role()?, raw.garbage.unwrap_or(Garbage::Truncated)),
        Kind::Silence => Fault::Silence(raw.on),
        Kind::NoAnswer => Fault::NoAnswer(raw.on),
        Kind::Ignore => Fault::Ignore(raw.on),
        Kind::Error => Fault::Error {
            text: text()?,
            method: raw.on,
            execute: raw.execute,
        },
        Kind::Checksum => Fault::Checksum(raw.on),
        Kind::Unreported => Fault::Unreported(raw.on),
        Kind::RestError => Fault::Rest(raw.on, RestFault::Error(text()?)),
        Kind::RestStatus => {
            let status = raw.status.ok_or("status: needed")?;
            let page = raw.text.unwrap_or_default();
            Fault::Rest(raw.on, RestFault::Status(status, page))
        }
        Kind::RestNoAnswer => Fault::Rest(raw.on, RestFault::DoThenSilence),
        Kind::RestIgnore => Fault::Rest(raw.on, RestFault::Silence),
        Kind::RestDelay => Fault::Rest(raw.on, RestFault::Delay(raw.delay)),
    })
}

impl From<FaultRule> for RawRule {
    fn from(rule: FaultRule) -> Self {
        let mut raw = Self {
            kind: Kind::Drop,
            on: String::new(),
            garbage: None,
            text: None,
            execute: false,
            status: None,
            delay: Duration::ZERO,
            skip: rule.skip,
            times: rule.times,
        };
        (raw.kind, raw.on) = match rule.fault {
            Fault::Drop(role) => (Kind::Drop, role.name().to_owned()),
            Fault::HalfClose(role) => (Kind::HalfClose, role.name().to_owned()),
            Fault::Mute(role) => (Kind::Mute, role.name().to_owned()),
            Fault::Garbage(role, garbage) => {
                raw.garbage = Some(garbage);
                (Kind::Garbage, role.name().to_owned())
            }
            Fault::Silence(channel) => (Kind::Silence, channel),
            Fault::NoAnswer(method) => (Kind::NoAnswer, method),
            Fault::Ignore(method) => (Kind::Ignore, method),
            Fault::Error {
                method,
                text,
                execute,
            } => {
                (raw.text, raw.execute) = (Some(text), execute);
                (Kind::Error, method)
            }
            Fault::Checksum(symbol) => (Kind::Checksum, symbol),
            Fault::Unreported(method) => (Kind::Unreported, method),
            Fault::Rest(endpoint, fault) => (raw.rest(fault), endpoint),
        };
        raw
    }
}

impl RawRule {
    fn rest(&mut self, fault: RestFault) -> Kind {
        match fault {
            RestFault::Error(text) => {
                self.text = Some(text);
                Kind::RestError
            }
            RestFault::Status(status, page) => {
                (self.status, self.text) = (Some(status), Some(page));
                Kind::RestStatus
            }
            RestFault::DoThenSilence => Kind::RestNoAnswer,
            RestFault::Silence => Kind::RestIgnore,
            RestFault::Delay(delay) => {
                self.delay = delay;
                Kind::RestDelay
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(toml: &str) -> Result<FaultRule, String> {
        toml::from_str(toml).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_survive_the_config_and_back() {
        for toml in [
            "kind = 'drop'\non = 'public'",
            "kind = 'garbage'\non = 'private'\ngarbage = 'huge_numbers'",
            "kind = 'error'\non = 'add_order'\ntext = 'EService:Busy'\nexecute = true",
            "kind = 'rest_delay'\non = 'OpenOrders'\ndelay = '250ms'\ntimes = 3",
            "kind = 'rest_status'\non = 'AddOrder'\nstatus = 520",
            "kind = 'unreported'\non = 'add_order'",
        ] {
            let read = rule(toml).unwrap();
            let again = rule(&toml::to_string(&read).unwrap()).unwrap();
            assert_eq!(read, again, "{toml}");
        }
    }

    #[test]
    fn impossible_rules_are_refused() {
        for toml in [
            "kind = 'drop'\non = 'third'",
            "kind = 'error'\non = 'add_order'",
            "kind = 'drop'\non = 'public'\ntimes = 0",
            "kind = 'drop'\non = 'public'\nwhen = 3",
            "kind = 'explode'\non = 'public'",
        ] {
            assert!(rule(toml).is_err(), "{toml}");
        }
    }
}
