//! The program itself: keys, signatures, errors, exit codes.

use std::{
    path::Path,
    process::{Command, Output},
};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho-far-end"));
    command.current_dir(folder).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn keys_are_made_and_a_profile_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for kind in ["tunnel", "operator"] {
        let made = run(folder, &["keygen", kind]);
        assert_eq!(made.status.code(), Some(0));
        let public = text(&made.stdout);
        assert!(public.trim().parse::<sekisho_design::PublicKey>().is_ok(), "{public}");
        let secret = std::fs::read_to_string(folder.join(format!("{kind}.key"))).unwrap();
        assert!(!text(&made.stderr).contains(secret.trim()) && !public.contains(secret.trim()));
        let again = run(folder, &["keygen", kind]);
        assert_eq!(again.status.code(), Some(1));
        assert!(text(&again.stderr).contains("never overwritten"));
    }

    std::fs::write(folder.join("profile.toml"), "schema = 1\n").unwrap();
    let shown = run(folder, &["sign", "--key", "operator.key", "profile.toml"]);
    assert_eq!(shown.status.code(), Some(0));
    let in_place =
        run(folder, &["sign", "--key", "operator.key", "profile.toml", "-o", "profile.toml"]);
    assert_eq!(in_place.status.code(), Some(0));
    assert_eq!(std::fs::read(folder.join("profile.toml")).unwrap(), shown.stdout);
    let again = run(folder, &["sign", "--key", "operator.key", "profile.toml"]);
    assert_eq!(again.stdout, shown.stdout);

    let wrong = run(folder, &["sign", "--key", "tunnel.key", "profile.toml"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("keygen operator"), "{}", text(&wrong.stderr));
}

#[test]
fn errors_say_what_and_where_and_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, &["keygen", "tunnel"]);
    std::fs::write(folder.join("bad.zone"), "web 60 IN A 1.2.3\n").unwrap();
    std::fs::write(folder.join("bytes"), [0xff; 10]).unwrap();
    let peer = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
    let respond = ["respond", "--peer", peer, "--listen", "127.0.0.1:0", "--key"];
    let table: [(&[&str], i32, &str); 9] = [
        (&["none.key"], 1, "read the key file none.key"),
        (&["bytes"], 1, "read the key file bytes"),
        (&["bad.zone"], 1, "keygen tunnel"),
        (&["tunnel.key", "--zone", "none.zone"], 1, "read the zone file none.zone"),
        (&["tunnel.key", "--zone", "bad.zone"], 1, "understand the zone file bad.zone"),
        (
            &["tunnel.key", "--tls-certificate", "none.pem", "--tls-key", "none.key"],
            1,
            "read the certificate none.pem",
        ),
        (&["tunnel.key", "--tun", "no-such-tun"], 1, "ip tuntap add dev no-such-tun"),
        (&["tunnel.key", "--mtu", "1"], 2, "--mtu"),
        (&["tunnel.key", "--wrong"], 2, "--wrong"),
    ];
    for (more, code, part) in table {
        let arguments: Vec<&str> = respond.iter().chain(more).copied().collect();
        let ended = run(folder, &arguments);
        let error = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{more:?}: {error}");
        assert!(error.contains(part), "{more:?}: {error}");
    }
    let ended = run(folder, &["answer", "--listen", "192.0.2.1"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("192.0.2.1:7"), "{}", text(&ended.stderr));
}

#[test]
fn help_names_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["respond", "answer", "sign", "keygen"] {
        let help = run(folder.path(), &[command, "--help"]);
        assert_eq!(help.status.code(), Some(0));
        assert!(text(&help.stdout).contains("Exit codes:"), "{command}");
    }
}
