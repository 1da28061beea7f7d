//! A small world for the machine: a kernel, a disk and a tunnel that do as they are told, unless they are to fail or the
//! daemon is to die at a certain effect. What the daemon does around the machine is done here in the same order.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sekisho_design::{Duplex, PortMode, Speed};
use sekisho_plan::{
    KernelState, Step, TUNNEL,
    state::{Address, Leaf, Link, LinkKind, QueueClass, Queues, Rate, Route, RouteAction},
    table::{Chain, Table},
};

use crate::daemon::machine::*;

/// What happens at an effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mischief {
    /// It isn't done and fails.
    Fails,
    /// It is done and is said to have failed.
    FailsAfterwards,
    /// It and all that follow fail, until the daemon starts again.
    FailsFromNowOn,
    /// The daemon dies before it.
    Dies,
    /// The daemon dies after it.
    DiesAfterwards,
}

pub(super) const MISCHIEFS: [Mischief; 5] = [
    Mischief::Fails,
    Mischief::FailsAfterwards,
    Mischief::FailsFromNowOn,
    Mischief::Dies,
    Mischief::DiesAfterwards,
];

/// The daemon is gone.
#[derive(Debug)]
pub(super) struct Dead;

type Fault = &'static str;

/// Designs by number; 0 is a box as it comes.
pub(super) const DESIGNS: usize = 4;

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) kernel: KernelState,
    /// The run of the machine.
    run: u32,
    pub(super) now: Duration,
    /// Generations on disk and the design of each.
    generations: BTreeMap<u64, usize>,
    pub(super) kept: u64,
    journal: Option<(u64, u32, Arc<KernelState>)>,
    /// Whose tunnel runs.
    pub(super) tunnel: Option<usize>,
    /// Effects so far, and at which something happens.
    pub(super) effects: usize,
    pub(super) mischief: Option<(usize, Mischief)>,
    broken: bool,
}

/// What the daemon remembers.
#[derive(Debug, Default)]
pub(super) struct Daemon {
    in_force: Option<usize>,
    pub(super) pending: Option<Waiting>,
    owed: Option<Arc<KernelState>>,
}

#[derive(Debug)]
pub(super) struct Waiting {
    change: Change<Fault>,
    errand: Errand,
    before: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Errand {
    new: Option<usize>,
    old: Option<usize>,
    number: Option<u64>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Committed,
    Awaiting,
    Refused,
    RolledBack,
    RollbackFailed,
}

impl Daemon {
    /// It tells of a roll-back that failed, until a design is in force again.
    pub(super) fn is_loud(&self) -> bool {
        self.owed.is_some()
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            kernel: fresh(),
            run: 1,
            now: Duration::ZERO,
            generations: BTreeMap::new(),
            kept: 0,
            journal: None,
            tunnel: None,
            effects: 0,
            mischief: None,
            broken: false,
        }
    }

    /// The design that comes up after a restart.
    pub(super) fn kept_design(&self) -> usize {
        self.generations.get(&self.kept).copied().unwrap_or(0)
    }

    /// To apply this design is to apply once more what is kept.
    pub(super) fn is_kept(&self, daemon: &Daemon, design: usize) -> bool {
        self.kept_design() == design && !daemon.is_loud()
    }

    /// The power goes and comes back.
    pub(super) fn reboot(&mut self) {
        (self.kernel, self.run, self.tunnel) = (fresh(), self.run + 1, None);
    }

    /// The design of the newest generation.
    pub(super) fn newest(&self) -> usize {
        self.generations.values().last().copied().unwrap_or(0)
    }

    /// What failed for good works again.
    pub(super) fn mend(&mut self) {
        (self.broken, self.mischief) = (false, None);
    }

    /// A change is on its way, or what became of it isn't written down.
    pub(super) fn is_open(&self) -> bool {
        self.journal.is_some()
    }

