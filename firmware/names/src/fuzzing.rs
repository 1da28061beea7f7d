//! What fuzz targets feed, and nobody else uses: the entry of the listeners and the decision, without a network.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    sync::Arc,
};

use hickory_net::xfer::Protocol;
use hickory_proto::{rr::Name, serialize::binary::BinDecodable as _};
use sekisho_design::Lan;
use tokio::{runtime::Runtime, sync::Semaphore};

use crate::{
    Limits, Network, Setup, Way,
    core::Core,
    decide::{Decision, decide},
    serve::Desk,
    setup::Group,
};

/// Serves the head office, with servers that can't be reached.
pub struct Bench {
    runtime: Runtime,
    desk: Desk,
}

impl Bench {
    /// # Errors
    /// Where there is no runtime.
    pub fn new(setup: Setup) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let limits =
            Limits { per_client: u32::MAX / 4_000, cache_entries: 100, ..Limits::default() };
        let core = Arc::new(Core::new(Arc::new(Nowhere), setup, limits));
        let waiting = Arc::new(Semaphore::new(1));
        Ok(Self { runtime, desk: Desk { core, lan: Lan::HeadOffice, log: None, waiting } })
    }

    /// What a client is told that sends some bytes.
    pub fn handle(&self, bytes: &[u8], client: Ipv4Addr, by_tcp: bool) -> Option<Vec<u8>> {
        let protocol = if by_tcp { Protocol::Tcp } else { Protocol::Udp };
        self.runtime.block_on(self.desk.handle(bytes.to_vec(), (client, 40_000).into(), protocol))
    }
}

/// The rule that decides about a name as it stands on the wire, and the labels of the name; `None` where it is none.
pub fn decision(
    setup: &Setup,
    client: Ipv4Addr,
    name: &[u8],
    kind: u16,
) -> Option<(&'static str, Vec<Vec<u8>>)> {
    let name = Name::from_bytes(name).ok()?;
    let labels = name.iter().map(<[u8]>::to_ascii_lowercase).collect();
    let rule = match decide(setup, Lan::HeadOffice, client, &name, kind.into()) {
        Decision::Addresses(_) | Decision::Alias(_) | Decision::Names(_) => "static",
        Decision::Ask(Group::Platform(_)) => "platform",
        Decision::Ask(Group::Office(_)) => "office",
        Decision::Ask(Group::Lgwan) => "lgwan",
        Decision::Refuse(refusal) => refusal.as_str(),
    };
    Some((rule, labels))
}

/// A network without a way to anywhere.
struct Nowhere;

impl Network for Nowhere {
    fn listen_udp(&self, _: Lan) -> io::Result<UdpSocket> {
        Err(io::ErrorKind::NetworkUnreachable.into())
    }

    fn listen_tcp(&self, _: Lan) -> io::Result<TcpListener> {
        Err(io::ErrorKind::NetworkUnreachable.into())
    }

    fn udp(&self, _: Way) -> io::Result<UdpSocket> {
        Err(io::ErrorKind::NetworkUnreachable.into())
    }

    fn tcp(&self, _: Way) -> io::Result<TcpStream> {
        Err(io::ErrorKind::NetworkUnreachable.into())
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, ResponseCode};
    use sekisho_design::{Method, NameTarget};

    use super::*;
    use crate::sample::{TERMINAL, addresses, design, entry, name};

    const QUESTION: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0";

    fn asked(bench: &Bench, wire: &[u8]) -> Message {
        let bytes = [QUESTION, wire, b"\0\x01\0\x01"].concat();
        Message::from_vec(&bench.handle(&bytes, TERMINAL, false).unwrap()).unwrap()
    }

    #[test]
    fn without_a_network_static_names_are_answered_and_others_fail() {
        let bench = Bench::new(Setup::of(&design(Method::Device))).unwrap();
        let own = asked(&bench, b"\x04juki\x04city\x07example\0");
        assert_eq!((own.metadata.id, own.answers.len()), (0x1234, 1));
        for wire in [&b"\x03web\x08platform\x07example\0"[..], b"\x05other\x04city\x07example\0"] {
            assert_eq!(asked(&bench, wire).metadata.response_code, ResponseCode::ServFail);
        }
        assert_eq!(bench.handle(&QUESTION[..3], TERMINAL, true), None);
    }

    #[test]
    fn aliases_that_go_round_come_to_an_end() {
        let mut design = design(Method::Device);
        let alias = |text: &str| NameTarget::Alias(name(text));
        design.names.as_mut().unwrap().entries = vec![
            entry("a.example", &Lan::ALL, alias("b.example")),
            entry("b.example", &Lan::ALL, alias("a.example")),
            entry("end.example", &Lan::ALL, addresses(&["192.168.1.10"])),
        ];
        let bench = Bench::new(Setup::of(&design)).unwrap();
        let round = asked(&bench, b"\x01a\x07example\0");
        assert_eq!(round.metadata.response_code, ResponseCode::NoError);
        assert!((1..=9).contains(&round.answers.len()), "{round:?}");
    }
}
