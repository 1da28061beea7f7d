//! The site that self-tests look at: sample 1 with its office DNS, and with a small disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use nix::mount::{MsFlags, mount};
use sekisho_control::SelfTestReport;
use sekisho_lab::{Centre, Extent, Lab, PROFILE, Process, describe, sample, text, wait_until};

/// Where the office's DNS server of sample 1 is.
const OFFICE_DNS: &str = "192.168.1.53";

/// How soon a change shows: fail-over, an apply, a handshake.
const SOON: Duration = Duration::from_secs(20);

/// The lab with what a test puts in it.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    /// What runs beside the lab's own programs; the last thing put in is taken out first.
    pub(crate) guests: Vec<Process>,
}

impl Site {
    /// A healthy site.
    pub(crate) fn up() -> anyhow::Result<Self> {
        let site = Self::unapplied()?;
        site.lab.apply(site.lab.site())?;
        site.lab.wait_for_carrier(Some(Centre::East), SOON)?;
        site.both_alive()?;
        Ok(site)
    }

    /// The same before anything is applied.
    pub(crate) fn unapplied() -> anyhow::Result<Self> {
        let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
        small_disk(&mut lab)?;
        let binary = lab.binary("sekisho-far-end")?;
        lab.host("terminal").must(&["ip", "addr", "add", OFFICE_DNS, "dev", "lo"])?;
        let words = [&binary, "answer", "--listen", OFFICE_DNS];
        let dns = lab.host("terminal").spawn("office-dns", &words)?;
        Ok(Self { lab, guests: vec![dns] })
    }

    /// Applies sample 1 with another site design.
    pub(crate) fn apply(&self, change: impl FnOnce(String) -> String) -> anyhow::Result<()> {
        let (from, folder) = (sample("1-office"), PathBuf::from("/run/site"));
        fs::create_dir_all(&folder)?;
        let before = fs::read_to_string(from.join("site.toml"))?;
        let after = change(before.clone());
        ensure!(after != before, "the change changes nothing");
        fs::write(folder.join("site.toml"), after)?;
        fs::copy(from.join(PROFILE), folder.join(PROFILE))?;
        self.lab.apply(&folder).map(drop)
    }

    /// Applies sample 1 as it is.
    pub(crate) fn restore(&self) -> anyhow::Result<()> {
        self.lab.apply(self.lab.site()).map(drop)
    }

    /// Runs `ip` in a host.
    pub(crate) fn ip(&self, host: &str, words: &str) -> anyhow::Result<()> {
        let words: Vec<_> = ["ip"].into_iter().chain(words.split(' ')).collect();
        self.lab.host(host).must(&words).map(drop)
    }

    /// Puts nft rules in a host; [`Self::unfiltered`] takes them out.
    pub(crate) fn filter(&self, host: &str, hook: &str, rules: &[&str]) -> anyhow::Result<()> {
        let rules = rules.join("\n");
        let script = format!(
            "table ip trouble {{\nchain of {{\ntype filter hook {hook} priority -10;\n{rules}\n}}\n}}"
        );
        self.lab.host(host).must(&["nft", &script]).map(drop)
    }

    /// Takes [`Self::filter`]'s rules out.
    pub(crate) fn unfiltered(&self, host: &str) -> anyhow::Result<()> {
        self.lab.host(host).must(&["nft", "delete table ip trouble"]).map(drop)
    }

    /// Waits until a centre is silent.
    pub(crate) fn silent(&self, centre: Centre) -> anyhow::Result<()> {
        self.wait(|site| Ok(!site.alive(centre)?), "a centre doesn't fall silent")
    }

    /// Waits until both centres answer.
    pub(crate) fn both_alive(&self) -> anyhow::Result<()> {
        let both = |site: &Self| Ok(site.alive(Centre::East)? && site.alive(Centre::West)?);
        self.wait(both, "the centres don't come back")
    }

    fn wait(
        &self,
        condition: impl Fn(&Self) -> anyhow::Result<bool>,
        or_else: &str,
    ) -> anyhow::Result<()> {
        let mut last = Ok(false);
        let done = wait_until(SOON, || {
            last = condition(self);
            matches!(last, Ok(true))
        });
        last?;
        ensure!(done, "{or_else}");
        Ok(())
    }

    fn alive(&self, centre: Centre) -> anyhow::Result<bool> {
        let centres = self.lab.status()?.tunnel.map(|tunnel| tunnel.centres).unwrap_or_default();
        let found = centres.iter().find(|row| row.name.as_str() == centre.name());
        Ok(found.context("no such centre")?.alive)
    }

    /// Runs a self-test: its report, whatever it says.
    pub(crate) fn self_test(&self, words: &[&str]) -> anyhow::Result<SelfTestReport> {
        let output = self.lab.sekisho(&[&["self-test", "--format", "json"], words].concat())?;
        match output.status.code() {
            Some(0 | 1) => {
                Ok(serde_json::from_slice(&output.stdout).with_context(|| text(&output.stdout))?)
            }
            _ => bail!("{}", describe(&output)),
        }
    }
}

/// Runs `ip` where the cables are: the lab's own network.
pub(crate) fn cable(words: &str) -> anyhow::Result<()> {
    let status = Command::new("ip").args(words.split(' ')).stdin(Stdio::null()).status()?;
    ensure!(status.success(), "ip {words}");
    Ok(())
}

/// Gives the daemon a disk of its own for what it keeps.
fn small_disk(lab: &mut Lab) -> anyhow::Result<()> {
    ensure!(lab.stop_daemon()?.success());
    let state = lab.logs().join("state");
    let key = fs::read(state.join("tunnel.key"))?;
    mount(Some("tmpfs"), &state, Some("tmpfs"), MsFlags::empty(), Some("size=16m,mode=0700"))?;
    write_secret(&state.join("tunnel.key"), &key)?;
    lab.start_daemon()
}

fn write_secret(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(contents)?)
}
