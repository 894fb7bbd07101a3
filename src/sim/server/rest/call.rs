//! A private call whose caller is known, and what every endpoint needs of it.

use std::{str::FromStr, time::Duration};

use super::{RestState, params::Params, reply::Failure, stale::Horizon};
use crate::{
    sim::{
        faults::Part,
        matching::{AccountId, Reply, Request},
        server::{
            auth::{Needs, Owner, Permission},
            race,
        },
    },
    types::{Decimal, Timestamp},
};

/// An authenticated private call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) state: &'a RestState,
    pub(super) now: Timestamp,
    pub(super) owner: &'a Owner,
    pub(super) params: &'a Params,
    /// How much of its order is filled meanwhile: a fault.
    pub(super) fill: Option<Part>,
    /// Up to when it sees its account: a fault. Otherwise up to now.
    pub(super) horizon: Option<Horizon>,
}

/// Rows of a page of history.
pub(super) const PAGE: usize = 50;

impl Call<'_> {
    pub(super) fn account(&self) -> AccountId {
        self.owner.key.account
    }

    /// Lets the venue decide.
    pub(super) fn act(&self, request: Request) -> Result<Reply, Failure> {
        let (venue, account) = (&self.state.venue, self.account());
        Ok(race::act_with(
            venue,
            account,
            request,
            self.fill,
            |_now, _result| {},
        )?)
    }

    pub(super) fn require(&self, permission: Permission) -> Result<(), Failure> {
        let may = self.owner.may(permission);
        may.then_some(()).ok_or(Failure::PERMISSION)
    }

    pub(super) fn needs(&self, needs: Needs) -> Result<(), Failure> {
        let enough = needs.met(|one| self.owner.may(one));
        enough.then_some(()).ok_or(Failure::PERMISSION)
    }

    /// An optional number. Text that is none is refused under the parameter's name.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        number(self.params, name)
    }
}

/// An optional number of any call.
pub(super) fn number<T: FromStr>(params: &Params, name: &str) -> Result<Option<T>, Failure> {
    params
        .text(name)
        .map(|text| text.parse().map_err(|_malformed| Failure::argument(name)))
        .transpose()
}

/// An optional instant: in Unix seconds, or so many seconds from now. Zero is none.
pub(super) fn instant(
    params: &Params,
    name: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = params.text(name) else {
        return Ok(None);
    };
    let (from, digits) = match text.strip_prefix('+') {
        Some(digits) => (now, digits),
        None => (Timestamp::from_secs(0), text),
    };
    let seconds: u32 = digits
        .parse()
        .map_err(|_no_number| Failure::argument(name))?;
    let after = Duration::from_secs(u64::from(seconds));
    Ok((seconds > 0).then(|| from.after(after)))
}

/// An instant in seconds since the epoch, with or without a fraction.
pub(super) fn seconds(text: &str) -> Option<Timestamp> {
    let seconds: Decimal = text.parse().ok()?;
    let nanos = seconds.rounded_toward_zero(9).ok()?.mantissa();
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}
