//! What holds for every input: no panic, an answer that makes sense, and the invariants of an accepted design.

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
    fmt::Write,
    time::{Duration, Instant},
};

use invariants::keeps_invariants;
use proptest::{prelude::*, sample::Index};
use sekisho_design::{
    Accepted, Both, LARGEST_FILE, Language, Problems, Report, Severity, without_signature,
};

/// An answer that makes sense: an accepted design keeps the invariants, a refused one says why and where.
fn makes_sense(answer: &Result<Accepted, Problems>, site: &[u8], profile: &[u8]) {
    let problems = match answer {
        Ok(accepted) => {
            keeps_invariants(&accepted.design);
            assert!(
                accepted.warnings.iter().all(|problem| problem.severity() == Severity::Warning)
            );
            &accepted.warnings
        }
        Err(problems) => {
            assert!(problems.0.iter().any(|problem| problem.severity() == Severity::Error));
            &problems.0
        }
    };
    let place = |problem: &sekisho_design::Problem| {
        (problem.file == "profile.toml", problem.line, problem.column)
    };
    assert!(problems.is_sorted_by_key(place));
    for problem in problems {
        let bytes = if problem.file == "site.toml" { site } else { profile };
        let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
        assert!(problem.column <= lines[problem.line - 1].len() + 1);
        for language in [Language::Japanese, Language::English] {
            assert!(!problem.sentence(language).is_empty() && !problem.mend(language).is_empty());
            assert!(!problem.sentence(language).contains(|c: char| c.is_control()));
        }
    }
}

