//! `sekisho plan` on a device: what changes in the design, as sentences, and the kernel's steps on request.

use std::fs;

use anyhow::{Context, ensure};
use sekisho_control::Plan;
use sekisho_lab::{Extent, Lab, PROFILE, describe, sample, text};

fn plan(lab: &Lab, site: &str, more: &[&str]) -> anyhow::Result<String> {
    let output = lab.sekisho(&[&["plan", "--site", site], more].concat())?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(text(&output.stdout))
}

pub(crate) fn is_the_difference_of_two_designs() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let file = lab.site().join("site.toml");
    let same = file.to_string_lossy();
    let profile = lab.site().join(PROFILE);
    let profile = profile.to_string_lossy();
    let said = plan(&lab, &same, &["--profile", &profile, "--lang", "en"])?;
    ensure!(said.contains("No design is in force yet"), "{said}");
    lab.apply(lab.site())?;

    for (language, empty) in [
        ("ja", "変更はありません。この設計はすでに働いています。"),
        ("en", "Nothing would change: this design is in force already."),
    ] {
        for more in [&["--lang", language][..], &["--lang", language, "--steps"]] {
            let said = plan(&lab, &same, more)?;
            ensure!(said.trim() == empty, "{said}");
        }
    }
    let of_same: Plan = serde_json::from_str(&plan(&lab, &same, &["--format", "json"])?)?;
    ensure!(of_same.changes == Some(Vec::new()) && of_same.steps.is_empty(), "{of_same:?}");

    let changed = lab.logs().join("changed.toml");
    let site = fs::read_to_string(&file)?;
    ensure!(site.contains("100.64.10.12"));
    fs::write(&changed, site.replace("100.64.10.12", "100.64.10.13"))?;
    let changed = changed.to_string_lossy();
    let cases = [
        (
            "ja",
            "サーバ「atena」：グローバルアドレスが 100.64.10.12 から 100.64.10.13 に変わります。",
            "パケットフィルタを変えます（",
        ),
        (
            "en",
            "Server 'atena': the global address changes from 100.64.10.12 to 100.64.10.13.",
            "change the packet filter: ",
        ),
    ];
    for (language, sentence, step) in cases {
        let short = plan(&lab, &changed, &["--lang", language])?;
        ensure!(short.starts_with(sentence) && !short.contains(step), "{short}");
        ensure!(short.contains("--steps"), "{short}");
        let long = plan(&lab, &changed, &["--lang", language, "--steps"])?;
        ensure!(long.starts_with(sentence) && long.contains(step), "{long}");
    }
    let both: Plan = serde_json::from_str(&plan(&lab, &changed, &["--format", "json"])?)?;
    let found = both.changes.context("a design is in force")?;
    ensure!(found.len() == 1 && found[0].path == "server.atena.global", "{found:?}");
    ensure!(both.steps.len() == 1 && both.steps[0].sentence.ja.contains("パケットフィルタ"));

    // The same design, but not the same kernel.
    lab.host("gateway").must(&["ip", "rule", "del", "fwmark", "1"])?;
    let said = plan(&lab, &same, &["--lang", "en", "--steps"])?;
    ensure!(said.contains("The design doesn't change, but the kernel"), "{said}");
    ensure!(said.contains("add rule 8301: mark 1 uses table 101"), "{said}");
    Ok(())
}