    /// The daemon starts, as [`Device::boot`](crate::daemon::Device) does.
    pub(super) fn start(&mut self) -> Result<(Daemon, End), Dead> {
        (self.tunnel, self.broken) = (None, false);
        let mut daemon = Daemon::default();
        if let Some((pending, run, before)) = self.journal.clone()
            && pending != self.kept
            && run == self.run
        {
            let was_to_be = self.generations.get(&pending).map(|design| Arc::new(state(*design)));
            let (change, first) = Change::recover(Arc::clone(&before), was_to_be);
            let errand = Errand { number: Some(pending), ..Errand::default() };
            let (_, rest, _) = self.carry_on(change, errand, first)?;
            if !matches!(rest, Rest::RolledBack(_)) {
                daemon.owed = Some(before);
                return Ok((daemon, End::RollbackFailed));
            }
        }
        self.journal = None;
        let design = self.kept_design();
        if design == 0 {
            return Ok((daemon, End::RolledBack));
        }
        let end = self.put_in_force(&mut daemon, design, Purpose::Keep)?;
        Ok((daemon, end))
    }

    /// Somebody applies a design.
    pub(super) fn apply(
        &mut self,
        daemon: &mut Daemon,
        design: usize,
        wait: Option<Duration>,
    ) -> Result<End, Dead> {
        if daemon.pending.is_some() {
            return Ok(End::Refused);
        }
        let again = self.is_kept(daemon, design);
        let edit = Purpose::Edit { confirm_within: wait };
        self.put_in_force(daemon, design, if again { Purpose::Keep } else { edit })
    }

    pub(super) fn confirm(&mut self, daemon: &mut Daemon) -> Result<Option<End>, Dead> {
        let Some(mut waiting) = daemon.pending.take() else { return Ok(None) };
        let first = waiting.change.confirm().expect("it awaits confirmation");
        let (change, rest, errand) = self.carry_on(waiting.change, waiting.errand, first)?;
        if let Rest::NotKept(_) = rest {
            daemon.pending = Some(Waiting { change, errand, ..waiting });
            return Ok(Some(End::Awaiting));
        }
        assert!(matches!(rest, Rest::Committed), "a confirmation ends in {rest:?}");
        Ok(Some(End::Committed))
    }

    pub(super) fn take_back(&mut self, daemon: &mut Daemon) -> Result<Option<End>, Dead> {
        let Some(mut waiting) = daemon.pending.take() else { return Ok(None) };
        let first = waiting.change.take_back(Cause::Asked).expect("it awaits confirmation");
        let (change, rest, _) = self.carry_on(waiting.change, waiting.errand, first)?;
        daemon.in_force = waiting.before;
        Ok(Some(end(daemon, &change, &rest)))
    }

    /// Time passes; what isn't confirmed by then is taken back.
    pub(super) fn wait(
        &mut self,
        daemon: &mut Daemon,
        time: Duration,
    ) -> Result<Option<End>, Dead> {
        self.now += time;
        let due = |waiting: &Waiting| waiting.change.deadline().is_some_and(|at| self.now >= at);
        if daemon.pending.as_ref().is_some_and(due) { self.take_back(daemon) } else { Ok(None) }
    }

    fn put_in_force(
        &mut self,
        daemon: &mut Daemon,
        design: usize,
        purpose: Purpose,
    ) -> Result<End, Dead> {
        let errand = Errand { new: Some(design), old: self.tunnel, number: None };
        let (change, first) = Change::begin(purpose, Arc::new(state(design)), daemon.owed.clone());
        let (change, rest, errand) = self.carry_on(change, errand, first)?;
        let end = end(daemon, &change, &rest);
        match end {
            End::Committed => (daemon.in_force, daemon.owed) = (Some(design), None),
            End::Awaiting => {
                let before = daemon.in_force.replace(design);
                daemon.pending = Some(Waiting { change, errand, before });
            }
            End::Refused | End::RolledBack | End::RollbackFailed => {}
        }
        Ok(end)
    }

