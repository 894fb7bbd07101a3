//! Requests of clients: decided, counted where a limit refuses them, and met by a fill on their way if that is armed.
//!
//! For: partial fills on demand, and trades that arrive between a request and its outcome. Left out: how an order is filled.
//! Always true: a new order is filled after it was accepted, any other just before the request is decided.

use crate::{
    sim::{
        Venue,
        faults::Part,
        matching::{AccountId, CancelTarget, Refusal, Reply, Request},
        refused::Limit,
    },
    types::Timestamp,
};

/// Decides a request as [`Venue::act_with`] does, with the fill that is armed.
pub(super) fn act_with(
    venue: &Venue,
    account: AccountId,
    request: Request,
    part: Option<Part>,
    answer: impl FnOnce(Timestamp, &Result<Reply, Refusal>),
) -> Result<Reply, Refusal> {
    let answer = |now, result: &Result<Reply, Refusal>| {
        if let Some(limit) = result.as_ref().err().copied().and_then(Limit::of) {
            venue.refused().note(limit);
        }
        answer(now, result);
    };
    let Some(part) = part else {
        return venue.act_with(account, request, answer);
    };
    let fill = |target: &CancelTarget| {
        let filled = venue.intervene(|now, exchange, facts| {
            exchange.fill_on_demand(now, account, target, part.fraction(), facts)
        });
        filled.unwrap_or(false)
    };
    match &request {
        Request::Cancel(cancel) | Request::CancelInBatch(cancel) => fill(&cancel.target),
        Request::Amend(amend) => fill(&amend.target),
        Request::Edit(edit) => fill(&edit.target),
        Request::Place(_)
        | Request::PlaceInBatch(_)
        | Request::CancelAll
        | Request::CancelAllAfter(_) => false,
    };
    let result = venue.act_with(account, request, answer);
    if let Ok(Reply::Placed { order_id }) = &result {
        fill(&CancelTarget::Order(*order_id));
    }
    result
}
