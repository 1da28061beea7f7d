//! The box in service.

use std::{thread, time::Duration};

use anyhow::{Context, ensure};
use sekisho_lab::PROFILE;

use crate::bench::{COMMAND, Stage, from};

/// How long the idle box is watched.
const WATCHED: Duration = Duration::from_mins(10);
/// Most that it may write an hour, in megabytes: 1 GB in two days, which a small flash disk bears for decades.
const AN_HOUR: u64 = 20;
/// Bytes of a sector as `/sys/block/*/stat` counts them.
const SECTOR: u64 = 512;

pub(crate) fn an_idle_box_writes_little() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        // What the start left behind goes first.
        bench.machine.shell.must("sync", COMMAND)?;
        let mut written = || -> anyhow::Result<u64> {
            let line = bench.machine.shell.must("cat /sys/block/sda/stat", COMMAND)?;
            let sectors = line.split_whitespace().nth(6).context("a short line")?;
            Ok(sectors.parse::<u64>()? * SECTOR)
        };
        let before = written()?;
        thread::sleep(WATCHED);
        let hour = (written()? - before) * 3600 / WATCHED.as_secs() / 1000;
        println!("writes of the idle box: {hour} kB an hour");
        ensure!(hour / 1000 <= AN_HOUR, "{hour} kB an hour, more than {AN_HOUR} MB");
        Ok(())
    })
}

pub(crate) fn speed_and_duplex_are_fixed() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let shell = &mut bench.machine.shell;
        shell.must(
            "mkdir -p /run/stick && mount -o ro /dev/disk/by-label/SITE /run/stick",
            COMMAND,
        )?;
        let edit = "sed 's/^port = \"port3\"$/&\\nspeed = \"100M\"\\nduplex = \"full\"/' \
            /run/stick/site.toml >/run/fixed.toml";
        shell.must(edit, COMMAND)?;
        shell.must("grep -q duplex /run/fixed.toml", COMMAND)?;
        let apply = format!("sekisho apply --site /run/fixed.toml --profile /run/stick/{PROFILE}");
        shell.must(&apply, 2 * COMMAND)?;
        let read = "cat /sys/class/net/port3/speed /sys/class/net/port3/duplex";
        let seen = shell.must(read, COMMAND)?;
        ensure!(seen == "100\nfull", "port3 is at {seen}");
        bench.traffic()
    })
}
