//! From a proposal to a checked design, and to what its confirmation takes.

use std::net::Ipv4Addr;

use sekisho_control::{Failure, FailureKind, Proof, Proposal, SiteSummary};
use sekisho_design::{
    Accepted, Design, Problem, Problems, Report, Source, Sources, Trust, check, stamp,
};

use super::{super::store::Files, Device};
use crate::daemon::{
    fault::{device_failure, malformed},
    proof::{Measure, unproven},
    store::PROFILE,
    way::{Way, way},
};

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

    /// What the confirmation of a new design takes from a user who came by one of the device's addresses; nothing where
    /// his way stays. Refused is what takes his way without another one: he couldn't show that he reaches the device.
    pub(super) fn proof(
        &self,
        came_by: Option<Ipv4Addr>,
        new: &Design,
    ) -> Result<Option<(Proof, Measure)>, Failure> {
        let Some(came_by) = came_by else { return Ok(None) };
        let in_force = self.in_force.as_ref();
        match way(came_by, in_force.map(|in_force| &in_force.design), new) {
            Some(Way::Stays) => Ok(None),
            Some(Way::Changes(at)) => Measure::new(at)
                .map(Some)
                .map_err(|_| device_failure("the machine has no random numbers".to_owned(), None)),
            Some(Way::Goes) => Err(unproven(
                format!("the change takes the way that you came by, {came_by}"),
                "make it by a port that stays, or on the box itself".to_owned(),
            )),
            None => Err(malformed(
                format!(
                    "{came_by} is no address of the device on a LAN or on its maintenance port"
                ),
                "say which of them the request arrived at, or, on the box itself, none".to_owned(),
            )),
        }
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
            both: None,
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
