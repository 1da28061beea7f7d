use std::{fs, path::Path};

use sekisho_control::Fullness;
use sekisho_design::{PublicKey, Source, Sources, Trust, check};

use super::*;

const POLICY: &str = r#"
[[policy]]
name = "batch"
from = ["counter", "juki"]
to = ["100.72.0.0/16"]
services = ["tcp/8080"]
class = "bulk"
approval = "a trial"
until = 2099-04-01T00:00:00Z
"#;

/// A sample with a policy about two rows.
fn design() -> Design {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let operator: PublicKey = read("tests/lab/keys/operator.pub").trim().parse().unwrap();
    let site = read("config-samples/1-office/site.toml") + POLICY;
    let profile = read("config-samples/1-office/platform-profile.toml");
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site.as_bytes() },
        profile: Source { name: "platform-profile.toml", bytes: profile.as_bytes() },
    };
    check(&sources, &Trust { operator, in_force: None }).unwrap().design
}

fn count(packets: u64, bytes: u64) -> Count {
    Count { packets, bytes }
}

fn told(packets: u64, bytes: u64) -> Tally {
    Tally { packets, bytes }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn row<'a>(traffic: &'a Traffic, named: &str) -> &'a RowTraffic {
    traffic.rows.iter().find(|row| row.name.as_str() == named).unwrap()
}

#[test]
fn a_rows_sum_holds_its_policies_and_a_policys_sum_its_rows() {
    let design = design();
    let accounts = Accounts::of(&design);
    let number =
        |row: &str, policy: Option<&str>| accounts.number(&name(row), policy.map(name).as_ref());
    let metered = Metered {
        account_up: BTreeMap::from([
            (number("counter", None), count(10, 1000)),
            (number("counter", Some("batch")), count(5, 500)),
            (number("juki", Some("batch")), count(1, 70)),
            (7, count(1, 1)),
        ]),
        account_down: BTreeMap::from([(number("juki", None), count(2, 90))]),
        account_opened: BTreeMap::from([
            (number("counter", None), count(3, 180)),
            (number("counter", Some("batch")), count(4, 240)),
        ]),
        ..Metered::default()
    };
    let traffic = Owners::of(&design).traffic(&metered, &BTreeMap::new(), None);
    let [counter, juki, batch] = ["counter", "juki", "batch"].map(|named| row(&traffic, named));
    assert_eq!((counter.up, counter.down, counter.opened), (told(15, 1500), told(0, 0), 7));
    assert_eq!((juki.up, juki.down, juki.opened), (told(1, 70), told(2, 90), 0));
    assert_eq!((batch.up, batch.down, batch.opened), (told(6, 570), told(0, 0), 4));
    assert_eq!(batch.kind, RowKind::Policy);
    assert_eq!(batch.until, Some("2099-04-01T00:00:00Z".parse().unwrap()));
    assert_eq!((batch.refused, batch.lan), (None, None));
    assert_eq!(juki.lan, Some(Lan::HeadOffice));
    let kinds: Vec<_> = traffic.rows.iter().map(|row| row.kind as u8).collect();
    assert!(kinds.is_sorted(), "servers, terminals, policies");
    let all = design.servers.len() + design.terminals.len() + 1;
    assert_eq!(traffic.rows.len(), all);
}

#[test]
fn hosts_and_refusals_belong_to_the_row_that_the_packet_filter_takes() {
    let design = design();
    let juki = design.servers.iter().find(|row| row.name.as_str() == "juki").unwrap();
    let (host, global) = (juki.private.get(), juki.global.get());
    let counter = design.terminals.iter().find(|row| row.name.as_str() == "counter").unwrap();
    let terminal = counter.from[0].hosts().last().unwrap();
    let elsewhere = Ipv4Addr::new(203, 0, 113, 7);
    let metered = Metered {
        host_up: BTreeMap::from([((1, host), count(1, 60)), ((1, elsewhere), count(9, 9))]),
        host_down: BTreeMap::from([((1, terminal), count(2, 120)), ((7, host), count(1, 1))]),
        host_refused: BTreeMap::from([((1, terminal), count(4, 240)), ((1, host), count(1, 40))]),
        global_refused: BTreeMap::from([
            (global, count(3, 180)),
            (counter.global.get(), count(6, 360)),
        ]),
        ..Metered::default()
    };
    let ports = BTreeMap::from([(counter.global.get(), PortsInUse { tcp: 12, udp: 3 })]);
    let table = ConnectionTable { count: 15, most: 100, fullness: Fullness::Roomy };
    let traffic = Owners::of(&design).traffic(&metered, &ports, Some(table));
    assert_eq!(row(&traffic, "juki").refused, Some(told(4, 220)));
    assert_eq!(row(&traffic, "counter").refused, Some(told(4, 240)));
    let rows: BTreeMap<_, _> = traffic
        .hosts
        .iter()
        .map(|host| (host.address, host.row.as_ref().map(Name::as_str)))
        .collect();
    let expected = [(host, Some("juki")), (terminal, Some("counter")), (elsewhere, None)];
    assert_eq!(rows, BTreeMap::from(expected), "no host of a LAN that there isn't");
    let napt = traffic.napt.iter().find(|napt| napt.global == counter.global.get()).unwrap();
    assert_eq!((napt.ports, napt.refused), (PortsInUse { tcp: 12, udp: 3 }, told(6, 360)));
    assert!(napt.rows.contains(&counter.name), "{napt:?}");
    assert_eq!((napt.first_port, napt.last_port), (1024, 61_999));
    assert_eq!(traffic.connections, Some(table));
}

#[test]
fn of_too_many_hosts_the_quiet_ones_are_left_out() {
    let host = |number: u32, bytes| HostTraffic {
        lan: Lan::HeadOffice,
        address: Ipv4Addr::from_bits(number),
        row: None,
        up: Tally::default(),
        down: told(1, bytes),
        refused: Tally::default(),
    };
    let all = u32::try_from(MOST_HOSTS).unwrap() + 2;
    let (kept, left_out) = most((0..all).map(|number| host(number, u64::from(number))).collect());
    assert_eq!((kept.len(), left_out), (MOST_HOSTS, 2));
    assert_eq!(kept[0].address, Ipv4Addr::from_bits(2));
    assert!(kept.is_sorted_by_key(|host| host.address));
    assert_eq!(most(vec![host(1, 1)]).1, 0);
}
