//! The rules that look at more than one value. Each stays silent about values that couldn't be read.

mod age;
mod destinations;
mod entries;
mod globals;
mod interfaces;
mod log;
mod metrics;
mod names;
mod netset;
mod networks;
mod organisation;
mod page;
mod platform;
mod policies;
mod rollout;
mod routes;
mod rows;
mod services;
mod terminals;
mod traffic;
mod zoneset;

pub(crate) use netset::NetSet;

use crate::{
    ProfileStamp,
    draft::{ProfileDraft, SiteDraft},
    reader::Log,
};

/// Measures both files by every rule.
pub(crate) fn run(
    site: &SiteDraft,
    profile: &ProfileDraft,
    in_force: Option<&ProfileStamp>,
    log: &mut Log,
) {
    organisation::run(site, log);
    interfaces::run(site, log);
    traffic::run(site, log);
    networks::run(site, profile, log);
    platform::run(site, profile, log);
    globals::run(site, profile, log);
    destinations::run(site, profile, log);
    rows::run(site, profile, log);
    terminals::run(site, log);
    services::run(site, log);
    routes::run(site, log);
    policies::run(site, profile, log);
    names::run(site, profile, log);
    entries::run(site, profile, log);
    self::log::run(site, log);
    page::run(site, log);
    metrics::run(site, log);
    rollout::run(site, profile, log);
    age::run(site, profile, in_force, log);
}
