//! What the names of the design stand for (R85), pure but for its file: told the time and what came of each question.
//!
//! A name is asked for again when its time to live is over, sooner while somebody waits for it. What it stood for last
//! is kept until another answer comes, over restarts too, in `STATE/known-hosts`: a resolver that is away moves nobody.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use sekisho_design::{Design, DnsName};
use sekisho_host::files;
use sekisho_names::Realm;
use tracing::{info, warn};

use super::reasons;

const FILE: &str = "known-hosts";

/// The longest file: some hundred names with a few addresses each.
const LONGEST: u64 = 1 << 20;

/// However short or long an answer says that it holds, the next question comes within these bounds.
const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// After a question without an answer; each more doubles it, up to five minutes.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_mins(5);

/// Between two questions for a name that somebody waits for, such as a silent centre's.
const URGENT: Duration = Duration::from_secs(10);

/// What is known of the names of the design in force.
#[derive(Debug)]
pub(super) struct Known {
    path: PathBuf,
    hosts: BTreeMap<DnsName, Host>,
}

/// One name.
#[derive(Debug)]
pub(super) struct Host {
    /// Whose resolvers know it: LGWAN's endpoints and time servers, the platform's sources that rows name.
    realm: Realm,
    /// What it stood for last; empty until its first answer.
    pub(super) addresses: Vec<Ipv4Addr>,
    /// Why the last question had no answer.
    pub(super) fault: Option<String>,
    asked: Option<Duration>,
    next: Duration,
    waiting: bool,
    failures: u32,
}

/// An answer, and how long it holds.
pub(super) type Answer = Result<(Vec<Ipv4Addr>, Duration), String>;

impl Known {
    /// Reads what earlier runs knew. A damaged file is as good as none: the names are asked for again.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let hosts = if path.exists() { read(&path) } else { BTreeMap::new() };
        Self { path, hosts }
    }

    /// Goes on with the names of some designs. Others are forgotten once the file is written anew.
    pub(super) fn follow<'a>(
        &mut self,
        designs: impl IntoIterator<Item = &'a Design>,
        now: Duration,
    ) {
        let names = |design: &'a Design| {
            let platform = design.platform_names().into_iter().map(|name| (name, Realm::Platform));
            let lgwan = design.lgwan_names().into_iter().map(|name| (name, Realm::Lgwan));
            platform.chain(lgwan)
        };
        let wanted: BTreeMap<_, _> = designs.into_iter().flat_map(names).collect();
        self.hosts.retain(|name, _| wanted.contains_key(name));
        for (name, realm) in wanted {
            let host = self.hosts.entry(name.clone()).or_insert_with(|| Host::new(Vec::new()));
            if host.asked.is_none() {
                host.next = now;
            }
            host.realm = realm;
        }
    }

    /// The names to ask for now; each counts as asked from now on.
    pub(super) fn due(
        &mut self,
        now: Duration,
        urgent: &BTreeSet<DnsName>,
    ) -> Vec<(Realm, DnsName)> {
        let due = |name: &DnsName, host: &Host| {
            let pressed = urgent.contains(name) && host.asked.is_none_or(|at| now >= at + URGENT);
            !host.waiting && (now >= host.next || pressed)
        };
        let names = self.hosts.iter_mut().filter(|(name, host)| due(name, host));
        names
            .map(|(name, host)| {
                (host.asked, host.waiting) = (Some(now), true);
                (host.realm, name.clone())
            })
            .collect()
    }

    /// What came of a question. True where the name stands for something else now.
    pub(super) fn learn(&mut self, name: &DnsName, answer: Answer, now: Duration) -> bool {
        let Some(host) = self.hosts.get_mut(name) else { return false };
        host.waiting = false;
        // An answer without an address is no reason to let go of the last one.
        let some = |(addresses, holds): (Vec<_>, _)| {
            let none = || "the name has no IPv4 address".to_owned();
            if addresses.is_empty() { Err(none()) } else { Ok((addresses, holds)) }
        };
        let answer = answer.and_then(some);
        match answer {
            Ok((mut addresses, holds)) => {
                addresses.sort_unstable();
                addresses.dedup();
                (host.fault, host.failures) = (None, 0);
                host.next = now + holds.clamp(SHORTEST, LONGEST_WAIT);
                if host.addresses == addresses {
                    return false;
                }
                info!(%name, before = ?host.addresses, now = ?addresses, "a name of the design moved");
                host.addresses = addresses;
                self.keep();
                true
            }
            Err(fault) => {
                let wait = FIRST_RETRY.saturating_mul(1 << host.failures.min(16)).min(LAST_RETRY);
                host.next = now + wait;
                host.failures += 1;
                if host.fault.as_ref() != Some(&fault) {
                    warn!(%name, %fault, last = ?host.addresses, "a name of the design can't be resolved");
                }
                host.fault = Some(fault);
                false
            }
        }
    }

    /// The design with what its names stand for; itself while no names are followed.
    pub(super) fn put_into<'a>(&self, design: &'a Design) -> Cow<'a, Design> {
        if self.hosts.is_empty() {
            return Cow::Borrowed(design);
        }
        let mut design = design.clone();
        design.resolve(|name| self.addresses(name).to_vec());
        Cow::Owned(design)
    }

    /// What a name stands for.
    pub(super) fn addresses(&self, name: &DnsName) -> &[Ipv4Addr] {
        self.hosts.get(name).map_or(&[], |host| &host.addresses)
    }

    /// All names.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (&DnsName, &Host)> {
        self.hosts.iter()
    }

    fn keep(&self) {
        let line = |(name, host): (&DnsName, &Host)| {
            let addresses: Vec<_> = host.addresses.iter().map(ToString::to_string).collect();
            format!("{name} {}\n", addresses.join(" "))
        };
        let known = self.hosts.iter().filter(|(_, host)| !host.addresses.is_empty());
        let text: String = known.map(line).collect();
        if let Err(fault) = files::write(&self.path, text.as_bytes(), 0o600) {
            let fault = reasons(&fault.into());
            warn!(
                fault,
                "after a restart the names of the design must be asked for before they work"
            );
        }
    }
}

impl Host {
    fn new(addresses: Vec<Ipv4Addr>) -> Self {
        Self {
            realm: Realm::Lgwan,
            addresses,
            fault: None,
            asked: None,
            next: Duration::ZERO,
            waiting: false,
            failures: 0,
        }
    }
}

/// A line a name, with its addresses.
fn read(path: &Path) -> BTreeMap<DnsName, Host> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.parse().ok()?;
        let addresses = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
        Some((name, Host::new(addresses)))
    };
    let text = files::read(path, LONGEST).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let hosts = text.map(|text| text.lines().map(parse).collect::<Option<_>>());
    hosts.ok().flatten().unwrap_or_else(|| {
        warn!(path = %path.display(), "what the names of the design stood for is lost; they are asked for again");
        BTreeMap::new()
    })
}

#[cfg(test)]
mod tests;
