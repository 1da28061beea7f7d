//! What is said of one policy against another is what a plain search among flows finds, and nothing is said of designs
//! that are as they should be (R51 R55 R86 R89 R90).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/invariants.rs"]
mod invariants;
#[path = "common/keys.rs"]
mod keys;
#[path = "common/pair.rs"]
mod pair;
#[path = "common/policies.rs"]
mod policies;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use invariants::keeps_invariants;
use proptest::prelude::*;
use sekisho_design::{
    Accepted, Class, Design, Direction, Environment, Lan, Member, Policy, Rule, Service,
};

/// A host of the office, what it talks to, by what, and who starts.
type Flow = (Lan, Ipv4Addr, String, Service, bool);

/// Class and FTP's helper.
type Way = (Class, bool);

fn check(site: &str) -> Accepted {
    let profile = keys::signed(&pair::base("profile.toml"));
    let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes());
    accepted.unwrap_or_else(|problems| panic!("{site}\n{problems}"))
}

/// One of each piece that the drawn policies and the base's rows cut services into.
fn services() -> impl Iterator<Item = Service> {
    let texts = ["tcp/7", "tcp/20", "tcp/21", "http", "https", "tcp/445", "udp/5000", "icmp-echo"];
    texts.into_iter().map(|text| text.parse().unwrap())
}

/// One of each piece that they cut the platform into, with its environment; names have none.
const TARGETS: [(&str, Option<Environment>); 10] = [
    ("100.72.1.10", Some(Environment::Production)),
    ("100.72.2.1", Some(Environment::Production)),
    ("100.72.3.1", Some(Environment::Production)),
    ("100.72.3.2", Some(Environment::Production)),
    ("100.72.9.9", Some(Environment::Production)),
    ("100.73.1.1", Some(Environment::Test)),
    ("100.73.9.9", Some(Environment::Test)),
    ("web.platform.example", None),
    ("other.platform.example", None),
    ("test.platform.example", None),
];

fn holds(list: &[Service], service: Service) -> bool {
    list.iter().any(|entry| match (entry, service) {
        (Service::Tcp(ports), Service::Tcp(port)) | (Service::Udp(ports), Service::Udp(port)) => {
            (ports.first()..=ports.last()).contains(&port.first())
        }
        (entry, service) => *entry == service,
    })
}

fn reaches(design: &Design, members: &[Member], target: &str) -> bool {
    members.iter().any(|member| match member {
        Member::Network(network) => {
            target.parse().is_ok_and(|target: Ipv4Addr| network.contains(&target))
        }
        Member::Host(host) => host.name.as_str() == target,
        Member::Named(name) => {
            let object = design.objects.iter().find(|object| object.name == *name);
            object.is_some_and(|object| reaches(design, &object.members, target))
        }
    })
}

/// The flows of a policy. No server of the base stands among its terminals.
fn flows(design: &Design, policy: &Policy) -> BTreeMap<Flow, Way> {
    let admitted = design.policy_services(policy);
    let mut flows = BTreeMap::new();
    for host in design.office_hosts(policy) {
        let about = policy.environment.unwrap_or(host.environment);
        let targets = TARGETS.into_iter().filter(|(target, environment)| {
            environment.is_none_or(|of| of == about) && reaches(design, &policy.platform, target)
        });
        for (target, _) in targets {
            for service in services().filter(|service| holds(&admitted, *service)) {
                for address in host.addresses.hosts() {
                    let started = policy.direction == Direction::FromOffice;
                    let flow = (host.lan, address, target.to_owned(), service, started);
                    let ftp = policy.ftp && service == "tcp/21".parse().unwrap();
                    flows.insert(flow, (policy.class.unwrap_or_default(), ftp));
                }
            }
        }
    }
    flows
}

/// Whether a row of the base admits a flow by itself; all are of the usual class.
fn by_rows(design: &Design, (lan, address, target, service, started): &Flow) -> bool {
    let environment = TARGETS.into_iter().find(|(known, _)| known == target).unwrap().1;
    let fits = |of: Environment| environment.is_none_or(|environment| environment == of);
    let servers = design.servers.iter().any(|row| {
        let own = *started && holds(&row.services, *service) && fits(row.environment);
        let allowed = row.allow_from_platform.iter().any(|allowance| {
            let from = allowance.from.networks();
            // Whoever has a name may have any address, and the base allows nobody by name.
            let from = target
                .parse()
                .is_ok_and(|target: Ipv4Addr| from.iter().any(|network| network.contains(&target)));
            !started && from && holds(&allowance.services, *service)
        });
        row.lan == *lan && row.private.get() == *address && (own || allowed)
    });
    servers
        || design.terminals.iter().any(|row| {
            row.lan == *lan
                && row.from.iter().any(|from| from.contains(address))
                && *started
                && holds(&row.services, *service)
                && fits(row.environment)
        })
}

