//! Addresses that a key may be used from.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{AddrParseError, IpNet};

/// An address, or a range of them: `203.0.113.7`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Whether the address is in it.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for AddressRange {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let one = text.parse::<IpAddr>().map(IpNet::from);
        one.or_else(|_no_address| text.parse()).map(Self)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_in_either_spelling() {
        let holds = |range: &str, address: &str| {
            let range: AddressRange = range.parse().unwrap();
            range.holds(address.parse().unwrap())
        };
        assert!(holds("203.0.113.7", "203.0.113.7"));
        assert!(holds("203.0.113.7", "::ffff:203.0.113.7"));
        assert!(!holds("203.0.113.7", "203.0.113.8"));
        assert!(holds("203.0.113.0/24", "203.0.113.8"));
        assert!(!holds("203.0.113.0/24", "203.0.114.8"));
        assert!(holds("::1", "::1") && !holds("::1", "127.0.0.1"));
        for text in ["203.0.113.7", "203.0.113.0/24", "::1"] {
            let range: AddressRange = text.parse().unwrap();
            assert_eq!(range.to_string(), text);
        }
        assert!("here".parse::<AddressRange>().is_err());
    }
}
