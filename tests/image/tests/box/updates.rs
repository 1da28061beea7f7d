//! Updates: tried before they stay, and gone again by themselves where they aren't as good.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sekisho_image_tests::{
    Authority, Bundle, Machine, copy_at, image, overlay, patch_boot, root, root_with, stick,
};
use sekisho_lab::Lab;
use serde_json::Value;

use crate::bench::{
    self, BOOT, CARRIER, COMMAND, FIRST_SCREEN, Stage, file, fresh_file, from, settings,
    wait_for_carrier,
};

pub(crate) const BOARD: &str = "sekisho-sg115";
/// For the installation of a whole root file system.
const INSTALLATION: Duration = Duration::from_mins(10);
/// For firmware on trial to be settled once the box is up.
const SETTLED: Duration = Duration::from_mins(8);
/// For three starts of a slot with nothing in it.
const THREE_TRIES: Duration = Duration::from_mins(3);

/// A file of bytes that no boot loader takes for a root file system.
pub(crate) fn junk() -> anyhow::Result<PathBuf> {
    let path = file("junk.img");
    fs::write(&path, vec![0x5a; 1 << 20])?;
    Ok(path)
}

/// A machine with the site in force and a stick with these updates on the shared one's wires.
pub(crate) fn with_updates(
    bundles: &[PathBuf],
    test: impl FnOnce(&mut Machine, &Lab) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let disk = fresh_file("update.qcow2")?;
        copy_at(Stage::Service.snapshot(), &file("box.qcow2"), &disk)?;
        let updates = fresh_file("update-stick.qcow2")?;
        stick(bundles, &updates)?;
        let mut settings = settings("update", &disk);
        settings.stick = Some(updates);
        bench.replaced(&settings, |machine, lab| {
            up(machine)?;
            mount(machine)?;
            test(machine, lab)
        })
    })
}

pub(crate) fn up(machine: &mut Machine) -> anyhow::Result<()> {
    machine.console.expect(FIRST_SCREEN, BOOT)?;
    machine.shell.wait(BOOT)
}

pub(crate) fn mount(machine: &mut Machine) -> anyhow::Result<()> {
    let mount = "mkdir -p /run/stick && mount -o ro /dev/disk/by-label/SITE /run/stick";
    machine.shell.must(mount, COMMAND)?;
    Ok(())
}

pub(crate) fn restart(machine: &mut Machine) -> anyhow::Result<()> {
    machine.console.skip();
    // In a while, or the shell would be gone before it says how it went.
    let later = "(sleep 2; systemctl reboot) >/dev/null 2>&1 &";
    machine.shell.must(&format!("{later} true"), COMMAND)?;
    Ok(())
}

pub(crate) fn status(machine: &mut Machine) -> anyhow::Result<Value> {
    let said = machine.shell.must("sekisho update status --format json", COMMAND)?;
    serde_json::from_str(&said).with_context(|| said.clone())
}

/// Waits until nothing is on trial any more.
pub(crate) fn settled(machine: &mut Machine) -> anyhow::Result<Value> {
    let end = Instant::now() + SETTLED;
    loop {
        let said = status(machine)?;
        if said["trial"].is_null() {
            return Ok(said);
        }
        ensure!(Instant::now() < end, "nothing is settled after {SETTLED:?}: {said}");
        thread::sleep(Duration::from_secs(5));
    }
}

