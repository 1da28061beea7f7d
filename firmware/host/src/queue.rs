//! The queues in front of links: read, made, changed in place.

mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use futures_util::{StreamExt, TryStreamExt};
use nix::libc::{ENOENT, EOPNOTSUPP};
use rtnetlink::{
    Handle,
    packet_core::{
        NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
    },
    packet_route::{
        RouteNetlinkMessage,
        tc::{TcAttribute, TcHandle, TcMessage},
    },
};
use sekisho_design::PortName;
use sekisho_plan::{
    Change,
    shaping::MAJOR,
    state::{Leaf, QueueClass, Queues},
};

use crate::{HostError, kernel::refused, link};

/// What became of the traffic of a class, and what it may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClassUse {
    /// The class as it stands, bulk held back or not.
    pub class: QueueClass,
    /// What has been sent, in bytes.
    pub sent: u64,
    /// What has been dropped, in packets.
    pub dropped: u64,
    /// What waits, in bytes.
    pub waiting: u64,
}

/// The classes of each link that has queues of ours, by their minor numbers.
pub type Uses = BTreeMap<PortName, BTreeMap<u16, ClassUse>>;

/// The queues of ours among the links named, as they stand while bulk isn't held back.
pub(crate) async fn queues(
    netlink: &Handle,
    names: &BTreeMap<u32, PortName>,
) -> Result<BTreeMap<PortName, Queues>, HostError> {
    let trees = trees(netlink, names).await?;
    let queues = trees.into_iter().map(|(link, tree)| {
        let classes = tree.classes.into_iter().map(|(minor, found)| (minor, found.class));
        let queues = Queues { default: tree.default, classes: classes.collect() };
        (link, queues.released().0)
    });
    Ok(queues.collect())
}

/// What became of the traffic through the queues of ours.
pub(crate) async fn uses(
    netlink: &Handle,
    names: &BTreeMap<u32, PortName>,
) -> Result<Uses, HostError> {
    let trees = trees(netlink, names).await?;
    Ok(trees.into_iter().map(|(link, tree)| (link, tree.classes)).collect())
}

/// Makes, changes or removes the queues of a link. Where only numbers change, the kernel changes them in place: what waits
/// goes on waiting, and counters go on. Where the tree itself changes, it is made anew.
pub(crate) async fn set(
    netlink: &Handle,
    name: &PortName,
    change: &Change<Option<Queues>>,
) -> Result<(), HostError> {
    let link = Link { netlink, name, index: index(netlink, name).await? };
    match (&change.before, &change.after) {
        (None, None) => Ok(()),
        (_, None) => link.remove().await,
        (Some(before), Some(after)) if same_tree(before, after) => link.tune(before, after).await,
        (_, Some(after)) => link.make(after).await,
    }
}

/// Sets what one class may take.
pub(crate) async fn set_class(
    netlink: &Handle,
    name: &PortName,
    minor: u16,
    class: &QueueClass,
) -> Result<(), HostError> {
    let link = Link { netlink, name, index: index(netlink, name).await? };
    link.class(minor, class, 0).await
}

struct Tree {
    default: Option<u16>,
    classes: BTreeMap<u16, ClassUse>,
}

async fn trees(
    netlink: &Handle,
    names: &BTreeMap<u32, PortName>,
) -> Result<BTreeMap<PortName, Tree>, HostError> {
    let listed: Result<Vec<TcMessage>, _> = netlink.qdisc().get().execute().try_collect().await;
    let listed = match listed {
        // A kernel without traffic control has no queues to list.
        Err(rtnetlink::Error::NetlinkError(answer)) if answer.raw_code() == -EOPNOTSUPP => {
            return Ok(BTreeMap::new());
        }
        listed => listed.map_err(refused(|| "list the queues".to_owned()))?,
    };
    let mut trees = BTreeMap::new();
    for root in listed.iter().filter(|message| is_root(message)) {
        let link = index_of(root).and_then(|index| names.get(&index));
        let (Some(link), Some(default)) = (link, wire::read_root(root)) else { continue };
        let index = root.header.index;
        let below: Vec<_> = listed.iter().filter(|message| message.header.index == index).collect();
        let classes = classes(netlink, index, &below).await?;
        trees.insert(link.clone(), Tree { default, classes });
    }
    Ok(trees)
}

