//! Zones of the platform to look names up in.

use std::collections::BTreeSet;

use crate::{DnsName, draft::ProfileDraft};

/// The platform's zones by name; a look-up takes a name's labels times log n.
#[derive(Debug)]
pub(super) struct ZoneSet<'a> {
    names: BTreeSet<&'a str>,
    /// Whether none is missing there.
    pub(super) whole: bool,
}

impl<'a> ZoneSet<'a> {
    pub(super) fn of(profile: &'a ProfileDraft) -> Self {
        let names = || profile.zones.iter().map(|zone| zone.name.as_ref());
        Self {
            names: names().flatten().map(|name| &*name.value).collect(),
            whole: profile.zones_whole && names().all(|name| name.is_some()),
        }
    }

    /// The innermost zone that a name is in, or that it is.
    pub(super) fn around(&self, name: &DnsName) -> Option<&'a str> {
        let ends = std::iter::once(0).chain(name.as_str().match_indices('.').map(|(at, _)| at + 1));
        ends.map(|at| &name.as_str()[at..]).find_map(|end| self.names.get(end).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_the_innermost_zone() {
        let names = BTreeSet::from(["example", "platform.example", "sub.platform.example"]);
        let zones = ZoneSet { names, whole: true };
        let around = |name: &str| zones.around(&name.parse().unwrap());
        assert_eq!(around("a.b.sub.platform.example"), Some("sub.platform.example"));
        assert_eq!(around("sub.platform.example"), Some("sub.platform.example"));
        assert_eq!(around("subplatform.example"), Some("example"));
        assert_eq!(around("platform.test"), None);
    }
}
