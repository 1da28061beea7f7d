//! `sekisho status`: how the device is, for people.

use std::fmt::Write as _;

use sekisho_control::{
    Awaiting, CentreStatus, CipherCode, ClassStatus, CollectorStatus, Failure, FlowLogStatus,
    LineStatus, Phase, Processor, ProofAwaited, Reading, Release, ReleaseKind, Returned,
    SiteSummary, Status, TimeServer, TimeStatus, TunnelStatus,
};
use sekisho_design::{Both, Language};

use super::show::{problems, whole};

/// The status as text, a line a fact.
pub(super) fn text(status: &Status, language: Language) -> String {
    let say = |ja, en| language.pick(ja, en);
    let mut text = format!("sekisho {}\n", status.version);
    text += &release(status.release.as_ref(), language);
    text += &alarms(&status.health, language);
    let _ = writeln!(text, "{}{}", say("設計      ", "design    "), phase(&status.phase, language));
    text += &change(status, language);
    if let Phase::Faulty { fault } | Phase::RollbackFailed { fault } = &status.phase {
        text += &problems(&fault.problems, language);
    }
    if let Some(summary) = &status.site {
        let _ = writeln!(text, "{}{}", say("サイト    ", "site      "), site(summary, language));
    }
    if let Some(tunnel) = &status.tunnel {
        let _ = writeln!(text, "{}{}", say("拠点      ", "carrier   "), carrier(tunnel, language));
        for one in &tunnel.centres {
            let _ = writeln!(text, "  {:<8}{}", one.name.as_str(), centre(one, language));
            text += &rival(one, language);
        }
    }
    if let Some(found) = &status.line {
        text += &line(found, language);
    }
    for shortage in &status.shortages {
        let (sentence, way_out) = (&shortage.sentence, &shortage.way_out);
        let (sentence, way_out) =
            language.pick((&sentence.ja, &way_out.ja), (&sentence.en, &way_out.en));
        let _ = writeln!(text, "{}{sentence}\n    {way_out}", say("逼迫      ", "SCARCE    "));
    }
    let refused = say("拒否      ", "refused   ");
    if let Some(fault) = &status.fault {
        let _ = writeln!(text, "{refused}{}: {}", say("不明", "UNKNOWN"), whole(fault));
    }
    for (rule, count) in &status.refused {
        let (packets, bytes) = (count.packets, count.bytes);
        let ja = format!("{packets} パケット、{bytes} バイト");
        let count = language.pick(ja, format!("{packets} packets, {bytes} bytes"));
        let _ = writeln!(text, "{refused}{rule:<40} {count}");
    }
    if let Some(log) = &status.flow_log {
        let _ = writeln!(text, "{}{}", say("通信記録  ", "flow log  "), flow_log(log, language));
        text += &wrong(log.fault.as_ref(), language);
    }
    if let Some(served) = &status.collector {
        let line = collector(served, language);
        let _ = writeln!(text, "{}{line}", say("ログ収集  ", "collector "));
        text += &wrong(served.fault.as_ref(), language);
    }
    if let Some(told) = &status.time {
        text += &time(told, language);
    }
    let well = status.health.iter().filter(|reading| !reading.alarm);
    let well: Vec<_> = well.map(|reading| both(&reading.sentence, language)).collect();
    if !well.is_empty() {
        let _ = writeln!(text, "{}{}", say("装置      ", "box       "), well.join(" "));
    }
    if let Some(told) = &status.processor {
        text += &processor(told, language);
    }
    text
}

fn both(words: &Both, language: Language) -> &str {
    language.pick(&words.ja, &words.en)
}

/// Which image runs. One that isn't for service says so, loudly.
fn release(release: Option<&Release>, language: Language) -> String {
    let Some(Release { version, kind, built }) = release else { return String::new() };
    let built = built.map_or(String::new(), |at| format!(" ({at:.0})"));
    let kind = match kind {
        ReleaseKind::Development => language
            .pick("開発版: 実際の業務には使わないでください", "DEVELOPMENT: not for service"),
        ReleaseKind::Release => language.pick("製品版", "release"),
    };
    format!("{}{version}{built} {kind}\n", language.pick("イメージ  ", "image     "))
}

