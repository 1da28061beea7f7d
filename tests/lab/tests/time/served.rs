//! LGWAN's time server leads the device's chrony by the file that the daemon wrote, and both LANs ask the device.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_lab::{Extent, LGWAN_NTP, Lab, Process, sample, wait_until};

/// The sample's time server on LGWAN.
const SERVER: &str = "198.18.2.123";
/// How long a fresh chrony may take to four answers of its server, two seconds apart.
const SYNCHRONISED: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(2);

/// Both LANs have one range in this sample, and the device one address.
pub(crate) fn both_lans_get_lgwans_time_and_are_told_before_they_can() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("overlapping-ranges"), Extent::Applied)?;
    // A whole time server comes in its place, and later.
    lab.clear(LGWAN_NTP)?;
    let written = lab.socket().with_file_name("time").join("chrony.conf");
    let lines = || fs::read_to_string(&written).unwrap_or_default();
    let wanted = format!("server {SERVER} iburst\n");
    ensure!(wait_until(ANSWER, || lines().contains(&wanted)), "{}", lines());
    let told = lab.status()?.time.context("no word of the time")?;
    ensure!(told.fault.is_none() && told.servers.len() == 1, "{told:?}");
    let clients = clients(&lab)?;
    let told_all = |wanted: fn(Answer) -> bool| {
        clients.iter().all(|client| ask(&lab, *client).is_ok_and(wanted))
    };

    // Without any chrony, and with one that has heard nothing yet, clients are told that the time isn't known.
    ensure!(wait_until(ANSWER, || told_all(Answer::unknown)), "{:?}", all(&lab, &clients));
    // A box's own; the lab's hosts are up without it.
    lab.host("gateway").must(&["ip", "link", "set", "lo", "up"])?;
    let device = chrony(&lab, "gateway", &fs::read_to_string(&written)?)?;
    ensure!(wait_until(ANSWER, || told_all(Answer::unknown)), "{:?}", all(&lab, &clients));

    let _lgwan = chrony(&lab, "lgwan", "local stratum 2\nallow\n")?;
    ensure!(
        wait_until(SYNCHRONISED, || told_all(|answer| answer.leap < 3 && answer.stratum == 3)),
        "{:?}\n{}",
        all(&lab, &clients),
        device.output()
    );
    // Nothing that went on here was refused.
    let refused = lab.status()?.refused;
    ensure!(
        refused.keys().all(|rule| !rule.ends_with("egress") && !rule.ends_with("device")),
        "{refused:?}"
    );

    Ok(())
}

/// What a client is told.
#[derive(Clone, Copy, Debug)]
struct Answer {
    leap: u8,
    stratum: u8,
}

impl Answer {
    fn unknown(self) -> bool {
        self.leap == 3 && (self.stratum == 0 || self.stratum == 16)
    }
}

/// A host of each LAN and the device's address there.
type Client = (&'static str, Ipv4Addr);

fn clients(lab: &Lab) -> anyhow::Result<Vec<Client>> {
    let lans = ["head-office", "education-board"].into_iter().zip(["terminal", "school"]);
    lans.map(|(name, host)| {
        let lan = lab.design().lans.iter().find(|(lan, _)| lan.as_str() == name);
        let (_, interface) = lan.with_context(|| format!("no {name}"))?;
        Ok((host, interface.address.address()))
    })
    .collect()
}

fn all(lab: &Lab, clients: &[Client]) -> Vec<anyhow::Result<Answer>> {
    clients.iter().map(|client| ask(lab, *client)).collect()
}

/// Asks as a small client does (RFC 4330).
fn ask(lab: &Lab, (host, device): Client) -> anyhow::Result<Answer> {
    let socket = lab.host(host).inside(|| UdpSocket::bind("0.0.0.0:0"))??;
    socket.set_read_timeout(Some(ANSWER))?;
    let mut question = [0; 48];
    question[0] = 4 << 3 | 3;
    question[40..48].copy_from_slice(b"a stamp!");
    socket.connect((device, 123))?;
    socket.send(&question)?;
    let mut answer = [0; 48];
    ensure!(socket.recv(&mut answer)? == 48 && answer[24..32] == question[40..48], "{answer:?}");
    Ok(Answer { leap: answer[0] >> 6, stratum: answer[1] })
}

/// chrony in a host, with files of its own and no hand on the clock.
fn chrony(lab: &Lab, host: &str, lines: &str) -> anyhow::Result<Process> {
    let folder = lab.logs().join(format!("chrony-{host}"));
    fs::create_dir_all(&folder)?;
    let pid = folder.join("pid");
    let text = format!("{lines}bindcmdaddress /\ncmdport 0\npidfile {}\n", pid.display());
    let file = folder.join("chrony.conf");
    fs::write(&file, text)?;
    start(lab, host, &file)
}

fn start(lab: &Lab, host: &str, file: &Path) -> anyhow::Result<Process> {
    let file = file.to_string_lossy();
    let mut process =
        lab.host(host).spawn("chronyd", &["chronyd", "-x", "-d", "-u", "root", "-f", &file])?;
    process.wait_for("chronyd version", ANSWER)?;
    Ok(process)
}
