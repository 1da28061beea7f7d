//! The device's key is renewed while both centres are wireguard-go, whose peers change as an operator changes them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_control::{ComingKey, Identity, KeyState};
use sekisho_lab::{Centre, Lab, describe, text, wait_until};

use crate::{
    go::Go,
    traffic::{CARRIER, Questions, SECOND, Stream, Unanswered, ensure_reaches, lab},
};

/// A coming key is tried every five seconds; the rest is for a busy machine.
const NOTICED: Duration = Duration::from_secs(20);
/// Time between two probes, of which one finds out that the addresses have moved; and as much for a busy machine.
const PROBES: Duration = Duration::from_millis(200 + 300);
/// A carrier counts as silent after this; a key must be found before.
const SILENCE: Duration = Duration::from_millis(1_100);

/// A lab whose centres are both wireguard-go.
struct Site {
    lab: Lab,
    east: Go,
    west: Go,
}

impl Site {
    fn up() -> anyhow::Result<Self> {
        let mut lab = lab()?;
        for centre in Centre::ALL {
            lab.kill_far_end(centre)?;
        }
        let (east, west) = (Go::centre(&lab, Centre::East)?, Go::centre(&lab, Centre::West)?);
        let site = Self { lab, east, west };
        site.all_alive()?;
        Ok(site)
    }

    fn all_alive(&self) -> anyhow::Result<()> {
        let alive = || {
            let tunnel = self.lab.status().ok()?.tunnel?;
            let carrier = tunnel.carrier?;
            Some(carrier.as_str() == "east" && tunnel.centres.iter().all(|row| row.alive))
        };
        ensure!(wait_until(CARRIER, || alive() == Some(true)), "{:?}", self.lab.status()?.tunnel);
        ensure_reaches(&self.lab)
    }

    fn go(&self, centre: Centre) -> &Go {
        match centre {
            Centre::East => &self.east,
            Centre::West => &self.west,
        }
    }

    fn key(&self) -> anyhow::Result<String> {
        Ok(text(&self.lab.sekisho(&["key"])?.stdout).trim().to_owned())
    }

    fn identity(&self, words: &[&str]) -> anyhow::Result<Identity> {
        let words = [&["identity"], words, &["--format", "json"]].concat();
        let output = self.lab.sekisho(&words)?;
        ensure!(output.status.success(), "{}", describe(&output));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn coming(&self) -> anyhow::Result<ComingKey> {
        self.identity(&[])?.coming.context("no key is to come")
    }

    /// Begins a renewal: the coming key's text.
    fn renew(&self) -> anyhow::Result<String> {
        let coming = self.identity(&["renew"])?.coming.context("no key is to come")?;
        ensure!(coming.line.contains(&format!("key={}", coming.public_key)), "{}", coming.line);
        Ok(coming.public_key.to_string())
    }

    fn state_of(&self, centre: Centre) -> anyhow::Result<KeyState> {
        let mut rows = self.coming()?.centres.into_iter();
        let row = rows.find(|row| row.name.as_str() == centre.name());
        Ok(row.context("no such centre")?.state)
    }

    /// Waits until a centre is so far: how long that took.
    fn wait_for(&self, centre: Centre, state: KeyState) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let there = wait_until(NOTICED, || self.state_of(centre).is_ok_and(|now| now == state));
        ensure!(there, "{} is not {state:?} but {:?}", centre.name(), self.coming()?);
        Ok(start.elapsed())
    }

    fn give(&self, centre: Centre, key: &str) -> anyhow::Result<()> {
        self.go(centre).give_addresses(&self.lab, key)
    }

