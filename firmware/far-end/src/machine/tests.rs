use std::{
    io::{Read, Write},
    path::Path,
};

use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RecordType},
};
use proptest::prelude::*;
use tokio_rustls::rustls::ClientConnection;

use super::*;
use crate::{tls, trust};
use client::Client;

#[path = "../../tests/far_end/client.rs"]
mod client;

const OFFICE: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 30);
const OWN: Ipv4Addr = Ipv4Addr::new(100, 72, 250, 1);
const ZONE: &str =
    "$ORIGIN platform.example.\n@ 60 IN SOA ns h 1 2 3 4 5\nweb 60 IN A 100.72.1.10\n";

/// A client and a machine with nothing between them, and a clock that runs as fast as it is asked.
struct Pair {
    client: Client,
    machine: Machine,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        let mut zones = Zones::default();
        zones.add(ZONE, Path::new("zone")).unwrap();
        let client = Client::new(OFFICE);
        let now = Instant::now();
        Self { client, machine: Machine::new(OWN, 1420, Arc::new(zones), 1, now), now }
    }

    /// One exchange, a millisecond long. Packets to the machine for which `lost` holds are lost.
    fn step(&mut self, lost: impl Fn(&[u8]) -> bool) {
        self.now += Duration::from_millis(1);
        self.client.poll(self.now);
        while let Some(packet) = self.client.take() {
            assert!(packet.len() <= 1420);
            if !lost(&packet) {
                self.machine.receive(self.now, &packet);
            }
        }
        self.machine.poll(self.now);
        while let Some(packet) = self.machine.transmit() {
            assert!(packet.len() <= 1420);
            self.client.give(&packet);
        }
        self.client.poll(self.now);
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..20_000 {
            if done(self) {
                return;
            }
            self.step(|_| false);
        }
        panic!("{what}: not within 20 s");
    }

    fn answer(&mut self, question: &[u8], to: &str) -> (Vec<u8>, IpEndpoint) {
        let handle = self.client.ask(question, to);
        let mut answer = None;
        self.until("answer", |pair| {
            answer = answer.take().or_else(|| pair.client.answer(handle));
            answer.is_some()
        });
        self.client.forget(handle);
        answer.unwrap()
    }

    fn outcome(&mut self, to: &str, lost: impl Fn(&[u8]) -> bool + Copy) -> (Outcome, Duration) {
        let started = self.now;
        let limit = Duration::from_secs(5);
        let id = self.machine.dial(self.now, to.parse().unwrap(), limit).unwrap();
        for _ in 0..6_000 {
            if let Some((ended, outcome)) = self.machine.outcomes().pop() {
                assert_eq!(ended, id);
                return (outcome, self.now - started);
            }
            self.step(lost);
        }
        panic!("no outcome within 6 s");
    }
}

#[test]
fn icmp_echo_is_answered_by_any_address() {
    let mut pair = Pair::new();
    for to in [Ipv4Addr::new(100, 72, 1, 10), Ipv4Addr::new(100, 73, 200, 3), OWN] {
        let handle = pair.client.ping(to);
        let mut from = None;
        pair.until("pong", |pair| {
            from = from.or(pair.client.pong(handle));
            from.is_some()
        });
        assert_eq!(from, Some(IpAddress::Ipv4(to)));
        pair.client.forget(handle);
    }
}

#[test]
fn tcp_echo_gives_everything_back_and_closes() {
    let mut pair = Pair::new();
    let handle = pair.client.connect(40_000, "100.72.1.10:7");
    let sent: Vec<u8> = (0..300_000_u32).map(|i| (i % 253) as u8).collect();
    let (mut offered, mut back) = (0, Vec::new());
    pair.until("echo", |pair| {
        let socket = pair.client.tcp(handle);
        offered += socket.send_slice(&sent[offered..]).unwrap_or(0);
        if offered == sent.len() {
            socket.close();
        }
        back.extend(pair.client.received(handle));
        back.len() == sent.len()
    });
    assert_eq!(back, sent);
    pair.until("close", |pair| pair.machine.connections() == 0);
}

