//! A report as a whole test of an office leaves it, with every verdict in it.

use std::net::SocketAddrV4;

use sekisho_control::{
    CallOutcome, Cause, CheckOutcome, FarCall, FarHalf, FirstCause, Planned, SelfTestReport,
    SiteSummary, Stage, Verdict,
};
use sekisho_design::{Both, Placement, ProfileStamp};

fn both(ja: &str, en: &str) -> Both {
    Both { ja: ja.to_owned(), en: en.to_owned() }
}

/// A check that passed.
pub(crate) fn passed(id: &str, stage: Stage, title: (&str, &str)) -> CheckOutcome {
    let check = Planned {
        id: id.to_owned(),
        stage,
        title: both(title.0, title.1),
        tried: both("問い合わせて、応答を待った。", "Asked and waited for the answer."),
        requirements: vec!["R19".to_owned()],
        needs: Vec::new(),
    };
    let result = both("応答があった。", "It answered.");
    let (measured, limit) = (Some("0.4 ms".to_owned()), Some("≤ 1 s".to_owned()));
    let verdict = Verdict::Passed;
    CheckOutcome { check, verdict, result, measured, limit, cause: None, milliseconds: 12 }
}

/// Why a resolver that is dead doesn't answer.
pub(crate) fn cause() -> Cause {
    Cause {
        code: "resolver-dead".to_owned(),
        why: both(
            "プラットフォームの名前サーバ 100.72.0.53 は動いているが、名前の問い合わせ（53番）に答えていない。",
            "The platform's resolver 100.72.0.53 is up, and doesn't answer queries (port 53).",
        ),
        told_by: both(
            "ping には 8.1 ミリ秒で応答があり、UDP 53番へは「到達不能（ポートなし）」が同じ相手から返った。",
            "Echo was answered in 8.1 ms; for UDP port 53 the same host sent 'port unreachable'.",
        ),
        next_step: both(
            "機構に、名前サーバ 100.72.0.53 の状態を問い合わせてください。もう一台の 100.72.0.54 が答えているので、業務は続けられます。",
            "Ask the operator about the resolver 100.72.0.53. The other one, 100.72.0.54, answers, so work goes on.",
        ),
    }
}

/// The far end's half under the same number.
pub(crate) fn far_half() -> FarHalf {
    let call = |to: &str, declared, outcome| FarCall {
        to: to.parse::<SocketAddrV4>().unwrap(),
        declared,
        outcome,
        milliseconds: 9,
    };
    FarHalf {
        test_number: "2026-0142".parse().unwrap(),
        at: "2026-11-25T01:00:20Z".parse().unwrap(),
        from: [100, 72, 1, 10].into(),
        calls: vec![
            call("100.64.10.11:443", true, CallOutcome::Connected),
            call("100.64.10.12:443", true, CallOutcome::Connected),
            call("100.64.10.11:4444", false, CallOutcome::TimedOut),
        ],
    }
}

