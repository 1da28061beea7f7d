//! The packet filter, through the program `nft` and its JSON.

use std::{
    collections::BTreeMap, io, os::unix::process::ExitStatusExt, path::PathBuf, process::Stdio,
    time::Duration,
};

use sekisho_plan::table::{MalformedListing, TABLE, Table, parse_listing, transaction};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use crate::HostError;

/// What a named counter has seen since it was made.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes of these packets, from the IP header on.
    pub bytes: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Nft {
    program: PathBuf,
}

impl Nft {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Our table, `None` where it doesn't exist.
    pub(crate) async fn table(&self) -> Result<Option<Table>, HostError> {
        match self.listed(WHOLE).await? {
            Some(listing) => table(listing).map_err(unreadable),
            None => Ok(None),
        }
    }

    /// Turns one table into the other, in one transaction.
    pub(crate) async fn replace(
        &self,
        before: Option<&Table>,
        after: Option<&Table>,
    ) -> Result<(), HostError> {
        self.load(&transaction(before, after)).await
    }

    pub(crate) async fn counters(&self) -> Result<BTreeMap<String, Count>, HostError> {
        let (family, table) = TABLE;
        match self.listed(&["counters", "table", family, table]).await? {
            Some(listing) => counters(&listing).ok_or_else(|| unreadable("no list of counters")),
            None => Ok(BTreeMap::new()),
        }
    }

    pub(crate) async fn elements(&self, set: &str) -> Result<Vec<Value>, HostError> {
        let Some(listing) = self.listed(WHOLE).await? else { return Ok(Vec::new()) };
        elements(&listing, set).ok_or_else(|| unreadable("no list of objects"))
    }

    pub(crate) async fn fill_set(&self, set: &str, elements: &[Value]) -> Result<(), HostError> {
        let (family, table) = TABLE;
        let name = json!({ "family": family, "table": table, "name": set });
        let mut commands = vec![json!({ "flush": { "set": name } })];
        if !elements.is_empty() {
            let mut filled = name;
            filled["elem"] = elements.into();
            commands.push(json!({ "add": { "element": filled } }));
        }
        self.load(&json!({ "nftables": commands })).await
    }

    async fn load(&self, transaction: &Value) -> Result<(), HostError> {
        self.run(&["-j", "-f", "-"], &transaction.to_string()).await.map(drop)
    }

    /// A set's listing, as text; `None` where the table doesn't exist.
    pub(crate) async fn set(&self, name: &str) -> Result<Option<String>, HostError> {
        let (family, table) = TABLE;
        self.list(&["set", family, table, name]).await
    }

    async fn listed(&self, what: &[&str]) -> Result<Option<Value>, HostError> {
        let listing = self.list(what).await?;
        listing.map(|listing| serde_json::from_str(&listing).map_err(unreadable)).transpose()
    }

    /// Lists something of our table, protocols by number; `None` where the table doesn't exist. That it doesn't is asked only after a
    /// refusal, and not read from the words of the refusal, which differ from release to release.
    async fn list(&self, what: &[&str]) -> Result<Option<String>, HostError> {
        match self.run(&[&["-j", "-p", "list"], what].concat(), "").await {
            Ok(listing) => Ok(Some(listing)),
            Err(refusal @ HostError::NftRefused { .. }) => {
                if self.exists().await? {
                    Err(refusal)
                } else {
                    Ok(None)
                }
            }
            Err(other) => Err(other),
        }
    }

    async fn exists(&self) -> Result<bool, HostError> {
        let (family, table) = TABLE;
        let listing = self.run(&["-j", "list", "tables", family], "").await?;
        let listing: Value = serde_json::from_str(&listing).map_err(unreadable)?;
        let items =
            listing["nftables"].as_array().ok_or_else(|| unreadable("no list of tables"))?;
        Ok(items.iter().any(|item| item["table"]["name"] == table))
    }

    /// Runs the program and returns what it printed. It is killed when it takes too long or when the caller is
    /// cancelled, so that nothing is changed behind the caller's back later on.
    async fn run(&self, arguments: &[&str], input: &str) -> Result<String, HostError> {
        let failed = |source: io::Error| {
            let program = self.program.clone();
            if source.kind() == io::ErrorKind::NotFound {
                HostError::NftMissing { program }
            } else {
                HostError::NftRun { program, source }
            }
        };
        let mut child = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            // A program that ends early closes the pipe; its exit status and words say why.
            if let Some(mut stdin) = stdin {
                drop(stdin.write_all(input.as_bytes()).await);
            }
            Ok(())
        };
        let talk = async { tokio::try_join!(feed, drain(stdout), drain(stderr), child.wait()) };
        let Ok(ended) = timeout(LIMIT, talk).await else {
            // Only once it is gone can nothing change any more.
            child.kill().await.map_err(failed)?;
            return Err(HostError::NftTimeout { limit: LIMIT });
        };
        let ((), stdout, stderr, status) = ended.map_err(failed)?;
        if let Some(signal) = status.signal() {
            return Err(HostError::NftKilled { signal });
        }
        if !status.success() {
            let stderr = String::from_utf8_lossy(&stderr).into_owned();
            return Err(HostError::NftRefused { stderr });
        }
        String::from_utf8(stdout).map_err(unreadable)
    }
}

