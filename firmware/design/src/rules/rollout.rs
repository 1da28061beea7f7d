//! Where firmware is rolled out from.

use super::platform::host;
use crate::{
    Rule,
    draft::{ProfileDraft, SiteDraft},
    reader::{At, Log},
};

/// A host of the platform, with a certificate that somebody vouches for; and there where the site wants to follow it.
pub(super) fn run(site: &SiteDraft, profile: &ProfileDraft, log: &mut Log) {
    if let Ok(Some(At { value: server, place })) = &profile.rollout {
        host(profile, server.address.as_ref(), log);
        if matches!(profile.authority, Ok(None)) {
            log.add(place, Rule::RolloutWithoutAuthority);
        }
    }
    let enabled = site.rollout.as_ref().and_then(|draft| draft.enabled.as_ref());
    if let (Some(At { value: true, place }), Ok(None)) = (enabled, &profile.rollout) {
        log.add(place, Rule::RolloutWithoutServer);
    }
}