    /// Traffic beside an event and for two seconds after: what was lost, and how long a stream stood still.
    fn beside(
        &self,
        event: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<(Unanswered, Duration)> {
        let (questions, stream) = (Questions::start(&self.lab)?, Stream::start(&self.lab)?);
        thread::sleep(SECOND);
        event()?;
        thread::sleep(2 * SECOND);
        let (unanswered, still) = (questions.finish()?, stream.finish()?);
        ensure!(unanswered.asked > 20, "{unanswered:?}");
        Ok((unanswered, still))
    }
}

pub(crate) fn a_key_is_renewed_in_two_steps() -> anyhow::Result<()> {
    let site = Site::up()?;
    let old = site.key()?;
    let new = site.renew()?;
    let file = site.lab.logs().join("state/tunnel-coming.key");
    ensure!(fs::metadata(&file)?.permissions().mode() & 0o7777 == 0o600);
    for centre in Centre::ALL {
        ensure!(site.state_of(centre)? == KeyState::Unknown, "{:?}", site.coming()?);
    }

    let (lost, still) = site.beside(|| {
        Centre::ALL.into_iter().try_for_each(|centre| site.go(centre).register(&new))?;
        Centre::ALL.into_iter().try_for_each(|centre| {
            let time = site.wait_for(centre, KeyState::Registered)?;
            println!("{}: known after {time:?}", centre.name());
            Ok(())
        })
    })?;
    println!("registered: {lost:?}, still for {still:?}");
    ensure!(lost.lost == 0, "{lost:?}");

    for centre in Centre::ALL {
        let (lost, still) = site.beside(|| {
            site.give(centre, &new)?;
            let time = site.wait_for(centre, KeyState::InUse)?;
            println!("{}: in use after {time:?} at most", centre.name());
            Ok(())
        })?;
        println!("{}: {lost:?}, still for {still:?}", centre.name());
        ensure!(lost.longest < PROBES, "{lost:?}");
        ensure!(centre == Centre::East || lost.lost == 0, "{lost:?}");
        ensure!(site.lab.carrier()? == Some(Centre::East));
    }
    ensure!(site.key()? == old, "the old key stays for a while");
    // Nothing is left of it at the centres, and nobody notices.
    let (lost, _) = site
        .beside(|| Centre::ALL.into_iter().try_for_each(|centre| site.go(centre).remove(&old)))?;
    ensure!(lost.lost == 0, "{lost:?}");
    ensure_reaches(&site.lab)
}

pub(crate) fn a_key_is_renewed_in_one_step() -> anyhow::Result<()> {
    let site = Site::up()?;
    let old = site.key()?;
    let new = site.renew()?;
    // Long enough for the slow pace.
    thread::sleep(12 * SECOND);
    for centre in Centre::ALL {
        let (lost, still) = site.beside(|| {
            // The worst way: the old one is gone, and the new one was never there.
            site.go(centre).remove(&old)?;
            site.give(centre, &new)?;
            site.wait_for(centre, KeyState::InUse)?;
            Ok(())
        })?;
        println!("{}: {lost:?}, still for {still:?}", centre.name());
        ensure!(lost.longest < SILENCE, "{lost:?}");
        // On a busy machine even a centre that answers at once may have been given up for a moment.
        site.lab.wait_for_carrier(Some(Centre::East), CARRIER)?;
    }
    ensure_reaches(&site.lab)
}

pub(crate) fn a_key_that_nobody_registers() -> anyhow::Result<()> {
    let site = Site::up()?;
    let old = site.key()?;
    let (lost, still) = site.beside(|| {
        site.renew()?;
        thread::sleep(10 * SECOND);
        Ok(())
    })?;
    println!("{lost:?}, still for {still:?}");
    ensure!(lost.lost == 0, "{lost:?}");
    for centre in Centre::ALL {
        ensure!(site.state_of(centre)? == KeyState::Unknown);
    }
    let again = site.lab.sekisho(&["identity", "renew"])?;
    ensure!(again.status.code() == Some(6), "{}", describe(&again));
    ensure!(site.identity(&["renew", "--cancel"])?.coming.is_none());
    ensure!(!site.lab.logs().join("state/tunnel-coming.key").exists());
    let again = site.lab.sekisho(&["identity", "renew", "--cancel"])?;
    ensure!(again.status.code() == Some(6), "{}", describe(&again));

    // One that is in use can't be cancelled any more, until the operator has turned back.
    let new = site.renew()?;
    site.give(Centre::East, &new)?;
    site.wait_for(Centre::East, KeyState::InUse)?;
    let refused = site.lab.sekisho(&["identity", "renew", "--cancel"])?;
    ensure!(refused.status.code() == Some(6), "{}", describe(&refused));
    let (lost, still) = site.beside(|| {
        site.give(Centre::East, &old)?;
        site.wait_for(Centre::East, KeyState::Registered).map(drop)
    })?;
    println!("turned back: {lost:?}, still for {still:?}");
    ensure!(lost.longest < SILENCE, "{lost:?}");
    site.identity(&["renew", "--cancel"])?;
    ensure!(site.key()? == old);
    ensure_reaches(&site.lab)
}

/// The daemon dies, the carrier dies, and the key file is lost, each amid a renewal.
pub(crate) fn a_renewal_survives_whatever_happens() -> anyhow::Result<()> {
    let mut site = Site::up()?;
    let old = site.key()?;
    let new = site.renew()?;
    site.lab.kill_daemon()?;
    site.lab.start_daemon()?;
    site.all_alive()?;
    ensure!(site.coming()?.public_key.to_string() == new && site.key()? == old);

    // East knows the new key only, west the old one only.
    site.give(Centre::East, &new)?;
    site.east.remove(&old)?;
    site.wait_for(Centre::East, KeyState::InUse)?;
    for crash in [true, false] {
        if crash {
            site.lab.kill_daemon()?;
        } else {
            ensure!(site.lab.stop_daemon()?.success());
        }
        let start = Instant::now();
        site.lab.start_daemon()?;
        site.all_alive()?;
        println!("crash {crash}: all alive {:?} after the start", start.elapsed());
        site.wait_for(Centre::East, KeyState::InUse)?;
    }
    site.lab.cut(Centre::East)?;
    site.lab.host("east").must(&["ip", "link", "set", "platform", "down"])?;
    site.lab.wait_for_carrier(Some(Centre::West), NOTICED)?;
    ensure!(wait_until(NOTICED, || ensure_reaches(&site.lab).is_ok()), "west doesn't carry");
    ensure!(site.state_of(Centre::West)? == KeyState::Unknown);
    // The addresses move at the centre that carries by now, and the other one comes back.
    let (lost, still) = site.beside(|| {
        site.give(Centre::West, &new)?;
        site.wait_for(Centre::West, KeyState::InUse).map(drop)
    })?;
    println!("west: {lost:?}, still for {still:?}");
    ensure!(lost.longest < SILENCE, "{lost:?}");

    // What the running device still has, its disk needn't.
    let file = site.lab.logs().join("state/tunnel-coming.key");
    fs::write(&file, "")?;
    ensure_reaches(&site.lab)?;
    site.lab.kill_daemon()?;
    site.lab.start_daemon()?;
    ensure!(site.identity(&[])?.coming.is_none(), "what is lost isn't there");
    let again = site.renew()?;
    ensure!(again != new && site.key()? == old);
    site.give(Centre::West, &again)?;
    site.lab.wait_for_carrier(Some(Centre::West), CARRIER)?;
    site.wait_for(Centre::West, KeyState::InUse)?;
    ensure_reaches(&site.lab)
}

/// Three minutes after the last centre, the old key is gone.
pub(crate) fn a_renewal_to_its_end() -> anyhow::Result<()> {
    let mut site = Site::up()?;
    let old = site.key()?;
    let private = fs::read_to_string(site.lab.logs().join("state/tunnel.key"))?;
    let new = site.renew()?;
    for centre in Centre::ALL {
        site.go(centre).register(&new)?;
        site.wait_for(centre, KeyState::Registered)?;
        site.give(centre, &new)?;
        site.wait_for(centre, KeyState::InUse)?;
    }
    let used = Instant::now();
    let stream = Stream::start(&site.lab)?;
    ensure!(wait_until(Duration::from_mins(4), || site.key().is_ok_and(|key| key == new)));
    let time = used.elapsed();
    thread::sleep(2 * SECOND);
    println!("the old key was kept for {time:?}; a stream stood still for {:?}", stream.finish()?);
    ensure!((175..200).contains(&time.as_secs()), "{time:?}");
    ensure!(site.identity(&[])?.coming.is_none());
    for entry in fs::read_dir(site.lab.logs().join("state"))? {
        let path = entry?.path();
        let content = fs::read(&path).unwrap_or_default();
        let said = String::from_utf8_lossy(&content).contains(private.trim());
        ensure!(!said, "{} still has the old key", path.display());
    }
    for centre in Centre::ALL {
        site.go(centre).remove(&old)?;
    }
    site.lab.kill_daemon()?;
    site.lab.start_daemon()?;
    site.all_alive()?;
    ensure!(site.key()? == new);
    // And once more.
    let third = site.renew()?;
    site.give(Centre::East, &third)?;
    site.wait_for(Centre::East, KeyState::InUse)?;
    ensure_reaches(&site.lab)
}