async fn classes(
    netlink: &Handle,
    index: i32,
    queues: &[&TcMessage],
) -> Result<BTreeMap<u16, ClassUse>, HostError> {
    let listed: Vec<TcMessage> = netlink
        .traffic_class(index)
        .get()
        .execute()
        .try_collect()
        .await
        .map_err(refused(|| "list the classes of traffic".to_owned()))?;
    let class = |message: &TcMessage| {
        let handle = message.header.handle;
        let class = wire::read_class(message).filter(|_| handle.major == MAJOR)?;
        let queue = queues.iter().find(|queue| queue.header.parent == handle);
        let (sent, ..) = wire::counts(message);
        // The leaf knows of all that it dropped; what is dropped while it cuts, its class doesn't see.
        let (_, dropped, waiting) = queue.map_or((0, 0, 0), |queue| wire::counts(queue));
        let class = QueueClass { leaf: queue.and_then(|queue| wire::read_leaf(queue)), ..class };
        Some((handle.minor, ClassUse { class, sent, dropped, waiting }))
    };
    Ok(listed.iter().filter_map(class).collect())
}

fn is_root(message: &TcMessage) -> bool {
    let header = &message.header;
    wire::kind(message) == Some(wire::HTB)
        && header.parent == TcHandle::ROOT
        && header.handle == handle(0)
}

fn index_of(message: &TcMessage) -> Option<u32> {
    message.header.index.try_into().ok()
}

async fn index(netlink: &Handle, name: &PortName) -> Result<i32, HostError> {
    let no_such_link = |_| HostError::NoSuchLink { name: name.clone() };
    link::index(netlink, name).await?.try_into().map_err(no_such_link)
}

fn handle(minor: u16) -> TcHandle {
    TcHandle { major: MAJOR, minor }
}

/// Whether the one becomes the other by numbers that the kernel changes in place. Of a class that others borrow from it
/// doesn't change what only leaves need (`htb_change_class`).
fn same_tree(before: &Queues, after: &Queues) -> bool {
    fn shape(queues: &Queues) -> impl Iterator<Item = (u16, Option<u16>, Option<(u32, u32)>)> {
        queues.classes.iter().map(|(minor, class)| {
            let inner = class.parent.is_none();
            (*minor, class.parent, inner.then_some((class.quantum, class.priority)))
        })
    }
    before.default == after.default && shape(before).eq(shape(after))
}

/// Parents come before those that borrow from them.
fn in_order(queues: &Queues) -> Vec<(u16, &QueueClass)> {
    let (above, below): (Vec<_>, Vec<_>) =
        queues.classes.iter().partition(|(_, class)| class.parent.is_none());
    above.into_iter().chain(below).map(|(minor, class)| (*minor, class)).collect()
}

/// A link and the way to it.
struct Link<'a> {
    netlink: &'a Handle,
    name: &'a PortName,
    index: i32,
}

