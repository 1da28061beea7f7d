//! What a report looks like, whatever is in it.

use std::{path::Path, time::Duration};

use sekisho_control::{
    CallOutcome, Health, HealthChange, Level, SelfTestEvent, SelfTestReport, SelfTestWish, Stage,
    Verdict,
};
use sekisho_design::{Both, Language};

use super::{
    complaint, disturbance, health, html,
    live::Progress,
    merge::{self, CantMerge, Merged},
    tree,
};

#[path = "../../../tests/common/report.rs"]
pub(super) mod sample;

use sample::{far_half, passed, report};

const HOSTILE: &str = "<script>alert('x')</script>&\"\x1b]0;owned\x07\u{202E}gnp";

fn hostile() -> SelfTestReport {
    let mut report = report();
    let bad = || Both { ja: HOSTILE.to_owned(), en: HOSTILE.to_owned() };
    for outcome in &mut report.outcomes {
        outcome.check.id = HOSTILE.to_owned();
        outcome.check.title = bad();
        outcome.check.tried = bad();
        outcome.check.requirements = vec![HOSTILE.to_owned()];
        outcome.result = bad();
        outcome.measured = Some(HOSTILE.to_owned());
        outcome.limit = Some(HOSTILE.to_owned());
        if let Some(cause) = &mut outcome.cause {
            (cause.why, cause.told_by, cause.next_step) = (bad(), bad(), bad());
            cause.code = HOSTILE.to_owned();
        }
    }
    let first = report.first_cause.as_mut().unwrap();
    first.check = HOSTILE.to_owned();
    first.title = bad();
    first.cause.code = HOSTILE.to_owned();
    (first.cause.why, first.cause.told_by, first.cause.next_step) = (bad(), bad(), bad());
    report.site.as_mut().unwrap().name = HOSTILE.to_owned();
    report.firmware = HOSTILE.to_owned();
    report.design_hash = Some(HOSTILE.to_owned());
    report
}

fn joined(report: &SelfTestReport, far: &sekisho_control::FarHalf) -> Result<Merged, CantMerge> {
    let [a, b] = [serde_json::to_vec(report).unwrap(), serde_json::to_vec(far).unwrap()];
    merge::join((Path::new("device.json"), &a), (Path::new("far.json"), &b))
}

#[test]
fn a_page_takes_every_text_at_its_word_and_fetches_nothing() {
    let mut merged = joined(&report(), &far_half()).unwrap();
    merged.disagreements = vec![Both { ja: HOSTILE.to_owned(), en: HOSTILE.to_owned() }];
    for language in [Language::Japanese, Language::English] {
        let page = html::page(&hostile(), Some(&merged), language);
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"));
        assert!(!page.contains("<script"));
        assert!(!page.contains(['\x1b', '\x07', '\u{202E}']));
        for fetches in ["src=", "href=", "url(", "@import", "http://", "https://"] {
            assert!(!page.contains(fetches), "{fetches}");
        }
    }
}