    fn carry_on(
        &mut self,
        mut change: Change<Fault>,
        mut errand: Errand,
        first: Effect,
    ) -> Result<(Change<Fault>, Rest<Fault>, Errand), Dead> {
        let mut effect = first;
        loop {
            let outcome = self.execute(&effect, &mut errand)?;
            effect = match change.next(outcome, self.now) {
                Next::Do(effect) => effect,
                Next::Rest(rest) => return Ok((change, rest, errand)),
            }
        }
    }

    fn execute(&mut self, effect: &Effect, errand: &mut Errand) -> Result<Outcome<Fault>, Dead> {
        let mischief = self.mischief.filter(|(at, _)| *at == self.effects).map(|(_, what)| what);
        self.effects += 1;
        self.broken |= mischief == Some(Mischief::FailsFromNowOn);
        match mischief {
            _ if self.broken => return Ok(Outcome::Failed("broken")),
            Some(Mischief::Dies) => return Err(Dead),
            Some(Mischief::Fails) => return Ok(Outcome::Failed("mischief")),
            _ => {}
        }
        let dies = mischief == Some(Mischief::DiesAfterwards);
        let fails = mischief == Some(Mischief::FailsAfterwards);
        let mut outcome = Outcome::Done;
        match effect {
            Effect::Observe => outcome = Outcome::Observed(Box::new(self.kernel.clone())),
            Effect::Journal(before) => {
                let number = self.generations.keys().last().map_or(1, |last| last + 1);
                self.generations.insert(number, errand.new.expect("an edit has a design"));
                self.journal = Some((number, self.run, Arc::clone(before)));
                errand.number = Some(number);
            }
            Effect::Perform(step) => perform(&mut self.kernel, step),
            Effect::StartTunnel(Side::New) => self.tunnel = errand.new,
            Effect::StartTunnel(Side::Old) => self.tunnel = errand.old,
            // The store undoes a commit that it reports as failed.
            Effect::Commit if fails => {}
            Effect::Commit => {
                self.kept = errand.number.expect("a commit has a number");
                // The link is renamed first, the journal goes last.
                if !dies {
                    self.journal = None;
                }
            }
            Effect::Close => self.journal = None,
            Effect::Probe(_) | Effect::EndConnections { .. } | Effect::Announce(_) => {}
        }
        if dies {
            return Err(Dead);
        }
        Ok(if fails { Outcome::Failed("mischief") } else { outcome })
    }
}

fn end(daemon: &mut Daemon, change: &Change<Fault>, rest: &Rest<Fault>) -> End {
    match rest {
        Rest::Committed => End::Committed,
        Rest::Awaiting => End::Awaiting,
        Rest::Refused(_) => End::Refused,
        Rest::RolledBack(_) => End::RolledBack,
        Rest::RollbackFailed { .. } => {
            daemon.owed = Some(Arc::clone(change.before()));
            End::RollbackFailed
        }
        Rest::NotKept(_) | Rest::Unrepaired(_) => panic!("{rest:?}"),
    }
}

fn port(number: usize) -> sekisho_design::PortName {
    format!("port{number}").parse().expect("a name")
}

/// Three ports, down, and the kernel's own settings.
fn fresh() -> KernelState {
    let mut state = KernelState::default();
    for number in 1..=3 {
        let link = Link { kind: LinkKind::Port, up: false, mtu: 1500, mode: None };
        state.links.insert(port(number), link);
        state.settings.insert(format!("net/ipv4/conf/port{number}/rp_filter"), "2".to_owned());
    }
    state.settings.insert("net/ipv4/ip_forward".to_owned(), "0".to_owned());
    state
}

