//! The operator issues the profile again: new keys of the centres, another pool (R11, R26).

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use sekisho_lab::{Centre, Lab, PLATFORM_WEB, describe, text, wait_until};

use crate::{
    go::Go,
    traffic::{CARRIER, Questions, SECOND, Stream, ensure_reaches, lab},
};

const OPERATOR_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/operator.key");

/// A profile that the operator issues again, the next one each time.
struct Operator<'a> {
    lab: &'a Lab,
    serial: u32,
    text: String,
}

impl<'a> Operator<'a> {
    fn of(lab: &'a Lab) -> anyhow::Result<Self> {
        let text = fs::read_to_string(lab.site().join("platform-profile.toml"))?;
        Ok(Self { lab, serial: 1, text })
    }

    /// Changes what is written, everywhere.
    fn change(&mut self, from: &str, to: &str) -> anyhow::Result<()> {
        ensure!(self.text.contains(from), "the profile has no {from}");
        self.text = self.text.replace(from, to);
        Ok(())
    }

    /// Signs it under the next serial number: the file's path.
    fn issue(&mut self) -> anyhow::Result<String> {
        let before = format!("serial = {}\n", self.serial);
        self.serial += 1;
        self.change(&before, &format!("serial = {}\n", self.serial))?;
        let path = |name: String| self.lab.logs().join(name);
        let (unsigned, signed): (PathBuf, PathBuf) =
            (path("unsigned.toml".to_owned()), path(format!("profile-{}.toml", self.serial)));
        fs::write(&unsigned, &self.text)?;
        let program = self.lab.binary("sekisho-far-end")?;
        let signed = signed.to_string_lossy().into_owned();
        let unsigned = unsigned.to_string_lossy();
        let words = [&*program, "sign", "--key", OPERATOR_KEY, &*unsigned, "-o", &*signed];
        self.lab.host("platform").must(&words)?;
        Ok(signed)
    }
}

/// Puts a profile in force beside the design that is; what was said.
fn install(lab: &Lab, profile: &str, more: &[&str]) -> anyhow::Result<String> {
    let words =
        [&["apply", "--site-in-force", "--profile", profile, "--lang", "ja"], more].concat();
    let output = lab.sekisho(&words)?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(describe(&output))
}

fn key_of(lab: &Lab, centre: Centre) -> String {
    let mut centres = lab.design().profile.centres.iter();
    let row = centres.find(|row| row.name.as_str() == centre.name());
    row.map(|row| row.public_key.to_string()).unwrap_or_default()
}

/// A new key of a centre, private and public.
fn new_key(lab: &Lab, name: &str) -> anyhow::Result<(String, String)> {
    let file = lab.logs().join(name).with_extension("key");
    let (program, path) = (lab.binary("sekisho-far-end")?, file.to_string_lossy());
    let public = lab.host("platform").must(&[&program, "keygen", "tunnel", "--out", &path])?;
    Ok((fs::read_to_string(&file)?, public.trim().to_owned()))
}

fn carries(lab: &Lab) -> bool {
    wait_until(CARRIER, || ensure_reaches(lab).is_ok())
}

/// wireguard-go carries in the east, and nobody answers in the west.
fn by_wireguard_go() -> anyhow::Result<(Lab, Go)> {
    let mut lab = lab()?;
    for centre in Centre::ALL {
        lab.kill_far_end(centre)?;
    }
    let east = Go::centre(&lab, Centre::East)?;
    ensure!(carries(&lab), "{:?}", ensure_reaches(&lab));
    Ok((lab, east))
}

pub(crate) fn new_centre_keys_come_with_a_profile() -> anyhow::Result<()> {
    let (lab, east) = by_wireguard_go()?;
    let mut operator = Operator::of(&lab)?;

    // The profile names a key that the centre doesn't have: nothing passes, nobody confirms, and all is as before.
    let (_, wrong) = new_key(&lab, "wrong")?;
    operator.change(&key_of(&lab, Centre::East), &wrong)?;
    let profile = operator.issue()?;
    install(&lab, &profile, &["--confirm-within", "10s"])?;
    ensure!(wait_until(5 * SECOND, || matches!(lab.carrier(), Ok(None))), "{:?}", lab.carrier()?);
    ensure!(ensure_reaches(&lab).is_err(), "a wrong key leads somewhere");
    let start = Instant::now();
    let back = wait_until(CARRIER, || lab.status().is_ok_and(|status| status.awaiting.is_none()));
    ensure!(back && carries(&lab), "{:?}", lab.status()?);
    println!("wrong keys: back {:?} later", start.elapsed());
    let status = lab.status()?;
    ensure!(status.generation == 1 && status.returned.is_some(), "{:?}", status.returned);
    let serial = status.site.map(|site| site.profile.serial);
    ensure!(serial == Some(1), "{serial:?}");

    // The right one, in the same minute as the centre.
    let (private, new) = new_key(&lab, "new")?;
    operator.change(&wrong, &new)?;
    let profile = operator.issue()?;
    let stream = Stream::start(&lab)?;
    thread::sleep(SECOND);
    east.take_key(&private)?;
    install(&lab, &profile, &["--confirm-within", "60s"])?;
    ensure!(carries(&lab), "{:?}", lab.status()?);
    ensure!(lab.sekisho(&["confirm"])?.status.success());
    thread::sleep(2 * SECOND);
    println!("new keys: a stream stood still for {:?}", stream.finish()?);

    // An older one is refused, whoever brings it, and so is another one under the same number.
    let older = lab.site().join("platform-profile.toml");
    for words in ["plan", "apply"] {
        let words =
            [words, "--site-in-force", "--profile", &older.to_string_lossy(), "--lang", "ja"];
        let refused = lab.sekisho(&words)?;
        ensure!(refused.status.code() == Some(1), "{}", describe(&refused));
        ensure!(describe(&refused).contains("SIGN-05"), "{}", describe(&refused));
    }
    operator.serial -= 1;
    operator.text = operator.text.replace("serial = 3\n", "serial = 2\n");
    operator.change("issued = 2026-04-01", "issued = 2026-04-02")?;
    let same = operator.issue()?;
    let words = ["apply", "--site-in-force", "--profile", &same];
    let refused = lab.sekisho(&words)?;
    ensure!(refused.status.code() == Some(1), "{}", describe(&refused));
    ensure!(describe(&refused).contains("SIGN-06"), "{}", describe(&refused));
    ensure!(carries(&lab), "{:?}", lab.status()?);
    ensure!(lab.status()?.site.map(|site| site.profile.serial) == Some(3));
    Ok(())
}

