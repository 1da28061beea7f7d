//! `sekisho names`: what the device knows of names, and what it would answer.

use std::{fmt::Write as _, path::Path};

use clap::{Args, Subcommand};
use sekisho_control::{
    HostStatus, NAME_QUERY, NAMES, NameAnswer, NameQuery, NamesStatus, UpstreamStatus, ZoneOwner,
    ZoneStatus,
};
use sekisho_design::{Lan, Language, Method};

use super::{
    LanName,
    client::{self, ClientError},
    show::whole,
};

#[derive(Args, Debug)]
pub(super) struct NamesOf {
    #[command(subcommand)]
    pub(super) query: Option<Ask>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Ask {
    /// Ask as a client of a LAN would: which rule answers, from where, and in how many milliseconds
    Query(Query),
}

#[derive(Args, Debug)]
pub(super) struct Query {
    /// The name; for PTR an address will do
    name: String,
    /// The type of record
    #[arg(long = "type", value_name = "TYPE", default_value = "A")]
    kind: String,
    /// The LAN whose client asks
    #[arg(long, value_enum)]
    lan: Option<LanName>,
}

/// Asks for the state.
pub(super) async fn status(socket: &Path) -> Result<NamesStatus, ClientError> {
    client::get(socket, NAMES).await
}

/// Asks for a name.
pub(super) async fn query(socket: &Path, query: &Query) -> Result<NameAnswer, ClientError> {
    let (name, kind) = (query.name.clone(), query.kind.clone());
    resolve(socket, NameQuery { name, kind, lan: query.lan.map(Lan::from) }).await
}

pub(super) async fn resolve(socket: &Path, query: NameQuery) -> Result<NameAnswer, ClientError> {
    client::post(socket, NAME_QUERY, &query).await
}

/// The state as text, a line a fact.
pub(super) fn text(status: &NamesStatus, language: Language) -> String {
    let say = |ja, en| language.pick(ja, en);
    let mut text = format!("{}{}\n", say("方式      ", "method    "), method(status, language));
    if let Some(fault) = &status.fault {
        let _ = writeln!(text, "{}{}", say("異常      ", "FAULTY    "), whole(fault));
    }
    if !status.listening.is_empty() {
        let lans: Vec<_> = status.listening.iter().map(|lan| lan.as_str()).collect();
        let _ = writeln!(text, "{}{}", say("受付      ", "answers   "), lans.join(", "));
    }
    for zone in &status.zones {
        let _ = writeln!(text, "{}{}", say("ゾーン    ", "zone      "), zone_name(zone, language));
        for upstream in &zone.upstreams {
            let _ = writeln!(text, "  {}", server(upstream, language));
        }
    }
    let cache = &status.cache;
    let (entries, bytes, hits) = (cache.entries, cache.bytes, cache.hits);
    let (misses, stale) = (cache.misses, cache.stale);
    let ja =
        format!("{entries} 件、{bytes} バイト、的中 {hits}、外れ {misses}、期限切れで応答 {stale}");
    let en =
        format!("{entries} answers, {bytes} bytes, {hits} hits, {misses} misses, {stale} stale");
    let _ = writeln!(text, "{}{}", say("記憶      ", "cache     "), language.pick(ja, en));
    for host in &status.hosts {
        let _ = writeln!(text, "{}{}", say("設計の名前 ", "host      "), known(host, language));
    }
    for (reason, count) in &status.counts {
        let _ = writeln!(text, "{}{reason:<40} {count}", say("回数      ", "count     "));
    }
    text
}

fn method(status: &NamesStatus, language: Language) -> &'static str {
    let (ja, en) = match status.method {
        None => {
            ("選んでいません。どのLANの問い合わせにも答えません", "none chosen; no LAN is answered")
        }
        Some(Method::Device) => ("(a) 端末が装置に問い合わせます", "(a) clients ask the device"),
        Some(Method::Forward) => (
            "(b) 庁内のDNSサーバが装置に転送します",
            "(b) the office's DNS servers forward to the device",
        ),
        Some(Method::Hosts) => {
            ("(c) hostsファイル。装置は答えません", "(c) hosts files; the device answers nobody")
        }
    };
    language.pick(ja, en)
}

fn zone_name(zone: &ZoneStatus, language: Language) -> String {
    let lan = zone.lan.map_or("", |lan| lan.as_str());
    match zone.of {
        ZoneOwner::Platform => zone.zone.clone(),
        ZoneOwner::Lgwan => language
            .pick("設計の名前（LGWANのDNSサーバへ）", "names of the design, to LGWAN's DNS servers")
            .to_owned(),
        ZoneOwner::Office => language.pick(
            format!("ほかの名前（{lan} のDNSサーバへ）"),
            format!("all other names, to the DNS servers of {lan}"),
        ),
    }
}