impl Link<'_> {
    /// Puts a tree in the place of whatever root stands there. It is whole, or the kernel's own queue is there again.
    async fn make(&self, queues: &Queues) -> Result<(), HostError> {
        self.clear().await?;
        let made = self.plant(queues).await;
        if made.is_err() {
            self.clear().await?;
        }
        made
    }

    async fn plant(&self, queues: &Queues) -> Result<(), HostError> {
        let attributes = vec![kind(wire::HTB), wire::root(queues.default)];
        let root = self.message(TcHandle::ROOT, handle(0), attributes);
        self.add(RouteNetlinkMessage::NewQueueDiscipline(root), wire::HTB).await?;
        for (minor, class) in in_order(queues) {
            self.class(minor, class, NLM_F_CREATE | NLM_F_EXCL).await?;
            if let Some(leaf) = class.leaf {
                self.leaf(minor, leaf).await?;
            }
        }
        Ok(())
    }

    /// Changes what differs between two trees of one shape.
    async fn tune(&self, before: &Queues, after: &Queues) -> Result<(), HostError> {
        for (minor, class) in in_order(after) {
            let Some(held) = before.classes.get(&minor).filter(|held| *held != class) else {
                continue;
            };
            self.class(minor, class, 0).await?;
            match (held.leaf, class.leaf) {
                (held, wanted) if held == wanted => {}
                (Some(held), Some(wanted)) if wire::leaf(held).0 == wire::leaf(wanted).0 => {
                    self.tune_leaf(minor, wanted).await?;
                }
                (_, wanted) => {
                    self.clear_leaf(minor).await?;
                    if let Some(leaf) = wanted {
                        self.leaf(minor, leaf).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn class(&self, minor: u16, class: &QueueClass, flags: u16) -> Result<(), HostError> {
        let parent = class.parent.map_or(TcHandle::ROOT, handle);
        let attributes = vec![kind(wire::HTB), wire::class(class)];
        let message = self.message(parent, handle(minor), attributes);
        let message = RouteNetlinkMessage::NewTrafficClass(message);
        let told = self.ask(message, flags).await;
        told.map_err(refused(|| format!("set the class 1:{minor:x} of '{}'", self.name)))
    }

    async fn leaf(&self, minor: u16, leaf: Leaf) -> Result<(), HostError> {
        let (name, options) = wire::leaf(leaf);
        let message = self.leaf_message(minor, vec![kind(name), options]);
        self.add(RouteNetlinkMessage::NewQueueDiscipline(message), name).await
    }

    async fn tune_leaf(&self, minor: u16, leaf: Leaf) -> Result<(), HostError> {
        let (name, options) = wire::leaf(leaf);
        let message = self.leaf_message(minor, vec![kind(name), options]);
        let told = self.ask(RouteNetlinkMessage::NewQueueDiscipline(message), 0).await;
        told.map_err(refused(|| format!("set the queue of class 1:{minor:x} of '{}'", self.name)))
    }

    fn leaf_message(&self, minor: u16, attributes: Vec<TcAttribute>) -> TcMessage {
        self.message(handle(minor), TcHandle { major: minor, minor: 0 }, attributes)
    }

    async fn add(&self, message: RouteNetlinkMessage, kind: &'static str) -> Result<(), HostError> {
        let told = self.ask(message, NLM_F_CREATE | NLM_F_EXCL).await;
        told.map_err(refused(|| format!("put the queue '{kind}' in front of '{}'", self.name)))
            .map_err(|fault| lacking(fault, kind, self.name))
    }

    async fn remove(&self) -> Result<(), HostError> {
        let message = self.message(TcHandle::ROOT, handle(0), Vec::new());
        let told = self.ask(RouteNetlinkMessage::DelQueueDiscipline(message), 0).await;
        told.map_err(refused(|| format!("remove the queues of '{}'", self.name)))
    }

    /// Removes whatever root somebody has put there; the kernel's own can't be removed and isn't there to it.
    async fn clear(&self) -> Result<(), HostError> {
        self.clear_at(TcHandle::ROOT).await
    }

    async fn clear_leaf(&self, minor: u16) -> Result<(), HostError> {
        self.clear_at(handle(minor)).await
    }

    async fn clear_at(&self, parent: TcHandle) -> Result<(), HostError> {
        let message = self.message(parent, TcHandle::UNSPEC, Vec::new());
        match self.ask(RouteNetlinkMessage::DelQueueDiscipline(message), 0).await {
            Err(rtnetlink::Error::NetlinkError(answer)) if answer.raw_code() == -ENOENT => Ok(()),
            told => told.map_err(refused(|| format!("clear the queues of '{}'", self.name))),
        }
    }

    fn message(
        &self,
        parent: TcHandle,
        handle: TcHandle,
        attributes: Vec<TcAttribute>,
    ) -> TcMessage {
        let mut message = TcMessage::with_index(self.index);
        (message.header.parent, message.header.handle) = (parent, handle);
        message.attributes = attributes;
        message
    }

    async fn ask(&self, message: RouteNetlinkMessage, flags: u16) -> Result<(), rtnetlink::Error> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut answers = self.netlink.clone().request(request)?;
        while let Some(answer) = answers.next().await {
            if let NetlinkPayload::Error(answer) = answer.payload
                && answer.raw_code() != 0
            {
                return Err(rtnetlink::Error::NetlinkError(answer));
            }
        }
        Ok(())
    }
}

fn kind(name: &str) -> TcAttribute {
    TcAttribute::Kind(name.to_owned())
}

/// The kernel's answer to a kind of queue that it doesn't know, as the error that says so.
fn lacking(fault: HostError, kind: &'static str, link: &PortName) -> HostError {
    let unknown = |source: &io::Error| {
        source.raw_os_error().is_some_and(|code| [ENOENT, EOPNOTSUPP].contains(&code))
    };
    if let HostError::Netlink { tried, source } = fault {
        if unknown(&source) {
            HostError::NoQueue { kind, link: link.clone(), source }
        } else {
            HostError::Netlink { tried, source }
        }
    } else {
        fault
    }
}

/// Links by the kernel's numbers, those of a scope alone.
pub(crate) fn within(
    names: &BTreeMap<u32, PortName>,
    links: &BTreeSet<PortName>,
) -> BTreeMap<u32, PortName> {
    let ours = names.iter().filter(|(_, name)| links.contains(*name));
    ours.map(|(index, name)| (*index, name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_a_kind_of_queue_is_told_from_other_refusals() {
        let fault = |code| {
            let source = io::Error::from_raw_os_error(code);
            let tried = "put the queue 'htb' in front of 'tunnel'".to_owned();
            lacking(HostError::Netlink { tried, source }, wire::HTB, &"tunnel".parse().unwrap())
        };
        for code in [ENOENT, EOPNOTSUPP] {
            let fault = fault(code);
            assert!(matches!(fault, HostError::NoQueue { kind: "htb", .. }), "{fault}");
            assert!(fault.way_out().unwrap().contains("sch_htb"));
            assert!(fault.to_string().contains("'htb'"), "{fault}");
        }
        assert!(matches!(fault(nix::libc::EPERM), HostError::Netlink { .. }));
    }
}
