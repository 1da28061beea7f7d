//! What breaks in the field: the disk, the battery, the software as a whole.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use sekisho_image_tests::{NICS, copy_at};
use serde_json::Value;

use crate::bench::{
    self, BOOT, CARRIER, COMMAND, FIRST_SCREEN, Stage, fresh_file, from, settings, status,
    wait_for_carrier,
};
use crate::{chatter::Chatter, quick};

/// How long the watchdog waits (20 s), and some.
const WATCHDOG: Duration = Duration::from_mins(2);
/// How long the daemon may take to notice a full disk.
const NOTICED: Duration = Duration::from_mins(3);

/// Nothing more can be kept: the tunnel and all traffic go on, and the status says so (R46). With room again a design can be
/// applied.
pub(crate) fn a_full_disk_stops_nothing() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let shell = &mut bench.machine.shell;
        let (code, said) =
            shell.run("dd if=/dev/zero of=/var/fill bs=1M; sync", Duration::from_mins(5))?;
        ensure!(said.contains("No space left"), "{code}: {said}");
        let end = Instant::now() + NOTICED;
        let mut told = false;
        while !told && Instant::now() < end {
            thread::sleep(Duration::from_secs(5));
            let status = status(shell)?;
            let alarm = |reading: &Value| reading["of"] == "room" && reading["alarm"] == true;
            let health = status["health"].as_array().map_or(&[][..], Vec::as_slice);
            told = status["storage"].is_object() || health.iter().any(alarm);
        }
        ensure!(told, "after {NOTICED:?} the status doesn't tell of the full disk");
        wait_for_carrier(shell, CARRIER)?;
        bench.traffic()?;
        bench.machine.shell.must("rm /var/fill && sync", COMMAND)?;
        bench::apply_by_shell(&mut bench.machine.shell)?;
        bench.traffic()
    })
}

/// The first process stops: nobody feeds the watchdog, and the board starts the box again by itself (R60).
pub(crate) fn a_hang_ends_by_the_watchdog() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        bench.machine.monitor.forget();
        // No signal reaches process 1; the freezer of its control group does.
        let freeze = "echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze";
        bench.machine.shell.must(freeze, COMMAND)?;
        bench.machine.monitor.wait_for("WATCHDOG", WATCHDOG)?;
        comes_back(bench)
    })
}

/// The kernel gives up: the box starts again by itself.
pub(crate) fn a_panic_ends_by_a_restart() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        bench.machine.monitor.forget();
        let panic = "(sleep 1; echo c >/proc/sysrq-trigger) &";
        bench.machine.shell.must(&format!("{panic} true"), COMMAND)?;
        bench.machine.monitor.wait_for("RESET", WATCHDOG)?;
        comes_back(bench)
    })
}

fn comes_back(bench: &mut bench::Bench) -> anyhow::Result<()> {
    bench.machine.console.skip();
    bench.machine.console.expect(FIRST_SCREEN, BOOT)?;
    bench.machine.shell.wait(BOOT)?;
    wait_for_carrier(&mut bench.machine.shell, CARRIER)?;
    bench.traffic()
}

/// Without the battery the clock says 2010 at power-on. The far ends have heard the box in the present, and take nothing
/// older; the tunnel comes up all the same (R62).
pub(crate) fn a_dead_battery_stops_nothing() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let disk = fresh_file("battery.qcow2")?;
        copy_at(Stage::Service.snapshot(), &bench::file("box.qcow2"), &disk)?;
        // A machine of its own, on the same wires: the shared one stands still meanwhile.
        let mut settings = settings("battery", &disk);
        settings.clock = Some("2010-01-01T00:00:00");
        bench.replaced(&settings, |machine, lab| {
            machine.console.expect(FIRST_SCREEN, BOOT)?;
            machine.shell.wait(BOOT)?;
            wait_for_carrier(&mut machine.shell, CARRIER)?;
            bench::traffic(lab)
        })
    })
}

/// The daemon can't start: from power-on to the first screen and after, the box is as silent as one without a design, though it
/// had one, and the console still serves.
pub(crate) fn a_daemon_that_never_starts_leaves_it_closed() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let shell = &mut bench.machine.shell;
        // A file where the daemon's folder should be.
        let spoil =
            "systemctl stop sekishod && rm -rf /var/lib/sekisho && touch /var/lib/sekisho && sync";
        shell.must(spoil, COMMAND)?;
        let mut settings = settings("closed", &bench::file("box.qcow2"));
        settings.stick = None;
        let taps = bench.taps.clone();
        bench.with_machine(&settings, |machine, lab| {
            let captures = bench::record(lab, &taps)?;
            let chatter = Chatter::towards_the_box(lab)?;
            machine.monitor.run()?;
            machine.console.expect(FIRST_SCREEN, BOOT)?;
            machine.shell.wait(BOOT)?;
            thread::sleep(Duration::from_secs(10));
            chatter.stop();
            let (code, _) = machine.shell.run("systemctl is-active sekishod", COMMAND)?;
            ensure!(code != 0, "the daemon runs all the same");
            quick::silent(&bench::stop(captures)?, lab)
        })
    })
}

/// A data partition that nothing can be read from: the box comes up closed, and says why.
pub(crate) fn a_dead_data_partition_keeps_it_closed() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let destroy =
            "dd if=/dev/urandom of=/dev/disk/by-partlabel/data bs=4M oflag=direct conv=notrunc";
        bench.machine.shell.run(destroy, Duration::from_mins(10))?;
        bench.machine.console.skip();
        bench.machine.monitor.reset()?;
        // The firmware is at work now, and sends nothing.
        let captures = bench::record(&bench.lab, &bench.taps)?;
        bench.machine.console.expect("The data partition is dead", BOOT)?;
        bench.machine.console.expect(FIRST_SCREEN, BOOT)?;
        bench.machine.shell.wait(BOOT)?;
        let data = bench.machine.shell.must("cat /run/sekisho-box/data", COMMAND)?;
        ensure!(data.starts_with("memory: "), "{data}");
        let status = status(&mut bench.machine.shell)?;
        ensure!(status["phase"]["name"] == "closed", "{status}");
        let recordings = bench::stop(captures)?;
        for (port, card) in ["port1", "port2", "port3"].into_iter().zip(NICS) {
            let said = recordings[port].matching(&format!("ether src {card}"))?;
            ensure!(said.is_empty(), "{port} said {} packets: {}", said.len(), said[0]);
        }
        Ok(())
    })
}