fn server(upstream: &UpstreamStatus, language: Language) -> String {
    let UpstreamStatus { address, answers, failures, round_trip_us } = upstream;
    let state = match answers {
        None => language.pick("未使用".to_owned(), "not asked yet".to_owned()),
        Some(true) => language.pick("応答あり".to_owned(), "answers".to_owned()),
        Some(false) => language.pick(
            format!("応答なし（続けて {failures} 回）"),
            format!("silent, {failures} times in a row"),
        ),
    };
    let trip = round_trip_us.map_or(String::new(), |us| format!(", {}", milliseconds(us)));
    format!("{address:<24} {state}{trip}")
}

fn known(host: &HostStatus, language: Language) -> String {
    let HostStatus { name, addresses, fault } = host;
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let addresses = if addresses.is_empty() {
        language.pick("未解決", "UNRESOLVED").to_owned()
    } else {
        addresses.join(", ")
    };
    let fault = fault.as_ref().map_or(String::new(), |fault| {
        language
            .pick(format!("（最後の問い合わせ：{fault}）"), format!(" (last question: {fault})"))
    });
    format!("{name}  {addresses}{fault}")
}

/// What a client would be told, and why.
pub(super) fn answer(answer: &NameAnswer, language: Language) -> String {
    let NameAnswer { rule, from, code, records, microseconds, .. } = answer;
    let time = milliseconds(*microseconds);
    let mut text = language.pick(
        format!("{code}  規則 {rule}、応答元 {from}、{time}\n"),
        format!("{code}  rule {rule}, from {from}, {time}\n"),
    );
    for record in records {
        let _ = writeln!(text, "{record}");
    }
    text
}

fn milliseconds(microseconds: u64) -> String {
    format!("{}.{:03} ms", microseconds / 1000, microseconds % 1000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sekisho_control::{CacheStatus, Failure, FailureKind};

    use super::*;

    fn upstream(address: &str, answers: Option<bool>, failures: u32) -> UpstreamStatus {
        let address = address.parse().unwrap();
        let round_trip_us = answers.filter(|answers| *answers).map(|_| 1_405);
        UpstreamStatus { address, answers, failures, round_trip_us }
    }

    #[test]
    fn what_is_known_is_told_in_both_languages() {
        let status = NamesStatus {
            method: Some(Method::Device),
            fault: Some(Failure {
                kind: FailureKind::Device,
                message: "port 53 is taken".to_owned(),
                way_out: Some("end it".to_owned()),
                both: None,
                problems: Vec::new(),
            }),
            listening: vec![Lan::HeadOffice],
            zones: vec![
                ZoneStatus {
                    zone: "platform.example".to_owned(),
                    of: ZoneOwner::Platform,
                    lan: None,
                    upstreams: vec![
                        upstream("100.72.0.53:53", Some(false), 3),
                        upstream("100.72.0.54:53", Some(true), 0),
                    ],
                },
                ZoneStatus {
                    zone: ".".to_owned(),
                    of: ZoneOwner::Office,
                    lan: Some(Lan::HeadOffice),
                    upstreams: vec![upstream("192.168.1.53:53", None, 0)],
                },
            ],
            cache: CacheStatus { entries: 2, bytes: 300, hits: 5, misses: 7, stale: 1 },
            counts: BTreeMap::from([("head-office/static".to_owned(), 4)]),
            hosts: vec![HostStatus {
                name: "east.vpn.example".parse().unwrap(),
                addresses: Vec::new(),
                fault: Some("silence".to_owned()),
            }],
        };
        let en = "\
method    (a) clients ask the device
FAULTY    port 53 is taken
  end it
answers   head-office
zone      platform.example
  100.72.0.53:53           silent, 3 times in a row
  100.72.0.54:53           answers, 1.405 ms
zone      all other names, to the DNS servers of head-office
  192.168.1.53:53          not asked yet
cache     2 answers, 300 bytes, 5 hits, 7 misses, 1 stale
host      east.vpn.example  UNRESOLVED (last question: silence)
count     head-office/static                       4
";
        assert_eq!(text(&status, Language::English), en);
        let ja = text(&status, Language::Japanese);
        for words in
            ["端末が装置に問い合わせます", "応答なし（続けて 3 回）", "未解決", "期限切れで応答 1"]
        {
            assert!(ja.contains(words), "{words}: {ja}");
        }
    }

    #[test]
    fn an_answer_says_who_gave_it_and_how_fast() {
        let told = NameAnswer {
            rule: "platform".to_owned(),
            from: "100.72.0.53:53".to_owned(),
            code: "NOERROR".to_owned(),
            records: vec!["web.platform.example. 300 IN A 100.72.1.10".to_owned()],
            addresses: vec!["100.72.1.10".parse().unwrap()],
            microseconds: 2_050,
        };
        assert_eq!(
            answer(&told, Language::English),
            "NOERROR  rule platform, from 100.72.0.53:53, 2.050 ms\nweb.platform.example. 300 IN A 100.72.1.10\n"
        );
        assert!(answer(&told, Language::Japanese).contains("応答元 100.72.0.53:53"));
    }
}
