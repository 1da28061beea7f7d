//! A file that is written, read back from the disk, and taken away.

use std::{fs, io, path::Path, time::Duration};

use sekisho_host::{HostError, files};
use tokio::{task::spawn_blocking, time::timeout};

use crate::probe::Seen;

/// The file's name. A test that was cut off leaves it, and the next one replaces it.
const NAME: &str = "self-test.tmp";

/// What is written: 64 KiB.
const SIZE: u32 = 64 << 10;

/// How long a disk may take for that.
const LIMIT: Duration = Duration::from_secs(5);

/// [`Probe::DiskWrite`](crate::probe::Probe::DiskWrite), in this folder. Takes 5 s at the longest; a disk that answers
/// nothing at all keeps a thread of the runtime until it does.
pub async fn disk_write(folder: &Path) -> Seen {
    let (path, shown) = (folder.join(NAME), folder.display());
    match timeout(LIMIT, spawn_blocking(move || there_and_back(&path))).await {
        Ok(Ok(Ok(()))) => Seen::Fine,
        Ok(Ok(Err(what))) => Seen::Wrong { what: vec![what] },
        Ok(Err(error)) => Seen::Unable { why: error.to_string() },
        Err(_) => Seen::Wrong {
            what: vec![format!(
                "the disk didn't write and read back a file in '{shown}' within 5 s"
            )],
        },
    }
}

fn there_and_back(path: &Path) -> Result<(), String> {
    // No two words of it are the same.
    let contents: Vec<u8> = (0..SIZE / 4).flat_map(u32::to_le_bytes).collect();
    let said = |error: HostError| match error.way_out() {
        Some(way_out) => format!("{error}. {way_out}"),
        None => error.to_string(),
    };
    let outcome = files::write(path, &contents, 0o600).map_err(said).and_then(|()| {
        let back = files::read_anew(path, u64::from(SIZE)).map_err(said)?;
        if back == contents {
            Ok(())
        } else {
            Err(format!("what was read back from '{}' isn't what was written", path.display()))
        }
    });
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("can't remove '{}': {error}", path.display()))
        }
        _ => Ok(()),
    };
    outcome.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_that_keeps_what_it_is_given_is_fine_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "left by a test that was cut off").unwrap();
        assert_eq!(disk_write(folder.path()).await, Seen::Fine);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named() {
        let Seen::Wrong { what } = disk_write(Path::new("/nonexistent")).await else {
            panic!("written")
        };
        assert!(what[0].contains("can't write '/nonexistent/self-test.tmp'"), "{what:?}");
    }

    #[tokio::test]
    async fn what_stands_in_the_way_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join(NAME);
        fs::create_dir(&other).unwrap();
        let Seen::Wrong { what } = disk_write(folder.path()).await else { panic!("written") };
        assert!(what[0].contains("self-test.tmp"), "{what:?}");
        assert!(other.exists());
    }
}
