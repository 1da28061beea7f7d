//! Object identifiers, in the order in which SNMP walks through them.

use std::{fmt, str::FromStr};

/// The longest identifier, in numbers (RFC 3416, 4.1).
const LONGEST: usize = 128;

/// The name of an object. One that begins another comes before it; else the first number that differs decides.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Oid(Vec<u32>);

/// A text that names no object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoOid;

impl Oid {
    /// What stands below, with more numbers.
    #[must_use]
    pub fn below(&self, numbers: &[u32]) -> Self {
        Self([&self.0, numbers].concat())
    }

    /// Its numbers.
    pub fn numbers(&self) -> &[u32] {
        &self.0
    }
}

impl FromStr for Oid {
    type Err = NoOid;

    /// `.1.3.6.1`, as snmpd writes it; the first point may be missing.
    fn from_str(text: &str) -> Result<Self, NoOid> {
        let text = text.strip_prefix('.').unwrap_or(text);
        let number = |part: &str| {
            let plain = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| plain).ok_or(NoOid)
        };
        let numbers: Vec<u32> =
            text.split('.').take(LONGEST + 1).map(number).collect::<Result<_, _>>()?;
        if numbers.len() > LONGEST { Err(NoOid) } else { Ok(Self(numbers)) }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|number| write!(f, ".{number}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_names_no_object_is_refused() {
        let long = ".1".repeat(LONGEST + 1);
        for text in
            ["", ".", "1..3", ".1.3.", ".1.x", ".1.-3", ".1.+3", " .1", ".1.4294967296", &long]
        {
            assert_eq!(text.parse::<Oid>(), Err(NoOid), "{text}");
        }
        assert!(".1".repeat(LONGEST).parse::<Oid>().is_ok());
        assert_eq!("1.3".parse::<Oid>(), ".1.3".parse());
    }

    #[test]
    fn the_order_is_that_of_a_walk() {
        let sorted = [".1.3", ".1.3.0", ".1.3.2", ".1.3.2.1", ".1.3.10", ".1.4"];
        let read = sorted.map(|text| text.parse::<Oid>().unwrap());
        assert!(read.is_sorted());
        assert_eq!(read.each_ref().map(ToString::to_string), sorted);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(numbers in proptest::collection::vec(any::<u32>(), 1..LONGEST)) {
            let oid = Oid(numbers);
            prop_assert_eq!(oid.to_string().parse::<Oid>(), Ok(oid));
        }
    }
}
