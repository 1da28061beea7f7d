use super::*;

/// A box that runs 0.2.0 in slot A, and goes back to 0.1.0 at most.
struct Box_ {
    folder: tempfile::TempDir,
    places: Places,
}

impl Box_ {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let places = Places {
            kept: folder.path().to_owned(),
            state: place("state"),
            boot_memory: place("grubenv"),
            command_line: place("cmdline"),
            image: folder.path().to_owned(),
            ..Places::default()
        };
        fs::write(&places.command_line, "sekisho.slot=A").unwrap();
        fs::write(
            place("release.toml"),
            "version = \"0.2.0\"\nfloor = \"0.1.0\"\nkind = \"release\"\n",
        )
        .unwrap();
        let mut block = b"# GRUB Environment Block\nORDER=A B\nA_OK=1\nB_OK=0\n".to_vec();
        block.resize(1024, b'#');
        fs::write(&places.boot_memory, block).unwrap();
        Self { folder, places }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("no-daemon")
    }

    fn admit(&self, version: Option<&str>) -> Result<(), String> {
        let socket = self.socket();
        block_on(admit(&self.places, &socket, self.folder.path(), version))
            .map_err(|error| error.to_string())
    }

    fn written(&self, version: Option<&str>) -> Result<(), String> {
        let socket = self.socket();
        block_on(written(&self.places, &socket, self.folder.path(), version))
            .map_err(|error| error.to_string())
    }

    fn ended(&self) -> bool {
        ended(&self.places, self.folder.path()).unwrap()
    }

    fn trial(&self) -> Option<Trial> {
        Trial::read(&self.places.kept).unwrap()
    }

    /// What the command line leaves before it asks RAUC.
    fn judged(&self, version: &str) -> Lock {
        let lock = Lock::take(&self.places.kept.join(LOCK)).unwrap();
        record(version, Slot::B).write(&self.places.kept).unwrap();
        lock
    }
}

fn record(version: &str, slot: Slot) -> Trial {
    Trial {
        version: version.into(),
        from: "0.2.0".into(),
        slot,
        before: None,
        given_up: None,
        given_up_ja: None,
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn what_is_rolled_out_is_on_trial_and_the_box_restarts_once() {
    let it = Box_::new();
    it.admit(Some("0.3.0")).unwrap();
    assert_eq!(it.trial(), Some(record("0.3.0", Slot::B)));
    it.written(Some("0.3.0")).unwrap();
    assert_eq!(it.trial(), Some(record("0.3.0", Slot::B)));
    assert!(it.ended(), "it restarts");
    assert!(!it.ended(), "and not again");
    assert!(it.trial().is_some());
}

#[test]
fn what_may_not_come_is_refused_by_name() {
    for (version, wanted) in [
        (None, "doesn't say which version"),
        (Some("new"), "version 'new'"),
        (Some("0.2.0"), "0.2.0 runs already"),
        (Some("0.0.9"), "0.0.9 is older than 0.1.0"),
    ] {
        let it = Box_::new();
        let said = it.admit(version).unwrap_err();
        assert!(said.contains(wanted), "{said}");
        assert!(it.trial().is_none() && !it.ended(), "{version:?} leaves something");
    }
    // Older, but not too old.
    Box_::new().admit(Some("0.1.0")).unwrap();
}

#[test]
fn nothing_is_rolled_out_over_what_waits_or_is_on_trial() {
    for slot in [Slot::A, Slot::B] {
        let it = Box_::new();
        let before = record("0.2.5", slot);
        before.write(&it.places.kept).unwrap();
        let said = it.admit(Some("0.3.0")).unwrap_err();
        assert!(said.contains("0.2.5 is on trial"), "{said}");
        assert!(!it.ended());
        assert_eq!(it.trial(), Some(before));
    }
}

#[test]
fn an_installation_that_comes_to_nothing_leaves_nothing() {
    let it = Box_::new();
    it.admit(Some("0.3.0")).unwrap();
    assert!(!it.ended(), "there is nothing to restart for");
    assert_eq!(it.trial(), None);
    it.admit(Some("0.3.0")).unwrap();
}

#[test]
fn what_the_command_line_has_judged_is_its_own() {
    let it = Box_::new();
    // With a token it may be older; a bundle of its time may not say its version.
    for (version, told) in [("0.0.9", Some("0.0.9")), ("0.0.8", None)] {
        let _lock = it.judged(version);
        it.admit(told).unwrap();
        it.written(told).unwrap();
        assert_eq!(it.trial(), Some(record(version, Slot::B)));
        assert!(!it.ended(), "the command line restarts by itself, or doesn't");
    }
}

#[test]
fn nothing_else_comes_in_while_the_command_line_is_at_work() {
    let it = Box_::new();
    let lock = it.judged("0.0.9");
    let said = it.admit(Some("0.3.0")).unwrap_err();
    assert!(said.contains("another update is being installed"), "{said}");
    drop(lock);
    Trial::forget(&it.places.kept).unwrap();
    let _lock = Lock::take(&it.places.kept.join(LOCK)).unwrap();
    assert!(it.admit(None).is_err(), "it has judged nothing yet");
}

#[test]
fn what_was_written_is_on_trial_even_if_its_record_is_gone() {
    let it = Box_::new();
    it.admit(Some("0.3.0")).unwrap();
    Trial::forget(&it.places.kept).unwrap();
    it.written(Some("0.3.0")).unwrap();
    assert_eq!(it.trial(), Some(record("0.3.0", Slot::B)));
}

#[test]
fn what_the_box_is_to_the_server_is_told_while_it_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("updater.conf");
    assert_eq!(followed(&path).unwrap(), None);
    fs::write(&path, "").unwrap();
    assert_eq!(followed(&path).unwrap(), None);
    let text = "# a = b\n[client]\nhawkbit_server = 100.72.1.20:443\ntenant_id = DEFAULT\n\
                target_name = sekisho-011002\nauth_token = 00ff\nssl = true\n";
    fs::write(&path, text).unwrap();
    let told = followed(&path).unwrap().unwrap();
    assert_eq!((&*told.server, &*told.tenant), ("100.72.1.20:443", "DEFAULT"));
    assert_eq!((&*told.target, &*told.token), ("sekisho-011002", "00ff"));
}

#[test]
fn the_version_is_that_of_the_update() {
    let folder = tempfile::tempdir().unwrap();
    let missing = version(folder.path()).unwrap_err().to_string();
    assert!(missing.contains("manifest.raucm"), "{missing}");
    for (manifest, wanted) in [
        (
            "[update]\ncompatible=sekisho-sg115\nversion=0.3.0\n\n[bundle]\nformat=verity\n",
            Some("0.3.0"),
        ),
        ("[update]\n version = 0.3.0-rc.1 \n", Some("0.3.0-rc.1")),
        ("[other]\nversion=0.9.0\n\n[update]\nversion=0.3.0\n", Some("0.3.0")),
        ("[update]\ncompatible=sekisho-sg115\n\n[meta.other]\nversion=0.9.0\n", None),
        ("version=0.9.0\n", None),
        ("", None),
    ] {
        fs::write(folder.path().join("manifest.raucm"), manifest).unwrap();
        assert_eq!(version(folder.path()).unwrap().as_deref(), wanted, "{manifest}");
    }
}

#[test]
fn nothing_is_on_trial_that_nobody_has_written() {
    let it = Box_::new();
    let said = it.written(None).unwrap_err();
    assert!(said.contains("has written none") && it.trial().is_none() && !it.ended(), "{said}");
}
