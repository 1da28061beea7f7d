//! What a rule could refuse by going too far: each of these changes to the base is fine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/keys.rs"]
mod keys;
#[path = "common/pair.rs"]
mod pair;

use std::net::Ipv4Addr;

use sekisho_design::{
    Accepted, Approval, Collector, CollectorTransport, Duplex, Environment, Lan, LineRate, Method,
    NameTarget, OfficeSide, PortMode, Protocol, Sent, Service, Speed, print_site, stamp,
};

fn replaced(text: String, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text, |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        text.replace(old, new)
    })
}

fn accepted(site: &[(&str, &str)], profile: &[(&str, &str)]) -> Accepted {
    let site = replaced(pair::base("site.toml"), site);
    let profile = keys::signed(&replaced(pair::base("profile.toml"), profile));
    let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes());
    accepted.unwrap_or_else(|problems| panic!("{site}\n{problems}"))
}

#[test]
fn defaults_are_ethernet_production_and_web() {
    let line = ("mtu = 1500\nline-rate = \"100M\"\ndns = [\"198.18.2.53\"]\n", "");
    let design = accepted(&[line, ("speed = \"1G\"\nduplex = \"full\"\n", "")], &[]).design;
    assert_eq!((design.lgwan.mtu, design.lgwan.dns.len()), (1500, 0));
    assert_eq!((design.lgwan.mode, design.lgwan.line_rate), (None, None));
    assert_eq!(design.servers[0].environment, Environment::Production);
    assert_eq!(design.servers[1].environment, Environment::Test);
    assert_eq!(design.servers[1].services, Service::WEB);
    assert_eq!(design.terminals[0].services, Service::WEB);
    assert_eq!(design.terminals[0].environment, Environment::Production);
}

#[test]
fn the_two_lans_may_share_ranges_addresses_and_routes() {
    let education = "port = \"port3\"\naddress = \"192.168.2.1/24\"";
    let shared = "port = \"port3\"\naddress = \"192.168.1.1/24\"\n\
                  routes = [{ to = \"10.20.0.0/16\", via = \"192.168.1.254\" }]";
    let terminals = ("from = [\"192.168.2.100\"]", "from = [\"192.168.1.96/27\"]");
    let dns = ("education-board = [\"192.168.2.53\"]", "education-board = [\"192.168.1.53\"]");
    accepted(&[(education, shared), terminals, dns], &[]);
}

#[test]
fn rows_of_one_lan_may_share_an_address_and_overlap() {
    let more = "[[terminals]]\nname = \"more\"\ninterface = \"head-office\"\n\
                from = [\"192.168.1.100\"]\nglobal = \"100.64.10.30\"\nservices = [\"icmp-echo\"]\n\n";
    let school = "[[terminals]]\nname = \"school\"";
    let design = accepted(&[(school, &(more.to_owned() + school))], &[]).design;
    assert_eq!(design.terminals[0].global, design.terminals[1].global);
}

#[test]
fn a_server_may_only_answer_or_only_ask() {
    let only_answers = ("services = [\"https\"]\nallow", "services = []\nallow");
    assert_eq!(accepted(&[only_answers], &[]).design.servers[0].services, []);
    let site = pair::base("site.toml");
    let (_, allow) = site.split_once("environment = \"test\"\n").unwrap();
    let (allow, _) = allow.split_once("\n\n").unwrap();
    assert_eq!(accepted(&[(allow, "")], &[]).design.servers[1].allow_from_platform, []);
}

#[test]
fn what_a_line_and_its_port_speak_is_kept() {
    let design = accepted(&[], &[]).design;
    assert_eq!(design.lgwan.mode, PortMode::new(Speed::Gbps1, Duplex::Full));
    assert_eq!(design.lgwan.line_rate, LineRate::new(100_000_000));
    let slow = [
        ("line-rate = \"100M\"", "line-rate = \"10M\""),
        ("speed = \"1G\"", "speed = \"10M\""),
        ("port = \"port3\"", "port = \"port3\"\nspeed = \"100M\"\nduplex = \"full\""),
    ];
    let slow = accepted(&slow, &[]);
    assert_eq!(slow.warnings, [], "a port as fast as its line");
    assert_eq!(
        slow.design.lans[&Lan::EducationBoard].mode,
        PortMode::new(Speed::Mbps100, Duplex::Full)
    );
}

