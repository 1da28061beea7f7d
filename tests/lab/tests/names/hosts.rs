//! Method (c): hosts files for terminals.

use std::{fs, process::Output};

use anyhow::ensure;
use sekisho_lab::{Lab, describe, text};

use crate::peers::{OPERATOR, Site};

const NAMES: &str = r#"
[names]
method = "hosts"

[[names.entry]]
name = "counter.office.example"
addresses = ["192.168.1.100"]
interfaces = ["head-office"]

[[names.entry]]
name = "portal.office.example"
alias = "web.platform.example"
"#;

pub(crate) fn a_hosts_file_has_what_terminals_need() -> anyhow::Result<()> {
    let site = Site::with("1-office", NAMES)?;
    let (lab, _servers) = site.lab()?;
    let own = export(&lab, &site, &["--lan", "head-office"])?;
    let own = text(&own);
    ensure!(own.lines().any(|line| line == "192.168.1.100\tcounter.office.example"), "{own}");
    ensure!(!own.contains("100.72.1.10"), "nobody was asked: {own}");

    // With the platform's own zone data, through the tunnel: names of aliases, too.
    let whole = text(&export(&lab, &site, &["--lan", "head-office", "--resolve"])?);
    for line in ["100.72.1.10\tweb.platform.example", "100.72.1.10\tportal.office.example"] {
        ensure!(whole.lines().any(|found| found == line), "no {line}: {whole}");
    }
    ensure!(
        !whole.contains("192.168.1.10\trebind"),
        "an office address from the platform: {whole}"
    );
    let again = text(&export(&lab, &site, &["--lan", "head-office", "--resolve"])?);
    let undated = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    ensure!(undated(&whole) == undated(&again), "{whole}\n{again}");

    // A real program takes it.
    fs::write("/run/hosts", &whole)?;
    let script = "mount --bind /run/hosts /etc/hosts && exec curl -sS --max-time 8 http://web.platform.example/";
    let page = lab.host("terminal").must(&["unshare", "--mount", "sh", "-c", script])?;
    ensure!(page.contains("100.64.10.30"), "{page}");

    // For Windows of old: CP932, lines with carriage returns.
    let old = export(&lab, &site, &["--lan", "head-office", "--encoding", "cp932"])?;
    ensure!(old.windows(2).any(|pair| pair == b"\r\n") && String::from_utf8(old).is_err());
    // LANs that differ have no file in common.
    let both = run(&lab, &site, &[])?;
    ensure!(both.status.code() == Some(2), "{}", describe(&both));
    ensure!(text(&both.stderr).contains("--lan"), "{}", describe(&both));
    Ok(())
}

fn run(lab: &Lab, site: &Site, more: &[&str]) -> anyhow::Result<Output> {
    let (design, profile) = (site.design(), site.profile());
    let files = ["--site", &design, "--profile", &profile, "--operator-key", OPERATOR];
    lab.sekisho(&[&["export", "hosts"], &files[..], more].concat())
}

fn export(lab: &Lab, site: &Site, more: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = run(lab, site, more)?;
    ensure!(output.status.success(), "{}", describe(&output));
    Ok(output.stdout)
}
