//! What the device's kernel remembers of connections: `/proc/net/nf_conntrack`.

use std::fs;

use anyhow::{Context, bail};
use sekisho_lab::Lab;

/// A connection that the kernel remembers.
#[derive(Debug)]
pub(crate) struct Entry {
    /// For how long it will without another packet.
    pub(crate) seconds: u64,
    line: String,
}

/// The one entry of a protocol whose line has all of these words.
pub(crate) fn entry(lab: &Lab, protocol: &str, words: &[&str]) -> anyhow::Result<Entry> {
    let table = "/proc/thread-self/net/nf_conntrack";
    let text = lab.host("gateway").inside(|| fs::read_to_string(table))?.context(table)?;
    let has = |line: &str, word: &str| line.split_whitespace().any(|found| found == word);
    let fits = |line: &&str| has(line, protocol) && words.iter().all(|word| has(line, word));
    let found: Vec<_> = text.lines().filter(fits).collect();
    let [line] = found[..] else { bail!("{words:?}: {found:#?}") };
    // Two names and two numbers, of the network and of the transport, then the time.
    let seconds = line.split_whitespace().nth(4).context(line.to_owned())?;
    let seconds = seconds.parse().with_context(|| line.to_owned())?;
    Ok(Entry { seconds, line: line.to_owned() })
}

impl Entry {
    /// Whether the line has this word.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.line.split_whitespace().any(|found| found == word)
    }

    /// The port that the far end sees: where its answers go.
    pub(crate) fn seen_port(&self) -> anyhow::Result<u16> {
        let last = self.line.split_whitespace().rev().find_map(|word| word.strip_prefix("dport="));
        Ok(last.with_context(|| self.line.clone())?.parse()?)
    }
}
