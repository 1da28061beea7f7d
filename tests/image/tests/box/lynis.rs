//! What Lynis, an audit of general servers, counts on the box; `docs/hardening.md` says what it misses.

use std::{process::Command, time::Duration};

use anyhow::{Context, ensure};
use sekisho_image_tests::{Machine, image, overlay, stick};

use crate::bench::{self, BOOT, COMMAND, fresh_file, settings};

/// Lowest index of hardening.
const INDEX: u32 = 80;
/// How long the audit may take under emulation.
const AUDIT: Duration = Duration::from_mins(25);
/// The box has none of it: the files come by stick, and nothing of them stays.
const FILES: [&str; 3] = ["usr/share/lynis", "usr/sbin/lynis", "etc/lynis"];

pub(crate) fn lynis_counts_enough() -> anyhow::Result<()> {
    bench::clear();
    let archive = fresh_file("lynis.tar")?;
    let mut packing = Command::new("tar");
    packing.arg("-chf").arg(&archive).args(["-C", "/"]).args(FILES);
    let packed = packing.output().context("start tar")?;
    ensure!(packed.status.success(), "Lynis isn't here: {packed:?}. Run tests/setup.sh machine");
    let (disk, site) = (fresh_file("lynis.qcow2")?, fresh_file("lynis-stick.qcow2")?);
    overlay(&image()?, &disk)?;
    stick(&[archive], &site)?;
    let mut settings = settings("lynis", &disk);
    settings.stick = Some(site);
    let mut machine = Machine::build(&settings)?;
    machine.monitor.run()?;
    let shell = &mut machine.shell;
    shell.wait(BOOT)?;
    let unpack = "mkdir -p /run/lynis /run/stick && mount -o ro /dev/disk/by-label/SITE /run/stick && \
        tar -xf /run/stick/lynis.tar -C /run/lynis --no-same-owner";
    shell.must(unpack, COMMAND)?;
    shell.must(
        "cd /run/lynis/usr/share/lynis && mkdir plugins && cp /run/lynis/usr/sbin/lynis .",
        COMMAND,
    )?;
    let audit = "sh ./lynis audit system --quick --no-colors --profile /run/lynis/etc/lynis/default.prf \
        --plugindir plugins --logfile /run/lynis.log --report-file /run/lynis.dat >/run/lynis.out";
    shell.run(audit, AUDIT)?;
    let said = shell.must("grep -a 'Hardening index' /run/lynis.out", COMMAND)?;
    let asks = shell.must("grep -aE '^(suggestion|warning)' /run/lynis.dat", COMMAND)?;
    let index = said.split(':').nth(1).and_then(|rest| rest.split_whitespace().next());
    let index: u32 = index.with_context(|| said.clone())?.parse()?;
    println!("Lynis: {index}\n{asks}");
    ensure!(index >= INDEX, "Lynis counts {index}, less than {INDEX}");
    Ok(())
}