/// What the processor brings to the tunnel's cipher.
fn processor(processor: &Processor, language: Language) -> String {
    let code = match processor.cipher {
        CipherCode::Avx2 => "AVX2",
        CipherCode::Sse41 => "SSE4.1",
        CipherCode::Ssse3 => "SSSE3",
        CipherCode::Portable => language.pick("命令なし", "no such instructions"),
    };
    let has = match &processor.instructions[..] {
        [] => language.pick("なし", "none").to_owned(),
        sets => sets.join(" "),
    };
    let ja = format!("{has}（暗号は{code}で動作）");
    let en = format!("{has} (the cipher runs with {code})");
    format!("{}{}\n", language.pick("CPU       ", "processor "), language.pick(ja, en))
}

/// What of the box itself needs somebody, before everything else.
fn alarms(health: &[Reading], language: Language) -> String {
    let mut text = String::new();
    for reading in health.iter().filter(|reading| reading.alarm) {
        let said = both(&reading.sentence, language);
        let _ = writeln!(text, "{}{said}", language.pick("警報      ", "ALARM     "));
        if let Some(way_out) = &reading.way_out {
            let _ = writeln!(text, "    {}", both(way_out, language));
        }
    }
    text
}

/// How the clock is, and by whom it is led.
fn time(told: &TimeStatus, language: Language) -> String {
    let said = both(&told.sentence, language);
    let mut text = format!("{}{said}\n", language.pick("時刻      ", "time      "));
    if let Some(way_out) = &told.way_out {
        let _ = writeln!(text, "    {}", both(way_out, language));
    }
    let server = |TimeServer { host, addresses }: &TimeServer| {
        let unknown = || language.pick("（名前が未解決）", " (name not resolved)").to_owned();
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        match addresses.as_slice() {
            [] => host.clone() + &unknown(),
            [one] if one == host => one.clone(),
            all => format!("{host} {}", all.join(" ")),
        }
    };
    if !told.servers.is_empty() {
        let servers: Vec<_> = told.servers.iter().map(server).collect();
        let label = language.pick("時刻サーバ", "servers");
        let _ = writeln!(text, "    {label}: {}", servers.join(", "));
    }
    text + &wrong(told.fault.as_ref(), language)
}

/// How much of the log there is, and what it lacks.
fn flow_log(log: &FlowLogStatus, language: Language) -> String {
    let FlowLogStatus { days, size, used, written, lost, overruns, fault: _ } = log;
    let [size, used] = [size, used].map(|bytes| bytes.div_ceil(1_000_000));
    let said = language.pick(
        format!("{days}日、{size} MBのうち{used} MB、起動後の記録 {written} 件"),
        format!("{days} days, {used} of {size} MB, {written} flows written since the start"),
    );
    let lost = if *lost == 0 {
        String::new()
    } else {
        language.pick(format!("、書けずに失った {lost} 件"), format!(", {lost} LOST"))
    };
    let overruns = if *overruns == 0 {
        String::new()
    } else {
        language
            .pick(format!("、聞き漏らし {overruns} 回"), format!(", {overruns} times some MISSED"))
    };
    said + &lost + &overruns
}

/// Whether the collector gets what it is to get.
fn collector(served: &CollectorStatus, language: Language) -> String {
    let CollectorStatus { address, transport, connected, sent, waiting, lost, fault: _ } = served;
    let state = if *connected {
        language.pick("送信中", "reached")
    } else {
        language.pick("届きません", "NOT REACHED")
    };
    language.pick(
        format!("{address} {transport} {state}、送信 {sent}、待ち {waiting}、失った {lost}"),
        format!("{address} {transport} {state}, {sent} sent, {waiting} waiting, {lost} lost"),
    )
}

/// What is wrong, on lines of its own.
fn wrong(fault: Option<&Failure>, language: Language) -> String {
    let word = language.pick("異常", "FAULTY");
    fault.map_or_else(String::new, |fault| format!("    {word}: {}\n", whole(fault)))
}

fn phase(phase: &Phase, language: Language) -> String {
    let (ja, en) = match phase {
        Phase::Closed => (
            "未反映: まだ一度も設計を反映していません。何も通しません",
            "closed: no design was ever applied, nothing is forwarded",
        ),
        Phase::InForce => ("有効", "in force"),
        Phase::Faulty { fault } => {
            return format!("{}: {}", language.pick("異常", "FAULTY"), whole(fault));
        }
        Phase::RollbackFailed { fault } => {
            let word = language.pick("復元失敗", "ROLL-BACK FAILED");
            return format!("{word}: {}", whole(fault));
        }
    };
    language.pick(ja, en).to_owned()
}

