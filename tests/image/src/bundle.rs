//! Updates as their maker packs and signs them, and as he doesn't.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
    path::Path,
    process::Command,
};

use anyhow::Context;

use crate::disk::{image, partition, run};

/// The keys of development builds.
const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../board/sg115/keys");

/// An update.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'a> {
    /// What is written into the slot.
    pub root: &'a Path,
    /// Which version it says it is.
    pub version: &'a str,
    /// Which box it is for.
    pub compatible: &'a str,
    /// Folder of `update.pem` and `update.key`; development's unless told otherwise.
    pub keys: Option<&'a Path>,
}

impl Bundle<'_> {
    /// Packs and signs it.
    pub fn pack(&self, path: &Path) -> anyhow::Result<()> {
        let folder = tempfile::tempdir_in(path.parent().context("a path without a folder")?)?;
        let input = folder.path().join("input");
        fs::create_dir(&input)?;
        fs::hard_link(self.root, input.join("rootfs.img"))
            .or_else(|_| fs::copy(self.root, input.join("rootfs.img")).map(|_| ()))?;
        let Self { version, compatible, .. } = self;
        fs::write(
            input.join("manifest.raucm"),
            format!(
                "[update]\ncompatible={compatible}\nversion={version}\n\n[bundle]\nformat=verity\n\n\
                 [image.rootfs]\nfilename=rootfs.img\n"
            ),
        )?;
        if path.exists() {
            fs::remove_file(path)?;
        }
        let keys = self.keys.unwrap_or(Path::new(KEYS));
        let words = [("--cert=", "update.pem"), ("--key=", "update.key")]
            .map(|(option, name)| format!("{option}{}", keys.join(name).display()));
        let packed = "--mksquashfs-args=-noD -noF -no-progress";
        run(Command::new("rauc").args(words).arg(packed).arg("bundle").arg(input).arg(path))
    }
}

/// The root file system of the image under test, in a file of its own.
pub fn root(path: &Path) -> anyhow::Result<()> {
    let image = image()?;
    let mut disk = File::open(&image)?;
    let begin = partition(&image, "rootfs-a")?;
    // Where the superblock says how many bytes it has (squashfs 4.0); mksquashfs fills up to 4 KiB.
    let mut used = [0; 8];
    disk.read_exact_at(&mut used, begin + 40)?;
    let size = u64::from_le_bytes(used).next_multiple_of(4096);
    disk.seek(SeekFrom::Start(begin))?;
    io::copy(&mut disk.take(size), &mut File::create(path)?)?;
    Ok(())
}

/// Another one: the same but for one file, which gets other contents.
pub fn root_with(file: &str, contents: &str, path: &Path) -> anyhow::Result<()> {
    root(path)?;
    let folder = tempfile::tempdir_in(path.parent().context("a path without a folder")?)?;
    let unpacked = folder.path().join("root");
    // Owners that this namespace doesn't know can't be given; packing gives everything to root.
    let words = ["-quiet", "-no-progress", "-ignore-errors", "-no-exit-code", "-d"];
    run(Command::new("unsquashfs").args(words).arg(&unpacked).arg(path))?;
    fs::write(unpacked.join(file), contents).with_context(|| file.to_owned())?;
    fs::remove_file(path)?;
    let words = ["-quiet", "-no-progress", "-comp", "lzo", "-b", "128K", "-all-root"];
    run(Command::new("mksquashfs").arg(&unpacked).arg(path).args(words))
}

/// Keys of somebody who isn't the maker.
pub fn strangers_keys(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let (key, certificate) = (folder.join("update.key"), folder.join("update.pem"));
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=Stranger", "-addext", "extendedKeyUsage=codeSigning", "-days", "30"])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate))
}
