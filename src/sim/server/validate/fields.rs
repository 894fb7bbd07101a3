//! The members of one JSON object, checked as strictly and worded as plainly as the venue does.
//!
//! For: reading parameters. Left out: what they mean. Always true: numbers stay digits; unknown members are refused.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

/// Why a request is refused, in the venue's words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct VenueError(pub(crate) Cow<'static, str>);

impl VenueError {
    /// A refusal whose words never change.
    pub(crate) const fn of(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A refusal with names in it.
    pub(crate) const fn with(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// Text that is no request.
    pub(crate) const MALFORMED: Self = Self::of("Malformed request");
    /// What exists at the venue and is not simulated.
    pub(crate) const DISABLED: Self = Self::of("EAPI:Feature disabled");
}

/// The members of an object.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    members: BTreeMap<String, &'a RawValue>,
}

impl<'a> Fields<'a> {
    /// Reads an object.
    pub(crate) fn parse(json: &'a str) -> Result<Self, VenueError> {
        let members = serde_json::from_str(json).map_err(|_no_object| VenueError::MALFORMED)?;
        Ok(Self { members })
    }

    /// Refuses members outside `allowed`, in the words of the message's kind.
    pub(crate) fn only(&self, allowed: &[&str], kind: &str) -> Result<(), VenueError> {
        let unknown = |name: &&String| !allowed.contains(&name.as_str());
        let Some(name) = self.members.keys().find(unknown) else {
            return Ok(());
        };
        let kind = kind.replace('_', " ");
        Err(VenueError::with(format!(
            "Unsupported field: '{name}' for the given msg type: {kind}"
        )))
    }

    /// Whether the member is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The member's JSON as it was sent.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.members.get(name).map(|value| value.get())
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, VenueError> {
        self.typed(name, "a string")
    }

    /// Yes or no.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, VenueError> {
        self.typed(name, "a boolean")
    }

    /// A whole number.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, VenueError> {
        self.typed(name, "a number_integer")
    }

    /// Checks that a member is a whole number of 64 bits, with or without a sign.
    pub(crate) fn any_integer(&self, name: &str) -> Result<(), VenueError> {
        match self.typed::<u64>(name, "a number_integer") {
            Ok(_) => Ok(()),
            Err(_no_natural) => self.integer(name).map(|_| ()),
        }
    }

    /// An array of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, VenueError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if !raw.starts_with('[') {
            return Err(wrong_type(name, "an array"));
        }
        serde_json::from_str(raw)
            .map(Some)
            .map_err(|_no_texts| wrong_type(name, "a string"))
    }

    /// An array of whole numbers.
    pub(crate) fn integers(&self, name: &str) -> Result<Option<Vec<i64>>, VenueError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if !raw.starts_with('[') {
            return Err(wrong_type(name, "an array"));
        }
        serde_json::from_str(raw)
            .map(Some)
            .map_err(|_no_numbers| wrong_type(name, "a number_integer"))
    }

    /// An array of objects.
    pub(crate) fn objects(&self, name: &str) -> Result<Option<Vec<Fields<'a>>>, VenueError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if !raw.starts_with('[') {
            return Err(wrong_type(name, "an array"));
        }
        let items: Vec<&'a RawValue> =
            serde_json::from_str(raw).map_err(|_malformed| VenueError::MALFORMED)?;
        let objects: Result<Vec<_>, _> = items.iter().map(|item| Self::parse(item.get())).collect();
        objects
            .map(Some)
            .map_err(|_no_object| wrong_type(name, "an object"))
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, VenueError> {
        let read = |raw| Self::parse(raw).map_err(|_no_object| wrong_type(name, "an object"));
        self.raw(name).map(read).transpose()
    }

    /// A number's digits, exactly as sent.
    pub(crate) fn number(&self, name: &str) -> Result<Option<&'a str>, VenueError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            Ok(Some(raw))
        } else {
            Err(wrong_type(name, "a number_float"))
        }
    }

    fn typed<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        kind: &str,
    ) -> Result<Option<T>, VenueError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        serde_json::from_str(raw)
            .map(Some)
            .map_err(|_wrong_type| wrong_type(name, kind))
    }
}

/// A value that must be there.
pub(crate) fn required<T>(value: Option<T>, name: &str) -> Result<T, VenueError> {
    value.ok_or_else(|| VenueError::with(format!("{}(s) not found", capitalized(name))))
}

fn wrong_type(name: &str, kind: &str) -> VenueError {
    VenueError::with(format!("{} field must be {kind}", capitalized(name)))
}

/// The venue writes a field's name with its first letter raised: `Cash_order_qty`.
fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
