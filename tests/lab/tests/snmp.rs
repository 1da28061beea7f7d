//! Who is answered by SNMP, and what: the source at the maintenance port that is named, with both passphrases, and nobody
//! else. net-snmp's own daemon and clients, with the configuration that the device's daemon writes.

#[path = "common/mod.rs"]
mod common;

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_control::SnmpPassphrases;
use sekisho_design::{Lan, Snmp};
use sekisho_lab::{Extent, Lab, Process, describe, sample, sample_with, text, wait_until};

/// How long the device may take to find out how it is.
const READY: Duration = Duration::from_secs(90);
/// How long files may take, and answers on a busy machine.
const SOON: Duration = Duration::from_secs(15);
/// How long nothing must come.
const SILENCE: Duration = Duration::from_millis(1500);

/// Our part of the tree, and its groups.
const OWN: &str = ".1.3.6.1.4.1.32473.1.1";

fn main() {
    common::run(&[
        ("unless_the_design_says_so_nobody_is_answered", nobody),
        ("the_named_source_reads_tunnel_mappings_health_and_ports", the_named_source),
        ("keys_that_are_not_the_ones_and_other_sources_get_nothing", others),
        ("a_daemon_that_is_away_is_told_and_holds_nobody_up", away),
    ]);
}

fn nobody() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    make_user(&lab)?;
    // The user alone has nobody run snmpd.
    std::thread::sleep(SILENCE);
    ensure!(!conf(&lab)?.exists(), "snmpd is told to answer");
    // Even somebody who listens there hears nothing: it is the packet filter that shuts him off.
    let (own, shut) = (maintenance(&lab)?, || {
        let status = lab.status()?;
        anyhow::Ok(status.refused.get("maintenance/device").map_or(0, |count| count.packets))
    });
    let listener = lab.host("gateway").inside(|| UdpSocket::bind((own, Snmp::PORT)))??;
    listener.set_read_timeout(Some(SILENCE))?;
    let before = shut()?;
    let clerk = lab.host("clerk").inside(|| UdpSocket::bind("0.0.0.0:0"))??;
    clerk.send_to(b"a question", (own, Snmp::PORT))?;
    ensure!(listener.recv(&mut [0; 64]).is_err(), "it is heard");
    ensure!(shut()? > before, "not counted");
    Ok(())
}

