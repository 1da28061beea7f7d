//! What must not pass. Each refusal is judged at the far end: a recording shows that nothing arrived there.

use std::net::Ipv4Addr;

use anyhow::{Context, ensure};
use sekisho_design::Lan;
use sekisho_lab::{Lab, PLATFORM_WEB, text};

use super::{
    Story,
    traffic::{declared_port, source_seen},
};

/// A port that no sample declares; office servers do listen there.
const UNDECLARED: u16 = 80;

pub(super) fn play(story: &mut Story, lab: &Lab) {
    let hosts = lab.addresses();
    story.act("refused: the platform to the terminal", || {
        let terminal = hosts.host("terminal")?;
        let url = format!("http://{}/", terminal.global);
        refused(lab, "platform", &url, PLATFORM_WEB, "terminal")?;
        Ok(format!("nobody opens a connection to the shared address {}", terminal.global))
    });
    story.act("refused: the platform to juki on a port that isn't declared", || {
        let juki = hosts.host("juki")?;
        let here = source_seen(lab, "terminal", juki.address, UNDECLARED);
        here.context("juki should listen there, or the refusal shows nothing")?;
        let url = format!("http://{}:{UNDECLARED}/", juki.global);
        refused(lab, "platform", &url, PLATFORM_WEB, "juki")?;
        let declared = declared_port(lab, juki)?;
        Ok(format!("port {UNDECLARED} is refused, port {declared} is declared"))
    });
    for (from, to) in [("school", "juki"), ("juki", "school")] {
        story.act(&format!("refused: {from} to {to}, from one LAN to the other"), || {
            let (source, target) = (hosts.host(from)?, hosts.host(to)?);
            for address in [target.address, target.global] {
                refused(lab, from, &format!("http://{address}:80/"), source.address, to)?;
            }
            Ok("neither at its office address nor at its platform address")
        });
    }
    story.act("refused: a source that isn't registered", || {
        let device = hosts.device(Lan::HeadOffice)?;
        let taken: Vec<_> = hosts.hosts.values().map(|host| host.address).collect();
        // The highest addresses of a LAN are nobody's in the samples.
        let stranger = (1..8).map(|back| Ipv4Addr::from(u32::from(device.broadcast()) - back));
        let stranger =
            stranger.clone().find(|address| !taken.contains(address)).context("no free address")?;
        spoofed(lab, stranger)
    });
    story.act("refused: a source that belongs to the other LAN", || {
        spoofed(lab, hosts.host("school")?.address)
    });
}

/// Curl must fail, and nothing of it may arrive at the target.
fn refused(lab: &Lab, from: &str, url: &str, source: Ipv4Addr, to: &str) -> anyhow::Result<()> {
    let capture = lab.capture(to, "eth0")?;
    let own = source.to_string();
    let words = ["curl", "-sS", "-o", "/dev/null", "--max-time", "2", "--interface", &own, url];
    let output = lab.host(from).run(&words)?;
    let recording = capture.stop()?;
    let code = output.status.code();
    ensure!(
        matches!(code, Some(7 | 28)),
        "{url} from {from}: curl ended with {code:?}: {}",
        text(&output.stderr)
    );
    let arrived = recording.matching(&format!("tcp and src host {source}"))?;
    ensure!(arrived.is_empty(), "{} packets arrived: {}", arrived.len(), arrived[0]);
    Ok(())
}

/// The terminal takes an address that isn't its own; nothing of it may leave on the platform's side.
fn spoofed(lab: &Lab, source: Ipv4Addr) -> anyhow::Result<String> {
    let (terminal, address) = (lab.host("terminal"), format!("{source}/32"));
    terminal.must(&["ip", "address", "add", &address, "dev", "lo"])?;
    let capture = lab.capture("platform", "any")?;
    let (source, url) = (source.to_string(), format!("http://{PLATFORM_WEB}/"));
    let words = ["curl", "-sS", "-o", "/dev/null", "--max-time", "2", "--interface", &source, &url];
    let output = terminal.run(&words);
    let recording = capture.stop();
    terminal.must(&["ip", "address", "del", &address, "dev", "lo"])?;
    ensure!(!output?.status.success(), "{source} reached the platform");
    let arrived = recording?.matching("tcp port 80")?;
    ensure!(arrived.is_empty(), "{} packets arrived: {}", arrived.len(), arrived[0]);
    Ok(format!("terminal pretended to be {source}; nothing arrived at the platform"))
}
