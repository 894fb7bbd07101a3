//! `OrderAmends`: what an order asked for over time.

use serde::Serialize;

use super::{
    call::Call,
    lists::{EITHER, needed},
    reply::{Answer, Failure, result},
};
use crate::{
    sim::{
        matching::{Amender, Order, PairSpec, Refusal, Revision, RevisionKind},
        server::render,
    },
    types::Quantity,
};

#[derive(Serialize)]
struct Amends {
    count: usize,
    amends: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    amend_id: String,
    amend_type: &'static str,
    order_qty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_qty: Option<String>,
    remaining_qty: String,
    limit_price: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    post_only: bool,
    /// Milliseconds.
    timestamp: i64,
}

/// `OrderAmends`: the original first.
pub(super) fn order_amends(call: &Call<'_>) -> Answer {
    call.needs(EITHER)?;
    let id = call.params.text("order_id");
    let id = id.ok_or_else(|| Failure::argument("order_id"))?;
    call.state.venue.read(|view| {
        let order = call.own_order(view, id);
        let order = order.ok_or(Failure::from(Refusal::UnknownOrder))?;
        call.require(needed(&order))?;
        let pair = view.exchange.universe().pair(order.state.pair);
        let pair = pair.ok_or(Failure::INTERNAL)?;
        let rows = order.revisions.iter();
        let amends: Vec<Row> = rows.map(|revision| row(pair, &order, revision)).collect();
        result(&Amends {
            count: amends.len(),
            amends,
        })
    })
}

fn row(pair: &PairSpec, order: &Order, revision: &Revision) -> Row {
    let (amend_type, reason, amend_id) = match revision.kind {
        RevisionKind::Original => (
            "original",
            None,
            render::id_of_original(&order.state.order_id),
        ),
        RevisionKind::Amended { by, amend_id } => {
            let (kind, reason) = match by {
                Amender::User => ("user", render::AMENDED),
                Amender::Venue => ("restated", render::RESTATED),
            };
            (kind, Some(reason), amend_id.to_string())
        }
    };
    let of = &pair.instrument;
    let qty = |qty: Quantity| of.quantity_decimal(qty).to_string();
    Row {
        amend_id,
        amend_type,
        order_qty: qty(revision.qty),
        display_qty: revision.display.map(qty),
        remaining_qty: qty(revision.remaining),
        limit_price: revision
            .limit
            .map_or_else(|| "0".to_owned(), |limit| render::price(pair, limit)),
        trigger_price: revision.trigger.map(|price| render::price(pair, price)),
        reason,
        post_only: revision.post_only,
        timestamp: revision.at.as_nanos().div_euclid(1_000_000),
    }
}
