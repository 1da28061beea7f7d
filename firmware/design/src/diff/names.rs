//! Differences of how the office resolves names.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    policies::yes_or_no,
    writer::{NONE, Thing, Writer, label, listed, optional, shown},
};
use crate::{Both, Lan, Method, NameEntry, NameTarget, Names, messages::range, words};

pub(super) fn compare(writer: &mut Writer, before: Option<&Names>, after: Option<&Names>) {
    let keyed = |names| ((), names);
    writer.rows(
        (before.map(keyed), after.map(keyed)),
        |()| Thing::new("names", label("名前解決", "Name resolution")),
        |names| {
            let Both { ja, en } = method(names.method);
            let entries = names.entries.len();
            label(
                format!("{ja}、静的な項目 {entries} 件"),
                format!("{en}, static entries: {entries}"),
            )
        },
        |writer, thing, before, after| {
            let Names {
                method: asked,
                office_dns,
                rewrite_own,
                outside_answers,
                query_log_days,
                entries,
            } = before;
            writer.value(thing, ("method", "方式", "method"), (asked, &after.method), |it| {
                method(*it)
            });
            for lan in Lan::ALL {
                let name = words::both(|language| language.lan(lan).to_owned());
                let ja = format!("{}のDNSサーバ", name.ja);
                let en = format!("list of DNS servers of the {}", name.en);
                let pair = (&office_dns.get(&lan), &after.office_dns.get(&lan));
                let key = format!("office-dns.{lan}");
                writer.value(
                    thing,
                    (&key, &ja, &en),
                    pair,
                    optional(NONE, |servers: &&Vec<_>| listed(*servers)),
                );
            }
            let field = (
                "rewrite-own",
                "庁内のサーバの名前を庁内のアドレスに直すこと",
                "answer with private addresses of own servers",
            );
            writer.value(thing, field, (rewrite_own, &after.rewrite_own), |it| yes_or_no(*it));
            let ranges = |networks: &[Ipv4Net]| networks.iter().map(|net| range(*net)).collect();
            let field = (
                "outside-answers",
                "答えとして許すネットワーク",
                "networks that answers may lead to",
            );
            let pair: (BTreeSet<String>, _) =
                (ranges(outside_answers), ranges(&after.outside_answers));
            writer.set(thing, field, (&pair.0, &pair.1));
            let field =
                ("query-log-days", "問い合わせの記録の日数", "number of days of the query log");
            let pair = (query_log_days, &after.query_log_days);
            writer.value(thing, field, pair, optional(NONE, shown));
            compare_entries(writer, thing, entries, &after.entries);
        },
    );
}

/// Entries are compared as each LAN gets them.
fn compare_entries(writer: &mut Writer, names: &Thing, before: &[NameEntry], after: &[NameEntry]) {
    writer.rows(
        (each_lan(before), each_lan(after)),
        |(name, lan)| {
            let of = words::both(|language| language.lan(*lan).to_owned());
            let part = label(
                format!("{}の項目「{name}」", of.ja),
                format!("entry '{name}' of the {}", of.en),
            );
            names.part(&format!("entry.{name}.{lan}"), &part)
        },
        target,
        |writer, thing, before, after| {
            writer.value(thing, ("target", "行き先", "target"), (before, after), target);
        },
    );
}

fn each_lan(entries: &[NameEntry]) -> impl Iterator<Item = ((&crate::DnsName, Lan), &NameTarget)> {
    entries.iter().flat_map(|NameEntry { name, lans, target }| {
        lans.iter().map(move |lan| ((name, *lan), target))
    })
}

fn target(target: &NameTarget) -> Both {
    match target {
        NameTarget::Addresses(addresses) => listed::<Ipv4Addr>(addresses.iter().copied()),
        NameTarget::Alias(alias) => label(format!("別名 {alias}"), format!("alias of {alias}")),
    }
}

fn method(method: Method) -> Both {
    match method {
        Method::Device => label("(a) 端末が装置に問い合わせる", "(a) clients ask the device"),
        Method::Forward => {
            label("(b) 庁内DNSが装置に転送する", "(b) the office's DNS forwards to the device")
        }
        Method::Hosts => label("(c) 端末のhostsファイル", "(c) hosts files of terminals"),
    }
}