#[test]
fn an_approval_belongs_to_its_list_and_may_stand_where_none_is_needed() {
    let web =
        ("services = [\"https\"]\nallow", "services = [\"https\"]\napproval = \"第1号\"\nallow");
    let design = accepted(&[web], &[]).design;
    let note = |approval: &Option<Approval>| approval.as_ref().map(ToString::to_string);
    assert_eq!(note(&design.servers[0].approval).as_deref(), Some("第1号"));
    assert_eq!(note(&design.servers[0].allow_from_platform[0].approval), None);
    assert_eq!(note(&design.servers[1].approval), None);
    let allowance = note(&design.servers[1].allow_from_platform[0].approval);
    assert_eq!(allowance.as_deref(), Some("情政第12号（令和8年3月2日）"));
    let terminals = note(&design.terminals[1].approval);
    assert_eq!(terminals.as_deref(), Some("情政第13号（令和8年3月2日）"));
}

#[test]
fn what_is_usual_gets_no_warning() {
    let services = "services = [\"http\", \"udp/5000-5010\", \"icmp-echo\"]";
    let overlapping = "services = [\"tcp/5000-5010\", \"udp/5000-5010\", \"udp/5010-5020\"]";
    for edits in [
        // A server right before the range that is usually given out, one in it that no terminal is beside, and one in
        // it beyond the LAN's own subnet.
        &[("\"192.168.1.10\"", "\"192.168.1.95\"")][..],
        &[("\"192.168.1.10\"", "\"192.168.1.129\"")],
        &[("\"10.20.0.10\"", "\"10.20.0.127\"")],
        &[("from = [\"192.168.2.100\"]", "from = [\"192.168.2.10\", \"192.168.2.150\"]")],
        // Ports of two protocols, and ranges that share a port.
        &[(services, overlapping)],
        // A route to a part of a network, and one terminal behind it.
        &[("\"10.20.0.0/24\"", "\"10.20.0.0/16\""), ("\"10.20.0.128/25\"", "\"10.20.255.255\"")],
        &[("\"10.20.0.0/24\"", "\"10.20.0.0/15\""), ("\"10.20.0.128/25\"", "\"10.21.0.0/17\"")],
    ] {
        assert_eq!(accepted(edits, &[]).warnings, [], "{edits:?}");
    }
}

#[test]
fn a_row_with_one_terminal_among_its_servers_is_used() {
    let edit = [("\"192.168.1.96/27\", \"10.20.0.128/25\"", "\"192.168.1.10/31\"")];
    let codes: Vec<_> =
        accepted(&edit, &[]).warnings.iter().map(sekisho_design::Problem::code).collect();
    assert_eq!(codes, ["ROW-07"]);
}

#[test]
fn limits_are_inside() {
    for mtu in ["mtu = 1280", "mtu = 9000"] {
        accepted(&[("mtu = 1500", mtu)], &[]);
    }
    for rate in ["line-rate = \"0.5M\"", "line-rate = \"10G\""] {
        accepted(&[("line-rate = \"100M\"", rate)], &[]);
    }
    let longest = format!("approval = \"{}\"", "あ".repeat(200));
    accepted(&[("approval = \"情政第13号（令和8年3月2日）\"", &longest)], &[]);
    let smallest = ("address = \"192.168.254.1/24\"", "address = \"192.168.254.2/30\"");
    let collectors = [("192.168.254.10", "192.168.254.1"), ("192.168.254.11", "192.168.254.1")];
    let source = ("192.168.1.96/27", "192.168.1.96/32");
    accepted(&[smallest, collectors[0], collectors[1], source], &[]);
    let whole = ("pool = [\"100.64.10.0/24\"]", "pool = [\"100.64.10.0/27\", \"100.64.10.32/27\"]");
    let device = ("device-address = \"100.64.10.1\"", "device-address = \"100.64.10.63\"");
    accepted(&[], &[whole, device]);
}

#[test]
fn the_profile_in_force_is_accepted_again_whatever_its_time_zone() {
    let again = [
        ("serial = 8", "serial = 7"),
        ("issued = 2026-04-01T09:00:00+09:00", "issued = 2026-03-01T09:00:00+09:00"),
    ];
    assert_eq!(accepted(&[], &again).design.profile.stamp.serial, 7);
}

#[test]
fn a_newer_serial_of_the_same_moment_is_accepted() {
    accepted(&[], &[("issued = 2026-04-01T09:00:00+09:00", "issued = 2026-03-01T00:00:00Z")]);
}

#[test]
fn centres_stand_in_order_of_preference() {
    let design = accepted(&[], &[("preference = 1", "preference = 3")]).design;
    let names: Vec<_> = design.profile.centres.iter().map(|centre| centre.name.as_str()).collect();
    assert_eq!(names, ["west", "east"]);
    assert_eq!(design.profile.centres[0].probe, Ipv4Addr::new(100, 72, 250, 2));
}

