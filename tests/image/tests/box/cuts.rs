//! The power is cut in the middle of writes, at moments that are the same in no two runs.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use sekisho_image_tests::{Cache, Machine, check_data};
use sekisho_lab::PROFILE;

use crate::bench::{
    self, BOOT, CARRIER, COMMAND, FIRST_SCREEN, Stage, file, from, settings, wait_for_carrier,
};

const CUTS: u32 = 20;
/// Of these, those that are followed by a whole start.
const STARTS: u32 = 3;
/// Longest time that writes go on before the cut.
const LONGEST: Duration = Duration::from_secs(8);

/// After each cut the file system is whole, with no more than its journal to replay, and the design that is kept can be read; after some of them the box starts, has
/// its design and key, and carries.
pub(crate) fn power_cuts_leave_a_whole_state() -> anyhow::Result<()> {
    let (stem, stick) = (file("cut-stem.qcow2"), file("stick.qcow2"));
    from(Stage::Service, |bench| {
        bench.machine.off();
        fs::copy(file("box.qcow2"), &stem)?;
        for number in 0..CUTS {
            let disk = file("cut.qcow2");
            let mut settings = settings("cut", &disk);
            settings.cache = Cache::Flushed;
            settings.stick = Some(file("cut-stick.qcow2"));
            let moment = moment(LONGEST)?;
            let context = || format!("cut {number}, after {moment:?} of writes");
            fs::copy(&stem, &disk)?;
            fs::copy(&stick, file("cut-stick.qcow2"))?;
            bench.with_machine(&settings, |machine, _| {
                machine.monitor.load(Stage::Service.snapshot())?;
                write_and_cut(machine, moment)
            })?;
            let state = file("cut-state");
            check_data(&disk, "/lib/sekisho", &state).with_context(context)?;
            println!("{}: {}", context(), kept(&state.join("sekisho")).with_context(context)?);
            if number % (CUTS / STARTS) == 0 {
                let replaced =
                    bench.replaced(&settings, |machine, lab| start_after_cut(machine, lab));
                replaced.with_context(context)?;
            }
        }
        Ok(())
    })?;
    fs::remove_file(stem)?;
    Ok(())
}

/// Applies follow each other, and files are written beside them.
fn write_and_cut(machine: &mut Machine, moment: Duration) -> anyhow::Result<()> {
    machine.shell.wait(COMMAND)?;
    machine.shell.must(
        "mkdir -p /run/stick && mount -o ro /dev/disk/by-label/SITE /run/stick && \
         cp /run/stick/*.toml /run/ && umount /run/stick",
        COMMAND,
    )?;
    let applies = r#"(i=0; while :; do i=$((i + 1)); sed "0,/^name = /s/^name = .*/name = \"N$i\"/" /run/site.toml >/run/next.toml; sekisho apply --site /run/next.toml --profile /run/platform-profile.toml; done >/dev/null 2>&1 &)"#;
    let writes =
        "(while :; do head -c 300k /dev/urandom >/var/cut-test; sync; done >/dev/null 2>&1 &)";
    machine.shell.must(applies, COMMAND)?;
    machine.shell.must(writes, COMMAND)?;
    thread::sleep(moment);
    Ok(())
}

fn start_after_cut(machine: &mut Machine, lab: &sekisho_lab::Lab) -> anyhow::Result<()> {
    machine.console.expect(FIRST_SCREEN, BOOT)?;
    machine.shell.wait(BOOT)?;
    let data = machine.shell.must("cat /run/sekisho-box/data", COMMAND)?;
    ensure!(data == "ok", "{data}");
    wait_for_carrier(&mut machine.shell, CARRIER)?;
    bench::traffic(lab)
}

/// Which generation is kept; its design has to be whole and its profile signed.
fn kept(state: &Path) -> anyhow::Result<String> {
    let kept = fs::read_link(state.join("in-force")).context("nothing is in force")?;
    let folder = state.join(&kept);
    fs::copy(folder.join("profile.toml"), folder.join(PROFILE))?;
    sekisho_lab::read(&folder)?;
    Ok(kept.display().to_string())
}

/// A moment up to the longest, from the clock's lowest digits.
pub(crate) fn moment(longest: Duration) -> anyhow::Result<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(longest.mul_f64(f64::from(now.subsec_nanos() / 1009 % 10_000) / 10_000.0))
}
