//! A packet's way through the kernel: hooks in their order, conntrack and translation between them, the routing decision.
//!
//! ```text
//! in ─> prerouting ─> route ─┬─> forward ─> postrouting ─> out
//!                            └─> input ─> the device ─> route ─> output ─> postrouting ─> out
//! ```

use std::net::Ipv4Addr;

use super::{
    Found, NotUnderstood, Step, Told,
    filter::{Filter, Verdict},
    packet::{Connection, Content, Packet, State},
    route::{self, AddressKind, Way},
};
use crate::KernelState;

/// Where conntrack stands among the chains of prerouting and output (`NF_IP_PRI_CONNTRACK`).
const CONNTRACK: i64 = -200;

/// The settings by which the device's answers take the mark of what they answer: of the kernel itself, and of a server's
/// connections.
const REFLECT: &str = "net/ipv4/fwmark_reflect";
const ACCEPT: &str = "net/ipv4/tcp_fwmark_accept";

/// The setting without which nothing passes through the box, and no sender is told why.
const FORWARDING: &str = "net/ipv4/ip_forward";

/// How a way ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// Out of a link, to a next hop or to the destination itself.
    Out { link: String, via: Option<Ipv4Addr> },
    /// At the device.
    Device,
    /// Nowhere.
    Refused(Told),
}

/// One connection, packet by packet.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    state: &'a KernelState,
    filter: &'a Filter,
    pub(super) packet: Packet,
    connection: Option<Connection>,
    steps: Vec<Step>,
    pub(super) counted: Vec<String>,
}

/// A refusal, or nothing.
type Refusal = Option<Told>;

impl<'a> Walk<'a> {
    pub(super) fn new(state: &'a KernelState, filter: &'a Filter, packet: Packet) -> Self {
        let (steps, counted) = (Vec::new(), Vec::new());
        Self { state, filter, packet, connection: None, steps, counted }
    }

    /// What happened since the last call: steps and counters.
    pub(super) fn take_steps(&mut self) -> (Vec<Step>, Vec<String>) {
        (std::mem::take(&mut self.steps), std::mem::take(&mut self.counted))
    }

    /// The connection that the packet opened: its zone, and source and destination of an answer.
    pub(super) fn made(&self) -> Option<(u32, (Ipv4Addr, Ipv4Addr))> {
        let connection = self.connection.as_ref()?;
        Some((connection.zone, (connection.reply.source, connection.reply.destination)))
    }

    /// The way of a packet that comes in by a link.
    pub(super) fn arrive(&mut self) -> Result<End, NotUnderstood> {
        if let Some(link) = self.packet.input.clone().filter(|link| !self.is_up(link)) {
            self.steps.push(Step::LinkDown { link });
            return Ok(End::Refused(Told::Nothing));
        }
        if let Some(told) = self.hook("prerouting")? {
            return Ok(End::Refused(told));
        }
        let source = self.packet.source;
        if route::kind(self.state, source) != AddressKind::Unicast {
            self.steps.push(Step::ForgedSource { source });
            return Ok(End::Refused(Told::Nothing));
        }
        let route = self.route();
        let forwards = self.state.settings.get(FORWARDING).is_some_and(|value| value == "1");
        match route {
            Err(None) => Ok(self.hook("input")?.map_or(End::Device, End::Refused)),
            Ok(_) | Err(_) if !forwards => {
                self.steps.push(Step::NotForwarding);
                Ok(End::Refused(Told::Nothing))
            }
            Ok((link, via)) => self.leave("forward", link, via),
            Err(Some(told)) => Ok(End::Refused(told)),
        }
    }

    fn is_up(&self, link: &str) -> bool {
        self.state.links.iter().any(|(name, held)| name.as_str() == link && held.up)
    }

    /// The way of an answer from where the packet went.
    pub(super) fn answer_from(&mut self, link: &str) -> Result<End, NotUnderstood> {
        self.packet = self.packet.answer(Some(link.to_owned()), 0);
        self.arrive()
    }

    /// The way of the device's own answer.
    pub(super) fn answer_of_device(&mut self) -> Result<End, NotUnderstood> {
        // What isn't tracked is for servers that are bound to the link.
        let setting = match (self.packet.content, self.packet.state) {
            (Content::Tcp { .. }, Some(State::New)) => ACCEPT,
            _ => REFLECT,
        };
        let kept = self.state.settings.get(setting).is_some_and(|value| value == "1");
        let mark = if kept { self.packet.mark } else { 0 };
        self.packet = self.packet.answer(None, mark);
        match self.route() {
            Ok((link, via)) => self.leave("output", link, via),
            Err(Some(told)) => Ok(End::Refused(told)),
            Err(None) => Ok(End::Device),
        }
    }

