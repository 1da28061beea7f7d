use std::{fs, path::Path};

use sekisho_design::{Design, PublicKey, Source, Sources, Trust, check};

use super::*;
use crate::desired;

/// The first sample, with texts of the site replaced.
fn office(edits: &[(&str, &str)]) -> KernelState {
    desired(&design(edits))
}

fn design(edits: &[(&str, &str)]) -> Design {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let operator: PublicKey = read("tests/lab/keys/operator.pub").trim().parse().unwrap();
    let mut site = read("config-samples/1-office/site.toml");
    for (from, to) in edits {
        assert!(site.contains(from), "{from}");
        site = site.replace(from, to);
    }
    let profile = read("config-samples/1-office/platform-profile.toml");
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site.as_bytes() },
        profile: Source { name: "platform-profile.toml", bytes: profile.as_bytes() },
    };
    check(&sources, &Trust { operator, in_force: None }).unwrap().design
}

fn connection(zone: u16, opening: Opening, original: [&str; 2], reply: [&str; 2]) -> Connection {
    let pair = |[from, to]: [&str; 2]| (from.parse().unwrap(), to.parse().unwrap());
    Connection { zone, opening, original: pair(original), reply: pair(reply) }
}

const WEB: &str = "100.72.1.10";

/// One of each kind that the sample allows.
fn running() -> Vec<(&'static str, Connection)> {
    let (https, http) = (Opening::Tcp(443), Opening::Tcp(80));
    let head = ["192.168.1.100", WEB];
    let school = ["192.168.2.100", WEB];
    vec![
        ("terminal", connection(1, http, head, [WEB, "100.64.10.30"])),
        ("query", connection(1, Opening::Udp(53), head, [WEB, "100.64.10.30"])),
        ("ping", connection(1, Opening::Echo, head, [WEB, "100.64.10.30"])),
        ("school", connection(2, https, school, [WEB, "100.64.10.31"])),
        ("to juki", connection(1, https, [WEB, "100.64.10.11"], ["192.168.1.10", WEB])),
        ("to atena", connection(1, https, [WEB, "100.64.10.12"], ["192.168.1.11", WEB])),
        (
            "hairpin",
            connection(
                1,
                https,
                ["192.168.1.11", "100.64.10.11"],
                ["192.168.1.10", "100.64.10.12"],
            ),
        ),
        (
            "ping to the device",
            connection(
                1,
                Opening::Echo,
                ["192.168.1.100", "192.168.1.1"],
                ["192.168.1.1", "192.168.1.100"],
            ),
        ),
    ]
}

/// The names of those that end.
fn ended(before: &KernelState, after: &KernelState) -> Vec<&'static str> {
    let mut fates = Fates::between(before, after).unwrap();
    let ends = |connection: &Connection| fates.ends(connection).unwrap();
    let (mut names, mut ends) = (Vec::new(), ends);
    for (name, connection) in running() {
        if ends(&connection) {
            names.push(name);
        }
    }
    names
}

#[test]
fn the_sample_opens_every_connection_of_the_test() {
    let state = office(&[]);
    let judge = Judge::of(&state).unwrap();
    for (name, connection) in running() {
        assert_eq!(judge.opens(&connection), Ok(true), "{name}");
    }
    assert_eq!(ended(&state, &state), [""; 0]);
}

/// A change: its name, the texts that it replaces, and whose connections end.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn a_change_ends_its_own_connections_and_no_others() {
    let before = office(&[]);
    let cases: [Case; 7] = [
        (
            "another global address of a server",
            &[("global = \"100.64.10.11\"", "global = \"100.64.10.13\"")],
            &["to juki", "hairpin"],
        ),
        (
            "another private address of a server",
            &[("private = \"192.168.1.11\"", "private = \"192.168.1.12\"")],
            &["to atena", "hairpin"],
        ),
        (
            "another global address of terminals",
            &[("global = \"100.64.10.30\"", "global = \"100.64.10.32\"")],
            &["terminal", "query", "ping"],
        ),
        (
            "a service taken from a server",
            &[("services = [\"https\", \"icmp-echo\"]", "services = [\"icmp-echo\"]")],
            &["to atena"],
        ),
        (
            "terminals that no longer are",
            &[("from = [\"192.168.2.100\"]", "from = [\"192.168.2.101\"]")],
            &["school"],
        ),
        (
            "another address of the device",
            &[("\"192.168.1.1/24\"", "\"192.168.1.254/24\"")],
            &["ping to the device"],
        ),
        ("a row more", &[("services = [\"http\", ", "services = [\"tcp/8080\", \"http\", ")], &[]),
    ];
    for (name, edits, wanted) in cases {
        let after = office(edits);
        assert_eq!(ended(&before, &after), wanted, "{name}");
        assert!(Fates::may_differ(&before, &after), "{name}");
    }
}

/// Whoever no longer gets to the page is shut out at once (R65).
#[test]
fn a_source_that_is_taken_away_loses_the_page() {
    let state = |sources: &str| {
        let last = "alias = \"web.platform.example\"\n";
        office(&[(last, &format!("{last}[page]\nhead-office = [{sources}]\n"))])
    };
    let (before, after) = (state("\"192.168.1.100\", \"192.168.1.77\""), state("\"192.168.1.77\""));
    let page = |zone, from, own| connection(zone, Opening::Tcp(443), [from, own], [own, from]);
    let own = "192.168.1.1";
    for (after, ended) in [(&after, [true, false]), (&office(&[]), [true, true])] {
        let mut fates = Fates::between(&before, after).unwrap();
        let mut ends = |from| fates.ends(&page(1, from, own)).unwrap();
        assert_eq!(["192.168.1.100", "192.168.1.77"].map(&mut ends), ended);
        let maintenance = page(4, "192.168.254.2", "192.168.254.1");
        assert_eq!(fates.ends(&maintenance), Ok(false));
    }
}

/// Only what the state before opened is judged at all: what it doesn't explain isn't the change's own.
#[test]
fn what_was_opened_otherwise_is_left_alone() {
    let before = office(&[]);
    let after = office(&[("global = \"100.64.10.11\"", "global = \"100.64.10.13\"")]);
    let mut fates = Fates::between(&before, &after).unwrap();
    let others = [
        connection(
            0,
            Opening::Udp(51820),
            ["198.18.1.2", "198.18.3.2"],
            ["198.18.3.2", "198.18.1.2"],
        ),
        connection(1, Opening::Tcp(443), [WEB, "100.64.10.13"], ["192.168.1.10", WEB]),
        connection(7, Opening::Tcp(443), [WEB, "100.64.10.11"], ["192.168.1.10", WEB]),
    ];
    for other in others {
        assert_eq!(fates.ends(&other), Ok(false), "{other:?}");
    }
}

/// Somebody took the table away: whatever the state after doesn't open has to go.
#[test]
fn without_a_table_before_the_state_after_decides() {
    let after = office(&[("global = \"100.64.10.11\"", "global = \"100.64.10.13\"")]);
    let before = KernelState { table: None, ..office(&[]) };
    assert_eq!(ended(&before, &after), ["to juki", "hairpin"]);
}
