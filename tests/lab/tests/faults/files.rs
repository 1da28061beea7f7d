//! Sites to apply, good ones and bad ones.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::ensure;
use sekisho_lab::{Lab, PROFILE, describe};

/// Changes that touch the rule set, an address, routes and an MTU, and leave the design right.
pub(crate) const ANOTHER: &[(&str, &str)] = &[
    ("\"192.168.1.1/24\"", "\"192.168.1.254/24\""),
    ("global = \"100.64.10.11\"", "global = \"100.64.10.13\""),
    ("dns = [\"198.18.2.53\"]", "dns = [\"198.18.2.54\"]\nmtu = 1400"),
];

/// A site in a folder of its own, made from the lab's.
pub(crate) struct Site {
    folder: PathBuf,
}

impl Site {
    pub(crate) fn copy(lab: &Lab, name: &str) -> anyhow::Result<Self> {
        let folder = lab.logs().join(name);
        fs::create_dir_all(&folder)?;
        for file in ["site.toml", PROFILE] {
            fs::copy(lab.site().join(file), folder.join(file))?;
        }
        Ok(Self { folder })
    }

    /// A copy with [`ANOTHER`] design.
    pub(crate) fn another(lab: &Lab) -> anyhow::Result<Self> {
        Self::copy(lab, "another")?.edit("site.toml", ANOTHER)
    }

    /// Replaces texts that must be there.
    pub(crate) fn edit(self, file: &str, edits: &[(&str, &str)]) -> anyhow::Result<Self> {
        let path = self.folder.join(file);
        let mut text = fs::read_to_string(&path)?;
        for (from, to) in edits {
            ensure!(text.contains(from), "{} has no {from}", path.display());
            text = text.replace(from, to);
        }
        fs::write(&path, text)?;
        Ok(self)
    }

    /// Replaces a file's whole contents.
    pub(crate) fn write(self, file: &str, contents: &[u8]) -> anyhow::Result<Self> {
        fs::write(self.folder.join(file), contents)?;
        Ok(self)
    }

    /// Signs the profile anew, with the lab's operator key or another one.
    pub(crate) fn sign(self, lab: &Lab, key: &Path) -> anyhow::Result<Self> {
        let (key, profile) = (key.to_string_lossy(), self.path(PROFILE));
        let words =
            [&*lab.binary("sekisho-far-end")?, "sign", "--key", &key, "-o", &profile, &profile];
        let output = lab.host("platform").run(&words)?;
        ensure!(output.status.success(), "{}", describe(&output));
        Ok(self)
    }

    pub(crate) fn path(&self, file: &str) -> String {
        self.folder.join(file).to_string_lossy().into_owned()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The private key of the lab's operator.
pub(crate) fn operator_key() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/operator.key")
}
