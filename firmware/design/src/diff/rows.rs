//! Differences of servers and terminals.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::writer::{Field, Thing, Writer, label, shown};
use crate::{
    Allowance, Both, Environment, Lan, Server, Service, Terminals, messages::range, words,
};

const LAN: Field<'_> = ("interface", "LAN", "LAN");
const GLOBAL: Field<'_> = ("global", "グローバルアドレス", "global address");
const ENVIRONMENT: Field<'_> = ("environment", "環境", "environment");
const SERVICES: Field<'_> = (
    "services",
    "プラットフォームへ始められる通信",
    "services that it may start towards the platform",
);

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
                environment,
                services,
                allow_from_platform,
            } = before;
            writer.value(thing, LAN, (lan, &after.lan), |lan| lan_name(*lan));
            let field = ("private", "庁内のアドレス", "private address");
            writer.value(thing, field, (private, &after.private), shown);
            writer.value(thing, GLOBAL, (global, &after.global), shown);
            writer.value(thing, ENVIRONMENT, (environment, &after.environment), |it| {
                environment_name(*it)
            });
            writer.set(thing, SERVICES, (&set(services), &set(&after.services)));
            allowances(writer, thing, allow_from_platform, &after.allow_from_platform);
        },
    );
}

/// What may be started from where. Several entries of one source count as one.
fn allowances(writer: &mut Writer, server: &Thing, before: &[Allowance], after: &[Allowance]) {
    let (before, after) = (by_source(before), by_source(after));
    let sources: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let none = BTreeSet::new();
    for source in sources {
        let from = range(*source);
        let key = format!("allow-from-platform.{from}");
        let ja = format!("プラットフォームの {from} から受ける通信");
        let en = format!("services that it takes from {from}");
        let of = |services: &BTreeMap<_, _>| services.get(source).unwrap_or(&none).clone();
        writer.set(server, (&key, &ja, &en), (&of(&before), &of(&after)));
    }
}

fn by_source(allowances: &[Allowance]) -> BTreeMap<Ipv4Net, BTreeSet<Service>> {
    let mut sources: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for Allowance { from, services } in allowances {
        sources.entry(*from).or_default().extend(services);
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
            let Terminals { name: _, lan, from, global, environment, services } = before;
            writer.value(thing, LAN, (lan, &after.lan), |lan| lan_name(*lan));
            let ranges = |from: &[Ipv4Net]| from.iter().map(|net| range(*net)).collect();
            let field = ("from", "端末の範囲", "sources");
            writer.set(thing, field, (&ranges(from), &ranges(&after.from)));
            writer.value(thing, GLOBAL, (global, &after.global), shown);
            writer.value(thing, ENVIRONMENT, (environment, &after.environment), |it| {
                environment_name(*it)
            });
            writer.set(thing, SERVICES, (&set(services), &set(&after.services)));
        },
    );
}

fn set(services: &[Service]) -> BTreeSet<Service> {
    services.iter().copied().collect()
}

fn lan_name(lan: Lan) -> Both {
    words::both(|language| language.lan(lan).to_owned())
}

fn environment_name(environment: Environment) -> Both {
    words::both(|language| language.environment(environment).to_owned())
}
