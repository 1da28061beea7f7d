//! Names in the design itself: endpoints and sources, resolved again and again (R85).

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_control::HostStatus;
use sekisho_lab::{
    Centre, Extent, Lab, PLATFORM_RESOLVER, PLATFORM_WEB, Process, TUNNEL_PORT, describe, text,
    wait_until,
};

use crate::peers::{CARRIER, Site, lgwan_dns};

pub(crate) const EAST: &str = "198.18.11.10";
pub(crate) const WEST: &str = "198.18.12.10";
/// Where the centre in the west moves to, on its own segment.
const WEST_ELSEWHERE: &str = "198.18.12.77";

/// The centres by name, and nothing else changed.
pub(crate) fn by_name(profile: &str) -> String {
    profile
        .replace("198.18.11.10:51820", "east.vpn.example:51820")
        .replace("198.18.12.10:51820", "west.vpn.example:51820")
}

/// How long a connection may take.
const ECHOES_WITHIN: Duration = Duration::from_secs(3);

fn hosts(lab: &Lab) -> anyhow::Result<Vec<HostStatus>> {
    let output = lab.sekisho(&["names", "--format", "json"])?;
    ensure!(output.status.success(), "{}", describe(&output));
    let status: sekisho_control::NamesStatus = serde_json::from_slice(&output.stdout)?;
    Ok(status.hosts)
}

fn lab() -> anyhow::Result<(Lab, Process)> {
    let site = Site::with_profile("1-office", "", by_name)?;
    let lab = Lab::up(&site.0, Extent::Daemon)?;
    let dns = lgwan_dns(&lab, EAST, WEST)?;
    lab.apply(&site.0)?;
    lab.wait_for_carrier(None, CARRIER)?;
    Ok((lab, dns))
}

fn reaches(lab: &Lab) -> anyhow::Result<()> {
    let url = format!("http://{PLATFORM_WEB}/");
    lab.host("terminal").must(&["curl", "-sS", "--max-time", "8", &url]).map(drop)
}

/// LGWAN's resolver is away: what the names stood for last goes on, over a restart too.
pub(crate) fn the_last_good_address_is_kept() -> anyhow::Result<()> {
    let (mut lab, dns) = lab()?;
    reaches(&lab)?;
    let known = hosts(&lab)?;
    ensure!(known.len() == 2 && known.iter().all(|host| host.addresses.len() == 1), "{known:?}");
    dns.kill()?;
    lab.kill_daemon()?;
    lab.start_daemon()?;
    lab.wait_for_carrier(None, CARRIER)?;
    reaches(&lab)?;
    let told = || hosts(&lab).is_ok_and(|hosts| hosts.iter().all(|host| host.fault.is_some()));
    ensure!(wait_until(CARRIER, told), "nobody says that names can't be resolved");
    ensure!(hosts(&lab)?.iter().all(|host| host.addresses.len() == 1));
    let status = text(&lab.sekisho(&["status", "--lang", "en"])?.stdout);
    ensure!(status.contains("east.vpn.example 198.18.11.10:51820"), "{status}");
    Ok(())
}

/// A box that comes up before LGWAN's resolver waits for it, closed, and then goes on by itself.
pub(crate) fn a_name_that_was_never_resolved_opens_nothing() -> anyhow::Result<()> {
    let site = Site::with_profile("1-office", "", by_name)?;
    let lab = Lab::up(&site.0, Extent::Daemon)?;
    lab.apply(&site.0)?;
    thread::sleep(Duration::from_secs(1));
    ensure!(lab.carrier()?.is_none());
    let set = lab.host("gateway").must(&["nft", "list", "set", "inet", "sekisho", "centres"])?;
    ensure!(!set.contains("elements"), "{set}");
    let status = text(&lab.sekisho(&["status", "--lang", "en"])?.stdout);
    ensure!(status.contains("west.vpn.example (name not resolved)"), "{status}");
    let _dns = lgwan_dns(&lab, EAST, WEST)?;
    lab.wait_for_carrier(None, CARRIER)?;
    reaches(&lab)
}

