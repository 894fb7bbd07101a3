//! Refusals in the venue's words, for REST and WebSocket alike.
//!
//! Always true: a client can tell from the text whether the request was decided; only [`Refusal::Unavailable`] and
//! [`Refusal::DeadlineElapsed`] have texts that the venue also uses when it does not know.

use crate::{sim::matching::Refusal, types::Instrument};

/// The venue's text.
#[must_use]
pub const fn text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::VolumeMinimum => "EGeneral:Invalid arguments:volume minimum not met",
        Refusal::CostMinimum => "EOrder:Cost minimum not met",
        Refusal::TickSize => "EOrder:Tick size check failed",
        Refusal::DuplicateClOrdId => "EGeneral:Invalid arguments:cl_ord_id not unique",
        Refusal::RateLimit => "EOrder:Rate limit exceeded",
        Refusal::OrdersLimit => "EOrder:Orders limit exceeded",
        Refusal::InsufficientFunds => "EOrder:Insufficient funds",
        Refusal::DeadlineElapsed => "EService:Deadline elapsed",
        Refusal::PostOnly => "EOrder:Post only order",
        Refusal::UnknownOrder => "EOrder:Unknown order",
        Refusal::InvalidOrder => "EOrder:Invalid order",
        Refusal::NothingToAmend => "EOrder:No amendable parameters specified",
        Refusal::InvalidPrice => "EOrder:Invalid price",
        Refusal::InvalidVolume => "EGeneral:Invalid arguments:volume",
        Refusal::InvalidDisplay => "EGeneral:Invalid arguments:display_qty",
        Refusal::NoIndex => "EGeneral:Invalid arguments:Index unavailable",
        Refusal::InvalidLimitPrice => "EOrder:Invalid limit price",
        Refusal::CancelOnly => "EService:Market in cancel_only mode",
        Refusal::PostOnlyMode => "EService:Market in post_only mode",
        Refusal::LimitOnly => "EService:Market in limit_only mode",
        Refusal::ReduceOnly => "EOrder:Reduce only:No position exists",
        Refusal::Unavailable => "EService:Unavailable",
    }
}

/// The venue's text for a price with more decimals than the pair has.
#[must_use]
pub fn too_many_decimals(instrument: &Instrument) -> String {
    format!(
        "EOrder:Invalid price:{} price can only be specified up to {} decimals.",
        instrument.symbol, instrument.price_precision
    )
}
