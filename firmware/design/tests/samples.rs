//! Every sample, and every design that the manual prints, is accepted without a word; the generated ones are current.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/keys.rs"]
mod keys;
#[path = "common/samples.rs"]
mod samples;

use std::{collections::BTreeSet, fs};

use sekisho_design::{Accepted, Design, Lan, Method, Source, Sources, Trust, check};

fn accepted(sample: &str) -> Accepted {
    let read = |file: &str| fs::read(keys::path("config-samples").join(sample).join(file)).unwrap();
    let (site, profile) = (read("site.toml"), read("platform-profile.toml"));
    checked(sample, &site, &profile)
}

fn checked(name: &str, site: &[u8], profile: &[u8]) -> Accepted {
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site },
        profile: Source { name: "platform-profile.toml", bytes: profile },
    };
    let trust = Trust { operator: keys::key("operator.pub").parse().unwrap(), in_force: None };
    check(&sources, &trust).unwrap_or_else(|problems| panic!("{name}:\n{problems}"))
}

#[test]
fn every_sample_is_accepted_without_a_word() {
    for (sample, ..) in samples::SAMPLES {
        assert_eq!(accepted(sample).warnings, [], "{sample}");
    }
}

#[test]
fn every_folder_is_in_the_list() {
    let folders = fs::read_dir(keys::path("config-samples")).unwrap().map(Result::unwrap);
    let folders = folders.filter(|entry| entry.file_type().unwrap().is_dir());
    let folders: BTreeSet<_> =
        folders.map(|folder| folder.file_name().into_string().unwrap()).collect();
    assert_eq!(folders, samples::SAMPLES.iter().map(|(name, ..)| (*name).to_owned()).collect());
}

#[test]
fn the_generated_files_are_current() {
    for (below, text) in samples::generated() {
        let on_disk = fs::read_to_string(keys::path("config-samples").join(&below)).unwrap();
        assert!(on_disk == text, "{below} is old: cargo run -p sekisho-design --example samples");
    }
}

#[test]
fn the_placements_and_special_cases_are_what_they_say() {
    for (number, sample) in
        (1..).zip(["1-office", "2-partly-data-centre", "3-data-centre", "4-terminals-only"])
    {
        assert_eq!(accepted(sample).design.site.placement.number(), number);
    }
    let overlapping = accepted("overlapping-ranges").design;
    let [head_office, education_board] = Lan::ALL.map(|lan| overlapping.lans[&lan].address);
    assert_eq!(head_office, education_board);
    assert_eq!(overlapping.servers[0].private, overlapping.servers[1].private);
    assert!(!accepted("union").design.lans.contains_key(&Lan::EducationBoard));
    let policies = accepted("policies").design;
    assert_eq!(policies.policies.len(), 3);
    assert!(policies.policies.iter().any(|policy| policy.until.is_some()));
    assert!(policies.servers.iter().any(|server| server.ftp && !server.global_for.is_empty()));
    assert!(policies.terminals.iter().any(|row| row.cap.is_some()));
    assert_ne!(policies.limits, sekisho_design::Limits::USUAL);
    assert!(accepted("2-partly-data-centre").design.page_lan().is_some());
    let large = accepted("large").design;
    assert_eq!((large.servers.len(), large.terminals.len()), (500, 40));
    assert_eq!(large.names.unwrap().entries.len(), 520);
    assert_eq!(large.lans.values().map(|lan| lan.routes.len()).sum::<usize>(), 62);
}

/// The designs that a page of the manual prints, with their headings. What doesn't begin with the number of its schema
/// goes below the first design of `design.ja.md`.
fn printed(page: &str) -> Vec<(String, String)> {
    let read = |page: &str| fs::read_to_string(keys::path("docs/manual").join(page)).unwrap();
    let blocks = |page: &str| {
        let mut blocks = Vec::new();
        for section in page.split("\n## ").skip(1) {
            let heading = section.lines().next().unwrap();
            for block in section.split("```toml\n").skip(1) {
                let block = block.split("```").next().unwrap();
                blocks.push((heading.to_owned(), block.to_owned()));
            }
        }
        blocks
    };
    let first = blocks(&read("design.ja.md")).remove(0).1;
    let whole = |block: String| {
        if block.contains("schema = 1\n") { block } else { format!("{first}\n{block}") }
    };
    blocks(&read(page)).into_iter().map(|(heading, block)| (heading, whole(block))).collect()
}

/// Every design of a page, accepted without a word.
fn accepted_of(page: &str) -> Vec<Design> {
    let profile = fs::read(keys::path("config-samples/1-office/platform-profile.toml")).unwrap();
    let design = |(heading, site): (String, String)| {
        let accepted = checked(&heading, site.as_bytes(), &profile);
        assert_eq!(accepted.warnings, [], "{heading}");
        accepted.design
    };
    printed(page).into_iter().map(design).collect()
}

#[test]
fn every_design_of_the_manual_is_accepted() {
    let designs = accepted_of("design.ja.md");
    let placements: BTreeSet<_> =
        designs.iter().map(|design| design.site.placement.number()).collect();
    assert_eq!(placements, (1..=4).collect(), "a design for each placement");
    let designs = accepted_of("names.ja.md");
    let methods: Vec<_> =
        designs.into_iter().filter_map(|design| Some(design.names?.method)).collect();
    assert_eq!(methods, [Method::Device, Method::Forward, Method::Hosts], "one for each method");
}
