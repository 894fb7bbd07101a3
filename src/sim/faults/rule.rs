//! Fault rules as the config and the control address have them: flat, with the keys that their kind needs.
//!
//! Always true: a rule that could never happen because a name or a key is wrong is refused, with what would be right.

mod names;
mod raw;

use std::time::Duration;

pub(super) use self::raw::RawRule;
use self::{
    names::{
        about_orders, answered, channel, endpoint, lagging, method, private_channel, reported,
        symbol,
    },
    raw::Kind,
};
use super::{
    Delay, Ending, Fault, FaultRule, FrameFault, Garbage, PrivateFault, RequestFault, RestFault,
    Shape, SocketFault, Staleness,
};
use crate::sim::{server::Role, settings::Length};

impl TryFrom<RawRule> for FaultRule {
    type Error = String;

    fn try_from(raw: RawRule) -> Result<Self, String> {
        raw.check_keys()?;
        let rate = raw.rate.unwrap_or(1.0);
        if !(rate > 0.0 && rate <= 1.0) {
            return Err("rate: a probability above 0 and up to 1".to_owned());
        }
        let times = match raw.times {
            Some(0) => return Err("times: a fault happens at least once".to_owned()),
            Some(times) => times,
            // What happens now and then does so without end.
            None if raw.rate.is_some() => u32::MAX,
            None => 1,
        };
        Ok(Self {
            skip: raw.skip,
            fault: fault(raw)?,
            times,
            rate,
        })
    }
}

/// What each kind means, in the order of the documentation.
fn fault(raw: RawRule) -> Result<Fault, String> {
    let on = raw.on.clone();
    let at_socket = |fault| Ok(Fault::Socket(role(&on)?, fault));
    let at_private = |fault| Ok(Fault::Private(private_channel(&on)?, fault));
    let of_method = |fault| Ok(Fault::Request(method(&on)?, fault));
    let of_endpoint = |fault| Ok(Fault::Rest(endpoint(&on)?, fault));
    let ending = |reset| {
        let execute = raw.execute;
        of_endpoint(RestFault::Drop(Ending { reset, execute }))
    };
    match raw.kind {
        Kind::Drop => at_socket(SocketFault::Drop),
        Kind::HalfClose => at_socket(SocketFault::HalfClose),
        Kind::Mute => at_socket(SocketFault::Mute),
        Kind::Garbage => {
            let garbage = raw.garbage.unwrap_or(Garbage::Truncated);
            at_socket(SocketFault::Garbage(garbage))
        }
        Kind::Reset => at_socket(SocketFault::Reset),
        Kind::Close => {
            let reason = raw.text.unwrap_or_default();
            at_socket(SocketFault::Close(close_code(raw.code)?, reason))
        }
        Kind::Slow => at_socket(SocketFault::Slow(speed(raw.bytes_per_second)?)),
        Kind::SwitchOff => at_socket(SocketFault::SwitchOff),
        Kind::Refuse => Ok(Fault::Refuse(role(&on)?, http_status(raw.status)?)),
        Kind::Lose => raw.frame(FrameFault::Lose),
        Kind::Duplicate => raw.frame(FrameFault::Duplicate),
        Kind::Delay => raw.frame(FrameFault::Delay(raw.given_delay()?)),
        Kind::Reorder => raw.frame(FrameFault::Reorder),
        Kind::Exponent => raw.frame(FrameFault::Exponent),
        Kind::UnknownFields => raw.frame(FrameFault::UnknownFields),
        Kind::Sparse => raw.frame(FrameFault::Sparse),
        Kind::Silence => Ok(Fault::Silence(channel(&on)?)),
        Kind::SequenceGap => at_private(PrivateFault::SequenceGap),
        Kind::SplitSnapshot => at_private(PrivateFault::SplitSnapshot),
        Kind::NoAnswer => of_method(RequestFault::NoAnswer),
        Kind::Ignore => of_method(RequestFault::Ignore),
        Kind::Error => of_method(RequestFault::Error {
            text: needed_text(raw.text)?,
            execute: raw.execute,
        }),
        Kind::Late => {
            let late = RequestFault::Late(raw.given_delay()?);
            Ok(Fault::Request(answered(&on)?, late))
        }
        Kind::VoidTokens => Ok(Fault::VoidTokens(method(&on)?)),
        Kind::Fill => {
            let part = raw.part.ok_or("part: how much of the order, as \"0.5\"")?;
            Ok(Fault::Fill(about_orders(&on)?, part))
        }
        Kind::Shape => of_method(RequestFault::Shape {
            shape: fitting_shape(raw.shape, &on)?,
            refusal: raw.text,
        }),
        Kind::Checksum => Ok(Fault::Checksum(symbol(&on)?)),
        Kind::Unreported => Ok(Fault::Unreported(reported(&on)?)),
        Kind::RestError => {
            let text = needed_text(raw.text)?;
            of_endpoint(if raw.execute {
                RestFault::DoThenError(text)
            } else {
                RestFault::Error(text)
            })
        }
        Kind::RestStatus => {
            let (status, page) = (http_status(raw.status)?, raw.text.unwrap_or_default());
            of_endpoint(if raw.execute {
                RestFault::DoThenStatus(status, page)
            } else {
                RestFault::Status(status, page)
            })
        }
        Kind::RestNoAnswer => of_endpoint(RestFault::DoThenSilence),
        Kind::RestIgnore => of_endpoint(RestFault::Silence),
        Kind::RestDelay => of_endpoint(RestFault::Delay(raw.given_delay()?)),
        Kind::RestDrop => ending(false),
        Kind::RestReset => ending(true),
        Kind::RestCut => of_endpoint(RestFault::Cut),
        Kind::RestSlow => of_endpoint(RestFault::Slow(speed(raw.bytes_per_second)?)),
        Kind::RestOvertaken => {
            let at_most = delay(raw.delay, raw.delay_max, Some(Duration::from_secs(1)))?;
            of_endpoint(RestFault::Overtaken(at_most))
        }
        Kind::RestStale => {
            let stale = RestFault::Stale(raw.staleness()?);
            Ok(Fault::Rest(lagging(&on)?, stale))
        }
    }
}

