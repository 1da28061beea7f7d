//! Which running connections a change ends: those that the new state would not open as they are.
//!
//! Nothing is derived from rows. The first packet of a connection is carried through the state before the change and
//! through the one after it, and a connection ends where only the first leads to what conntrack has. So an address, a
//! permission, a placement or a route that changes takes its own connections with it, and no others.

use std::{collections::HashMap, net::Ipv4Addr};

use super::{
    NotUnderstood, Opening, Question, Side,
    filter::Filter,
    packet::Packet,
    way::{End, Walk},
};
use crate::KernelState;

/// A running connection, as conntrack has it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Connection {
    /// Its zone.
    pub zone: u16,
    /// What its first packet asked for.
    pub opening: Opening,
    /// Source and destination of its first packet.
    pub original: (Ipv4Addr, Ipv4Addr),
    /// Source and destination of an answer where it reaches the device.
    pub reply: (Ipv4Addr, Ipv4Addr),
}

/// Judges connections by two states.
#[derive(Debug)]
pub struct Fates<'a> {
    /// None where the state before has no table or can't be understood: somebody else changed it, and who knows what ran
    /// through it.
    before: Option<Judge<'a>>,
    after: Judge<'a>,
    /// Connections that differ in the opener's port only have one fate.
    known: HashMap<Connection, bool>,
}

#[derive(Debug)]
struct Judge<'a> {
    state: &'a KernelState,
    filter: Filter,
}

impl<'a> Fates<'a> {
    /// Between two states.
    ///
    /// # Errors
    /// [`NotUnderstood`] where the state after has a set that the model doesn't know.
    pub fn between(before: &'a KernelState, after: &'a KernelState) -> Result<Self, NotUnderstood> {
        let before = before.table.as_ref().and_then(|_| Judge::of(before).ok());
        Ok(Self { before, after: Judge::of(after)?, known: HashMap::new() })
    }

    /// Whether two states can differ in what they do with connections.
    pub fn may_differ(before: &KernelState, after: &KernelState) -> bool {
        before.table != after.table
            || before.routes != after.routes
            || before.rules != after.rules
            || before.addresses != after.addresses
    }

    /// Whether a connection has to end.
    ///
    /// # Errors
    /// [`NotUnderstood`] where the state after has a rule that the model doesn't know.
    pub fn ends(&mut self, connection: &Connection) -> Result<bool, NotUnderstood> {
        if let Some(ends) = self.known.get(connection) {
            return Ok(*ends);
        }
        let opened_before =
            self.before.as_ref().is_none_or(|judge| judge.opens(connection).unwrap_or(true));
        let ends = opened_before && !self.after.opens(connection)?;
        self.known.insert(*connection, ends);
        Ok(ends)
    }
}

impl<'a> Judge<'a> {
    fn of(state: &'a KernelState) -> Result<Self, NotUnderstood> {
        Ok(Self { state, filter: Filter::of(state)? })
    }

    /// Whether the state opens this very connection, from any of its links.
    fn opens(&self, connection: &Connection) -> Result<bool, NotUnderstood> {
        let (from, to) = connection.original;
        // The side is the link's affair here.
        let question = Question { side: Side::Platform, from, to, opening: connection.opening };
        for link in self.state.links.keys() {
            let packet = Packet::opening(&question, link.as_str());
            let mut walk = Walk::new(self.state, &self.filter, packet);
            if matches!(walk.arrive()?, End::Out { .. } | End::Device)
                && walk.made() == Some((connection.zone.into(), connection.reply))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
