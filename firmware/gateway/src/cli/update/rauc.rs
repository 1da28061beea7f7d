//! RAUC, which verifies bundles, writes them into the other slot and tells the boot loader to try it.

use std::{
    io::{self, BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use super::{
    UpdateError,
    bundle::{self, Bundle},
};

/// Verifies a bundle's signature and reads what it says of itself.
pub(super) fn info(path: &Path) -> Result<Bundle, UpdateError> {
    let words = ["info", "--output-format=json"];
    let output = Command::new("rauc").args(words).arg(path).output().map_err(UpdateError::Rauc)?;
    if output.status.success() {
        return Ok(bundle::read(path, &output.stdout)?);
    }
    Err(bundle::unreadable(path, &String::from_utf8_lossy(&output.stderr)).into())
}

/// Installs a bundle, and tells how far it is as often as that changes.
pub(super) fn install(path: &Path, mut tell: impl FnMut(&str)) -> Result<(), UpdateError> {
    let mut child = Command::new("rauc")
        .arg("install")
        .arg(path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(UpdateError::Rauc)?;
    let errors =
        child.stderr.take().map(|errors| std::thread::spawn(|| io::read_to_string(errors)));
    let (mut told, mut last) = (String::new(), String::new());
    let lines = child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    for line in lines {
        let line = line.map_err(UpdateError::Rauc)?;
        if let Some(progress) = progress(&line)
            && progress != told
        {
            tell(progress);
            progress.clone_into(&mut told);
        } else if let Some(reason) = line.trim().strip_prefix("LastError: ") {
            reason.clone_into(&mut last);
        }
    }
    let status = child.wait().map_err(UpdateError::Rauc)?;
    if status.success() {
        return Ok(());
    }
    let errors =
        errors.and_then(|errors| errors.join().ok()).and_then(Result::ok).unwrap_or_default();
    let said = if last.is_empty() { errors.trim().to_owned() } else { last };
    Err(UpdateError::NotInstalled(said))
}

/// The part of a line that tells how far an installation is: ` 60% Copying image to rootfs.1`.
fn progress(line: &str) -> Option<&str> {
    let line = line.trim();
    let (number, _) = line.split_once("% ")?;
    number.parse::<u8>().is_ok().then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_from_other_lines() {
        assert_eq!(progress("  0% Installing"), Some("0% Installing"));
        assert_eq!(
            progress(" 60% Copying image to rootfs.1"),
            Some("60% Copying image to rootfs.1")
        );
        for other in ["installing", "LastError: 5 % of it", "100%", "Installing `/x` succeeded"] {
            assert_eq!(progress(other), None, "{other}");
        }
    }
}