/// The centre that carries has nothing to do with it, and traffic goes on.
pub(crate) fn the_other_centres_key_changes() -> anyhow::Result<()> {
    let lab = lab()?;
    let mut operator = Operator::of(&lab)?;
    let (_, other) = new_key(&lab, "other")?;
    operator.change(&key_of(&lab, Centre::West), &other)?;
    let profile = operator.issue()?;
    let (questions, stream) = (Questions::start(&lab)?, Stream::start(&lab)?);
    thread::sleep(SECOND);
    install(&lab, &profile, &["--confirm-within", "60s"])?;
    thread::sleep(2 * SECOND);
    let (lost, still) = (questions.finish()?, stream.finish()?);
    println!("{lost:?}, a stream stood still for {still:?}");
    ensure!(still < SECOND, "{still:?}");
    ensure!(lab.carrier()? == Some(Centre::East));
    ensure!(lab.sekisho(&["confirm"])?.status.success());
    let west = crate::traffic::centre(&lab, Centre::West)?;
    ensure!(!west.alive, "{west:?}");
    ensure_reaches(&lab)
}

pub(crate) fn a_new_pool_moves_the_addresses() -> anyhow::Result<()> {
    let (lab, east) = by_wireguard_go()?;
    let mut operator = Operator::of(&lab)?;
    let (before, after) = ("100.64.10.", "100.64.20.");
    operator.change(before, after)?;
    let profile = operator.issue()?;

    // The design doesn't fit: each row is named, and nothing happens.
    let words = ["apply", "--site-in-force", "--profile", &profile, "--lang", "ja"];
    let refused = lab.sekisho(&words)?;
    let said = describe(&refused);
    ensure!(refused.status.code() == Some(1), "{said}");
    let site = fs::read_to_string(lab.site().join("site.toml"))?;
    let rows = site.lines().filter(|line| line.contains("global = \"100.64.10."));
    let (rows, told) = (rows.count(), said.matches("POOL-01").count());
    println!("{said}");
    ensure!(rows > 2 && told == rows, "{told} of {rows} rows: {said}");
    ensure!(lab.status()?.generation == 1);
    ensure_reaches(&lab)?;

    // With a design that fits; the centre lets the new addresses in, and the platform sends them there.
    let moved = lab.logs().join("moved.toml");
    fs::write(&moved, site.replace(before, after))?;
    let key = text(&lab.sekisho(&["key"])?.stdout);
    let network = format!("{after}0/24");
    east.order(&format!("public_key={}\nallowed_ip={network}\n", crate::go::hex_key(&key)))?;
    lab.host("east").must(&["ip", "route", "add", &network, "dev", "go-east"])?;
    let (via, _) = Centre::East.transfer();
    let platform = ["ip", "route", "add", &network, "via", &via.to_string()];
    lab.host("platform").must(&platform)?;
    let moved = moved.to_string_lossy();
    let words = ["apply", "--site", &*moved, "--profile", &profile, "--confirm-within", "60s"];
    let applied = lab.sekisho(&words)?;
    ensure!(applied.status.success(), "{}", describe(&applied));
    ensure!(carries(&lab), "{:?}", lab.status()?);
    let source = format!("http://{PLATFORM_WEB}/source");
    let seen = lab.host("terminal").must(&["curl", "-sS", "-m", "10", &source])?;
    ensure!(seen.trim() == format!("{after}30"), "{seen}");
    ensure!(lab.sekisho(&["confirm"])?.status.success());

    // Taken back it is as if nothing had been: the old addresses are the organisation's no longer.
    let restored = lab.sekisho(&["restore", "1"])?;
    ensure!(restored.status.code() == Some(1), "{}", describe(&restored));
    ensure!(describe(&restored).contains("POOL-01"), "{}", describe(&restored));
    ensure!(wait_until(Duration::from_secs(5), || ensure_reaches(&lab).is_ok()));
    Ok(())
}