impl RawRule {
    fn frame(&self, fault: FrameFault) -> Result<Fault, String> {
        let only = self.channel.as_deref().map(channel).transpose()?;
        Ok(Fault::Frame(role(&self.on)?, only, fault))
    }

    fn given_delay(&self) -> Result<Delay, String> {
        delay(self.delay, self.delay_max, None)
    }

    fn staleness(&self) -> Result<Staleness, String> {
        let lag = delay(self.delay, self.delay_max, Some(Duration::ZERO))?;
        let fill_lag = match self.fill_delay {
            None => lag,
            Some(_) => delay(self.fill_delay, self.fill_delay_max, None)?,
        };
        Ok(Staleness { lag, fill_lag })
    }
}

fn role(on: &str) -> Result<Role, String> {
    Role::find(on).ok_or_else(|| {
        format!("on: no socket is called {on:?}; they are public, private and level3")
    })
}

fn needed_text(text: Option<String>) -> Result<String, String> {
    text.ok_or_else(|| "text: an error needs one".to_owned())
}

fn delay(
    least: Option<Length>,
    most: Option<Length>,
    usual: Option<Duration>,
) -> Result<Delay, String> {
    let least = least.map(|length| length.0).or(usual);
    let least = least.ok_or("delay: how long, as \"250ms\" or \"2s\"")?;
    let most = most.map_or(least, |length| length.0);
    if most < least {
        return Err("delay_max: not below delay".to_owned());
    }
    Ok(Delay { least, most })
}

fn close_code(code: Option<u16>) -> Result<u16, String> {
    // What a peer may send: RFC 6455, 7.4.
    let may = |code: &u16| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    code.filter(may)
        .ok_or_else(|| "code: 1000 to 1003, 1007 to 1014 or 3000 to 4999".to_owned())
}

fn http_status(status: Option<u16>) -> Result<u16, String> {
    status
        .filter(|status| (200..=599).contains(status))
        .ok_or_else(|| "status: an HTTP status from 200 to 599".to_owned())
}

fn speed(bytes: Option<u32>) -> Result<u32, String> {
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "bytes_per_second: a number above 0".to_owned())
}

fn fitting_shape(shape: Option<Shape>, on: &str) -> Result<Shape, String> {
    match (on, shape) {
        ("batch_add", Some(shape @ (Shape::Rows | Shape::Lenient | Shape::Nested)))
        | ("batch_cancel", Some(shape @ Shape::TopLevel)) => Ok(shape),
        ("batch_add" | "batch_cancel", _) => {
            Err("shape: rows, lenient or nested of batch_add, top_level of batch_cancel".to_owned())
        }
        (other, _) => Err(format!("on: {other:?} is not batch_add or batch_cancel")),
    }
}

#[cfg(test)]
mod tests;