#[test]
fn a_page_has_what_both_sides_sign() {
    let page = html::page(&report(), None, Language::Japanese);
    for said in [
        "見本市",
        "011002",
        "2026-0142",
        "SHA-256 5f0e7c1d",
        "2026-11-25 10:00:00 JST",
        "24.3 秒",
        "時刻サーバに同期している",
        "合格 56、注意 1、不合格 1、未実施 2",
        "まず直すところ",
        "次にすること",
        "R22 R23",
        "Platform Issuing CA",
        "確認日",
        "氏名",
        "<th>団体</th><td></td>",
        "<th>機構</th><td></td>",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert_eq!(page.matches("class=\"stage\"").count(), 6);
    let english = html::page(&report(), None, Language::English);
    assert!(english.contains("<html lang=\"en\">") && english.contains("To mend first"));
}

#[test]
fn a_tree_names_the_first_cause_at_its_end_and_nothing_steers_the_terminal() {
    let text = tree::text(&report(), false, Language::English);
    let end = text.rfind("To mend first: Resolver 100.72.0.53").expect("a first cause");
    assert!(text[end..].contains("next step: Ask the operator"), "{text}");
    assert!(
        text.ends_with("Verdict: failed\nChecks: 56 passed, 1 warned, 1 failed, 2 not run\n"),
        "{text}"
    );
    assert!(text.contains("| OK   Design valid and in force  0.4 ms\n"), "{text}");
    assert!(text.contains("| FAIL Resolver 100.72.0.53"), "{text}");
    assert!(
        text.contains("SKIP From the platform to the addressee server  Not run: depends"),
        "{text}"
    );
    assert!(!text.contains("told by"), "{text}");
    let explained = tree::text(&report(), true, Language::English);
    for label in ["tried: ", "measured: ", "limit: ", "told by: ", "requirement: R22 R23"] {
        assert!(explained.contains(label), "{label}: {explained}");
    }
    let japanese = tree::text(&report(), false, Language::Japanese);
    assert!(japanese.contains("├ ○ 設計が誤りなく働いている"), "{japanese}");
    assert!(
        japanese.contains("× 名前サーバ 100.72.0.53") && japanese.contains("└ －"),
        "{japanese}"
    );
    for explain in [false, true] {
        let text = tree::text(&hostile(), explain, Language::English);
        assert!(!text.contains(['\x1b', '\x07', '\u{202E}']), "{text:?}");
    }
}

#[test]
fn progress_says_what_runs_how_far_it_is_and_how_long_it_takes() {
    let outcome = passed("lgwan.router", Stage::Lgwan, ("ルータ", "router"));
    let other = passed("lgwan.ntp", Stage::Lgwan, ("時刻", "time"));
    let mut progress = Progress::default();
    let checks = vec![outcome.check.clone(), other.check.clone()];
    assert!(progress.take(&SelfTestEvent::Begun { checks, seconds_left: 20 }).is_none());
    let started = |id: &str| SelfTestEvent::Started { id: id.to_owned() };
    progress.take(&started("lgwan.ntp"));
    progress.take(&started("lgwan.router"));
    let line = |progress: &Progress, seconds, columns| {
        progress.line(Duration::from_secs(seconds), columns, Language::English)
    };
    assert_eq!(line(&progress, 0, 80), "[0/2] at most 20 s left  router (+1)");
    assert_eq!(line(&progress, 3, 80), "[0/2] at most 17 s left  router (+1)");
    assert_eq!(line(&progress, 99, 12), "[0/2] at mos");
    let ended = SelfTestEvent::Ended { outcome: Box::new(outcome), seconds_left: 9 };
    let outcome = progress.take(&ended).expect("it ended");
    assert_eq!(progress.ended(outcome, Language::English), "[1/2] OK   router");
    assert_eq!(line(&progress, 0, 80), "[1/2] at most 9 s left  time");
    let japanese = progress.line(Duration::ZERO, 9, Language::Japanese);
    assert_eq!(japanese, "[1/2] 残", "a character that takes two columns isn't halved");
}

#[test]
fn only_what_holds_traffic_up_is_asked_about() {
    let wish = |stages: &[Stage], only: &[&str], disturb| SelfTestWish {
        stages: stages.iter().copied().collect(),
        only: only.iter().map(ToString::to_string).collect(),
        disturb,
        test_number: None,
    };
    assert_eq!(disturbance(&wish(&[], &[], false)), 0);
    assert_eq!(disturbance(&wish(&[Stage::Office], &[], true)), 0);
    assert_eq!(disturbance(&wish(&[], &[], true)), 3);
    assert_eq!(disturbance(&wish(&[Stage::Load], &[], true)), 10);
    assert_eq!(disturbance(&wish(&[Stage::Load, Stage::Tunnel], &[], true)), 13);
    assert_eq!(disturbance(&wish(&[], &["load.up"], true)), 13);
}

#[test]
fn only_failures_are_complained_about() {
    let with = |verdict| complaint(&SelfTestReport { verdict, ..report() }, Language::English);
    assert_eq!(with(Verdict::Passed), None);
    assert_eq!(with(Verdict::Warned), None);
    assert_eq!(with(Verdict::NotRun).as_deref(), Some("no check could be run"));
    let failed = with(Verdict::Failed).unwrap();
    assert!(
        failed.starts_with("a check failed; to mend first: Resolver 100.72.0.53: "),
        "{failed}"
    );
}

#[test]
fn two_halves_of_one_test_agree() {
    let merged = joined(&report(), &far_half()).unwrap();
    assert_eq!(merged.disagreements, []);
    assert_eq!(merged.clock_ahead_s, 0);
    assert!(merged.text(Language::English).ends_with("Both sides agree.\n"));
    let again: Merged = serde_json::from_str(&serde_json::to_string(&merged).unwrap()).unwrap();
    assert_eq!(again, merged);
}

#[test]
fn whatever_both_sides_say_differently_is_named() {
    let mut far = far_half();
    far.calls[0].outcome = CallOutcome::Refused;
    let dropped = far.calls.remove(1);
    let mut added = dropped.clone();
    added.to = "100.64.10.99:80".parse().unwrap();
    far.calls.push(added);
    far.from = [100, 72, 1, 11].into();
    far.at = "2026-11-25T01:01:30Z".parse().unwrap();
    let mut merged = joined(&report(), &far).unwrap();
    let said: Vec<_> = merged.disagreements.iter().map(|both| &*both.en).collect();
    assert_eq!(
        said,
        [
            "100.64.10.11:443: the far end says 'refused', the device's report says 'connected'.",
            "Only the device's report knows of the call to 100.64.10.12:443.",
            "Only the far end's half knows of the call to 100.64.10.99:80.",
            "The device was called from 100.72.1.10, the far end says 100.72.1.11.",
            "Clocks: the far end's is ahead of the device's by 66 s at least.",
        ]
    );
    let text = merged.text(Language::English);
    assert!(text.contains("100.64.10.12:443   let in  connected (9 ms)  knows of none"), "{text}");
    merged.device.site = None;
    assert!(
        merged
            .text(Language::Japanese)
            .contains("食い違い：時計：相手側が装置より 66 秒以上進んでいます。")
    );
}

#[test]
fn a_call_that_both_sides_saw_go_otherwise_than_the_design_says_is_named() {
    let (mut report, mut far) = (report(), far_half());
    far.calls[2].outcome = CallOutcome::Connected;
    report.far_half = Some(far.clone());
    let merged = joined(&report, &far).unwrap();
    let said = &merged.disagreements[0].en;
    assert_eq!(said, "100.64.10.11:4444: the design refuses it, and it was 'connected'.");
    report.far_half = None;
    let merged = joined(&report, &far).unwrap();
    assert_eq!(merged.disagreements.len(), 4);
    assert!(merged.disagreements[3].en.contains("knows of no dial-back"));
}

#[test]
fn what_cant_be_joined_is_named_with_the_way_out() {
    let (device, far) = (report(), far_half());
    let [a, b] = [serde_json::to_vec(&device).unwrap(), serde_json::to_vec(&far).unwrap()];
    let join = |a: &[u8], b: &[u8]| {
        let fault = merge::join((Path::new("a.json"), a), (Path::new("b.json"), b)).unwrap_err();
        (fault.to_string(), fault.way_out())
    };
    let (said, way_out) = join(&b, &a);
    assert_eq!(said, "a.json is a far end's half, not a device's report");
    assert!(way_out.starts_with("name the device's report first"), "{way_out}");
    let (said, _) = join(b"no", &b);
    assert!(said.starts_with("a.json isn't JSON"), "{said}");
    let (said, _) = join(&a, b"{}");
    assert_eq!(said, "b.json is another file, not a far end's half");
    let (said, way_out) = join(&a, br#"{"calls": 1, "from": 2}"#);
    assert!(said.starts_with("b.json is a far end's half, but can't be read"), "{said}");
    assert!(way_out.contains("sekisho-far-end"), "{way_out}");
    let merged = serde_json::to_vec(&joined(&device, &far).unwrap()).unwrap();
    let (said, _) = join(&merged, &b);
    assert_eq!(said, "a.json is a report that was joined already, not a device's report");
    let other = SelfTestReport { test_number: Some("7".parse().unwrap()), ..report() };
    let (said, _) = join(&serde_json::to_vec(&other).unwrap(), &b);
    assert_eq!(said, "a.json is of test 7, b.json of test 2026-0142");
    let none = SelfTestReport { test_number: None, ..report() };
    let (said, way_out) = join(&serde_json::to_vec(&none).unwrap(), &b);
    assert_eq!(said, "a.json bears no test number; b.json bears 2026-0142");
    assert_eq!(way_out, "test again with the number: sekisho self-test --test-number 2026-0142");
}

#[test]
fn health_is_a_word_a_code_and_what_to_mend_first() {
    let mut trouble = passed("tunnel.west", Stage::Tunnel, ("西", "west"));
    trouble.verdict = Verdict::Failed;
    let at = "2026-11-25T01:00:00Z".parse().unwrap();
    let mut health = Health {
        level: Level::Degraded,
        at,
        first_cause: report().first_cause,
        troubles: vec![trouble],
        history: vec![HealthChange { at, level: Level::Degraded, cause: Some("dead".to_owned()) }],
    };
    let text = health::text(&health, Language::English);
    assert!(
        text.starts_with("Health: degraded  (2026-11-25 10:00:00 JST)\nTo mend first: "),
        "{text}"
    );
    assert!(text.contains("  FAIL west  It answered.\n"), "{text}");
    assert!(text.ends_with("  2026-11-25 10:00:00 JST  degraded  [dead]\n"), "{text}");
    (health.first_cause, health.troubles, health.history) = (None, Vec::new(), Vec::new());
    let text = health::text(&Health { level: Level::Ok, ..health }, Language::Japanese);
    assert_eq!(text, "状態：正常  (2026-11-25 10:00:00 JST)\n");
    assert_eq!([Level::Ok, Level::Degraded, Level::Down].map(health::exit_code), [0, 8, 9]);
}