/// Which generation is kept, and what became of the last change.
fn change(status: &Status, language: Language) -> String {
    let say = |ja, en| language.pick(ja, en);
    let mut text = String::new();
    if status.generation > 0 {
        let kept = status.generation;
        let (ja, en) = (format!("世代{kept}"), format!("generation {kept}"));
        let _ = writeln!(text, "{}{}", say("保存      ", "kept      "), language.pick(ja, en));
    }
    if let Some(Awaiting { generation, seconds_left, proof }) = &status.awaiting {
        let ja = format!(
            "世代{generation}は{seconds_left}秒後に元に戻ります。残すなら：sekisho confirm {generation}"
        );
        let en = format!(
            "generation {generation} is taken back in {seconds_left} s: sekisho confirm {generation}"
        );
        let _ = writeln!(text, "{}{}", say("確定待ち  ", "awaiting  "), language.pick(ja, en));
        text += &awaited_proof(*proof, language);
    }
    if let Some(Returned { generation, why, at }) = &status.returned {
        let (ja, en) = (format!("世代{generation}"), format!("generation {generation}"));
        let generation = language.pick(ja, en);
        let _ = writeln!(text, "{}{generation}, {at:.0}: {why}", say("取り消し  ", "returned  "));
    }
    if let Some(fault) = &status.storage {
        let _ = writeln!(text, "{}: {}", say("記憶域    異常", "storage   FAULTY"), whole(fault));
    }
    text
}

/// What the confirmation takes from everybody but root.
fn awaited_proof(proof: Option<ProofAwaited>, language: Language) -> String {
    let Some(ProofAwaited { at, tries_left }) = proof else { return String::new() };
    if tries_left == 0 {
        return language
            .pick(
                "    トークンの誤りが続いたため、確定できるのは装置上の root だけです。\n",
                "    Too many wrong tokens: only root on the box itself confirms.\n",
            )
            .to_owned();
    }
    language.pick(
        format!("    利用者の来た経路に触れる変更です。確定には {at} でトークンを示します（残り{tries_left}回）。装置上の root には要りません。\n"),
        format!("    It touches the way that its user came by: it takes the token, shown at {at} ({tries_left} tries left). Root on the box itself needs none.\n"),
    )
}

/// The alarm that the device's key is used elsewhere (R8).
fn rival(centre: &CentreStatus, language: Language) -> String {
    let Some(age) = centre.rival_age_s else { return String::new() };
    language.pick(format!(
            "    警報: この装置の鍵を、ほかでも使っています（最後に気づいたのは{age}秒前）。写しか予備機を探して止めるか、ここで鍵を作り直して機構に登録してもらってください。\n"
        ),
        format!(
            "    ALARM: somebody else uses this device's key, last noticed {age} s ago. Find the copy or the spare and \
             switch it off, or make a new key here and have the operator register it.\n"
        ),
    )
}

fn site(site: &SiteSummary, language: Language) -> String {
    let SiteSummary { name, organisation, placement, profile, servers, terminals } = site;
    let (placement, serial) = (placement.number(), profile.serial);
    language.pick(format!(
            "{name}（{organisation}）、接続例 {placement}、サーバ {servers}、端末の行 {terminals}、接続情報 {serial}"
        ),
        format!(
            "{name} ({organisation}), placement {placement}, {servers} servers, {terminals} rows of terminals, profile {serial}"
        ),
    )
}

/// The centre that carries, and what becomes of new connections.
pub(super) fn carrier(tunnel: &TunnelStatus, language: Language) -> String {
    let none = language.pick("なし", "none");
    let carrier = tunnel.carrier.as_ref().map_or(none, |name| name.as_str());
    let cut_off = if tunnel.cut_off {
        language.pick("（新しい通信はすぐに断ります）", ", new connections are refused at once")
    } else {
        ""
    };
    format!("{carrier}{cut_off}")
}

