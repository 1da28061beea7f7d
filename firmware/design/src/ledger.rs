//! Who holds each global address of the organisation, and which the site uses that were never assigned (R63 R82).

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::Serialize;

use crate::{
    Design, Environment, Global, Lan, Name, OrganisationCode, Private, Problem, Problems,
    ProfileStamp, Rule, Severity, Sources, Trust, check,
};

/// Every global address of the pool, in order, and what to apply for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ledger {
    /// Whose ledger it is.
    pub organisation: OrganisationCode,
    /// The profile that assigned the pool.
    pub profile: ProfileStamp,
    /// How many addresses of the pool are what.
    pub totals: Totals,
    /// The whole pool, each address once, ascending. Neighbours that are free make one entry.
    pub pool: Vec<Holding>,
    /// What the site uses and the pool doesn't hold, ascending: the operator must assign these, or the rows must change.
    pub to_apply: Vec<Holding>,
}

/// Numbers of addresses. All but `to_apply` are of the pool.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Totals {
    /// The pool as a whole.
    pub pool: u64,
    /// Of the device.
    pub device: u64,
    /// Of servers.
    pub server: u64,
    /// Of terminals, and of whoever some destinations see by such an address.
    pub terminals: u64,
    /// Of nobody.
    pub free: u64,
    /// Used, but not in the pool.
    pub to_apply: u64,
}

/// Addresses with one holder.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Holding {
    /// The lowest address.
    pub first: Global,
    /// The highest address, the same as the lowest unless they are free.
    pub last: Global,
    /// Who holds them.
    #[serde(flatten)]
    pub holder: Holder,
}

/// Who holds an address.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "holder", rename_all = "kebab-case")]
pub enum Holder {
    /// The device itself; never translated.
    Device,
    /// A server, one to one.
    Server {
        /// The row.
        name: Name,
        /// The server's LAN.
        lan: Lan,
        /// Its address in the office.
        private: Private,
        /// Production or test.
        environment: Environment,
    },
    /// Terminals of one LAN, by NAPT, and hosts of it that some destinations see by the address (R86).
    Terminals {
        /// Their LAN.
        lan: Lan,
        /// The rows that share the address, in the order of the file.
        rows: Vec<Name>,
    },
    /// Nobody.
    Free,
}

/// The ledger of two files. That an address is outside the pool is no reason to refuse here: finding those is what a
/// ledger is for. Every other error is.
pub fn ledger(sources: &Sources<'_>, trust: &Trust) -> Result<Ledger, Problems> {
    let (design, problems) = check::read(sources, trust);
    let stands = |problem: &Problem| {
        problem.severity() == Severity::Error && !matches!(problem.rule, Rule::OutsidePool { .. })
    };
    match design {
        Some(design) if !problems.iter().any(stands) => Ok(Ledger::of(&design)),
        _ => Err(Problems(problems)),
    }
}

impl Ledger {
    /// The ledger of a design.
    pub fn of(design: &Design) -> Self {
        let profile = &design.profile;
        let mut ledger = Self {
            organisation: profile.organisation,
            profile: profile.stamp,
            totals: Totals::default(),
            pool: Vec::new(),
            to_apply: Vec::new(),
        };
        let mut held = holders(design);
        let mut prefixes = profile.pool.clone();
        prefixes.sort();
        for prefix in prefixes {
            let last = u64::from(u32::from(prefix.broadcast()));
            let mut next = u64::from(u32::from(prefix.network()));
            ledger.totals.pool += last - next + 1;
            let bounds = Global::new(prefix.network())..=Global::new(prefix.broadcast());
            let inside: Vec<Global> = held.range(bounds).map(|(global, _)| *global).collect();
            for global in inside {
                let Some(holder) = held.remove(&global) else { continue };
                let at = number(global);
                ledger.free(next, at);
                ledger.taken(global, holder);
                next = at + 1;
            }
            ledger.free(next, last + 1);
        }
        ledger.totals.to_apply = held.len() as u64;
        ledger.to_apply.extend(held.into_iter().map(|(global, holder)| one(global, holder)));
        ledger
    }

    /// Takes down addresses from `next` to before `end`, if there are any.
    fn free(&mut self, next: u64, end: u64) {
        if next < end {
            self.totals.free += end - next;
            let [first, last] = [next, end - 1].map(global);
            self.pool.push(Holding { first, last, holder: Holder::Free });
        }
    }

    fn taken(&mut self, global: Global, holder: Holder) {
        *match holder {
            Holder::Device => &mut self.totals.device,
            Holder::Server { .. } => &mut self.totals.server,
            Holder::Terminals { .. } => &mut self.totals.terminals,
            Holder::Free => &mut self.totals.free,
        } += 1;
        self.pool.push(one(global, holder));
    }
}

impl Holding {
    /// How many addresses these are.
    pub fn count(&self) -> u64 {
        number(self.last) - number(self.first) + 1
    }
}

fn holders(design: &Design) -> BTreeMap<Global, Holder> {
    let mut held = BTreeMap::from([(design.profile.device_address, Holder::Device)]);
    for server in &design.servers {
        let holder = Holder::Server {
            name: server.name.clone(),
            lan: server.lan,
            private: server.private,
            environment: server.environment,
        };
        held.insert(server.global, holder);
    }
    for row in &design.terminals {
        share(&mut held, row.global, row.lan, &row.name);
    }
    let servers = design.servers.iter().map(|row| (row.lan, &row.name, &row.global_for));
    let terminals = design.terminals.iter().map(|row| (row.lan, &row.name, &row.global_for));
    for (lan, name, entries) in servers.chain(terminals) {
        for entry in entries {
            share(&mut held, entry.global, lan, name);
        }
    }
    held
}

/// An address is shared by rows, each named once; a server's own stays that.
fn share(held: &mut BTreeMap<Global, Holder>, global: Global, lan: Lan, row: &Name) {
    let first = || Holder::Terminals { lan, rows: Vec::new() };
    if let Holder::Terminals { rows, .. } = held.entry(global).or_insert_with(first)
        && !rows.contains(row)
    {
        rows.push(row.clone());
    }
}

fn one(global: Global, holder: Holder) -> Holding {
    Holding { first: global, last: global, holder }
}

/// An address as a number that also has room for the one after the last.
fn number(global: Global) -> u64 {
    u32::from(global.get()).into()
}

fn global(number: u64) -> Global {
    Global::new(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)))
}
