//! A rule with all keys that a kind may need, as it is written, and which kind needs which.

use serde::{Deserialize, Serialize};

use super::super::{
    Delay, Fault, FaultRule, FrameFault, Garbage, Part, PrivateFault, RequestFault, RestFault,
    Shape, SocketFault,
};
use crate::sim::{server::Role, settings::Length};

/// A rule as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawRule {
    pub(super) kind: Kind,
    /// A socket (`public`, `private`, `level3`), a method, a channel, a symbol or a REST endpoint.
    pub(super) on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) garbage: Option<Garbage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) execute: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bytes_per_second: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) delay: Option<Length>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) delay_max: Option<Length>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fill_delay: Option<Length>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fill_delay_max: Option<Length>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shape: Option<Shape>,
    #[serde(default)]
    pub(super) skip: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Drop,
    HalfClose,
    Mute,
    Garbage,
    Reset,
    Close,
    Slow,
    SwitchOff,
    Refuse,
    Lose,
    Duplicate,
    Delay,
    Reorder,
    Exponent,
    UnknownFields,
    Sparse,
    Silence,
    SequenceGap,
    SplitSnapshot,
    NoAnswer,
    Ignore,
    Error,
    Late,
    VoidTokens,
    Fill,
    Shape,
    Checksum,
    Unreported,
    RestError,
    RestStatus,
    RestNoAnswer,
    RestIgnore,
    RestDelay,
    RestDrop,
    RestReset,
    RestCut,
    RestSlow,
    RestOvertaken,
    RestStale,
}

impl Kind {
    /// The keys that it knows beside `kind`, `on`, `skip`, `times` and `rate`.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Garbage => &["garbage"],
            Self::Close => &["code", "text"],
            Self::Slow | Self::RestSlow => &["bytes_per_second"],
            Self::Refuse => &["status"],
            Self::Lose
            | Self::Duplicate
            | Self::Reorder
            | Self::Exponent
            | Self::UnknownFields
            | Self::Sparse => &["channel"],
            Self::Delay => &["channel", "delay", "delay_max"],
            Self::Error | Self::RestError => &["text", "execute"],
            Self::Late | Self::RestDelay | Self::RestOvertaken => &["delay", "delay_max"],
            Self::Fill => &["part"],
            Self::Shape => &["shape", "text"],
            Self::RestStatus => &["status", "text", "execute"],
            Self::RestDrop | Self::RestReset => &["execute"],
            Self::RestStale => &["delay", "delay_max", "fill_delay", "fill_delay_max"],
            Self::Drop
            | Self::HalfClose
            | Self::Mute
            | Self::Reset
            | Self::SwitchOff
            | Self::Silence
            | Self::SequenceGap
            | Self::SplitSnapshot
            | Self::NoAnswer
            | Self::Ignore
            | Self::VoidTokens
            | Self::Checksum
            | Self::Unreported
            | Self::RestNoAnswer
            | Self::RestIgnore
            | Self::RestCut => &[],
        }
    }
}

impl RawRule {
    fn new(kind: Kind, on: &str) -> Self {
        Self {
            kind,
            on: on.to_owned(),
            channel: None,
            garbage: None,
            text: None,
            execute: false,
            status: None,
            code: None,
            bytes_per_second: None,
            delay: None,
            delay_max: None,
            fill_delay: None,
            fill_delay_max: None,
            part: None,
            shape: None,
            skip: 0,
            times: None,
            rate: None,
        }
    }

    /// Refuses keys that mean nothing to the kind.
    pub(super) fn check_keys(&self) -> Result<(), String> {
        let given = [
            ("channel", self.channel.is_some()),
            ("garbage", self.garbage.is_some()),
            ("text", self.text.is_some()),
            ("execute", self.execute),
            ("status", self.status.is_some()),
            ("code", self.code.is_some()),
            ("bytes_per_second", self.bytes_per_second.is_some()),
            ("delay", self.delay.is_some()),
            ("delay_max", self.delay_max.is_some()),
            ("fill_delay", self.fill_delay.is_some()),
            ("fill_delay_max", self.fill_delay_max.is_some()),
            ("part", self.part.is_some()),
            ("shape", self.shape.is_some()),
        ];
        let known = self.kind.keys();
        let stray = given
            .iter()
            .find(|(name, given)| *given && !known.contains(name));
        let Some((name, _)) = stray else {
            return Ok(());
        };
        let knows = match known {
            [] => "no key of its own".to_owned(),
            keys => keys.join(", "),
        };
        Err(format!(
            "{name}: means nothing to this kind, which knows {knows}"
        ))
    }

    fn delayed(mut self, delay: Delay) -> Self {
        (self.delay, self.delay_max) = lengths(delay);
        self
    }
}

const fn lengths(delay: Delay) -> (Option<Length>, Option<Length>) {
    (Some(Length(delay.least)), Some(Length(delay.most)))
}

impl From<FaultRule> for RawRule {
    fn from(rule: FaultRule) -> Self {
        let endless = rule.times == u32::MAX;
        Self {
            skip: rule.skip,
            rate: (endless || rule.rate < 1.0).then_some(rule.rate),
            times: (!endless).then_some(rule.times),
            ..written(&rule.fault)
        }
    }
}

