//! An accepted design has the warnings that a plain search finds in it, and no others.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/invariants.rs"]
mod invariants;
#[path = "common/keys.rs"]
mod keys;
#[path = "common/pair.rs"]
mod pair;

use std::{collections::BTreeMap, net::Ipv4Addr};

use invariants::{keeps_invariants, lists, modes, reach};
use proptest::{prelude::*, sample::subsequence};
use sekisho_design::{
    Design, Duplex, Lan, Method, NameEntry, NameTarget, Problem, Rule, Server, Service, Severity,
    Terminals, Traffic,
};

/// How often each code is due.
fn due(design: &Design) -> BTreeMap<&'static str, usize> {
    let half = modes(design).filter(|mode| mode.duplex() == Duplex::Half).count();
    let lgwan = &design.lgwan;
    let slower = lgwan
        .mode
        .zip(lgwan.line_rate)
        .is_some_and(|(mode, rate)| mode.speed().bits_per_second() < rate.bits_per_second());
    let routes = design.lans.iter().flat_map(|(lan, interface)| {
        interface.routes.iter().filter(|route| !is_used(design, *lan, route.to))
    });
    let sources = || design.terminals.iter().flat_map(|row| &row.from);
    let only_servers =
        |row: &&Terminals| row.from.iter().all(|from| all_servers(design, row.lan, *from));
    let due = [
        ("FORM-24", lists(design).into_iter().map(|(services, _)| inside(services)).sum()),
        ("ADDR-14", half),
        ("ADDR-15", usize::from(slower)),
        ("ADDR-16", routes.count()),
        ("LINE-03", if lgwan.line_rate.is_none() { written_shares(design) } else { 0 }),
        (
            "ROW-07",
            design
                .terminals
                .iter()
                .filter(|row| !only_servers(row))
                .flat_map(|row| row.from.iter().filter(|from| has_server(design, row.lan, **from)))
                .count(),
        ),
        ("ROW-12", sources().filter(|from| from.prefix_len() <= 16).count()),
        ("ROW-13", design.servers.iter().filter(|server| is_beside(design, server)).count()),
        ("ROW-14", design.terminals.iter().filter(only_servers).count()),
        (
            "NAME-05",
            views(design).filter(|(lan, entry)| leads_nowhere(design, *lan, entry)).count(),
        ),
        ("NAME-06", entries(design).filter(|entry| entry.name.is_in("platform.example")).count()),
        ("NAME-10", unused(design)),
        (
            "NAME-12",
            addresses(design).filter(|(lan, it)| is_unreachable(design, *lan, *it)).count(),
        ),
        ("NAME-13", addresses(design).filter(|(lan, it)| is_elsewhere(design, *lan, *it)).count()),
        ("PAGE-03", design.page.head_office.iter().filter(|from| is_whole(design, **from)).count()),
    ];
    due.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// How many services another one of the list holds.
fn inside(services: &[Service]) -> usize {
    let holds = |one: &Service, other: &Service| match (one, other) {
        (Service::Tcp(one), Service::Tcp(other)) | (Service::Udp(one), Service::Udp(other)) => {
            one != other
                && (one.first()..=one.last()).contains(&other.first())
                && other.last() <= one.last()
        }
        _ => false,
    };
    services.iter().filter(|other| services.iter().any(|one| holds(one, other))).count()
}

fn on(design: &Design, lan: Lan) -> impl Iterator<Item = &Server> {
    design.servers.iter().filter(move |server| server.lan == lan)
}

/// Everybody of the head office's subnet, or behind one of its routes.
fn is_whole(design: &Design, from: ipnet::Ipv4Net) -> bool {
    reach(design, Lan::HeadOffice).any(|network| network == from)
}

fn has_server(design: &Design, lan: Lan, from: ipnet::Ipv4Net) -> bool {
    on(design, lan).any(|server| from.contains(&server.private.get()))
}