fn the_named_source() -> anyhow::Result<()> {
    let mut lab = Lab::up(&site(&["192.168.254.2"])?, Extent::Applied)?;
    lab.start_page(None)?;
    let told = lab.sekisho(&["--lang", "en", "snmp", "show"])?;
    ensure!(text(&told.stdout).contains("Nobody is answered yet"), "{}", describe(&told));
    ensure!(!conf(&lab)?.exists(), "there is no user yet");
    let secrets = make_user(&lab)?;
    let _snmpd = start(&lab)?;
    let reader = Reader::new(&lab, "clerk", &secrets)?;
    let mut walked = String::new();
    // In the lab nobody stands where the sample has the office's DNS server.
    let cause = format!("{OWN}.2.3.0 = STRING: \"office-dns-silent\"\n");
    let found = || {
        walked = reader.walk(OWN).unwrap_or_else(|fault| format!("{fault:#}"));
        // The first figures may come while a walk goes on.
        walked.starts_with(&format!("{OWN}.1.1.0 = INTEGER: 1\n")) && walked.contains(&cause)
    };
    ensure!(wait_until(READY, found), "{walked}");
    let (east, carries) = ("101.97.115.116", "3.3.1.3");
    for wanted in [
        "1.1.0 = INTEGER: 1\n".to_owned(),
        format!("1.2.0 = STRING: \"{}\"\n", env!("CARGO_PKG_VERSION")),
        "2.1.0 = INTEGER: 2\n".to_owned(),
        "2.2.0 = STRING: \"office.head-office.dns.192-168-1-53\"\n".to_owned(),
        "2.4.0 = Gauge32: 1\n".to_owned(),
        "3.1.0 = STRING: \"east\"\n".to_owned(),
        "3.2.0 = INTEGER: 2\n".to_owned(),
        format!("{carries}.{east} = INTEGER: 1\n"),
        format!("3.3.1.4.{east} = Gauge32: "),
        format!("3.3.1.6.{east} = Counter64: "),
        "4.3.0 = Gauge32: ".to_owned(),
        "4.4.0 = Gauge32: ".to_owned(),
        "4.5.1.4.100.64.10.30.6 = Gauge32: 60976\n".to_owned(),
        "5.1.1.3.1 = INTEGER: 1\n".to_owned(),
        "5.1.1.3.4 = INTEGER: 1\n".to_owned(),
        "5.1.1.6.4 = Counter64: ".to_owned(),
    ] {
        ensure!(walked.contains(&format!("{OWN}.{wanted}")), "no {wanted:?} in {walked}");
    }
    // What was sent to the reader is counted at his port.
    let sent = reader.walk(&format!("{OWN}.5.1.1.6"))?;
    ensure!(!sent.contains(".6.4 = Counter64: 0\n"), "{sent}");
    // Beside it there are system and interfaces, under the names on the box, and nothing else.
    let name = lab.design().maintenance.as_ref().context("a port")?.port.to_string();
    let names = reader.walk(".1.3.6.1.2.1.31.1.1.1.1")?;
    ensure!(names.contains(&format!("STRING: \"{name}\"")), "{names}");
    let all = reader.walk(".1")?;
    // A hardware address may have the end of a line in it.
    for line in all.lines().filter(|line| line.starts_with('.')) {
        let parts = [".1.3.6.1.2.1.1.", ".1.3.6.1.2.1.2.", ".1.3.6.1.2.1.31.1.1.", OWN];
        ensure!(parts.iter().any(|part| line.starts_with(part)), "{line}");
    }
    for hidden in [".1.3.6.1.2.1.1.9.", "192.168.1.", "soumu"] {
        ensure!(!all.contains(hidden), "{hidden} in {all}");
    }
    // It is for reading, and unmoved by what is no SNMP.
    for object in [format!("{OWN}.1.5.0"), ".1.3.6.1.2.1.1.6.0".to_owned()] {
        let said = reader.run("snmpset", &[&object, "s", "x"])?;
        ensure!(said.contains("noAccess"), "{said}");
    }
    let clerk = lab.host("clerk").inside(|| UdpSocket::bind("0.0.0.0:0"))??;
    for garbage in [&b""[..], b"\x30", b"\x30\x82\xff\xff\x02\x01\x03", &[0xff; 1400]] {
        clerk.send_to(garbage, (reader.to, Snmp::PORT))?;
    }
    reader.walk(&format!("{OWN}.1"))?;
    // Taken out of the design, snmpd has nothing to do any more.
    lab.apply(&sample("1-office"))?;
    ensure!(wait_until(SOON, || conf(&lab).is_ok_and(|file| !file.exists())), "still told");
    reader.never()
}

