//! What the device tells of names: `sekisho names`, traces by name, the log of queries.

use std::{fs, os::unix::fs::PermissionsExt as _};

use anyhow::{Context, ensure};
use sekisho_lab::{Lab, describe, text};

use crate::{
    ask::ensure_told,
    clients::NAMES,
    peers::{OPERATOR, Site},
};

const TERMINAL: (&str, &str) = ("terminal", "192.168.1.1");

fn said(lab: &Lab, words: &[&str]) -> anyhow::Result<String> {
    let output = lab.sekisho(&[words, &["--lang", "en"]].concat())?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(text(&output.stdout))
}

pub(crate) fn a_query_is_explained() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let query = |words: &[&str]| said(&lab, &[&["names", "query"], words].concat());
    let told = query(&["web.platform.example"])?;
    ensure!(told.contains("NOERROR  rule platform, from 100.72.0.53:53, "), "{told}");
    ensure!(told.contains("100.72.1.10") && told.contains(" ms"), "{told}");
    ensure!(query(&["web.platform.example"])?.contains("from cache"));
    ensure!(query(&["counter.office.example"])?.contains("rule static, from static"));
    let other = query(&["--lan", "education-board", "counter.office.example"])?;
    ensure!(other.contains("REFUSED"), "{other}");
    let back = query(&["--type", "PTR", "100.72.1.10"])?;
    ensure!(back.contains("web.platform.example."), "{back}");

    let status = said(&lab, &["names"])?;
    for words in ["(a) clients ask the device", "platform.example", "100.72.0.53:53", "cache     "]
    {
        ensure!(status.contains(words), "{words}: {status}");
    }
    for words in [&["names", "query", "a..b"][..], &["names", "query", "--type", "NONSENSE", "a.b"]]
    {
        let output = lab.sekisho(words)?;
        ensure!(output.status.code() == Some(2), "{}", describe(&output));
    }
    Ok(())
}

pub(crate) fn a_trace_takes_names() -> anyhow::Result<()> {
    let site = Site::with("1-office", NAMES)?;
    let (lab, _servers) = site.lab()?;
    let live = said(
        &lab,
        &["trace", "--live", "--from", "192.168.1.100", "--to", "web.platform.example:443/tcp"],
    )?;
    ensure!(live.contains("web.platform.example is 100.72.1.10"), "{live}");
    let (design, profile) = (site.design(), site.profile());
    let files = ["--site", &design, "--profile", &profile, "--operator-key", OPERATOR];
    let desk = ["trace", "--from", "192.168.1.10", "--to", "counter.office.example:80/tcp"];
    let desk = said(&lab, &[&desk[..], &files].concat())?;
    ensure!(desk.contains("counter.office.example is 192.168.1.100"), "{desk}");
    let unknown = ["trace", "--from", "192.168.1.10", "--to", "web.platform.example:80/tcp"];
    let output = lab.sekisho(&[&unknown[..], &files].concat())?;
    ensure!(output.status.code() == Some(2), "{}", describe(&output));
    ensure!(text(&output.stderr).contains("--live"), "{}", describe(&output));
    Ok(())
}

/// Off unless the design wants it; then for its administrator's eyes only.
pub(crate) fn queries_are_logged_where_the_design_says_so() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let folder = lab.logs().join("state/queries");
    ensure_told(&lab, TERMINAL, &["web.platform.example"], ("NOERROR", &["100.72.1.10"]))?;
    ensure!(!folder.exists(), "queries are logged although nobody wants it");

    let logged = NAMES.replace("rewrite-own = true", "query-log-days = 2");
    lab.apply(&Site::with("1-office", &logged)?.0)?;
    fs::create_dir_all(&folder)?;
    let old = folder.join("2020-01-01.log");
    fs::write(&old, "long ago\n")?;
    ensure_told(&lab, TERMINAL, &["web.platform.example"], ("NOERROR", &["100.72.1.10"]))?;
    let found = sekisho_lab::wait_until(crate::peers::CARRIER, || {
        files(&folder)
            .is_ok_and(|files| files.iter().any(|(_, text, _)| text.contains("192.168.1.100")))
    });
    let files = files(&folder)?;
    ensure!(found, "{files:?}");
    let (_, log, mode) = files
        .iter()
        .find(|(_, text, _)| text.contains("web.platform.example"))
        .context("no line")?;
    ensure!(log.contains("NOERROR") && mode & 0o777 == 0o600, "{mode:o}: {log}");
    ensure!(!old.exists(), "what is older than two days is still there");
    Ok(())
}

fn files(folder: &std::path::Path) -> anyhow::Result<Vec<(String, String, u32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        found.push((
            name,
            fs::read_to_string(entry.path())?,
            entry.metadata()?.permissions().mode(),
        ));
    }
    Ok(found)
}
