//! Every sample, and every design that the manual prints, is accepted without a word; the generated ones are current.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/keys.rs"]
mod keys;
#[path = "common/samples.rs"]
mod samples;

use std::{collections::BTreeSet, fs};

use sekisho_design::{Accepted, Lan, Source, Sources, Trust, check};

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
    let large = accepted("large").design;
    assert_eq!((large.servers.len(), large.terminals.len()), (500, 40));
    assert_eq!(large.names.unwrap().entries.len(), 520);
    assert_eq!(large.lans.values().map(|lan| lan.routes.len()).sum::<usize>(), 62);
}

#[test]
fn every_design_of_the_manual_is_accepted() {
    let page = fs::read_to_string(keys::path("docs/manual/design.ja.md")).unwrap();
    let profile = fs::read(keys::path("config-samples/1-office/platform-profile.toml")).unwrap();
    let mut placements = BTreeSet::new();
    for section in page.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap();
        for block in section.split("```toml\n").skip(1) {
            let site = block.split("```").next().unwrap();
            let accepted = checked(heading, site.as_bytes(), &profile);
            assert_eq!(accepted.warnings, [], "{heading}");
            placements.insert(accepted.design.site.placement.number());
        }
    }
    assert_eq!(placements, (1..=4).collect(), "a design for each placement");
}