fn others() -> anyhow::Result<()> {
    let clerk = "192.168.254.2";
    let mut lab = Lab::up(&site(&[clerk])?, Extent::Applied)?;
    lab.start_page(None)?;
    let secrets = make_user(&lab)?;
    let snmpd = start(&lab)?;
    let reader = Reader::new(&lab, "clerk", &secrets)?;
    let own = reader.to;
    reader.walk(&format!("{OWN}.1"))?;
    // It listens on that one address.
    let listening = lab.host("gateway").must(&["ss", "-Huln", "sport", "=", ":161"])?;
    ensure!(
        listening.lines().count() == 1 && listening.contains(&format!("{own}:161")),
        "{listening}"
    );

    // Keys and forms that aren't the ones.
    let first = format!("{OWN}.1.1.0");
    for (user, refused) in [
        (
            reader.with(|it| "kasa-kasa-kasa".clone_into(&mut it.authentication)),
            "Authentication failure",
        ),
        (reader.with(|it| "kasa-kasa-kasa".clone_into(&mut it.privacy)), "Timeout"),
        (reader.with(|it| "admin".clone_into(&mut it.name)), "Unknown user name"),
        (reader.with(|it| it.level = "authNoPriv"), "authorizationError"),
        (reader.with(|it| it.level = "noAuthNoPriv"), "authorizationError"),
    ] {
        let said = user.run("snmpget", &[&first])?;
        ensure!(said.contains(refused) && !said.contains("INTEGER"), "{refused}: {said}");
    }
    for version in ["1", "2c"] {
        let to = format!("{own}:161");
        let words =
            ["snmpget", "-m", "", "-t", "1", "-r", "0", "-v", version, "-c", "public", &to, &first];
        let said = lab.host("clerk").run(&words)?;
        ensure!(!said.status.success(), "{}", text(&said.stdout));
    }

    // Other sides, with the right keys.
    let (addresses, design) = (lab.addresses(), lab.design());
    let lans = [Lan::HeadOffice, Lan::EducationBoard].map(|lan| addresses.device(lan));
    let lans: Vec<_> = lans.into_iter().collect::<anyhow::Result<_>>()?;
    let devices = lans.into_iter().map(|net| net.addr());
    let all: Vec<_> =
        devices.chain([own, addresses.device_lgwan.addr(), addresses.device_global]).collect();
    let via = addresses.device_lgwan.addr();
    for to in all.iter().filter(|to| **to != via) {
        let words = ["ip", "route", "replace", &format!("{to}/32"), "via", &via.to_string()];
        lab.host("lgwan").must(&words)?;
    }
    for to in &all {
        for host in ["terminal", "juki", "school", "lgwan", "platform"] {
            Reader { to: *to, from: host, ..reader.clone() }.never()?;
        }
    }
    for row in &design.servers {
        Reader { to: row.global.get(), from: "platform", ..reader.clone() }.never()?;
    }

    // Somebody else at the maintenance port, and the same one once he is named again.
    lab.apply(&site(&["192.168.254.77"])?)?;
    let reader = Reader::new(&lab, "clerk", &secrets)?;
    reader.never()?;
    lab.apply(&site(&[clerk])?)?;
    let reader = Reader::new(&lab, "clerk", &secrets)?;
    reader.walk(&format!("{OWN}.1"))?;

    // New passphrases end the old ones; the image has snmpd begin anew when its file changes.
    let before = fs::read(conf(&lab)?)?;
    let renewed = make_user(&lab)?;
    let changed = || conf(&lab).is_ok_and(|file| fs::read(file).is_ok_and(|now| now != before));
    ensure!(wait_until(SOON, changed), "snmpd isn't told");
    snmpd.stop()?;
    let _snmpd = start(&lab)?;
    // Until it listens again the reader hears nothing.
    let old = Reader::new(&lab, "clerk", &secrets)?;
    let refused = |said: String| said.contains("Authentication failure");
    let is_refused = || old.run("snmpget", &[&first]).is_ok_and(refused);
    ensure!(wait_until(SOON, is_refused), "the passphrases before aren't refused");
    Reader::new(&lab, "clerk", &renewed)?.walk(&format!("{OWN}.1")).map(drop)
}

fn away() -> anyhow::Result<()> {
    let mut lab = Lab::up(&site(&["192.168.254.2"])?, Extent::Applied)?;
    lab.start_page(None)?;
    let secrets = make_user(&lab)?;
    let _snmpd = start(&lab)?;
    let answers = |lab: &Lab, truth: &str| {
        let reader = Reader::new(lab, "clerk", &secrets);
        let walked = reader.and_then(|reader| reader.walk(OWN)).unwrap_or_default();
        walked.contains(&format!("{OWN}.1.1.0 = INTEGER: {truth}\n"))
    };
    ensure!(wait_until(SOON, || answers(&lab, "1")), "it doesn't answer");
    lab.kill_daemon()?;
    ensure!(wait_until(SOON, || answers(&lab, "2")), "it answers for a daemon that is gone");
    let reader = Reader::new(&lab, "clerk", &secrets)?;
    let begun = Instant::now();
    let walked = reader.walk(OWN)?;
    ensure!(begun.elapsed() < Duration::from_secs(5), "it hangs for {:?}", begun.elapsed());
    let wanted = format!("{OWN}.1.1.0 = INTEGER: 2\n{OWN}.2.1.0 = INTEGER: 0\n");
    ensure!(walked.starts_with(&wanted) && walked.lines().count() <= 3, "{walked}");
    // snmpd goes on as it was told, and so do the figures once the daemon is back.
    let before = fs::read(conf(&lab)?)?;
    lab.start_daemon()?;
    ensure!(wait_until(SOON, || answers(&lab, "1")), "it stays away");
    ensure!(fs::read(conf(&lab)?)? == before, "snmpd would have been started anew for nothing");
    Ok(())
}

