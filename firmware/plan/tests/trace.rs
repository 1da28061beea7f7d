//! Traces through the samples: as golden text, and with the advice followed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/sample.rs"]
mod sample;

use std::{env, fs, net::Ipv4Addr, path::Path};

use ipnet::Ipv4Net;
use sekisho_design::{
    Allowance, Class, Design, Global, Lan, LanRoute, Language, Origin, Private, Server, Terminals,
};
use sekisho_plan::{
    desired,
    trace::{
        Change, Opening, Outcome, Question, Reason, Row, Side, Target, Told, Trace, TraceError,
        Tracer, UnclearSide,
    },
};

use self::sample::sample;

/// The samples that differ in kind; the large one takes long to change hundreds of times.
const SAMPLES: [&str; 6] = [
    "1-office",
    "2-partly-data-centre",
    "3-data-centre",
    "4-terminals-only",
    "overlapping-ranges",
    "union",
];
const HEAD: Side = Side::Lan(Lan::HeadOffice);
const EDUCATION: Side = Side::Lan(Lan::EducationBoard);

fn question(side: Side, from: &str, to: &str) -> Question {
    let Target { address: to, opening } = to.parse().unwrap();
    Question { side, from: from.parse().unwrap(), to, opening }
}

fn trace(design: &Design, question: &Question) -> Trace {
    Tracer::new(design).unwrap().trace(question).unwrap()
}

#[test]
fn traces_read_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace");
    let design = sample("1-office");
    for (name, question) in [
        ("terminal-to-platform", question(HEAD, "192.168.1.100", "100.72.1.10:443/tcp")),
        ("platform-to-server", question(Side::Platform, "100.72.1.10", "100.64.10.11:8443/tcp")),
        ("ping-between-lans", question(EDUCATION, "192.168.2.100", "192.168.1.10/icmp-echo")),
    ] {
        let trace = trace(&design, &question);
        for (language, ending) in [(Language::Japanese, "ja"), (Language::English, "en")] {
            let (file, text) = (folder.join(format!("{name}.{ending}.txt")), trace.text(language));
            if env::var_os("BLESS").is_some() {
                fs::write(&file, &text).unwrap();
            }
            let golden = fs::read_to_string(&file).unwrap();
            assert_eq!(text, golden, "{}: BLESS=1 writes it anew", file.display());
        }
    }
}

/// Both LANs have one range here, and the device one address (R65).
#[test]
fn the_page_is_for_the_maintenance_port_and_for_sources_that_are_named() {
    let mut design = sample("overlapping-ranges");
    let device = |rule: &str| Outcome::Refused { rule: Some(rule.to_owned()), told: Told::Nothing };
    let outcome = |design: &Design, side, from: &str, to: &str| {
        let trace = trace(design, &question(side, from, to));
        if trace.outcome == Outcome::Device {
            assert!(trace.back.unwrap().arrives, "{from}: no answer");
        }
        trace.outcome
    };
    let page = "192.168.1.1:443/tcp";
    let maintenance = Side::Maintenance;
    let at_maintenance = "192.168.254.1:443/tcp";
    assert_eq!(outcome(&design, maintenance, "192.168.254.2", at_maintenance), Outcome::Device);
    assert_eq!(outcome(&design, HEAD, "192.168.1.20", page), device("head-office/device"));

    // Whoever asks why is told how; on another LAN there is no way.
    let advice = trace(&design, &question(HEAD, "192.168.1.20", page)).advice.unwrap();
    assert_eq!(advice.change, Change::Page { from: "192.168.1.20".parse().unwrap() });
    assert_eq!(advice.toml.as_deref(), Some("[page]\nhead-office = [\"192.168.1.20\"]\n"));
    let elsewhere = trace(&design, &question(EDUCATION, "192.168.1.20", page)).advice.unwrap();
    assert_eq!(elsewhere.change, Change::Nothing(Reason::Device));
    assert!(follow(&mut design, &advice.change));
    assert_eq!(outcome(&design, HEAD, "192.168.1.20", page), Outcome::Device);
    for (side, from, to, rule) in [
        (HEAD, "192.168.1.21", page, "head-office/device"),
        (HEAD, "192.168.1.20", "192.168.1.1:80/tcp", "head-office/device"),
        (HEAD, "192.168.1.20", "192.168.1.1:443/udp", "head-office/device"),
        (HEAD, "192.168.1.20", at_maintenance, "head-office/device"),
        (HEAD, "192.168.1.20", "198.18.1.2:443/tcp", "head-office/device"),
        (HEAD, "192.168.1.20", "100.64.10.1:443/tcp", "head-office/device"),
        (EDUCATION, "192.168.1.20", page, "education-board/device"),
        (Side::Lgwan, "198.18.1.1", "198.18.1.2:443/tcp", "lgwan/unexpected"),
        (Side::Platform, "100.72.1.10", "100.64.10.1:443/tcp", "platform/device"),
        (maintenance, "192.168.254.2", page, "maintenance/undeclared-destination"),
        (maintenance, "192.168.254.2", "192.168.254.1:80/tcp", "maintenance/device"),
        (maintenance, "192.168.1.20", at_maintenance, "maintenance/spoofed-source"),
    ] {
        assert_eq!(outcome(&design, side, from, to), device(rule), "{from} to {to}");
    }
    // A kernel whose servers answer without the LAN's mark knows no way back.
    let mut state = desired(&design);
    state.settings.insert("net/ipv4/tcp_fwmark_accept".to_owned(), "0".to_owned());
    let tracer = Tracer::over(&design, state).unwrap();
    let unmarked = tracer.trace(&question(HEAD, "192.168.1.20", page)).unwrap();
    assert!(unmarked.outcome == Outcome::Device && unmarked.back.is_some_and(|back| !back.arrives));
}