fn all_servers(design: &Design, lan: Lan, from: ipnet::Ipv4Net) -> bool {
    let all = u32::from(from.network())..=u32::from(from.broadcast());
    all.map(Ipv4Addr::from).all(|address| has_server(design, lan, address.into()))
}

fn is_terminal(design: &Design, lan: Lan, address: Ipv4Addr) -> bool {
    let rows = design.terminals.iter().filter(|row| row.lan == lan);
    rows.flat_map(|row| &row.from).any(|from| from.contains(&address))
}

fn is_used(design: &Design, lan: Lan, to: ipnet::Ipv4Net) -> bool {
    let rows = design.terminals.iter().filter(|row| row.lan == lan);
    has_server(design, lan, to) || rows.flat_map(|row| &row.from).any(|from| to.contains(from))
}

fn is_beside(design: &Design, server: &Server) -> bool {
    let address = server.private.get();
    let subnet = design.lans[&server.lan].address.subnet();
    let near = |by: i32| u32::from(address).wrapping_add_signed(by).into();
    subnet.prefix_len() >= 24
        && subnet.contains(&address)
        && (100..200).contains(&address.octets()[3])
        && !is_terminal(design, server.lan, address)
        && [-1, 1].into_iter().any(|by| is_terminal(design, server.lan, near(by)))
}

fn entries(design: &Design) -> impl Iterator<Item = &NameEntry> {
    design.names.iter().flat_map(|names| &names.entries)
}

/// Each entry as often as there are LANs that get it.
fn views(design: &Design) -> impl Iterator<Item = (Lan, &NameEntry)> {
    entries(design).flat_map(|entry| entry.lans.iter().map(move |lan| (*lan, entry)))
}

fn leads_nowhere(design: &Design, lan: Lan, entry: &NameEntry) -> bool {
    let NameTarget::Alias(alias) = &entry.target else { return false };
    !views(design).any(|(other, entry)| other == lan && entry.name == *alias)
        && !alias.is_in("platform.example")
        && !design.names.iter().any(|names| names.office_dns.contains_key(&lan))
}

fn unused(design: &Design) -> usize {
    let Some(names) = design.names.as_ref().filter(|names| names.method == Method::Hosts) else {
        return 0;
    };
    [!names.office_dns.is_empty(), names.rewrite_own, names.query_log_days.is_some()]
        .into_iter()
        .filter(|written| *written)
        .count()
}

/// Each address of an entry, with each LAN that gets it.
fn addresses(design: &Design) -> impl Iterator<Item = (Lan, Ipv4Addr)> {
    views(design).flat_map(|(lan, entry)| {
        let addresses = match &entry.target {
            NameTarget::Addresses(addresses) => &addresses[..],
            NameTarget::Alias(_) => &[],
        };
        addresses.iter().map(move |address| (lan, *address))
    })
}

/// Whether a server of the other LAN has an address, and none of this one.
fn is_elsewhere(design: &Design, lan: Lan, address: Ipv4Addr) -> bool {
    let has = |server: &Server| server.private.get() == address || server.global.get() == address;
    let of = |here: bool| design.servers.iter().filter(move |server| (server.lan == lan) == here);
    of(false).any(has) && !of(true).any(has)
}

fn is_unreachable(design: &Design, lan: Lan, address: Ipv4Addr) -> bool {
    !is_elsewhere(design, lan, address)
        && address.is_private()
        && !reach(design, lan).any(|network| network.contains(&address))
}

