//! What would happen to a packet: from the design alone, or by what a kernel holds ([`Live`]).
//!
//! The trace knows nothing of rows. It takes the very state that the kernel is given ([`desired`](crate::desired())), or the one
//! that was read from it, and carries it out on a model packet: base chains by hook and priority, conntrack with one connection, policy rules, route tables.
//! Where the table says something that the model doesn't know, there is no trace but an error; so trace and kernel can only
//! differ where the model of a statement is wrong, and a lab test sends what it traces.
//!
//! Only the advice reads the rows, because what to declare is a question about the design.

mod advice;
mod expression;
mod fate;
mod filter;
mod live;
mod lookup;
mod mend;
mod packet;
mod question;
mod route;
pub(crate) mod show;
mod text;
mod way;
mod why;

use std::net::Ipv4Addr;

use sekisho_design::{Class, Design, Environment, Lan, Name};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{
    advice::{Advice, Change, Reason, Row},
    fate::{Connection, Fates},
    filter::{Effect, RuleOutcome, RuleStep},
    live::{Held, Live, Parting},
    question::{MalformedTarget, Opening, Question, Side, Target, UnclearSide},
    why::{advise, why},
};
use self::{
    filter::Filter,
    packet::Packet,
    way::{End, Walk},
};
use crate::{
    KernelState, TUNNEL,
    account::{Account, Accounts},
    desired,
    state::Route,
};

/// A design ready to be asked, any number of times.
#[derive(Debug)]
pub struct Tracer<'a> {
    design: &'a Design,
    state: KernelState,
    filter: Filter,
    accounts: Accounts,
}

/// What happens to a packet, step by step.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trace {
    /// The packet.
    pub question: Question,
    /// Its way.
    pub there: Vec<Step>,
    /// How its way ends.
    pub outcome: Outcome,
    /// The counters of refusals that it moved, in order: `SIDE/RULE`.
    pub counted: Vec<String>,
    /// What admitted it; `None` where it is refused or the device's own affair.
    pub admitted: Option<Admitted>,
    /// The way of an answer, where the packet arrives and asks for one.
    pub back: Option<Back>,
    /// What to declare so that it passes; none where it does.
    pub advice: Option<Advice>,
}

/// The way of an answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Back {
    /// Its way.
    pub steps: Vec<Step>,
    /// How its way ends.
    pub outcome: Outcome,
    /// It reaches who asked, from the address that was asked.
    pub arrives: bool,
}

/// A step on a packet's way.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// A rule of the packet filter was asked.
    Rule(RuleStep),
    /// No rule of a base chain decided, so its policy did.
    Policy {
        /// The base chain.
        chain: String,
        /// Whether the packet goes on.
        accepted: bool,
    },
    /// Conntrack looked for the packet's connection.
    Connection {
        /// The zone in which it looked.
        zone: u32,
        /// The packet belongs to a connection; else it opens one.
        known: bool,
    },
    /// The connection's translation was undone for an answer.
    Restored {
        /// The source from now on.
        source: Ipv4Addr,
        /// The destination from now on.
        destination: Ipv4Addr,
    },
    /// The kernel drops what claims one of its own addresses as its source, or a broadcast address.
    ForgedSource {
        /// The source.
        source: Ipv4Addr,
    },
    /// The link that the packet would come in by is down, or not there.
    LinkDown {
        /// The link.
        link: String,
    },
    /// The kernel isn't told to forward anything.
    NotForwarding,
    /// The kernel chose a way.
    Route {
        /// The packet's mark, which chooses the table.
        mark: u32,
        /// Where to.
        to: Ipv4Addr,
        /// What the kernel found.
        found: Found,
    },
}

/// What the kernel found for a destination.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// An address of the device itself.
    Device,
    /// A route of one of the tables.
    Route(Route),
    /// No way.
    Nowhere,
}

/// What admitted a packet.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Admitted {
    /// The server or the terminals.
    pub row: Name,
    /// The policy; `None` where the row admits it by itself.
    pub policy: Option<Name>,
    /// Production or test (R89): that of the policy where it says one, else the row's.
    pub environment: Environment,
    /// What it is worth when the line is full (R35).
    pub class: Class,
}

impl Trace {
    /// All steps, there and back.
    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.there.iter().chain(self.back.iter().flat_map(|back| &back.steps))
    }
}

impl Found {
    fn leads_into_tunnel(&self) -> bool {
        match self {
            Self::Route(route) => route::out(route).is_some_and(|(link, _)| link == TUNNEL),
            Self::Device | Self::Nowhere => false,
        }
    }
}

/// How a packet's way ends.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// It leaves the device.
    Delivered {
        /// Where to.
        side: Side,
        /// The next hop, where the destination isn't on the link itself.
        via: Option<Ipv4Addr>,
        /// The source that the other end sees. A port is kept where it is free.
        source: Ipv4Addr,
        /// The destination that the other end sees.
        destination: Ipv4Addr,
    },
    /// The device itself takes it.
    Device,
    /// It goes no further.
    Refused {
        /// The counter that says why, `SIDE/RULE`; none where the kernel itself refuses.
        rule: Option<String>,
        /// What the sender hears.
        told: Told,
    },
}

