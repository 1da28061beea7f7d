//! The first sample, as the name service takes it.

use std::net::Ipv4Addr;

use sekisho_design::{Source, Sources, Trust, check};
use sekisho_names::Setup;

/// A terminal of the head office.
pub const TERMINAL: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);

/// The DNS server of the head office.
pub const OFFICE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 53);

/// What the service works by.
pub fn setup() -> Setup {
    let operator = include_str!("../../../tests/lab/keys/operator.pub").trim();
    let site = include_bytes!("../../../config-samples/1-office/site.toml");
    let profile = include_bytes!("../../../config-samples/1-office/platform-profile.toml");
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site },
        profile: Source { name: "platform-profile.toml", bytes: profile },
    };
    let trust = Trust { operator: operator.parse().expect("a key"), in_force: None };
    Setup::of(&check(&sources, &trust).expect("the sample is valid").design)
}
