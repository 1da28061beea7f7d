//! A rehearsal before delivery: one laptop in LGWAN's place, set up by the very commands of the guide.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use sekisho_control::{CheckOutcome, SelfTestReport, Stage, Verdict};
use sekisho_lab::{Centre, LGWAN_NTP, Lab, PROFILE, describe, sample};

use crate::site::Site;

/// The guide, which has to name each command that is run here.
const GUIDE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/rehearsal.ja.md"));

/// The host that plays the laptop, and where its user works.
const LAPTOP: &str = "lgwan";
const FOLDER: &str = "/run/rehearsal";

const KEYS: [&str; 2] = [
    "sekisho-far-end keygen tunnel --out east.key",
    "sekisho-far-end keygen tunnel --out west.key",
];

/// The platform's authority and its web server's certificate.
const CERTIFICATES: [&str; 2] = [
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=rehearsal \
     -addext basicConstraints=critical,CA:TRUE -keyout authority.key -out authority.pem",
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -CA authority.pem \
     -CAkey authority.key -subj /CN=web.platform.example -addext subjectAltName=DNS:web.platform.example \
     -addext basicConstraints=critical,CA:FALSE -keyout web.key -out web.pem",
];

const SIGN: &str =
    "sekisho-far-end sign --key operator.key platform-profile.toml -o platform-profile.toml";

const ADDRESSES: [&str; 5] = [
    "ip address add 198.18.1.1/24 dev eth0",
    "ip address add 198.18.11.10/32 dev lo",
    "ip address add 198.18.12.10/32 dev lo",
    "ip address add 198.18.2.123/32 dev lo",
    "ip link set eth0 up",
];

const TIME: &str = "sekisho-far-end answer --listen 198.18.2.123 --ntp-port 123";

/// The centre in the east, with the platform behind it.
const EAST: &str = "sekisho-far-end respond --key east.key --peer 装置の公開鍵 --listen 198.18.11.10:51820 \
     --address 100.72.250.1 --device-address 100.64.10.1 --check-port 8443 --pool 100.64.10.0/24 \
     --reports reports --zone platform.zone --tls-certificate web.pem --tls-key web.key";

/// What the centre in the west has in the place of which words.
const WEST: [(&str, &str); 3] =
    [("east.key", "west.key"), ("198.18.11.10", "198.18.12.10"), ("100.72.250.1", "100.72.250.2")];

const TEST: &str = "sekisho self-test --test-number rehearsal-1 --report rehearsal.html";
const AGAIN: &str = "sekisho self-test --last --report device.json";
const MERGE: &str = "sekisho self-test merge device.json rehearsal-1.json";

pub(crate) fn a_laptop_passes_the_whole_tree() -> anyhow::Result<()> {
    let mut site = Site::unapplied()?;
    leave_the_laptop_alone(&mut site)?;
    make_files(&site.lab)?;
    ADDRESSES.into_iter().try_for_each(|line| on_laptop(&site.lab, line).map(drop))?;
    start_programs(&mut site)?;
    site.lab.apply(Path::new(FOLDER))?;
    site.both_alive()?;

    guided(TEST)?;
    let page = format!("{FOLDER}/rehearsal.html");
    let report = site.self_test(&["--test-number", "rehearsal-1", "--report", &page])?;
    ensure!(report.verdict == Verdict::Passed, "{:?}", report.first_cause);
    // A host of the lab has no sensors, and no image to start from.
    let lacking = |row: &&CheckOutcome| {
        row.check.stage != Stage::Standalone || row.verdict != Verdict::NotRun
    };
    let wanting: Vec<_> = not_passed(&report).filter(lacking).collect();
    ensure!(wanting.is_empty(), "{wanting:#?}");
    let services =
        report.outcomes.iter().filter(|row| row.check.id.starts_with("platform.service."));
    ensure!(services.count() == site.lab.design().profile.services.len());
    ensure!(fs::read_to_string(page)?.contains("rehearsal-1"));
    both_halves_agree(&site)?;

    // At the vendor's, the office's hosts may be off.
    for host in ["juki", "atena", "terminal", "school"] {
        site.ip(host, "link set eth0 down")?;
    }
    let report = site.self_test(&[])?;
    let first = report.first_cause.as_ref().context("nothing is wrong without servers")?;
    ensure!(
        (&*first.check, &*first.cause.code) == ("office.server.juki", "server-off"),
        "{first:?}"
    );
    let beside = |row: &&CheckOutcome| {
        row.verdict == Verdict::Failed && !row.check.id.starts_with("office.server.")
    };
    let beside: Vec<_> = not_passed(&report).filter(beside).collect();
    ensure!(beside.is_empty(), "{beside:#?}");

    // The profile for real use comes later, and is taken.
    site.restore()
}

fn not_passed(report: &SelfTestReport) -> impl Iterator<Item = &CheckOutcome> {
    report.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Passed)
}

