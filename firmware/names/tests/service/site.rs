//! The first sample with its addresses on the loopback interface of a namespace, and its design with some more names.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
};

use libtest_mimic::Trial;
use sekisho_design::{
    Design, DnsName, Lan, Method, NameEntry, NameTarget, Names, Source, Sources, Trust, check,
};
use sekisho_names::{Network, Way};
use socket2::{Domain, Socket, Type};

use crate::namespace::{shell, trial};

/// A terminal of the head office.
pub(crate) const TERMINAL: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);
/// A terminal of the education board.
pub(crate) const SCHOOL: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 100);
/// Registered nowhere.
pub(crate) const STRANGER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 200);
/// The platform's servers.
pub(crate) const EAST: Ipv4Addr = Ipv4Addr::new(100, 72, 0, 53);
pub(crate) const WEST: Ipv4Addr = Ipv4Addr::new(100, 72, 0, 54);
/// The DNS server of the head office.
pub(crate) const OFFICE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 53);
/// LGWAN's.
pub(crate) const LGWAN: Ipv4Addr = Ipv4Addr::new(198, 18, 2, 53);

/// A test that blocks its thread; all its waits are bounded.
pub(crate) fn blocking(name: &'static str, body: fn()) -> Trial {
    trial(name, move || async move {
        lay();
        body();
    })
}

/// Gives the namespace all addresses of the sample.
pub(crate) fn lay() {
    let here = ["192.168.1.1", "192.168.2.1", "198.18.1.2", "100.64.10.1"];
    let there = [TERMINAL, SCHOOL, STRANGER, EAST, WEST, OFFICE, LGWAN].map(|it| it.to_string());
    let add = |address: &str| format!("ip address add {address}/32 dev lo; ");
    let here: String = here.into_iter().map(add).collect();
    let there: String = there.iter().map(|address| add(address)).collect();
    shell(&format!("ip link set lo up; {here}{there}"));
}

/// The first sample with another method, more static entries and an outside network that is declared.
pub(crate) fn design(method: Method) -> Design {
    let site = include_bytes!("../../../../config-samples/1-office/site.toml");
    let profile = include_bytes!("../../../../config-samples/1-office/platform-profile.toml");
    let operator = include_str!("../../../../tests/lab/keys/operator.pub").trim().parse().unwrap();
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site },
        profile: Source { name: "platform-profile.toml", bytes: profile },
    };
    let mut design = check(&sources, &Trust { operator, in_force: None }).unwrap().design;
    let head_office = [Lan::HeadOffice];
    let addresses = |texts: &[&str]| {
        NameTarget::Addresses(texts.iter().map(|it| it.parse().unwrap()).collect())
    };
    let alias = |text: &str| NameTarget::Alias(name(text));
    let entry = |text: &str, lans: &[Lan], target| NameEntry {
        name: name(text),
        lans: lans.to_vec(),
        target,
    };
    let entries = vec![
        entry("juki.city.example", &Lan::ALL, addresses(&["192.168.1.10"])),
        entry("own.city.example", &head_office, addresses(&["192.168.1.11", "100.64.10.12"])),
        entry("www.city.example", &Lan::ALL, alias("juki.city.example")),
        entry("portal.city.example", &Lan::ALL, alias("web.platform.example")),
    ];
    design.names = Some(Names {
        method,
        office_dns: [(Lan::HeadOffice, vec![OFFICE])].into(),
        rewrite_own: true,
        outside_answers: vec!["203.0.113.0/28".parse().unwrap()],
        query_log_days: None,
        entries,
    });
    design
}

pub(crate) fn name(text: &str) -> DnsName {
    text.parse().unwrap()
}

/// Where a LAN's clients ask.
pub(crate) fn listener(lan: Lan) -> SocketAddr {
    let address = match lan {
        Lan::HeadOffice => [192, 168, 1, 1],
        Lan::EducationBoard => [192, 168, 2, 1],
    };
    (address, 53).into()
}

/// The sockets of the namespace.
pub(crate) struct Sockets;

impl Network for Sockets {
    fn listen_udp(&self, lan: Lan) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(listener(lan))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    fn listen_tcp(&self, lan: Lan) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(listener(lan))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    fn udp(&self, way: Way) -> io::Result<UdpSocket> {
        Ok(socket(way, Type::DGRAM)?.into())
    }

    fn tcp(&self, way: Way) -> io::Result<TcpStream> {
        Ok(socket(way, Type::STREAM)?.into())
    }
}

fn socket(way: Way, kind: Type) -> io::Result<Socket> {
    let source: Ipv4Addr = match way {
        Way::Platform => Ipv4Addr::new(100, 64, 10, 1),
        Way::Lgwan => Ipv4Addr::new(198, 18, 1, 2),
        Way::Office(Lan::HeadOffice) => Ipv4Addr::new(192, 168, 1, 1),
        Way::Office(Lan::EducationBoard) => Ipv4Addr::new(192, 168, 2, 1),
    };
    let socket = Socket::new(Domain::IPV4, kind, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    Ok(socket)
}
