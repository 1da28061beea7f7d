//! What is so when a test begins: all that the daemon knows without asking anybody.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use sekisho_control::{Phase, Status};
use sekisho_design::{Design, Language, Name};
use sekisho_host::{Kernel, Transport, files};
use sekisho_plan::{
    KernelState, deviations,
    ruleset::TUNNEL_PORT,
    trace::{Opening, Outcome, Question, Side, Tracer},
};
use sekisho_selftest::{
    device::{open_sockets, rtc, slot},
    probe::{Known, Seen},
};
use sekisho_tunnel::{Tap, TapPackets};

use super::super::effects::scope;

/// Where the kernel lists sockets, for this network namespace.
const SOCKETS: &str = "/proc/self/net";

/// The clock that runs on while the box is off.
const RTC: &str = "/sys/class/rtc/rtc0";

/// What the kernel was started with.
const COMMAND_LINE: &str = "/proc/cmdline";
const LONGEST_COMMAND_LINE: u64 = 1 << 14;

/// What a test begins with.
pub(in crate::daemon) struct Given {
    /// The design in force, as it is now.
    pub(in crate::daemon) design: Option<Design>,
    /// How the device is.
    pub(in crate::daemon) status: Status,
    /// SHA-256 of the files in force.
    pub(in crate::daemon) design_hash: Option<String>,
    /// How the kernel is, and what it lets in.
    pub(in crate::daemon) held: Held,
    /// Why the tunnel isn't served; nothing where it is.
    pub(in crate::daemon) tunnel_fault: Option<String>,
    /// A way to speak inside the tunnel; the light look has none.
    pub(in crate::daemon) tap: Option<(Tap, TapPackets)>,
    /// Where designs are kept.
    pub(in crate::daemon) state: PathBuf,
}

/// How the kernel is at one moment.
pub(in crate::daemon) struct Held {
    /// What differs from the design.
    kernel: Seen,
    /// What LGWAN reaches besides the tunnel.
    open: Seen,
}

/// Looks at the kernel.
pub(in crate::daemon) async fn held(
    kernel: &Kernel,
    in_force: Option<(&Design, &KernelState)>,
) -> Held {
    let Some((design, state)) = in_force else {
        return Held { kernel: Seen::Absent, open: Seen::Absent };
    };
    match kernel.observe(&scope(state, [])).await {
        Ok(observed) => {
            let found = deviations(&observed, state);
            let said = found.iter().map(|deviation| deviation.sentence(Language::English));
            let what: Vec<_> = said.collect();
            let kernel = if what.is_empty() { Seen::Fine } else { Seen::Wrong { what } };
            Held { kernel, open: open(design, observed) }
        }
        Err(fault) => {
            let why = fault.to_string();
            Held { kernel: Seen::Unable { why: why.clone() }, open: Seen::Unable { why } }
        }
    }
}

/// Which of the sockets that listen would take a packet from LGWAN, by the rules that the kernel holds.
fn open(design: &Design, observed: KernelState) -> Seen {
    let unable = |why: String| Seen::Unable { why };
    let tracer = match Tracer::over(design, observed) {
        Ok(tracer) => tracer,
        Err(fault) => return unable(fault.to_string()),
    };
    let sockets = match open_sockets(Path::new(SOCKETS)) {
        Ok(sockets) => sockets,
        Err(why) => return unable(why),
    };
    let (from, own) = (design.lgwan.gateway, design.lgwan.address.address());
    let mut open = Vec::new();
    for (transport, at) in sockets {
        let opening = match transport {
            Transport::Tcp => Opening::Tcp(at.port()),
            Transport::Udp => Opening::Udp(at.port()),
        };
        let here = *at.ip() == own || *at.ip() == Ipv4Addr::UNSPECIFIED;
        if !here || opening == Opening::Udp(TUNNEL_PORT) {
            continue;
        }
        match tracer.trace(&Question { side: Side::Lgwan, from, to: own, opening }) {
            Ok(trace) if trace.outcome == Outcome::Device => open.push(word(opening)),
            Ok(_) => {}
            Err(fault) => return unable(fault.to_string()),
        }
    }
    open.sort_unstable();
    open.dedup();
    Seen::Open(open)
}

fn word(opening: Opening) -> String {
    match opening {
        Opening::Tcp(port) => format!("tcp/{port}"),
        Opening::Udp(port) => format!("udp/{port}"),
        Opening::Echo => "icmp-echo".to_owned(),
    }
}

impl Given {
    /// The design in force.
    pub(super) fn design(&self) -> Option<&Design> {
        self.design.as_ref()
    }

    /// The centre that carries.
    pub(super) fn carrier(&self) -> Option<&Name> {
        self.status.tunnel.as_ref()?.carrier.as_ref()
    }

    /// What the daemon knows.
    pub(super) fn know(&self, known: &Known) -> Seen {
        let status = &self.status;
        match known {
            Known::Design => self.in_force(),
            Known::Kernel => self.held.kernel.clone(),
            Known::Open => self.held.open.clone(),
            Known::Sensor(of) => {
                let readings = status.health.iter().filter(|reading| reading.of == *of);
                Seen::Readings(readings.cloned().collect())
            }
            Known::Clock => status.time.clone().map_or(Seen::Absent, |time| Seen::Clock {
                status: time,
                now: Timestamp::now(),
                floor: status.release.as_ref().and_then(|release| release.built),
            }),
            Known::Rtc => rtc(Path::new(RTC), Timestamp::now()),
            Known::Slot => self.slot(),
            Known::TunnelDevice => match &self.tunnel_fault {
                None => Seen::Fine,
                Some(fault) => Seen::Wrong { what: vec![fault.clone()] },
            },
            Known::Centre(name) => {
                let mut centres = status.tunnel.iter().flat_map(|tunnel| &tunnel.centres);
                let status = centres.find(|centre| centre.name == *name).cloned();
                Seen::Centre { status, carries: self.carrier() == Some(name) }
            }
            Known::Carrier => Seen::Carrier(self.carrier().cloned()),
        }
    }

    fn slot(&self) -> Seen {
        let version = self.status.release.as_ref().map_or(&self.status.version, |of| &of.version);
        match files::read(Path::new(COMMAND_LINE), LONGEST_COMMAND_LINE) {
            Ok(line) => slot(&String::from_utf8_lossy(&line), version),
            Err(fault) => Seen::Unable { why: fault.to_string() },
        }
    }

    fn in_force(&self) -> Seen {
        let Status { phase, generation, storage, awaiting, .. } = &self.status;
        let fault = match phase {
            Phase::Closed | Phase::InForce => storage.as_ref(),
            Phase::Faulty { fault } | Phase::RollbackFailed { fault } => Some(fault),
        };
        Seen::Design {
            generation: *generation,
            fault: fault.map(ToString::to_string),
            awaiting: awaiting.is_some(),
        }
    }
}
