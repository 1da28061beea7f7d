//! The factory reset, from the console's question to first contact.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_image_tests::raw_copy;

use crate::bench::{BOOT, Bench, COMMAND, FIRST_SCREEN, Stage, file, from, key, status};

/// How long a partition of half a gigabyte may take.
const ERASING: Duration = Duration::from_mins(10);
/// What only the test writes, into a file and the journal.
const MARK: &str = "a-mark-that-nobody-else-writes";

/// Key, users, designs and logs are gone from the disk, not only from the file system; the record says of which box, and the box
/// is as at first contact.
pub(crate) fn a_factory_reset_erases_everything() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let shell = &mut bench.machine.shell;
        // In a file with a name that tells nothing, and in the journal.
        shell.must(&format!("logger {MARK}; echo {MARK} >/var/lib/sekisho-box/file"), COMMAND)?;
        shell.must("journalctl --sync; sync", COMMAND)?;
        let raw = file("erased.raw");
        raw_copy(&file("box.qcow2"), &raw)?;
        let there = holds(&raw, &[MARK, bench.key.as_str()])?;
        ensure!(there.contains(&MARK), "the mark isn't on the disk, so its absence shows nothing");
        shell.must("grep -q machine_id= /boot/state/grub/grubenv", COMMAND)?;
        let id = shell.must("cat /etc/machine-id", COMMAND)?;

        let record = ask(bench)?;
        for said in [bench.key.as_str(), &id, "generation / 世代: 1", "SHA-256: "] {
            ensure!(record.contains(said), "the record lacks {said:?}:\n{record}");
        }
        let console = &mut bench.machine.console;
        console.expect("Factory reset: erasing", BOOT)?;
        console.expect("Factory reset: done.", ERASING)?;
        console.expect(FIRST_SCREEN, BOOT)?;
        let screen = console.before("9 初期設定", COMMAND)?;
        ensure!(screen.contains("工場出荷状態"), "{screen}");

        let shell = &mut bench.machine.shell;
        shell.wait(BOOT)?;
        let said = status(shell)?;
        ensure!(said["phase"]["name"] == "closed" && said["generation"] == 0, "{said}");
        let new_key = key(shell)?;
        ensure!(new_key != bench.key, "the key is the old one: {new_key}");
        // The next start makes another.
        shell.must("! grep -q machine_id= /boot/state/grub/grubenv", COMMAND)?;
        shell.must(
            "ls /var/lib/sekisho-box/ports.toml && ! ls /boot/state/factory-reset",
            COMMAND,
        )?;
        let failed = shell.must("systemctl --failed --no-legend --plain", COMMAND)?;
        ensure!(failed.is_empty(), "failed units: {failed}");
        let address = shell.must("ip -color=never -brief address show port4", COMMAND)?;
        ensure!(address.contains("172.29.113.1/30"), "{address}");

        bench.machine.off();
        raw_copy(&file("box.qcow2"), &raw)?;
        let found = holds(&raw, &[MARK, bench.key.as_str()])?;
        fs::remove_file(&raw)?;
        ensure!(found.is_empty(), "the disk still holds {found:?}");
        Ok(())
    })
}

/// Answers the console's questions; what it shows as the record.
fn ask(bench: &mut Bench) -> anyhow::Result<String> {
    let console = &mut bench.machine.console;
    for (question, answer) in [("9 初期設定", "7"), ("よろしいですか", "y"), ("ERASE", "ERASE")]
    {
        if answer == "7" {
            // The menu comes again.
            console.skip();
            console.send("")?;
        }
        console.expect(question, COMMAND)?;
        console.settle();
        console.send(answer)?;
    }
    console.expect("消去記録", COMMAND)?;
    console.before("上の記録を保存してください", COMMAND)
}

/// Which of these texts a disk holds anywhere.
fn holds<'a>(raw: &Path, texts: &[&'a str]) -> anyhow::Result<Vec<&'a str>> {
    const PIECE: usize = 1 << 22;
    let overlap = texts.iter().map(|text| text.len()).max().unwrap_or_default();
    let mut disk = File::open(raw).with_context(|| raw.display().to_string())?;
    let (mut piece, mut found) = (Vec::new(), Vec::new());
    loop {
        // Where a text lies across the end of a piece, the next one has it whole.
        piece.drain(..piece.len().saturating_sub(overlap));
        if disk.by_ref().take(PIECE as u64).read_to_end(&mut piece)? == 0 {
            return Ok(found);
        }
        if piece.iter().all(|byte| *byte == 0) {
            continue;
        }
        for text in texts {
            let here = piece.windows(text.len()).any(|window| window == text.as_bytes());
            if here && !found.contains(text) {
                found.push(*text);
            }
        }
    }
}
