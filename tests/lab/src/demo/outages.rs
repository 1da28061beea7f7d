//! Centres that go away, and a design that is wrong.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_lab::{Centre, Lab, PLATFORM_WEB, PROFILE, TUNNEL_PORT, text, wait_until};

use super::{
    Story,
    traffic::{Download, source_seen},
};

/// Bytes of the transfer: enough that a centre dies in its middle.
const TRANSFER: u64 = 60_000_000;
/// How long a switch may take until traffic flows again, with TCP's own waiting.
const SWITCH: Duration = Duration::from_secs(30);

pub(super) fn play(story: &mut Story, lab: &mut Lab) {
    story.act("east dies in the middle of a transfer; west takes over", || east_dies(lab));
    story.act("both centres are away: at once unreachable, nothing in clear", || tunnel_away(lab));
    story.act("the centres come back", || {
        for centre in Centre::ALL {
            lab.revive_centre(centre)?;
        }
        let centre = lab.wait_for_carrier(None, Duration::from_secs(30))?;
        let reached = wait_until(SWITCH, || source_seen(lab, "terminal", PLATFORM_WEB, 80).is_ok());
        ensure!(reached, "the terminal doesn't reach the platform again");
        Ok(format!("{} carries, the terminal reaches the platform", centre.name()))
    });
    story.act("refused: a design with mistakes, all of them named at once", || bad_design(lab));
}

fn east_dies(lab: &mut Lab) -> anyhow::Result<String> {
    lab.wait_for_carrier(Some(Centre::East), SWITCH)?;
    let mut download = Download::start(lab, TRANSFER)?;
    thread::sleep(Duration::from_secs(2));
    download.ensure_running()?;
    lab.kill_centre(Centre::East)?;
    let died = Instant::now();
    lab.wait_for_carrier(Some(Centre::West), SWITCH)?;
    let switched = died.elapsed().as_secs_f64();
    let hash = download.arrives()?;
    Ok(format!(
        "west carried after {switched:.1} s; {} MB arrived with the right hash, {hash}…",
        TRANSFER / 1_000_000,
    ))
}

fn tunnel_away(lab: &mut Lab) -> anyhow::Result<String> {
    let capture = lab.capture("lgwan", "eth0")?;
    lab.kill_centre(Centre::West)?;
    let gone = wait_until(SWITCH, || matches!(lab.carrier(), Ok(None)));
    ensure!(gone, "the device still thinks that a centre carries");
    let start = Instant::now();
    let url = format!("http://{PLATFORM_WEB}/");
    let mut output = None;
    // The device tells nobody before it is sure, five seconds after the last sign of life.
    let told = wait_until(SWITCH, || {
        let run = lab.host("terminal").run(&["curl", "-sS", "--max-time", "1", &url]);
        output = run.ok();
        output.as_ref().is_some_and(|output| output.status.code() == Some(7))
    });
    let waited = start.elapsed().as_secs_f64();
    let said = output.map(|output| text(&output.stderr)).unwrap_or_default();
    ensure!(told, "the terminal wasn't told that the platform is unreachable: {said}");
    let start = Instant::now();
    lab.host("terminal").run(&["curl", "-sS", "--max-time", "1", &url])?;
    let refused = start.elapsed();
    ensure!(refused < Duration::from_secs(1), "the refusal took {refused:?}");

    let recording = capture.stop()?;
    let device = lab.addresses().device_lgwan.addr();
    let tunnel = recording.count(&format!("src host {device} and udp dst port {TUNNEL_PORT}"))?;
    ensure!(tunnel > 0, "the recording holds nothing, so it shows nothing");
    // Tunnel, name and time queries of the device, and what LGWAN answers it, are fine.
    let ports = format!("(dst port {TUNNEL_PORT} or dst port 53 or dst port 123)");
    let own = format!("(src host {device} and udp and {ports})");
    let clear = recording.matching(&format!("not arp and not {own} and not dst host {device}"))?;
    ensure!(clear.is_empty(), "in clear on LGWAN: {}", clear[0]);
    Ok(format!(
        "unreachable {waited:.1} s after the last centre went, then told within {} ms; on LGWAN {tunnel} tunnel packets, nothing else",
        refused.as_millis()
    ))
}

fn bad_design(lab: &Lab) -> anyhow::Result<String> {
    let juki = lab.addresses().host("juki")?;
    let good = fs::read_to_string(lab.site().join("site.toml"))?;
    let bad = good
        .replace(&format!("\"{}\"", juki.address), "\"203.0.113.9\"")
        .replace(&format!("\"{}\"", juki.global), "\"198.51.100.7\"");
    ensure!(bad != good, "the sample writes addresses in a way that the demo doesn't know");
    let folder = lab.logs().join("bad-design");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("site.toml"), bad)?;
    fs::copy(lab.site().join(PROFILE), folder.join(PROFILE))?;
    let error = lab.apply(&folder).err().context("the bad design was applied")?;
    let said = format!("{error:#}");
    for wrong in ["203.0.113.9", "198.51.100.7"] {
        ensure!(said.contains(wrong), "{wrong} isn't named:\n{said}");
    }
    source_seen(lab, "terminal", PLATFORM_WEB, 80).context("the good design should still work")?;
    Ok("an office address that isn't private, a platform address outside the pool; the good design \
        works on"
        .to_owned())
}
