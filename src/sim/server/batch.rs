//! What refuses a whole batch of orders, on both wires.
//!
//! Left out: reading the orders, placing them. Always true: the question changes nothing and costs nothing.

use crate::sim::{
    Venue,
    matching::{AccountId, NewOrder, Refusal, Request},
};

/// Why none of these orders may be placed: the first that is wrong in itself, or a market that takes none of them.
/// What only the account's state refuses (funds, names, limits) concerns single orders.
pub(super) fn spoiled<'a>(
    venue: &Venue,
    account: AccountId,
    orders: impl Iterator<Item = &'a NewOrder>,
) -> Option<Refusal> {
    let mut closed = None;
    let mut open = false;
    for order in orders {
        let check = NewOrder {
            validate: true,
            ..order.clone()
        };
        match venue.act(account, Request::PlaceInBatch(check)) {
            Err(refusal) if is_of_the_order(refusal) => return Some(refusal),
            Err(refusal) if is_of_the_market(refusal) => closed = closed.or(Some(refusal)),
            Ok(_) | Err(_) => open = true,
        }
    }
    closed.filter(|_| !open)
}

const fn is_of_the_market(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::CancelOnly | Refusal::PostOnlyMode | Refusal::LimitOnly | Refusal::Unavailable
    )
}

const fn is_of_the_order(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::VolumeMinimum
            | Refusal::CostMinimum
            | Refusal::TickSize
            | Refusal::InvalidPrice
            | Refusal::InvalidVolume
            | Refusal::InvalidDisplay
            | Refusal::NoIndex
            | Refusal::InvalidLimitPrice
    )
}
