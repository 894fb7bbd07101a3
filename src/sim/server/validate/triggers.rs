//! The prices of triggered orders: what they wait for, and the limit that follows.

use super::{Fields, VenueError, required, resolve_price};
use crate::{
    sim::{
        matching::{NewTrigger, Offset, Reference, TriggerKind},
        server::order_type::OrderType,
    },
    types::{Decimal, Instrument},
};

/// How a price is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PriceType {
    Static,
    Percent,
    Quote,
}

/// A price and how it is meant; its digits still need the pair's precision.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    digits: String,
    kind: PriceType,
}

/// What an order waits for, as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct AskedTrigger {
    kind: TriggerKind,
    reference: Reference,
    price: Asked,
}

impl PriceType {
    /// Reads the name of a price's type.
    pub(crate) fn read(
        fields: &Fields<'_>,
        name: &'static str,
    ) -> Result<Option<Self>, VenueError> {
        match fields.text(name)?.as_deref() {
            None => Ok(None),
            Some("static") => Ok(Some(Self::Static)),
            Some("pct") => Ok(Some(Self::Percent)),
            Some("quote") => Ok(Some(Self::Quote)),
            Some(_) => Err(VenueError::with(format!(
                "EGeneral:Invalid arguments:{name}"
            ))),
        }
    }
}

impl PriceType {
    /// How the limit of an order of this type is meant if nothing is said.
    pub(crate) const fn of_limit(kind: OrderType) -> Self {
        match kind.trigger {
            Some(TriggerKind::TrailingStop) => Self::Quote,
            Some(TriggerKind::StopLoss | TriggerKind::TakeProfit) | None => Self::Static,
        }
    }
}

impl Asked {
    /// A price of this type.
    pub(crate) fn new(digits: &str, kind: PriceType) -> Self {
        Self {
            digits: digits.to_owned(),
            kind,
        }
    }

    /// The price in the pair's units, or the distance.
    ///
    /// # Errors
    ///
    /// Digits that are no price of this pair, and no distance.
    pub(crate) fn resolve(&self, of: &Instrument) -> Result<Offset, VenueError> {
        let distance = || {
            let invalid = VenueError::of("EOrder:Invalid price:Invalid price argument");
            self.digits.parse::<Decimal>().map_err(|_malformed| invalid)
        };
        Ok(match self.kind {
            PriceType::Static => Offset::At(resolve_price(of, &self.digits)?),
            PriceType::Percent => Offset::Percent(distance()?),
            PriceType::Quote => Offset::Quote(distance()?),
        })
    }
}

impl AskedTrigger {
    /// Reads the member `triggers` of an order that waits for this.
    ///
    /// # Errors
    ///
    /// Members and types that the venue refuses; a trailing stop without a distance.
    pub(crate) fn read(fields: &Fields<'_>, kind: TriggerKind) -> Result<Self, VenueError> {
        const INVALID: VenueError = VenueError::of("EGeneral:Invalid arguments:triggers");
        if !fields.has("triggers") && fields.has("stop_price") {
            return Self::deprecated(fields, kind);
        }
        let triggers = required(fields.object("triggers")?, "triggers")?;
        triggers.only(&["price", "price_type", "reference"], "add_order")?;
        let price = required(triggers.number("price")?, "price")?;
        let price_type = PriceType::read(&triggers, "price_type")?.unwrap_or(PriceType::Static);
        let reference = match triggers.text("reference")?.as_deref() {
            None | Some("last") => Reference::Last,
            Some("index") => Reference::Index,
            Some(_) => return Err(INVALID),
        };
        let distance = price_type != PriceType::Static && !price.starts_with('-');
        if kind == TriggerKind::TrailingStop && !distance {
            return Err(INVALID);
        }
        Ok(Self {
            kind,
            reference,
            price: Asked::new(price, price_type),
        })
    }

    /// Reads `stop_price` and `trigger`, which `triggers` has replaced: a plain price, so no distance.
    fn deprecated(fields: &Fields<'_>, kind: TriggerKind) -> Result<Self, VenueError> {
        let price = required(fields.number("stop_price")?, "stop_price")?;
        let reference = match fields.text("trigger")?.as_deref() {
            None | Some("last") => Reference::Last,
            Some("index") => Reference::Index,
            Some(_) => return Err(VenueError::of("EGeneral:Invalid arguments:trigger")),
        };
        if kind == TriggerKind::TrailingStop {
            return Err(VenueError::of("EGeneral:Invalid arguments:stop_price"));
        }
        Ok(Self {
            kind,
            reference,
            price: Asked::new(price, PriceType::Static),
        })
    }

    /// Reads the price alone of the member `triggers`, of an order whose kind is known otherwise.
    ///
    /// # Errors
    ///
    /// Members and types that the venue refuses.
    pub(crate) fn price_of(fields: &Fields<'_>) -> Result<Option<Asked>, VenueError> {
        if !fields.has("triggers") {
            return Ok(None);
        }
        Self::read(fields, TriggerKind::StopLoss).map(|trigger| Some(trigger.price))
    }

    /// The trigger in the pair's units, with the limit that follows it.
    ///
    /// # Errors
    ///
    /// Digits that are no price of this pair.
    pub(crate) fn resolve(
        &self,
        of: &Instrument,
        limit: Option<&Asked>,
    ) -> Result<NewTrigger, VenueError> {
        Ok(NewTrigger {
            kind: self.kind,
            reference: self.reference,
            price: self.price.resolve(of)?,
            limit: limit.map(|limit| limit.resolve(of)).transpose()?,
        })
    }
}
