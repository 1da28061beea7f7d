//! Many connections that nobody means to finish.

use std::net::Ipv4Addr;

use anyhow::ensure;
use sekisho_lab::PLATFORM_WEB;

use crate::{
    HTTP, HTTPS, NOBODY, applied,
    attack::refused,
    packets::{TCP, ip},
    raw, visit,
};

const SYN: u8 = 2;
const EACH: u16 = 4000;

pub(crate) fn of_half_open_connections() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let (school, juki) = (hosts.host("school")?, hosts.host("juki")?);
    let counted = || -> anyhow::Result<usize> {
        let gateway = lab.host("gateway");
        let count = gateway.must(&["cat", "/proc/sys/net/netfilter/nf_conntrack_count"])?;
        Ok(count.trim().parse()?)
    };
    let before = counted()?;
    // A declared service, a registered source: only their number is odd, and a host's rate is bounded.
    let flow = ip(school.address, NOBODY, TCP);
    let packets: Vec<_> = (0..EACH).map(|n| flow.tcp((20_000 + n, HTTP), SYN)).collect();
    raw::send(&lab, "school", PLATFORM_WEB, &packets)?;
    // And from hosts of the platform that aren't there towards a server.
    let stranger = |n: u16| Ipv4Addr::from(Ipv4Addr::new(100, 72, 128, 0).to_bits() + u32::from(n));
    let open = |n| ip(stranger(n), juki.global, TCP).tcp((20_000, HTTPS), SYN);
    raw::send(&lab, "east", juki.global, &(0..EACH).map(open).collect::<Vec<_>>())?;
    let grown = counted()? - before;
    ensure!(grown > usize::from(EACH) / 4, "only {grown} connections are half open");
    let refused = refused(&lab)?;
    let beyond = refused.get("education-board/too-many-openings").copied().unwrap_or(0);
    ensure!((1..u64::from(EACH)).contains(&beyond), "{refused:?}");

    visit(&lab, "school", PLATFORM_WEB, HTTP)?;
    visit(&lab, "terminal", PLATFORM_WEB, HTTP)?;
    let url = format!("http://{}:{HTTPS}/source", juki.global);
    let from = PLATFORM_WEB.to_string();
    let words = ["curl", "-sS", "--max-time", "20", "--interface", &from, &url];
    lab.host("platform").must(&words)?;
    Ok(())
}
