//! A router of LGWAN that is congested and says so, rather than drop (RFC 3168, RFC 6040).

use anyhow::ensure;

use crate::traffic::{exchange, lab};

/// What a router between device and centre does with datagrams whose ends understand marks.
const ROUTER: [&str; 4] = [
    "add table ip congested",
    "add chain ip congested way { type filter hook forward priority 0; }",
    "add rule ip congested way udp dport 51820 ip ecn ect0 counter ip ecn set ce",
    "add rule ip congested way udp sport 51820 ip ecn ect0 counter ip ecn set ce",
];

/// Packets of a connection that bear the mark of congestion.
const MARKED: &str = "tcp and ip[1] & 3 = 3";

pub(crate) fn a_congested_router_is_heard_at_both_ends() -> anyhow::Result<()> {
    let lab = lab()?;
    for host in ["terminal", "platform"] {
        lab.host(host).must(&["sysctl", "-qw", "net.ipv4.tcp_ecn=1"])?;
    }
    for command in ROUTER {
        lab.host("lgwan").must(&["nft", command])?;
    }
    let (office, platform) = (lab.capture("terminal", "eth0")?, lab.capture("platform", "any")?);
    exchange(&lab, 300_000)?;
    let (office, platform) = (office.stop()?, platform.stop()?);
    let (down, up) = (office.count(MARKED)?, platform.count(MARKED)?);
    ensure!(down > 50, "{down} packets with a mark reached the terminal");
    ensure!(up > 0, "no packet with a mark reached the platform");
    let told = office.count("tcp[tcpflags] & tcp-ece != 0 and tcp[tcpflags] & tcp-syn = 0")?;
    ensure!(told > 0, "the terminal tells nobody");
    Ok(())
}
