use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::*;

/// A device that has something of everything.
fn seen() -> Seen {
    let both = || json!({"ja": "文", "en": "a sentence"});
    let centre = |name: &str, alive: bool| {
        json!({
            "name": name, "endpoint": "198.18.3.2:51820", "alive": alive, "round_trip_us": 2500,
            "handshake_age_s": 42, "carries": 1420, "rival_age_s": 7,
            "received": 1_000, "sent": 2_000, "rejected": 3,
        })
    };
    let reading = |of: &str, value: Value| json!({"of": of, "name": "a \"b\" \\ c\n", "value": value, "alarm": of == "disk", "sentence": both()});
    let class = json!({"class": "online", "guaranteed": 1, "most": 2, "sent": 5, "dropped": 6, "waiting": 7});
    let status = json!({
        "version": "0.1.0", "phase": {"name": "in-force"}, "generation": 12,
        "site": {
            "name": "見本市", "organisation": "011002", "placement": "office",
            "profile": {"organisation": "011002", "serial": 1, "issued": "2026-04-01T00:00:00Z"},
            "servers": 2, "terminals": 3,
        },
        "tunnel": {"carrier": "east", "cut_off": false, "centres": [centre("east", true), centre("west", false)]},
        "line": {"rate": 100_000_000, "held_back": false, "ways": [{"link": "sekisho0", "lan": null, "classes": [class]}]},
        "ports": [
            {"port": "port1", "side": "lgwan", "carrier": true, "speed": 1000, "received": 11, "sent": 12},
            {"port": "port4", "side": "maintenance", "carrier": false, "received": 13, "sent": 14},
        ],
        "refused": {"head-office/device": {"packets": 4, "bytes": 240}, "lgwan/unexpected": {"packets": 9, "bytes": 900}},
        "last_refusals": [],
        "flow_log": {"days": 30, "size": 200, "used": 10, "written": 1, "lost": 2, "overruns": 0},
        "collector": {"address": "192.168.1.60:6514", "transport": "tls", "connected": true, "sent": 8, "waiting": 1, "lost": 0},
        "time": {"synchronised": true, "ever": true, "for_s": 9, "error_us": 1500, "servers": [], "sentence": both()},
        "health": [
            reading("temperature", json!(41_500)), reading("memory", json!(80)), reading("room", json!(70)),
            reading("wear", json!(5)), reading("disk", Value::Null), reading("data", Value::Null),
        ],
        "release": {"version": "1.2.3", "kind": "release"},
    });
    let health = json!({
        "first-cause": {
            "check": "lgwan.router", "title": both(), "code": "silent-router", "why": both(),
            "told-by": both(), "next-step": both(),
        },
        "level": "degraded", "at": "2026-04-01T00:00:00Z", "history": [],
        "troubles": [{
            "id": "lgwan.router", "stage": "lgwan", "title": both(), "tried": both(), "requirements": [],
            "needs": [], "verdict": "failed", "result": both(), "milliseconds": 1,
        }],
    });
    let traffic = json!({
        "rows": [], "hosts": [],
        "napt": [{
            "global": "100.64.10.30", "rows": ["soumu"], "first_port": 1024, "last_port": 65535,
            "ports": {"tcp": 17, "udp": 2}, "refused": {"packets": 0, "bytes": 0},
        }],
        "connections": {"count": 19, "most": 65536, "fullness": "roomy"},
    });
    Seen {
        status: Some(serde_json::from_value(status).unwrap()),
        health: Some(serde_json::from_value(health).unwrap()),
        traffic: Some(serde_json::from_value(traffic).unwrap()),
    }
}

#[test]
fn the_figures_are_those_that_are_written_down() {
    let (told, file) = (text(&seen()).unwrap(), "src/metrics/figures/golden.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, &told).unwrap();
    }
    assert_eq!(told, std::fs::read_to_string(file).unwrap(), "BLESS=1 writes it anew");
}

#[test]
fn a_daemon_that_does_not_answer_is_a_figure_too() {
    let told = text(&Seen::default()).unwrap();
    let samples: Vec<_> = told.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples, ["sekisho_up 0"]);
}

#[test]
fn each_family_has_its_help_and_type_and_a_unit_of_prometheus() {
    let told = text(&seen()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    let mut lines = told.lines().peekable();
    while let Some(help) = lines.next() {
        let (name, help) = help.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        assert!(help.ends_with('.') && names.insert(name.to_owned()), "{name}: {help}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        let mut samples = 0;
        while lines
            .next_if(|line| !line.starts_with('#'))
            .is_some_and(|line| line.starts_with(name))
        {
            samples += 1;
        }
        assert!(samples > 0, "{name}");
    }
    assert!(names.len() > 40, "{names:?}");
}

#[test]
fn no_host_and_no_row_of_the_office_is_told() {
    let told = text(&seen()).unwrap();
    for secret in ["soumu", "192.168.", "198.18.", "見本市", "011002"] {
        assert!(!told.contains(secret), "{secret}");
    }
}

#[test]
#[ignore = "needs promtool"]
fn promtool_has_nothing_to_say() {
    for seen in [seen(), Seen::default()] {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool (Debian package prometheus) is needed");
        promtool.stdin.take().unwrap().write_all(text(&seen).unwrap().as_bytes()).unwrap();
        let said = promtool.wait_with_output().unwrap();
        assert!(
            said.status.success() && said.stdout.is_empty() && said.stderr.is_empty(),
            "{said:?}"
        );
    }
}