/// A centre moves: the tunnel follows the name, connections through the other centre go on, and the packet filter knows
/// the new place only.
pub(crate) fn a_centre_that_moves_is_followed() -> anyhow::Result<()> {
    let (mut lab, dns) = lab()?;
    lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    let url = format!("http://{PLATFORM_WEB}/bytes/24000000");
    let fetch = format!("curl -sS --max-time 60 --limit-rate 2M {url} | wc -c");
    let mut transfer = lab.host("terminal").spawn("transfer", &["sh", "-c", &fetch])?;
    let before = filter(&lab)?;

    lab.kill_far_end(Centre::West)?;
    let west = lab.host("west");
    west.must(&["ip", "address", "del", &format!("{WEST}/24"), "dev", "lgwan"])?;
    west.must(&["ip", "address", "add", &format!("{WEST_ELSEWHERE}/24"), "dev", "lgwan"])?;
    west.must(&["ip", "route", "replace", "198.18.1.0/24", "via", "198.18.12.1"])?;
    dns.kill()?;
    let _dns = lgwan_dns(&lab, EAST, WEST_ELSEWHERE)?;
    lab.start_far_end_at(Centre::West, WEST_ELSEWHERE.parse()?)?;
    let elsewhere: SocketAddr = format!("{WEST_ELSEWHERE}:{TUNNEL_PORT}").parse()?;
    let found = || {
        let tunnel = lab.status().ok().and_then(|status| status.tunnel);
        tunnel.is_some_and(|tunnel| {
            let mut centres = tunnel.centres.iter();
            centres.any(|centre| centre.alive && centre.endpoint == Some(elsewhere))
        })
    };
    ensure!(wait_until(CARRIER, found), "the centre isn't found again: {:?}", lab.status()?.tunnel);
    let after = filter(&lab)?;
    ensure!(before.contains(WEST) && !after.contains(WEST), "{after}");
    ensure!(after.contains(WEST_ELSEWHERE) && after.contains(EAST), "{after}");
    let history = text(&lab.sekisho(&["history", "--format", "json"])?.stdout);
    ensure!(history.matches("\"number\"").count() == 1, "no new generation: {history}");

    transfer.wait(Duration::from_mins(1))?;
    ensure!(transfer.output().trim() == "24000000", "{}", transfer.output());
    Ok(())
}

fn filter(lab: &Lab) -> anyhow::Result<String> {
    lab.host("gateway").must(&["nft", "list", "set", "inet", "sekisho", "centres"])
}

/// A source that a row names gets in, and a destination that a policy names is reached; also when nobody can say any more
/// what the names stand for.
pub(crate) fn a_source_by_name_gets_in() -> anyhow::Result<()> {
    let site = Site::with("1-office", "")?;
    let file = site.0.join("site.toml");
    let text = std::fs::read_to_string(&file)?;
    let named = text.replacen("from = \"100.72.0.0/16\"", "from = \"web.platform.example\"", 1);
    ensure!(named != text, "the sample's rows look otherwise");
    std::fs::write(&file, named + POLICY)?;
    let (mut lab, servers) = site.lab()?;
    let juki = lab.addresses().host("juki")?.global.to_string();
    let url = format!("http://{juki}:443/");
    let from = |address: &str| {
        let words = ["curl", "-sS", "--max-time", "3", "--interface", address, &url];
        lab.host("platform").run(&words).map(|output| output.status.success())
    };
    ensure!(
        wait_until(CARRIER, || from("100.72.1.10").unwrap_or(false)),
        "{:?}",
        hosts(&lab).context("its names")?
    );
    ensure!(!from("100.72.0.53")?, "another host of the platform got in");
    ensure!(echoes(&lab, PLATFORM_WEB)?, "the policy's host isn't reached");
    ensure!(!echoes(&lab, PLATFORM_RESOLVER)?, "another host of the platform is reached");

    servers.into_iter().try_for_each(|server| server.kill().map(drop))?;
    lab.kill_daemon()?;
    lab.start_daemon()?;
    lab.wait_for_carrier(None, CARRIER)?;
    ensure!(echoes(&lab, PLATFORM_WEB)?, "the policy's host isn't where it was");
    let told = || hosts(&lab).is_ok_and(|hosts| hosts.iter().any(|host| host.fault.is_some()));
    ensure!(wait_until(CARRIER, told), "nobody says that the name can't be resolved");
    ensure!(echoes(&lab, PLATFORM_WEB)?, "the policy's host isn't where it was");
    Ok(())
}

/// What juki may beside the web, by a name.
const POLICY: &str = r#"
[[policy]]
name = "echo"
from = ["juki"]
to = ["web.platform.example"]
services = ["tcp/7"]
approval = "a trial"
"#;

/// Juki reaches the echo service of a host.
fn echoes(lab: &Lab, to: Ipv4Addr) -> anyhow::Result<bool> {
    let end = SocketAddr::from((to, 7));
    let attempt = lab.host("juki").inside(|| TcpStream::connect_timeout(&end, ECHOES_WITHIN))?;
    Ok(attempt.is_ok())
}
