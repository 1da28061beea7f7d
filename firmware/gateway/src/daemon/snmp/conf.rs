//! What snmpd is to do, as `snmpd.conf(5)` has it: one user that may read, three parts of the tree, one program for figures.

use std::{fmt::Write as _, net::Ipv4Addr, path::Path};

use sekisho_design::{Metrics, Snmp};
use sekisho_snmp::BASE;

use super::{NAME, User};

/// HMAC-SHA-256 with 192 bits (RFC 7860), and AES-128 (RFC 3826).
const SHA_256: &str = ".1.3.6.1.6.3.10.1.1.5";
const AES_128: &str = ".1.3.6.1.6.3.10.1.2.4";

/// What may be read beside our own part: `system` without the list of snmpd's modules, `interfaces`, `ifXTable`.
const SYSTEM: &str = ".1.3.6.1.2.1.1";
const MODULES: &str = ".1.3.6.1.2.1.1.9";
const INTERFACES: &str = ".1.3.6.1.2.1.2";
const MORE_OF_INTERFACES: &str = ".1.3.6.1.2.1.31.1.1";

/// `sysServices`: internet, and applications (RFC 3418).
const SERVICES: u32 = 4 + 64;

/// Row status active and storage type read-only (RFC 2579): nobody changes the user by SNMP, and snmpd keeps no copy of it.
const ACTIVE: u32 = 1;
const READ_ONLY: u32 = 5;

pub(super) fn text(at: Ipv4Addr, user: &User, agent: &Path) -> String {
    let mut text =
        "# Written by sekishod by the design in force; changes here are lost.\n".to_owned();
    let User { engine, keys, made: _ } = user;
    let (authentication, privacy) = (keys.authentication(), keys.privacy());
    let figures = Metrics::PORT;
    let lines = [
        format!("agentAddress udp:{at}:{}", Snmp::PORT),
        format!("exactEngineID 0x{engine}"),
        format!(
            "usmUser {ACTIVE} {READ_ONLY} 0x{engine} \"{NAME}\" \"{NAME}\" NULL {SHA_256} 0x{authentication} {AES_128} 0x{privacy} \"\""
        ),
        format!("view sekisho included {SYSTEM}"),
        format!("view sekisho excluded {MODULES}"),
        format!("view sekisho included {INTERFACES}"),
        format!("view sekisho included {MORE_OF_INTERFACES}"),
        format!("view sekisho included {BASE}"),
        format!("rouser -s usm {NAME} authpriv -V sekisho"),
        format!("sysDescr Sekisho {}", env!("CARGO_PKG_VERSION")),
        format!("sysObjectID {BASE}"),
        format!("sysServices {SERVICES}"),
        "sysName sekisho".to_owned(),
        "sysContact -".to_owned(),
        "sysLocation -".to_owned(),
        // Loopback, where the page's process tells the same figures to whoever is on the box.
        format!("pass_persist {BASE} {} {}:{figures}", agent.display(), Ipv4Addr::LOCALHOST),
        "dontLogTCPWrappersConnects yes".to_owned(),
    ];
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text
}
