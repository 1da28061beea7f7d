//! Differences of two designs: nothing where they are equal, every changed field by name where they are not.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use proptest::prelude::*;
use sekisho_design::{
    Approval, Centre, Certificates, Class, Collector, CollectorTransport, Design, Direction,
    Duplex, Environment, FlowLog, Global, GlobalFor, InterfaceAddress, Kind, Lan, LanRoute, Limits,
    LineRate, LogSize, Maintenance, Member, Method, NameEntry, NameTarget, NamedHost,
    NamedServices, Names, NightlyBackup, Object, OfficeSide, Origin, Placement, PlatformService,
    Policy, PortMode, Private, Protocol, PublicKey, RolloutServer, Sent, Service, ServiceMember,
    Shares, Speed, Tenant, diff,
};

use crate::sample;

/// A change of a field and the path that names it. No two touch one field.
pub(crate) type Change = (&'static str, fn(&mut Design));

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn service(text: &str) -> Service {
    text.parse().unwrap()
}

fn global(text: &str) -> Global {
    Global::new(text.parse().unwrap())
}

fn interface(text: &str) -> InterfaceAddress {
    text.parse().unwrap()
}

fn approval(text: &str) -> Approval {
    text.parse().unwrap()
}

fn maintenance(design: &mut Design) -> &mut Maintenance {
    design.maintenance.as_mut().unwrap()
}

fn names(design: &mut Design) -> &mut Names {
    design.names.as_mut().unwrap()
}

fn collector(design: &mut Design) -> &mut Collector {
    design.collector.as_mut().unwrap()
}

fn authority(design: &mut Design) -> &mut Certificates {
    match &mut collector(design).transport {
        CollectorTransport::Tls { authority, .. } => authority,
        CollectorTransport::Udp | CollectorTransport::Tcp => panic!("the base has TLS"),
    }
}

/// The shortest thing that looks like a certificate: one SEQUENCE with so many bytes.
fn certificate(length: u8) -> Certificates {
    let bytes = [&[0x30, length][..], &vec![0; length.into()]].concat();
    let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----").parse().unwrap()
}

fn alias(text: &str) -> NameTarget {
    NameTarget::Alias(text.parse().unwrap())
}

fn member(text: &str) -> Member {
    text.parse().unwrap()
}

fn service_member(text: &str) -> ServiceMember {
    text.parse().unwrap()
}

fn global_for(to: &str, address: &str) -> GlobalFor {
    GlobalFor { to: vec![Origin::Network(net(to))], global: global(address) }
}

/// The base fixes speed and duplex of every port; a change takes one of them and leaves the other.
fn speed(mode: Option<PortMode>) -> Speed {
    mode.unwrap().speed()
}

fn duplex(mode: Option<PortMode>) -> Duplex {
    mode.unwrap().duplex()
}

fn west(design: &mut Design) -> &mut Centre {
    let mut centres = design.profile.centres.iter_mut();
    centres.find(|centre| centre.name.as_str() == "west").unwrap()
}

pub(crate) const CHANGES: [Change; 116] = [
    ("site.name", |design| design.site.name = "新市".into()),
    ("site.organisation", |design| design.site.organisation = "010006".parse().unwrap()),
    ("site.kind", |design| design.site.kind = Kind::Prefecture),
    ("site.placement", |design| design.site.placement = Placement::DataCentre),
    ("interface.lgwan.port", |design| design.lgwan.port = "port9".parse().unwrap()),
    ("interface.lgwan.line-rate", |design| design.lgwan.line_rate = LineRate::new(1_500_000)),
    ("interface.lgwan.speed", |design| {
        design.lgwan.mode = PortMode::new(Speed::Mbps10, duplex(design.lgwan.mode));
    }),
    ("interface.lgwan.duplex", |design| {
        design.lgwan.mode = PortMode::new(speed(design.lgwan.mode), Duplex::Half);
    }),
    ("interface.lgwan.address", |design| design.lgwan.address = interface("198.18.1.3/24")),
    ("interface.lgwan.gateway", |design| design.lgwan.gateway = "198.18.1.254".parse().unwrap()),
    ("interface.lgwan.mtu", |design| design.lgwan.mtu = 1400),
    ("interface.lgwan.dns", |design| design.lgwan.dns.clear()),
    ("interface.head-office.port", |design| {
        design.lans.get_mut(&Lan::HeadOffice).unwrap().port = "port8".parse().unwrap();
    }),
    ("interface.head-office.speed", |design| {
        let mode = &mut design.lans.get_mut(&Lan::HeadOffice).unwrap().mode;
        *mode = PortMode::new(Speed::Mbps100, duplex(*mode));
    }),
    ("interface.head-office.duplex", |design| {
        let mode = &mut design.lans.get_mut(&Lan::HeadOffice).unwrap().mode;
        *mode = PortMode::new(speed(*mode), Duplex::Half);
    }),
    ("interface.head-office.address", |design| {
        design.lans.get_mut(&Lan::HeadOffice).unwrap().address = interface("192.168.1.2/24");
    }),
    ("interface.head-office.routes.10.20.0.0/24.via", |design| {
        let head_office = design.lans.get_mut(&Lan::HeadOffice).unwrap();
        head_office.routes[0].via = "192.168.1.253".parse().unwrap();
    }),
    ("interface.head-office.routes.10.30.0.0/16", |design| {
        let route = LanRoute { to: net("10.30.0.0/16"), via: "192.168.1.254".parse().unwrap() };
        design.lans.get_mut(&Lan::HeadOffice).unwrap().routes.push(route);
    }),
    ("interface.head-office.share", |design| {
        design.lans.get_mut(&Lan::HeadOffice).unwrap().share = Some(60);
    }),
    ("traffic.shares", |design| design.traffic.shares = Shares::new(50, 30, 10).unwrap()),
    ("traffic.hold-back", |design| design.traffic.hold_back = 0),
    ("interface.education-board", |design| {
        design.lans.remove(&Lan::EducationBoard);
    }),
    ("interface.maintenance.port", |design| {
        maintenance(design).port = "port7".parse().unwrap();
    }),
    ("interface.maintenance.speed", |design| {
        let mode = &mut maintenance(design).mode;
        *mode = PortMode::new(Speed::Mbps100, duplex(*mode));
    }),
    ("interface.maintenance.duplex", |design| {
        let mode = &mut maintenance(design).mode;
        *mode = PortMode::new(speed(*mode), Duplex::Half);
    }),
    ("interface.maintenance.address", |design| {
        maintenance(design).address = interface("192.168.253.1/24");
    }),
    ("server.juki.interface", |design| design.servers[0].lan = Lan::EducationBoard),
    ("server.juki.private", |design| {
        let address: std::net::Ipv4Addr = "192.168.1.77".parse().unwrap();
        design.servers[0].private = Private::try_from(address).unwrap();
    }),
    ("server.juki.global", |design| design.servers[0].global = global("100.64.10.77")),
    ("server.juki.global-for.100.72.8.0/24.global", |design| {
        design.servers[0].global_for[0].global = global("100.64.10.80");
    }),
    ("server.juki.global-for.100.72.9.0/24", |design| {
        design.servers[0].global_for.push(global_for("100.72.9.0/24", "100.64.10.79"));
    }),
    ("server.juki.class", |design| design.servers[0].class = Class::Online),
    ("server.juki.ftp", |design| design.servers[0].ftp = true),
    ("server.juki.environment", |design| design.servers[0].environment = Environment::Test),
    ("server.juki.services", |design| design.servers[0].services.push(service("tcp/8080"))),
    ("server.juki.approval", |design| design.servers[0].approval = Some(approval("第1号"))),
    ("server.juki.allow-from-platform.100.72.0.0/16.approval", |design| {
        design.servers[0].allow_from_platform[0].approval = Some(approval("第2号"));
    }),
    ("server.juki.allow-from-platform.100.72.0.0/16", |design| {
        design.servers[0].allow_from_platform[0].services.pop();
    }),
    ("server.juki.allow-from-platform.100.72.9.0/24", |design| {
        let mut allowance = design.servers[0].allow_from_platform[0].clone();
        allowance.from = Origin::Network(net("100.72.9.0/24"));
        allowance.approval = None;
        design.servers[0].allow_from_platform.push(allowance);
    }),
    ("server.juki.identity", |design| design.servers[0].identity = None),
    ("server.new", |design| {
        let mut server = design.servers[0].clone();
        server.name = "new".parse().unwrap();
        design.servers.push(server);
    }),
    ("server.atena", |design| design.servers.retain(|server| server.name.as_str() != "atena")),
    ("terminals.counter.interface", |design| design.terminals[0].lan = Lan::EducationBoard),
    ("terminals.counter.from", |design| design.terminals[0].from.push(net("10.20.0.0/24"))),
    ("terminals.counter.global", |design| design.terminals[0].global = global("100.64.10.78")),
    ("terminals.counter.global-for.100.72.8.0/24.global", |design| {
        design.terminals[0].global_for[0].global = global("100.64.10.81");
    }),
    ("terminals.counter.global-for.100.72.7.0/24", |design| {
        design.terminals[0].global_for.pop();
    }),
    ("terminals.counter.class", |design| design.terminals[0].class = Class::Bulk),
    ("terminals.counter.cap", |design| design.terminals[0].cap = LineRate::new(5_000_000)),
    ("terminals.counter.environment", |design| {
        design.terminals[0].environment = Environment::Test;
    }),
    ("terminals.counter.services", |design| design.terminals[0].services.truncate(1)),
    ("terminals.counter.approval", |design| {
        design.terminals[0].approval = Some(approval("第3号"));
    }),
    ("terminals.school", |design| {
        design.terminals.retain(|row| row.name.as_str() != "school");
    }),
    ("object.batch.members", |design| design.objects[0].members.push(member("atena"))),
    ("object.new", |design| {
        let object = Object { name: "new".parse().unwrap(), members: vec![member("juki")] };
        design.objects.push(object);
    }),
    ("service.transfer.services", |design| design.services[0].services.truncate(1)),
    ("service.new", |design| {
        let mut services = design.services[0].clone();
        services.name = "new".parse().unwrap();
        design.services.push(services);
    }),
    ("policy.night.direction", |design| design.policies[0].direction = Direction::FromPlatform),
    ("policy.files.from", |design| design.policies[1].office.push(member("juki"))),
    ("policy.files.to", |design| design.policies[1].platform[0] = member("100.72.8.0/25")),
    ("policy.files.services", |design| {
        design.policies[1].services.push(service_member("transfer"));
    }),
    ("policy.files.environment", |design| {
        design.policies[1].environment = Some(Environment::Test);
    }),
    ("policy.files.class", |design| design.policies[1].class = None),
    ("policy.files.ftp", |design| design.policies[1].ftp = false),
    ("policy.files.approval", |design| design.policies[1].approval = Some(approval("第4号"))),
    ("policy.files.until", |design| {
        design.policies[1].until = Some("2026-06-30T08:30:00Z".parse().unwrap());
    }),
    ("policy.new", |design| {
        let mut policy = design.policies[0].clone();
        policy.name = "new".parse().unwrap();
        design.policies.push(policy);
    }),
    // The last of the policies, because the others are found by their places.
    ("policy.order", |design| design.policies.swap(1, 2)),
    ("limits.connections", |design| design.limits.connections = 100),
    ("limits.new-per-second", |design| design.limits.new_per_second = 10),
    ("names.method", |design| names(design).method = Method::Device),
    ("names.office-dns.head-office", |design| {
        let servers = names(design).office_dns.get_mut(&Lan::HeadOffice).unwrap();
        servers.push("192.168.1.54".parse().unwrap());
    }),
    ("names.office-dns.education-board", |design| {
        names(design).office_dns.remove(&Lan::EducationBoard);
    }),
    ("names.rewrite-own", |design| names(design).rewrite_own = false),
    ("names.outside-answers", |design| names(design).outside_answers[0] = net("100.81.0.1/32")),
    ("names.query-log-days", |design| names(design).query_log_days = None),
    ("names.entry.juki.city.example.head-office.target", |design| {
        names(design).entries[0].target =
            NameTarget::Addresses(vec!["192.168.1.77".parse().unwrap()]);
    }),
    ("names.entry.portal.city.example.education-board", |design| {
        names(design).entries[1].lans = vec![Lan::HeadOffice];
    }),
    ("names.entry.other.city.example.head-office.target", |design| {
        names(design).entries[2].target = alias("test-web.platform.example");
    }),
    ("flow-log.days", |design| design.flow_log.as_mut().unwrap().days = 366),
    ("flow-log.size", |design| {
        design.flow_log.as_mut().unwrap().size = "1.5G".parse().unwrap();
    }),
    ("collector.address", |design| {
        collector(design).address = "192.168.254.51".parse().unwrap();
    }),
    ("collector.port", |design| collector(design).port = 10514),
    ("collector.interface", |design| {
        collector(design).interface = OfficeSide::Lan(Lan::EducationBoard);
    }),
    ("collector.send", |design| collector(design).send = vec![Sent::Refusals]),
    ("collector.certificate-authority", |design| *authority(design) = certificate(8)),
    ("collector.name", |design| {
        if let CollectorTransport::Tls { name, .. } = &mut collector(design).transport {
            *name = "other.city.example".parse().unwrap();
        }
    }),
    ("page.head-office", |design| design.page.head_office = vec![net("10.20.0.0/28")]),
    ("metrics.maintenance", |design| design.metrics.maintenance = vec![net("192.168.254.9/32")]),
    ("backup.recipient", |design| {
        design.backup = Some(NightlyBackup {
            recipient: "age1dq8zz6tpmvvav8a04ap9mt64j6u8zgjfs0n388d3y5wlwl5xy0asdw6q38"
                .parse()
                .unwrap(),
        });
    }),
    ("snmp.maintenance", |design| design.snmp.maintenance = vec![net("192.168.254.9/32")]),
    ("rollout.enabled", |design| design.rollout = false),
    ("profile.organisation", |design| design.profile.organisation = "010006".parse().unwrap()),
    ("profile.serial", |design| design.profile.stamp.serial += 1),
    ("profile.issued", |design| {
        design.profile.stamp.issued = "2026-04-01T00:00:00.001Z".parse().unwrap();
    }),
    ("profile.device-address", |design| design.profile.device_address = global("100.64.10.2")),
    ("profile.pool", |design| design.profile.pool.push(net("100.64.11.0/28"))),
    ("profile.ntp", |design| design.profile.ntp.push("198.18.2.124".parse().unwrap())),
    ("profile.centre", |design| design.profile.centres.reverse()),
    ("centre.west.endpoint", |design| west(design).endpoint.port = 51821),
    ("centre.west.public-key", |design| {
        west(design).public_key = PublicKey::from_bytes([7; 32]);
    }),
    ("centre.west.probe", |design| west(design).probe = "100.72.250.9".parse().unwrap()),
    ("network.100.73.0.0/16.environment", |design| {
        design.profile.networks[1].environment = Environment::Production;
    }),
    ("network.100.74.0.0/16", |design| {
        let mut network = design.profile.networks[0];
        network.prefix = net("100.74.0.0/16");
        design.profile.networks.push(network);
    }),
    ("zone.second.example", |design| {
        let mut zone = design.profile.zones[0].clone();
        zone.name = "second.example".into();
        design.profile.zones.push(zone);
    }),
    ("zone.platform.example.resolvers", |design| {
        design.profile.zones[0].resolvers.push("100.72.0.55".parse().unwrap());
    }),
    ("platform-service.web.address", |design| {
        design.profile.services[0].address = "100.72.1.11".parse().unwrap();
    }),
    ("platform-service.web.host", |design| design.profile.services[0].host = None),
    ("platform-service.web.protocol", |design| {
        design.profile.services[0].protocol = Protocol::Tls;
    }),
    ("platform-service.web.port", |design| design.profile.services[0].port = 8443),
    ("platform-service.new", |design| {
        let mut service = design.profile.services[0].clone();
        service.name = "new".parse().unwrap();
        design.profile.services.push(service);
    }),
    ("profile.authority", |design| design.profile.authority = Some(certificate(9))),
    ("profile.dial-back", |design| design.profile.dial_back = None),
    ("profile.rollout", |design| {
        design.profile.rollout.as_mut().unwrap().address = "100.72.1.21".parse().unwrap();
    }),
    ("profile.rollout", |design| design.profile.rollout.as_mut().unwrap().port = 443),
    ("profile.rollout", |design| {
        design.profile.rollout.as_mut().unwrap().tenant = "lgwan".parse().unwrap();
    }),
];

/// A sample in which every key has a value.
pub(crate) fn base() -> Design {
    let mut design = sample::design("2-partly-data-centre");
    let mode = PortMode::new(Speed::Mbps10, Duplex::Full);
    for lan in design.lans.values_mut() {
        lan.mode = mode;
    }
    maintenance(&mut design).mode = mode;
    let route = LanRoute { to: net("10.40.0.0/16"), via: "192.168.2.254".parse().unwrap() };
    design.lans.get_mut(&Lan::EducationBoard).unwrap().routes = vec![route];
    let servers = |text: &str| vec![text.parse().unwrap()];
    let entry = |name: &str, lans: &[Lan], target| NameEntry {
        name: name.parse().unwrap(),
        lans: lans.to_vec(),
        target,
    };
    design.servers[0].global_for = vec![global_for("100.72.8.0/24", "100.64.10.79")];
    design.terminals[0].global_for = vec![
        global_for("100.72.8.0/24", "100.64.10.79"),
        global_for("100.72.7.0/24", "100.64.10.79"),
    ];
    design.servers[0].identity = Some("juki.city.example".to_owned());
    design.profile.services = vec![PlatformService {
        name: "web".parse().unwrap(),
        address: "100.72.1.10".parse().unwrap(),
        host: Some("web.platform.example".parse().unwrap()),
        protocol: Protocol::Https,
        port: 443,
    }];
    design.profile.authority = Some(certificate(1));
    design.profile.dial_back = Some(8443);
    design.profile.rollout = Some(RolloutServer {
        address: "100.72.1.20".parse().unwrap(),
        port: 8443,
        tenant: Tenant::default(),
    });
    design.rollout = true;
    policies(&mut design);
    design.names = Some(Names {
        method: Method::Forward,
        office_dns: Lan::ALL
            .into_iter()
            .zip(["192.168.1.53", "192.168.2.53"].map(servers))
            .collect(),
        rewrite_own: true,
        outside_answers: vec![net("100.80.0.0/16")],
        query_log_days: Some(7),
        entries: vec![
            entry(
                "juki.city.example",
                &[Lan::HeadOffice],
                NameTarget::Addresses(servers("192.168.1.10")),
            ),
            entry("portal.city.example", &Lan::ALL, alias("web.platform.example")),
            entry("other.city.example", &[Lan::HeadOffice], alias("web.platform.example")),
        ],
    });
    design.flow_log = Some(FlowLog { days: 30, size: LogSize::new(200_000_000).unwrap() });
    design.page.head_office = vec![net("192.168.1.200/32"), net("10.20.0.0/28")];
    design.metrics.maintenance = vec![net("192.168.254.10/32")];
    design.backup = Some(NightlyBackup {
        recipient: "age1v49vj2p32hec8rs5jkyku5q73zyhmgh5km09mzsy62xh4j2z4wzqfvj60p"
            .parse()
            .unwrap(),
    });
    design.snmp.maintenance = vec![net("192.168.254.10/32")];
    design.collector = Some(Collector {
        address: "192.168.254.50".parse().unwrap(),
        port: 6514,
        transport: CollectorTransport::Tls {
            authority: certificate(1),
            name: "log.city.example".parse().unwrap(),
        },
        interface: OfficeSide::Maintenance,
        send: Sent::ALL.to_vec(),
    });
    design
}

/// Objects, named services, policies and limits of the base.
fn policies(design: &mut Design) {
    design.objects = vec![Object {
        name: "batch".parse().unwrap(),
        members: vec![member("counter"), member("web.platform.example")],
    }];
    design.services = vec![NamedServices {
        name: "transfer".parse().unwrap(),
        services: vec![service("tcp/21"), service("tcp/445")],
    }];
    design.limits = Limits::USUAL;
    let policy = |name: &str, from: &str, to: &str, services: &str| Policy {
        name: name.parse().unwrap(),
        direction: Direction::FromOffice,
        office: vec![member(from)],
        platform: vec![member(to)],
        services: vec![service_member(services)],
        environment: None,
        class: Some(Class::Bulk),
        ftp: true,
        approval: Some(approval("情政第12号")),
        until: Some("2026-06-30T08:00:00Z".parse().unwrap()),
    };
    design.policies = vec![
        policy("night", "batch", "100.72.8.0/24", "transfer"),
        policy("files", "counter", "100.72.8.0/24", "tcp/21"),
        policy("copies", "counter", "files.platform.example", "tcp/445"),
    ];
}

fn paths(before: &Design, after: &Design) -> BTreeSet<String> {
    diff(before, after).into_iter().map(|difference| difference.path).collect()
}

#[test]
fn every_field_that_changes_is_named_and_no_other() {
    for (path, change) in CHANGES {
        let mut after = base();
        change(&mut after);
        assert_ne!(after, base(), "{path}");
        let expected = BTreeSet::from([path.to_owned()]);
        assert_eq!(paths(&base(), &after), expected);
        assert_eq!(paths(&after, &base()), expected, "the other way round");
    }
}

proptest! {
    #[test]
    fn many_changes_are_all_named(chosen in prop::collection::vec(any::<bool>(), CHANGES.len())) {
        let mut after = base();
        let mut told = BTreeSet::new();
        for ((path, change), _) in CHANGES.into_iter().zip(chosen).filter(|(_, chosen)| *chosen) {
            change(&mut after);
            told.insert(path.to_owned());
        }
        prop_assert_eq!(paths(&base(), &after), told);
        prop_assert_eq!(diff(&after, &after), []);
    }
}

#[test]
fn what_only_changes_elsewhere_is_named_where_it_goes_too() {
    let mut after = base();
    after.maintenance = None;
    after.profile.centres.truncate(1);
    let expected = ["centre.west", "interface.maintenance", "profile.centre"];
    assert_eq!(paths(&base(), &after), expected.map(str::to_owned).into());
    assert_eq!(paths(&after, &base()), expected.map(str::to_owned).into());
}

#[test]
fn equal_designs_have_no_difference_nor_has_another_order_of_rows() {
    for name in
        ["1-office", "2-partly-data-centre", "large", "overlapping-ranges", "policies", "union"]
    {
        let design = sample::design(name);
        assert_eq!(diff(&design, &design), [], "{name}");
        let mut turned = design.clone();
        turned.servers.reverse();
        turned.terminals.reverse();
        for row in &mut turned.terminals {
            row.from.reverse();
            row.services.reverse();
        }
        turned.objects.reverse();
        turned.services.reverse();
        for policy in &mut turned.policies {
            policy.office.reverse();
            policy.platform.reverse();
            policy.services.reverse();
        }
        if let Some(names) = &mut turned.names {
            names.entries.reverse();
            names.outside_answers.reverse();
        }
        for lan in turned.lans.values_mut() {
            lan.routes.reverse();
        }
        turned.profile.networks.reverse();
        turned.profile.services.reverse();
        assert_eq!(diff(&design, &turned), [], "{name}");
    }
}

#[test]
fn a_difference_is_a_sentence_in_both_languages() {
    let mut after = base();
    maintenance(&mut after).mode = None;
    for wanted in [
        "interface.lgwan.line-rate",
        "interface.lgwan.dns",
        "interface.head-office.routes.10.20.0.0/24.via",
        "interface.head-office.share",
        "interface.education-board",
        "traffic.shares",
        "traffic.hold-back",
        "server.juki.global",
        "server.juki.approval",
        "server.juki.allow-from-platform.100.72.0.0/16.approval",
        "server.juki.allow-from-platform.100.72.0.0/16",
        "server.new",
        "terminals.counter.from",
        "terminals.counter.approval",
        "names.method",
        "names.office-dns.education-board",
        "names.rewrite-own",
        "names.outside-answers",
        "names.query-log-days",
        "names.entry.juki.city.example.head-office.target",
        "names.entry.portal.city.example.education-board",
        "names.entry.other.city.example.head-office.target",
        "profile.centre",
        "profile.issued",
        "network.100.73.0.0/16.environment",
    ] {
        CHANGES.into_iter().find(|(path, _)| *path == wanted).unwrap().1(&mut after);
    }
    let found = diff(&base(), &after);
    let japanese: Vec<_> = found.iter().map(|found| found.sentence.ja.as_str()).collect();
    let english: Vec<_> = found.iter().map(|found| found.sentence.en.as_str()).collect();
    assert_eq!(
        japanese,
        [
            "LGWAN側：回線の契約速度が 50M から 1.5M に変わります。",
            "LGWAN側：DNSサーバが 198.18.2.53 から なし に変わります。",
            "首長部局業務系LANの経路 10.20.0.0/24：ルータが 192.168.1.254 から 192.168.1.253 に変わります。",
            "首長部局業務系LAN：回線のうち下りに使う割合が 70% から 60% に変わります。",
            "教育委員会業務系LAN（port3、192.168.2.1/24）がなくなります。",
            "保守ポート：ポートの速度が 10M から 自動 に変わります。",
            "保守ポート：全二重・半二重が full から 自動 に変わります。",
            "回線の配分：通信の種類ごとの割合が online 60% / normal 25% / bulk 15% から online 50% / normal 30% / bulk 10% に変わります。",
            "回線の配分：回線の復旧後にbulkを抑える時間が 60秒 から 0秒 に変わります。",
            "サーバ「juki」：グローバルアドレスが 100.64.10.11 から 100.64.10.77 に変わります。",
            "サーバ「juki」：承認が なし から 「第1号」 に変わります。",
            "サーバ「juki」：プラットフォームの 100.72.0.0/16 から受ける通信から icmp-echo がなくなります。",
            "サーバ「juki」：プラットフォームの 100.72.0.0/16 から受ける通信の承認に 第2号 が加わります。",
            "サーバ「new」（首長部局業務系LAN、192.168.1.10 → 100.64.10.77）が加わります。",
            "端末「counter」：端末の範囲に 10.20.0.0/24 が加わります。",
            "端末「counter」：承認が 「情政第12号（令和8年3月2日）、接続確認のechoと名前解決」 から 「第3号」 に変わります。",
            "名前解決：方式が (b) 庁内DNSが装置に転送する から (a) 端末が装置に問い合わせる に変わります。",
            "名前解決：教育委員会業務系LANのDNSサーバが 192.168.2.53 から なし に変わります。",
            "名前解決：庁内のサーバの名前を庁内のアドレスに直すことが する から しない に変わります。",
            "名前解決：答えとして許すネットワークから 100.80.0.0/16 がなくなります。",
            "名前解決：答えとして許すネットワークに 100.81.0.1 が加わります。",
            "名前解決：問い合わせの記録の日数が 7 から なし に変わります。",
            "名前解決の首長部局業務系LANの項目「juki.city.example」：行き先が 192.168.1.10 から 192.168.1.77 に変わります。",
            "名前解決の首長部局業務系LANの項目「other.city.example」：行き先が 別名 web.platform.example から 別名 test-web.platform.example に変わります。",
            "名前解決の教育委員会業務系LANの項目「portal.city.example」（別名 web.platform.example）がなくなります。",
            "接続情報：発行の日時が 2026-04-01 09:00:00 +09:00 から 2026-04-01 09:00:00.001 +09:00 に変わります。",
            "接続情報：拠点の優先順が east、west から west、east に変わります。",
            "プラットフォームのネットワーク 100.73.0.0/16：環境が 検証 から 本番 に変わります。",
        ]
    );
    assert_eq!(
        english,
        [
            "LGWAN side: the line's contracted rate changes from 50M to 1.5M.",
            "LGWAN side: the list of resolvers changes from 198.18.2.53 to none.",
            "The head office LAN: route to 10.20.0.0/24: the router changes from 192.168.1.254 to 192.168.1.253.",
            "The head office LAN: the share of the line downwards changes from 70% to 60%.",
            "The education board LAN (port3, 192.168.2.1/24) is removed.",
            "The maintenance port: the port's speed changes from 10M to automatic.",
            "The maintenance port: the port's duplex changes from full to automatic.",
            "Division of the line: the division among classes changes from online 60% / normal 25% / bulk 15% to online 50% / normal 30% / bulk 10%.",
            "Division of the line: the time for which bulk is held back changes from 60 s to 0 s.",
            "Server 'juki': the global address changes from 100.64.10.11 to 100.64.10.77.",
            "Server 'juki': the approval changes from none to '第1号'.",
            "Server 'juki': icmp-echo leaves the services that it takes from 100.72.0.0/16.",
            "Server 'juki': 第2号 joins the approvals of what it takes from 100.72.0.0/16.",
            "Server 'new' (head office LAN, 192.168.1.10 → 100.64.10.77) is added.",
            "Terminals 'counter': 10.20.0.0/24 joins the sources.",
            "Terminals 'counter': the approval changes from '情政第12号（令和8年3月2日）、接続確認のechoと名前解決' to '第3号'.",
            "Name resolution: the method changes from (b) the office's DNS forwards to the device to (a) clients ask the device.",
            "Name resolution: the list of DNS servers of the education board LAN changes from 192.168.2.53 to none.",
            "Name resolution: the answer with private addresses of own servers changes from yes to no.",
            "Name resolution: 100.80.0.0/16 leaves the networks that answers may lead to.",
            "Name resolution: 100.81.0.1 joins the networks that answers may lead to.",
            "Name resolution: the number of days of the query log changes from 7 to none.",
            "Name resolution: entry 'juki.city.example' of the head office LAN: the target changes from 192.168.1.10 to 192.168.1.77.",
            "Name resolution: entry 'other.city.example' of the head office LAN: the target changes from alias of web.platform.example to alias of test-web.platform.example.",
            "Name resolution: entry 'portal.city.example' of the education board LAN (alias of web.platform.example) is removed.",
            "Platform profile: the time of issue changes from 2026-04-01 09:00:00 +09:00 to 2026-04-01 09:00:00.001 +09:00.",
            "Platform profile: the order of the centres changes from east, west to west, east.",
            "Platform network 100.73.0.0/16: the environment changes from test to production.",
        ]
    );
}

#[test]
fn a_host_is_its_name_whatever_it_was_resolved_to() {
    let mut before = base();
    west(&mut before).endpoint.host = "west.vpn.example".parse().unwrap();
    let web = NamedHost::new("web.platform.example".parse().unwrap());
    before.servers[0].allow_from_platform[0].from = Origin::Name(web);
    let mut resolved = before.clone();
    resolved.resolve(|_| vec!["100.72.1.10".parse().unwrap()]);
    assert_ne!(resolved, before);
    assert_eq!(diff(&before, &resolved), []);

    let english: Vec<_> =
        diff(&base(), &resolved).into_iter().map(|found| found.sentence.en).collect();
    assert_eq!(
        english,
        [
            "Server 'juki': tcp/443, icmp-echo leaves the services that it takes from 100.72.0.0/16.",
            "Server 'juki': tcp/443, icmp-echo joins the services that it takes from web.platform.example.",
            "Centre 'west': the endpoint changes from 198.18.12.10:51820 to west.vpn.example:51820.",
        ]
    );
}

#[test]
fn no_text_of_a_file_can_steer_a_terminal() {
    let mut after = base();
    after.site.name = "\u{1b}[31m\u{202e}市".into();
    after.servers[0].approval = Some(approval("\u{202e}第1号"));
    after.servers[0].allow_from_platform[0].approval = after.servers[0].approval.clone();
    after.terminals[0].approval = after.servers[0].approval.clone();
    after.policies[0].approval = after.servers[0].approval.clone();
    after.servers[0].identity = Some("\u{202e}juki".to_owned());
    let found = diff(&base(), &after);
    assert_eq!(found.len(), 6);
    for said in found.iter().flat_map(|found| [&found.sentence.ja, &found.sentence.en]) {
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said}");
    }
}

#[test]
fn a_collector_that_loses_tls_loses_whom_it_trusts() {
    let mut after = base();
    collector(&mut after).transport = CollectorTransport::Tcp;
    after.flow_log = None;
    let wanted =
        ["transport", "certificate-authority", "name"].map(|key| format!("collector.{key}"));
    let wanted: BTreeSet<_> = wanted.into_iter().chain(["flow-log".to_owned()]).collect();
    assert_eq!(paths(&base(), &after), wanted);
    assert_eq!(paths(&after, &base()), wanted);
    let said = diff(&base(), &after);
    let said = |path: &str| &said.iter().find(|one| one.path == path).unwrap().sentence;
    assert_eq!(
        said("collector.transport").en,
        "The collector: the transport changes from tls to tcp."
    );
    assert_eq!(said("flow-log").ja, "通信の記録（30日、200Mバイトまで）がなくなります。");
}
