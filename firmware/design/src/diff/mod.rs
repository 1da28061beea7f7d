//! What is different between two designs, said in sentences.
//!
//! Every structure is taken apart by name, so that a field that is added to the model must find its sentence here.

mod log;
mod names;
mod policies;
mod profile;
mod rows;
mod writer;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use self::writer::{NONE, Thing, Writer, label, listed_or_none, optional, shown};
use crate::{
    Both, Class, Design, Lan, LanInterface, LanRoute, Lgwan, Maintenance, Metrics, NightlyBackup,
    Page, PortMode, Site, Snmp, Traffic, messages, words,
};

/// One difference.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Difference {
    /// What differs, by the words of the design file and by names, like `server.juki.global`. A row that only one of the
    /// two has ends with its name.
    pub path: String,
    /// What changes from the first design to the second.
    pub sentence: Both,
}

/// What changes from one design to another; nothing where they are equal.
///
/// Rows are known by their names, static entries by name and LAN. The order of rows means nothing, nor does that of pools,
/// sources and services; that of policies, centres, resolvers and time servers does. A host that is called by a name is that name,
/// whatever it was resolved to.
pub fn diff(before: &Design, after: &Design) -> Vec<Difference> {
    let unresolved = |design: &Design| {
        let mut design = design.clone();
        design.resolve(|_| Vec::new());
        design
    };
    let (before, after) = (&unresolved(before), &unresolved(after));
    let Design {
        profile,
        site,
        lgwan,
        lans,
        maintenance,
        traffic,
        servers,
        terminals,
        objects,
        services,
        policies,
        limits,
        names,
        flow_log,
        collector,
        page,
        metrics,
        backup,
        rollout,
        snmp,
    } = before;
    let mut writer = Writer::default();
    compare_site(&mut writer, site, &after.site);
    compare_lgwan(&mut writer, lgwan, &after.lgwan);
    compare_lans(&mut writer, lans, &after.lans);
    compare_maintenance(&mut writer, maintenance.as_ref(), after.maintenance.as_ref());
    compare_traffic(&mut writer, *traffic, after.traffic);
    rows::servers(&mut writer, servers, &after.servers);
    rows::terminals(&mut writer, terminals, &after.terminals);
    policies::objects(&mut writer, objects, &after.objects);
    policies::services(&mut writer, services, &after.services);
    policies::policies(&mut writer, policies, &after.policies);
    policies::limits(&mut writer, *limits, after.limits);
    names::compare(&mut writer, names.as_ref(), after.names.as_ref());
    log::flow_log(&mut writer, flow_log.as_ref(), after.flow_log.as_ref());
    log::collector(&mut writer, collector.as_ref(), after.collector.as_ref());
    compare_page(&mut writer, page, &after.page);
    compare_metrics(&mut writer, metrics, &after.metrics);
    compare_backup(&mut writer, backup.as_ref(), after.backup.as_ref());
    compare_snmp(&mut writer, snmp, &after.snmp);
    compare_rollout(&mut writer, *rollout, after.rollout);
    profile::compare(&mut writer, profile, &after.profile);
    writer.found
}

fn compare_site(writer: &mut Writer, before: &Site, after: &Site) {
    let Site { name, organisation, kind, placement } = before;
    let thing = Thing::new("site", label("サイト", "Site"));
    let pair = (name, &after.name);
    writer.value(&thing, ("name", "名称", "name"), pair, |name| {
        let name = messages::harmless(name.chars());
        label(format!("「{name}」"), format!("'{name}'"))
    });
    let pair = (organisation, &after.organisation);
    writer.value(&thing, ("organisation", "団体コード", "organisation code"), pair, shown);
    let pair = (kind, &after.kind);
    writer.value(&thing, ("kind", "団体の種類", "kind of organisation"), pair, |kind| {
        words::both(|language| messages::kind(*kind, language).to_owned())
    });
    let pair = (placement, &after.placement);
    writer.value(&thing, ("placement", "接続例", "placement"), pair, |placement| {
        shown(&placement.number())
    });
}

