//! What objects stand for: where their members lie, and who comes back to itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    slice,
};

use super::{PolicyDraft, ProfileDraft, SiteDraft};
use crate::{Direction, Member, Name, reader::At, rules::NetSet};

/// Where a member lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Office,
    Platform,
    /// Neither here nor there.
    Nowhere,
}

/// What members stand for together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) office: bool,
    pub(crate) platform: bool,
    pub(crate) nowhere: bool,
    /// How many they are, with what objects stand for.
    pub(crate) count: usize,
}

/// The objects of a site by name; of two with one name the first.
pub(crate) struct Objects<'a> {
    members: BTreeMap<&'a Name, &'a [At<Member>]>,
    sums: BTreeMap<&'a Name, Sum>,
    /// The members that lead back to an object that they are in.
    pub(crate) circles: Vec<(&'a At<Member>, &'a Name)>,
}

/// An object whose members are being gone through.
struct Open<'a> {
    name: &'a Name,
    rest: slice::Iter<'a, At<Member>>,
    sum: Sum,
}

impl<'a> Objects<'a> {
    /// Goes through every object once.
    pub(crate) fn of(site: &'a SiteDraft, lies: impl Fn(&Member) -> Side) -> Self {
        let entries = site.objects.iter().rev().filter_map(|object| {
            Some((&object.name.as_ref()?.value, object.members.as_deref().unwrap_or_default()))
        });
        let members: BTreeMap<_, _> = entries.collect();
        let mut objects = Self { members, sums: BTreeMap::new(), circles: Vec::new() };
        let names: Vec<_> = objects.members.keys().copied().collect();
        for name in names {
            objects.go_through(name, &lies);
        }
        objects
    }

    fn go_through(&mut self, start: &'a Name, side: &impl Fn(&Member) -> Side) {
        if self.sums.contains_key(start) {
            return;
        }
        let mut path = BTreeSet::from([start]);
        let mut open = vec![self.open(start)];
        while let Some(at) = open.last_mut() {
            let Some(member) = at.rest.next() else {
                let Some(Open { name, sum, .. }) = open.pop() else { return };
                path.remove(name);
                self.sums.insert(name, sum);
                if let Some(outer) = open.last_mut() {
                    outer.sum.add(sum);
                }
                continue;
            };
            match self.named(&member.value) {
                None => at.sum.add(Sum::one(side(&member.value))),
                Some(inner) => match self.sums.get(inner) {
                    Some(sum) => at.sum.add(*sum),
                    None if path.insert(inner) => open.push(self.open(inner)),
                    None => self.circles.push((member, inner)),
                },
            }
        }
    }

    fn open(&self, name: &'a Name) -> Open<'a> {
        let rest = self.members.get(name).copied().unwrap_or_default().iter();
        Open { name, rest, sum: Sum::default() }
    }

    /// The object that a member names.
    pub(crate) fn named(&self, member: &Member) -> Option<&'a Name> {
        match member {
            Member::Named(name) => self.members.get_key_value(name).map(|(name, _)| *name),
            Member::Network(_) | Member::Host(_) => None,
        }
    }

    /// What members stand for together.
    pub(crate) fn sum(&self, members: &[At<Member>], side: impl Fn(&Member) -> Side) -> Sum {
        let mut sum = Sum::default();
        for At { value: member, .. } in members {
            let inner = self.named(member).and_then(|name| self.sums.get(name).copied());
            sum.add(inner.unwrap_or_else(|| Sum::one(side(member))));
        }
        sum
    }

    /// What a member stands for; names that are no object's stay.
    pub(crate) fn flat(&self, member: &'a Member) -> Vec<&'a Member> {
        let mut flat = Vec::new();
        self.follow([member], |member| flat.push(member));
        flat
    }

    /// The objects that members name, also by way of others.
    pub(crate) fn reached(&self, members: impl Iterator<Item = &'a Member>) -> BTreeSet<&'a Name> {
        self.follow(members, |_| {})
    }

    /// Hands out what members stand for, and gives the objects that were met on the way.
    fn follow(
        &self,
        members: impl IntoIterator<Item = &'a Member>,
        mut leaf: impl FnMut(&'a Member),
    ) -> BTreeSet<&'a Name> {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<_> = members.into_iter().collect();
        while let Some(member) = waiting.pop() {
            match self.named(member) {
                None => leaf(member),
                Some(name) if seen.insert(name) => {
                    let inner = self.members.get(name).copied().unwrap_or_default();
                    waiting.extend(inner.iter().map(|member| &member.value));
                }
                Some(_) => {}
            }
        }
        seen
    }
}

impl Sum {
    fn one(side: Side) -> Self {
        Self {
            office: side == Side::Office,
            platform: side == Side::Platform,
            nowhere: side == Side::Nowhere,
            count: 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.office |= other.office;
        self.platform |= other.platform;
        self.nowhere |= other.nowhere;
        self.count = self.count.saturating_add(other.count);
    }

    /// Whether they lie on both sides.
    pub(crate) fn is_mixed(self) -> bool {
        self.office && self.platform
    }
}

/// The platform's networks; `None` where they are unknown.
pub(crate) fn platform(profile: &ProfileDraft) -> Option<NetSet> {
    let networks = profile.networks.as_ref()?;
    Some(NetSet::new(networks.iter().map(|network| network.prefix.value)))
}

/// Where a member lies: a network of the platform and a host with a name are the platform's, all else is the office's.
pub(crate) fn side(member: &Member, platform: &NetSet) -> Side {
    match member {
        Member::Network(network) if platform.overlaps(*network) => Side::Platform,
        Member::Host(_) => Side::Platform,
        Member::Network(_) | Member::Named(_) => Side::Office,
    }
}

/// Who starts the flows of each policy, by where its sources lie; `None` where that is unknown.
pub(super) fn directions(site: &SiteDraft, profile: &ProfileDraft) -> Vec<Option<Direction>> {
    let Some(platform) = platform(profile) else { return vec![None; site.policies.len()] };
    let lies = |member: &Member| side(member, &platform);
    let objects = Objects::of(site, lies);
    let direction = |policy: &PolicyDraft| {
        let from = objects.sum(policy.from.as_deref()?, lies);
        match (from.office, from.platform) {
            (true, _) => Some(Direction::FromOffice),
            (false, true) => Some(Direction::FromPlatform),
            (false, false) => None,
        }
    };
    site.policies.iter().map(direction).collect()
}
