//! The queues in front of a link, as the kernel holds them: an htb tree (tc-htb(8)) with a queue at each leaf.

use std::collections::BTreeMap;

use sekisho_design::Class;
use serde::{Deserialize, Serialize};

use crate::shaping::class_handle;

/// A tree of classes whose root has the handle of [`class_handle`]'s major number. Whoever put another root there has
/// taken ours away.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Queues {
    /// The class of packets that name none; `None` where those pass by all queues.
    pub default: Option<u16>,
    /// The classes by their minor numbers.
    #[serde(with = "pairs")]
    pub classes: BTreeMap<u16, QueueClass>,
}

/// A class of the tree.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct QueueClass {
    /// The class that it borrows from; `None` for one right below the root.
    pub parent: Option<u16>,
    /// Which one borrows first; lower wins.
    pub priority: u32,
    /// What it has for sure.
    pub guaranteed: Rate,
    /// What it may have with what it borrows.
    pub most: Rate,
    /// What is counted for each packet beyond its length, in bytes.
    pub overhead: u16,
    /// What it sends before another one of its priority has its turn, in bytes.
    pub quantum: u32,
    /// Where its packets wait; `None` for one that others borrow from.
    pub leaf: Option<Leaf>,
}

/// A rate.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Rate {
    /// Bytes a second, never 0.
    pub bytes_per_second: u64,
    /// For how long it may be saved up and then spent at once, in microseconds.
    pub burst_us: u32,
}

/// A queue at a leaf. What doesn't fit is dropped as it comes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Leaf {
    /// First in, first out, of bounded length (bfifo).
    Fifo {
        /// Its length in bytes.
        bytes: u32,
    },
    /// The same, where what segmentation offload had put together is cut into packets first (tbf, with a rate that no line
    /// has: it is the one queue that cuts).
    Cutting {
        /// Its length in bytes.
        bytes: u32,
        /// What isn't cut, in bytes, with the header of the link. A single packet that is longer is dropped.
        longest: u32,
    },
}

impl Queues {
    /// The class that all others borrow from.
    pub fn whole(&self) -> Option<&QueueClass> {
        self.classes.values().find(|class| class.parent.is_none())
    }

    /// As the kernel's queues stand while bulk isn't held back, and whether it is. What is held back is decided anew
    /// again and again, like the set [`CUT_OFF`](crate::ruleset::CUT_OFF): no plan speaks of it.
    #[must_use]
    pub fn released(mut self) -> (Self, bool) {
        let most = self.whole().map(|whole| whole.most);
        let (_, bulk) = class_handle(Class::Bulk);
        match (self.classes.get_mut(&bulk), most) {
            (Some(class), Some(most)) if class.most == class.guaranteed && most != class.most => {
                class.most = most;
                (self, true)
            }
            _ => (self, false),
        }
    }

    /// Bulk's class, as it is while it is held back and while it isn't.
    pub fn bulk(&self, held_back: bool) -> Option<(u16, QueueClass)> {
        let (_, minor) = class_handle(Class::Bulk);
        let class = *self.classes.get(&minor)?;
        let most = if held_back { class.guaranteed } else { class.most };
        Some((minor, QueueClass { most, ..class }))
    }
}

/// A map as a list of pairs: in JSON keys are text, and within a tagged value numbers aren't read from text.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::QueueClass;

    type Classes = BTreeMap<u16, QueueClass>;

    pub(super) fn serialize<S: Serializer>(map: &Classes, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Classes, D::Error> {
        Vec::<(u16, QueueClass)>::deserialize(from).map(|pairs| pairs.into_iter().collect())
    }
}
