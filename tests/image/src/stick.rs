//! USB sticks: made as shops sell them, filled, spoilt, and read after the box had them.

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use crate::disk::{command, run};

const SECTOR: u64 = 512;
/// Where the one partition begins, in bytes.
const BEGIN: u64 = 1 << 20;
/// Types of partitions: FAT32, Linux.
const FAT: u8 = 0x0c;
const LINUX: u8 = 0x83;

/// A USB stick with files in the top folder of its one partition, named SITE, as a disk that has snapshots.
pub fn stick(files: &[PathBuf], disk: &Path) -> anyhow::Result<()> {
    let raw = disk.with_extension("fat");
    let sizes = files.iter().map(|file| Ok(file.metadata()?.len()));
    let size: u64 = sizes.sum::<io::Result<u64>>()?;
    fat_stick(&raw, "SITE", 16 + (size + size / 16).div_ceil(1 << 20))?;
    put_on(&raw, files)?;
    run(Command::new("qemu-img").args(["convert", "-f", "raw", "-O", "qcow2"]).args([&raw, disk]))?;
    Ok(fs::remove_file(raw)?)
}

/// A stick with an empty FAT file system of this label and of so many mebibytes, byte by byte.
pub fn fat_stick(raw: &Path, label: &str, mebibytes: u64) -> anyhow::Result<()> {
    // FAT32 wherever it may be: the top folder of FAT16 has no room for more than 512 names.
    let kind: &[&str] = if mebibytes < 34 { &[] } else { &["-F", "32", "-s", "1"] };
    within_a_partition(raw, FAT, mebibytes, |file| {
        run(command("mkfs.vfat").args(kind).args(["-n", label]).arg(file))
    })
}

/// A stick with an ext4 file system that has what a folder has, links too.
pub fn ext4_stick(raw: &Path, label: &str, mebibytes: u64, folder: &Path) -> anyhow::Result<()> {
    within_a_partition(raw, LINUX, mebibytes, |file| {
        let words = ["-q", "-F", "-L", label, "-E", "root_owner=0:0", "-d"];
        run(command("mkfs.ext4").args(words).args([folder, file]))
    })
}

/// Puts files into the top folder of a FAT stick, in place of those that bear their names.
pub fn put_on(raw: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    run(Command::new("mcopy").args(["-o", "-i", &at(raw)]).args(files).arg("::/"))
}

/// Names in the top folder of a FAT stick, in their order, hidden ones too.
pub fn names_on(raw: &Path) -> anyhow::Result<Vec<String>> {
    let said = told(Command::new("mdir").args(["-a", "-b", "-i", &at(raw), "::/"]))?;
    let said = String::from_utf8(said)?;
    let names = said.lines().filter_map(|line| line.strip_prefix("::/"));
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

/// A file in the top folder of a FAT stick.
pub fn file_on(raw: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    told(Command::new("mtype").args(["-i", &at(raw), &format!("::/{name}")]))
}

/// Writes over a stick's file system from some byte on.
pub fn spoil(raw: &Path, from: u64, bytes: &[u8]) -> anyhow::Result<()> {
    Ok(File::options().write(true).open(raw)?.write_all_at(bytes, BEGIN + from)?)
}

/// Takes the end of a stick away, from this byte of its file system on.
pub fn cut_off(raw: &Path, from: u64) -> anyhow::Result<()> {
    Ok(File::options().write(true).open(raw)?.set_len(BEGIN + from)?)
}

/// The partition of a stick, as mtools want it.
fn at(raw: &Path) -> String {
    format!("{}@@{BEGIN}", raw.display())
}

fn told(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(output.stdout)
}

fn within_a_partition(
    raw: &Path,
    kind: u8,
    mebibytes: u64,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (inner, size) = (raw.with_extension("partition"), mebibytes << 20);
    File::create(&inner)?.set_len(size)?;
    make(&inner)?;
    let mut stick = File::create(raw)?;
    stick.set_len(BEGIN + size)?;
    // The classic table (UEFI 2.10, 5.2.1): one partition, by sectors alone.
    let sectors = |bytes: u64| u32::try_from(bytes / SECTOR).map(u32::to_le_bytes);
    let mut table = [0; 512];
    table[450] = kind;
    table[454..458].copy_from_slice(&sectors(BEGIN)?);
    table[458..462].copy_from_slice(&sectors(size)?);
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    stick.write_all_at(&table, 0)?;
    stick.seek(SeekFrom::Start(BEGIN))?;
    io::copy(&mut File::open(&inner)?, &mut stick)?;
    Ok(fs::remove_file(inner)?)
}
