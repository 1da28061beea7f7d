//! The one handle to the kernel: look at its state, carry out a step.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rtnetlink::Handle;
use sekisho_design::PortName;
use sekisho_plan::{
    Step,
    state::{KernelState, Link, LinkKind, Queues},
};

use crate::{
    HostError, clock,
    ethtool::Ethtool,
    line::{self, Line},
    link,
    meters::Meters,
    netlink::Netlink,
    nft::{Count, Nft},
    queue::{self, Uses},
    route, settings,
};

/// Links, addresses, routes and rules through netlink, settings through `/proc/sys`, the packet filter through `nft`;
/// all in the network namespace of the thread that connected.
///
/// Changes are for one caller at a time: it holds the state that the steps were planned against.
#[derive(Debug)]
pub struct Kernel {
    netlink: Netlink,
    ethtool: Ethtool,
    nft: Nft,
    settings: PathBuf,
}

/// Where the program of the packet filter and the kernel's settings are found.
#[derive(Clone, Debug)]
pub struct Places {
    /// The `nft` program: a path, or a name to look for in `PATH`.
    pub nft: PathBuf,
    /// The folder of kernel settings.
    pub settings: PathBuf,
}

/// What to look at: nothing else on the box is the design's concern.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scope {
    /// Links. Every IPv4 address on them is ours, whoever set it.
    pub links: BTreeSet<PortName>,
    /// Settings, by path below `/proc/sys/`.
    pub settings: BTreeSet<String>,
}

/// How full the kernel's table of connections is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connections {
    /// Connections that it tracks.
    pub count: u64,
    /// How many it can track.
    pub most: u64,
}

/// The settings that say so, and that of the table's width: a table that is as wide as it is full is looked through in one step.
const COUNT: &str = "net/netfilter/nf_conntrack_count";
const MOST: &str = "net/netfilter/nf_conntrack_max";
const WIDTH: &str = "net/netfilter/nf_conntrack_buckets";

impl Default for Places {
    fn default() -> Self {
        // An ordinary user's PATH often lacks the administrator's folders.
        let nft = ["/usr/sbin/nft", "/sbin/nft"].into_iter().find(|path| Path::new(path).exists());
        Self { nft: nft.unwrap_or("nft").into(), settings: "/proc/sys".into() }
    }
}