fn written(fault: &Fault) -> RawRule {
    let of = RawRule::new;
    match fault {
        Fault::Socket(role, fault) => socket(*role, fault),
        Fault::Refuse(role, status) => RawRule {
            status: Some(*status),
            ..of(Kind::Refuse, role.name())
        },
        Fault::Frame(role, channel, fault) => RawRule {
            channel: channel.clone(),
            ..frame(*role, *fault)
        },
        Fault::Silence(channel) => of(Kind::Silence, channel),
        Fault::Private(channel, PrivateFault::SequenceGap) => of(Kind::SequenceGap, channel),
        Fault::Private(channel, PrivateFault::SplitSnapshot) => of(Kind::SplitSnapshot, channel),
        Fault::Request(method, fault) => request(method, fault),
        Fault::VoidTokens(method) => of(Kind::VoidTokens, method),
        Fault::Fill(on, part) => RawRule {
            part: Some(*part),
            ..of(Kind::Fill, on)
        },
        Fault::Checksum(symbol) => of(Kind::Checksum, symbol),
        Fault::Unreported(method) => of(Kind::Unreported, method),
        Fault::Rest(endpoint, fault) => rest(endpoint, fault),
    }
}

fn socket(role: Role, fault: &SocketFault) -> RawRule {
    let of = |kind| RawRule::new(kind, role.name());
    match fault {
        SocketFault::Drop => of(Kind::Drop),
        SocketFault::HalfClose => of(Kind::HalfClose),
        SocketFault::Mute => of(Kind::Mute),
        SocketFault::Garbage(garbage) => RawRule {
            garbage: Some(*garbage),
            ..of(Kind::Garbage)
        },
        SocketFault::Reset => of(Kind::Reset),
        SocketFault::Close(code, reason) => RawRule {
            code: Some(*code),
            text: Some(reason.clone()),
            ..of(Kind::Close)
        },
        SocketFault::Slow(rate) => RawRule {
            bytes_per_second: Some(*rate),
            ..of(Kind::Slow)
        },
        SocketFault::SwitchOff => of(Kind::SwitchOff),
    }
}

fn frame(role: Role, fault: FrameFault) -> RawRule {
    let of = |kind| RawRule::new(kind, role.name());
    match fault {
        FrameFault::Lose => of(Kind::Lose),
        FrameFault::Duplicate => of(Kind::Duplicate),
        FrameFault::Delay(delay) => of(Kind::Delay).delayed(delay),
        FrameFault::Reorder => of(Kind::Reorder),
        FrameFault::Exponent => of(Kind::Exponent),
        FrameFault::UnknownFields => of(Kind::UnknownFields),
        FrameFault::Sparse => of(Kind::Sparse),
    }
}

fn request(method: &str, fault: &RequestFault) -> RawRule {
    let of = |kind| RawRule::new(kind, method);
    match fault {
        RequestFault::NoAnswer => of(Kind::NoAnswer),
        RequestFault::Ignore => of(Kind::Ignore),
        RequestFault::Error { text, execute } => RawRule {
            text: Some(text.clone()),
            execute: *execute,
            ..of(Kind::Error)
        },
        RequestFault::Late(delay) => of(Kind::Late).delayed(*delay),
        RequestFault::Shape { shape, refusal } => RawRule {
            shape: Some(*shape),
            text: refusal.clone(),
            ..of(Kind::Shape)
        },
    }
}

fn rest(endpoint: &str, fault: &RestFault) -> RawRule {
    let of = |kind| RawRule::new(kind, endpoint);
    let text = |kind, text: &str, execute| RawRule {
        text: Some(text.to_owned()),
        execute,
        ..of(kind)
    };
    let page = |status, page: &str, execute| RawRule {
        status: Some(status),
        ..text(Kind::RestStatus, page, execute)
    };
    match fault {
        RestFault::Error(error) => text(Kind::RestError, error, false),
        RestFault::DoThenError(error) => text(Kind::RestError, error, true),
        RestFault::Status(status, html) => page(*status, html, false),
        RestFault::DoThenStatus(status, html) => page(*status, html, true),
        RestFault::DoThenSilence => of(Kind::RestNoAnswer),
        RestFault::Silence => of(Kind::RestIgnore),
        RestFault::Drop(ending) => RawRule {
            execute: ending.execute,
            ..of(if ending.reset {
                Kind::RestReset
            } else {
                Kind::RestDrop
            })
        },
        RestFault::Cut => of(Kind::RestCut),
        RestFault::Delay(delay) => of(Kind::RestDelay).delayed(*delay),
        RestFault::Slow(rate) => RawRule {
            bytes_per_second: Some(*rate),
            ..of(Kind::RestSlow)
        },
        RestFault::Overtaken(delay) => of(Kind::RestOvertaken).delayed(*delay),
        RestFault::Stale(staleness) => {
            let (fill_delay, fill_delay_max) = lengths(staleness.fill_lag);
            RawRule {
                fill_delay,
                fill_delay_max,
                ..of(Kind::RestStale).delayed(staleness.lag)
            }
        }
    }
}
