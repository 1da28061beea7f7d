//! What holds for the canonical form of every file: it says the same, keeps every comment, and is its own form.

use proptest::{prelude::*, sample::Index};
use sekisho_design::{Design, print_site};

use crate::{format::formatted, keys, pair, policies::policies};

/// Rows of policies and of what they use, for the base site.
pub(crate) const POLICIES: &str = include_str!("policies.toml");

/// A heading with its entries, each with the line breaks that it has.
type Section = (String, Vec<String>);

/// The lines of a text; a value of many lines is one of them.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match lines.last_mut() {
            Some(value) if open => *value = format!("{value}\n{line}"),
            _ => lines.push(line.to_owned()),
        }
        open ^= line.matches("\"\"\"").count() == 1;
    }
    lines
}

/// The base site with its policies in pieces. What stands above the first heading has no heading.
fn sections() -> Vec<Section> {
    let mut sections: Vec<Section> = vec![(String::new(), Vec::new())];
    let mut open = false;
    for line in
        lines(&(pair::base("site.toml") + POLICIES)).into_iter().filter(|line| !line.is_empty())
    {
        let entries = &mut sections.last_mut().unwrap().1;
        if open {
            let entry = entries.last_mut().unwrap();
            *entry = format!("{entry}\n{line}");
            open = line != "]";
        } else if line.starts_with('[') {
            sections.push((line, Vec::new()));
        } else {
            open = line.ends_with('[');
            entries.push(line);
        }
    }
    sections
}

/// The base site with its tables and their keys in any order.
fn shuffled() -> impl Strategy<Value = String> {
    let mut all = sections();
    let head = all.remove(0).1.join("\n") + "\n";
    let section = |(heading, entries): Section| {
        Just(entries)
            .prop_shuffle()
            .prop_map(move |entries| format!("{heading}\n{}\n", entries.join("\n")))
    };
    let all: Vec<_> = all.into_iter().map(section).collect();
    let all = all.prop_flat_map(|all| Just(all).prop_shuffle());
    all.prop_map(move |all| head.clone() + &all.concat())
}

/// What is put at a line's end or below it.
#[derive(Clone, Debug)]
enum Decoration {
    Behind,
    Below,
    Empty,
}

/// The text with numbered comments and empty lines.
fn decorated(text: &str, decorations: &[(Index, Decoration)]) -> String {
    let mut lines = lines(text);
    for (number, (at, decoration)) in decorations.iter().enumerate() {
        let at = at.index(lines.len());
        match decoration {
            Decoration::Behind if lines[at].contains('#') => {}
            Decoration::Behind => lines[at] = format!("{} # behind {number}", lines[at]),
            Decoration::Below => lines.insert(at + 1, format!("# below {number}")),
            Decoration::Empty => lines.insert(at + 1, String::new()),
        }
    }
    lines.join("\n") + "\n"
}

/// Every comment of a text that has no `#` in its values, sorted.
fn comments(text: &str) -> Vec<&str> {
    let mut comments: Vec<_> =
        text.lines().filter_map(|line| Some(line[line.find('#')?..].trim())).collect();
    comments.sort_unstable();
    comments
}

pub(crate) fn design(site: &str) -> Design {
    let profile = keys::signed(&pair::base("profile.toml"));
    let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes());
    accepted.unwrap_or_else(|problems| panic!("{site}\n{problems}")).design
}

/// A note with whatever quotes need.
const APPROVAL: &str = "approval = \"覚書\\\"第1号\\\" 'a' \\\\ # no comment\"";