impl Kernel {
    /// Opens the netlink socket and spawns its task on the current tokio runtime. The task ends with the last handle;
    /// where it ends before, the next look or step opens another socket.
    ///
    /// # Errors
    /// [`HostError::Netlink`] where the kernel gives no socket.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect() -> Result<Self, HostError> {
        Self::connect_with(Places::default())
    }

    /// Like [`Kernel::connect`], with the places to use.
    pub fn connect_with(places: Places) -> Result<Self, HostError> {
        let netlink = Netlink::connect()?;
        let ethtool = Ethtool::open()?;
        Ok(Self { netlink, ethtool, nft: Nft::new(places.nft), settings: places.settings })
    }

    /// The state of the kernel within the scope. Links and settings that don't exist are absent.
    ///
    /// # Errors
    /// What the kernel or `nft` answered; [`HostError::NotOurs`] where a route of our protocol number or a rule of our
    /// priorities has a form that no plan has.
    pub async fn observe(&self, scope: &Scope) -> Result<KernelState, HostError> {
        let netlink = &self.netlink.handle()?;
        let mut state = KernelState::default();
        for path in &scope.settings {
            if let Some(value) = settings::read(&self.settings, path)? {
                state.settings.insert(path.clone(), value);
            }
        }
        let all = link::list(netlink).await?;
        let names: BTreeMap<u32, PortName> =
            all.iter().map(|found| (found.index, found.name.clone())).collect();
        state.links = all
            .into_iter()
            .filter(|found| scope.links.contains(&found.name))
            .map(|found| {
                let mode = match found.link.kind {
                    LinkKind::Port => self.ethtool.mode(&found.name, found.index),
                    LinkKind::Tun => None,
                };
                (found.name, Link { mode, ..found.link })
            })
            .collect();
        state.addresses = link::addresses(netlink, &names)
            .await?
            .into_iter()
            .filter(|address| scope.links.contains(&address.link))
            .collect();
        state.queues = queue::queues(netlink, &queue::within(&names, &scope.links)).await?;
        state.routes = route::routes(netlink, &names).await?;
        state.rules = route::rules(netlink).await?;
        self.netlink.stands()?;
        state.table = self.nft.table().await?.map(Arc::new);
        Ok(state)
    }

    /// Carries out one step, as it stands: what is there already is not forgiven, what is gone neither.
    ///
    /// # Errors
    /// What was tried and the kernel's or `nft`'s answer. The step has then not been done, but for
    /// [`HostError::NftKilled`] and [`HostError::NftTimeout`], a connection to netlink that ended meanwhile, and a
    /// link's MTU, which may be set where `up` failed, as both may be where its speed failed, and a link's queues, of which
    /// some may have been changed: look before going on.
    pub async fn perform(&self, step: &Step) -> Result<(), HostError> {
        let netlink = &self.netlink.handle()?;
        match step {
            Step::Setting { path, change } => settings::write(&self.settings, path, &change.after),
            Step::Link { name, change } => match (&change.before, &change.after) {
                (None, Some(link)) if link.kind == LinkKind::Tun => {
                    link::make_tun(netlink, name, link).await
                }
                (Some(link), None) if link.kind == LinkKind::Tun => {
                    link::remove(netlink, name).await
                }
                (Some(before), Some(after)) if before.kind == after.kind => {
                    self.set_link(netlink, name, before, after).await
                }
                (None, None) => Ok(()),
                _ => Err(HostError::FixedLink { name: name.clone() }),
            },
            Step::Address { address, change } if change.after => {
                link::add_address(netlink, address).await
            }
            Step::Address { address, .. } => link::remove_address(netlink, address).await,
            Step::Route { route, change } => route::set_route(netlink, route, change.after).await,
            Step::Reroute { change } => route::replace_route(netlink, &change.after).await,
            Step::Rule { rule, change } => route::set_rule(netlink, rule, change.after).await,
            Step::Queues { link, change } => queue::set(netlink, link, change).await,
            Step::Table { change } => {
                self.nft.replace(change.before.as_deref(), change.after.as_deref()).await
            }
        }?;
        self.netlink.stands()
    }

    /// Some drivers know a port's speed only while it is up.
    async fn set_link(
        &self,
        netlink: &Handle,
        name: &PortName,
        before: &Link,
        after: &Link,
    ) -> Result<(), HostError> {
        let fixed = before.mode != after.mode;
        if fixed && !after.up {
            self.ethtool.set_mode(name, link::index(netlink, name).await?, after.mode)?;
        }
        link::set(netlink, name, after).await?;
        if fixed && after.up {
            self.ethtool.set_mode(name, link::index(netlink, name).await?, after.mode)?;
        }
        Ok(())
    }

    /// A port's link as its driver tells it; `None` where there is no such port.
    ///
    /// # Errors
    /// What the kernel answered.
    pub async fn line(&self, port: &PortName) -> Result<Option<Line>, HostError> {
        line::look(&self.netlink, &self.ethtool, port).await
    }

    /// The kernel's name for this run of the machine; after a restart it has another one.
    ///
    /// # Errors
    /// [`HostError::Setting`].
    pub fn run(&self) -> Result<String, HostError> {
        clock::run(&self.settings)
    }

    /// The named counters of our table; empty where the table doesn't exist.
    pub async fn counters(&self) -> Result<BTreeMap<String, Count>, HostError> {
        self.nft.counters().await
    }

    /// What became of the traffic through the queues of the links named; nothing of a link without queues of ours.
    ///
    /// # Errors
    /// What the kernel answered.
    pub async fn uses(&self, links: &BTreeSet<PortName>) -> Result<Uses, HostError> {
        let netlink = &self.netlink.handle()?;
        let all = link::list(netlink).await?;
        let names = all.into_iter().map(|found| (found.index, found.name)).collect();
        let uses = queue::uses(netlink, &queue::within(&names, links)).await?;
        self.netlink.stands()?;
        Ok(uses)
    }

    /// Holds bulk back to its share on the links that have these queues, or lets it have all again, where that isn't
    /// so. No look at the state tells the one from the other: [`Queues::released`].
    ///
    /// # Errors
    /// What the kernel answered; some links may have been changed.
    pub async fn hold_back(
        &self,
        queues: &BTreeMap<PortName, Queues>,
        held_back: bool,
    ) -> Result<(), HostError> {
        let uses = self.uses(&queues.keys().cloned().collect()).await?;
        let netlink = &self.netlink.handle()?;
        for (link, queues) in queues {
            let Some((minor, class)) = queues.bulk(held_back) else { continue };
            let held = uses.get(link).and_then(|uses| uses.get(&minor));
            if held.is_none_or(|held| held.class.most != class.most) {
                queue::set_class(netlink, link, minor, &class).await?;
            }
        }
        self.netlink.stands()
    }

    /// Where the sets are read that the kernel fills by itself; a handle of its own, so that others needn't wait for it.
    pub fn meters(&self) -> Meters {
        Meters::new(self.nft.clone())
    }

    /// How full the table of connections is; `None` where the kernel tracks none.
    ///
    /// # Errors
    /// [`HostError::Setting`].
    pub fn connections(&self) -> Result<Option<Connections>, HostError> {
        let number = |path: &str| {
            let text = settings::read(&self.settings, path)?;
            let malformed = |error| HostError::Setting {
                tried: "read",
                path: path.to_owned(),
                source: io::Error::new(io::ErrorKind::InvalidData, error),
            };
            text.map(|text| text.parse().map_err(malformed)).transpose()
        };
        let connections = number(COUNT)?.zip(number(MOST)?);
        Ok(connections.map(|(count, most)| Connections { count, most }))
    }

    /// Makes room for so many connections. False where the table isn't this namespace's to set, which only the machine's own is.
    ///
    /// # Errors
    /// [`HostError::Setting`].
    pub fn make_room(&self, connections: u32) -> Result<bool, HostError> {
        for path in [WIDTH, MOST] {
            match settings::write(&self.settings, path, &connections.to_string()) {
                Err(HostError::Setting { source, .. })
                    if matches!(
                        source.kind(),
                        io::ErrorKind::PermissionDenied
                            | io::ErrorKind::ReadOnlyFilesystem
                            | io::ErrorKind::NotFound
                    ) =>
                {
                    return Ok(false);
                }
                other => other?,
            }
        }
        Ok(true)
    }

    /// The elements of a set of our table, as `nft -j` lists them; none where set or table don't exist.
    pub async fn elements(&self, set: &str) -> Result<Vec<serde_json::Value>, HostError> {
        self.nft.elements(set).await
    }

    /// Replaces all elements of a set of our table in one transaction: nobody sees it half filled.
    ///
    /// `elements` have the JSON form of `nft -j`.
    pub async fn fill_set(
        &self,
        set: &str,
        elements: &[serde_json::Value],
    ) -> Result<(), HostError> {
        self.nft.fill_set(set, elements).await
    }
}

