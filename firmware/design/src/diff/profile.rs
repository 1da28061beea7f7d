//! Differences of what the operator issues.

use super::writer::{NONE, Thing, Writer, label, listed, listed_or_none, optional, shown};
use crate::{
    Both, Centre, Certificates, PlatformNetwork, PlatformService, Profile, ProfileStamp,
    RolloutServer, Zone, words,
};

pub(super) fn compare(writer: &mut Writer, before: &Profile, after: &Profile) {
    let Profile {
        organisation,
        stamp,
        centres,
        pool,
        device_address,
        networks,
        zones,
        ntp,
        services,
        authority,
        dial_back,
        rollout,
    } = before;
    let thing = Thing::new("profile", label("接続情報", "Platform profile"));
    let pair = (organisation, &after.organisation);
    writer.value(&thing, ("organisation", "団体コード", "organisation code"), pair, shown);
    let ProfileStamp { serial, issued } = stamp;
    let pair = (serial, &after.stamp.serial);
    writer.value(&thing, ("serial", "通し番号", "serial number"), pair, shown);
    let pair = (issued, &after.stamp.issued);
    writer.value(&thing, ("issued", "発行の日時", "time of issue"), pair, |time| {
        shown(&words::whole(*time))
    });
    let pair = (device_address, &after.device_address);
    writer.value(
        &thing,
        ("device-address", "装置のグローバルアドレス", "device's global address"),
        pair,
        shown,
    );
    let set = |pool: &[ipnet::Ipv4Net]| pool.iter().copied().collect();
    let field = ("pool", "割り当てられたグローバルアドレス", "pool of global addresses");
    writer.set(&thing, field, (&set(pool), &set(&after.pool)));
    let field = ("ntp", "時刻サーバ", "list of time servers");
    writer.value(&thing, field, (ntp, &after.ntp), |ntp| listed_or_none(ntp));
    compare_centres(writer, &thing, centres, &after.centres);
    compare_networks(writer, networks, &after.networks);
    compare_zones(writer, zones, &after.zones);
    compare_services(writer, services, &after.services);
    let field = ("authority", "認証局の証明書", "certificate authority");
    let pair = (authority, &after.authority);
    writer.value(&thing, field, pair, optional(NONE, fingerprints));
    let field = ("dial-back", "折り返し接続を頼むポート番号", "port for calls back");
    writer.value(&thing, field, (dial_back, &after.dial_back), optional(NONE, shown));
    let field = ("rollout", "一斉更新のサーバ", "server for roll-outs");
    let told = |server: &RolloutServer| {
        let RolloutServer { address, port, tenant } = server;
        shown(&format!("{address}:{port} ({tenant})"))
    };
    writer.value(&thing, field, (rollout, &after.rollout), optional(NONE, told));
}

pub(super) fn fingerprints(authority: &Certificates) -> Both {
    listed(authority.fingerprints())
}

fn compare_centres(writer: &mut Writer, profile: &Thing, before: &[Centre], after: &[Centre]) {
    let names = |centres: &[Centre]| centres.iter().map(|centre| centre.name.clone()).collect();
    let order: (Vec<_>, Vec<_>) = (names(before), names(after));
    let field = ("centre", "拠点の優先順", "order of the centres");
    writer.value(profile, field, (&order.0, &order.1), |names| listed_or_none(names));
    writer.rows(
        (before.iter().map(|row| (&row.name, row)), after.iter().map(|row| (&row.name, row))),
        |name| {
            let label = label(format!("拠点「{name}」"), format!("Centre '{name}'"));
            Thing::new(format!("centre.{name}"), label)
        },
        |centre| shown(&centre.endpoint),
        |writer, thing, before, after| {
            let Centre { name: _, endpoint, public_key, probe } = before;
            writer.value(
                thing,
                ("endpoint", "接続先", "endpoint"),
                (endpoint, &after.endpoint),
                shown,
            );
            let pair = (public_key, &after.public_key);
            writer.value(thing, ("public-key", "公開鍵", "public key"), pair, shown);
            let field = ("probe", "確認用アドレス", "probe address");
            writer.value(thing, field, (probe, &after.probe), shown);
        },
    );
}

fn compare_networks<'a>(
    writer: &mut Writer,
    before: &'a [PlatformNetwork],
    after: &'a [PlatformNetwork],
) {
    let keyed = |network: &'a PlatformNetwork| {
        let PlatformNetwork { prefix, environment } = network;
        (*prefix, environment)
    };
    let environment =
        |environment: &_| words::both(|language| language.environment(*environment).to_owned());
    writer.rows(
        (before.iter().map(keyed), after.iter().map(keyed)),
        |prefix| {
            let label = label(
                format!("プラットフォームのネットワーク {prefix}"),
                format!("Platform network {prefix}"),
            );
            Thing::new(format!("network.{prefix}"), label)
        },
        environment,
        |writer, thing, before, after| {
            writer.value(
                thing,
                ("environment", "環境", "environment"),
                (before, after),
                environment,
            );
        },
    );
}

fn compare_zones(writer: &mut Writer, before: &[Zone], after: &[Zone]) {
    writer.rows(
        (before.iter().map(|row| (&row.name, row)), after.iter().map(|row| (&row.name, row))),
        |name| {
            let label = label(format!("DNSゾーン「{name}」"), format!("DNS zone '{name}'"));
            Thing::new(format!("zone.{name}"), label)
        },
        |zone| listed_or_none(&zone.resolvers),
        |writer, thing, before, after| {
            let Zone { name: _, resolvers } = before;
            let field = ("resolvers", "DNSサーバ", "list of resolvers");
            writer.value(thing, field, (resolvers, &after.resolvers), |list| listed_or_none(list));
        },
    );
}

fn compare_services(writer: &mut Writer, before: &[PlatformService], after: &[PlatformService]) {
    writer.rows(
        (before.iter().map(|row| (&row.name, row)), after.iter().map(|row| (&row.name, row))),
        |name| {
            let label = label(
                format!("プラットフォームのサービス「{name}」"),
                format!("Platform service '{name}'"),
            );
            Thing::new(format!("platform-service.{name}"), label)
        },
        |service| {
            let PlatformService { address, protocol, port, .. } = service;
            label(format!("{address}:{port}、{protocol}"), format!("{address}:{port}, {protocol}"))
        },
        |writer, thing, before, after| {
            let PlatformService { name: _, address, host, protocol, port } = before;
            let field = ("address", "アドレス", "address");
            writer.value(thing, field, (address, &after.address), shown);
            let field = ("host", "名前", "host name");
            writer.value(thing, field, (host, &after.host), optional(NONE, shown));
            let field = ("protocol", "プロトコル", "protocol");
            writer.value(thing, field, (protocol, &after.protocol), shown);
            writer.value(thing, ("port", "ポート番号", "port"), (port, &after.port), shown);
        },
    );
}