const PORT: writer::Field<'_> = ("port", "ポート", "port");
const ADDRESS: writer::Field<'_> = ("address", "装置のアドレス", "device's address");

/// What a port does for whose speed and duplex nothing is written.
const AUTOMATIC: (&str, &str) = ("自動", "automatic");

/// Speed and duplex, which are two keys of the file.
fn compare_mode(
    writer: &mut Writer,
    thing: &Thing,
    before: Option<PortMode>,
    after: Option<PortMode>,
) {
    let speed = |mode: Option<PortMode>| mode.map(PortMode::speed);
    let field = ("speed", "ポートの速度", "port's speed");
    writer.value(thing, field, (&speed(before), &speed(after)), optional(AUTOMATIC, shown));
    let duplex = |mode: Option<PortMode>| mode.map(PortMode::duplex);
    let field = ("duplex", "全二重・半二重", "port's duplex");
    writer.value(thing, field, (&duplex(before), &duplex(after)), optional(AUTOMATIC, shown));
}

fn compare_lgwan(writer: &mut Writer, before: &Lgwan, after: &Lgwan) {
    let Lgwan { port, mode, address, gateway, mtu, line_rate, dns } = before;
    let thing = Thing::new("interface.lgwan", label("LGWAN側", "LGWAN side"));
    writer.value(&thing, PORT, (port, &after.port), shown);
    compare_mode(writer, &thing, *mode, after.mode);
    writer.value(&thing, ADDRESS, (address, &after.address), shown);
    writer.value(&thing, ("gateway", "ルータ", "router"), (gateway, &after.gateway), shown);
    let field = ("mtu", "最大のIPパケット（MTU）", "largest IP packet (MTU)");
    writer.value(&thing, field, (mtu, &after.mtu), shown);
    let field = ("line-rate", "回線の契約速度", "line's contracted rate");
    writer.value(&thing, field, (line_rate, &after.line_rate), optional(NONE, shown));
    let field = ("dns", "DNSサーバ", "list of resolvers");
    writer.value(&thing, field, (dns, &after.dns), |dns| listed_or_none(dns));
}

type Lans = BTreeMap<Lan, LanInterface>;

fn compare_lans(writer: &mut Writer, before: &Lans, after: &Lans) {
    let keyed = |(lan, interface)| (lan, interface);
    writer.rows(
        (before.iter().map(keyed), after.iter().map(keyed)),
        |lan| {
            let name = words::both(|language| language.lan(**lan).to_owned());
            Thing::new(format!("interface.{lan}"), label(name.ja, format!("The {}", name.en)))
        },
        |interface| port(&interface.port, interface.address),
        |writer, thing, before, after| {
            let LanInterface { port, mode, address, routes, share } = before;
            writer.value(thing, PORT, (port, &after.port), shown);
            compare_mode(writer, thing, *mode, after.mode);
            writer.value(thing, ADDRESS, (address, &after.address), shown);
            compare_routes(writer, thing, routes, &after.routes);
            let field = ("share", "回線のうち下りに使う割合", "share of the line downwards");
            writer.value(
                thing,
                field,
                (share, &after.share),
                optional(AUTOMATIC, |share| shown(&format!("{share}%"))),
            );
        },
    );
}

fn compare_routes<'a>(
    writer: &mut Writer,
    lan: &Thing,
    before: &'a [LanRoute],
    after: &'a [LanRoute],
) {
    let keyed = |route: &'a LanRoute| {
        let LanRoute { to, via } = route;
        (*to, via)
    };
    writer.rows(
        (before.iter().map(keyed), after.iter().map(keyed)),
        |to| {
            let name = label(format!("経路 {to}"), format!("route to {to}"));
            lan.part(&format!("routes.{to}"), &name)
        },
        |via| label(format!("ルータ {via}"), format!("router {via}")),
        |writer, thing, before, after| {
            writer.value(thing, ("via", "ルータ", "router"), (before, after), shown);
        },
    );
}

