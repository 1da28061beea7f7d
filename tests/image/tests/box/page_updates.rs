//! An update that a clerk sends to the page.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_image_tests::{Bundle, root};
use sekisho_lab::{Lab, Namespace};
use serde_json::Value;

use crate::{
    bench::{self, BOOT, CARRIER, COMMAND, file, wait_for_carrier},
    updates::{BOARD, settled, up, with_updates},
};

/// Seconds for sending a whole root file system, and for writing it.
const LONG: u32 = 600;
const PASSWORD: &str = "kawa no nagare wa taezu shite";
const NAME: &str = "sekisho-sg115-0.2.0.raucb";

/// Version 0.2.0 is sent to the page, written with its progress, tried and kept; before it a file that is none is refused with
/// its reason, by RAUC itself.
pub(crate) fn an_update_sent_to_the_page_stays() -> anyhow::Result<()> {
    let (plain, good, bad) = (file("page.squashfs"), file("page.raucb"), file("page-bad.raucb"));
    root(&plain)?;
    Bundle { root: &plain, version: "0.2.0", compatible: BOARD, keys: None, signed: None }
        .pack(&good)?;
    let mut damaged = fs::read(&good)?;
    let end = damaged.len() - 100;
    damaged[end] ^= 0x55;
    fs::write(&bad, damaged)?;
    with_updates(&[], |machine, lab| {
        wait_for_carrier(&mut machine.shell, CARRIER)?;
        let initial = machine.shell.must("cat /var/lib/sekisho-box/initial-password", COMMAND)?;
        let mut clerk = Clerk::at(lab)?;
        clerk.sign_in(initial.trim())?;
        let words = format!(r#"{{"old":"{}","new":"{PASSWORD}"}}"#, initial.trim());
        clerk.signed_in(&clerk.post("password", &words)?)?;

        clerk.send(&bad)?;
        clerk.post("update/install", r#"{"restart":true}"#)?;
        let (end, _) = clerk.installed()?;
        let why = end["why"]["en"].as_str().unwrap_or_default();
        let journal = "journalctl -u sekisho-update-wish.service -o cat --no-pager";
        let journal = machine.shell.must(journal, COMMAND)?;
        ensure!(end["name"] == "failed" && why.contains("isn't signed"), "{end}\n{journal}");

        let begun = Instant::now();
        clerk.send(&good)?;
        println!("sent in {:.0} s", begun.elapsed().as_secs_f64());
        clerk.post("update/install", r#"{"restart":true}"#)?;
        let (end, percents) = clerk.installed()?;
        ensure!(end["name"] == "installed" && end["version"] == "0.2.0", "{end}");
        ensure!(percents.len() > 1 && percents.is_sorted(), "no progress: {percents:?}");
        println!("written in {:.0} s, seen at {percents:?} %", begun.elapsed().as_secs_f64());

        machine.console.expect("Slot B; tries: A 0, B 1", BOOT)?;
        up(machine)?;
        let said = settled(machine)?;
        ensure!(said["last"]["end"]["name"] == "kept", "{said}");
        clerk.sign_in(PASSWORD)?;
        let firmware = clerk.get("update")?["status"]["firmware"].take();
        ensure!(firmware["last"]["version"] == "0.2.0", "{firmware}");
        let runs = |slot: &Value| slot["name"] == "B" && slot["runs"] == true;
        ensure!(firmware["slots"].as_array().is_some_and(|all| all.iter().any(runs)), "{firmware}");
        bench::traffic(lab)
    })
}

/// A clerk's PC, and the session that it has.
pub(crate) struct Clerk<'a> {
    host: &'a Namespace,
    device: Ipv4Addr,
    cookies: PathBuf,
    token: String,
}

impl<'a> Clerk<'a> {
    pub(crate) fn at(lab: &'a Lab) -> anyhow::Result<Self> {
        let maintenance = lab.addresses().device_maintenance;
        let device = maintenance.context("the site has no maintenance port")?.addr();
        let cookies = bench::fresh_file("clerk-cookies")?;
        Ok(Self { host: lab.host("clerk"), device, cookies, token: String::new() })
    }

    pub(crate) fn sign_in(&mut self, password: &str) -> anyhow::Result<()> {
        let words = format!(r#"{{"user":"admin","password":"{password}"}}"#);
        let session = self.post("login", &words)?;
        self.signed_in(&session)
    }

    pub(crate) fn signed_in(&mut self, session: &Value) -> anyhow::Result<()> {
        let token = session["csrf"].as_str().with_context(|| format!("no session: {session}"))?;
        token.clone_into(&mut self.token);
        Ok(())
    }

    pub(crate) fn get(&self, what: &str) -> anyhow::Result<Value> {
        self.ask(what, &[])
    }

    pub(crate) fn post(&self, what: &str, body: &str) -> anyhow::Result<Value> {
        self.ask(what, &["-H", "Content-Type: application/json", "-d", body])
    }

    fn send(&self, bundle: &Path) -> anyhow::Result<()> {
        let bundle = bundle.to_string_lossy();
        let words = ["-H", "Content-Type: application/octet-stream", "-T", &*bundle];
        let said = self.ask(&format!("update/bundle?name={NAME}"), &words)?;
        ensure!(said["name"] == NAME, "{said}");
        Ok(())
    }

    /// How an installation ended, and what the page showed of its progress.
    fn installed(&self) -> anyhow::Result<(Value, Vec<u64>)> {
        let (end, mut percents) = (Instant::now() + Duration::from_secs(LONG.into()), Vec::new());
        loop {
            let state = self.get("update")?["status"]["installation"]["state"].take();
            if state["name"] == "installed" || state["name"] == "failed" {
                return Ok((state, percents));
            }
            percents.extend(state["percent"].as_u64());
            ensure!(Instant::now() < end, "it isn't installed after {LONG} s: {state}");
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn ask(&self, what: &str, more: &[&str]) -> anyhow::Result<Value> {
        let (url, origin) = (
            format!("https://{}/api/{what}", self.device),
            format!("Origin: https://{}", self.device),
        );
        let (cookies, token) =
            (self.cookies.to_string_lossy(), format!("X-Sekisho-Token: {}", self.token));
        let limit = LONG.to_string();
        let mut words = vec!["curl", "-sSk", "--max-time", &limit, "-b", &cookies, "-c", &cookies];
        words.extend(["-H", &origin, "-H", &token]);
        words.extend(more);
        words.push(&url);
        let said = self.host.within(LONG).must(&words)?;
        serde_json::from_str(&said).with_context(|| format!("{what}: {said}"))
    }
}
