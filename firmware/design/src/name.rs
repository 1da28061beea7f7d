//! Names that people give and names that the kernel takes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A name of a server, a row of terminals or a centre: 1 to 32 of `a-z 0-9 -`, starting with a letter.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A network port of the box: 1 to 15 bytes (`IFNAMSIZ` less its terminator), no space, `/` or `:`, not `.` or `..`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct PortName(String);

/// A DNS name of host-name labels (RFC 1035, RFC 1123): each 1 to 63 letters, digits and inner hyphens, 253 in all. The last
/// label isn't a number, so that no name looks like an address (RFC 3696, 2). Kept in lower case, without a trailing dot.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct DnsName(String);

/// The text breaks the rule that its type's documentation states.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a valid name")]
pub struct MalformedName(pub String);

impl FromStr for Name {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        let valid = (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if valid { Ok(Self(text.to_owned())) } else { Err(MalformedName(text.to_owned())) }
    }
}

impl FromStr for PortName {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        let valid = (1..=15).contains(&text.len())
            && !matches!(text, "." | "..")
            && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':'));
        if valid { Ok(Self(text.to_owned())) } else { Err(MalformedName(text.to_owned())) }
    }
}

impl DnsName {
    /// Whether it is this zone or a name in it.
    pub fn is_in(&self, zone: &str) -> bool {
        is_in(&self.0, zone)
    }
}

/// Whether a name is a zone or in it.
pub(crate) fn is_in(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Whether it is a host-name label: 1 to 63 letters, digits and inner hyphens.
pub(crate) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl FromStr for DnsName {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let last = name.rsplit('.').next().unwrap_or_default();
        let valid = name.len() <= 253
            && name.split('.').all(is_label)
            && !last.bytes().all(|b| b.is_ascii_digit());
        if valid {
            Ok(Self(name.to_ascii_lowercase()))
        } else {
            Err(MalformedName(text.to_owned()))
        }
    }
}

macro_rules! text_newtype {
    ($type:ty) => {
        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = MalformedName;

            fn try_from(text: String) -> Result<Self, MalformedName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype!(Name);
text_newtype!(PortName);
text_newtype!(DnsName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_start_with_a_letter_and_stay_short() {
        assert_eq!("juki-2".parse::<Name>().unwrap().as_str(), "juki-2");
        assert!("a".repeat(32).parse::<Name>().is_ok());
        for text in ["", "2juki", "-a", "Juki", "a_b", "a b", "住基", &"a".repeat(33)] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn port_names_are_what_the_kernel_takes() {
        assert!("port1.100".parse::<PortName>().is_ok());
        assert!("a".repeat(15).parse::<PortName>().is_ok());
        for text in ["", ".", "..", "a/b", "a:b", "a b", "a\0", "ポート", &"a".repeat(16)] {
            assert!(text.parse::<PortName>().is_err(), "{text}");
        }
    }

    #[test]
    fn dns_names_are_host_names_and_never_look_like_addresses() {
        let name = |text: &str| text.parse::<DnsName>().map(String::from);
        assert_eq!(name("Web.Platform.example.").unwrap(), "web.platform.example");
        assert!(name(&["a".repeat(63), "b".repeat(63)].join(".")).is_ok());
        for text in
            ["", ".", "a..b", "-a", "a-", "a_b", "10.0.0.1", "a.1", "名.example", &"a".repeat(64)]
        {
            assert!(name(text).is_err(), "{text}");
        }
        let web: DnsName = "web.platform.example".parse().unwrap();
        assert!(web.is_in("platform.example") && web.is_in("web.platform.example"));
        assert!(!web.is_in("form.example") && !web.is_in("a.web.platform.example"));
    }
}
