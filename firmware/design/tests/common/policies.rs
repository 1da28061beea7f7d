//! Policies and their words that fit the base site, in any combination.

use proptest::{
    prelude::*,
    sample::{select, subsequence},
};

/// Objects, one of them in another, and services; not all are used by every policy.
const WORDS: &str = "\
[[object]]\nname = \"desks\"\nmembers = [\"school\", \"192.168.1.96/27\"]\n
[[object]]\nname = \"inside\"\nmembers = [\"desks\", \"juki\"]\n
[[object]]\nname = \"hosts\"\nmembers = [\"100.72.1.10\", \"100.72.2.0/24\", \"web.platform.example\"]\n
[[object]]\nname = \"trial\"\nmembers = [\"100.73.1.0/24\", \"Test.platform.example\"]\n
[[service]]\nname = \"files\"\nservices = [\"tcp/445\", \"tcp/20-21\", \"icmp-echo\"]\n
[[service]]\nname = \"print\"\nservices = [\"udp/5000-5010\"]\n";

const LIMITS: [&str; 4] = [
    "",
    "[limits]\nconnections = 100\n",
    "[limits]\nnew-per-second = 1_000_000\n",
    "[limits]\nconnections = 2048\nnew-per-second = 500\n",
];

/// The ends of a policy: in the office, on the platform, in which environment.
#[derive(Clone, Copy, Debug)]
enum About {
    Servers,
    Office,
    Trial,
    Crossing,
}

fn ends(about: About) -> impl Strategy<Value = (Vec<&'static str>, Vec<&'static str>)> {
    let production = vec!["hosts", "100.72.3.0/24", "100.72.3.1", "other.platform.example"];
    let test = vec!["trial", "100.73.9.9"];
    let (office, platform) = match about {
        About::Servers => (vec!["juki", "192.168.1.10"], production),
        About::Office => {
            (vec!["inside", "desks", "counter", "school", "10.20.0.128/26"], production)
        }
        About::Trial => (vec!["kensho", "10.20.0.10"], test),
        About::Crossing => (vec!["juki", "inside", "kensho"], test),
    };
    let [most, far] = [office.len(), platform.len()];
    (subsequence(office, 1..=most), subsequence(platform, 1..=far))
}

fn policy() -> impl Strategy<Value = String> {
    let about = select(vec![About::Servers, About::Office, About::Trial, About::Crossing]);
    let services = subsequence(vec!["files", "print", "https", "tcp/7", "tcp/21"], 1..=5);
    let more = subsequence(vec!["class = \"online\"", "class = \"bulk\"", "ftp = true"], 0..=2);
    let way = (any::<bool>(), any::<bool>());
    (about.prop_flat_map(|about| (Just(about), ends(about))), services, more, way).prop_map(
        |((about, (office, platform)), services, mut more, (towards, ends))| {
            let list = |entries: &[&str]| format!("[\"{}\"]", entries.join("\", \""));
            let only_servers = matches!(about, About::Servers | About::Trial);
            let (from, to) = if towards && only_servers {
                (list(&platform), list(&office))
            } else {
                (list(&office), list(&platform))
            };
            if more.len() == 2 && more[1].starts_with("class") {
                more.pop();
            }
            if !services.contains(&"files") && !services.contains(&"tcp/21") {
                more.retain(|key| *key != "ftp = true");
            }
            let crosses = matches!(about, About::Crossing);
            if crosses {
                more.push("environment = \"test\"");
            }
            if ends || crosses {
                more.push("until = 2026-06-01T09:00:00+09:00");
            }
            format!(
                "from = {from}\nto = {to}\nservices = {}\napproval = \"第1号\"\n{}\n",
                list(&services),
                more.join("\n")
            )
        },
    )
}

/// Up to six policies with the words that they use, and limits.
pub(crate) fn policies() -> impl Strategy<Value = String> {
    (prop::collection::vec(policy(), 0..6), select(LIMITS.to_vec())).prop_map(
        |(policies, limits)| {
            let policies = policies.into_iter().enumerate();
            let policies =
                policies.map(|(at, keys)| format!("[[policy]]\nname = \"p{at}\"\n{keys}\n"));
            format!("\n{WORDS}{limits}{}", policies.collect::<String>())
        },
    )
}
