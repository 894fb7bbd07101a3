//! What few orders ask for, out of the way of those that do not.
//!
//! Always true: it reads as [`Conditions`]; an order that asks for nothing holds none, which is half of its size: agents have a
//! hundred thousand of them, and each is copied into what is told of it.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use super::{Conditions, FeeCurrency, SelfTrade};

/// What is asked for where nothing is.
static NOTHING: Conditions = Conditions {
    self_trade: SelfTrade::CancelNewest,
    trigger: None,
    cash: None,
    display: None,
    close: None,
    parent: None,
    start: None,
    sub_id: None,
    fee_in: FeeCurrency::Quote,
};

/// [`Conditions`], which are nearly always the default.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Conditions", into = "Conditions")]
pub struct RareConditions(Option<Box<Conditions>>);

impl From<Conditions> for RareConditions {
    fn from(conditions: Conditions) -> Self {
        let asked = conditions != NOTHING;
        Self(asked.then(|| Box::new(conditions)))
    }
}

impl From<RareConditions> for Conditions {
    fn from(rare: RareConditions) -> Self {
        *rare
    }
}

impl Deref for RareConditions {
    type Target = Conditions;

    fn deref(&self) -> &Conditions {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for RareConditions {
    fn deref_mut(&mut self) -> &mut Conditions {
        self.0.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Quantity;

    #[test]
    fn nothing_is_the_default_and_takes_no_room() {
        assert_eq!(NOTHING, Conditions::default());
        assert_eq!(RareConditions::from(NOTHING), RareConditions(None));
        let mut changed = RareConditions::from(NOTHING);
        changed.display = Some(Quantity::ZERO);
        let read = Conditions::from(changed.clone());
        assert_eq!(read.display, Some(Quantity::ZERO));
        assert_eq!(RareConditions::from(read), changed);
    }
}