#[test]
fn an_editor_on_windows_changes_nothing() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let site = pair::base("site.toml").replace('\n', "\r\n");
    for site in [site.clone(), format!("\u{feff}{site}")] {
        let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes()).unwrap();
        assert_eq!(accepted.design.site.name, "見本市");
    }
}

#[test]
fn a_signed_profile_has_its_stamp_whatever_the_site_is() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let operator = keys::key("operator.pub").parse().unwrap();
    let found = stamp(profile.as_bytes(), &operator).unwrap();
    assert_eq!(found, accepted(&[], &[]).design.profile.stamp);

    let forged = profile.replace("serial = ", "serial = 1");
    assert_eq!(stamp(forged.as_bytes(), &operator), None);
    assert_eq!(stamp(pair::base("profile.toml").as_bytes(), &operator), None);
    assert_eq!(stamp(b"\xff", &operator), None);
}

#[test]
fn hosts_may_be_called_by_names() {
    let source = ("{ from = \"100.72.0.0/16\"", "{ from = \"web.Platform.example\"");
    let profile = [
        ("\"198.18.11.10:51820\"", "\"east.vpn.example:51820\""),
        ("ntp = [\"198.18.2.123\"]", "ntp = [\"198.18.2.123\", \"ntp.lgwan.example\"]"),
    ];
    let design = accepted(&[source], &profile).design;
    let shown = |names: std::collections::BTreeSet<&sekisho_design::DnsName>| {
        names.into_iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(shown(design.lgwan_names()), ["east.vpn.example", "ntp.lgwan.example"]);
    assert_eq!(shown(design.platform_names()), ["web.platform.example"]);
    assert_eq!(design.profile.centres[0].endpoint.places().count(), 0, "nobody was asked yet");
}

#[test]
fn what_a_design_may_say_of_names() {
    let entries = |text: &str| {
        let site = pair::base("site.toml");
        let (_, written) = site.split_once("[[names.entry]]").unwrap();
        let edit = (format!("[[names.entry]]{written}"), text.to_owned());
        accepted(&[(&edit.0, &edit.1)], &[]).warnings
    };
    for text in [
        // Each LAN may have its own answer, or one an address and the other an alias.
        "[[names.entry]]\nname = \"a.example\"\naddresses = [\"192.168.1.12\"]\ninterfaces = [\"head-office\"]\n\
         [[names.entry]]\nname = \"a.example\"\nalias = \"web.platform.example\"\ninterfaces = [\"education-board\"]\n",
        // An alias of an alias, and one that the office's DNS servers are asked for.
        "[[names.entry]]\nname = \"a.example\"\nalias = \"b.example\"\n\
         [[names.entry]]\nname = \"b.example\"\nalias = \"www.city.example\"\n",
        // A server of the LAN by either address, the device itself, and a host of the platform.
        "[[names.entry]]\nname = \"a.example\"\naddresses = [\"192.168.1.10\", \"100.64.10.11\", \"192.168.1.1\"]\n\
         interfaces = [\"head-office\"]\n\
         [[names.entry]]\nname = \"b.example\"\naddresses = [\"100.72.1.10\"]\n",
    ] {
        assert_eq!(entries(text), [], "{text}");
    }
}

#[test]
fn every_way_to_resolve_names_is_read() {
    let names = |edits: &[(&str, &str)]| accepted(edits, &[]).design.names;
    let read = names(&[]).unwrap();
    assert_eq!(
        (read.method, read.rewrite_own, read.query_log_days),
        (Method::Device, true, Some(7))
    );
    assert_eq!(read.office_dns[&Lan::HeadOffice].len(), 2);
    assert_eq!(read.entries[0].lans, [Lan::HeadOffice]);
    assert_eq!(read.entries[1].lans, Lan::ALL, "every LAN without 'interfaces'");
    let alias = NameTarget::Alias("web.platform.example".parse().unwrap());
    assert_eq!(read.entries[1].target, alias);

    let site = pair::base("site.toml");
    let (_, whole) = site.split_once("[names]").unwrap();
    let (options, _) = whole.split_once("\n\n").unwrap();
    assert_eq!(names(&[(&format!("[names]{whole}"), "")]), None);
    let least = names(&[(options, "\nmethod = \"device\"")]).unwrap();
    assert!(least.office_dns.is_empty() && !least.rewrite_own && least.query_log_days.is_none());
}

#[test]
fn a_collector_needs_little_and_gets_what_it_needs() {
    let read = |edits: &[(&str, &str)]| {
        let design = accepted(edits, &[]).design;
        (design.flow_log, design.collector)
    };
    let (log, collector) = read(&[]);
    assert_eq!(log.map(|log| (log.days, log.size.bytes())), Some((30, 200_000_000)));
    let collector = collector.unwrap();
    assert_eq!((collector.port, collector.interface), (6514, OfficeSide::Lan(Lan::HeadOffice)));
    let CollectorTransport::Tls { authority, name } = &collector.transport else {
        panic!("{collector:?}")
    };
    assert_eq!((authority.der().count(), name.as_str()), (1, "log.city.example"));

    let site = pair::base("site.toml");
    let (_, whole) = site.split_once("[flow-log]").unwrap();
    let instead = |text: &str| read(&[(&format!("[flow-log]{whole}"), text)]);
    assert_eq!(instead(""), (None, None));
    let least = "[flow-log]\n[collector]\naddress = \"10.20.0.9\"\ninterface = \"head-office\"\nsend = [\"flows\"]\n";
    let (usual, behind_a_router) = instead(least);
    assert_eq!(usual, log, "a month, and 200 MB");
    let Collector { port, transport, send, .. } = behind_a_router.unwrap();
    assert_eq!((port, transport, &*send), (514, CollectorTransport::Udp, &[Sent::Flows][..]));
    let refusals = least.replace("[flow-log]\n", "").replace("flows", "refusals");
    let (log, collector) = instead(&refusals);
    assert!(log.is_none() && collector.unwrap().send == [Sent::Refusals]);
}

#[test]
fn a_check_may_have_nothing_to_go_by() {
    let profile = pair::base("profile.toml");
    let (_, service) = profile.split_once("\n[[service]]").unwrap();
    let (_, authority) = profile.split_once("authority = ").unwrap();
    let (authority, _) = authority.split_once("\n\n").unwrap();
    let service = format!("\n[[service]]{service}");
    let authority = format!("authority = {authority}\n");
    let rollout = "[rollout]\naddress = \"100.72.1.20\"\nport = 8443\ntenant = \"lgwan\"\n\n";
    let edits = [(&*service, ""), (&*authority, ""), ("dial-back = 8443\n", ""), (rollout, "")];
    let site = [("identity = \"juki.city.example\"\n", ""), ("\n[rollout]\nenabled = true\n", "")];
    let design = accepted(&site, &edits).design;
    assert_eq!(design.profile.services, []);
    assert_eq!((design.profile.authority, design.profile.dial_back), (None, None));
    assert_eq!(design.servers[0].identity, None);
}

#[test]
fn a_service_is_at_its_protocols_usual_port_unless_another_is_named() {
    for (protocol, usual) in [("http", Some(80)), ("https", Some(443)), ("ntp", Some(123))] {
        let lines = format!("protocol = \"{protocol}\"\n");
        let edits = [("protocol = \"https\"\nport = 443\n", &*lines)];
        let service = accepted(&[], &edits).design.profile.services.remove(0);
        assert_eq!((service.protocol.as_str(), Some(service.port)), (protocol, usual));
    }
    for protocol in Protocol::ALL {
        let lines = format!("protocol = \"{protocol}\"\nport = 65535\n");
        let edits = [("protocol = \"https\"\nport = 443\n", &*lines)];
        let service = accepted(&[], &edits).design.profile.services.remove(0);
        assert_eq!((service.protocol, service.port), (protocol, 65535));
    }
    // Where it is has no name of its own.
    let edits = [("host = \"web.platform.example\"\n", "")];
    assert_eq!(accepted(&[], &edits).design.profile.services[0].host, None);
}

#[test]
fn what_a_server_calls_itself_is_kept_as_it_is_written() {
    for identity in ["220 住基サーバ", "=1+1", &"あ".repeat(100)] {
        let line = format!("identity = \"{identity}\"");
        let design = accepted(&[("identity = \"juki.city.example\"", &line)], &[]).design;
        assert_eq!(design.servers[0].identity.as_deref(), Some(identity));
        let site = print_site(&design);
        assert!(site.contains(&line), "{site}");
    }
}

#[test]
fn a_server_for_roll_outs_may_be_as_usual_and_needs_nobody_who_follows() {
    let usual = ("port = 8443\ntenant = \"lgwan\"\n", "");
    let unfollowed = ("enabled = true", "enabled = false");
    let design = accepted(&[unfollowed], &[usual]).design;
    let server = design.profile.rollout.as_ref().unwrap();
    assert_eq!((server.port, server.tenant.to_string()), (443, "DEFAULT".to_owned()));
    assert_eq!(design.rollout_server(), None);
    let design = accepted(&[], &[]).design;
    assert_eq!(design.rollout_server(), design.profile.rollout.as_ref());
    assert!(design.rollout_server().is_some());
    // Without a word of it nothing is followed either.
    let design = accepted(&[("\n[rollout]\nenabled = true\n", "")], &[]).design;
    assert_eq!(design.rollout_server(), None);
}
