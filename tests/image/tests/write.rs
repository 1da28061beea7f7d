//! How an image gets onto a disk: what is written, and what is refused before anything is. `lsblk` is played, and the disk is a
//! file, so nobody's disks are at risk here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../board/write.sh");

/// A machine with one disk of 8 MiB, and an image of 3 MiB with its checksum.
struct Table {
    folder: TempDir,
}

impl Table {
    fn new() -> Self {
        let table = Self { folder: tempfile::tempdir().unwrap() };
        let image: Vec<u8> = (0..=250).cycle().take(3 << 20).collect();
        fs::write(table.at("box.img"), image).unwrap();
        fs::write(table.at("disk"), "as it was").unwrap();
        fs::create_dir(table.at("bin")).unwrap();
        table.program(
            "lsblk",
            r#"case "$*" in
*"--output TYPE"*) [ "$TYPE" ] || { echo "not a block device" >&2; exit 32; }; echo "$TYPE" ;;
*"--output MOUNTPOINTS"*) echo "$MOUNTED" ;;
*"--output SIZE"*) echo "   8388608" ;;
*) echo "PATH SIZE TRAN MODEL SERIAL" ;;
esac"#,
        );
        table.sums();
        table
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that is found before the one of this name.
    fn program(&self, name: &str, text: &str) {
        let path = self.at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn sums(&self) {
        let told = self.command("sha256sum").arg("box.img").output().unwrap();
        fs::write(self.at("box.sha256"), told.stdout).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.at("bin").display()))
            .env("TYPE", "disk")
            .env("MOUNTED", "")
            .env_remove("YES")
            .stdin(Stdio::null());
        command
    }

    fn write(&self, image: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> Output {
        let mut command = self.command(PROGRAM);
        command.arg(image).arg(self.at("disk")).env("YES", "1");
        change(&mut command).output().unwrap()
    }

    /// That it was refused, with these words, and the disk is as it was.
    fn refused(&self, output: &Output, words: &[&str]) {
        let said = said(output);
        assert!(!output.status.success(), "{said}");
        for word in words {
            assert!(said.contains(word), "no {word:?}: {said}");
        }
        assert_eq!(fs::read(self.at("disk")).unwrap(), b"as it was", "{said}");
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn same(one: &Path, other: &Path) -> bool {
    fs::read(one).unwrap() == fs::read(other).unwrap()
}

#[test]
fn an_image_is_written_with_progress_and_read_back() {
    let table = Table::new();
    let packed = table.command("xz").args(["--keep", "box.img"]).status().unwrap();
    assert!(packed.success());
    let told = table.command("sha256sum").args(["box.img", "box.img.xz"]).output().unwrap();
    fs::write(table.at("box.sha256"), told.stdout).unwrap();
    for image in ["box.img", "box.img.xz"] {
        fs::write(table.at("disk"), "as it was").unwrap();
        let output = table.write(image, |command| command);
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        for word in ["Writing 3 MB", "3145728 bytes", "Reading it back", "Done."] {
            assert!(said.contains(word), "no {word:?}: {said}");
        }
        assert!(same(&table.at("disk"), &table.at("box.img")), "{image}");
    }
}

#[test]
fn what_is_no_whole_free_disk_is_refused() {
    let table = Table::new();
    let nothing = table.command(PROGRAM).args(["box.img", ""]).output().unwrap();
    table.refused(&nothing, &["Which disk? make flash DEVICE=", "Disks of this machine:"]);
    let file = table.write("box.img", |command| command.env("TYPE", ""));
    table.refused(&file, &["is no disk", "Disks of this machine:"]);
    let part = table.write("box.img", |command| command.env("TYPE", "part"));
    table.refused(&part, &["is a part of a disk; name the whole disk"]);
    for place in ["/home", "[SWAP]"] {
        let used = table.write("box.img", |command| command.env("MOUNTED", place));
        table.refused(&used, &["is in use: something of it is mounted or is swap"]);
    }
}

#[test]
fn a_disk_that_is_too_small_is_refused() {
    let table = Table::new();
    File::options().write(true).open(table.at("box.img")).unwrap().set_len(9 << 20).unwrap();
    table.sums();
    table.refused(
        &table.write("box.img", |command| command),
        &["holds 8 MB, and the image needs 9"],
    );
}

#[test]
fn an_image_that_is_missing_or_not_the_one_of_its_checksum_is_refused() {
    let table = Table::new();
    let missing = table.write("other.img", |command| command);
    table.refused(&missing, &["other.img can't be read", "make image"]);
    File::options().append(true).open(table.at("box.img")).unwrap().write_all(b"x").unwrap();
    table.refused(&table.write("box.img", |command| command), &["is not what", "it is damaged"]);
    // An installer's checksum stands with the box's, and one that isn't listed is none that was built.
    fs::rename(table.at("box.img"), table.at("box-installer.img")).unwrap();
    table.refused(
        &table.write("box-installer.img", |command| command),
        &["is not what", "box.sha256"],
    );
    fs::remove_file(table.at("box.sha256")).unwrap();
    fs::write(table.at("cut.img.xz"), b"\xfd7zXZ").unwrap();
    table.refused(&table.write("cut.img.xz", |command| command), &["cut.img.xz is damaged"]);
}

/// Somebody at a terminal has to type the disk's name; where nobody is, nothing is written unless told beforehand.
#[test]
fn the_name_of_the_disk_has_to_be_typed() {
    let table = Table::new();
    let nobody = table.write("box.img", |command| command.env_remove("YES"));
    table.refused(&nobody, &["Nobody can be asked here"]);
    let disk = table.at("disk");
    let typed = |answer: &str| {
        let line = format!("{PROGRAM} box.img {}", disk.display());
        let mut terminal = table
            .command("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(terminal.stdin.take().unwrap(), "{answer}").unwrap();
        terminal.wait_with_output().unwrap()
    };
    table.refused(&typed("yes"), &["Everything on", "That is not", "Nothing was written"]);
    let output = typed(&disk.display().to_string());
    assert!(output.status.success(), "{}", said(&output));
    assert!(same(&disk, &table.at("box.img")));
}

#[test]
fn a_disk_that_fails_is_named() {
    let table = Table::new();
    table.program("dd", "cat >/dev/null; exit 1");
    let stopped = said(&table.write("box.img", |command| command));
    assert!(stopped.contains("could not be written to the end"), "{stopped}");
    // It takes everything, and keeps something else.
    table.program("dd", "cat >/dev/null");
    let output = table.write("box.img", |command| command);
    assert!(!output.status.success());
    assert!(said(&output).contains("doesn't hold what was written"), "{}", said(&output));
}
