//! The first sample, for tests.

use std::net::Ipv4Addr;

use sekisho_design::{
    Design, DnsName, Lan, Method, NameEntry, NameTarget, Source, Sources, Trust, check,
};

/// A terminal of the head office.
pub(crate) const TERMINAL: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);
/// A terminal of the education board.
pub(crate) const SCHOOL: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 100);
/// The DNS server of the head office.
pub(crate) const OFFICE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 53);
/// Registered nowhere.
pub(crate) const STRANGER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 200);

/// The first sample with another method.
pub(crate) fn design(method: Method) -> Design {
    let site = include_bytes!("../../../config-samples/1-office/site.toml");
    let profile = include_bytes!("../../../config-samples/1-office/platform-profile.toml");
    let operator = include_str!("../../../tests/lab/keys/operator.pub").trim().parse().unwrap();
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site },
        profile: Source { name: "platform-profile.toml", bytes: profile },
    };
    let mut design = check(&sources, &Trust { operator, in_force: None }).unwrap().design;
    design.names.as_mut().unwrap().method = method;
    design
}

pub(crate) fn name(text: &str) -> DnsName {
    text.parse().unwrap()
}

pub(crate) fn entry(text: &str, lans: &[Lan], target: NameTarget) -> NameEntry {
    NameEntry { name: name(text), lans: lans.to_vec(), target }
}

pub(crate) fn addresses(texts: &[&str]) -> NameTarget {
    NameTarget::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect())
}