/// What is due for a policy, after those before it.
fn due(design: &Design, at: usize) -> Option<(&'static str, Option<String>)> {
    let policy = &design.policies[at];
    let own = flows(design, policy);
    for earlier in &design.policies[..at] {
        let other = flows(design, earlier);
        let within = |one: &BTreeMap<Flow, Way>, other: &BTreeMap<Flow, Way>| {
            one.keys().all(|flow| other.contains_key(flow))
        };
        let common: BTreeSet<_> = own.keys().filter(|flow| other.contains_key(*flow)).collect();
        let differs = common.iter().any(|flow| own[*flow] != other[*flow]);
        let name = Some(earlier.name.to_string());
        if differs && (within(&own, &other) || !within(&other, &own)) {
            return Some(("PERM-17", name));
        }
        let outlives = earlier.until.is_none() || policy.until.is_some();
        if !differs && within(&own, &other) && outlives {
            return Some(("PERM-16", name));
        }
    }
    let usual = |(flow, way): (&Flow, &Way)| *way == Way::default() && by_rows(design, flow);
    own.iter().all(usual).then_some(("PERM-16", None))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn policies_are_compared_as_a_plain_search_does(policies in policies::policies()) {
        let site = pair::base("site.toml") + &policies;
        let Accepted { design, warnings } = check(&site);
        keeps_invariants(&design);
        let about = |at: usize| warnings.iter().find_map(|problem| {
            let (Rule::Shadowed { by } | Rule::Contradicted { by }) = &problem.rule else {
                return None;
            };
            let policy = design.policies.iter().any(|policy| policy.name == *by);
            let by = policy.then(|| by.to_string());
            (problem.path == format!("policy[{at}]")).then(|| (problem.code(), by))
        });
        for at in 0..design.policies.len() {
            prop_assert_eq!(about(at), due(&design, at), "policy {} of\n{}", at, policies);
        }
    }
}

/// Additions to the base that nobody needs to look at.
const QUIET: [&str; 6] = [
    // An exception stands before what it is an exception of.
    "[[policy]]\nname = \"files\"\nfrom = [\"school\"]\nto = [\"100.72.1.10\"]\nservices = [\"https\"]\nclass = \"bulk\"\n\
     [[policy]]\nname = \"screens\"\nfrom = [\"school\"]\nto = [\"100.72.1.0/24\"]\nservices = [\"https\"]\nclass = \"online\"\n",
    // A policy for a time says nothing about the time after it.
    "[[policy]]\nname = \"move\"\nfrom = [\"school\"]\nto = [\"100.72.1.10\"]\nservices = [\"https\"]\nuntil = 2026-06-01T00:00:00+09:00\n\
     [[policy]]\nname = \"always\"\nfrom = [\"school\"]\nto = [\"100.72.1.10\"]\nservices = [\"https\"]\n",
    // What rows admit already gets another class.
    "[[policy]]\nname = \"screens\"\nfrom = [\"counter\"]\nto = [\"100.72.1.10\"]\nservices = [\"https\"]\nclass = \"online\"\n",
    // A window for a test, towards a host with a name, of a server that is production otherwise.
    "[[policy]]\nname = \"trial\"\nfrom = [\"juki\"]\nto = [\"trial.platform.example\", \"100.73.0.0/16\"]\nservices = [\"https\"]\n\
     environment = \"test\"\nuntil = 2026-06-01T00:00:00+09:00\n",
    // Both environments in one policy, each among itself; a server alone where terminals stand around it.
    "[[object]]\nname = \"servers\"\nmembers = [\"juki\", \"kensho\"]\n\
     [[policy]]\nname = \"watch\"\nfrom = [\"100.72.1.10\", \"100.73.1.10\"]\nto = [\"servers\"]\nservices = [\"icmp-echo\"]\n",
    // Nearly as many ports as pass without a word.
    "[[service]]\nname = \"rpc\"\nservices = [\"tcp/1000-1999\", \"tcp/21\"]\n\
     [[policy]]\nname = \"rpc\"\nfrom = [\"192.168.2.100\"]\nto = [\"web.platform.example\"]\nservices = [\"rpc\"]\nftp = true\napproval = \"a\"\n",
];

#[test]
fn nothing_is_said_of_policies_as_they_should_be() {
    for addition in QUIET {
        let Accepted { design, warnings } = check(&(pair::base("site.toml") + addition));
        keeps_invariants(&design);
        assert!(warnings.is_empty(), "{addition}\n{warnings:?}");
    }
}

#[test]
fn rows_share_what_some_destinations_see_and_a_server_keeps_its_own() {
    let [first, other] = ["100.64.10.40", "100.64.10.30"];
    let site = pair::base("site.toml").replace(
        "global = \"100.64.10.11\"\n",
        &format!(
            "global = \"100.64.10.11\"\nglobal-for = [\n\
             {{ to = [\"100.72.1.10\", \"web.platform.example\"], global = \"{first}\" }},\n\
             {{ to = [\"100.72.2.0/24\"], global = \"{other}\" }},\n\
             {{ to = [\"100.72.3.0/24\"], global = \"100.64.10.11\" }},\n\
             {{ to = [\"100.72.1.10/32\"], global = \"{first}\" }},\n]\n"
        ),
    );
    let site = site.replace(
        "global = \"100.64.10.30\"\n",
        &format!("global = \"100.64.10.30\"\nglobal-for = [{{ to = [\"100.72.1.10\"], global = \"{first}\" }}]\n"),
    );
    let Accepted { design, warnings } = check(&site);
    keeps_invariants(&design);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(design.servers[0].global_for.len(), 4);
    assert_eq!(design.terminals[0].global_for[0].global.to_string(), first);
}