/// Takes away all that the laptop won't have: the centres, the cables to them, LGWAN's addresses and its forwarding.
fn leave_the_laptop_alone(site: &mut Site) -> anyhow::Result<()> {
    for centre in Centre::ALL {
        site.lab.kill_far_end(centre)?;
        site.ip(LAPTOP, &format!("link set {} down", centre.name()))?;
    }
    site.lab.clear(LGWAN_NTP)?;
    site.ip(LAPTOP, "address flush dev eth0")?;
    site.ip(LAPTOP, "address flush dev lo scope global")?;
    let stay = "echo 0 >/proc/sys/net/ipv4/ip_forward";
    site.lab.host(LAPTOP).must(&["sh", "-c", stay]).map(drop)
}

/// Makes the laptop's folder: keys, certificates, and sample 1 with a profile for them.
fn make_files(lab: &Lab) -> anyhow::Result<()> {
    let (from, folder) = (sample("1-office"), Path::new(FOLDER));
    let of_lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder.join("reports"))?;
    fs::copy(from.join("site.toml"), folder.join("site.toml"))?;
    fs::copy(of_lab.join("platform.zone"), folder.join("platform.zone"))?;
    fs::copy(of_lab.join("keys/operator.key"), folder.join("operator.key"))?;
    let keys = KEYS.into_iter().map(|line| on_laptop(lab, line)).collect::<Result<Vec<_>, _>>()?;
    CERTIFICATES.into_iter().try_for_each(|line| on_laptop(lab, line).map(drop))?;
    let authority = fs::read_to_string(folder.join("authority.pem"))?;
    let profile = profile(&fs::read_to_string(from.join(PROFILE))?, &keys, &authority)?;
    fs::write(folder.join(PROFILE), profile)?;
    on_laptop(lab, SIGN).map(drop)
}

/// A profile for a rehearsal: an earlier number, the laptop's keys, its authority.
fn profile(real: &str, keys: &[String], authority: &str) -> anyhow::Result<String> {
    const MARK: &str = "\"\"\"\n";
    let parts: Vec<_> = real.split(MARK).collect();
    let [before, _, after] = parts[..] else { bail!("no authority in {real}") };
    let mut keys = keys.iter();
    let after = after.lines().map(|line| match line.strip_prefix("public-key = ") {
        Some(_) => {
            let key = keys.next().context("a third centre")?.trim();
            Ok(format!("public-key = \"{key}\"\n"))
        }
        None => Ok(format!("{line}\n")),
    });
    let after: String = after.collect::<anyhow::Result<_>>()?;
    let before = before.replace("serial = 1", "serial = 0");
    Ok([&before, authority, &after].join(MARK))
}

/// LGWAN's time server and both centres.
fn start_programs(site: &mut Site) -> anyhow::Result<()> {
    let key = String::from_utf8(site.lab.sekisho(&["key"])?.stdout)?;
    let east = guided(EAST)?.replace("装置の公開鍵", key.trim());
    let west = WEST.into_iter().try_fold(east.clone(), |line, (eastern, western)| {
        anyhow::Ok(line.replace(guided(eastern)?, guided(western)?))
    })?;
    for (label, line, ready) in [
        ("time", guided(TIME)?, "answering"),
        ("east", &east, "waiting for the device"),
        ("west", &west, "waiting for the device"),
    ] {
        let words = ["sh", "-c", &script(&site.lab, &format!("exec {line}"))?];
        let mut program = site.lab.host(LAPTOP).spawn(label, &words)?;
        program.wait_for(ready, Duration::from_secs(20))?;
        site.guests.push(program);
    }
    Ok(())
}

/// The laptop's half of the report goes with the device's.
fn both_halves_agree(site: &Site) -> anyhow::Result<()> {
    guided(AGAIN)?;
    guided(MERGE)?;
    let ours = format!("{FOLDER}/device.json");
    let theirs = format!("{FOLDER}/reports/rehearsal-1.json");
    for words in [["--last", "--report", &ours], ["merge", &ours, &theirs]] {
        let output = site.lab.sekisho(&[&["self-test"], &words[..]].concat())?;
        ensure!(output.status.success(), "{words:?}: {}", describe(&output));
    }
    Ok(())
}

/// Runs a command of the guide on the laptop, and takes what it prints.
fn on_laptop(lab: &Lab, line: &str) -> anyhow::Result<String> {
    lab.host(LAPTOP).must(&["sh", "-c", &script(lab, guided(line)?)?])
}

/// A line of shell in the laptop's folder.
fn script(lab: &Lab, line: &str) -> anyhow::Result<String> {
    let program = lab.binary("sekisho-far-end")?;
    let programs = Path::new(&program).parent().context("a program in no folder")?.display();
    Ok(format!("cd {FOLDER} && PATH='{programs}':$PATH && {line}"))
}

/// A command, or a part of one, that the guide has too, however its lines are broken there.
fn guided(line: &str) -> anyhow::Result<&str> {
    let guide = GUIDE.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(guide.contains(line), "docs/manual/rehearsal.ja.md doesn't say: {line}");
    Ok(line)
}