/// Names of either method, with entries that often are odd.
fn names() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec!["device", "hosts"]);
    let options = subsequence(
        vec![
            "office-dns = { head-office = [\"192.168.1.53\"] }\n",
            "rewrite-own = true\n",
            "query-log-days = 7\n",
        ],
        0..=3,
    );
    let name = prop::sample::select(vec!["a.city.example", "b.city.example", "a.platform.example"]);
    let address = prop::sample::select(vec![
        "192.168.1.98",
        "192.168.1.10",
        "192.168.2.99",
        "10.20.0.99",
        "10.99.0.1",
        "100.64.10.11",
        "100.64.10.100",
        "100.72.1.10",
    ]);
    let target = prop_oneof![
        3 => address.prop_map(|address| format!("addresses = [\"{address}\"]")),
        1 => name.clone().prop_map(|name| format!("alias = \"{name}\"")),
    ];
    let lans = prop::sample::select(vec![
        "",
        "interfaces = [\"head-office\"]\n",
        "interfaces = [\"education-board\"]\n",
    ]);
    let entries = prop::collection::vec((name, target, lans), 0..3);
    (method, options, entries).prop_map(|(method, options, entries)| {
        let entry = |(name, target, lans): (&str, String, &str)| {
            format!("[[names.entry]]\nname = \"{name}\"\n{target}\n{lans}")
        };
        let entries: String = entries.into_iter().map(entry).collect();
        format!("[names]\nmethod = \"{method}\"\n{}{entries}", options.concat())
    })
}

/// The lines for services and their approval.
fn services() -> impl Strategy<Value = String> {
    const SERVICES: [&str; 8] = [
        "\"https\"",
        "\"icmp-echo\"",
        "\"tcp/80-90\"",
        "\"tcp/85-86\"",
        "\"tcp/86\"",
        "\"tcp/86-95\"",
        "\"udp/86\"",
        "\"udp/1-65535\"",
    ];
    let list = subsequence(SERVICES.to_vec(), 1..=8).prop_shuffle();
    (list, prop::bool::weighted(0.9)).prop_map(|(list, approved)| {
        let approval = if approved { "\napproval = \"第1号\"" } else { "" };
        format!("services = [{}]{approval}", list.join(", "))
    })
}

/// A server or a row of terminals in or beside the two subnets of the base, and behind its route.
fn row(number: usize) -> impl Strategy<Value = String> {
    let place = prop::sample::select(vec![
        ("head-office", "192.168.1"),
        ("head-office", "10.20.0"),
        ("education-board", "192.168.2"),
    ]);
    let host = prop_oneof![3 => 98..106u8, 1 => 198..202u8];
    let network = prop::sample::select(vec![32, 32, 31, 30, 28, 25]);
    (prop::bool::weighted(0.6), place, host, network, services()).prop_map(
        move |(server, (lan, net), host, prefix, services)| {
            let global = format!("interface = \"{lan}\"\nglobal = \"100.64.10.{}\"", 100 + number);
            if server {
                format!(
                    "[[server]]\nname = \"s{number}\"\n{global}\nprivate = \"{net}.{host}\"\n{services}\n"
                )
            } else {
                let from: ipnet::Ipv4Net = format!("{net}.{host}/{prefix}").parse().unwrap();
                let from = from.trunc();
                format!("[[terminals]]\nname = \"t{number}\"\n{global}\nfrom = [\"{from}\"]\n{services}\n")
            }
        },
    )
}

/// How many keys say something of the division of the line. None of the generated sites writes what is usual.
fn written_shares(design: &Design) -> usize {
    let usual = Traffic::default();
    let traffic =
        [design.traffic.shares != usual.shares, design.traffic.hold_back != usual.hold_back];
    let lans = design.lans.values().map(|lan| lan.share.is_some());
    traffic.into_iter().chain(lans).filter(|written| *written).count()
}

