//! What the kernel counted, for who asks, and the alarm when its table of connections fills (R88).
//!
//! Readings run beside the loop, one at a time: of a large site one takes some 80 ms, and a look through all connections more. The
//! counts themselves are the kernel's and go on whatever becomes of the daemon.

mod alarm;
mod owners;
mod ports;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use sekisho_control::{ConnectionTable, Failure, Fullness, PortsInUse, Status, Traffic};
use sekisho_design::Design;
use sekisho_host::{Connections, HostError, Kernel, Meters, each_flow, total_memory};
use sekisho_plan::{ruleset::NAPT_PORTS, table_size};
use tokio::sync::{Mutex, oneshot};
use tracing::{debug, error, info, warn};

use self::{
    alarm::Alarm,
    owners::{Owners, shared},
    ports::Ports,
};
use super::fault::unseen;

/// Between two looks at how full the table is.
const BETWEEN: Duration = Duration::from_secs(1);

/// A look through all connections is good for so many times as long as it took: it never costs more than a tenth of a core.
const GOOD_FOR: u32 = 10;

type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// Tells what was counted, and watches the table of connections.
pub(super) struct Counts {
    reader: Arc<Mutex<Reader>>,
    alarm: Alarm,
    due: Duration,
}

impl Counts {
    pub(super) fn new(kernel: &Kernel) -> Self {
        let reader = Arc::new(Mutex::new(Reader { meters: kernel.meters(), ports: None }));
        Self { reader, alarm: Alarm::default(), due: Duration::ZERO }
    }

    /// Looks how full the table is, once a second, and logs what it comes to.
    pub(super) fn watch(&mut self, kernel: &Kernel, now: Duration) {
        if now < self.due {
            return;
        }
        self.due = now + BETWEEN;
        let table = match kernel.connections() {
            Ok(table) => table,
            Err(fault) => {
                debug!(%fault, "can't see how full the table of connections is");
                return;
            }
        };
        let Some(Connections { count, most }) = table else { return };
        match self.alarm.look(count, most) {
            None => {}
            Some(Fullness::Roomy) => info!(count, most, "the table of connections has room again"),
            Some(Fullness::Near) => {
                warn!(count, most, "four fifths of the table of connections are in use");
            }
            Some(Fullness::Full) => {
                error!(count, most, "the table of connections is full: no new one is let in");
            }
        }
    }

    /// Answers what was counted, beside the loop.
    pub(super) fn answer(&self, kernel: &Kernel, design: Option<&Design>, reply: Reply<Traffic>) {
        let owners = design.map(Owners::of).unwrap_or_default();
        let table = kernel.connections().map(|table| table.map(|table| self.table(table)));
        let reader = Arc::clone(&self.reader);
        tokio::spawn(async move {
            let mut reader = reader.lock().await;
            // Whoever waited in vain has gone.
            if !reply.is_closed() {
                let answer = reader.read(&owners, table).await.map_err(|fault| unseen(&fault));
                drop(reply.send(answer));
            }
        });
    }

    /// Adds what is scarce to a status. Ports of one address can only be where there are as many connections.
    pub(super) fn complete(
        &self,
        mut status: Status,
        kernel: &Kernel,
        design: Option<&Design>,
        reply: Reply<Status>,
    ) {
        let table = kernel.connections().ok().flatten();
        let told = table.map(|Connections { count, most }| (self.alarm.level(), count, most));
        status.shortages.extend(told.and_then(alarm::of_connections));
        let shared = design.map(shared).unwrap_or_default();
        if shared.is_empty() || table.is_none_or(|table| alarm::roomy(table.count, napt_ports())) {
            drop(reply.send(Ok(status)));
            return;
        }
        let reader = Arc::clone(&self.reader);
        tokio::spawn(async move {
            match reader.lock().await.ports(shared.keys().copied()).await {
                Ok(ports) => status.shortages.extend(ports.iter().filter_map(|(global, ports)| {
                    alarm::of_ports(*global, ports.tcp.max(ports.udp), napt_ports())
                })),
                Err(fault) => status.fault = status.fault.or(Some(unseen(&fault))),
            }
            drop(reply.send(Ok(status)));
        });
    }

    fn table(&self, Connections { count, most }: Connections) -> ConnectionTable {
        ConnectionTable { count, most, fullness: self.alarm.level() }
    }
}

