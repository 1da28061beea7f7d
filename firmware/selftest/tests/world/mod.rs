//! A world for probes: everything works, but for what a test says.

#[path = "../../../plan/tests/common/sample.rs"]
mod sample;

use std::{
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use sekisho_control::{CallOutcome, CentreStatus, FarCall, FarHalf, TimeStatus};
use sekisho_design::{Both, Design, Name};
use sekisho_plan::ports::Mac;
use sekisho_selftest::{
    Prober,
    probe::{
        Answer, Ask, Certificate, Known, Link, Probe, Question, Said, Seen, Tls, TlsFault, Way,
    },
};

type Condition = Box<dyn Fn(&Probe) -> bool + Send + Sync>;

pub(crate) struct World {
    /// The latest counts.
    exceptions: Vec<(Condition, Seen)>,
    hanging: Option<Condition>,
    asked: Mutex<Vec<Probe>>,
}

impl World {
    pub(crate) fn healthy() -> Self {
        Self { exceptions: Vec::new(), hanging: None, asked: Mutex::default() }
    }

    pub(crate) fn but(
        mut self,
        when: impl Fn(&Probe) -> bool + Send + Sync + 'static,
        seen: Seen,
    ) -> Self {
        self.exceptions.push((Box::new(when), seen));
        self
    }

    pub(crate) fn hanging(mut self, when: impl Fn(&Probe) -> bool + Send + Sync + 'static) -> Self {
        self.hanging = Some(Box::new(when));
        self
    }

    pub(crate) fn asked(&self) -> Vec<Probe> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Prober for World {
    async fn probe(&self, probe: &Probe) -> Seen {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(probe.clone());
        if self.hanging.as_ref().is_some_and(|hangs| hangs(probe)) {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        let exception = self.exceptions.iter().rev().find(|(when, _)| when(probe));
        exception.map_or_else(|| well(probe), |(_, seen)| seen.clone())
    }
}

fn well(probe: &Probe) -> Seen {
    match probe {
        Probe::Known(Known::Design) => Seen::Design { generation: 3, fault: None, awaiting: false },
        Probe::Known(Known::Sensor(_)) => Seen::Readings(Vec::new()),
        Probe::Known(Known::Clock) => Seen::Clock {
            status: TimeStatus {
                synchronised: true,
                ever: true,
                for_s: 100,
                error_us: Some(900),
                servers: Vec::new(),
                sentence: Both {
                    ja: "合っています。".to_owned(), en: "It is led.".to_owned()
                },
                way_out: None,
                fault: None,
            },
            now: Timestamp::now(),
            floor: None,
        },
        Probe::Known(Known::Rtc) => Seen::Rtc { ahead_s: 1 },
        Probe::Known(Known::Slot) => Seen::Absent,
        Probe::Known(Known::Centre(name)) => centre_of(name.as_str() == "east", true, None),
        Probe::Known(Known::Carrier) => Seen::Carrier(Some(east())),
        Probe::Known(Known::Open) => Seen::Open(Vec::new()),
        Probe::Known(Known::Kernel | Known::TunnelDevice)
        | Probe::DiskWrite
        | Probe::Crypto
        | Probe::Loop => Seen::Fine,
        Probe::Link { .. } => Seen::Link(link()),
        Probe::Holder { .. } => Seen::Holder(None),
        // Nobody is on a wire where he doesn't belong.
        Probe::Arp { from, .. } => Seen::Holder((!from.is_unspecified()).then(mac)),
        Probe::Routers { from, .. } => {
            Seen::Routers { hosts: vec![from.address()], lead: Vec::new() }
        }
        Probe::Ask(ask) => well_asked(ask),
        Probe::PathMtu { most, .. } => Seen::PathMtu(Some(*most)),
        Probe::Echoes { count, .. } => Seen::Echoes {
            sent: *count,
            round_trips: vec![Duration::from_millis(2); usize::from(*count)],
        },
        Probe::DialBack { calls, from, .. } => {
            let calls = calls.iter().map(|(to, declared)| FarCall {
                to: *to,
                declared: *declared,
                outcome: if *declared { CallOutcome::Connected } else { CallOutcome::TimedOut },
                milliseconds: 3,
            });
            Seen::DialBack(FarHalf {
                test_number: "F-1".parse().unwrap(),
                at: Timestamp::now(),
                from: *from,
                calls: calls.collect(),
            })
        }
        Probe::FailOver => Seen::FailOver {
            from: east(),
            to: Some("west".parse().unwrap()),
            gap: Duration::from_millis(300),
            back: true,
        },
        Probe::Load { most, .. } => Seen::Load { up: *most, down: *most, idle: None, loaded: None },
    }
}

fn well_asked(ask: &Ask) -> Seen {
    match (&ask.way, &ask.question) {
        // The box's rules refuse what the design doesn't admit.
        (Way::Office { .. }, Question::Tcp { .. }) => silent(),
        (Way::Office { .. }, Question::Tls { .. }) => {
            let last = ask.to.octets()[3];
            let name = if last == 11 { "juki.city.example" } else { "atena.city.example" };
            good(Said::Tls(tls(name, None)))
        }
        (_, Question::Echo | Question::Tcp { .. }) => good(Said::Here),
        (_, Question::Banner { .. }) => good(Said::Banner(String::new())),
        (_, Question::Tls { name, .. }) => {
            let name = name.clone().unwrap_or_default();
            good(Said::Http(200, Some(tls(&name, None))))
        }
        (_, Question::Http { .. }) => good(Said::Http(200, None)),
        (_, Question::Closed { .. }) => Seen::Answer(Answer::Icmp {
            by: ask.to,
            kind: 3,
            code: 3,
            after: Duration::from_millis(1),
        }),
        (_, Question::Dns { .. }) => {
            good(Said::Names { code: 0, addresses: vec![address("100.72.1.10")] })
        }
        (_, Question::Ntp) => good(Said::Time { offset_ms: 3, stratum: 2 }),
    }
}

pub(crate) fn good(said: Said) -> Seen {
    Seen::Answer(Answer::Good { after: Duration::from_millis(1), said })
}

pub(crate) fn silent() -> Seen {
    Seen::Answer(Answer::Silent { sought: None })
}

pub(crate) fn link() -> Link {
    let (speed, full_duplex) = (Some(1000), Some(true));
    Link { present: true, up: true, carrier: true, speed, full_duplex, ..Link::default() }
}

pub(crate) fn tls(name: &str, fault: Option<TlsFault>) -> Tls {
    let own = Certificate {
        subject: name.to_owned(),
        names: vec![name.to_owned()],
        issuer: "Authority".to_owned(),
        from: "2015-01-01T00:00:00Z".parse().unwrap(),
        until: "2045-01-01T00:00:00Z".parse().unwrap(),
        fingerprint: "00:11:22:33:44:55:66:77".to_owned(),
    };
    Tls { chain: vec![own], fault, version: "TLSv1.3".to_owned() }
}

/// The centre that carries, alive or not, with somebody else's session seen so many seconds ago.
pub(crate) fn centre(alive: bool, rival_age_s: Option<u64>) -> Seen {
    centre_of(true, alive, rival_age_s)
}

fn centre_of(carries: bool, alive: bool, rival_age_s: Option<u64>) -> Seen {
    let status = CentreStatus {
        name: east(),
        host: None,
        endpoint: None,
        alive,
        round_trip_us: Some(900),
        handshake_age_s: Some(20),
        carries: Some(1420),
        rival_age_s,
        received: 0,
        sent: 0,
        rejected: 0,
    };
    Seen::Centre { status: Some(status), carries }
}

pub(crate) fn east() -> Name {
    "east".parse().unwrap()
}

pub(crate) fn mac() -> Mac {
    Mac([2, 0, 0, 0, 0, 7])
}

pub(crate) fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// The first sample: an office with servers and terminals on two LANs.
pub(crate) fn design() -> Design {
    sample::sample("1-office")
}
