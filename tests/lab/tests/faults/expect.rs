//! How `sekisho` has to fail: exit code, JSON value and sentences for people.

use std::fs;

use anyhow::{Context, ensure};
use sekisho_control::{Failure, FailureKind, Phase};
use sekisho_lab::{Lab, PLATFORM_WEB, PROFILE, describe, text};

use crate::files::Site;

/// A failure as it has to be.
pub(crate) struct Expected<'a> {
    pub(crate) code: i32,
    pub(crate) kind: FailureKind,
    /// Part of the message, or the code of a problem.
    pub(crate) says: &'a str,
    /// Part of the way out; empty where the message or the problems have it.
    pub(crate) way_out: &'a str,
}

impl<'a> Expected<'a> {
    pub(crate) fn refused(code: &'a str) -> Self {
        Self { code: 1, kind: FailureKind::Refused, says: code, way_out: "" }
    }

    pub(crate) fn rolled_back(says: &'a str, way_out: &'a str) -> Self {
        Self { code: 4, kind: FailureKind::RolledBack, says, way_out }
    }

    pub(crate) fn device(says: &'a str, way_out: &'a str) -> Self {
        Self { code: 4, kind: FailureKind::Device, says, way_out }
    }

    /// Runs the command twice, for programs and for people.
    pub(crate) fn of(&self, lab: &Lab, words: &[&str]) -> anyhow::Result<Failure> {
        let failure = self.json(lab, words)?;
        let output = lab.sekisho(&[words, &["--lang", "en"]].concat())?;
        let shown = describe(&output);
        ensure!(output.status.code() == Some(self.code), "{shown}");
        ensure!(output.stdout.is_empty(), "errors belong to standard error: {shown}");
        let said = text(&output.stderr);
        ensure!(said.contains(&failure.message), "not '{}': {shown}", failure.message);
        let way_out = failure.way_out.iter().map(String::as_str);
        let mends = failure.problems.iter().map(|problem| &*problem.mend.en);
        for words in way_out.chain(mends) {
            ensure!(said.contains(words), "not '{words}': {shown}");
        }
        Ok(failure)
    }

    /// Runs the command for programs only.
    pub(crate) fn json(&self, lab: &Lab, words: &[&str]) -> anyhow::Result<Failure> {
        let output = lab.sekisho(&[words, &["--format", "json"]].concat())?;
        let shown = describe(&output);
        ensure!(output.status.code() == Some(self.code), "exit code {}: {shown}", self.code);
        ensure!(output.stderr.is_empty(), "JSON belongs to standard output: {shown}");
        let failure: Failure =
            serde_json::from_slice(&output.stdout).with_context(|| shown.clone())?;
        ensure!(failure.kind == self.kind, "{:?}: {shown}", self.kind);
        let problem = failure.problems.iter().any(|problem| problem.code == self.says);
        ensure!(problem || failure.message.contains(self.says), "not '{}': {shown}", self.says);
        ensure!(failure.problems.is_empty() == (self.kind != FailureKind::Refused), "{shown}");
        let way_out = failure.way_out.as_deref().unwrap_or_default();
        ensure!(way_out.contains(self.way_out), "no way out '{}': {shown}", self.way_out);
        Ok(failure)
    }

    /// Applies a site.
    pub(crate) fn apply(&self, lab: &Lab, site: &Site) -> anyhow::Result<Failure> {
        let words = ["--site", &site.path("site.toml"), "--profile", &site.path(PROFILE)];
        self.of(lab, &[&["apply"][..], &words].concat())
    }
}

/// The device works: a design is in force and a terminal reaches the platform.
pub(crate) fn ensure_works(lab: &Lab) -> anyhow::Result<()> {
    let phase = lab.status()?.phase;
    ensure!(phase == Phase::InForce, "{phase:?}");
    let url = format!("http://{PLATFORM_WEB}/source");
    let seen = lab.host("terminal").must(&["curl", "-sS", "--max-time", "20", &url])?;
    let wanted = lab.addresses().host("terminal")?.global.to_string();
    ensure!(seen.trim() == wanted, "the platform saw {seen}");
    Ok(())
}

/// The design that the daemon keeps for its next start.
pub(crate) fn stored(lab: &Lab) -> anyhow::Result<[Vec<u8>; 2]> {
    let folder = lab.logs().join("state/in-force");
    Ok([fs::read(folder.join("site.toml"))?, fs::read(folder.join("profile.toml"))?])
}
