//! Updates as their maker packs and signs them, and as he doesn't.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
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
    /// When it is signed; now unless told otherwise.
    pub signed: Option<&'a str>,
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
        run(at("rauc", self.signed).args(words).arg(packed).arg("bundle").arg(input).arg(path))
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

/// An authority for code signing, with a key to make certificates with.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Its certificate.
    pub certificate: PathBuf,
    key: PathBuf,
}

impl Authority {
    /// The one that development builds believe.
    pub fn development() -> Self {
        let at = |name| Path::new(KEYS).join(name);
        Self { certificate: at("update-ca.pem"), key: at("update-ca.key") }
    }

    /// Another one, whose files lie in a folder.
    pub fn new(folder: &Path, name: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let it = Self { certificate: folder.join("ca.pem"), key: folder.join("ca.key") };
        run(openssl_key("req")
            .args(["-x509", "-days", "3650", "-subj", &format!("/O={name}/CN=Authority")])
            .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout"])
            .arg(&it.key)
            .arg("-out")
            .arg(&it.certificate))?;
        Ok(it)
    }

    /// Makes a certificate for code signing that is valid for 60 days, from this date or from now on, and its key: a folder for
    /// [`Bundle::keys`].
    pub fn certify(&self, folder: &Path, from: Option<&str>) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let (request, extensions) = (folder.join("request"), folder.join("extensions"));
        fs::write(
            &extensions,
            "extendedKeyUsage=critical,codeSigning\nkeyUsage=critical,digitalSignature\n\
             basicConstraints=critical,CA:false\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
        )?;
        run(openssl_key("req")
            .args(["-new", "-subj", "/CN=Update", "-keyout"])
            .arg(folder.join("update.key"))
            .arg("-out")
            .arg(&request))?;
        run(at("openssl", from)
            .args(["x509", "-req", "-days", "60", "-CAcreateserial", "-CAserial"])
            .arg(folder.join("serial"))
            .args([OsStr::new("-CA"), self.certificate.as_os_str()])
            .args([OsStr::new("-CAkey"), self.key.as_os_str()])
            .args([OsStr::new("-extfile"), extensions.as_os_str()])
            .args([OsStr::new("-in"), request.as_os_str(), OsStr::new("-out")])
            .arg(folder.join("update.pem")))
    }
}

/// A command of openssl that makes a key of the kind that RAUC of Debian 12 signs with.
fn openssl_key(command: &str) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.args([command, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    openssl
}

/// A program that takes it to be this time.
fn at(program: &str, time: Option<&str>) -> Command {
    let Some(time) = time else { return Command::new(program) };
    let mut command = Command::new("faketime");
    command.args([time, program]);
    command
}
