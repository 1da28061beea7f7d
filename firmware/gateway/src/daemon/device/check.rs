//! From a proposal to a checked design.

use sekisho_control::{Failure, FailureKind, Proposal, SiteSummary};
use sekisho_design::{
    Accepted, Design, Problem, Problems, Report, Source, Sources, Trust, check, stamp,
};

use super::{super::store::Files, Device};
use crate::daemon::{fault::malformed, store::PROFILE};

/// Problems of a refused design that an answer carries; a file of garbage has many more, and nobody mends by them.
const SHOWN_PROBLEMS: usize = 1000;

impl Device {
    /// Takes the files of a proposal, the profile in force where it has none, and checks them. The stored profile is the
    /// one to be measured by, even where the rest of the stored design is damaged.
    pub(super) fn check(&self, proposal: Proposal) -> Result<(Files, Accepted), Failure> {
        let measured = |profile: &Vec<u8>| stamp(profile, &self.operator);
        let kept = self.kept.1.as_ref().map(|files| files.profile.clone());
        let stored = self.hands.store.profile().filter(|profile| measured(profile).is_some());
        let stored = stored.or(kept);
        let in_force = stored.as_ref().and_then(measured);
        let (name, profile) = match (proposal.profile, stored) {
            (Some(file), _) => (file.name, file.text.into_bytes()),
            (None, Some(profile)) => (PROFILE.to_owned(), profile),
            (None, None) => {
                let way_out = "give the operator's profile as well: --profile FILE".to_owned();
                return Err(malformed("no platform profile is in force yet".to_owned(), way_out));
            }
        };
        let files = Files { site: proposal.site.text.into_bytes(), profile };
        let trust = Trust { operator: self.operator, in_force };
        let accepted = checked(&files, (&proposal.site.name, &name), &trust)?;
        Ok((files, accepted))
    }
}

pub(super) fn checked(
    files: &Files,
    names: (&str, &str),
    trust: &Trust,
) -> Result<Accepted, Failure> {
    let sources = Sources {
        site: Source { name: names.0, bytes: &files.site },
        profile: Source { name: names.1, bytes: &files.profile },
    };
    check(&sources, trust).map_err(|Problems(mut problems)| {
        let found = problems.len();
        problems.truncate(SHOWN_PROBLEMS);
        let shown = if found > SHOWN_PROBLEMS { ", the first of them shown" } else { "" };
        Failure {
            kind: FailureKind::Refused,
            message: format!("the design breaks rules, {found} in all{shown}; nothing was changed"),
            way_out: None,
            problems: reports(problems),
        }
    })
}

pub(super) fn reports(problems: Vec<Problem>) -> Vec<Report> {
    problems.into_iter().map(Report::from).collect()
}

pub(super) fn summary(design: &Design) -> SiteSummary {
    SiteSummary {
        name: design.site.name.clone(),
        organisation: design.site.organisation,
        placement: design.site.placement,
        profile: design.profile.stamp,
        servers: design.servers.len(),
        terminals: design.terminals.len(),
    }
}
