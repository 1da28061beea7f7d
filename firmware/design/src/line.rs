//! How fast a line is: what the uplink is contracted for, and what a port and its neighbour speak.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A line's contracted rate in bits a second: 0.5 Mb/s to 10 Gb/s (R44). Written `512k`, `1.5M` or `10G`, in powers of a
/// thousand.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub struct LineRate(u64);

/// The speed of a port.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub enum Speed {
    /// 10BASE-T.
    #[serde(rename = "10M")]
    Mbps10,
    /// 100BASE-TX.
    #[serde(rename = "100M")]
    Mbps100,
    /// 1000BASE-T.
    #[serde(rename = "1G")]
    Gbps1,
}

/// Whether both ends of a link send at once.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Duplex {
    /// They do.
    Full,
    /// One at a time.
    Half,
}

/// What a port and its neighbour speak where they don't agree on it by themselves. A gigabit port is full duplex
/// (IEEE 802.3, clause 40).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "WrittenMode")]
pub struct PortMode {
    speed: Speed,
    duplex: Duplex,
}

/// A mode as it is written, which may be one that no port has.
#[derive(Deserialize)]
struct WrittenMode {
    speed: Speed,
    duplex: Duplex,
}

/// Half duplex at a gigabit.
#[derive(Debug, thiserror::Error)]
#[error("a port of 1G is never half duplex")]
pub struct NoSuchMode;

/// The text is no rate, or one outside the bounds.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a line rate: write 512k, 1.5M or 10G, from 500k to 10G")]
pub struct MalformedRate(pub String);

/// Units by their letters, the largest first, with their zeros.
const UNITS: [(char, u32); 3] = [('G', 9), ('M', 6), ('k', 3)];

impl LineRate {
    /// The slowest and the fastest line, in bits a second.
    const BOUNDS: (u64, u64) = (500_000, 10_000_000_000);

    /// A rate; `None` where it is outside the bounds.
    pub fn new(bits_per_second: u64) -> Option<Self> {
        let (least, most) = Self::BOUNDS;
        (least..=most).contains(&bits_per_second).then_some(Self(bits_per_second))
    }

    /// Bits a second.
    pub fn bits_per_second(self) -> u64 {
        self.0
    }
}

impl FromStr for LineRate {
    type Err = MalformedRate;

    fn from_str(text: &str) -> Result<Self, MalformedRate> {
        scaled(text).and_then(Self::new).ok_or_else(|| MalformedRate(text.to_owned()))
    }
}

impl fmt::Display for LineRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0)
    }
}

/// A number with its unit, in powers of a thousand, like `1.5M`; `None` where it is none or has parts smaller than one.
pub(crate) fn scaled(text: &str) -> Option<u64> {
    let (number, zeros) =
        UNITS.iter().find_map(|(letter, zeros)| Some((text.strip_suffix(*letter)?, *zeros)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u64>().ok().filter(|_| plain)
    };
    let missing = zeros.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let fraction = digits(fraction)?.checked_mul(10u64.pow(missing))?;
    digits(whole)?.checked_mul(10u64.pow(zeros))?.checked_add(fraction)
}

/// Writes a number, which is not under the smallest unit, as [`scaled`] reads it.
pub(crate) fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64) -> fmt::Result {
    let fits = |(_, zeros): &&(char, u32)| value >= 10u64.pow(*zeros);
    let (letter, zeros) = UNITS.iter().find(fits).copied().unwrap_or(('k', 3));
    let (whole, fraction) = (value / 10u64.pow(zeros), value % 10u64.pow(zeros));
    let fraction = format!("{fraction:0width$}", width = zeros as usize);
    match fraction.trim_end_matches('0') {
        "" => write!(f, "{whole}{letter}"),
        fraction => write!(f, "{whole}.{fraction}{letter}"),
    }
}

impl From<LineRate> for String {
    fn from(rate: LineRate) -> Self {
        rate.to_string()
    }
}

impl Speed {
    /// Every speed, the slowest first.
    pub const ALL: [Self; 3] = [Self::Mbps10, Self::Mbps100, Self::Gbps1];