#[test]
fn the_figures_are_for_sources_at_the_maintenance_port_that_are_named() {
    let mut design = sample("1-office");
    let figures = "192.168.254.1:9464/tcp";
    let outcome = |design: &Design, side, from: &str, to: &str| {
        trace(design, &question(side, from, to)).outcome
    };
    let device = |rule: &str| Outcome::Refused { rule: Some(rule.to_owned()), told: Told::Nothing };
    let maintenance = Side::Maintenance;
    let shut = device("maintenance/device");
    assert_eq!(outcome(&design, maintenance, "192.168.254.10", figures), shut);
    design.metrics.maintenance = vec!["192.168.254.10/32".parse().unwrap()];
    assert_eq!(outcome(&design, maintenance, "192.168.254.10", figures), Outcome::Device);
    for (side, from, to, rule) in [
        (maintenance, "192.168.254.11", figures, "maintenance/device"),
        (maintenance, "192.168.254.10", "192.168.254.1:9464/udp", "maintenance/device"),
        (HEAD, "192.168.1.100", "192.168.1.1:9464/tcp", "head-office/device"),
        (EDUCATION, "192.168.2.100", "192.168.2.1:9464/tcp", "education-board/device"),
        (Side::Lgwan, "198.18.1.1", "198.18.1.2:9464/tcp", "lgwan/unexpected"),
        (Side::Platform, "100.72.1.10", "100.64.10.1:9464/tcp", "platform/device"),
    ] {
        assert_eq!(outcome(&design, side, from, to), device(rule), "{from} to {to}");
    }
}

#[test]
fn snmp_is_for_sources_at_the_maintenance_port_that_are_named() {
    let mut design = sample("1-office");
    let own = "192.168.254.1:161/udp";
    let outcome = |design: &Design, side, from: &str, to: &str| {
        trace(design, &question(side, from, to)).outcome
    };
    let device = |rule: &str| Outcome::Refused { rule: Some(rule.to_owned()), told: Told::Nothing };
    let maintenance = Side::Maintenance;
    let shut = device("maintenance/device");
    assert_eq!(outcome(&design, maintenance, "192.168.254.10", own), shut);
    // Neither way to the figures opens the other.
    design.metrics.maintenance = vec!["192.168.254.10/32".parse().unwrap()];
    design.snmp.maintenance = vec!["192.168.254.11/32".parse().unwrap()];
    assert_eq!(outcome(&design, maintenance, "192.168.254.11", own), Outcome::Device);
    for (side, from, to, rule) in [
        (maintenance, "192.168.254.10", own, "maintenance/device"),
        (maintenance, "192.168.254.11", "192.168.254.1:9464/tcp", "maintenance/device"),
        (maintenance, "192.168.254.11", "192.168.254.1:161/tcp", "maintenance/device"),
        (maintenance, "192.168.254.11", "192.168.254.1:162/udp", "maintenance/device"),
        (HEAD, "192.168.1.100", "192.168.1.1:161/udp", "head-office/device"),
        (EDUCATION, "192.168.2.100", "192.168.2.1:161/udp", "education-board/device"),
        (Side::Lgwan, "198.18.1.1", "198.18.1.2:161/udp", "lgwan/unexpected"),
        (Side::Platform, "100.72.1.10", "100.64.10.1:161/udp", "platform/device"),
    ] {
        assert_eq!(outcome(&design, side, from, to), device(rule), "{from} to {to}");
    }
}