    fn leave(
        &mut self,
        hook: &str,
        link: String,
        via: Option<Ipv4Addr>,
    ) -> Result<End, NotUnderstood> {
        self.packet.output = Some(link.clone());
        for hook in [hook, "postrouting"] {
            if let Some(told) = self.hook(hook)? {
                return Ok(End::Refused(told));
            }
        }
        Ok(End::Out { link, via })
    }

    /// The link and the next hop; else what the sender is told, or nothing where the device itself is meant.
    fn route(&mut self) -> Result<(String, Option<Ipv4Addr>), Option<Told>> {
        let (mark, to) = (self.packet.mark, self.packet.destination);
        let way = route::way(self.state, mark, to);
        let found = match way {
            Way::Device => Found::Device,
            Way::Route(route) => Found::Route(route.clone()),
            Way::Nowhere => Found::Nowhere,
        };
        self.steps.push(Step::Route { mark, to, found });
        match way {
            Way::Device => Err(None),
            Way::Nowhere => Err(Some(Told::NetUnreachable)),
            Way::Route(route) => {
                let (link, via) = route::out(route).ok_or(Some(Told::HostUnreachable))?;
                Ok((link.to_owned(), via))
            }
        }
    }

    /// All base chains of a hook, by priority.
    fn hook(&mut self, hook: &str) -> Result<Refusal, NotUnderstood> {
        let mut tracked = self.packet.state.is_some();
        for (priority, chain, kind) in self.filter.base_chains(hook) {
            if !tracked && priority > CONNTRACK {
                self.track();
                tracked = true;
            }
            let refusal = match kind {
                "filter" => self.filter(chain)?,
                "nat" => self.translate(hook, chain)?,
                _ => return Err(NotUnderstood(format!("chain type {kind}"))),
            };
            if refusal.is_some() {
                return Ok(refusal);
            }
        }
        Ok(None)
    }

    fn filter(&mut self, chain: &str) -> Result<Refusal, NotUnderstood> {
        let passage = self.filter.pass(chain, &mut self.packet, self.state)?;
        self.steps.extend(passage.steps.into_iter().map(Step::Rule));
        self.counted.extend(passage.counted);
        if passage.by_policy {
            let accepted = passage.verdict == Verdict::Accept;
            self.steps.push(Step::Policy { chain: chain.to_owned(), accepted });
        }
        Ok(match passage.verdict {
            Verdict::Accept => None,
            Verdict::Refuse(told) => Some(told),
        })
    }

    fn track(&mut self) {
        let packet = &mut self.packet;
        let answered = self.connection.as_ref().filter(|connection| connection.has_answer(packet));
        if let Some(connection) = answered {
            packet.state = Some(State::Established);
            packet.destination_translated = connection.destination_translated();
        } else {
            packet.state = Some(State::New);
            self.connection = Some(Connection::of(packet));
        }
        let known = packet.state == Some(State::Established);
        self.steps.push(Step::Connection { zone: packet.zone, known });
    }

    /// The rules of a nat chain see the packet that opens a connection; an answer gets the translation undone.
    fn translate(&mut self, hook: &str, chain: &str) -> Result<Refusal, NotUnderstood> {
        let destinations = hook == "prerouting";
        if self.packet.state == Some(State::Untracked) {
            return Ok(None);
        }
        if self.packet.state == Some(State::Established) {
            let Some(connection) = &self.connection else { return Ok(None) };
            let packet = &mut self.packet;
            let before = (packet.source, packet.destination);
            if destinations {
                packet.destination = connection.original.source;
            } else {
                packet.source = connection.original.destination;
            }
            let (source, destination) = (packet.source, packet.destination);
            if (source, destination) != before {
                self.steps.push(Step::Restored { source, destination });
            }
            return Ok(None);
        }
        let refusal = self.filter(chain)?;
        if let Some(connection) = &mut self.connection {
            if destinations {
                connection.reply.source = self.packet.destination;
            } else {
                connection.reply.destination = self.packet.source;
            }
            self.packet.destination_translated = connection.destination_translated();
        }
        Ok(refusal)
    }
}
