//! Differences of policies, of the words that they use, and of limits.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    rows::{ENVIRONMENT, environment_name, note},
    writer::{Field, NONE, Thing, Writer, label, listed_or_none, optional, shown},
};
use crate::{
    Both, Class, Direction, Global, GlobalFor, Limits, Name, NamedServices, Object, Policy,
    messages::origin, words,
};

pub(super) const CLASS: Field<'_> = ("class", "優先度", "class of traffic");
pub(super) const FTP: Field<'_> =
    ("ftp", "FTPのデータ接続の許可", "leave for FTP's data connections");

pub(super) fn objects(writer: &mut Writer, before: &[Object], after: &[Object]) {
    writer.rows(
        (before.iter().map(|row| (&row.name, row)), after.iter().map(|row| (&row.name, row))),
        |name| {
            let label = label(format!("オブジェクト「{name}」"), format!("Object '{name}'"));
            Thing::new(format!("object.{name}"), label)
        },
        |object| listed_or_none(&object.members),
        |writer, thing, before, after| {
            let Object { name: _, members } = before;
            let field = ("members", "メンバー", "members");
            writer.set(thing, field, (&set(members), &set(&after.members)));
        },
    );
}

pub(super) fn services(writer: &mut Writer, before: &[NamedServices], after: &[NamedServices]) {
    writer.rows(
        (before.iter().map(|row| (&row.name, row)), after.iter().map(|row| (&row.name, row))),
        |name| {
            let label =
                label(format!("名前付きサービス「{name}」"), format!("Named services '{name}'"));
            Thing::new(format!("service.{name}"), label)
        },
        |named| listed_or_none(&named.services),
        |writer, thing, before, after| {
            let NamedServices { name: _, services } = before;
            let field = ("services", "サービス", "services");
            writer.set(thing, field, (&set(services), &set(&after.services)));
        },
    );
}

pub(super) fn policies(writer: &mut Writer, before: &[Policy], after: &[Policy]) {
    order(writer, before, after);
    writer.rows(
        (before.iter().map(|row| (&row.name, row)), after.iter().map(|row| (&row.name, row))),
        |name| {
            let label = label(format!("通信許可「{name}」"), format!("Policy '{name}'"));
            Thing::new(format!("policy.{name}"), label)
        },
        described,
        policy,
    );
}

/// The order of the policies that both have, from the first that stands elsewhere to the last.
fn order(writer: &mut Writer, before: &[Policy], after: &[Policy]) {
    let names = |policies: &[Policy]| policies.iter().map(|row| row.name.clone()).collect();
    let (one, other): (BTreeSet<_>, BTreeSet<_>) = (names(before), names(after));
    let kept = |policies: &[Policy]| -> Vec<Name> {
        let names = policies.iter().map(|row| row.name.clone());
        names.filter(|name| one.contains(name) && other.contains(name)).collect()
    };
    let (one, other) = (kept(before), kept(after));
    let same = |(one, other): &(&Name, &Name)| one == other;
    let head = one.iter().zip(&other).take_while(same).count();
    let ends = one[head..].iter().rev().zip(other[head..].iter().rev());
    let tail = ends.take_while(same).count();
    let moved = |names: &[Name]| names[head..names.len() - tail].to_vec();
    let thing = Thing::new("policy", label("通信許可", "Policies"));
    let field = ("order", "順番", "order");
    writer.value(&thing, field, (&moved(&one), &moved(&other)), |names| listed_or_none(names));
}

fn described(policy: &Policy) -> Both {
    words::both(|language| {
        let (office, platform) = (language.list(&policy.office), language.list(&policy.platform));
        let (from, to) = match policy.direction {
            Direction::FromOffice => (office, platform),
            Direction::FromPlatform => (platform, office),
        };
        let flow = format!("{from} → {to}");
        language.list([flow].into_iter().chain(policy.services.iter().map(ToString::to_string)))
    })
}

fn policy(writer: &mut Writer, thing: &Thing, before: &Policy, after: &Policy) {
    let Policy {
        name: _,
        direction,
        office,
        platform,
        services,
        environment,
        class,
        ftp,
        approval,
        until,
    } = before;
    let field = ("direction", "始める側", "side that starts");
    writer.value(thing, field, (direction, &after.direction), |direction| match direction {
        Direction::FromOffice => label("庁内", "office"),
        Direction::FromPlatform => label("プラットフォーム", "platform"),
    });
    let (office_key, platform_key) = match after.direction {
        Direction::FromOffice => ("from", "to"),
        Direction::FromPlatform => ("to", "from"),
    };
    let field = (office_key, "庁内側の相手", "office's end");
    writer.set(thing, field, (&set(office), &set(&after.office)));
    let field = (platform_key, "プラットフォーム側の相手", "platform's end");
    writer.set(thing, field, (&set(platform), &set(&after.platform)));
    let field = ("services", "サービス", "services");
    writer.set(thing, field, (&set(services), &set(&after.services)));
    let row = ("庁内側の行と同じ", "that of the office's row");
    writer.value(
        thing,
        ENVIRONMENT,
        (environment, &after.environment),
        optional(row, |environment| environment_name(*environment)),
    );
    writer.value(thing, CLASS, (class, &after.class), optional(row, |class| class_name(*class)));
    writer.value(thing, FTP, (ftp, &after.ftp), |ftp| yes_or_no(*ftp));
    let field = ("approval", "承認", "approval");
    writer.value(thing, field, (approval, &after.approval), optional(NONE, note));
    let field = ("until", "期限", "end");
    writer.value(
        thing,
        field,
        (until, &after.until),
        optional(NONE, |until| shown(&words::whole(*until))),
    );
}

pub(super) fn limits(writer: &mut Writer, before: Limits, after: Limits) {
    let Limits { connections, new_per_second } = before;
    let thing = Thing::new("limits", label("送信元ごとの上限", "Limits of a source"));
    let field = ("connections", "同時の接続数", "number of connections at a time");
    writer.value(&thing, field, (&connections, &after.connections), shown);
    let field = ("new-per-second", "1秒に始める接続数", "number of new connections a second");
    writer.value(&thing, field, (&new_per_second, &after.new_per_second), shown);
}

/// What some destinations see in place of a row's own address.
pub(super) fn globals_for(
    writer: &mut Writer,
    row: &Thing,
    before: &[GlobalFor],
    after: &[GlobalFor],
) {
    let by_destination = |entries: &[GlobalFor]| -> BTreeMap<String, Global> {
        let each = entries.iter().flat_map(|GlobalFor { to, global }| {
            to.iter().map(|destination| (origin(destination), *global))
        });
        each.collect()
    };
    let (before, after) = (by_destination(before), by_destination(after));
    writer.rows(
        (&before, &after),
        |to| {
            let name = label(
                format!("{to} あてに使うグローバルアドレス"),
                format!("global address towards {to}"),
            );
            row.part(&format!("global-for.{to}"), &name)
        },
        shown,
        |writer, thing, before, after| {
            let field = ("global", "アドレス", "address");
            writer.value(thing, field, (before, after), shown);
        },
    );
}

/// What people call a class of traffic.
pub(super) fn class_name(class: Class) -> Both {
    words::both(|language| language.class(class).to_owned())
}

pub(super) fn yes_or_no(value: bool) -> Both {
    if value { label("する", "yes") } else { label("しない", "no") }
}

fn set<T: Clone + Ord>(values: &[T]) -> BTreeSet<T> {
    values.iter().cloned().collect()
}
