//! The box's restart. The daemon has no right to restart a machine: it leaves a wish where the box's image waits for one.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
};

use sekisho_control::Failure;

use super::fault::{conflict, device_failure};

/// The wish's name in the run folder; the unit `sekisho-restart.path` waits for it.
const WISH: &str = "restart";

/// Where the wish is left.
pub(super) struct Restarter {
    wish: PathBuf,
}

impl Restarter {
    pub(super) fn new(run: &Path) -> Self {
        Self { wish: run.join(WISH) }
    }

    /// Leaves the wish, where an image is there to find it. Twice is once.
    pub(super) fn ask(&self, on_image: bool) -> Result<(), Failure> {
        if !on_image {
            return Err(conflict(
                "nobody here restarts the machine: this is no box's image".to_owned(),
                "restart it as its own system does",
            ));
        }
        let left = OpenOptions::new().write(true).create(true).truncate(false).open(&self.wish);
        left.map(drop).map_err(|fault| {
            device_failure(format!("can't leave the wish {}: {fault}", self.wish.display()), None)
        })
    }
}

#[cfg(test)]
mod tests {
    use sekisho_control::FailureKind;

    use super::*;

    #[test]
    fn a_wish_is_left_for_an_image_alone() {
        let folder = tempfile::tempdir().unwrap();
        let restarter = Restarter::new(folder.path());
        let failure = restarter.ask(false).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.way_out.is_some() && !folder.path().join(WISH).exists());
        restarter.ask(true).unwrap();
        restarter.ask(true).unwrap();
        assert!(folder.path().join(WISH).exists());
        let nowhere = Restarter::new(&folder.path().join("gone"));
        assert!(nowhere.ask(true).unwrap_err().message.contains("can't leave the wish"));
    }
}
