//! What is in a bundle, and what never is.

use std::{collections::BTreeMap, io::Read as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use sekisho_control::Cause;
use sekisho_design::Both;

use super::{super::tests::sample, *};

const EVERY_FILE: [&str; 11] = [
    "design/platform-profile.toml",
    "design/site.toml",
    "health.json",
    "history.json",
    "key.json",
    "names.json",
    "refusals.json",
    "report.json",
    "sekishod.log",
    "status.json",
    "traffic.json",
];

fn unpacked(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        assert_eq!(entry.header().mode().unwrap(), MODE);
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (name, text)
    });
    entries.collect()
}

#[test]
fn secrets_in_any_file_never_come_out() {
    let key = BASE64_STANDARD.encode([7_u8; 32]);
    let public = BASE64_STANDARD.encode([9_u8; 32]);
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDhunter2K2Vw\n-----END PRIVATE KEY-----";
    let toml =
        format!("password = \"hunter2\"\nx = \"{key}\"\npublic-key = \"{public}\"\n# {pem}\n");
    let json = serde_json::json!({
        "token": "hunter2", "deep": [{ "note": format!("psk: hunter2 {key}"), "pem": pem }],
        "public": public, "kept": "kept",
    });
    let log = format!(
        "kept\nbox sekishod[1]: {key}\nbox sekishod[1]: passphrase=hunter2\n{pem}\nend {public}\n"
    );
    let secret = || "the secret: hunter2".to_owned();
    let both = || Both { ja: secret(), en: secret() };
    let gathered = Gathered {
        files: EVERY_FILE
            .iter()
            .map(|name| {
                let text = match name.rsplit('.').next() {
                    Some("toml") => toml.clone(),
                    Some("log") => log.clone(),
                    _ => json.to_string(),
                };
                ((*name).to_owned(), text)
            })
            .collect(),
        absent: vec![("other.json".to_owned(), secret())],
        known: BTreeSet::from([public.clone()]),
        status: None,
        gone: None,
        first_cause: Some(FirstCause {
            check: "a".to_owned(),
            title: both(),
            cause: Cause { code: "c".to_owned(), why: both(), told_by: both(), next_step: both() },
        }),
    };
    let now = "2026-11-25T01:00:00Z".parse().unwrap();
    let (files, _) = cleaned(&gathered, now);
    let packed = unpacked(&pack("folder", &files, now).unwrap());
    assert_eq!(packed.len(), EVERY_FILE.len() + 2);
    for (name, text) in &packed {
        assert!(!text.contains("hunter2") && !text.contains(&key), "{name}: {text}");
    }
    for name in EVERY_FILE {
        let text = &packed[&format!("folder/{name}")];
        assert!(text.contains(redact::REMOVED) && text.contains(&public), "{name}: {text}");
    }
    assert!(packed["folder/enquiry.txt"].contains("other.json なし："));
}

#[test]
fn a_form_is_filled_in_as_far_as_the_device_knows() {
    let both = |ja: &str, en: &str| Both { ja: ja.to_owned(), en: en.to_owned() };
    let cause = FirstCause {
        check: "lgwan.router".to_owned(),
        title: both("ルータ", "Router"),
        cause: Cause {
            code: "cable-out".to_owned(),
            why: both("抜けている。", "It is out."),
            told_by: both("リンクがない。", "No link."),
            next_step: both("差してください。", "Plug it in."),
        },
    };
    let files = ["status.json".to_owned()];
    let absent = [("report.json".to_owned(), "no test yet".to_owned())];
    let facts = Facts {
        at: "2026-11-25T01:00:00Z".parse().unwrap(),
        status: None,
        first_cause: Some(&cause),
        files: &files,
        absent: &absent,
    };
    let form = enquiry::form(&facts);
    for said in [
        "問合せ票\n\n団体コード：（不明）",
        "作成日時：2026-11-25 10:00:00 JST",
        "装置が見つけた原因：cable-out (lgwan.router)",
        "次にすること：差してください。",
        "  report.json なし：no test yet",
        "Enquiry\n\nOrganisation: (unknown)",
        "Next step: Plug it in.",
        "  report.json: absent, no test yet",
    ] {
        assert!(form.contains(said), "{said}: {form}");
    }
    assert!(form.find("問合せ票") < form.find("Enquiry"));
}

#[test]
fn a_long_log_keeps_its_last_whole_lines() {
    assert_eq!(end_of("ab\ncd\nef\n", 100), "ab\ncd\nef\n");
    assert_eq!(end_of("ab\ncd\nef\n", 6), "cd\nef\n");
    assert_eq!(end_of("ab\ncd\nef\n", 5), "ef\n");
    assert_eq!(end_of("漢字\n漢字\n", 8), "漢字\n");
    assert_eq!(end_of("no line end", 3), "");
    assert_eq!(end_of("", 3), "");
}

#[test]
fn a_report_without_secrets_comes_out_as_it_is() {
    let json = show::json(&sample::report());
    let cleaned: SelfTestReport = serde_json::from_str(&redact(&json, &BTreeSet::new())).unwrap();
    assert_eq!(cleaned, sample::report());
}