type Row = (&'static str, &'static str, &'static str);

const STANDALONE: &[Row] = &[
    ("standalone.design", "設計が誤りなく働いている", "Design valid and in force"),
    ("standalone.kernel", "カーネルの状態が設計と同じ", "Kernel holds what the design says"),
    ("standalone.link.port1", "ポート1（LGWAN）の接続と速度", "Link and speed of port 1 (LGWAN)"),
    (
        "standalone.link.port2",
        "ポート2（首長部局業務系LAN）の接続と速度",
        "Link and speed of port 2",
    ),
    (
        "standalone.link.port3",
        "ポート3（教育委員会業務系LAN）の接続と速度",
        "Link and speed of port 3",
    ),
    ("standalone.disk.health", "ディスクの健康状態", "Disk health"),
    ("standalone.disk.space", "ディスクの空き容量", "Disk space"),
    ("standalone.memory", "メモリの空き", "Free memory"),
    ("standalone.temperature", "温度", "Temperature"),
    ("standalone.clock", "時計と電池", "Clock and its battery"),
    ("standalone.slot", "起動した側と署名", "Slot and signature"),
    ("standalone.table", "通信の決まり（nftables）が読み込まれている", "Rules loaded"),
    ("standalone.tun", "トンネル装置が働いている", "Tunnel device works"),
    ("standalone.crypto", "暗号の自己検査", "Cipher self-check"),
    ("standalone.loop", "装置内の折返し", "Loop in memory"),
];

const LGWAN: &[Row] = &[
    ("lgwan.router", "LGWANのルータが応答する", "LGWAN's router answers"),
    ("lgwan.ntp", "時刻サーバが応答する", "Time server answers"),
    ("lgwan.path.east", "拠点（東）への経路", "Path to the centre in the east"),
    ("lgwan.path.west", "拠点（西）への経路", "Path to the centre in the west"),
    ("lgwan.mtu.east", "拠点（東）まで通る大きさ", "Path MTU to the east"),
    ("lgwan.mtu.west", "拠点（西）まで通る大きさ", "Path MTU to the west"),
    ("lgwan.udp.east", "拠点（東）への UDP が止められていない", "UDP to the east not filtered"),
    ("lgwan.udp.west", "拠点（西）への UDP が止められていない", "UDP to the west not filtered"),
    ("lgwan.dns", "LGWANの名前サーバが応答する", "LGWAN's resolver answers"),
    ("lgwan.closed", "LGWAN側に何も開いていない", "Nothing open to LGWAN"),
];

const TUNNEL: &[Row] = &[
    ("tunnel.east.handshake", "拠点（東）との鍵交換", "Handshake with the east"),
    ("tunnel.west.handshake", "拠点（西）との鍵交換", "Handshake with the west"),
    ("tunnel.east.loss", "拠点（東）までの損失と往復時間", "Loss and round trip to the east"),
    ("tunnel.west.loss", "拠点（西）までの損失と往復時間", "Loss and round trip to the west"),
];

const PLATFORM: &[Row] = &[
    ("platform.resolver.1", "名前サーバ 100.72.0.53", "Resolver 100.72.0.53"),
    ("platform.resolver.2", "名前サーバ 100.72.0.54", "Resolver 100.72.0.54"),
    ("platform.web.tcp", "中間サーバー：TCPの接続", "Intermediate server: TCP"),
    ("platform.web.tls", "中間サーバー：証明書", "Intermediate server: certificate"),
    ("platform.web.http", "中間サーバー：HTTPの応答", "Intermediate server: HTTP"),
    (
        "platform.as.100-64-10-11",
        "住基サーバのアドレスとして中間サーバーへ",
        "As the registry server's address",
    ),
    (
        "platform.as.100-64-10-12",
        "宛名サーバのアドレスとして中間サーバーへ",
        "As the addressee server's address",
    ),
    (
        "platform.as.100-64-10-30",
        "端末の共用アドレスとして中間サーバーへ",
        "As the terminals' address",
    ),
    (
        "platform.to.juki",
        "プラットフォームから住基サーバへ（変換・許可・戻り）",
        "From the platform to the registry server",
    ),
    (
        "platform.to.atena",
        "プラットフォームから宛名サーバへ（変換・許可・戻り）",
        "From the platform to the addressee server",
    ),
];

const DIAL_BACK: &[Row] = &[
    ("dial-back.juki", "折返し：住基サーバ 100.64.10.11:443", "Dial-back: registry server"),
    ("dial-back.atena", "折返し：宛名サーバ 100.64.10.12:443", "Dial-back: addressee server"),
    (
        "dial-back.undeclared",
        "折返し：宣言していない相手は拒否される",
        "Dial-back: undeclared is refused",
    ),
];

/// On each LAN.
const LAN: &[Row] = &[
    ("address", "装置のアドレスをほかの機器が使っていない", "our address is nobody else's"),
    ("router", "ルータが応答する", "router answers"),
    ("dns", "庁内DNSが応答する", "office DNS answers"),
    (
        "server.a",
        "サーバ「宛名管理システム・住民情報連携サーバ一号機」が応答する",
        "server A answers",
    ),
    ("server.b", "サーバ「税務」が応答する", "server B answers"),
    (
        "server.a.port",
        "サーバ一号機のポートが、設計に書いたとおり開いている",
        "declared ports of server A are open",
    ),
    ("route", "データセンターへの経路のルータが応答する", "router to the data centre answers"),
    ("duplicate", "同じアドレスの機器が二つない", "no two hosts with one address"),
    ("server.a.https", "サーバ一号機の https が応答する", "https of server A answers"),
];

fn outcomes() -> Vec<CheckOutcome> {
    let of = |stage, rows: &[Row]| -> Vec<_> {
        rows.iter().map(|(id, ja, en)| passed(id, stage, (ja, en))).collect()
    };
    let lan = |id: &str, lan_ja: &str, lan_en: &str| -> Vec<_> {
        let rows = LAN.iter().map(|(what, ja, en)| {
            let titles = (format!("{lan_ja}：{ja}"), format!("{lan_en}: {en}"));
            passed(&format!("office.{id}.{what}"), Stage::Office, (&titles.0, &titles.1))
        });
        rows.collect()
    };
    [
        of(Stage::Standalone, STANDALONE),
        lan("head-office", "首長部局業務系LAN", "head office LAN"),
        lan("education-board", "教育委員会業務系LAN", "education board LAN"),
        of(Stage::Lgwan, LGWAN),
        of(Stage::Tunnel, TUNNEL),
        of(Stage::Platform, PLATFORM),
        of(Stage::DialBack, DIAL_BACK),
    ]
    .concat()
}

/// Lets some of them end otherwise.
fn end_otherwise(outcome: &mut CheckOutcome) {
    match &*outcome.check.id {
        "platform.resolver.1" => {
            outcome.verdict = Verdict::Failed;
            outcome.result =
                both("UDP 53番で「到達不能（ポートなし）」が返った。", "Port unreachable.");
            outcome.measured = Some("> 1.0 s".to_owned());
            outcome.cause = Some(cause());
        }
        "platform.web.tls" => {
            outcome.verdict = Verdict::Warned;
            outcome.result = both(
                "証明書は正しいが、期限が近い。\n1. web.platform.example（2025-12-01～2026-12-10、発行：Platform Issuing CA）\n2. Platform Issuing CA（2024-01-01～2034-01-01、発行：Platform Root CA）",
                "The chain is right and ends soon.\n1. web.platform.example (until 2026-12-10, by Platform Issuing CA)\n2. Platform Issuing CA (until 2034-01-01, by Platform Root CA)",
            );
            outcome.measured = Some("15 d".to_owned());
            outcome.limit = Some("≥ 30 d".to_owned());
            outcome.check.requirements = vec!["R22".to_owned(), "R23".to_owned()];
            outcome.cause = Some(Cause {
                code: "certificate-ends-soon".to_owned(),
                why: both(
                    "中間サーバーの証明書が15日で切れる。",
                    "The certificate ends in 15 days.",
                ),
                told_by: both("証明書の終わりと装置の時計を比べた。", "Its end against our clock."),
                next_step: both(
                    "機構に更新の予定を問い合わせてください。",
                    "Ask the operator when it is renewed.",
                ),
            });
        }
        "platform.to.atena" | "dial-back.atena" => {
            outcome.verdict = Verdict::NotRun;
            outcome.result = both(
                "実施していない：『名前サーバ 100.72.0.53』が前提。",
                "Not run: depends on 'Resolver 100.72.0.53'.",
            );
            (outcome.measured, outcome.limit) = (None, None);
        }
        _ => {}
    }
}

/// The report.
pub(crate) fn report() -> SelfTestReport {
    let mut outcomes = outcomes();
    outcomes.iter_mut().for_each(end_otherwise);
    SelfTestReport {
        test_number: Some("2026-0142".parse().unwrap()),
        begun: "2026-11-25T01:00:00Z".parse().unwrap(),
        ended: "2026-11-25T01:00:24.300Z".parse().unwrap(),
        clock_synchronised: true,
        site: Some(SiteSummary {
            name: "見本市".to_owned(),
            organisation: "011002".parse().unwrap(),
            placement: Placement::Office,
            profile: ProfileStamp { serial: 3, issued: "2026-04-01T00:00:00Z".parse().unwrap() },
            servers: 4,
            terminals: 2,
        }),
        generation: 12,
        design_hash: Some(
            "5f0e7c1db59b3d5a2a7c6d5d3c9a1b9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c".to_owned(),
        ),
        firmware: "0.1.0".to_owned(),
        verdict: Verdict::Failed,
        first_cause: Some(FirstCause {
            check: "platform.resolver.1".to_owned(),
            title: both("名前サーバ 100.72.0.53", "Resolver 100.72.0.53"),
            cause: cause(),
        }),
        outcomes,
        far_half: Some(far_half()),
    }
}
