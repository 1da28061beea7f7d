//! An installation that the daemon wishes, of what was sent to the page. Each step is told, for the page to show.

use std::{fs, path::Path};

use sekisho_control::{Hidden, InstallWish, InstallationState};
use sekisho_host::HostError;

use super::{
    Installed, Places, UpdateError, put_into_slot, take,
    told::{self, Teller},
    words,
};
use crate::notices;

/// Root's copy of what was sent.
const COPY: &str = "sent.raucb";

/// Carries the wish out, and tells in any case how it ended.
pub(super) async fn install(places: &Places, socket: &Path) -> Result<Installed, UpdateError> {
    let teller = Teller::begin(places)?;
    teller.tell(InstallationState::Taking);
    let installed = carry_out(places, socket, &teller).await;
    told::slots(places);
    teller.tell(match &installed {
        Ok(Installed { version, restarts, .. }) => {
            InstallationState::Installed { version: version.to_string(), restarts: *restarts }
        }
        Err(fault) => words::failed(fault),
    });
    installed
}

async fn carry_out(
    places: &Places,
    socket: &Path,
    teller: &Teller<'_>,
) -> Result<Installed, UpdateError> {
    let InstallWish { restart, token, .. } = take_wish(places)?;
    let copy = take::bundle(&places.sent, &places.kept.join(COPY))?;
    teller.tell(InstallationState::Checking);
    let mut last = None;
    let tell = |progress: &str| {
        let percent = percent(progress);
        if let Some(percent) = percent.filter(|_| percent != last) {
            teller.tell(InstallationState::Writing { percent });
        }
        last = percent;
    };
    let token = token.as_ref().map(Hidden::expose);
    let installed = put_into_slot(places, socket, copy.path(), token, tell).await?;
    Ok(Installed { restarts: restart, ..installed })
}

/// Reads the wish. It goes in any case, or the unit that waits for it would begin again and again.
fn take_wish(places: &Places) -> Result<InstallWish, UpdateError> {
    let text = take::text(&places.wish, notices::LARGEST);
    let removed = fs::remove_file(&places.wish);
    let text = text?;
    removed.map_err(|source| HostError::File {
        tried: "remove",
        path: places.wish.clone(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|fault| UpdateError::Wish(fault.to_string()))
}

/// Of ` 60% Copying image to rootfs.1`.
fn percent(progress: &str) -> Option<u8> {
    progress.trim().split_once('%')?.0.parse().ok().filter(|percent| *percent <= 100)
}

#[cfg(test)]
mod tests {
    use sekisho_control::Installation;

    use super::*;

    fn places() -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let places = Places {
            kept: folder.path().to_owned(),
            found: folder.path().to_owned(),
            command_line: place("cmdline"),
            wish: place("wish"),
            sent: place("sent"),
            ..Places::default()
        };
        fs::write(&places.command_line, "root=/dev/sda1").unwrap();
        (folder, places)
    }

    fn installed(places: &Places) -> UpdateError {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(install(places, Path::new("/none"))).unwrap_err()
    }

    fn told(places: &Places) -> InstallationState {
        let text = fs::read(places.found.join(notices::INSTALLATION)).unwrap();
        serde_json::from_slice::<Installation>(&text).unwrap().state
    }

    #[test]
    fn a_wish_is_carried_out_once_and_its_end_is_told() {
        let (_folder, places) = places();
        fs::write(&places.wish, r#"{"restart":true}"#).unwrap();
        fs::write(&places.sent, "hsqs").unwrap();
        let fault = installed(&places);
        assert!(matches!(fault, UpdateError::NoSlots), "{fault}");
        let InstallationState::Failed { why, way_out } = told(&places) else {
            panic!("{:?}", told(&places));
        };
        assert!(why.en.contains("no slots") && way_out.is_some());
        assert!(!places.wish.exists() && !places.kept.join(COPY).exists());
        assert!(places.sent.exists(), "the page's file is the page's");
    }

    #[test]
    fn a_wish_that_makes_no_sense_is_gone_too() {
        let (_folder, places) = places();
        for (wish, sent) in [("{", true), ("[]", true), ("{}", false)] {
            fs::write(&places.wish, wish).unwrap();
            let _ = fs::remove_file(&places.sent);
            if sent {
                fs::write(&places.sent, "hsqs").unwrap();
            }
            installed(&places);
            assert!(matches!(told(&places), InstallationState::Failed { .. }), "{wish}");
            assert!(!places.wish.exists(), "{wish}");
        }
        let fault = installed(&places);
        assert!(matches!(fault, UpdateError::Read { .. }), "there is no wish: {fault}");
    }

    #[test]
    fn percents_are_read() {
        for (line, wanted) in [
            ("  0% Installing", Some(0)),
            (" 60% Copying image to rootfs.1", Some(60)),
            ("100% Installing done.", Some(100)),
            ("101% of it", None),
            ("Installing", None),
        ] {
            assert_eq!(percent(line), wanted, "{line}");
        }
    }
}
