//! Whose packet it is, and what its addresses become: by the rows of a design, without the kernel.

use std::net::Ipv4Addr;

use sekisho_design::{Design, GlobalFor, Lan, Name, Origin};

use crate::trace::Side;

/// Both ends of a packet, before and after translation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ends {
    /// The server or the terminals that the packet is from or for; `None` where no row declares it.
    pub row: Option<Name>,
    /// The source as its sender put it, and as its receiver sees it.
    pub source: (Ipv4Addr, Ipv4Addr),
    /// The destination as the sender put it, and the host that has it.
    pub destination: (Ipv4Addr, Ipv4Addr),
}

impl Ends {
    /// The ends of a packet that came from a side, seen somewhere on its way through the device: its destination may be
    /// translated already, its source is not. `out` is the LAN that it was to leave by.
    pub fn of(
        design: &Design,
        side: Side,
        (source, destination): (Ipv4Addr, Ipv4Addr),
        out: Option<Lan>,
    ) -> Self {
        let from = match side {
            Side::Lan(lan) => row_of(design, lan, source, destination),
            Side::Platform | Side::Lgwan | Side::Maintenance => None,
        };
        let reached = server(design, out, destination);
        let terminals = design.terminals.iter().find(|row| row.global.get() == destination);
        let row = match side {
            Side::Platform => {
                reached.map(|(name, ..)| name).or_else(|| terminals.map(|row| &row.name))
            }
            Side::Lan(_) | Side::Lgwan | Side::Maintenance => from.map(|(name, _)| name),
        };
        Self {
            row: row.cloned(),
            source: (source, from.map_or(source, |(_, global)| global)),
            destination: reached
                .map_or((destination, destination), |(_, global, private)| (global, private)),
        }
    }
}

/// The row of a host, and what a destination sees of it.
fn row_of(
    design: &Design,
    lan: Lan,
    host: Ipv4Addr,
    destination: Ipv4Addr,
) -> Option<(&Name, Ipv4Addr)> {
    let seen = |own: Ipv4Addr, others: &[GlobalFor]| {
        let meant = |entry: &&GlobalFor| {
            entry.to.iter().flat_map(Origin::networks).any(|to| to.contains(&destination))
        };
        others.iter().find(meant).map_or(own, |entry| entry.global.get())
    };
    let server = design.servers.iter().find(|row| row.lan == lan && row.private.get() == host);
    let server = server.map(|row| (&row.name, seen(row.global.get(), &row.global_for)));
    server.or_else(|| {
        let covers = |row: &&sekisho_design::Terminals| {
            row.lan == lan && row.from.iter().any(|from| from.contains(&host))
        };
        let row = design.terminals.iter().find(covers)?;
        Some((&row.name, seen(row.global.get(), &row.global_for)))
    })
}

/// The server that has an address, global or, on a known LAN, private; with both its addresses.
fn server(
    design: &Design,
    out: Option<Lan>,
    address: Ipv4Addr,
) -> Option<(&Name, Ipv4Addr, Ipv4Addr)> {
    let mut servers = design.servers.iter();
    let found = servers.find(|row| {
        row.global.get() == address || out == Some(row.lan) && row.private.get() == address
    });
    found.map(|row| (&row.name, row.global.get(), row.private.get()))
}