fn compare_traffic(writer: &mut Writer, before: Traffic, after: Traffic) {
    let Traffic { shares, hold_back } = before;
    let thing = Thing::new("traffic", label("回線の配分", "Division of the line"));
    let field = ("shares", "通信の種類ごとの割合", "division among classes");
    writer.value(&thing, field, (&shares, &after.shares), |shares| {
        shown(&Class::ALL.map(|class| format!("{class} {}%", shares.of(class))).join(" / "))
    });
    let field = ("hold-back", "回線の復旧後にbulkを抑える時間", "time for which bulk is held back");
    writer.value(&thing, field, (&hold_back, &after.hold_back), |seconds| {
        label(format!("{seconds}秒"), format!("{seconds} s"))
    });
}

fn compare_page(writer: &mut Writer, before: &Page, after: &Page) {
    let Page { head_office } = before;
    let thing = Thing::new("page", label("装置の画面", "The page"));
    let field = ("head-office", "首長部局業務系LANの接続元", "sources on the head office LAN");
    writer.set(&thing, field, (&ranges(head_office), &ranges(&after.head_office)));
}

fn compare_metrics(writer: &mut Writer, before: &Metrics, after: &Metrics) {
    let Metrics { maintenance } = before;
    let thing = Thing::new("metrics", label("装置の指標", "The figures"));
    let field = ("maintenance", "保守ポートの接続元", "sources at the maintenance port");
    writer.set(&thing, field, (&ranges(maintenance), &ranges(&after.maintenance)));
}

fn compare_backup(
    writer: &mut Writer,
    before: Option<&NightlyBackup>,
    after: Option<&NightlyBackup>,
) {
    let keyed = |backup| ((), backup);
    writer.rows(
        (before.map(keyed), after.map(keyed)),
        |()| Thing::new("backup", label("毎晩の控え", "The nightly backup")),
        |NightlyBackup { recipient }| {
            label(format!("受取人 {recipient}"), format!("for {recipient}"))
        },
        |writer, thing, NightlyBackup { recipient }, after| {
            let field = ("recipient", "受取人の公開鍵", "recipient");
            writer.value(thing, field, (recipient, &after.recipient), shown);
        },
    );
}

fn compare_snmp(writer: &mut Writer, before: &Snmp, after: &Snmp) {
    let Snmp { maintenance } = before;
    let thing = Thing::new("snmp", label("SNMP", "SNMP"));
    let field = ("maintenance", "保守ポートの接続元", "sources at the maintenance port");
    writer.set(&thing, field, (&ranges(maintenance), &ranges(&after.maintenance)));
}

fn compare_rollout(writer: &mut Writer, before: bool, after: bool) {
    let thing = Thing::new("rollout", label("機構による一斉更新", "The operator's roll-outs"));
    let field = ("enabled", "一斉更新の受け入れ", "whether the box follows them");
    writer.value(&thing, field, (&before, &after), |it| policies::yes_or_no(*it));
}

fn ranges(sources: &[Ipv4Net]) -> BTreeSet<String> {
    sources.iter().copied().map(messages::range).collect()
}

fn compare_maintenance(
    writer: &mut Writer,
    before: Option<&Maintenance>,
    after: Option<&Maintenance>,
) {
    let keyed = |maintenance| ((), maintenance);
    writer.rows(
        (before.map(keyed), after.map(keyed)),
        |()| Thing::new("interface.maintenance", label("保守ポート", "The maintenance port")),
        |maintenance| port(&maintenance.port, maintenance.address),
        |writer, thing, before, after| {
            let Maintenance { port, mode, address } = before;
            writer.value(thing, PORT, (port, &after.port), shown);
            compare_mode(writer, thing, *mode, after.mode);
            writer.value(thing, ADDRESS, (address, &after.address), shown);
        },
    );
}

fn port(port: &crate::PortName, address: crate::InterfaceAddress) -> Both {
    label(format!("{port}、{address}"), format!("{port}, {address}"))
}
