use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::*;

const DEVICE: &str = "mw7uxsDgl8LZ9A2Dq6zSHoSpAQ4p6Xq7D4CpAmtTAAA=";
const OTHER: &str = "1w7uxsDgl8LZ9A2Dq6zSHoSpAQ4p6Xq7D4CpAmtTAAA=";
const INFO: &str = r#"{ "compatible": "sekisho-sg115", "version": "0.2.0", "images":
    [ { "rootfs": { "filename": "rootfs.img", "size": 1000, "checksum": "00" } } ] }"#;

fn path() -> &'static Path {
    Path::new("new.raucb")
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn the_box() -> Box_ {
    Box_ { compatible: "sekisho-sg115".to_owned(), floor: version("0.2.0"), room: 1000 }
}

fn bundle(text: &str) -> Bundle {
    Bundle { version: version(text), ..read(path(), INFO.as_bytes()).unwrap() }
}

/// A token of the lab's operator, and the operator's public key.
fn token(text: &str) -> (String, PublicKey) {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/lab/keys/operator");
    let secret = fs::read_to_string(format!("{keys}.key")).unwrap();
    let public = fs::read_to_string(format!("{keys}.pub")).unwrap();
    let secret = BASE64_STANDARD.decode(secret.trim()).unwrap();
    (sekisho_design::sign(text, &secret).unwrap(), public.trim().parse().unwrap())
}

fn older(device: &str, version: &str) -> Token {
    let text =
        format!("allow = \"older-firmware\"\ndevice = \"{device}\"\nversion = \"{version}\"");
    let (text, operator) = token(&text);
    Token::read(&text, &operator).unwrap()
}

#[test]
fn a_file_that_is_no_update_is_not_read() {
    for (beginning, bytes, wanted) in [
        (&b"hsqs..."[..], 500, None),
        (b"", 0, Some("is no update")),
        (b"PK\x03\x04", 500, Some("is no update")),
        (b"hsqs", 1 << 40, Some("the slot holds 1000")),
    ] {
        let said = look(path(), beginning, bytes, 1000).err().map(|error| error.to_string());
        assert_eq!(said.is_some(), wanted.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().contains(wanted.unwrap_or_default()), "{beginning:?}");
    }
}

#[test]
fn what_rauc_refuses_has_a_name() {
    for (said, wanted) in [
        (
            "rauc-Message: 15:49:56.878: Reading bundle: x\nInvalid bundle format: Signature size (16657) exceeds bundle size\n",
            "is truncated",
        ),
        (
            "signature verification failed: Verify error: unable to get local issuer certificate",
            "isn't signed by the maker",
        ),
        ("Verify error: unsuitable certificate purpose", "isn't signed by the maker"),
        ("Bundle format 'plain' not allowed", "can't be read as an update: Bundle format 'plain'"),
        ("", "no reason was given"),
    ] {
        let error = unreadable(path(), said).to_string();
        assert!(error.contains(wanted), "{said}: {error}");
    }
}

#[test]
fn an_answer_that_is_no_bundles_is_refused() {
    assert_eq!(bundle("0.2.0").size, 1000);
    for (text, reason) in [
        (INFO.replace("0.2.0", "new"), "version 'new'"),
        (INFO.replace("\"0.2.0\"", "null"), "version ''"),
        (
            INFO.replace("{ \"rootfs\"", "{ \"more\": { \"size\": 1 } }, { \"rootfs\""),
            "one root file system",
        ),
        ("[]".to_owned(), "invalid"),
    ] {
        let error = read(path(), text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn the_floor_the_board_and_the_slot_decide() {
    let device: PublicKey = DEVICE.parse().unwrap();
    let judged = |bundle: &Bundle, token: Option<&Token>| {
        judge(path(), bundle, &the_box(), token, Some(&device)).map_err(|error| error.to_string())
    };
    for good in ["0.2.0", "0.2.1", "1.0.0"] {
        assert_eq!(judged(&bundle(good), None), Ok(()), "{good}");
    }
    let refused = |bundle: &Bundle, token: Option<&Token>, reason: &str| {
        let error = judged(bundle, token).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    refused(&bundle("0.1.9"), None, "0.1.9 is older than 0.2.0");
    refused(&bundle("0.2.0-rc.1"), None, "is older than");
    refused(
        &Bundle { compatible: "sekisho-x".into(), ..bundle("0.2.0") },
        None,
        "is for 'sekisho-x'",
    );
    refused(&Bundle { size: 1001, ..bundle("0.2.0") }, None, "has 1001 bytes");
    assert_eq!(judged(&bundle("0.1.9"), Some(&older(DEVICE, "0.1.9"))), Ok(()));
    refused(&bundle("0.1.8"), Some(&older(DEVICE, "0.1.9")), "it is for version 0.1.9");
    refused(&bundle("0.1.9"), Some(&older(OTHER, "0.1.9")), "it is for the device");
}

#[test]
fn a_token_is_the_operators_or_none() {
    let text = format!("allow = \"older-firmware\"\ndevice = \"{DEVICE}\"\nversion = \"0.1.9\"");
    let (signed, operator) = token(&text);
    assert_eq!(Token::read(&signed, &operator).unwrap(), older(DEVICE, "0.1.9"));
    for (changed, reason) in [
        (signed.replace("0.1.9", "0.1.8"), "signature"),
        (text.clone(), "signature"),
        (String::new(), "signature"),
        (token("schema = 1").0, "unknown field"),
        (token(&text.replace("older-firmware", "all")).0, "unknown variant"),
    ] {
        let error = Token::read(&changed, &operator).unwrap_err().to_string();
        assert!(error.contains(reason), "{changed}: {error}");
    }
}
