//! The device's side of a tunnel with an office host behind it, on UDP over loopback.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use sekisho_design::PublicKey;
use sekisho_tunnel::{Opened, Outbox, SecretKey, Session, TypeOfService};
use smoltcp::{iface::SocketHandle, socket::tcp, wire::IpAddress};

use super::client::Client;

/// The host's address on the platform.
pub(super) const OFFICE: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 11);
pub(super) const LIMIT: Duration = Duration::from_secs(20);

pub(super) struct Office {
    pub(super) client: Client,
    pub(super) session: Session,
    pub(super) socket: UdpSocket,
    pub(super) centre: SocketAddr,
    next_tick: Instant,
    opened: usize,
}

#[derive(Default)]
pub(super) struct Made {
    pub(super) datagrams: Vec<Vec<u8>>,
    packets: Vec<Vec<u8>>,
}

impl Outbox for Made {
    fn network(&mut self, datagram: &[u8], _: TypeOfService) {
        self.datagrams.push(datagram.to_vec());
    }

    fn tunnel(&mut self, packet: &[u8]) {
        self.packets.push(packet.to_vec());
    }
}

impl Office {
    pub(super) fn new(key: &SecretKey, centre_key: PublicKey, centre: SocketAddr) -> Self {
        Self {
            client: Client::new(OFFICE),
            session: Session::new(key, centre_key, 9, None),
            socket: socket(),
            centre,
            next_tick: Instant::now(),
            opened: 0,
        }
    }

    fn step(&mut self) {
        let now = Instant::now();
        self.client.poll(now);
        let mut made = Made::default();
        while let Some(packet) = self.client.take() {
            self.session.seal(now, &packet, &mut made);
        }
        if now >= self.next_tick {
            self.next_tick = now + Session::TICK;
            self.session.tick(now, &mut made);
        }
        let mut bytes = [0; 2048];
        while let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            assert_eq!(from, self.centre);
            let opened = self.session.open(now, from.ip(), &bytes[..length], &mut made);
            self.opened += usize::from(opened == Opened::Data);
        }
        for datagram in made.datagrams {
            self.socket.send_to(&datagram, self.centre).unwrap();
        }
        for packet in made.packets {
            self.client.give(&packet);
        }
        self.client.poll(Instant::now());
    }

    pub(super) fn until<T>(
        &mut self,
        what: &str,
        mut done: impl FnMut(&mut Self) -> Option<T>,
    ) -> T {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            self.step();
            if let Some(value) = done(self) {
                return value;
            }
        }
        panic!("{what}: not within {LIMIT:?}");
    }

    pub(super) fn ping(&mut self, to: Ipv4Addr) -> Duration {
        let started = Instant::now();
        let handle = self.client.ping(to);
        let from = self.until("pong", |office| office.client.pong(handle));
        self.client.forget(handle);
        assert_eq!(from, IpAddress::Ipv4(to));
        started.elapsed()
    }

    /// Sends a request, closes, and reads until the other side has closed.
    pub(super) fn converse(&mut self, port: u16, to: &str, request: &[u8]) -> Vec<u8> {
        let handle = self.client.connect(port, to);
        let (mut offered, mut answer) = (0, Vec::new());
        self.until("conversation", |office| {
            let socket = office.client.tcp(handle);
            offered += socket.send_slice(&request[offered..]).unwrap_or(0);
            if offered == request.len() {
                socket.close();
            }
            answer.extend(office.client.received(handle));
            is_over(office, handle).then_some(())
        });
        answer
    }
}

pub(super) fn is_over(office: &mut Office, handle: SocketHandle) -> bool {
    matches!(office.client.tcp(handle).state(), tcp::State::TimeWait | tcp::State::Closed)
}

pub(super) fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    socket
}