/// A change to a text's lines.
#[derive(Clone, Debug)]
enum Mutation {
    Remove(Index),
    Copy(Index, Index),
    Swap(Index, Index),
    /// The value of one line under the key of another.
    Value(Index, Index),
    /// A character put in somewhere.
    Insert(Index, char),
    /// A digit changed to another.
    Digit(Index, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    prop_oneof![
        index().prop_map(Mutation::Remove),
        (index(), index()).prop_map(|(a, b)| Mutation::Copy(a, b)),
        (index(), index()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        (index(), index()).prop_map(|(a, b)| Mutation::Value(a, b)),
        (index(), any::<char>()).prop_map(|(a, c)| Mutation::Insert(a, c)),
        (index(), b'0'..=b'9').prop_map(|(a, digit)| Mutation::Digit(a, digit)),
    ]
}

fn mutate(text: &str, mutations: &[Mutation]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for mutation in mutations {
        let count = lines.len();
        match mutation {
            Mutation::Remove(at) if count > 1 => drop(lines.remove(at.index(count))),
            Mutation::Remove(_) => {}
            Mutation::Copy(from, to) => {
                lines.insert(to.index(count), lines[from.index(count)].clone());
            }
            Mutation::Swap(one, two) => lines.swap(one.index(count), two.index(count)),
            Mutation::Value(key, value) => {
                let (key, value) = (key.index(count), value.index(count));
                if let (Some((key_part, _)), Some((_, value_part))) =
                    (lines[key].split_once(" = "), lines[value].split_once(" = "))
                {
                    lines[key] = format!("{key_part} = {value_part}");
                }
            }
            Mutation::Insert(at, inserted) => {
                let line = &mut lines[at.index(count)];
                let place =
                    line.char_indices().map(|(place, _)| place).nth(line.chars().count() / 2);
                line.insert(place.unwrap_or(0), *inserted);
            }
            Mutation::Digit(at, digit) => {
                let line = &mut lines[at.index(count)];
                if let Some(place) = line.rfind(|c: char| c.is_ascii_digit()) {
                    line.replace_range(place..=place, &char::from(*digit).to_string());
                }
            }
        }
    }
    lines.join("\n") + "\n"
}

fn sign_again(profile: &str) -> String {
    keys::signed(without_signature(profile))
}

/// A row that often fits the base site, and often doesn't.
fn row() -> impl Strategy<Value = String> {
    let lan = prop_oneof![Just(("head-office", 1)), Just(("education-board", 2))];
    (any::<bool>(), 0..40u8, lan, 1..40u8, 1..40u8, 24..=32u8).prop_map(
        |(server, name, (lan, subnet), host, global, prefix)| {
            let shared = format!("interface = \"{lan}\"\nglobal = \"100.64.10.{global}\"");
            if server {
                format!("[[server]]\nname = \"s{name}\"\n{shared}\nprivate = \"192.168.{subnet}.{host}\"\n")
            } else {
                let mask = u8::try_from(u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0) & 255);
                let from = format!("192.168.{subnet}.{}/{prefix}", (host * 6) & mask.unwrap());
                format!("[[terminals]]\nname = \"t{name}\"\n{shared}\nfrom = [\"{from}\"]\n")
            }
        },
    )
}

/// A policy that seldom fits the base site.
fn any_policy() -> impl Strategy<Value = String> {
    let ends = || {
        let members = vec![
            "juki",
            "kensho",
            "counter",
            "school",
            "o",
            "nobody",
            "192.168.1.0/24",
            "192.168.1.100",
            "100.72.1.10",
            "100.73.0.0/16",
            "100.64.0.0/10",
            "198.51.100.1",
            "web.platform.example",
            "web.elsewhere.example",
        ];
        prop::sample::subsequence(members, 1..=2)
    };
    let more = prop::sample::subsequence(
        vec!["environment = \"test\"\n", "until = 2026-06-01T09:00:00+09:00\n", "ftp = true\n"],
        0..=3,
    );
    let services = prop::sample::select(vec!["https", "tcp/21", "files"]);
    (ends(), ends(), services, more, any::<bool>()).prop_map(
        |(from, to, services, more, turned)| {
            let (from, to) = if turned { (to, from) } else { (from, to) };
            format!(
                "from = {from:?}\nto = {to:?}\nservices = [\"{services}\"]\napproval = \"a\"\n{}",
                more.concat()
            )
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(
        site in prop::collection::vec(any::<u8>(), 0..400),
        profile in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        makes_sense(&pair::check_pair(&site, &profile), &site, &profile);
    }

    #[test]
    fn any_text_gets_an_answer(site in "[\\[\\]{}a-z0-9=\"',.\n あ\\\\#-]{0,200}", profile in "\\PC{0,200}") {
        let answer = pair::check_pair(site.as_bytes(), profile.as_bytes());
        makes_sense(&answer, site.as_bytes(), profile.as_bytes());
    }

    #[test]
    fn changed_files_get_an_answer(
        site in prop::collection::vec(mutation(), 0..4),
        profile in prop::collection::vec(mutation(), 0..3),
    ) {
        let site = mutate(&pair::base("site.toml"), &site);
        let profile = sign_again(&mutate(&pair::base("profile.toml"), &profile));
        let answer = pair::check_pair(site.as_bytes(), profile.as_bytes());
        makes_sense(&answer, site.as_bytes(), profile.as_bytes());
    }

    #[test]
    fn changed_policies_get_an_answer(
        policies in policies::policies(),
        site in prop::collection::vec(mutation(), 0..4),
    ) {
        let site = mutate(&(pair::base("site.toml") + &policies), &site);
        let profile = keys::signed(&pair::base("profile.toml"));
        let answer = pair::check_pair(site.as_bytes(), profile.as_bytes());
        makes_sense(&answer, site.as_bytes(), profile.as_bytes());
    }

    #[test]
    fn policies_between_any_ends_get_an_answer(ends in prop::collection::vec(any_policy(), 0..5)) {
        let words = "[[object]]\nname = \"o\"\nmembers = [\"counter\", \"juki\"]\n";
        let policies = ends.into_iter().enumerate();
        let policies = policies.map(|(at, keys)| format!("[[policy]]\nname = \"p{at}\"\n{keys}"));
        let site = pair::base("site.toml") + words + &policies.collect::<String>();
        let profile = keys::signed(&pair::base("profile.toml"));
        let answer = pair::check_pair(site.as_bytes(), profile.as_bytes());
        makes_sense(&answer, site.as_bytes(), profile.as_bytes());
    }

    #[test]
    fn more_rows_get_an_answer(rows in prop::collection::vec(row(), 0..5)) {
        let site = pair::base("site.toml") + &rows.concat();
        let profile = keys::signed(&pair::base("profile.toml"));
        let answer = pair::check_pair(site.as_bytes(), profile.as_bytes());
        makes_sense(&answer, site.as_bytes(), profile.as_bytes());
    }

    #[test]
    fn one_changed_byte_breaks_the_signature(at in any::<Index>(), to in b' '..=b'~') {
        let mut profile = keys::signed(&pair::base("profile.toml")).into_bytes();
        let signed = profile.windows(11).position(|window| window == b"[signature]").unwrap();
        let at = at.index(signed);
        prop_assume!(profile[at] != to);
        profile[at] = to;
        let problems = pair::check_pair(pair::base("site.toml").as_bytes(), &profile).unwrap_err();
        prop_assert!(problems.0.iter().any(|problem| problem.code().starts_with("SIGN-")));
    }
}

#[test]
fn five_thousand_servers_take_no_time_to_speak_of() {
    let site = pair::base("site.toml");
    let (head, _) = site.split_once("[[server]]").unwrap();
    let mut site = head.replace("10.20.0.0/24", "10.0.0.0/8");
    for server in 0..5000 {
        let (high, low) = (server / 200, server % 200 + 2);
        write!(
            site,
            "[[server]]\nname = \"s{server}\"\ninterface = \"head-office\"\nprivate = \"10.1.{high}.{low}\"\n\
             global = \"100.64.{high}.{low}\"\n\
             allow-from-platform = [{{ from = \"100.72.0.0/16\", services = [\"https\"] }}]\n\n"
        )
        .unwrap();
    }
    assert!(site.len() < LARGEST_FILE, "{}", site.len());
    let profile =
        keys::signed(&pair::base("profile.toml").replace("100.64.10.0/24", "100.64.0.0/16"));
    let start = Instant::now();
    let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes()).unwrap();
    assert_eq!(accepted.design.servers.len(), 5000);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn five_thousand_names_take_no_time_to_speak_of() {
    let mut site = pair::base("site.toml");
    for entry in 0..5000 {
        let target = match entry {
            0 => "addresses = [\"192.168.1.12\"]".to_owned(),
            _ => format!("alias = \"n{}.city.example\"", entry - 1),
        };
        write!(
            site,
            "\n[[names.entry]]\nname = \"n{entry}.city.example\"\ninterfaces = [\"head-office\"]\n{target}\n"
        )
        .unwrap();
    }
    let profile = keys::signed(&pair::base("profile.toml"));
    let start = Instant::now();
    let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes()).unwrap();
    assert_eq!(accepted.design.names.unwrap().entries.len(), 5002);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Policies of every kind: over rows by name, over objects, over addresses, some of them in each other's way.
#[test]
fn a_thousand_policies_over_five_hundred_servers_take_no_time_to_speak_of() {
    let site = pair::base("site.toml").replace("10.20.0.0/24", "10.20.0.0/16");
    let mut site = site.split_once("[names]").unwrap().0.to_owned();
    for server in 0..500 {
        let (high, low) = (1 + server / 200, server % 200 + 2);
        write!(
            site,
            "[[server]]\nname = \"s{server}\"\ninterface = \"head-office\"\nprivate = \"10.20.{high}.{low}\"\n\
             global = \"100.64.{high}.{low}\"\n\n"
        )
        .unwrap();
    }
    let all: Vec<_> = (0..100).map(|server| format!("\"s{server}\"")).collect();
    writeln!(site, "[[object]]\nname = \"many\"\nmembers = [{}]\n", all.join(", ")).unwrap();
    for policy in 0..1000 {
        let from = match policy % 4 {
            0 => "\"many\"".to_owned(),
            1 => format!("\"10.20.{}.0/25\"", 1 + policy % 2),
            _ => format!("\"s{}\"", policy % 500),
        };
        let (high, low) = (policy / 250, policy % 250 + 1);
        write!(
            site,
            "[[policy]]\nname = \"p{policy}\"\nfrom = [{from}]\nto = [\"100.72.{high}.{low}\"]\n\
             services = [\"tcp/8443\", \"udp/53\"]\napproval = \"a\"\n\n"
        )
        .unwrap();
    }
    site += "[[policy]]\nname = \"last\"\nfrom = [\"s0\"]\nto = [\"100.72.0.1\"]\nservices = [\"udp/53\"]\napproval = \"a\"\n";
    let profile =
        keys::signed(&pair::base("profile.toml").replace("100.64.10.0/24", "100.64.0.0/16"));
    let start = Instant::now();
    let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes()).unwrap();
    let elapsed = start.elapsed();
    assert_eq!(accepted.design.policies.len(), 1001);
    let codes: Vec<_> = accepted.warnings.iter().map(sekisho_design::Problem::code).collect();
    assert_eq!(codes, ["PERM-16"]);
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
}

#[test]
fn a_file_full_of_mistakes_takes_no_time_to_speak_of() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let full = |unit: &str| unit.repeat((LARGEST_FILE - 100) / unit.len());
    let half = |unit: &str| unit.repeat((LARGEST_FILE - 100) / unit.len() / 2);
    let half_and_half = |one: &str, two: &str| half(one) + &half(two);
    let worst = [
        full("= "),
        full("=\n"),
        full("a=[\n"),
        format!("[interface.lgwan]\ndns = [{}]", full("\"x\",")),
        format!("[interface.lgwan]\ndns = [{}]", full("\"100.72.1.1\",")),
        format!(
            "[interface.head-office]\nroutes = [{}]",
            full("{to=\"10.0.0.0/8\",via=\"10.0.0.1\"},")
        ),
        full(
            "[[terminals]]\nfrom = [\"10.0.0.0/8\"]\ninterface=\"head-office\"\nglobal=\"100.64.10.1\"\n",
        ),
        full(
            "[[server]]\nprivate = \"10.0.0.1\"\ninterface=\"head-office\"\nglobal=\"100.64.10.1\"\n",
        ),
        // Many servers of one address, and many rows that each hold them all or just that one.
        half_and_half(
            "[[server]]\nprivate=\"10.0.0.1\"\ninterface=\"head-office\"\n",
            "[[terminals]]\nfrom=[\"10.0.0.1\",\"10.0.0.0/8\"]\ninterface=\"head-office\"\n",
        ),
        full("[[names.entry]]\nname = \"a\"\nalias = \"a\"\n"),
        format!("[[names.entry]]\naddresses = [{}]", full("\"10.0.0.1\",")),
        format!(
            "[interface.head-office]\nroutes = [{}]\n[names]\noutside-answers = [{}]",
            half("{to=\"10.0.0.0/8\",via=\"10.0.0.1\"},"),
            half("\"10.0.0.0/8\",")
        ),
        // A loop of as many aliases as fit.
        (0..18_000).fold(String::new(), |list, entry| {
            list + &format!(
                "[[names.entry]]\nname=\"n{entry}\"\nalias=\"n{}\"\n",
                (entry + 1) % 18_000
            )
        }),
        full("[[policy]]\nfrom=[\"a\"]\nto=[\"a\"]\n"),
        format!("[[object]]\nname=\"a\"\nmembers=[{}]", full("\"a\",\"10.0.0.1\",")),
        // Objects in each other, as deep as they fit.
        (0..20_000).fold(String::new(), |list, object| {
            list + &format!("[[object]]\nname=\"o{object}\"\nmembers=[\"o{}\"]\n", object + 1)
        }),
        format!(
            "[[server]]\nname=\"s\"\nglobal-for = [{}]",
            full("{to=[\"100.72.0.0/16\",\"a.example\"],global=\"100.64.10.9\"},")
        ),
        // As many policies as are gone through, all about one host and each about others, too.
        pair::base("site.toml")
            + &(0..1999).fold(String::new(), |list, policy| {
                let (high, low) = (policy / 200, policy % 200);
                let ports: Vec<_> = (1..20).map(|port| format!("\"tcp/{}\"", port * 50 + policy % 30)).collect();
                list + &format!(
                    "[[policy]]\nname=\"p{policy}\"\nfrom=[\"counter\"]\nto=[\"100.72.0.1\",\"100.72.1{high}.{low}\"]\nservices=[\"tcp/9\",{}]\n",
                    ports.join(",")
                )
            }),
        format!(
            "[[terminals]]\nservices = [{}]",
            (1..60_000).fold(String::new(), |list, port| list + &format!("\"tcp/1-{port}\","))
        ),
    ];
    for site in worst {
        let start = Instant::now();
        let problems = pair::check_pair(site.as_bytes(), profile.as_bytes()).unwrap_err();
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(20), "{elapsed:?} for {}", &site[..60]);
        assert!(!problems.0.is_empty());
    }
}