/// What the sender of a refused packet hears.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Nothing.
    Nothing,
    /// ICMP 3, code 13: communication administratively prohibited (RFC 1812, 5.2.7.1).
    Prohibited,
    /// ICMP 3, code 1: host unreachable.
    HostUnreachable,
    /// ICMP 3, code 0: network unreachable.
    NetUnreachable,
}

/// Why there is no trace.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TraceError {
    /// No host has such an address.
    #[error("{0} is no host's address")]
    NotAHost(Ipv4Addr),
    /// The design has no such side.
    #[error("this site has no side '{}'", .0.as_str())]
    NoSuchSide(Side),
    /// The table says something that the model doesn't know.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
}

/// A part of the kernel's state that the model doesn't know.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the trace doesn't know what this means: {0}")]
pub struct NotUnderstood(String);

impl NotUnderstood {
    fn of(value: &Value) -> Self {
        Self(value.to_string())
    }
}

impl<'a> Tracer<'a> {
    /// Makes a design ready to be asked.
    ///
    /// # Errors
    /// [`NotUnderstood`] where a set of the table has elements that the model doesn't know.
    pub fn new(design: &'a Design) -> Result<Self, NotUnderstood> {
        Self::over(design, desired(design))
    }

    /// The same by what a kernel holds, or held between two steps of a plan. The design still names the sides and gives
    /// the advice.
    ///
    /// # Errors
    /// [`NotUnderstood`] as for [`Tracer::new`].
    pub fn over(design: &'a Design, state: KernelState) -> Result<Self, NotUnderstood> {
        let filter = Filter::of(&state)?;
        Ok(Self { design, state, filter, accounts: Accounts::of(design) })
    }

    /// What happens to a packet.
    ///
    /// # Errors
    /// [`TraceError`] where the packet is none that a host could send to another, or the model doesn't know a rule.
    pub fn trace(&self, question: &Question) -> Result<Trace, TraceError> {
        for address in [question.from, question.to] {
            // What "this network", loopback, multicast and reserved addresses do (RFC 1122, 3.2.1.3) no row could change.
            let [first, ..] = address.octets();
            if first == 0 || first == 127 || first >= 224 {
                return Err(TraceError::NotAHost(address));
            }
        }
        let link = self.link(question.side).ok_or(TraceError::NoSuchSide(question.side))?;
        let mut walk = Walk::new(&self.state, &self.filter, Packet::opening(question, link));
        let end = walk.arrive()?;
        let outcome = self.outcome(&end, &walk);
        let (there, counted) = walk.take_steps();
        let admitted = self.admitted(&walk.packet);
        let answer = match &end {
            End::Out { link, .. } => walk.answer_from(link).map(Some)?,
            // What the packet filter lets in is served: ping, the time, and names where the design says so.
            End::Device => walk.answer_of_device().map(Some)?,
            End::Refused(_) => None,
        };
        let back = answer.map(|end| {
            let outcome = self.outcome(&end, &walk);
            let arrives = matches!(
                outcome,
                Outcome::Delivered { side, source, destination, .. }
                    if side == question.side && source == question.to && destination == question.from
            );
            Back { steps: walk.take_steps().0, outcome, arrives }
        });
        let advice = match &outcome {
            Outcome::Refused { rule, .. } => {
                Some(advice::advice(self.design, question, rule.as_deref()))
            }
            Outcome::Delivered { .. } | Outcome::Device => None,
        };
        let admitted = admitted.filter(|_| !matches!(outcome, Outcome::Refused { .. }));
        Ok(Trace { question: *question, there, outcome, counted, admitted, back, advice })
    }

    /// The rows behind a packet's account.
    fn admitted(&self, packet: &Packet) -> Option<Admitted> {
        let Account { row, policy, .. } = self.accounts.get(packet.account)?.clone();
        let named = |name: &Name| self.design.policies.iter().find(|of| of.name == *name);
        let environment = policy.as_ref().and_then(named).and_then(|policy| policy.environment);
        let environment = environment.or_else(|| self.design.environment_of(&row))?;
        Some(Admitted { row, policy, environment, class: packet.class.unwrap_or_default() })
    }

    fn outcome(&self, end: &End, walk: &Walk<'_>) -> Outcome {
        match end {
            End::Out { link, via } => Outcome::Delivered {
                side: self.side(link),
                via: *via,
                source: walk.packet.source,
                destination: walk.packet.destination,
            },
            End::Device => Outcome::Device,
            End::Refused(told) => {
                Outcome::Refused { rule: walk.counted.last().cloned(), told: *told }
            }
        }
    }

    fn link(&self, side: Side) -> Option<&str> {
        match side {
            Side::Lan(lan) => self.design.lans.get(&lan).map(|lan| lan.port.as_str()),
            Side::Platform => Some(TUNNEL),
            Side::Lgwan => Some(self.design.lgwan.port.as_str()),
            Side::Maintenance => self.design.maintenance.as_ref().map(|port| port.port.as_str()),
        }
    }

    fn side(&self, link: &str) -> Side {
        Lan::ALL
            .map(Side::Lan)
            .into_iter()
            .chain([Side::Platform, Side::Maintenance])
            .find(|side| self.link(*side) == Some(link))
            .unwrap_or(Side::Lgwan)
    }
}