/// Sizes the table of connections by the box's memory, where it is the box's own.
pub(super) fn make_room(kernel: &Kernel) {
    let made = total_memory().and_then(|memory| {
        let entries = table_size(memory);
        kernel.make_room(entries).map(|made| (entries, made))
    });
    match made {
        Ok((entries, true)) => info!(entries, "sized the table of connections"),
        Ok((_, false)) => info!("the table of connections isn't this box's own to size"),
        Err(fault) => warn!(%fault, "the table of connections stays as the kernel made it"),
    }
}

/// How many ports a shared address has, of each protocol.
fn napt_ports() -> u64 {
    u64::from(NAPT_PORTS.end() - NAPT_PORTS.start()) + 1
}

/// Reads the counts and the connections, for one at a time.
struct Reader {
    meters: Meters,
    ports: Option<Taken>,
}

/// What a look through all connections showed.
struct Taken {
    ports: BTreeMap<Ipv4Addr, PortsInUse>,
    good_until: Instant,
}

impl Reader {
    async fn read(
        &mut self,
        owners: &Owners,
        table: Result<Option<ConnectionTable>, HostError>,
    ) -> Result<Traffic, HostError> {
        let table = table?;
        let metered = self.meters.read().await?;
        let ports = self.ports(owners.shared()).await?;
        Ok(owners.traffic(&metered, &ports, table))
    }

    async fn ports(
        &mut self,
        shared: impl Iterator<Item = Ipv4Addr>,
    ) -> Result<BTreeMap<Ipv4Addr, PortsInUse>, HostError> {
        let began = Instant::now();
        let mut ports = Ports::of(shared);
        if let Some(taken) = &self.ports
            && began < taken.good_until
            && ports.are_of(&taken.ports)
        {
            return Ok(taken.ports.clone());
        }
        each_flow(|flow| ports.note(flow)).await?;
        let (ports, now) = (ports.in_use(), Instant::now());
        let good_until = now + now.duration_since(began) * GOOD_FOR;
        self.ports = Some(Taken { ports: ports.clone(), good_until });
        Ok(ports)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use sekisho_control::{Phase, Scarce};
    use sekisho_host::Places;

    use super::*;

    fn status() -> Status {
        Status {
            version: String::new(),
            phase: Phase::Closed,
            generation: 0,
            awaiting: None,
            returned: None,
            storage: None,
            site: None,
            line: None,
            flow_log: None,
            collector: None,
            time: None,
            health: Vec::new(),
            processor: None,
            release: None,
            tunnel: None,
            ports: Vec::new(),
            shortages: Vec::new(),
            fault: None,
            refused: BTreeMap::new(),
            last_refusals: Vec::new(),
        }
    }

    /// A kernel whose table takes ten connections.
    fn kernel(settings: &Path) -> Kernel {
        fs::create_dir_all(settings.join("net/netfilter")).unwrap();
        fs::write(settings.join("net/netfilter/nf_conntrack_max"), "10\n").unwrap();
        let places = Places { settings: settings.to_owned(), ..Places::default() };
        Kernel::connect_with(places).unwrap()
    }

    #[tokio::test]
    async fn a_status_tells_of_the_alarm_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path());
        let mut counts = Counts::new(&kernel);
        let course = [
            (0, "7", Fullness::Roomy),
            (1000, "8", Fullness::Near),
            (1500, "3", Fullness::Near),
            (2000, "10", Fullness::Full),
            (3000, "3", Fullness::Roomy),
            (4000, "nonsense", Fullness::Roomy),
        ];
        for (now, count, fullness) in course {
            fs::write(folder.path().join("net/netfilter/nf_conntrack_count"), count).unwrap();
            counts.watch(&kernel, Duration::from_millis(now));
            assert_eq!(counts.alarm.level(), fullness, "{now}");
            let (reply, answer) = oneshot::channel();
            counts.complete(status(), &kernel, None, reply);
            let shortages = answer.await.unwrap().unwrap().shortages;
            let scarce: Vec<_> = shortages.iter().map(|shortage| shortage.of).collect();
            let expected = [Scarce::Connections];
            assert_eq!(scarce, expected[usize::from(fullness == Fullness::Roomy)..], "{now}");
        }
    }
}