/// The kernel's answer as an error of ours.
pub(crate) fn refused(
    tried: impl FnOnce() -> String,
) -> impl FnOnce(rtnetlink::Error) -> HostError {
    move |error| {
        let source = if let rtnetlink::Error::NetlinkError(answer) = &error {
            answer.to_io()
        } else {
            io::Error::other(error)
        };
        HostError::Netlink { tried: tried(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send(_: impl Send) {}

    #[tokio::test]
    async fn work_may_move_between_threads() {
        let kernel = Kernel::connect().unwrap();
        let step = Step::Table { change: sekisho_plan::Change::new(None, None) };
        is_send(kernel.observe(&Scope::default()));
        is_send(kernel.perform(&step));
        is_send(kernel.counters());
        is_send(kernel.fill_set("set", &[]));
        is_send(kernel);
    }

    #[tokio::test]
    async fn connections_are_counted_and_room_is_made_where_it_may_be() {
        let root = tempfile::tempdir().unwrap();
        let settings = root.path().to_owned();
        let kernel = Kernel::connect_with(Places { settings, ..Places::default() }).unwrap();
        assert_eq!(kernel.connections().unwrap(), None);
        assert!(!kernel.make_room(70_000).unwrap(), "a kernel that tracks nothing");
        let put = |path: &str, text: &str| std::fs::write(root.path().join(path), text).unwrap();
        std::fs::create_dir_all(root.path().join("net/netfilter")).unwrap();
        put(COUNT, "12\n");
        put(MOST, "65536\n");
        put(WIDTH, "65536\n");
        assert!(kernel.make_room(70_000).unwrap());
        let seen = kernel.connections().unwrap();
        assert_eq!(seen, Some(Connections { count: 12, most: 70_000 }));
        put(COUNT, "many\n");
        assert!(matches!(kernel.connections(), Err(HostError::Setting { tried: "read", .. })));
    }
}