#[test]
fn http_tells_the_source_that_it_saw() {
    let mut pair = Pair::new();
    let handle = pair.client.connect(40_001, "100.73.9.9:80");
    let mut answer = Vec::new();
    let mut asked = false;
    pair.until("answer", |pair| {
        if !asked && pair.client.tcp(handle).can_send() {
            asked = true;
            let request = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
            pair.client.tcp(handle).send_slice(request).unwrap();
        }
        answer.extend(pair.client.received(handle));
        pair.client.tcp(handle).state() == tcp::State::CloseWait
    });
    let text = String::from_utf8(answer).unwrap();
    assert!(text.ends_with("source 100.64.10.30:40001\ndestination 100.73.9.9:80\n"), "{text}");
}

#[test]
fn names_are_answered_from_the_address_that_was_asked() {
    let mut pair = Pair::new();
    let mut question = Message::query();
    let name = Name::from_ascii("web.platform.example.").unwrap();
    question.add_query(Query::query(name, RecordType::A));
    let (bytes, from) = pair.answer(&question.to_vec().unwrap(), "100.72.0.53:53");
    assert_eq!(from, IpEndpoint::new(IpAddress::v4(100, 72, 0, 53), 53));
    assert_eq!(Message::from_vec(&bytes).unwrap().answers[0].data.to_string(), "100.72.1.10");
}

#[test]
fn the_time_is_told_by_any_address() {
    let mut pair = Pair::new();
    pair.machine.offer_time(|| Duration::from_secs(1_700_000_000));
    let mut question = [0; ntp::LENGTH];
    question[0] = 4 << 3 | 3;
    for (to, address) in [
        ("100.72.0.53:123", IpAddress::v4(100, 72, 0, 53)),
        ("100.73.1.10:123", IpAddress::v4(100, 73, 1, 10)),
    ] {
        let (answer, from) = pair.answer(&question, to);
        assert_eq!(from, IpEndpoint::new(address, 123));
        let told = u32::from_be_bytes(*answer[40..].first_chunk().unwrap());
        assert_eq!(told, 1_700_000_000 + 2_208_988_800);
    }
}

#[test]
fn pages_are_shown_over_tls_too() {
    let mut pair = Pair::new();
    let server = tls::server(&trust::file("web.pem"), &trust::file("server.key")).unwrap();
    pair.machine.offer_https(server);
    let handle = pair.client.connect(40_002, "100.72.1.10:443");
    let name = "web.platform.example".try_into().unwrap();
    let mut tls = ClientConnection::new(trust::client(), name).unwrap();
    tls.writer().write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let (mut out, mut answer) = (Vec::new(), Vec::new());
    pair.until("answer", |pair| {
        while tls.wants_write() {
            tls.write_tls(&mut out).unwrap();
        }
        let sent = pair.client.tcp(handle).send_slice(&out).unwrap_or(0);
        out.drain(..sent);
        let received = pair.client.received(handle);
        let mut rest = received.as_slice();
        while !rest.is_empty() && tls.read_tls(&mut rest).unwrap() > 0 {
            tls.process_new_packets().unwrap();
        }
        let _ = tls.reader().read_to_end(&mut answer);
        pair.client.tcp(handle).state() == tcp::State::CloseWait
    });
    let text = String::from_utf8(answer).unwrap();
    assert!(text.ends_with("source 100.64.10.30:40002\ndestination 100.72.1.10:443\n"), "{text}");
    pair.client.tcp(handle).close();
    pair.until("close", |pair| pair.machine.connections() == 0);
}

#[test]
fn fifty_connections_to_one_port_at_once() {
    let mut pair = Pair::new();
    let handles: Vec<_> =
        (0..50).map(|i| pair.client.connect(41_000 + i, "100.72.1.10:7")).collect();
    let mut back = vec![Vec::new(); handles.len()];
    let mut asked = vec![false; handles.len()];
    pair.until("all echoes", |pair| {
        for (i, handle) in handles.iter().enumerate() {
            if !asked[i] && pair.client.tcp(*handle).can_send() {
                asked[i] = true;
                pair.client.tcp(*handle).send_slice(format!("client {i}").as_bytes()).unwrap();
            }
            back[i].extend(pair.client.received(*handle));
        }
        back.iter().enumerate().all(|(i, got)| *got == format!("client {i}").as_bytes())
    });
    assert_eq!(pair.machine.connections(), 50);
}

