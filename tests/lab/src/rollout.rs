//! The operator's server for roll-outs on the platform: a stand-in for Eclipse hawkBit, see `ddi.py`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::{
    addresses::PLATFORM_WEB,
    lab::{FOLDER, Lab},
    process::{Process, must},
    site,
};

const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ddi.py");
/// Up to the first connection that it takes.
const READY: Duration = Duration::from_secs(20);

/// The running server, with one target. Ends when dropped.
#[derive(Debug)]
pub struct RolloutServer {
    folder: PathBuf,
    _process: Process,
}

impl Lab {
    /// Starts the server that the samples' profiles name, for a box that shows this token.
    pub fn start_rollout_server(&self, target: &str, token: &str) -> anyhow::Result<RolloutServer> {
        let server = self.design().profile.rollout.as_ref().context("the profile has no server")?;
        let folder = Path::new(FOLDER).join("rollout");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        certify(&folder)?;
        let (address, port) = (server.address.to_string(), server.port.to_string());
        let (tenant, place) = (server.tenant.to_string(), folder.display().to_string());
        let words = ["python3", STAND_IN, &address, &port, &tenant, target, token, &place];
        let mut process = self.host("platform").spawn("rollout", &words)?;
        process.wait_for("ready", READY)?;
        Ok(RolloutServer { folder, _process: process })
    }
}

impl RolloutServer {
    /// Rolls a bundle out.
    pub fn deploy(&self, bundle: &Path, version: &str) -> anyhow::Result<()> {
        let deployment = json!({ "bundle": bundle, "version": version });
        let (new, path) = (self.folder.join("new"), self.folder.join("deployment.json"));
        fs::write(&new, deployment.to_string())?;
        Ok(fs::rename(new, path)?)
    }

    /// What has happened so far.
    pub fn events(&self) -> anyhow::Result<Vec<Value>> {
        let text = match fs::read_to_string(self.folder.join("events.jsonl")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        // The last line may still be written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).context(line.to_owned())).collect()
    }

    /// Waits for an event.
    pub fn wait_for(
        &self,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let end = Instant::now() + limit;
        loop {
            let events = self.events()?;
            if let Some(found) = events.iter().find(|event| wanted(event)) {
                return Ok(found.clone());
            }
            if Instant::now() >= end {
                bail!("it didn't happen within {limit:?}: {events:#?}");
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A certificate for the server's address of the authority that the samples' profiles name, with its key.
fn certify(folder: &Path) -> anyhow::Result<()> {
    let path = |name: &str| folder.join(name);
    fs::write(
        path("extensions"),
        format!("subjectAltName=IP:{PLATFORM_WEB}\nextendedKeyUsage=serverAuth\n"),
    )?;
    must(
        Command::new("openssl")
            .args(["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-subj", "/CN=rollout", "-keyout"])
            .arg(path("key.pem"))
            .arg("-out")
            .arg(path("request.pem")),
    )?;
    must(
        Command::new("openssl")
            .args(["x509", "-req", "-days", "3650", "-CAcreateserial", "-CAserial"])
            .arg(path("serial"))
            .arg("-CA")
            .arg(site::key_path("authority.pem"))
            .arg("-CAkey")
            .arg(site::key_path("authority.key"))
            .arg("-extfile")
            .arg(path("extensions"))
            .arg("-in")
            .arg(path("request.pem"))
            .arg("-out")
            .arg(path("certificate.pem")),
    )?;
    let both = [fs::read(path("certificate.pem"))?, fs::read(path("key.pem"))?].concat();
    Ok(fs::write(path("server.pem"), both)?)
}
