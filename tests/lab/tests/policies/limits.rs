//! What one host may have (R37 R64).

use std::time::{Duration, Instant};

use anyhow::ensure;
use sekisho_lab::PLATFORM_WEB;

use crate::{HTTP, connect, lab, refused_by};

pub(crate) fn a_source_has_only_so_many_connections() -> anyhow::Result<()> {
    let lab = lab(|site| site + "\n[limits]\nconnections = 5\nnew-per-second = 50\n")?;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(connect(&lab, "terminal", PLATFORM_WEB, HTTP)??);
    }
    let rule = refused_by(&lab, "terminal", PLATFORM_WEB, HTTP)?;
    ensure!(rule == "head-office/too-many-connections", "{rule}");
    // Others have their own.
    drop(connect(&lab, "juki", PLATFORM_WEB, HTTP)??);
    drop(held);

    let mut opened = 0;
    let start = Instant::now();
    let refused = loop {
        let attempt = connect(&lab, "school", PLATFORM_WEB, HTTP)?;
        match attempt {
            Ok(_) => opened += 1,
            Err(_) => break start.elapsed(),
        }
        ensure!(opened < 10_000, "a source opens what it likes");
    };
    // Connections that end are no longer counted, but how often they are opened is, or those that linger.
    ensure!(opened >= 5, "only {opened} connections in {refused:?}");
    Ok(())
}

pub(crate) fn a_capped_host_gets_no_more() -> anyhow::Result<()> {
    let lab =
        lab(|site| site.replace("name = \"counter\"\n", "name = \"counter\"\ncap = \"2M\"\n"))?;
    let takes = |host: &str, bytes: u32| -> anyhow::Result<Duration> {
        let url = format!("http://{PLATFORM_WEB}/bytes/{bytes}");
        let start = Instant::now();
        let words = ["curl", "-sS", "--max-time", "30", "-o", "/dev/null", &url];
        lab.host(host).must(&words)?;
        Ok(start.elapsed())
    };
    // 2 Mbit/s are 250 KB a second; a second's worth and a tenth comes at once.
    let (capped, free) = (takes("terminal", 1_000_000)?, takes("juki", 1_000_000)?);
    let within = Duration::from_millis(2_500)..Duration::from_secs(20);
    ensure!(within.contains(&capped), "1 MB took {capped:?}");
    ensure!(free < capped / 2, "a server without a cap took {free:?}, the capped one {capped:?}");
    Ok(())
}