/// What to list for the whole of our table.
const WHOLE: &[&str] = &["table", TABLE.0, TABLE.1];

/// The largest rule set of a site loads in well under a second.
const LIMIT: Duration = Duration::from_secs(5);

async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Reads a table, the sets one by one, each listing dropped once it is read: most of a large site is in its sets, and it
/// needn't be in memory twice.
fn table(mut listing: Value) -> Result<Option<Table>, MalformedListing> {
    let is_set = |object: &mut Value| object.get("set").or_else(|| object.get("map")).is_some();
    let objects = listing.get_mut("nftables").and_then(Value::as_array_mut);
    let sets: Vec<_> = objects.into_iter().flat_map(|all| all.extract_if(.., is_set)).collect();
    let Some(mut table) = parse_listing(&listing)? else { return Ok(None) };
    drop(listing);
    let (_, name) = TABLE;
    for set in sets {
        let mut alone = json!({ "nftables": [{ "table": { "name": name } }, null] });
        alone["nftables"][1] = set;
        table.sets.extend(parse_listing(&alone)?.unwrap_or_default().sets);
    }
    Ok(Some(table))
}

fn elements(listing: &Value, set: &str) -> Option<Vec<Value>> {
    let mut sets = listing["nftables"].as_array()?.iter().filter_map(|item| item.get("set"));
    let found = sets.find(|found| found["name"] == set);
    Some(found.and_then(|found| found["elem"].as_array()).cloned().unwrap_or_default())
}

fn counters(listing: &Value) -> Option<BTreeMap<String, Count>> {
    let items = listing["nftables"].as_array()?;
    items
        .iter()
        .filter_map(|item| item.get("counter"))
        .map(|counter| {
            let number = |key| counter[key].as_u64();
            let count = Count { packets: number("packets")?, bytes: number("bytes")? };
            Some((counter["name"].as_str()?.to_owned(), count))
        })
        .collect()
}

pub(crate) fn unreadable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HostError {
    HostError::NftAnswer { source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_a_whole_although_its_sets_are_read_alone() {
        let element = json!({ "concat": [1, { "prefix": { "addr": "10.1.0.0", "len": 16 } }] });
        let listing = json!({ "nftables": [
            { "metainfo": {} },
            { "table": { "family": "inet", "name": "sekisho" } },
            { "counter": { "name": "lgwan/unexpected", "packets": 3, "bytes": 252 } },
            { "set": { "name": "permitted", "type": ["mark", "ipv4_addr"], "elem": [element] } },
            { "map": { "name": "lan-of-global", "type": "ipv4_addr", "map": "mark" } },
            { "chain": { "name": "route", "type": "filter", "hook": "prerouting", "prio": -150 } },
            { "rule": { "chain": "route", "expr": [{ "accept": null }] } },
        ]});
        let whole = parse_listing(&listing).unwrap();
        assert_eq!(whole.as_ref().unwrap().sets.len(), 2);
        assert_eq!(table(listing).unwrap(), whole);
        assert_eq!(table(json!({ "nftables": [{ "metainfo": {} }] })).unwrap(), None);
        for nonsense in [json!("words"), json!([]), json!({ "nftables": 1 })] {
            assert!(table(nonsense).is_err());
        }
    }

    #[test]
    fn elements_of_a_set_are_read_and_nonsense_is_not() {
        let listing = json!({ "nftables": [
            { "metainfo": {} },
            { "set": { "name": "cut-off", "elem": [1, 2] } },
            { "set": { "name": "empty" } },
        ]});
        assert_eq!(elements(&listing, "cut-off").unwrap(), [1, 2]);
        assert!(elements(&listing, "empty").unwrap().is_empty());
        assert!(elements(&listing, "missing").unwrap().is_empty());
        assert_eq!(elements(&json!("words"), "cut-off"), None);
    }

    #[test]
    fn counters_are_read_and_nonsense_is_not() {
        let listing = json!({ "nftables": [
            { "metainfo": {} },
            { "counter": { "name": "lgwan/unexpected", "packets": 3, "bytes": 252 } },
        ]});
        let expected = Count { packets: 3, bytes: 252 };
        assert_eq!(counters(&listing).unwrap()["lgwan/unexpected"], expected);
        assert_eq!(counters(&json!({ "nftables": [{ "counter": { "name": "a" } }] })), None);
        assert_eq!(counters(&json!("words")), None);
    }
}
