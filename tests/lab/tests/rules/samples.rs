//! Every sample: the same after a second apply, and as its golden text says.

use std::{fs, net::Ipv4Addr, path::Path};

use anyhow::{Context, ensure};
use sekisho_lab::{Extent, Lab, PLATFORM_WEB, samples};
use smoltcp::wire::TcpControl;

use crate::{
    FAR, HTTP,
    raw::{self, Flow},
    refused,
};

/// Everything of the device that a design governs, counters left out.
fn kernel_state(lab: &Lab) -> anyhow::Result<[String; 4]> {
    let gateway = lab.host("gateway");
    let ruleset = gateway.must(&["nft", "-s", "list", "ruleset"])?;
    let addresses = gateway.must(&["ip", "-4", "address"])?;
    let routes = gateway.must(&["ip", "route", "show", "table", "all"])?;
    let rules = gateway.must(&["ip", "rule"])?;
    Ok([ruleset, addresses, routes, rules])
}

pub(crate) fn applying_twice_changes_nothing() -> anyhow::Result<()> {
    for site in samples()? {
        let lab = Lab::up(&site, Extent::Daemon)?;
        lab.apply(&site)?;
        let before = kernel_state(&lab)?;
        let flow = Flow { from: Ipv4Addr::new(10, 9, 9, 9), to: PLATFORM_WEB, port: HTTP };
        raw::send(&lab, "terminal", PLATFORM_WEB, &vec![flow.tcp(TcpControl::Syn, FAR); 5])?;
        let counted = refused(&lab)?;
        lab.apply(&site)?;
        let after = kernel_state(&lab)?;
        ensure!(before == after, "{} isn't the same after the second apply", site.display());
        for (rule, packets) in counted {
            let now = refused(&lab)?.get(&rule).copied();
            ensure!(now >= Some(packets), "{rule} went from {packets} to {now:?}");
        }
    }
    Ok(())
}

pub(crate) fn every_sample_makes_its_golden_ruleset() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut differing = Vec::new();
    for site in samples()? {
        let lab = Lab::up(&site, Extent::Daemon)?;
        lab.apply(&site)?;
        let list = ["nft", "-s", "-p", "list", "table", "inet", "sekisho"];
        let ruleset = lab.host("gateway").must(&list)?;
        let name =
            site.file_name().and_then(|name| name.to_str()).context("a sample without a name")?;
        let golden = folder.join(format!("{name}.nft"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &ruleset)?;
        }
        // Each release of nft has its own way to write the same rules, so this one shall write both.
        let golden = golden.to_str().context("a path that isn't UTF-8")?;
        lab.host("clerk").must(&["nft", "-f", golden])?;
        if lab.host("clerk").must(&list)? != ruleset {
            differing.push(name.to_owned());
        }
    }
    ensure!(
        differing.is_empty(),
        "rulesets differ from tests/lab/golden: {differing:?}; BLESS=1 rewrites them"
    );
    Ok(())
}