#[test]
fn a_report_says_everything_and_can_be_read_back() {
    let site = pair::base("site.toml").replace("placement = 2", "placement = 7");
    let profile = keys::signed(&pair::base("profile.toml"));
    let problems = pair::check_pair(site.as_bytes(), profile.as_bytes()).unwrap_err();
    let json = serde_json::to_string(&problems).unwrap();
    let reports: Vec<Report> = serde_json::from_str(&json).unwrap();
    let [report] = &reports[..] else { panic!("{json}") };
    assert_eq!(
        *report,
        Report {
            code: "FORM-19".to_owned(),
            severity: Severity::Error,
            file: "site.toml".to_owned(),
            line: 8,
            column: 13,
            path: "site.placement".to_owned(),
            sentence: Both {
                ja: "7は1から4までの範囲にありません。".to_owned(),
                en: "7 is not between 1 and 4".to_owned(),
            },
            mend: Both {
                ja: "1から4までの数を書いてください。".to_owned(),
                en: "Write a number from 1 to 4.".to_owned(),
            },
        }
    );
    let english =
        "site.toml:8:13: error FORM-19 7 is not between 1 and 4\n    Write a number from 1 to 4.";
    assert_eq!(problems.to_string(), english);
    assert!(report.display(Language::Japanese).starts_with("site.toml:8:13: 誤り FORM-19 7は"));
}
