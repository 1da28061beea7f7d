//! How the service is.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use sekisho_design::Lan;

use crate::{core::Core, setup::Group};

/// How the service is.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The LANs that are answered.
    pub listening: Vec<Lan>,
    /// Whom it asks about what.
    pub groups: Vec<GroupStatus>,
    /// Answers that are remembered, and their bytes.
    pub cached: (u64, u64),
    /// Questions that memory answered, that it didn't, and that it answered beyond its time.
    pub uses: [u64; 3],
    /// How questions ended, by LAN and reason.
    pub counts: BTreeMap<(Lan, &'static str), u64>,
}

/// Servers that know the same names.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupStatus {
    /// A zone; `.` for all names.
    pub zone: String,
    /// Whose servers they are.
    pub of: Owner,
    /// The servers, in order.
    pub servers: Vec<ServerStatus>,
}

/// Whose servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owner {
    /// The platform's.
    Platform,
    /// LGWAN's.
    Lgwan,
    /// An office LAN's.
    Office(Lan),
}

/// One server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerStatus {
    /// Its address.
    pub address: Ipv4Addr,
    /// Whether it answered last; `None` while it wasn't asked.
    pub answers: Option<bool>,
    /// Questions in a row without an answer.
    pub failures: u32,
    /// How long its last answer took.
    pub round_trip: Option<Duration>,
}

impl Status {
    pub(crate) fn of(core: &Core, listening: Vec<Lan>) -> Self {
        core.look(|cache, health, counts, uses| {
            let group = |(group, health): (&Group, &crate::health::Health)| {
                let (zone, of) = match group {
                    Group::Platform(zone) => (zone.clone(), Owner::Platform),
                    Group::Lgwan => (".".to_owned(), Owner::Lgwan),
                    Group::Office(lan) => (".".to_owned(), Owner::Office(*lan)),
                };
                let servers = health.servers().iter().map(|server| ServerStatus {
                    address: server.address,
                    answers: server.answers,
                    failures: server.failures,
                    round_trip: server.round_trip,
                });
                GroupStatus { zone, of, servers: servers.collect() }
            };
            Self {
                listening,
                groups: health.iter().map(group).collect(),
                cached: (cache.len() as u64, cache.bytes()),
                uses,
                counts: counts.clone(),
            }
        })
    }
}
