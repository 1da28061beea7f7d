//! Who is told nothing, and what isn't believed.

use anyhow::ensure;
use sekisho_lab::Lab;

use crate::{
    ask::{count, dig, ensure_told},
    clients::NAMES,
    peers::Site,
};

const TERMINAL: (&str, &str) = ("terminal", "192.168.1.1");

/// No name service for LGWAN, the maintenance port or the platform, nor at another side's address.
pub(crate) fn other_sides_get_no_answer() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let device = lab.addresses();
    let (lgwan, own) = (device.device_lgwan.addr().to_string(), device.device_global.to_string());
    for (host, address) in [
        ("lgwan", &*lgwan),
        ("lgwan", "192.168.1.1"),
        ("east", &lgwan),
        ("platform", &own),
        ("platform", "192.168.1.1"),
        ("clerk", "192.168.254.1"),
        ("clerk", "192.168.1.1"),
        ("school", "192.168.1.1"),
    ] {
        let told = dig(&lab, host, address, &["+time=1", "counter.office.example"])?;
        ensure!(told.code == "silence", "{host} at {address}: {told:?}");
    }
    Ok(())
}

/// Only sources that the design registers are answered (R55); others are told so.
pub(crate) fn unregistered_hosts_are_refused() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    lab.host("terminal").must(&["ip", "address", "add", "192.168.1.200/24", "dev", "eth0"])?;
    let before = count(&lab, "head-office/refused-client")?;
    let words = ["-b", "192.168.1.200", "counter.office.example"];
    ensure_told(&lab, TERMINAL, &words, ("REFUSED", &[]))?;
    ensure!(count(&lab, "head-office/refused-client")? == before + 1);
    ensure_told(&lab, TERMINAL, &["counter.office.example"], ("NOERROR", &["192.168.1.100"]))
}

/// An answer of the platform that points into the office would let the platform choose where office programs connect.
pub(crate) fn answers_that_lead_elsewhere_are_not_believed() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    for name in ["rebind.platform.example", "partner.platform.example"] {
        ensure_told(&lab, TERMINAL, &[name], ("SERVFAIL", &[]))?;
    }
    ensure!(count(&lab, "head-office/outside-answer")? >= 2);
    let declared = NAMES.replace("rewrite-own = true", "outside-answers = [\"100.80.0.0/16\"]");
    lab.apply(&Site::with("1-office", &declared)?.0)?;
    ensure_told(&lab, TERMINAL, &["partner.platform.example"], ("NOERROR", &["100.80.1.1"]))?;
    ensure_told(&lab, TERMINAL, &["rebind.platform.example"], ("SERVFAIL", &[]))
}

/// What is no question costs nobody an answer.
pub(crate) fn garbage_changes_nothing() -> anyhow::Result<()> {
    let (mut lab, mut servers) = Site::with("1-office", NAMES)?.lab()?;
    ensure_told(&lab, TERMINAL, &["platform.example", "ANY"], ("REFUSED", &[]))?;
    for kind in ["AXFR", "IXFR=1"] {
        let ask = ["dig", "+time=8", "+tries=1", "@192.168.1.1", "platform.example", kind];
        let said = lab.host(TERMINAL.0).must(&ask)?;
        ensure!(said.contains("Transfer failed") || said.contains("REFUSED"), "{kind}: {said}");
    }
    let before = resident(&mut lab)?;
    lab.host("terminal").inside(|| -> anyhow::Result<()> {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        for number in 0..20_000_u32 {
            let mut bytes = [0; 96];
            for byte in &mut bytes {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                *byte = state.to_le_bytes()[0];
            }
            let length = usize::try_from(number % 97)?;
            socket.send_to(&bytes[..length.min(bytes.len())], "192.168.1.1:53")?;
        }
        Ok(())
    })??;
    ensure_told(&lab, TERMINAL, &["web.platform.example"], ("NOERROR", &["100.72.1.10"]))?;
    let after = resident(&mut lab)?;
    ensure!(after < before + 8_000, "from {before} to {after} KiB");

    // A server that answers with garbage is passed over.
    drop(servers.remove(0));
    let garbage = "import socket,os\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n\
        s.bind(('100.72.0.53',53))\nwhile True:\n d,a=s.recvfrom(4096)\n s.sendto(os.urandom(len(d)),a)\n s.sendto(d[:2]+os.urandom(40),a)\n";
    let _liar = lab.host("platform").spawn("garbage", &["python3", "-c", garbage])?;
    ensure_told(
        &lab,
        TERMINAL,
        &["www.platform.example"],
        ("NOERROR", &["web.platform.example.", "100.72.1.10"]),
    )?;
    Ok(())
}

/// The daemon's memory, in KiB.
fn resident(lab: &mut Lab) -> anyhow::Result<u64> {
    let process = lab.daemon()?.id();
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.split_whitespace().next()).unwrap_or("0").parse()?)
}
