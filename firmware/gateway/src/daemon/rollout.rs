//! The operator's roll-outs of firmware: whom the updater asks for new firmware, and as whom.
//!
//! rauc-hawkbit-updater is another program, and runs only where the site follows roll-outs. What it needs stands in `RUN/rollout`,
//! whose configuration is empty otherwise; the image starts and stops it by that file. The token that it shows to the server is
//! made of the tunnel's key: a box that takes another one's identity is the same target, and there is no secret more to keep.

use std::{fmt::Write as _, path::Path, time::Duration};

use ring::hmac::{self, HMAC_SHA256};
use sekisho_design::Design;
use sekisho_tunnel::SecretKey;

use super::handed::Handed;

/// Where the updater's part of the design stands, below the run folder.
const FOLDER: &str = "rollout";
const CONFIGURATION: &str = "updater.conf";
const AUTHORITY: &str = "authority.pem";

/// What the token is for, so that another one of this key is another one.
const PURPOSE: &[u8] = b"sekisho: target token of the operator's roll-outs, 1";

/// Bytes of a token; as many as a server's own have.
const TOKEN: usize = 16;

/// Where the updater keeps a bundle until it is installed.
const BUNDLE: &str = "/var/cache/sekisho-rollout/update.raucb";

/// Tells the updater what to do.
pub(super) struct Rollout {
    authority: Handed,
    configuration: Handed,
    serial: String,
    version: String,
}

impl Rollout {
    /// Begins without a design: the updater doesn't run.
    pub(super) fn start(run: &Path, serial: String, version: String) -> Self {
        let folder = run.join(FOLDER);
        Self {
            authority: Handed::new(folder.join(AUTHORITY), 0o644, String::new()),
            // It holds a secret.
            configuration: Handed::new(folder.join(CONFIGURATION), 0o600, String::new()),
            serial,
            version,
        }
    }

    /// Another design is in force, or none any more.
    pub(super) fn follow(&mut self, design: Option<&Design>, key: &SecretKey) {
        let authority = design
            .filter(|design| design.rollout_server().is_some())
            .and_then(|design| design.profile.authority.as_ref());
        self.authority.hand(authority.map(ToString::to_string).unwrap_or_default());
        self.configuration.hand(self.configuration_by(design, key).unwrap_or_default());
    }

    /// Writes what the updater is to do where that is due; whom to trust comes before whom to ask.
    pub(super) fn look_after(&mut self, now: Duration) {
        if self.authority.look_after(now) {
            self.configuration.look_after(now);
        }
    }

    /// `None` where roll-outs aren't followed.
    fn configuration_by(&self, design: Option<&Design>, key: &SecretKey) -> Option<String> {
        let design = design?;
        let server = design.rollout_server()?;
        let (address, port, tenant) = (server.address, server.port, &server.tenant);
        let organisation = design.site.organisation;
        let token = token(key);
        let Self { serial, version, .. } = self;
        Some(format!(
            "# Written by sekishod by the design in force; changes here are lost.\n\
             [client]\n\
             hawkbit_server = {address}:{port}\n\
             tenant_id = {tenant}\n\
             target_name = sekisho-{organisation}\n\
             auth_token = {token}\n\
             ssl = true\n\
             ssl_verify = true\n\
             bundle_download_location = {BUNDLE}\n\
             resume_downloads = true\n\
             post_update_reboot = false\n\
             \n\
             [device]\n\
             organisation = {organisation}\n\
             serial = {serial}\n\
             version = {version}\n"
        ))
    }
}

/// What the box shows to the server instead of a password: hexadecimal.
fn token(key: &SecretKey) -> String {
    let secret = hmac::Key::new(HMAC_SHA256, key.to_base64().as_bytes());
    let tag = hmac::sign(&secret, PURPOSE);
    tag.as_ref().iter().take(TOKEN).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _},
        path::PathBuf,
    };

    use sekisho_design::{RolloutServer, Tenant};

    use super::*;
    use crate::daemon::sample;

    fn key() -> SecretKey {
        "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=".parse().unwrap()
    }

    fn design() -> Design {
        let mut design = sample::office();
        design.profile.rollout = Some(RolloutServer {
            address: "100.72.1.20".parse().unwrap(),
            port: 8443,
            tenant: "lgwan".parse::<Tenant>().unwrap(),
        });
        design.rollout = true;
        design
    }

    fn begun() -> (tempfile::TempDir, Rollout, [PathBuf; 2]) {
        let run = tempfile::tempdir().unwrap();
        let rollout = Rollout::start(run.path(), "0123456789abcdef".into(), "0.1.0".into());
        let files = [AUTHORITY, CONFIGURATION].map(|name| run.path().join(FOLDER).join(name));
        (run, rollout, files)
    }

    #[test]
    fn the_updater_is_told_whom_to_ask_and_whom_to_trust() {
        let (_run, mut rollout, [authority, configuration]) = begun();
        let design = design();
        rollout.follow(Some(&design), &key());
        rollout.look_after(Duration::ZERO);
        let told = fs::read_to_string(&configuration).unwrap();
        for line in [
            "hawkbit_server = 100.72.1.20:8443",
            "tenant_id = lgwan",
            &format!("target_name = sekisho-{}", design.site.organisation),
            &format!("auth_token = {}", token(&key())),
            "ssl = true",
            "ssl_verify = true",
            "post_update_reboot = false",
            "serial = 0123456789abcdef",
            "version = 0.1.0",
        ] {
            assert!(told.lines().any(|found| found == line), "{line}: {told}");
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&configuration), mode(&authority)), (0o600, 0o644));
        let trusted = fs::read_to_string(&authority).unwrap();
        assert_eq!(trusted, design.profile.authority.as_ref().unwrap().to_string());
    }

    #[test]
    fn nobody_is_asked_unless_site_and_operator_say_so() {
        let (mut closed, mut unoffered) = (design(), design());
        closed.rollout = false;
        unoffered.profile.rollout = None;
        for design in [None, Some(&closed), Some(&unoffered)] {
            let (_run, mut rollout, files) = begun();
            rollout.follow(Some(&self::design()), &key());
            rollout.look_after(Duration::ZERO);
            assert!(files.iter().all(|file| fs::metadata(file).unwrap().size() > 0));
            rollout.follow(design, &key());
            rollout.look_after(Duration::ZERO);
            assert!(files.iter().all(|file| fs::metadata(file).unwrap().size() == 0));
        }
    }

    #[test]
    fn the_server_is_not_asked_before_it_is_known_whom_to_trust() {
        let (_run, mut rollout, [authority, configuration]) = begun();
        // Something stands in the authority's way.
        fs::create_dir_all(&authority).unwrap();
        rollout.follow(Some(&design()), &key());
        rollout.look_after(Duration::ZERO);
        assert!(!configuration.exists());
        fs::remove_dir(&authority).unwrap();
        rollout.look_after(super::super::handed::RETRY);
        assert!(authority.is_file() && configuration.is_file());
    }

    #[test]
    fn a_token_is_the_keys_and_does_not_tell_it() {
        let (first, other) = (token(&key()), token(&SecretKey::generate()));
        assert!(first.len() == 2 * TOKEN && first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(first, token(&key()));
        assert_ne!(first, other);
        assert_ne!(first, key().public().to_string());
    }
}
