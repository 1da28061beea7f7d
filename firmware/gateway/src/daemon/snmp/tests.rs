use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use sekisho_control::FailureKind;

use super::*;
use crate::daemon::sample;

const SECOND: Duration = Duration::from_secs(1);

fn author() -> Author {
    Author { uid: 0, name: Some("root".to_owned()), principal: None }
}

fn named() -> Design {
    let mut design = sample::office();
    design.snmp.maintenance = vec!["192.168.254.2/32".parse().unwrap()];
    design
}

#[test]
fn nothing_is_there_unless_the_design_names_somebody_and_there_is_a_user() {
    let folder = tempfile::tempdir().unwrap();
    let (state, run) = (folder.path(), folder.path().join("run"));
    let file = run.join("snmp/snmpd.conf");
    let mut snmp = Snmp::new(state, &run);
    let look = |snmp: &mut Snmp| {
        snmp.look_after(SECOND);
        file.exists()
    };
    assert!(!look(&mut snmp));
    snmp.follow(Some(&named()));
    assert!(!look(&mut snmp), "nobody has made passphrases");
    assert_eq!(snmp.status(), Told { wanted: true, user: None, fault: None });
    let made = snmp.renew(&author()).unwrap();
    assert!(made.wanted && look(&mut snmp));
    assert_eq!(snmp.status().user, Some(made.user));
    snmp.follow(Some(&sample::office()));
    assert!(!look(&mut snmp), "the design names nobody");
    snmp.follow(Some(&named()));
    assert!(look(&mut snmp));
    snmp.follow(None);
    assert!(!look(&mut snmp));
}

#[test]
fn one_user_may_read_three_parts_of_the_tree_with_keys_that_are_for_this_device() {
    let user = User {
        engine: Engine::new([7; 8]),
        keys: Keys::of(&Passphrase::given("one"), &Passphrase::given("two"), Engine::new([7; 8])),
        made: Timestamp::UNIX_EPOCH,
    };
    let (authentication, privacy) = (user.keys.authentication(), user.keys.privacy());
    let text = conf::text([192, 168, 254, 1].into(), &user, Path::new("/usr/bin/sekisho-snmp"));
    let wanted = format!(
        "# Written by sekishod by the design in force; changes here are lost.\n\
         agentAddress udp:192.168.254.1:161\n\
         exactEngineID 0x80007ed9050707070707070707\n\
         usmUser 1 5 0x80007ed9050707070707070707 \"monitor\" \"monitor\" NULL .1.3.6.1.6.3.10.1.1.5 0x{authentication} .1.3.6.1.6.3.10.1.2.4 0x{privacy} \"\"\n\
         view sekisho included .1.3.6.1.2.1.1\n\
         view sekisho excluded .1.3.6.1.2.1.1.9\n\
         view sekisho included .1.3.6.1.2.1.2\n\
         view sekisho included .1.3.6.1.2.1.31.1.1\n\
         view sekisho included .1.3.6.1.4.1.32473.1\n\
         rouser -s usm monitor authpriv -V sekisho\n\
         sysDescr Sekisho {version}\n\
         sysObjectID .1.3.6.1.4.1.32473.1\n\
         sysServices 68\n\
         sysName sekisho\n\
         sysContact -\n\
         sysLocation -\n\
         pass_persist .1.3.6.1.4.1.32473.1 /usr/bin/sekisho-snmp 127.0.0.1:9464\n\
         dontLogTCPWrappersConnects yes\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    assert_eq!(text, wanted);
}

#[test]
fn passphrases_are_told_once_and_new_ones_end_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let (state, run) = (folder.path(), folder.path().join("run"));
    let (file, keys) = (run.join("snmp/snmpd.conf"), state.join("snmp-user"));
    let mut snmp = Snmp::new(state, &run);
    snmp.follow(Some(&named()));
    let first = snmp.renew(&author()).unwrap();
    snmp.look_after(SECOND);
    let conf = fs::read_to_string(&file).unwrap();
    for path in [&file, &keys] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(path).unwrap();
        for secret in [&first.authentication, &first.privacy] {
            assert!(!text.contains(secret.expose()), "{text}");
        }
    }
    assert_ne!(first.authentication, first.privacy);

    // A daemon that starts anew knows the user, and leaves the file alone.
    let made = fs::metadata(&file).unwrap();
    let mut snmp = Snmp::new(state, &run);
    assert_eq!(snmp.status().user, Some(first.user.clone()));
    snmp.follow(Some(&named()));
    snmp.look_after(SECOND);
    assert_eq!(fs::metadata(&file).unwrap().ino(), made.ino());

    let second = snmp.renew(&author()).unwrap();
    snmp.look_after(SECOND);
    assert_eq!(second.user.engine, first.user.engine);
    assert_ne!(second.authentication, first.authentication);
    assert_ne!(fs::read_to_string(&file).unwrap(), conf);
}

#[test]
fn damaged_keys_are_as_good_as_none_and_can_be_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (state, run) = (folder.path(), folder.path().join("run"));
    let keys = state.join("snmp-user");
    let engine = "80007ed9050102030405060708";
    let (long, short) = ("0".repeat(64), "0".repeat(32));
    let written = |engine: &str, keys: [&str; 2]| {
        let made = "2026-04-01T00:00:00Z";
        serde_json::json!({ "engine": engine, "keys": keys, "made": made }).to_string()
    };
    let good = written(engine, [&long, &short]);
    files::write(&keys, good.as_bytes(), 0o600).unwrap();
    assert!(Snmp::new(state, &run).status().user.is_some());
    files::write(&keys, good.as_bytes(), 0o644).unwrap();
    assert!(Snmp::new(state, &run).status().user.is_none(), "others may have read it");
    for damaged in [
        String::new(),
        "{}".to_owned(),
        good[..good.len() - 1].to_owned(),
        written(&engine[1..], [&long, &short]),
        written(engine, [&short, &long]),
        written(engine, ["x", &short]),
        good.replace("made", "when"),
    ] {
        files::write(&keys, damaged.as_bytes(), 0o600).unwrap();
        let mut snmp = Snmp::new(state, &run);
        assert!(snmp.status().user.is_none(), "{damaged}");
        assert!(snmp.renew(&author()).is_ok());
        assert!(Snmp::new(state, &run).status().user.is_some());
    }
}

#[test]
fn a_disk_that_refuses_leaves_the_passphrases_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (state, run) = (folder.path().join("state"), folder.path().join("run"));
    fs::create_dir(&state).unwrap();
    let mut snmp = Snmp::new(&state, &run);
    let first = snmp.renew(&author()).unwrap();
    fs::remove_dir_all(&state).unwrap();
    let failure = snmp.renew(&author()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Device);
    assert_eq!(snmp.status().user, Some(first.user));
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (state, run) = (folder.path(), folder.path().join("run"));
    let file = run.join("snmp/snmpd.conf");
    let mut snmp = Snmp::new(state, &run);
    snmp.renew(&author()).unwrap();
    snmp.follow(Some(&named()));
    // Something stands in the way.
    fs::write(&run, "").unwrap();
    snmp.look_after(SECOND);
    assert!(snmp.status().fault.is_some());
    fs::remove_file(&run).unwrap();
    snmp.look_after(2 * SECOND);
    assert!(!file.exists(), "not yet");
    snmp.look_after(SECOND + RETRY);
    assert!(file.exists() && snmp.status().fault.is_none());
}
