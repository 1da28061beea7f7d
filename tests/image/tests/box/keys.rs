//! Keys of updates: they change, certificates end, and a box may not know the time.

use std::fs;

use anyhow::ensure;
use sekisho_image_tests::{Authority, Bundle, Machine, root_with};

use crate::{
    bench::{BOOT, COMMAND, file},
    updates::{self, BOARD},
};

/// A bundle by another certificate of the same authority is taken, whatever the clock says, and brings a second authority. From
/// then on a bundle by that one is taken, which was refused before. A certificate is measured by the time of signing: one that
/// has ended since is as good as it was, and what is signed after its end is refused.
pub(crate) fn keys_roll_over_in_two_steps() -> anyhow::Result<()> {
    let (old, new) = (Authority::development(), Authority::new(&file("authority"), "New")?);
    let [second, ended, newcomer] =
        ["second", "ended", "newcomer"].map(|name| file(&format!("keys-{name}")));
    old.certify(&second, None)?;
    old.certify(&ended, Some("2026-01-15"))?;
    new.certify(&newcomer, None)?;
    let (root, junk) = (file("both.squashfs"), updates::junk()?);
    let both = [&old, &new].map(|authority| fs::read_to_string(&authority.certificate));
    let [old, new] = both;
    root_with("etc/sekisho/update-ca.pem", &(old? + &new?), &root)?;
    let bundle = Bundle {
        root: &junk,
        version: "0.3.0",
        compatible: BOARD,
        keys: Some(&newcomer),
        signed: None,
    };
    let made = [
        ("both", Bundle { root: &root, version: "0.2.0", keys: Some(&second), ..bundle }),
        ("next", bundle),
        ("early", Bundle { keys: Some(&ended), signed: Some("2026-02-01"), ..bundle }),
        ("late", Bundle { keys: Some(&ended), ..bundle }),
    ];
    let mut files = Vec::new();
    for (name, bundle) in made {
        let path = file(&format!("{name}.raucb"));
        bundle.pack(&path)?;
        files.push(path);
    }
    updates::with_updates(&files, |machine, _| {
        refused(machine, "next", "isn't signed by the maker")?;
        refused(machine, "late", "certificate has expired")?;
        machine.shell.must("rauc info /run/stick/early.raucb", COMMAND)?;
        machine.shell.must("systemctl stop chrony && date -s 2010-01-01", COMMAND)?;
        refused(machine, "next", "isn't signed by the maker")?;
        updates::install(machine, "/run/stick/both.raucb")?;
        updates::restart(machine)?;
        machine.console.expect("Slot B; tries: A 0, B 1", BOOT)?;
        updates::up(machine)?;
        let said = updates::settled(machine)?;
        ensure!(said["slot"] == "B" && said["last"]["end"]["name"] == "kept", "{said}");
        updates::mount(machine)?;
        refused(machine, "late", "certificate has expired")?;
        updates::install(machine, "/run/stick/next.raucb")?;
        let said = updates::status(machine)?;
        ensure!(said["trial"]["version"] == "0.3.0" && said["trial"]["slot"] == "A", "{said}");
        Ok(())
    })
}

fn refused(machine: &mut Machine, bundle: &str, reason: &str) -> anyhow::Result<()> {
    let install = format!("sekisho update install /run/stick/{bundle}.raucb");
    let (code, said) = machine.shell.run(&install, COMMAND)?;
    ensure!(code == 1 && said.contains(reason), "{bundle}: {code}: {said}");
    println!("{}", said.lines().next().unwrap_or_default());
    Ok(())
}
