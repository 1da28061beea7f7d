//! Clients of the name service: dig and drill, and what they were told.

use anyhow::{Context, ensure};
use sekisho_lab::{Lab, describe, text};

/// What dig was told.
#[derive(Debug)]
pub(crate) struct Told {
    /// The response code, or `silence`.
    pub(crate) code: String,
    /// The header's flags, like `qr rd ra`.
    pub(crate) flags: String,
    /// The records of the answer: name, time to live, class, type and data, each apart by one space.
    pub(crate) answer: Vec<String>,
    /// All that dig printed.
    pub(crate) whole: String,
}

/// Asks with dig, once.
pub(crate) fn dig(lab: &Lab, host: &str, server: &str, words: &[&str]) -> anyhow::Result<Told> {
    let server = format!("@{server}");
    let usual = ["dig", "+time=8", "+tries=1", &server];
    let output = lab.host(host).run(&[&usual[..], words].concat())?;
    let whole = text(&output.stdout);
    if output.status.code() == Some(9) {
        let (code, flags) = ("silence".to_owned(), String::new());
        return Ok(Told { code, flags, answer: Vec::new(), whole });
    }
    ensure!(output.status.success(), "{}", describe(&output));
    let after = |mark: &str, end: char| {
        let rest = whole.split_once(mark).map(|(_, rest)| rest)?;
        rest.split_once(end).map(|(found, _)| found.trim().to_owned())
    };
    let code = after("status: ", ',').with_context(|| whole.clone())?;
    let flags = after(";; flags: ", ';').with_context(|| whole.clone())?;
    let section = whole.split_once(";; ANSWER SECTION:\n").map_or("", |(_, rest)| rest);
    let records = section.lines().take_while(|line| !line.is_empty());
    let answer =
        records.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    Ok(Told { code, flags, answer, whole })
}

impl Told {
    /// The data of the answer's records, without name, time to live, class and type.
    pub(crate) fn data(&self) -> Vec<&str> {
        self.answer.iter().filter_map(|record| record.splitn(5, ' ').nth(4)).collect()
    }

    /// Fails unless this is what was told.
    pub(crate) fn is(&self, code: &str, data: &[&str]) -> anyhow::Result<()> {
        let (mut told, mut wanted) = (self.data(), data.to_vec());
        told.sort_unstable();
        wanted.sort_unstable();
        ensure!(self.code == code && told == wanted, "not {code} {data:?} but {self:#?}");
        Ok(())
    }
}

/// A short question for addresses that has to be answered like this.
pub(crate) fn ensure_told(
    lab: &Lab,
    (host, server): (&str, &str),
    words: &[&str],
    (code, data): (&str, &[&str]),
) -> anyhow::Result<()> {
    dig(lab, host, server, words)?
        .is(code, data)
        .with_context(|| format!("{host} asks {server} for {words:?}"))
}

/// How often something happened, by the daemon's own count.
pub(crate) fn count(lab: &Lab, reason: &str) -> anyhow::Result<u64> {
    let output = lab.sekisho(&["names", "--format", "json"])?;
    ensure!(output.status.success(), "{}", describe(&output));
    let status: sekisho_control::NamesStatus = serde_json::from_slice(&output.stdout)?;
    Ok(status.counts.get(reason).copied().unwrap_or(0))
}
