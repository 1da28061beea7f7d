//! One change to the kernel, and its undo.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    state::{Address, Link, Queues, Route, Rule},
    table::Table,
};
use sekisho_design::PortName;

/// One change to the kernel. Each carries what it replaces, so that the same value also says how to take it back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Step {
    /// A kernel setting.
    Setting {
        /// Path below `/proc/sys/`.
        path: String,
        /// The value that is written, and the one that it replaces.
        change: Change<String>,
    },
    /// A link.
    Link {
        /// The link's name.
        name: PortName,
        /// Its state; made where `before` is `None`, removed where `after` is. Only a TUN device comes and goes.
        change: Change<Option<Link>>,
    },
    /// An address appears or goes.
    Address {
        /// The address.
        address: Address,
        /// Whether it is there.
        change: Change<bool>,
    },
    /// A route appears or goes.
    Route {
        /// The route.
        route: Route,
        /// Whether it is there.
        change: Change<bool>,
    },
    /// A route to the same network leads elsewhere, without a moment in which there is none.
    Reroute {
        /// The route; table, network and metric stay.
        change: Change<Route>,
    },
    /// A policy rule appears or goes.
    Rule {
        /// The rule.
        rule: Rule,
        /// Whether it is there.
        change: Change<bool>,
    },
    /// The queues in front of a link.
    Queues {
        /// The link.
        link: PortName,
        /// Ours, or `None` where the kernel's own stands.
        change: Change<Option<Queues>>,
    },
    /// The packet filter's table changes, in one transaction.
    Table {
        /// The whole table, or `None` where there is none.
        change: Change<Option<Arc<Table>>>,
    },
}

/// What was and what shall be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Change<T> {
    /// What the kernel held.
    pub before: T,
    /// What it shall hold.
    pub after: T,
}

impl<T> Change<T> {
    /// From one value to another.
    pub fn new(before: T, after: T) -> Self {
        Self { before, after }
    }

    fn undo(self) -> Self {
        Self { before: self.after, after: self.before }
    }
}

impl Step {
    /// The step that takes this one back.
    #[must_use]
    pub fn undo(self) -> Self {
        match self {
            Self::Setting { path, change } => Self::Setting { path, change: change.undo() },
            Self::Link { name, change } => Self::Link { name, change: change.undo() },
            Self::Address { address, change } => Self::Address { address, change: change.undo() },
            Self::Route { route, change } => Self::Route { route, change: change.undo() },
            Self::Reroute { change } => Self::Reroute { change: change.undo() },
            Self::Rule { rule, change } => Self::Rule { rule, change: change.undo() },
            Self::Queues { link, change } => Self::Queues { link, change: change.undo() },
            Self::Table { change } => Self::Table { change: change.undo() },
        }
    }
}
