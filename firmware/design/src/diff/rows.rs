//! Differences of servers and terminals.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::{
    policies::{CLASS, FTP, class_name, globals_for, yes_or_no},
    writer::{Field, NONE, Thing, Writer, label, optional, shown},
};
use crate::{
    Allowance, Approval, Both, Environment, Lan, Origin, Server, Service, Terminals,
    messages::{harmless, origin, range},
    words,
};

const LAN: Field<'_> = ("interface", "LAN", "LAN");
const GLOBAL: Field<'_> = ("global", "グローバルアドレス", "global address");
pub(super) const ENVIRONMENT: Field<'_> = ("environment", "環境", "environment");
const SERVICES: Field<'_> = (
    "services",
    "プラットフォームへ始められる通信",
    "services that it may start towards the platform",
);
const APPROVAL: Field<'_> = ("approval", "承認", "approval");

pub(super) fn servers(writer: &mut Writer, before: &[Server], after: &[Server]) {
    writer.rows(
        (before.iter().map(|row| (&row.name, row)), after.iter().map(|row| (&row.name, row))),
        |name| {
            Thing::new(
                format!("server.{name}"),
                label(format!("サーバ「{name}」"), format!("Server '{name}'")),
            )
        },
        |row| {
            let Server { private, global, .. } = row;
            let translation = format!("{private} → {global}");
            words::both(|language| language.list([language.lan(row.lan), &translation]))
        },
        |writer, thing, before, after| {
            let Server {
                name: _,
                lan,
                private,
                global,
                global_for,
                environment,
                class,
                ftp,
                services,
                approval,
                allow_from_platform,
                identity,
            } = before;
            writer.value(thing, LAN, (lan, &after.lan), |lan| lan_name(*lan));
            let field = ("private", "庁内のアドレス", "private address");
            writer.value(thing, field, (private, &after.private), shown);
            writer.value(thing, GLOBAL, (global, &after.global), shown);
            globals_for(writer, thing, global_for, &after.global_for);
            writer.value(thing, ENVIRONMENT, (environment, &after.environment), |it| {
                environment_name(*it)
            });
            writer.value(thing, CLASS, (class, &after.class), |class| class_name(*class));
            writer.value(thing, FTP, (ftp, &after.ftp), |ftp| yes_or_no(*ftp));
            writer.set(thing, SERVICES, (&set(services), &set(&after.services)));
            writer.value(thing, APPROVAL, (approval, &after.approval), optional(NONE, note));
            allowances(writer, thing, allow_from_platform, &after.allow_from_platform);
            let field = ("identity", "サーバの名乗り", "name that it gives itself");
            writer.value(thing, field, (identity, &after.identity), optional(NONE, quoted));
        },
    );
}

/// What may be started from where. Several entries of one source count as one.
fn allowances(writer: &mut Writer, server: &Thing, before: &[Allowance], after: &[Allowance]) {
    let (before, after) = (by_source(before), by_source(after));
    let sources: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let none = Taken::default();
    for source in sources {
        let from = origin(source);
        let (before, after) =
            (before.get(source).unwrap_or(&none), after.get(source).unwrap_or(&none));
        let key = format!("allow-from-platform.{from}");
        let ja = format!("プラットフォームの {from} から受ける通信");
        let en = format!("services that it takes from {from}");
        writer.set(server, (&key, &ja, &en), (&before.services, &after.services));
        let key = format!("{key}.approval");
        let (ja, en) = (format!("{ja}の承認"), format!("approvals of what it takes from {from}"));
        writer.set(server, (&key, &ja, &en), (&before.approvals, &after.approvals));
    }
}

/// What a server takes from one source.
#[derive(Default)]
struct Taken {
    services: BTreeSet<Service>,
    approvals: BTreeSet<String>,
}

fn by_source(allowances: &[Allowance]) -> BTreeMap<Origin, Taken> {
    let mut sources: BTreeMap<_, Taken> = BTreeMap::new();
    for Allowance { from, services, approval } in allowances {
        let taken = sources.entry(from.clone()).or_default();
        taken.services.extend(services);
        taken.approvals.extend(approval.iter().map(|note| harmless(note.as_str().chars())));
    }
    sources
}

pub(super) fn terminals(writer: &mut Writer, before: &[Terminals], after: &[Terminals]) {
    writer.rows(
        (before.iter().map(|row| (&row.name, row)), after.iter().map(|row| (&row.name, row))),
        |name| {
            Thing::new(
                format!("terminals.{name}"),
                label(format!("端末「{name}」"), format!("Terminals '{name}'")),
            )
        },
        |row| {
            words::both(|language| {
                let from = language.list(row.from.iter().map(|net| range(*net)));
                language.list([language.lan(row.lan), &format!("{from} → {}", row.global)])
            })
        },
        |writer, thing, before, after| {
            let Terminals {
                name: _,
                lan,
                from,
                global,
                global_for,
                environment,
                class,
                cap,
                services,
                approval,
            } = before;
            writer.value(thing, LAN, (lan, &after.lan), |lan| lan_name(*lan));
            let ranges = |from: &[Ipv4Net]| from.iter().map(|net| range(*net)).collect();
            let field = ("from", "端末の範囲", "sources");
            writer.set(thing, field, (&ranges(from), &ranges(&after.from)));
            writer.value(thing, GLOBAL, (global, &after.global), shown);
            globals_for(writer, thing, global_for, &after.global_for);
            writer.value(thing, ENVIRONMENT, (environment, &after.environment), |it| {
                environment_name(*it)
            });
            writer.value(thing, CLASS, (class, &after.class), |class| class_name(*class));
            let field = ("cap", "1台あたりの速度の上限", "cap of each host");
            writer.value(thing, field, (cap, &after.cap), optional(NONE, shown));
            writer.set(thing, SERVICES, (&set(services), &set(&after.services)));
            writer.value(thing, APPROVAL, (approval, &after.approval), optional(NONE, note));
        },
    );
}

fn set(services: &[Service]) -> BTreeSet<Service> {
    services.iter().copied().collect()
}

pub(super) fn note(approval: &Approval) -> Both {
    quoted(approval.as_str())
}

/// Text of a file as a value, without characters that steer a terminal.
fn quoted(text: &(impl AsRef<str> + ?Sized)) -> Both {
    let text = harmless(text.as_ref().chars());
    label(format!("「{text}」"), format!("'{text}'"))
}

fn lan_name(lan: Lan) -> Both {
    words::both(|language| language.lan(lan).to_owned())
}

pub(super) fn environment_name(environment: Environment) -> Both {
    words::both(|language| language.environment(environment).to_owned())
}
