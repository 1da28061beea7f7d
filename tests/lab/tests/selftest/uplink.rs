//! Trouble of LGWAN and the tunnel.

use anyhow::Context;
use sekisho_lab::{Centre, TUNNEL_PORT};

use crate::{
    cases::Case,
    site::{Site, cable},
};

pub(crate) const CASES: &[Case] = &[
    Case {
        wrong: "The gateway of the design is nobody's address",
        wreck: |site| {
            site.apply(|text| text.replace("\"198.18.1.1\"", "\"198.18.1.254\""))?;
            site.silent(Centre::East)
        },
        mend: |site| site.restore(),
        check: "lgwan.router",
        code: "wrong-gateway",
    },
    Case {
        wrong: "The gateway of the design is a host that is no router",
        wreck: |site| {
            // Another host on the wire, which answers ARP and forwards nothing.
            cable("link set maint-clerk master wire")?;
            site.ip("clerk", "addr add 198.18.1.254/24 dev eth0")?;
            site.apply(|text| text.replace("\"198.18.1.1\"", "\"198.18.1.254\""))?;
            site.silent(Centre::East)
        },
        mend: |site| {
            site.restore()?;
            site.ip("clerk", "addr del 198.18.1.254/24 dev eth0")?;
            cable("link set maint-clerk master maint")
        },
        check: "lgwan.path.east",
        code: "wrong-gateway",
    },
    Case {
        wrong: "LGWAN's router is off",
        wreck: |site| {
            site.ip("lgwan", "link set eth0 arp off")?;
            site.silent(Centre::East)
        },
        mend: |site| site.ip("lgwan", "link set eth0 arp on"),
        check: "lgwan.router",
        code: "router-silent",
    },
    Case {
        wrong: "The clock is a year off (the time server is a year ahead of it)",
        wreck: |site| site.lab.set_lgwan_clock(365 * 86_400),
        mend: |site| site.lab.set_lgwan_clock(0),
        check: "lgwan.ntp.198-18-2-123",
        code: "clock-off",
    },
    Case {
        wrong: "The time server is dead",
        wreck: |site| site.filter("lgwan", "input", &["udp dport 123 drop"]),
        mend: |site| site.unfiltered("lgwan"),
        check: "lgwan.ntp.198-18-2-123",
        code: "ntp-silent",
    },
    Case {
        wrong: "The public key of one centre is wrong",
        wreck: |site| wrong_key(site, Centre::East),
        mend: |site| right_key(site, Centre::East),
        check: "tunnel.centre.east",
        code: "keys-differ",
    },
    Case {
        wrong: "The public keys of both centres are wrong",
        wreck: |site| {
            wrong_key(site, Centre::East)?;
            wrong_key(site, Centre::West)
        },
        mend: |site| {
            right_key(site, Centre::West)?;
            right_key(site, Centre::East)
        },
        check: "tunnel.centre.east",
        code: "keys-differ",
    },
    Case {
        wrong: "UDP is filtered without a word",
        wreck: |site| {
            site.filter("lgwan", "forward", &["meta l4proto udp drop"])?;
            site.silent(Centre::East)
        },
        mend: |site| site.unfiltered("lgwan"),
        check: "tunnel.centre.east",
        code: "udp-filtered",
    },
    Case {
        wrong: "UDP is filtered by somebody who says so",
        wreck: |site| {
            // The tunnel's own attempts would use up the answers that a router gives a second.
            let unlimited = ["sysctl", "-qw", "net.ipv4.icmp_ratelimit=0"];
            site.lab.host("lgwan").must(&unlimited)?;
            let rule = "meta l4proto udp reject with icmp type admin-prohibited";
            site.filter("lgwan", "forward", &[rule])?;
            site.silent(Centre::East)
        },
        mend: |site| site.unfiltered("lgwan"),
        check: "tunnel.centre.east",
        code: "udp-filtered",
    },
    Case {
        wrong: "One centre's tunnel end isn't running",
        wreck: |site| {
            site.lab.kill_far_end(Centre::West)?;
            site.silent(Centre::West)
        },
        mend: |site| site.lab.start_far_end(Centre::West),
        check: "tunnel.centre.west",
        code: "centre-not-listening",
    },
    Case {
        wrong: "One centre is gone",
        wreck: |site| {
            site.lab.cut(Centre::West)?;
            site.silent(Centre::West)
        },
        mend: |site| site.lab.mend(Centre::West),
        check: "tunnel.centre.west",
        code: "centre-silent",
    },
    Case {
        wrong: "LGWAN carries 1300 bytes and blocks ICMP",
        wreck: |site| {
            site.filter("lgwan", "output", &["icmp type destination-unreachable drop"])?;
            site.ip("lgwan", "link set east mtu 1300")?;
            site.ip("lgwan", "link set west mtu 1300")
        },
        mend: |site| {
            site.unfiltered("lgwan")?;
            site.ip("lgwan", "link set east mtu 1500")?;
            site.ip("lgwan", "link set west mtu 1500")
        },
        check: "tunnel.path-mtu.east",
        code: "path-mtu",
    },
];

/// Puts a tunnel end with another key in a centre's place.
fn wrong_key(site: &mut Site, centre: Centre) -> anyhow::Result<()> {
    site.lab.kill_far_end(centre)?;
    let other = match centre {
        Centre::East => Centre::West,
        Centre::West => Centre::East,
    };
    let key = site.lab.logs().join(format!("{}.key", other.name())).display().to_string();
    let device = String::from_utf8(site.lab.sekisho(&["key"])?.stdout)?;
    let (binary, listen) =
        (site.lab.binary("sekisho-far-end")?, format!("{}:{TUNNEL_PORT}", centre.endpoint()));
    let words = [&binary, "respond", "--key", &key, "--peer", device.trim(), "--listen", &listen];
    site.guests.push(site.lab.host(centre.name()).spawn("stranger", &words)?);
    site.silent(centre)
}

fn right_key(site: &mut Site, centre: Centre) -> anyhow::Result<()> {
    site.guests.pop().context("no stranger")?.kill()?;
    site.lab.start_far_end(centre)
}