fn centre(centre: &CentreStatus, language: Language) -> String {
    let CentreStatus { received, sent, rejected, .. } = centre;
    let endpoint = place(centre, language);
    let alive = match (centre.alive, language) {
        (true, Language::Japanese) => "応答あり",
        (false, Language::Japanese) => "応答なし",
        (true, Language::English) => "answers",
        (false, Language::English) => "silent",
    };
    let trip = centre.round_trip_us.map_or(String::new(), |us| {
        let trip = format!("{}.{:03} ms", us / 1000, us % 1000);
        language.pick(format!("、往復 {trip}"), format!(", {trip}"))
    });
    let age = centre.handshake_age_s.map_or(String::new(), |s| {
        language.pick(format!("、鍵の取り決め {s} 秒前"), format!(", handshake {s} s ago"))
    });
    let carries = centre.carries.map_or(String::new(), |bytes| {
        language.pick(format!("、{bytes} バイトまで"), format!(", up to {bytes} bytes"))
    });
    language.pick(format!("{endpoint} {alive}{trip}{age}{carries}、受信 {received} B、送信 {sent} B、破棄 {rejected}"),
        format!(
            "{endpoint} {alive}{trip}{age}{carries}, received {received} B, sent {sent} B, rejected {rejected}"
        ),
    )
}

/// The line's rate, and a line for each class of each way.
fn line(line: &LineStatus, language: Language) -> String {
    let kilobits = |bits: u64| bits / 1000;
    let held_back = match (line.held_back, line.held_back_left_s) {
        (false, _) => String::new(),
        (true, Some(left)) => language.pick(
            format!("（回線の復旧後のため、bulk を割合どおりに抑えています。あと{left}秒）"),
            format!(", bulk is held to its share after an outage, for {left} s more"),
        ),
        (true, None) => language.pick(
            "（応答する拠点がないため、bulk を割合どおりに抑えています）".to_owned(),
            ", bulk is held to its share while no centre answers".to_owned(),
        ),
    };
    let rate = kilobits(line.rate);
    let heading = language.pick("回線      ", "line      ");
    let mut text = format!("{heading}{rate} kbit/s{held_back}\n");
    for way in &line.ways {
        // Upwards there is one way; downwards each LAN has its own.
        let to = way.lan.map_or("platform", |lan| lan.as_str());
        for class in &way.classes {
            let ClassStatus { class, guaranteed, most, sent, dropped, waiting } = class;
            let (share, most) = (kilobits(*guaranteed), kilobits(*most));
            let said = language.pick(
                format!("{share}〜{most} kbit/s、送信 {sent} B、待ち {waiting} B、破棄 {dropped} パケット"),
                format!("{share} to {most} kbit/s, sent {sent} B, waiting {waiting} B, dropped {dropped} packets"),
            );
            let _ = writeln!(text, "  → {to:<16}{:<7}{said}", class.as_str());
        }
    }
    text
}