#[test]
fn another_port_is_refused_and_a_full_house_recovers() {
    let mut pair = Pair::new();
    let refused = pair.client.connect(42_000, "100.72.1.10:443");
    pair.until("reset", |pair| pair.client.tcp(refused).state() == tcp::State::Closed);
    assert_eq!(pair.machine.connections(), 0);

    let opening: u16 = 300;
    let handles: Vec<_> =
        (0..opening).map(|i| pair.client.connect(43_000 + i, "100.72.1.10:9")).collect();
    for _ in 0..50 {
        pair.step(|_| false);
    }
    assert_eq!(pair.machine.connections(), MAX_TALKS);
    for handle in handles {
        pair.client.tcp(handle).abort();
    }
    pair.until("empty house", |pair| pair.machine.connections() == 0);
}

#[test]
fn a_vanished_client_is_forgotten() {
    let mut pair = Pair::new();
    let handle = pair.client.connect(44_000, "100.72.1.10:7");
    pair.until("connection", |pair| pair.client.tcp(handle).can_send());
    let limit = PEER_LIMIT + 2 * KEEP_ALIVE;
    for _ in 0..limit.as_secs() {
        pair.now += Duration::from_secs(1);
        pair.machine.poll(pair.now);
        while pair.machine.transmit().is_some() {}
    }
    assert_eq!(pair.machine.connections(), 0);
}

#[test]
fn calls_end_as_the_other_side_answers() {
    let mut pair = Pair::new();
    let listener = pair.client.listen(443);
    assert_eq!(pair.outcome("100.64.10.30:443", |_| false).0, Outcome::Connected);
    pair.until("close", |pair| pair.client.tcp(listener).state() == tcp::State::CloseWait);
    assert_eq!(pair.outcome("100.64.10.30:444", |_| false).0, Outcome::Refused);
    assert_eq!(pair.outcome("100.64.10.30:0", |_| false).0, Outcome::Unreachable);
    let (outcome, took) = pair.outcome("100.64.10.99:443", |_| true);
    assert_eq!(outcome, Outcome::TimedOut);
    assert!((Duration::from_secs(5)..Duration::from_millis(5_100)).contains(&took), "{took:?}");
}

#[test]
fn calls_are_bounded_and_their_places_come_back() {
    let mut pair = Pair::new();
    let to: SocketAddrV4 = "100.64.10.99:443".parse().unwrap();
    let mut started = 0;
    while pair.machine.dial(pair.now, to, Duration::from_secs(1)).is_some() {
        started += 1;
        assert!(started <= 1_000);
    }
    let mut ended = 0;
    for _ in 0..1_100 {
        pair.step(|_| true);
        ended += pair.machine.outcomes().len();
    }
    assert_eq!(ended, started);
    assert!(pair.machine.dial(pair.now, to, Duration::from_secs(1)).is_some());
}

#[test]
fn it_asks_to_be_called_again_for_its_timers() {
    let mut pair = Pair::new();
    assert_eq!(pair.machine.delay(pair.now), None);
    pair.machine
        .dial(pair.now, "100.64.10.99:443".parse().unwrap(), Duration::from_secs(5))
        .unwrap();
    pair.machine.poll(pair.now);
    assert!(pair.machine.delay(pair.now).is_some_and(|delay| delay <= Duration::from_secs(5)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_packets_are_harmless(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..20),
    ) {
        let mut pair = Pair::new();
        for packet in packets {
            pair.machine.receive(pair.now, &packet);
        }
        pair.machine.poll(pair.now);
        prop_assert_eq!(pair.machine.connections(), 0);
    }

    #[test]
    fn damaged_openings_are_harmless(at in 0_usize..60, value: u8) {
        let mut pair = Pair::new();
        pair.client.connect(40_000, "100.72.1.10:7");
        pair.client.poll(pair.now);
        let mut opening = pair.client.take().unwrap();
        let at = at % opening.len();
        let changed = opening[at] != value;
        opening[at] = value;
        pair.machine.receive(pair.now, &opening);
        prop_assert_eq!(pair.machine.connections(), usize::from(!changed));
    }
}