/// Rows that fit the base site, in any combination of what may be left out.
fn rows() -> impl Strategy<Value = String> {
    let services = prop::sample::subsequence(
        vec!["http", "https", "tcp/7", "udp/5000-5010", "icmp-echo"],
        1..=5,
    );
    let list = |services: &[&str]| format!("[\"{}\"]", services.join("\", \""));
    let more = prop::sample::subsequence(
        vec![
            "class = \"online\"\n",
            "global-for = [{ to = [\"100.72.1.10\", \"web.platform.example\"], global = \"100.64.10.200\" }, { to = [\"100.73.0.0/24\"], global = \"100.64.10.201\" }]\n",
            "only",
        ],
        0..=3,
    );
    let row = (any::<bool>(), any::<bool>(), services.clone(), services, 0..3usize, more);
    let row = row.prop_map(move |(server, test, services, allowed, most, mut more)| {
        let environment = if test { "environment = \"test\"\n" } else { "" };
        let from = if test { "100.73.0.0/16" } else { "100.72.0.0/16" };
        let allowance =
            format!("{{ from = \"{from}\", services = {}, {APPROVAL} }}", list(&allowed));
        let allow = vec![allowance; most].join(", ");
        let services = format!("services = {}\n{APPROVAL}\n", list(&services));
        let services = if most == 0 { "" } else { &services };
        if more.last() == Some(&"only") {
            more.pop();
            more.push(if server { "" } else { "cap = \"5M\"\n" });
        }
        let more = more.concat();
        (
            server,
            format!("{environment}{services}{more}"),
            format!("allow-from-platform = [{allow}]\n"),
        )
    });
    prop::collection::vec(row, 0..6).prop_map(|rows| {
        let row = |(number, (server, shared, allow)): (usize, (bool, String, String))| {
            let address = 50 + number;
            let head = if server {
                format!("[[server]]\nprivate = \"192.168.1.{address}\"\n{allow}")
            } else {
                format!("[[terminals]]\nfrom = [\"192.168.1.{address}\", \"10.20.0.{address}\"]\n")
            };
            format!("{head}name = \"row-{number}\"\ninterface = \"head-office\"\nglobal = \"100.64.10.{address}\"\n{shared}")
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

/// `[names]` with any of its keys, entries for either LAN or both.
fn names() -> impl Strategy<Value = String> {
    let options = prop::sample::subsequence(
        vec![
            "office-dns = { education-board = [\"192.168.2.53\"], head-office = [\"10.20.0.53\"] }",
            "rewrite-own = true",
            "rewrite-own = false",
            "outside-answers = [\"100.80.0.0/16\", \"100.81.0.1\"]",
            "query-log-days = 31",
        ],
        0..=5,
    );
    let method = prop::sample::select(vec!["device", "hosts"]);
    let target = prop::sample::select(vec![
        "addresses = [\"192.168.1.12\"]",
        "addresses = [\"192.168.1.13\", \"192.168.1.12\"]",
        "alias = \"Web.Platform.Example.\"",
        "alias = \"name-0.city.example\"",
    ]);
    let lans = prop::sample::select(vec![
        "",
        "interfaces = [\"head-office\"]\n",
        "interfaces = [\"education-board\"]\n",
        "interfaces = [\"education-board\", \"head-office\"]\n",
    ]);
    let entries = prop::collection::vec((target, lans), 0..5);
    (method, options, entries).prop_map(|(method, mut options, entries)| {
        if options.contains(&"rewrite-own = true") {
            options.retain(|option| *option != "rewrite-own = false");
        }
        let entry = |(number, (target, lans)): (usize, (&str, &str))| {
            format!(
                "[[names.entry]]\n{lans}{target}\nname = \"name-{}.city.example\"\n",
                number + 1
            )
        };
        let entries: String = entries.into_iter().enumerate().map(entry).collect();
        format!("[names]\nmethod = \"{method}\"\n{}\n{entries}", options.join("\n"))
    })
}

/// A flow log and a collector, with or without what may be left out.
fn logs() -> impl Strategy<Value = String> {
    let base = pair::base("site.toml");
    let authority = lines(&base).into_iter().find(|line| line.starts_with("certificate")).unwrap();
    let tls = format!("transport = \"tls\"\nname = \"Log.City.Example\"\n{authority}\n");
    let transport = prop::sample::select(vec![String::new(), "transport = \"tcp\"\n".into(), tls]);
    let place = prop::sample::select(vec![
        "interface = \"head-office\"\naddress = \"10.20.0.9\"\n",
        "interface = \"maintenance\"\naddress = \"192.168.254.9\"\n",
    ]);
    let rest = prop::sample::select(vec![
        "send = [\"refusals\"]\n",
        "send = [\"refusals\", \"flows\"]\nport = 514\n",
        "send = [\"flows\"]\nport = 6514\n",
    ]);
    let log = prop::sample::select(vec!["", "size = \"1.5G\"\n", "days = 366\n"]);
    (log, transport, place, rest).prop_map(|(log, transport, place, rest)| {
        format!("[flow-log]\n{log}[collector]\n{transport}{place}{rest}")
    })
}

/// The base site without what it says of names and logs.
fn plain() -> String {
    let base = pair::base("site.toml");
    base.split_once("[names]").unwrap().0.to_owned()
}

#[test]
fn a_printed_policy_reads_as_itself() {
    let design_of_text = design(&(pair::base("site.toml") + POLICIES));
    let printed = print_site(&design_of_text);
    assert_eq!(design(&printed), design_of_text, "{printed}");
    assert_eq!(formatted(&printed).unwrap(), printed);
    let rest = &printed[printed.find("[[object]]").unwrap()..printed.find("[names]").unwrap()];
    assert!(POLICIES.contains(rest.trim_end()), "{rest}");
}

proptest! {
    #[test]
    fn a_file_says_the_same_and_keeps_every_comment(
        text in shuffled(),
        decorations in prop::collection::vec(
            (any::<Index>(), prop_oneof![Just(Decoration::Behind), Just(Decoration::Below), Just(Decoration::Empty)]),
            0..30,
        ),
    ) {
        let text = decorated(&text, &decorations);
        let form = formatted(&text).unwrap();
        prop_assert_eq!(design(&form), design(&text), "{}\n{}", text, form);
        prop_assert_eq!(comments(&form), comments(&text), "{}\n{}", text, form);
        prop_assert_eq!(formatted(&form).unwrap(), form);
    }

    #[test]
    fn a_printed_design_reads_as_itself(
        rows in rows(),
        policies in policies(),
        names in prop_oneof![Just(String::new()), names()],
        logs in prop_oneof![Just(String::new()), logs()],
        left_out in prop::sample::subsequence(vec!["speed|duplex", "line-rate", "mtu", "dns", "share", "shares", "hold-back"], 0..=7),
    ) {
        let is_left_out = |line: &&str| {
            let key = line.split(" = ").next().unwrap_or_default();
            left_out.iter().any(|keys| keys.split('|').any(|left_out| left_out == key))
        };
        let base = plain();
        let base: Vec<_> = base.lines().filter(|line| !is_left_out(line)).collect();
        let text = base.join("\n") + "\n" + &names + &logs + &rows + &policies;
        let design_of_text = design(&text);
        let printed = print_site(&design_of_text);
        prop_assert_eq!(&design(&printed), &design_of_text, "{}", printed);
        prop_assert_eq!(formatted(&printed).unwrap(), printed);
    }
}