/// What a design wants: each has another port, address, table and MTU of the tunnel than the one before.
pub(super) fn state(design: usize) -> KernelState {
    if design == 0 {
        return fresh();
    }
    let mut state = KernelState::default();
    let ports = [1, 2 + design % 2].map(port);
    for (number, link) in ports.iter().enumerate() {
        // Every other one fixes its ports.
        let mode = PortMode::new(Speed::Mbps100, Duplex::Full).filter(|_| design.is_multiple_of(2));
        let up = Link { kind: LinkKind::Port, up: true, mtu: 1500, mode };
        state.links.insert(link.clone(), up);
        state.settings.insert(format!("net/ipv4/conf/{link}/rp_filter"), "0".to_owned());
        let address =
            [10, u8::try_from(number).expect("few"), 0, 10 + u8::try_from(design).expect("few")]
                .into();
        state.addresses.insert(Address { link: link.clone(), address, prefix: 24 });
        let to = format!("10.{number}.0.0/24").parse().expect("a network");
        let action = RouteAction::Forward { link: link.clone(), via: None, source: Some(address) };
        state.routes.insert(Route { table: 254, to, metric: 100, action });
    }
    let tun = Link {
        kind: LinkKind::Tun,
        up: true,
        mtu: 1400 + u32::try_from(design).expect("few"),
        mode: None,
    };
    state.links.insert(TUNNEL.parse().expect("a name"), tun);
    // Every other one is shaped.
    if design % 2 == 1 {
        let bytes_per_second = 1000 * u64::try_from(design).expect("few");
        state.queues.insert(TUNNEL.parse().expect("a name"), queues(bytes_per_second));
    }
    state.settings.insert("net/ipv4/ip_forward".to_owned(), "1".to_owned());
    let rules = vec![serde_json::json!([{ "counter": design }])];
    let chain = Chain { declaration: serde_json::Map::new(), rules };
    let mut table = Table::default();
    table.chains.insert("forward".to_owned(), chain);
    state.table = Some(Arc::new(table));
    state
}

fn queues(bytes_per_second: u64) -> Queues {
    let rate = Rate { bytes_per_second, burst_us: 2000 };
    let class = QueueClass {
        parent: None,
        priority: 0,
        guaranteed: rate,
        most: rate,
        overhead: 98,
        quantum: 1514,
        leaf: Some(Leaf::Fifo { bytes: 100_000 }),
    };
    Queues { default: Some(0x20), classes: [(0x20, class)].into() }
}

/// Carries a step out, as strictly as the kernel.
fn perform(kernel: &mut KernelState, step: &Step) {
    match step.clone() {
        Step::Setting { path, change } => {
            let open = change.after == "1" && path.ends_with("ip_forward");
            assert!(!open || kernel.table.is_some(), "forwarding before the filter stands");
            let held = kernel.settings.insert(path.clone(), change.after);
            assert_eq!(held, Some(change.before), "{path}");
        }
        Step::Link { name, change } => match change.after {
            Some(link) => {
                assert_eq!(kernel.links.get(&name), change.before.as_ref(), "{name}");
                assert!(!link.up || kernel.table.is_some(), "{name} up without a filter");
                kernel.links.insert(name, link);
            }
            // Up or down, it goes.
            None => assert!(kernel.links.remove(&name).is_some(), "{name}"),
        },
        Step::Address { address, change } if change.after => {
            assert!(kernel.addresses.insert(address));
        }
        Step::Address { address, .. } => assert!(kernel.addresses.remove(&address)),
        Step::Route { route, change } if change.after => assert!(kernel.routes.insert(route)),
        Step::Route { route, .. } => assert!(kernel.routes.remove(&route)),
        Step::Reroute { change } => {
            assert!(kernel.routes.remove(&change.before));
            assert!(kernel.routes.insert(change.after));
        }
        Step::Rule { rule, change } if change.after => assert!(kernel.rules.insert(rule)),
        Step::Rule { rule, .. } => assert!(kernel.rules.remove(&rule)),
        Step::Queues { link, change } => {
            assert_eq!(kernel.queues.get(&link), change.before.as_ref(), "{link}");
            match change.after {
                Some(queues) => drop(kernel.queues.insert(link, queues)),
                None => drop(kernel.queues.remove(&link)),
            }
        }
        Step::Table { change } => {
            assert_eq!(kernel.table, change.before);
            kernel.table = change.after;
        }
    }
}