    /// The word of the design file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mbps10 => "10M",
            Self::Mbps100 => "100M",
            Self::Gbps1 => "1G",
        }
    }

    /// Bits a second.
    pub fn bits_per_second(self) -> u64 {
        match self {
            Self::Mbps10 => 10_000_000,
            Self::Mbps100 => 100_000_000,
            Self::Gbps1 => 1_000_000_000,
        }
    }
}

impl Duplex {
    /// Both, the usual one first.
    pub const ALL: [Self; 2] = [Self::Full, Self::Half];

    /// The word of the design file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Half => "half",
        }
    }
}

impl PortMode {
    /// Speed and duplex together; `None` for half duplex at a gigabit.
    pub fn new(speed: Speed, duplex: Duplex) -> Option<Self> {
        ((speed, duplex) != (Speed::Gbps1, Duplex::Half)).then_some(Self { speed, duplex })
    }

    /// The speed.
    pub fn speed(self) -> Speed {
        self.speed
    }

    /// Whether both ends send at once.
    pub fn duplex(self) -> Duplex {
        self.duplex
    }
}

impl TryFrom<WrittenMode> for PortMode {
    type Error = NoSuchMode;

    fn try_from(WrittenMode { speed, duplex }: WrittenMode) -> Result<Self, NoSuchMode> {
        Self::new(speed, duplex).ok_or(NoSuchMode)
    }
}

macro_rules! word {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

word!(Speed);
word!(Duplex);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_read_and_shown_in_the_largest_unit() {
        for (text, bits, shown) in [
            ("500k", 500_000, "500k"),
            ("512k", 512_000, "512k"),
            ("0.5M", 500_000, "500k"),
            ("1.5M", 1_500_000, "1.5M"),
            ("1536k", 1_536_000, "1.536M"),
            ("100M", 100_000_000, "100M"),
            ("100.00M", 100_000_000, "100M"),
            ("1000M", 1_000_000_000, "1G"),
            ("10G", 10_000_000_000, "10G"),
            ("9.999999999G", 9_999_999_999, "9.999999999G"),
        ] {
            let rate: LineRate = text.parse().unwrap();
            assert_eq!((rate.bits_per_second(), rate.to_string().as_str()), (bits, shown));
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "k",
            "100",
            "499k",
            "499.999k",
            "10.000000001G",
            "11G",
            "99999999999999999999G",
            "18446744073709551615k",
            "1.0000000001G",
            "1.M",
            ".5M",
            "1..5M",
            "1,5M",
            "+1M",
            "-1M",
            "1 M",
            "1m",
            "1Mbps",
            "1K",
            "１M",
            "1T",
        ] {
            assert!(text.parse::<LineRate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_gigabit_is_never_half_duplex() {
        assert_eq!(PortMode::new(Speed::Gbps1, Duplex::Half), None);
        let made = |(speed, duplex)| PortMode::new(speed, duplex).is_some();
        let all =
            Speed::ALL.into_iter().flat_map(|speed| Duplex::ALL.map(|duplex| (speed, duplex)));
        assert_eq!(all.filter(|both| made(*both)).count(), 5);
    }

    #[test]
    fn a_mode_is_read_as_it_is_written() {
        let mode = PortMode::new(Speed::Mbps100, Duplex::Half).unwrap();
        let text = serde_json::to_string(&mode).unwrap();
        assert_eq!(text, r#"{"speed":"100M","duplex":"half"}"#);
        assert_eq!(serde_json::from_str::<PortMode>(&text).unwrap(), mode);
        let impossible = serde_json::from_str::<PortMode>(r#"{"speed":"1G","duplex":"half"}"#);
        assert!(impossible.unwrap_err().to_string().contains("never half duplex"));
    }

    proptest! {
        #[test]
        fn a_rate_is_read_as_it_is_shown(bits in 500_000u64..=10_000_000_000) {
            let rate = LineRate::new(bits).unwrap();
            prop_assert_eq!(rate.to_string().parse::<LineRate>().unwrap(), rate);
        }
    }
}
