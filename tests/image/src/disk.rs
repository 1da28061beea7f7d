//! Disks: the image under test, copies that a machine may write to, sticks, and what is found on a disk after a cut.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};

/// Where images are that were built here.
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/image");
/// What the data partition grows into at the first boot.
const SIZE: &str = "1G";
const SECTOR: u64 = 512;
/// Bytes of an entry of the partition table, and where its name is (UEFI 2.10, 5.3.3).
const ENTRY: usize = 128;
const NAME: usize = 56;

/// The image under test: `SEKISHO_IMAGE`, or the newest that was built here.
pub fn image() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("SEKISHO_IMAGE") {
        return Ok(fs::canonicalize(&path)?);
    }
    let folder = built();
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let is_image = path.extension().is_some_and(|extension| extension == "img");
        if is_image && name.starts_with("sekisho-") && !name.ends_with("-installer") {
            found.push((path.metadata()?.modified()?, path));
        }
    }
    let newest = found.into_iter().max().map(|(_, path)| path);
    newest.with_context(|| format!("no image in {}: make image", folder.display()))
}

/// A bare Debian that comes up to a login, beside the image.
pub fn bare_image() -> anyhow::Result<PathBuf> {
    let path = image()?.with_file_name("bare.img");
    ensure!(path.is_file(), "{} is missing: tests/image/bare.sh", path.display());
    Ok(path)
}

/// The stick that writes the image onto a box's disk, beside the image.
pub fn installer() -> anyhow::Result<PathBuf> {
    let image = image()?;
    let name = image.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let path = image.with_file_name(format!("{name}-installer.img"));
    ensure!(path.is_file(), "{} is missing: make image", path.display());
    Ok(path)
}

fn built() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(BUILT), |target| PathBuf::from(target).join("image"))
}

/// A disk that begins as the image and is larger; the image itself is never written to.
pub fn overlay(image: &Path, disk: &Path) -> anyhow::Result<()> {
    let words = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b"].map(OsStr::new);
    let words = words.into_iter().chain([image.as_os_str(), disk.as_os_str(), OsStr::new(SIZE)]);
    run(Command::new("qemu-img").args(words))
}

/// A disk with nothing on it.
pub fn empty(disk: &Path) -> anyhow::Result<()> {
    run(Command::new("qemu-img").args(["create", "-q", "-f", "qcow2"]).arg(disk).arg(SIZE))
}

/// The disk as it was when a snapshot was taken, as a disk of its own.
pub fn copy_at(snapshot: &str, disk: &Path, copy: &Path) -> anyhow::Result<()> {
    let snapshot = format!("snapshot.name={snapshot}");
    // Forced: the machine has the disk in use, and what the snapshot holds stays as it is.
    let words = ["convert", "-U", "-l", &snapshot, "-O", "qcow2"].map(OsStr::new);
    run(Command::new("qemu-img").args(words).args([disk, copy]))
}

/// Whatever a disk holds now, byte by byte.
pub fn raw_copy(disk: &Path, raw: &Path) -> anyhow::Result<()> {
    run(Command::new("qemu-img").args(["convert", "-U", "-O", "raw"]).args([disk, raw]))
}

/// Gives the boot loader's memory of a raw disk other contents, and takes everything out of both slots: each file gets a block
/// of these variables, or nothing at all, as after a cut.
pub fn patch_boot(raw: &Path, files: &[(&str, Option<&str>)]) -> anyhow::Result<()> {
    let disk = File::options().write(true).open(raw)?;
    for slot in ["rootfs-a", "rootfs-b"] {
        disk.write_all_at(&[0; 1 << 12], partition(raw, slot)?)?;
    }
    let boot = format!("{}@@{}", raw.display(), partition(raw, "boot")?);
    for (name, variables) in files {
        let block = variables.map_or_else(Vec::new, |variables| {
            let mut block = format!("# GRUB Environment Block\n{variables}").into_bytes();
            block.resize(1024, b'#');
            block
        });
        let file = raw.with_extension("block");
        fs::write(&file, block)?;
        let target = format!("::/grub/{name}");
        run(Command::new("mcopy").args(["-o", "-i", &boot]).arg(&file).arg(target))?;
        fs::remove_file(file)?;
    }
    Ok(())
}

/// The boot loader's memory on a raw disk, and its copy.
pub fn boot_memory(raw: &Path) -> anyhow::Result<[String; 2]> {
    let boot = format!("{}@@{}", raw.display(), partition(raw, "boot")?);
    let read = |name: &str| -> anyhow::Result<String> {
        let mut mtype = Command::new("mtype");
        let output = mtype.args(["-i", &boot, &format!("::/grub/{name}")]).output()?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    Ok([read("grubenv")?, read("grubenv2")?])
}

/// Checks the data partition of a disk whose machine is off: first as the box does when it starts, which may replay the
/// journal and no more, then every structure, where nothing may be wrong. Then a folder of it is copied out, into another that
/// is made anew.
pub fn check_data(disk: &Path, folder: &str, into: &Path) -> anyhow::Result<()> {
    let raw = disk.with_extension("raw");
    raw_copy(disk, &raw)?;
    // In a file of its own: e2fsck replays no journal of a file system that begins in the middle of a file.
    let data = disk.with_extension("data");
    let mut whole = File::open(&raw)?;
    whole.seek(SeekFrom::Start(partition(&raw, "data")?))?;
    io::copy(&mut whole, &mut File::create(&data)?)?;
    fs::remove_file(&raw)?;
    let checked = check_file_system(&data, folder, into);
    fs::remove_file(&data)?;
    checked
}

fn check_file_system(data: &Path, folder: &str, into: &Path) -> anyhow::Result<()> {
    let check = |option: &str| command("e2fsck").arg(option).arg(data).output();
    let preen = check("-p").context("start e2fsck")?;
    ensure!(
        matches!(preen.status.code(), Some(0 | 1)),
        "e2fsck -p: {}\n{}",
        preen.status,
        String::from_utf8_lossy(&preen.stdout)
    );
    let full = check("-fn")?;
    let said = String::from_utf8_lossy(&full.stdout);
    ensure!(full.status.success(), "e2fsck -fn: {}\n{said}", full.status);
    if into.exists() {
        fs::remove_dir_all(into)?;
    }
    fs::create_dir(into)?;
    let dump = format!("rdump {folder} {}", into.display());
    run(command("debugfs").args(["-R", &dump]).arg(data))
}

/// Where the partition of this name begins, in bytes.
pub(crate) fn partition(raw: &Path, name: &str) -> anyhow::Result<u64> {
    let mut table = vec![0; 128 * ENTRY];
    File::open(raw)?.read_exact_at(&mut table, 2 * SECTOR)?;
    let wanted: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    for entry in table.chunks_exact(ENTRY) {
        if entry[NAME..].starts_with(&wanted) {
            let mut first = [0; 8];
            first.copy_from_slice(&entry[32..40]);
            return Ok(u64::from_le_bytes(first) * SECTOR);
        }
    }
    bail!("{} has no partition '{name}'", raw.display())
}

/// A command that is also looked for where ordinary users don't: mkfs.vfat, e2fsck, debugfs.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(())
}