#[test]
fn outcomes_are_those_of_the_design() {
    let delivered = |side, source: &str, destination: &str| Outcome::Delivered {
        side,
        via: None,
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    };
    let refused = |rule: &str, told| Outcome::Refused { rule: Some(rule.to_owned()), told };
    let platform = Side::Platform;
    let cases = [
        (
            question(HEAD, "192.168.1.10", "100.72.1.10:80/tcp"),
            delivered(platform, "100.64.10.11", "100.72.1.10"),
        ),
        (
            question(EDUCATION, "192.168.1.10", "100.72.1.10:80/tcp"),
            delivered(platform, "100.64.10.21", "100.72.1.10"),
        ),
        (
            question(platform, "100.72.1.10", "100.64.10.21:443/tcp"),
            delivered(EDUCATION, "100.72.1.10", "192.168.1.10"),
        ),
        // Hairpin: seen with its own global address.
        (
            question(HEAD, "192.168.1.100", "100.64.10.11:443/tcp"),
            delivered(HEAD, "100.64.10.30", "192.168.1.10"),
        ),
        (question(HEAD, "192.168.1.100", "192.168.1.1/icmp-echo"), Outcome::Device),
        (question(platform, "100.72.1.10", "100.64.10.1/icmp-echo"), Outcome::Device),
        (
            question(HEAD, "192.168.1.100", "100.72.1.10:22/tcp"),
            refused("head-office/undeclared-service", Told::Prohibited),
        ),
        (
            question(HEAD, "192.168.1.77", "100.72.1.10:443/tcp"),
            refused("head-office/undeclared-source", Told::Prohibited),
        ),
        (
            question(HEAD, "10.9.9.9", "100.72.1.10:443/tcp"),
            refused("head-office/spoofed-source", Told::Nothing),
        ),
        (
            question(HEAD, "192.168.1.100", "8.8.8.8:53/udp"),
            refused("head-office/undeclared-destination", Told::HostUnreachable),
        ),
        (
            question(platform, "100.72.1.10", "100.64.10.30:443/tcp"),
            refused("platform/one-way", Told::Nothing),
        ),
        (
            question(platform, "192.168.1.10", "100.64.10.11:443/tcp"),
            refused("platform/spoofed-source", Told::Nothing),
        ),
        // What claims to come from everybody, nobody hears of.
        (
            question(HEAD, "192.168.1.255", "100.72.1.10:443/tcp"),
            Outcome::Refused { rule: None, told: Told::Nothing },
        ),
    ];
    let design = sample("overlapping-ranges");
    for (question, outcome) in cases {
        let trace = trace(&design, &question);
        assert_eq!(trace.outcome, outcome, "{question:?}");
        let refused = matches!(outcome, Outcome::Refused { .. });
        assert_eq!(trace.advice.is_some(), refused, "{question:?}");
        assert_eq!(trace.back.is_some_and(|back| back.arrives), !refused, "{question:?}");
    }
}

#[test]
fn a_side_is_found_by_its_addresses() {
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    let (apart, same) = (sample("1-office"), sample("overlapping-ranges"));
    assert_eq!(Side::of(&apart, address("192.168.1.100")), Ok(HEAD));
    assert_eq!(Side::of(&apart, address("192.168.2.100")), Ok(EDUCATION));
    assert_eq!(Side::of(&apart, address("100.72.1.10")), Ok(Side::Platform));
    let nobodys = address("8.8.8.8");
    assert_eq!(Side::of(&apart, nobodys), Err(UnclearSide::Nobodys(nobodys)));
    let both = address("192.168.1.100");
    assert_eq!(Side::of(&same, both), Err(UnclearSide::BothLans(both)));
}

#[test]
fn what_no_host_sends_has_no_trace() {
    let design = sample("union");
    let tracer = Tracer::new(&design).unwrap();
    for (from, to) in [("127.0.0.1", "100.72.1.10"), ("192.168.1.100", "224.0.0.1")] {
        let question = question(HEAD, from, &format!("{to}/icmp-echo"));
        assert!(matches!(tracer.trace(&question), Err(TraceError::NotAHost(_))), "{from} {to}");
    }
    let question = question(EDUCATION, "192.168.2.100", "100.72.1.10/icmp-echo");
    assert_eq!(tracer.trace(&question).unwrap_err(), TraceError::NoSuchSide(EDUCATION));
}