/// The base without its rows of terminals, with other lines.
fn head() -> impl Strategy<Value = String> {
    let one_of = |words: &'static [&str]| prop::sample::select(words.to_vec());
    let route = prop::sample::select(vec!["10.20.0.0/24", "10.20.0.0/15", "10.0.0.0/8"]);
    (
        one_of(&["10M", "100M", "1G"]),
        one_of(&["full", "full", "full", "half"]),
        one_of(&["512k", "10M", "11M", "1G", "10G", ""]),
        route,
        any::<bool>(),
        prop::sample::subsequence(vec!["shares = ", "hold-back = ", "share = 70"], 0..=3),
    )
        .prop_map(|(speed, duplex, rate, route, more, left_out)| {
            let site = pair::base("site.toml");
            let (head, _) = site.split_once("[[terminals]]").unwrap();
            let more =
                if more { "\n  { to = \"172.16.0.0/12\", via = \"192.168.1.254\" }," } else { "" };
            let line =
                if rate.is_empty() { rate.to_owned() } else { format!("line-rate = \"{rate}\"") };
            let is_left_out = |line: &&str| left_out.iter().any(|key| line.starts_with(key));
            let head: Vec<_> = head.lines().filter(|line| !is_left_out(line)).collect();
            head.join("\n")
                .replace("speed = \"1G\"", &format!("speed = \"{speed}\""))
                .replace("duplex = \"full\"", &format!("duplex = \"{duplex}\""))
                .replace("line-rate = \"100M\"", &line)
                .replace("\"10.20.0.0/24\"", &format!("\"{route}\""))
                .replace(".254\" },", &format!(".254\" }},{more}"))
        })
}

fn site() -> impl Strategy<Value = String> {
    let rows: Vec<_> = (0..6).map(row).collect();
    let wide = "[[terminals]]\nname = \"wide\"\ninterface = \"head-office\"\nglobal = \"100.64.10.30\"\nfrom = ";
    let wide = prop::sample::select(vec![
        String::new(),
        format!("{wide}[\"10.20.0.0/15\"]\n"),
        format!("{wide}[\"10.128.0.0/17\"]\n"),
    ]);
    let names = prop_oneof![Just(String::new()), names()];
    let sources = vec!["\"192.168.1.0/24\"", "\"192.168.1.0/25\"", "\"10.20.0.0/24\""];
    let page = subsequence(sources, 0..=3).prop_map(|sources| {
        let line = format!("[page]\nhead-office = [{}]\n", sources.join(", "));
        if sources.is_empty() { String::new() } else { line }
    });
    (head(), rows, 0..6usize, wide, names, page).prop_map(
        |(head, rows, count, wide, names, page)| {
            head + &wide + &rows[..count].concat() + &names + &page
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn warnings_are_what_a_plain_search_finds(site in site()) {
        let profile = keys::signed(&pair::base("profile.toml"));
        match pair::check_pair(site.as_bytes(), profile.as_bytes()) {
            Ok(accepted) => {
                keeps_invariants(&accepted.design);
                let mut found: BTreeMap<_, usize> = BTreeMap::new();
                for warning in &accepted.warnings {
                    *found.entry(warning.code()).or_default() += 1;
                }
                prop_assert_eq!(found, due(&accepted.design), "{}", site);
            }
            Err(problems) => {
                let errors = problems.0.iter().filter(|found| found.severity() == Severity::Error);
                prop_assert!(errors.count() > 0);
            }
        }
    }
}

#[test]
fn the_generated_sites_are_often_accepted_and_show_every_warning() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let profile = keys::signed(&pair::base("profile.toml"));
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut seen) = (0, BTreeMap::<&str, usize>::new());
    for _ in 0..2000 {
        let site = site().new_tree(&mut runner).unwrap().current();
        if let Ok(found) = pair::check_pair(site.as_bytes(), profile.as_bytes()) {
            accepted += 1;
            for code in found.warnings.iter().map(Problem::code) {
                *seen.entry(code).or_default() += 1;
            }
        }
    }
    println!("{accepted} of 2000 accepted; {seen:?}");
    assert!(accepted > 400, "{accepted}");
    let codes = [
        "FORM-24", "ADDR-14", "ADDR-15", "ADDR-16", "LINE-03", "ROW-07", "ROW-12", "ROW-13",
        "ROW-14", "NAME-05", "NAME-06", "NAME-10", "NAME-12", "NAME-13", "PAGE-03",
    ];
    assert!(codes.into_iter().all(|code| seen.contains_key(code)), "{seen:?}");
    assert!(codes.into_iter().all(|code| Rule::CODES.contains(&code)));
}
