//! SNMP, as the daemon looks after it: the user that asks, and what net-snmp's daemon is to do by the design in force.
//!
//! snmpd answers and is another service. What it needs stands in `RUN/snmp/snmpd.conf`, while the design names who asks and
//! there is a user; otherwise there is no such file, and the image has no snmpd run. The figures come from `sekisho-snmp`,
//! which snmpd starts. Of the passphrases only keys are kept that are good for this device alone, in `STATE/snmp-user`.

mod conf;
mod keys;

use std::{
    fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use sekisho_capsule::{Passphrase, WORD_BITS};
use sekisho_control::{
    Author, Failure, Hidden, Snmp as Told, SnmpPassphrases, SnmpUser as ToldUser,
};
use sekisho_design::Design;
use sekisho_host::files;
use serde::{Deserialize, Serialize};
use tracing::warn;

use self::keys::{Engine, Keys};
use super::{
    fault::{device_failure, disk_failure},
    reasons,
};

/// The user's name. It is no secret.
const NAME: &str = "monitor";

/// Where the user's keys are, below the state folder.
const USER: &str = "snmp-user";

/// Where snmpd's part is, below the run folder.
const FOLDER: &str = "snmp";
const FILE: &str = "snmpd.conf";

/// The program that tells snmpd figures; it lies beside the daemon.
const AGENT: &str = "sekisho-snmp";

/// The longest file of both.
const LONGEST: u64 = 1 << 14;

/// Time between two attempts to write where that fails.
const RETRY: Duration = Duration::from_secs(2);

/// Looks after SNMP.
pub(super) struct Snmp {
    user_file: PathBuf,
    conf: PathBuf,
    agent: PathBuf,
    user: Option<User>,
    /// The device's address at the maintenance port, while the design names who asks there.
    at: Option<Ipv4Addr>,
    /// When to write; none where the file is as it should be.
    due: Option<Duration>,
    fault: Option<String>,
}

/// The user that may read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct User {
    engine: Engine,
    keys: Keys,
    made: Timestamp,
}

impl Snmp {
    /// Begins without a design. A user whose file is damaged is as good as none.
    pub(super) fn new(state: &Path, run: &Path) -> Self {
        let user_file = state.join(USER);
        let user = if user_file.exists() {
            let read = read(&user_file).inspect_err(|fault| {
                let (path, fault) = (user_file.display(), reasons(fault));
                warn!(%path, fault, "the keys for SNMP are lost; make new ones: sekisho snmp user");
            });
            read.ok()
        } else {
            None
        };
        let beside = std::env::current_exe().unwrap_or_default();
        Self {
            user_file,
            conf: run.join(FOLDER).join(FILE),
            agent: beside.with_file_name(AGENT),
            user,
            at: None,
            due: Some(Duration::ZERO),
            fault: None,
        }
    }

    /// Another design is in force, or none any more.
    pub(super) fn follow(&mut self, design: Option<&Design>) {
        let named = design.filter(|design| !design.snmp.maintenance.is_empty());
        let port = named.and_then(|design| design.maintenance.as_ref());
        self.at = port.map(|port| port.address.address());
        self.due = Some(Duration::ZERO);
    }

    /// Writes what snmpd is to do where that is due.
    pub(super) fn look_after(&mut self, now: Duration) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        let wanted = self.at.zip(self.user.as_ref());
        let text = wanted.map(|(at, user)| conf::text(at, user, &self.agent));
        match keep(&self.conf, text.as_deref()) {
            Ok(()) => (self.due, self.fault) = (None, None),
            Err(fault) => {
                let fault = reasons(&fault);
                if self.fault.is_none() {
                    warn!(fault, "snmpd isn't told what to do; trying again");
                }
                (self.due, self.fault) = (Some(now + RETRY), Some(fault));
            }
        }
    }

    /// Whether questions are answered.
    pub(super) fn status(&self) -> Told {
        let user = self.user.as_ref().map(User::told);
        Told { wanted: self.at.is_some(), user, fault: self.fault.clone() }
    }

    /// Makes new passphrases; the keys of those before are gone with that. The engine stays the same, so that whoever asks
    /// goes on where he was with the count of its starts.
    pub(super) fn renew(&mut self, author: &Author) -> Result<SnmpPassphrases, Failure> {
        let engine = match &self.user {
            Some(user) => user.engine,
            None => Engine::new(random()?),
        };
        let [authentication, privacy] = [passphrase()?, passphrase()?];
        let keys = Keys::of(&authentication, &privacy, engine);
        let user = User { engine, keys, made: Timestamp::now() };
        let text = serde_json::to_vec(&user)
            .map_err(|fault| device_failure(format!("can't write the keys down: {fault}"), None))?;
        files::write(&self.user_file, &text, 0o600).map_err(|fault| disk_failure(&fault.into()))?;
        warn!(by = %author, "new passphrases for SNMP");
        let told = user.told();
        (self.user, self.due) = (Some(user), Some(Duration::ZERO));
        let hidden = |passphrase: &Passphrase| Hidden::new(passphrase.expose());
        Ok(SnmpPassphrases {
            user: told,
            authentication: hidden(&authentication),
            privacy: hidden(&privacy),
            wanted: self.at.is_some(),
        })
    }
}

impl User {
    fn told(&self) -> ToldUser {
        ToldUser { name: NAME.to_owned(), engine: self.engine.to_string(), made: self.made }
    }
}

fn read(path: &Path) -> anyhow::Result<User> {
    Ok(serde_json::from_slice(&files::read_secret(path, LONGEST)?)?)
}

fn passphrase() -> Result<Passphrase, Failure> {
    random::<WORD_BITS>().map(Passphrase::of_words)
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|fault| device_failure(format!("no random numbers: {fault}"), None))?;
    Ok(bytes)
}

/// Leaves the file as it is where it holds that: snmpd begins anew with each change.
fn keep(path: &Path, text: Option<&str>) -> anyhow::Result<()> {
    let Some(text) = text else {
        return match fs::remove_file(path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault.into()),
            _ => Ok(()),
        };
    };
    if files::read(path, LONGEST).is_ok_and(|held| held == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Nobody but the daemon and root, who hands it to snmpd.
    Ok(files::write(path, text.as_bytes(), 0o600)?)
}

#[cfg(test)]
mod tests;