/// Whoever asks: where from, whom, and with what.
#[derive(Clone)]
struct Reader<'a> {
    lab: &'a Lab,
    from: &'static str,
    to: Ipv4Addr,
    name: String,
    level: &'static str,
    authentication: String,
    privacy: String,
    /// Seconds that it waits.
    patience: &'static str,
}

impl<'a> Reader<'a> {
    fn new(lab: &'a Lab, from: &'static str, secrets: &SnmpPassphrases) -> anyhow::Result<Self> {
        Ok(Self {
            lab,
            from,
            to: maintenance(lab)?,
            name: secrets.user.name.clone(),
            level: "authPriv",
            authentication: secrets.authentication.expose().to_owned(),
            privacy: secrets.privacy.expose().to_owned(),
            patience: "3",
        })
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = self.clone();
        change(&mut other);
        other
    }

    /// A client of net-snmp; what it says, whether that is good or not.
    fn run(&self, program: &str, words: &[&str]) -> anyhow::Result<String> {
        let to = format!("{}:{}", self.to, Snmp::PORT);
        let mut all = vec![program, "-On", "-m", "", "-r", "0", "-t", self.patience];
        all.extend([
            "-v",
            "3",
            "-l",
            self.level,
            "-u",
            &self.name,
            "-a",
            "SHA-256",
            "-A",
            &self.authentication,
        ]);
        all.extend(["-x", "AES", "-X", &self.privacy, &to]);
        all.extend(words);
        let said = self.lab.host(self.from).run(&all)?;
        Ok(text(&said.stdout) + &text(&said.stderr))
    }

    /// What is below a name.
    fn walk(&self, name: &str) -> anyhow::Result<String> {
        let said = self.run("snmpwalk", &[name])?;
        ensure!(said.starts_with(&format!("{name}.")) || name == ".1", "{}: {said}", self.from);
        Ok(said)
    }

    /// Gets no answer at all.
    fn never(&self) -> anyhow::Result<()> {
        let silent = self.with(|it| it.patience = "1.5");
        let said = silent.run("snmpget", &[&format!("{OWN}.1.1.0")])?;
        ensure!(
            said.contains("Timeout") || said.contains("unreachable"),
            "{} at {}: {said}",
            self.from,
            self.to
        );
        Ok(())
    }
}

/// A sample that answers sources at the maintenance port.
fn site(sources: &[&str]) -> anyhow::Result<PathBuf> {
    sample_with("1-office", &format!("[snmp]\nmaintenance = {sources:?}\n"))
}

fn make_user(lab: &Lab) -> anyhow::Result<SnmpPassphrases> {
    let made = lab.sekisho(&["--format", "json", "snmp", "user"])?;
    ensure!(made.status.success(), "{}", describe(&made));
    Ok(serde_json::from_slice(&made.stdout)?)
}

/// snmpd as the image runs it, in the device's network.
fn start(lab: &Lab) -> anyhow::Result<Process> {
    let file = conf(lab)?;
    ensure!(wait_until(SOON, || file.exists()), "the daemon doesn't write {}", file.display());
    // A machine has its loopback up, by which snmpd's program reads the figures.
    lab.host("gateway").must(&["ip", "link", "set", "lo", "up"])?;
    let folder = lab.logs().join("snmpd");
    fs::create_dir_all(&folder)?;
    let persistent = format!("SNMP_PERSISTENT_DIR={}", folder.display());
    let file = file.to_string_lossy();
    let words = ["env", "MIBS=", &persistent, "snmpd", "-f", "-LE", "6", "-C", "-c", &file];
    let mut process = lab.host("gateway").spawn("snmpd", &words)?;
    process.wait_for("NET-SNMP version", SOON)?;
    Ok(process)
}

fn conf(lab: &Lab) -> anyhow::Result<PathBuf> {
    let socket = lab.socket();
    Ok(socket.parent().context("a folder")?.join("snmp/snmpd.conf"))
}

fn maintenance(lab: &Lab) -> anyhow::Result<Ipv4Addr> {
    Ok(lab.addresses().device_maintenance.context("the sample has a maintenance port")?.addr())
}
