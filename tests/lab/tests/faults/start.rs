//! What keeps the daemon from starting, and `sekisho` without a daemon.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_control::{FailureKind, Identity};
use sekisho_lab::{Extent, Lab, describe, sample, text};

use crate::{
    environment,
    expect::{Expected, ensure_works},
    snapshot::Snapshot,
};

/// How long a daemon may take to find that it can't start.
const SECONDS: u32 = 3;

/// Runs a daemon that can't start, before words of another program or none, and returns what it said.
fn fails_to_start(lab: &Lab, before: &[&str], places: &[&str]) -> anyhow::Result<String> {
    let program = lab.binary("sekishod")?;
    let words = [before, &[&program], places].concat();
    let output = lab.host("gateway").within(SECONDS).run(&words)?;
    let said = describe(&output);
    ensure!(output.status.code() == Some(1), "{said}");
    ensure!(output.stdout.is_empty() && said.contains("can't start"), "{said}");
    Ok(said)
}

fn places(lab: &Lab, state: &str, run: &str) -> [String; 6] {
    let path = |name: &str| lab.logs().join(name).to_string_lossy().into_owned();
    let words =
        ["--state", &path(state), "--run", &path(run), "--operator-key", &path("operator.pub")];
    words.map(str::to_owned)
}

fn ensure_says(said: &str, wanted: &[&str]) -> anyhow::Result<()> {
    for words in wanted {
        ensure!(said.contains(words), "not '{words}': {said}");
    }
    Ok(())
}

pub(crate) fn no_permission() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    ensure!(lab.stop_daemon()?.success());
    let before = Snapshot::take(&lab)?;
    let powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
    let places = places(&lab, "state", "run");
    let said = fails_to_start(&lab, &powerless, &places.each_ref().map(String::as_str))?;
    ensure_says(&said, &["not permitted", "Run as root, or with CAP_NET_ADMIN"])?;
    ensure!(!lab.logs().join("run/control.sock").exists());
    before.ensure_same(&lab, "a daemon without rights")?;
    lab.start_daemon()?;
    lab.wait_for_carrier(None, Duration::from_mins(1))?;
    ensure_works(&lab)
}

pub(crate) fn another_daemon_runs() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let before = Snapshot::take(&lab)?;
    let holder = lab.daemon()?.id().to_string();
    let same = places(&lab, "state", "run");
    let said = fails_to_start(&lab, &[], &same.each_ref().map(String::as_str))?;
    ensure_says(&said, &[&format!("process {holder}"), "End the other daemon"])?;
    // Folders of its own don't help: there is one kernel.
    let own = places(&lab, "state-2", "run-2");
    let said = fails_to_start(&lab, &[], &own.each_ref().map(String::as_str))?;
    ensure_says(&said, &["log of refused packets", "end other programs"])?;
    before.ensure_same(&lab, "a second daemon")?;
    ensure_works(&lab)
}

pub(crate) fn the_daemon_does_not_run() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let site = lab.site().join("site.toml");
    let site = site.to_string_lossy();
    let expected = Expected {
        code: 3,
        kind: FailureKind::Device,
        says: "can't reach the daemon",
        way_out: "start sekishod",
    };
    let killed = |lab: &mut Lab| lab.kill_daemon();
    let stopped = |lab: &mut Lab| lab.stop_daemon().map(drop);
    for end in [&killed as &dyn Fn(&mut Lab) -> anyhow::Result<()>, &stopped] {
        end(&mut lab)?;
        let before = Snapshot::take(&lab)?;
        for words in [
            &["status"][..],
            &["key"],
            &["plan", "--site", &site],
            &["apply", "--site", &site],
            &["confirm"],
            &["rollback", "2"],
            &["history"],
            &["restore", "1"],
        ] {
            expected.of(&lab, words)?;
        }
        before.ensure_same(&lab, "a command without a daemon")?;
        lab.start_daemon()?;
    }
    Ok(())
}

/// What systemd is told: ready, alive, stopping.
pub(crate) fn the_service_manager_is_told() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    ensure!(lab.stop_daemon()?.success());
    let path = lab.logs().join("notify.sock");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_mins(1)))?;
    let hear = |wanted: &str| -> anyhow::Result<()> {
        let mut buffer = [0; 256];
        loop {
            let size = socket.recv(&mut buffer).with_context(|| format!("no {wanted}"))?;
            if String::from_utf8_lossy(&buffer[..size]).contains(wanted) {
                return Ok(());
            }
        }
    };
    let commands = format!("export NOTIFY_SOCKET={} WATCHDOG_USEC=1000000", path.display());
    let daemon = environment::start(&lab, "under-systemd", &commands)?;
    hear("READY=1")?;
    for _ in 0..3 {
        hear("WATCHDOG=1")?;
    }
    ensure!(daemon.stop()?.success());
    hear("STOPPING=1")
}

pub(crate) fn the_device_says_which_one_it_is() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let ask = |words: &[&str]| -> anyhow::Result<String> {
        let output = lab.sekisho(&[&["identity"], words].concat())?;
        ensure!(output.status.success(), "{}", describe(&output));
        Ok(text(&output.stdout))
    };
    let told =
        || -> anyhow::Result<Identity> { Ok(serde_json::from_str(&ask(&["--format", "json"])?)?) };
    let closed = told()?;
    ensure!(closed.organisation.is_none() && !closed.line.contains("organisation"), "{closed:?}");
    lab.apply(lab.site())?;
    let identity = told()?;
    let (serial, key) = (&identity.serial, identity.public_key.to_string());
    let line = format!("sekisho serial={serial} organisation=011002 key={key} version=");
    ensure!(identity.line.starts_with(&line), "{identity:?}");
    ensure!(key == text(&lab.sekisho(&["key"])?.stdout).trim());
    ensure!(identity.page_authority.is_some_and(|digits| digits.len() == 64));
    let nobody = Expected {
        code: 6,
        kind: FailureKind::Conflict,
        says: "nobody here restarts the machine",
        way_out: "as its own system does",
    };
    nobody.of(&lab, &["restart"])?;
    let shown = ask(&["--lang", "ja"])?;
    ensure_says(&shown, &[&format!("製造番号: {serial}"), "団体: 011002", &key, "█"])
}

pub(crate) fn unusable_keys_keep_the_daemon_down() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    ensure!(lab.stop_daemon()?.success());
    let before = Snapshot::take(&lab)?;
    let (operator, own) = (lab.logs().join("operator.pub"), lab.logs().join("state/tunnel.key"));
    let start = |wanted: &[&str]| {
        let places = places(&lab, "state", "run");
        let said = fails_to_start(&lab, &[], &places.each_ref().map(String::as_str))?;
        ensure_says(&said, wanted)
    };
    let good = fs::read(&operator)?;
    fs::write(&operator, "nonsense\n")?;
    start(&["operator.pub", "a key is 32 bytes in base64"])?;
    fs::remove_file(&operator)?;
    start(&["operator.pub", "No such file"])?;
    fs::write(&operator, good)?;

    fs::set_permissions(&own, fs::Permissions::from_mode(0o644))?;
    start(&["tunnel.key", "0644", "chmod 600"])?;
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600))?;
    let key = fs::read(&own)?;
    fs::write(&own, &key[..20])?;
    start(&["tunnel.key", "restore it from a backup"])?;
    ensure!(fs::read(&own)? == key[..20], "a key that can't be read was replaced");
    before.ensure_same(&lab, "a daemon without keys")
}
