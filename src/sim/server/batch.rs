//! What refuses a whole batch of orders, on both wires.
//!
//! Left out: reading the orders, placing them. Always true: the question changes nothing and costs nothing.

use crate::sim::{
    Venue,
    matching::{AccountId, NewOrder, Refusal, Request},
};

/// Why none of these orders may be placed: the first that is wrong in itself. What only the account's state refuses
/// (funds, names, limits) concerns single orders.
pub(super) fn spoiled<'a>(
    venue: &Venue,
    account: AccountId,
    mut orders: impl Iterator<Item = &'a NewOrder>,
) -> Option<Refusal> {
    orders.find_map(|order| {
        let check = NewOrder {
            validate: true,
            ..order.clone()
        };
        let refused = venue.act(account, Request::PlaceInBatch(check)).err();
        refused.filter(|refusal| is_of_the_order(*refusal))
    })
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
