//! Starts, and how long they take.

use std::time::{Duration, Instant};

use anyhow::ensure;
use sekisho_image_tests::{Firmware, Machine, bare_image, copy_at, image, overlay};

use crate::bench::{self, BOOT, FIRST_SCREEN, Stage, fresh_file, from, settings, status};

/// Longest time from power-on to the tunnel, in times of a bare Debian's to its login.
const RATIO: f64 = 1.25;

pub(crate) fn boots_by_uefi() -> anyhow::Result<()> {
    bench::clear();
    let disk = fresh_file("uefi.qcow2")?;
    overlay(&image()?, &disk)?;
    let mut settings = settings("uefi", &disk);
    settings.firmware = Firmware::Uefi;
    let mut machine = Machine::build(&settings)?;
    machine.monitor.run()?;
    machine.console.expect(FIRST_SCREEN, BOOT)?;
    machine.shell.wait(BOOT)?;
    machine.shell.must("test -d /sys/firmware/efi", bench::COMMAND)?;
    let status = status(&mut machine.shell)?;
    ensure!(status["phase"]["name"] == "closed", "{status}");
    Ok(())
}

/// The median of three starts each, in turn, from power-on: the box until a terminal reaches the platform through its tunnel, the
/// bare Debian to its login.
pub(crate) fn up_nearly_as_fast_as_a_bare_debian() -> anyhow::Result<()> {
    let bare = bare_image()?;
    from(Stage::Service, |bench| {
        let (mut box_times, mut bare_times) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let disk = fresh_file("bare.qcow2")?;
            overlay(&bare, &disk)?;
            let start = Instant::now();
            bench.replaced(&settings("bare", &disk), |machine, _| {
                machine.console.expect("login: ", BOOT)?;
                bare_times.push(start.elapsed());
                Ok(())
            })?;

            let disk = fresh_file("start.qcow2")?;
            copy_at(Stage::Service.snapshot(), &bench::file("box.qcow2"), &disk)?;
            let settings = settings("start", &disk);
            let start = Instant::now();
            bench.replaced(&settings, |_, lab| {
                // From outside: asking the box itself would cost it time, and tell in steps of seconds.
                bench::wait_for_traffic(lab, BOOT)?;
                box_times.push(start.elapsed());
                Ok(())
            })?;
        }
        let (up, login) = (median(box_times), median(bare_times));
        let ratio = up.as_secs_f64() / login.as_secs_f64();
        println!("tunnel after {up:.0?}, a bare Debian's login after {login:.0?}: {ratio:.2}");
        ensure!(ratio <= RATIO, "{ratio:.2} times a bare Debian, more than {RATIO}");
        Ok(())
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