/// Every declared address and some others, each with every other, for a few services.
fn questions(design: &Design) -> Vec<Question> {
    let server = design.servers.first().map(|row| [row.private.get(), row.global.get()]);
    let rows = design.terminals.iter().take(2);
    let rows = rows.flat_map(|row| [row.from[0].hosts().next().unwrap(), row.global.get()]);
    let others =
        ["100.72.1.10", "100.73.1.10", "10.9.9.9", "192.168.1.77", "8.8.8.8", "100.64.10.77"];
    let others = others.map(|text| text.parse().unwrap());
    let devices = design.lans.values().map(|lan| lan.address.address());
    let addresses: Vec<Ipv4Addr> = server
        .into_iter()
        .flatten()
        .chain(rows)
        .chain(others)
        .chain(devices)
        .chain([design.profile.device_address.get()])
        .collect();
    let sides: Vec<_> =
        design.lans.keys().copied().map(Side::Lan).chain([Side::Platform]).collect();
    let mut questions = Vec::new();
    for side in sides {
        for from in &addresses {
            for to in &addresses {
                let openings = [Opening::Tcp(8080), Opening::Udp(0), Opening::Echo];
                let question = |opening| Question { side, from: *from, to: *to, opening };
                questions.extend(openings.map(question));
            }
        }
    }
    questions
}

fn allowance(from: Ipv4Net, opening: Opening) -> Allowance {
    let from = Origin::Network(from);
    Allowance { from, services: vec![opening.service().unwrap()], approval: None }
}

/// Carries out an advice as somebody would who knows the office; `false` where there is nothing to do.
fn follow(design: &mut Design, change: &Change) -> bool {
    let service = |opening: Opening| opening.service().unwrap();
    match change.clone() {
        Change::Service { row: Row::Server(name), opening } => {
            let row = design.servers.iter_mut().find(|row| row.name == name).unwrap();
            row.services.push(service(opening));
        }
        Change::Service { row: Row::Terminals(name), opening } => {
            let row = design.terminals.iter_mut().find(|row| row.name == name).unwrap();
            row.services.push(service(opening));
        }
        Change::Terminals { lan, from, global, environment, opening } => {
            design.terminals.push(Terminals {
                name: "new-terminals".parse().unwrap(),
                lan,
                from: vec![Ipv4Net::from(from)],
                global: Global::new(global.unwrap()),
                global_for: Vec::new(),
                environment,
                class: Class::default(),
                cap: None,
                services: vec![service(opening)],
                approval: None,
            });
        }
        Change::Allowance { server, from, opening } => {
            let row = design.servers.iter_mut().find(|row| row.name == server).unwrap();
            row.allow_from_platform.push(allowance(from, opening));
        }
        Change::Server { global, from, opening } => {
            let (lan, interface) = design.lans.first_key_value().unwrap();
            let subnet = interface.address.subnet();
            let private = subnet.hosts().nth(76).unwrap();
            let network =
                design.profile.networks.iter().find(|net| net.prefix.contains(&from)).unwrap();
            design.servers.push(Server {
                name: "new-server".parse().unwrap(),
                identity: None,
                lan: *lan,
                private: Private::try_from(private).unwrap(),
                global: Global::new(global),
                global_for: Vec::new(),
                environment: network.environment,
                class: Class::default(),
                ftp: false,
                services: Vec::new(),
                approval: None,
                allow_from_platform: vec![allowance(from, opening)],
            });
        }
        Change::Route { lan, to } => {
            let interface = design.lans.get_mut(&lan).unwrap();
            let via = interface.address.subnet().hosts().last().unwrap();
            interface.routes.push(LanRoute { to, via });
        }
        Change::Page { from } => design.page.head_office.push(Ipv4Net::from(from)),
        Change::Nothing(_) => return false,
    }
    true
}

#[test]
fn whoever_follows_the_advice_gets_through() {
    // A source that no row names, behind a network that no route names, may need three changes.
    const MOST_CHANGES: usize = 4;
    let (mut mended, mut hopeless) = (0, 0);
    for name in SAMPLES {
        let whole = sample(name);
        let tracer = Tracer::new(&whole).unwrap();
        for question in questions(&whole) {
            let mut advice = tracer.trace(&question).unwrap().advice;
            let mut design = whole.clone();
            let mut changes = Vec::new();
            while let Some(given) = advice {
                assert!(!given.sentence.ja.is_empty() && !given.sentence.en.is_empty());
                if !follow(&mut design, &given.change) {
                    // Nobody is sent on a way that ends nowhere.
                    assert!(
                        changes.is_empty(),
                        "{name}, {question:?}: {changes:?}, then {given:?}"
                    );
                    hopeless += 1;
                    break;
                }
                changes.push(given.change);
                assert!(changes.len() <= MOST_CHANGES, "{name}, {question:?}: {changes:?}");
                advice = trace(&design, &question).advice;
                mended += usize::from(advice.is_none());
            }
        }
    }
    assert!(mended > 100 && hopeless > 100, "{mended} mended, {hopeless} hopeless");
}
