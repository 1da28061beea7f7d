//! The files that names of ports come from and go to.

use std::{
    fmt::Write as _,
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use sekisho_design::PortName;
use sekisho_host::{HostError, files};
use sekisho_plan::ports::{Board, Kept, Mac, Place, Slot};
use serde::Deserialize;

use super::PortList;

/// Far more than any of these files has.
const LARGEST: u64 = 64 * 1024;

/// Why a file of ports can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("can't read '{}': {reason}", path.display())]
    Form { path: PathBuf, reason: String },
}

/// A file with ports: the board's, which has other things as well, or the kept one.
#[derive(Deserialize)]
struct Ports {
    #[serde(default)]
    port: Vec<Port>,
}

#[derive(Deserialize)]
struct Port {
    name: PortName,
    slot: Slot,
    mac: Option<Mac>,
}

pub(super) fn board(path: &Path) -> Result<Board, FileError> {
    let ports = read(path)?.into_iter();
    Ok(ports.map(|(name, place)| (name, place.slot)).collect())
}

/// The assignment that is kept; `None` where none is.
pub(super) fn kept(path: &Path) -> Result<Option<Kept>, FileError> {
    match read(path) {
        Err(FileError::Host(HostError::File { source, .. }))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        ports => ports.map(Some),
    }
}

/// Keeps an assignment, in place of any other.
pub(super) fn keep(path: &Path, kept: &Kept) -> Result<(), HostError> {
    let mut text = "# Which port has which name, written by sekisho-ports: known by its slot first, then by its address.\n".to_owned();
    for (name, Place { slot, mac }) in kept {
        let _ = write!(text, "\n[[port]]\nname = {}\nslot = {}\n", quoted(name), quoted(slot));
        if let Some(mac) = mac {
            let _ = writeln!(text, "mac = \"{mac}\"");
        }
    }
    make_folder(path.parent(), 0o700)?;
    files::write(path, text.as_bytes(), 0o600)
}

/// Writes what everybody may know.
pub(super) fn tell(run: &Path, list: &PortList) -> Result<(), HostError> {
    make_folder(Some(run), 0o755)?;
    let text = serde_json::to_string_pretty(list).unwrap_or_default();
    files::write(&run.join("ports.json"), (text + "\n").as_bytes(), 0o644)
}

/// Names and slots have visible ASCII only, which TOML quotes as JSON does.
fn quoted(text: &impl ToString) -> String {
    serde_json::Value::from(text.to_string()).to_string()
}

fn make_folder(path: Option<&Path>, mode: u32) -> Result<(), HostError> {
    let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) else { return Ok(()) };
    let failed = |source| HostError::File { tried: "make", path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed)
}

fn read(path: &Path) -> Result<Kept, FileError> {
    let form = |reason: String| FileError::Form { path: path.to_owned(), reason };
    let bytes = files::read(path, LARGEST)?;
    let text = str::from_utf8(&bytes).map_err(|error| form(error.to_string()))?;
    let Ports { port: ports } = toml::from_str(text).map_err(|error| form(error.to_string()))?;
    let mut places = Kept::new();
    for Port { name, slot, mac } in ports {
        if places.values().any(|place| place.slot == slot) {
            return Err(form(format!("the slot {slot} has two names")));
        }
        if places.insert(name.clone(), Place { slot, mac }).is_some() {
            return Err(form(format!("the name {name} stands twice")));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box/ports.toml");
        assert_eq!(kept(&path).unwrap(), None, "nothing yet");
        let place = |slot: &str, mac: Option<[u8; 6]>| Place {
            slot: slot.parse().unwrap(),
            mac: mac.map(Mac),
        };
        let wanted: Kept = [
            ("port1".parse().unwrap(), place("pci-0000:01:00.0", Some([2, 0, 0, 0, 0, 1]))),
            ("port\"2".parse().unwrap(), place("path\\to\"it", None)),
        ]
        .into();
        keep(&path, &wanted).unwrap();
        assert_eq!(kept(&path).unwrap(), Some(wanted));
        keep(&path, &Kept::new()).unwrap();
        assert_eq!(kept(&path).unwrap(), Some(Kept::new()));
    }

    #[test]
    fn a_board_has_other_facts_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.toml");
        let text = "name = \"sg115\"\n[[port]]\nname = \"port1\"\nslot = \"pci-0000:01:00.0\"\n\
                    [first-contact]\nport = \"port1\"\naddress = \"172.29.113.1/30\"\n";
        fs::write(&path, text).unwrap();
        let slot: Slot = "pci-0000:01:00.0".parse().unwrap();
        assert_eq!(board(&path).unwrap(), [("port1".parse().unwrap(), slot)].into());
        for (wrong, reason) in [
            ("[[port]]\nname = \"port1\"\n", "missing field `slot`"),
            ("[[port]]\nname = \"a b\"\nslot = \"x\"\n", "'a b' is not a valid name"),
            (
                "[[port]]\nname = \"a\"\nslot = \"x\"\n[[port]]\nname = \"a\"\nslot = \"y\"\n",
                "a stands twice",
            ),
            (
                "[[port]]\nname = \"a\"\nslot = \"x\"\n[[port]]\nname = \"b\"\nslot = \"x\"\n",
                "x has two names",
            ),
        ] {
            fs::write(&path, wrong).unwrap();
            let error = board(&path).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("board.toml"), "{error}");
        }
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(board(&path), Err(FileError::Form { .. })));
    }
}