pub(crate) fn install(machine: &mut Machine, words: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let said = machine.shell.must(&format!("sekisho update install {words}"), INSTALLATION)?;
    ensure!(said.contains("100%"), "no progress: {said}");
    println!("installed in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Version 0.2.0 is installed from a stick, as the manual says word by word, while the box carries; it is tried, and stays; the
/// design is in force as before.
pub(crate) fn a_good_update_stays() -> anyhow::Result<()> {
    let commands = manual()?;
    let mut bundle = commands.iter().filter_map(|command| command.split(' ').next_back());
    let bundle = bundle.find(|word| word.ends_with("-0.2.0.raucb"));
    let good = file(bundle.context("the manual names no bundle")?);
    let plain = file("good.squashfs");
    root(&plain)?;
    Bundle { root: &plain, version: "0.2.0", compatible: BOARD, keys: None, signed: None }
        .pack(&good)?;
    with_updates(&[good], |machine, lab| {
        wait_for_carrier(&mut machine.shell, CARRIER)?;
        let screen = machine.console.everything();
        let password =
            screen.split("管理者の初期パスワード：").nth(1).and_then(|rest| rest.lines().next());
        let password = password.context("the screen shows no password")?.trim().to_owned();
        log_in(machine, &password)?;
        for command in &commands[..3] {
            let begun = Instant::now();
            machine.console.settle();
            machine.console.send(command)?;
            if command.starts_with("update install") {
                machine.console.expect("次の起動で試します", INSTALLATION)?;
                println!("{command}: {:.0} s", begun.elapsed().as_secs_f64());
            }
            let end = if command == "exit" { "8 再起動" } else { "sekisho> " };
            machine.console.expect(end, 2 * COMMAND)?;
        }
        bench::traffic(lab)?;
        let said = status(machine)?;
        ensure!(said["slot"] == "A" && said["trial"]["slot"] == "B", "{said}");
        ensure!(said["trial"]["before"].is_object(), "nothing is known of before: {said}");
        machine.console.settle();
        machine.console.send("8")?;
        machine.console.expect("よろしいですか（y/N）：", COMMAND)?;
        machine.console.send("y")?;
        machine.console.expect("Slot B; tries: A 0, B 1", BOOT)?;
        up(machine)?;
        ensure!(status(machine)?["slot"] == "B", "another slot runs");
        wait_for_carrier(&mut machine.shell, CARRIER)?;
        bench::traffic(lab)?;
        let said = settled(machine)?;
        ensure!(said["last"]["end"]["name"] == "kept", "{said}");
        ensure!(said["last"]["version"] == "0.2.0", "{said}");
        machine.console.skip();
        log_in(machine, &password)?;
        machine.console.send(&commands[3])?;
        machine.console.expect("0.2.0 に更新しました", COMMAND)?;
        let memory = machine.shell.must("cat /boot/state/grub/grubenv", COMMAND)?;
        ensure!(memory.contains("B_OK=1") && memory.contains("B_TRY=0"), "{memory}");
        let same = "cmp /boot/state/grub/grubenv /boot/state/grub/grubenv2 && \
                    ! ls -d /var/lib/sekisho-before /var/lib/sekisho/on-trial";
        machine.shell.must(same, COMMAND)?;
        let failed = machine.shell.must("systemctl --failed --no-legend --plain", COMMAND)?;
        ensure!(failed.is_empty(), "failed units: {failed}");
        Ok(())
    })
}

/// What the manual has typed at the prompt: up to the restart, then after it.
fn manual() -> anyhow::Result<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/update.ja.md");
    let text = fs::read_to_string(path).context(path)?;
    let commands = text.lines().filter_map(|line| line.strip_prefix("sekisho> "));
    let commands: Vec<_> = commands.map(str::to_owned).collect();
    ensure!(
        commands.len() >= 4 && commands[2] == "exit" && commands[3] == "update status",
        "the manual's commands can't be found: {commands:?}"
    );
    Ok(commands)
}

/// From the menu to the prompt.
fn log_in(machine: &mut Machine, password: &str) -> anyhow::Result<()> {
    let console = &mut machine.console;
    // The menu comes again.
    console.send("")?;
    console.expect("0 ログイン", COMMAND)?;
    console.settle();
    console.send("0")?;
    console.expect("管理者パスワード：", COMMAND)?;
    console.send(password)?;
    console.expect("sekisho> ", COMMAND)
}

/// Firmware that comes up, but with another operator's key, so that the design isn't in force: the old one comes back by itself,
/// and so does the design that it had.
pub(crate) fn an_update_that_is_not_well_goes_back() -> anyhow::Result<()> {
    let (unwell, other) = (file("unwell.raucb"), file("unwell.squashfs"));
    let strange = BASE64_STANDARD.encode([7; 32]);
    root_with("etc/sekisho/operator.pub", &strange, &other)?;
    Bundle { root: &other, version: "0.2.1", compatible: BOARD, keys: None, signed: None }
        .pack(&unwell)?;
    with_updates(&[unwell], |machine, lab| {
        wait_for_carrier(&mut machine.shell, CARRIER)?;
        install(machine, "--stick unwell.raucb")?;
        restart(machine)?;
        machine.console.expect("Slot B; tries: A 0, B 1", BOOT)?;
        machine.console.expect("the update doesn't stay, and the box restarts", BOOT + SETTLED)?;
        machine.console.expect("Slot A; tries: A 1, B 0", BOOT)?;
        up(machine)?;
        let said = status(machine)?;
        ensure!(said["slot"] == "A" && said["trial"].is_null(), "{said}");
        ensure!(said["last"]["end"]["name"] == "went-back", "{said}");
        println!("went back: {}", said["last"]["end"]["reason"]);
        wait_for_carrier(&mut machine.shell, CARRIER)?;
        let gone = "! ls -d /var/lib/sekisho-before /var/lib/sekisho/on-trial";
        machine.shell.must(gone, COMMAND)?;
        bench::traffic(lab)
    })
}

/// What may not be installed is refused by name, and changes nothing. Older firmware is, with the operator's token; as it
/// doesn't come up in three starts, the box goes back.
pub(crate) fn bad_updates_are_refused_and_a_dead_one_goes_back() -> anyhow::Result<()> {
    let (junk, stranger) = (junk()?, file("stranger"));
    Authority::new(&stranger, "Stranger")?.certify(&stranger, None)?;
    let bundle =
        Bundle { root: &junk, version: "0.0.9", compatible: BOARD, keys: None, signed: None };
    let made = [
        ("older.raucb", bundle),
        ("foreign.raucb", Bundle { compatible: "sekisho-other", ..bundle }),
        ("stranger.raucb", Bundle { keys: Some(&stranger), ..bundle }),
    ];
    let mut files = Vec::new();
    for (name, bundle) in made {
        bundle.pack(&file(name))?;
        files.push(file(name));
    }
    with_updates(&files, |machine, lab| {
        let prepare = "head -c 500000 /run/stick/older.raucb >/tmp/cut.raucb && echo PK >/tmp/zip.raucb && \
                       cp /tmp/cut.raucb /var/giant.raucb && truncate -s 1G /var/giant.raucb; ls /var/giant.raucb";
        machine.shell.must(prepare, COMMAND)?;
        let memory = machine.shell.must("cat /boot/state/grub/grubenv", COMMAND)?;
        for (bundle, reason) in [
            ("/tmp/cut.raucb", "is truncated"),
            ("/tmp/zip.raucb", "is no update"),
            ("/var/giant.raucb", "the slot holds"),
            ("/run/stick/foreign.raucb", "is for 'sekisho-other'"),
            ("/run/stick/stranger.raucb", "isn't signed by the maker"),
            ("/run/stick/older.raucb", "0.0.9 is older than"),
        ] {
            let (code, said) =
                machine.shell.run(&format!("sekisho update install {bundle}"), COMMAND)?;
            ensure!(code == 1 && said.contains(reason), "{bundle}: {code}: {said}");
            println!("{}", said.lines().next().unwrap_or_default());
        }
        ensure!(
            machine.shell.must("cat /boot/state/grub/grubenv", COMMAND)? == memory,
            "a bundle that was refused changes what the boot loader does"
        );
        let token = token(&bench::key(&mut machine.shell)?)?;
        let (head, body) = ("cat >/tmp/token <<'END'", token.trim_end());
        machine.shell.must(
            &format!(
                "eval \"$(echo {} | base64 -d)\"",
                BASE64_STANDARD.encode(format!("{head}\n{body}\nEND\n"))
            ),
            COMMAND,
        )?;
        install(machine, "/run/stick/older.raucb --token /tmp/token")?;
        restart(machine)?;
        for tries in 1..=3 {
            machine.console.expect(&format!("Slot B; tries: A 0, B {tries}"), THREE_TRIES)?;
            machine.console.expect("Slot B did not load.", COMMAND)?;
        }
        machine.console.expect("Slot A; tries: A 1, B 3", COMMAND)?;
        up(machine)?;
        let said = status(machine)?;
        ensure!(said["last"]["end"]["reason"] == "it didn't come up in 3 starts", "{said}");
        wait_for_carrier(&mut machine.shell, CARRIER)?;
        bench::traffic(lab)
    })
}

/// The operator's token for a device and version 0.0.9.
fn token(device: &str) -> anyhow::Result<String> {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/keys/operator.key");
    let key = BASE64_STANDARD.decode(fs::read_to_string(key)?.trim())?;
    let text = format!("allow = \"older-firmware\"\ndevice = \"{device}\"\nversion = \"0.0.9\"\n");
    Ok(sekisho_design::sign(&text, &key)?)
}

/// The boot loader alone, with nothing in either slot: each has three tries, then it says so and begins again. A damaged memory
/// is read from its copy, and without both slot A is tried.
pub(crate) fn the_boot_loader_counts_and_says_so() -> anyhow::Result<()> {
    bench::clear();
    for (name, memory, copy, wanted) in [
        (
            "both",
            Some("ORDER=B A\nA_OK=1\nB_OK=1\nA_TRY=0\nB_TRY=1\n"),
            Some("ORDER=B A\nA_OK=1\nB_OK=1\nA_TRY=0\nB_TRY=1\n"),
            &[
                "Slot B; tries: A 0, B 2",
                "Slot B; tries: A 0, B 3",
                "Slot A; tries: A 1, B 3",
                "Slot A; tries: A 3, B 3",
                "NEITHER SLOT HAS COME UP",
                "Press i to write the box anew",
                "Slot A; tries: A 1, B 0",
            ][..],
        ),
        (
            "cut",
            None,
            Some("ORDER=B A\nA_OK=1\nB_OK=1\nA_TRY=0\nB_TRY=0\n"),
            &["its copy counts", "Slot B; tries: A 0, B 1", "Slot B; tries: A 0, B 2"][..],
        ),
        ("lost", None, None, &["Slot A; tries: A 1, B 0"][..]),
    ] {
        let disk = fresh_file("loader.qcow2")?;
        let raw = fresh_file("loader.raw")?;
        fs::copy(image()?, &raw)?;
        patch_boot(&raw, &[("grubenv", memory), ("grubenv2", copy)])?;
        overlay(&raw, &disk)?;
        let mut machine = Machine::build(&settings("loader", &disk))?;
        machine.monitor.run()?;
        for text in wanted {
            machine.console.expect(text, THREE_TRIES).with_context(|| name.to_owned())?;
        }
        machine.off();
        remove(&raw)?;
    }
    Ok(())
}

fn remove(path: &Path) -> anyhow::Result<()> {
    if let Err(error) = fs::remove_file(path) {
        bail!("{}: {error}", path.display());
    }
    Ok(())
}
