//! What tells this device from every other.

use std::{fs, path::Path};

use sekisho_control::{ComingKey, Identity, KeyAtCentre};
use sekisho_design::{OrganisationCode, PublicKey};

use super::store::{Coming, sha256};

/// The number that the machine got with its first start. It stays in the box: other programs take secrets from it.
const MACHINE_ID: &str = "/etc/machine-id";

/// Digits of a serial number.
const DIGITS: usize = 16;

/// Which device this is, for the operator's books and for the eyes of who stands before it.
pub(super) fn told(
    public_key: PublicKey,
    organisation: Option<OrganisationCode>,
    page_authority: Option<String>,
    coming: Option<(&Coming, Vec<KeyAtCentre>)>,
) -> Identity {
    let (serial, version) = (serial(), env!("CARGO_PKG_VERSION").to_owned());
    let holder = organisation.map(|code| format!(" organisation={code}")).unwrap_or_default();
    let line = format!("sekisho serial={serial}{holder} key={public_key} version={version}");
    let coming = coming.map(|(Coming { key, made_at }, centres)| {
        let (own, public_key, made_at) = (public_key, key.public(), *made_at);
        let line = format!(
            "sekisho serial={serial}{holder} key={public_key} replaces={own} version={version}"
        );
        ComingKey { public_key, made_at, centres, line }
    });
    Identity { serial, public_key, organisation, version, page_authority, line, coming }
}

/// The device's serial number: made of the machine's own, which can't be found from it.
pub(super) fn serial() -> String {
    of(Path::new(MACHINE_ID))
}

/// Zeroes where the machine has no number.
fn of(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(id) if !id.trim().is_empty() => {
            let mut sum = sha256(format!("sekisho serial {}", id.trim()).as_bytes());
            sum.truncate(DIGITS);
            sum
        }
        _ => "0".repeat(DIGITS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_the_machines_and_does_not_tell_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine-id");
        assert_eq!(of(&path), "0000000000000000");
        fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        let first = of(&path);
        assert!(first.len() == DIGITS && first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(of(&path), first);
        assert!(!"0123456789abcdef0123456789abcdef".contains(&first));
        fs::write(&path, "fedcba9876543210fedcba9876543210\n").unwrap();
        assert_ne!(of(&path), first);
    }
}