/// Where a centre listens, with the name that led there.
fn place(centre: &CentreStatus, language: Language) -> String {
    let unknown = || language.pick("（名前が未解決）", "(name not resolved)").to_owned();
    let endpoint = centre.endpoint.map_or_else(unknown, |endpoint| endpoint.to_string());
    match &centre.host {
        Some(host) => format!("{host} {endpoint}"),
        None => endpoint,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sekisho_control::{FailureKind, Refused, Scarce, Sensed, Shortage, WayStatus};
    use sekisho_design::{Both, Class, Lan, Placement, ProfileStamp};

    use super::*;

    fn status(phase: Phase) -> Status {
        Status {
            version: "1.2.3".to_owned(),
            phase,
            generation: 0,
            awaiting: None,
            returned: None,
            storage: None,
            ports: Vec::new(),
            shortages: Vec::new(),
            site: None,
            tunnel: None,
            line: None,
            fault: None,
            refused: BTreeMap::new(),
            last_refusals: Vec::new(),
            flow_log: None,
            collector: None,
            time: None,
            health: Vec::new(),
            processor: None,
            release: None,
        }
    }

    fn fault(message: &str) -> Failure {
        Failure {
            kind: FailureKind::Device,
            message: message.to_owned(),
            way_out: Some("do this".to_owned()),
            both: None,
            problems: Vec::new(),
        }
    }

    fn centre(name: &str, alive: bool) -> CentreStatus {
        CentreStatus {
            name: name.parse().unwrap(),
            host: None,
            endpoint: Some("198.18.11.10:51820".parse().unwrap()),
            alive,
            round_trip_us: alive.then_some(1_405),
            handshake_age_s: alive.then_some(2),
            carries: alive.then_some(1_420),
            received: 901,
            sent: 923,
            rejected: 0,
            rival_age_s: None,
        }
    }

    fn a_line() -> LineStatus {
        let class = |class, [guaranteed, most, sent, dropped, waiting]: [u64; 5]| ClassStatus {
            class,
            guaranteed,
            most,
            sent,
            dropped,
            waiting,
        };
        let online = |most| class(Class::Online, [most * 6 / 10, most, 1200, 0, 0]);
        let bulk = class(Class::Bulk, [1_455_000, 9_700_000, 90_000, 7, 4_200]);
        let way =
            |link: &str, lan, classes| WayStatus { link: link.parse().unwrap(), lan, classes };
        LineStatus {
            rate: 10_000_000,
            held_back: false,
            held_back_left_s: None,
            ways: vec![
                way("tunnel", None, vec![online(9_700_000), bulk]),
                way("port2", Some(Lan::HeadOffice), vec![online(4_850_000)]),
            ],
        }
    }

    #[test]
    fn a_device_at_work_is_told_in_both_languages() {
        let mut status = status(Phase::InForce);
        status.site = Some(SiteSummary {
            name: "見本市役所".to_owned(),
            organisation: "011002".parse().unwrap(),
            placement: Placement::Office,
            profile: ProfileStamp { serial: 7, issued: "2026-04-01T00:00:00Z".parse().unwrap() },
            servers: 2,
            terminals: 3,
        });
        status.tunnel = Some(TunnelStatus {
            carrier: Some("east".parse().unwrap()),
            cut_off: false,
            centres: vec![centre("east", true), centre("west", false)],
        });
        status.line = Some(a_line());
        status.refused.insert("lgwan/unexpected".to_owned(), Refused { packets: 3, bytes: 180 });
        let en = "\
sekisho 1.2.3
design    in force
site      見本市役所 (011002), placement 1, 2 servers, 3 rows of terminals, profile 7
carrier   east
  east    198.18.11.10:51820 answers, 1.405 ms, handshake 2 s ago, up to 1420 bytes, received 901 B, sent 923 B, rejected 0
  west    198.18.11.10:51820 silent, received 901 B, sent 923 B, rejected 0
line      10000 kbit/s
  → platform        online 5820 to 9700 kbit/s, sent 1200 B, waiting 0 B, dropped 0 packets
  → platform        bulk   1455 to 9700 kbit/s, sent 90000 B, waiting 4200 B, dropped 7 packets
  → head-office     online 2910 to 4850 kbit/s, sent 1200 B, waiting 0 B, dropped 0 packets
refused   lgwan/unexpected                         3 packets, 180 bytes
";
        let ja = "\
sekisho 1.2.3
設計      有効
サイト    見本市役所（011002）、接続例 1、サーバ 2、端末の行 3、接続情報 7
拠点      east
  east    198.18.11.10:51820 応答あり、往復 1.405 ms、鍵の取り決め 2 秒前、1420 バイトまで、受信 901 B、送信 923 B、破棄 0
  west    198.18.11.10:51820 応答なし、受信 901 B、送信 923 B、破棄 0
回線      10000 kbit/s
  → platform        online 5820〜9700 kbit/s、送信 1200 B、待ち 0 B、破棄 0 パケット
  → platform        bulk   1455〜9700 kbit/s、送信 90000 B、待ち 4200 B、破棄 7 パケット
  → head-office     online 2910〜4850 kbit/s、送信 1200 B、待ち 0 B、破棄 0 パケット
拒否      lgwan/unexpected                         3 パケット、180 バイト
";
        assert_eq!(text(&status, Language::English), en);
        assert_eq!(text(&status, Language::Japanese), ja);
    }

    #[test]
    fn the_logs_are_told_in_both_languages() {
        let mut status = status(Phase::InForce);
        status.flow_log = Some(FlowLogStatus {
            days: 30,
            size: 200_000_000,
            used: 1_000_001,
            written: 12,
            lost: 0,
            overruns: 0,
            fault: None,
        });
        status.collector = Some(CollectorStatus {
            address: "10.10.0.60:514".parse().unwrap(),
            transport: "tcp".to_owned(),
            connected: true,
            sent: 11,
            waiting: 0,
            lost: 1,
            fault: None,
        });
        let end = |status: &Status, language| {
            let told = text(status, language);
            told.splitn(3, '\n').nth(2).unwrap().to_owned()
        };
        assert_eq!(
            end(&status, Language::English),
            "flow log  30 days, 2 of 200 MB, 12 flows written since the start\n\
             collector 10.10.0.60:514 tcp reached, 11 sent, 0 waiting, 1 lost\n"
        );
        let log = status.flow_log.as_mut().unwrap();
        (log.lost, log.overruns, log.fault) = (3, 2, Some(fault("no room")));
        let collector = status.collector.as_mut().unwrap();
        (collector.connected, collector.fault) = (false, Some(fault("no answer")));
        assert_eq!(
            end(&status, Language::English),
            "flow log  30 days, 2 of 200 MB, 12 flows written since the start, 3 LOST, 2 times some MISSED\n    \
             FAULTY: no room\n  do this\n\
             collector 10.10.0.60:514 tcp NOT REACHED, 11 sent, 0 waiting, 1 lost\n    \
             FAULTY: no answer\n  do this\n"
        );
        assert_eq!(
            end(&status, Language::Japanese),
            "通信記録  30日、200 MBのうち2 MB、起動後の記録 12 件、書けずに失った 3 件、聞き漏らし 2 回\n    \
             異常: no room\n  do this\n\
             ログ収集  10.10.0.60:514 tcp 届きません、送信 11、待ち 0、失った 1\n    \
             異常: no answer\n  do this\n"
        );
    }

    fn words(ja: &str, en: &str) -> Both {
        Both { ja: ja.to_owned(), en: en.to_owned() }
    }

    #[test]
    fn the_time_is_told_in_both_languages() {
        let mut status = status(Phase::InForce);
        let server = |host: &str, addresses: &[&str]| TimeServer {
            host: host.to_owned(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        };
        status.time = Some(TimeStatus {
            synchronised: false,
            ever: false,
            for_s: 7,
            error_us: None,
            servers: vec![
                server("198.18.2.123", &["198.18.2.123"]),
                server("a.example", &["198.18.2.1", "198.18.2.2"]),
                server("b.example", &[]),
            ],
            sentence: words("同期していません。", "It is NOT synchronised."),
            way_out: Some(words("回線を見る。", "See the line.")),
            fault: Some(fault("no port")),
        });
        let end = |language| {
            let told = text(&status, language);
            told.splitn(3, '\n').nth(2).unwrap().to_owned()
        };
        assert_eq!(
            end(Language::English),
            "time      It is NOT synchronised.\n    See the line.\n    \
             servers: 198.18.2.123, a.example 198.18.2.1 198.18.2.2, b.example (name not resolved)\n    \
             FAULTY: no port\n  do this\n"
        );
        assert_eq!(
            end(Language::Japanese),
            "時刻      同期していません。\n    回線を見る。\n    \
             時刻サーバ: 198.18.2.123, a.example 198.18.2.1 198.18.2.2, b.example（名前が未解決）\n    \
             異常: no port\n  do this\n"
        );
    }

    #[test]
    fn the_box_is_told_and_its_alarms_come_first() {
        let mut status = status(Phase::InForce);
        let kind = ReleaseKind::Development;
        let built = Some("2026-04-01T00:00:00Z".parse().unwrap());
        status.release = Some(Release { version: "0.7.0".to_owned(), kind, built });
        let instructions = vec!["SSSE3".to_owned(), "SSE4.1".to_owned()];
        status.processor = Some(Processor { instructions, cipher: CipherCode::Sse41 });
        let reading = |alarm, ja, en, way_out| Reading {
            of: Sensed::Temperature,
            name: "cpu".to_owned(),
            value: Some(90_000),
            limit: None,
            alarm,
            sentence: words(ja, en),
            way_out,
        };
        status.health = vec![
            reading(false, "冷たい", "cold", None),
            reading(true, "熱い", "hot", Some(words("冷やす", "cool it"))),
        ];
        let en = "sekisho 1.2.3\n\
                  image     0.7.0 (2026-04-01T00:00:00Z) DEVELOPMENT: not for service\n\
                  ALARM     hot\n    cool it\n\
                  design    in force\n\
                  box       cold\n\
                  processor SSSE3 SSE4.1 (the cipher runs with SSE4.1)\n";
        let ja = "sekisho 1.2.3\n\
                  イメージ  0.7.0 (2026-04-01T00:00:00Z) 開発版: 実際の業務には使わないでください\n\
                  警報      熱い\n    冷やす\n\
                  設計      有効\n\
                  装置      冷たい\n\
                  CPU       SSSE3 SSE4.1（暗号はSSE4.1で動作）\n";
        assert_eq!(text(&status, Language::English), en);
        assert_eq!(text(&status, Language::Japanese), ja);
    }

    #[test]
    fn what_is_wrong_is_told_in_both_languages() {
        let mut cut_off = status(Phase::Closed);
        cut_off.tunnel = Some(TunnelStatus { carrier: None, cut_off: true, centres: Vec::new() });
        cut_off.fault = Some(fault("no counters"));
        let held_back = |held_back_left_s| {
            let mut held_back = status(Phase::InForce);
            held_back.line = Some(LineStatus { held_back: true, held_back_left_s, ..a_line() });
            held_back
        };
        let mut copied = status(Phase::InForce);
        let rival = CentreStatus { rival_age_s: Some(7), ..centre("east", true) };
        copied.tunnel = Some(TunnelStatus { carrier: None, cut_off: false, centres: vec![rival] });
        let mut scarce = status(Phase::InForce);
        let both = |ja: &str, en: &str| Both { ja: ja.to_owned(), en: en.to_owned() };
        scarce.shortages.push(Shortage {
            of: Scarce::Connections,
            used: 8,
            most: 10,
            sentence: both("埋まる", "fills"),
            way_out: both("止める", "stop it"),
        });
        let mut changed = status(Phase::InForce);
        changed.generation = 4;
        changed.awaiting = Some(Awaiting { generation: 5, seconds_left: 90, proof: None });
        let proof = |tries_left| {
            let at = [192, 168, 254, 9].into();
            let proof = Some(ProofAwaited { at, tries_left });
            let mut moved = status(Phase::InForce);
            moved.awaiting = Some(Awaiting { generation: 5, seconds_left: 90, proof });
            moved
        };
        changed.returned = Some(Returned {
            generation: 3,
            why: "nobody confirmed it".to_owned(),
            at: "2026-04-01T00:00:00Z".parse().unwrap(),
        });
        changed.storage = Some(fault("the disk is full"));
        let cases = [
            (
                status(Phase::Closed),
                "設計      未反映",
                "design    closed: no design was ever applied",
            ),
            (
                status(Phase::Faulty { fault: fault("why") }),
                "設計      異常: why\n  do this\n",
                "design    FAULTY: why\n  do this\n",
            ),
            (
                status(Phase::RollbackFailed { fault: fault("why") }),
                "設計      復元失敗: why\n  do this\n",
                "design    ROLL-BACK FAILED: why\n  do this\n",
            ),
            (
                cut_off.clone(),
                "拠点      なし（新しい通信はすぐに断ります）\n",
                "carrier   none, new connections are refused at once\n",
            ),
            (cut_off, "拒否      不明: no counters", "refused   UNKNOWN: no counters"),
            (
                held_back(Some(42)),
                "回線      10000 kbit/s（回線の復旧後のため、bulk を割合どおりに抑えています。あと42秒）\n",
                "line      10000 kbit/s, bulk is held to its share after an outage, for 42 s more\n",
            ),
            (
                held_back(None),
                "kbit/s（応答する拠点がないため、bulk を割合どおりに抑えています）",
                "kbit/s, bulk is held to its share while no centre answers",
            ),
            (scarce, "逼迫      埋まる\n    止める\n", "SCARCE    fills\n    stop it\n"),
            (copied, "警報: この装置の鍵を", "ALARM: somebody else uses this device's key"),
            (
                proof(4),
                "192.168.254.9 でトークンを示します（残り4回）",
                "shown at 192.168.254.9 (4 tries left)",
            ),
            (
                proof(0),
                "確定できるのは装置上の root だけです",
                "only root on the box itself confirms",
            ),
            (
                changed,
                "保存      世代4\n確定待ち  世代5は90秒後に元に戻ります。残すなら：sekisho confirm 5\n取り消し  世代3, 2026-04-01T00:00:00Z: nobody confirmed it\n記憶域    異常: the disk is full\n",
                "kept      generation 4\nawaiting  generation 5 is taken back in 90 s: sekisho confirm 5\nreturned  generation 3, 2026-04-01T00:00:00Z: nobody confirmed it\nstorage   FAULTY: the disk is full\n",
            ),
        ];
        for (status, ja, en) in cases {
            let said = [Language::Japanese, Language::English].map(|one| text(&status, one));
            assert!(said[0].contains(ja) && said[1].contains(en), "{said:?}");
        }
    }
}
