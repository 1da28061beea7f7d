//! The responder without a TUN device, against a session of the device's kind, over UDP on loopback.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RecordType},
};
use sekisho_control::{CallOutcome, FarHalf};
use sekisho_far_end::{
    carrier::Carrier,
    check,
    dns::Zones,
    respond::{Behind, Config, Responder, Stopper},
};
use sekisho_tunnel::{SecretKey, TunnelError};
use smoltcp::wire::IpAddress;

use super::office::{LIMIT, Made, OFFICE, Office, is_over, socket};

const PROBE: Ipv4Addr = Ipv4Addr::new(100, 72, 250, 1);
const WEB: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);
const ZONE: &str =
    "$ORIGIN platform.example.\n@ 60 IN SOA ns h 1 2 3 4 5\nweb 60 IN A 100.72.1.10\n";

/// A centre that runs, and an office behind a session with it.
struct Pair {
    office: Office,
    dial_back: SocketAddr,
    stopper: Stopper,
    centre: Option<JoinHandle<Result<(), TunnelError>>>,
}

impl Pair {
    fn new(on_carrier: Option<String>) -> Self {
        Self::with(on_carrier, None)
    }

    /// Where there is a connection check, the office host is the device that may ask for it.
    fn with(on_carrier: Option<String>, check: Option<check::Config>) -> Self {
        let (centre_key, office_key) = (SecretKey::generate(), SecretKey::generate());
        let centre_public = centre_key.public();
        let mut zones = Zones::default();
        zones.add(ZONE, Path::new("zone")).unwrap();
        let responder = Responder::new(Config {
            secret: centre_key,
            peer: office_key.public(),
            listen: "127.0.0.1:0".parse().unwrap(),
            behind: Behind::Machine { zones, mtu: 1420, https: None },
            on_carrier,
            dial_back: Some("127.0.0.1:0".parse().unwrap()),
            address: Some(PROBE),
            device_address: check.is_some().then_some(OFFICE),
            check,
        })
        .unwrap();
        let centre = responder.address().unwrap();
        let dial_back = responder.dial_back_address().unwrap();
        let stopper = responder.stopper();
        let office = Office::new(&office_key, centre_public, centre);
        let centre = Some(std::thread::spawn(move || responder.run()));
        Self { office, dial_back, stopper, centre }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.stopper.stop();
        let started = Instant::now();
        let ended = self.centre.take().unwrap().join();
        if !std::thread::panicking() {
            assert!(matches!(ended, Ok(Ok(()))));
            assert!(started.elapsed() < LIMIT);
        }
    }
}

pub(super) fn dial_back(at: SocketAddr, body: &str) -> JoinHandle<String> {
    let length = body.len();
    let request = format!(
        "POST /dial-back HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
}

fn lines(path: &PathBuf) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn every_service_answers_through_the_tunnel() {
    let mut pair = Pair::new(None);
    let office = &mut pair.office;
    for to in [WEB, PROBE, Ipv4Addr::new(100, 73, 255, 254)] {
        office.ping(to);
    }
    let answer = office.converse(40_001, "100.72.1.10:80", b"GET / HTTP/1.1\r\n\r\n");
    let text = String::from_utf8(answer).unwrap();
    assert!(text.ends_with("source 100.64.10.11:40001\ndestination 100.72.1.10:80\n"), "{text}");

    let sent: Vec<u8> = (0..1_000_000_u32).flat_map(|i| u8::try_from(i % 251)).collect();
    assert!(office.converse(40_002, "100.73.1.10:7", &sent) == sent);
    assert!(office.converse(40_003, "100.73.1.10:9", &sent).is_empty());

    let mut question = Message::query();
    let name = Name::from_ascii("web.platform.example.").unwrap();
    question.add_query(Query::query(name, RecordType::A));
    let question = question.to_vec().unwrap();
    let handle = office.client.ask(&question, "100.72.0.53:53");
    let (answer, from) = office.until("answer", |office| office.client.answer(handle));
    assert_eq!(from.addr, IpAddress::v4(100, 72, 0, 53));
    assert_eq!(Message::from_vec(&answer).unwrap().answers[0].data.to_string(), "100.72.1.10");

    office.client.forget(handle);
    let mut asking = [0; 48];
    asking[0] = 4 << 3 | 3;
    let handle = office.client.ask(&asking, "100.72.0.53:123");
    let (answer, _) = office.until("the time", |office| office.client.answer(handle));
    assert_eq!((answer.len(), answer[0]), (48, 4 << 3 | 4));

    let mut framed = u16::try_from(question.len()).unwrap().to_be_bytes().to_vec();
    framed.extend_from_slice(&question);
    let answer = office.converse(40_004, "100.72.0.53:53", &framed);
    assert_eq!(Message::from_vec(&answer[2..]).unwrap().answers.len(), 1);
}

#[test]
fn fifty_connections_at_once() {
    let mut pair = Pair::new(None);
    let office = &mut pair.office;
    let handles: Vec<_> =
        (0..50).map(|i| office.client.connect(41_000 + i, "100.72.1.10:7")).collect();
    let mut back = vec![Vec::new(); handles.len()];
    office.until("all echoes", |office| {
        for (i, handle) in handles.iter().enumerate() {
            let socket = office.client.tcp(*handle);
            if socket.can_send() {
                socket.send_slice(format!("client {i}").as_bytes()).unwrap();
                socket.close();
            }
            back[i].extend(office.client.received(*handle));
        }
        handles.iter().all(|handle| is_over(office, *handle)).then_some(())
    });
    for (i, back) in back.iter().enumerate() {
        assert_eq!(*back, format!("client {i}").as_bytes());
    }
}

/// A connection check's request.
pub(super) fn check_request(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /connection-check HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").into()
}

/// What is answered to it.
pub(super) fn half(answer: &[u8]) -> FarHalf {
    let answer = str::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    serde_json::from_str(body).unwrap()
}

#[test]
fn the_device_asks_for_a_connection_check_inside_the_tunnel() {
    let pool = vec!["100.64.10.0/24".parse().unwrap()];
    let config = check::Config { port: 8443, pool, reports: None };
    let mut pair = Pair::with(None, Some(config));
    pair.office.client.listen(443);
    let body = r#"{"test-number":"2026-0142","calls":[
        {"to":"100.64.10.11:443","declared":true},
        {"to":"100.64.10.11:444","declared":false},
        {"to":"100.64.10.99:443","declared":true}]}"#;
    let answer = pair.office.converse(40_001, "100.72.250.1:8443", &check_request(body));
    let half = half(&answer);
    assert_eq!((half.test_number.to_string(), half.from), ("2026-0142".to_owned(), PROBE));
    let outcomes: Vec<_> = half.calls.iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [CallOutcome::Connected, CallOutcome::Refused, CallOutcome::TimedOut]);
    assert!(half.calls[2].milliseconds >= 2_000);

    // Nowhere else, and nothing else.
    let elsewhere = pair.office.converse(40_002, "100.72.1.10:8443", &check_request(body));
    assert!(elsewhere.is_empty());
    let outside = r#"{"calls":[{"to":"100.72.1.10:80","declared":true}]}"#;
    for (port, request, status) in [
        (40_003, check_request(outside), "400"),
        (40_004, vec![1, b'\r', b'\n', b'\r', b'\n'], "400"),
        (40_005, b"GET / HTTP/1.0\r\n\r\n".to_vec(), "404"),
    ] {
        let answer = pair.office.converse(port, "100.72.250.1:8443", &request);
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[test]
fn dial_back_tells_what_became_of_the_call() {
    let mut pair = Pair::new(None);
    pair.office.ping(PROBE);
    let listener = pair.office.client.listen(443);
    // Address and port, outcome. The client at .11 answers for itself only.
    for (to, limit, outcome) in [
        ("100.64.10.11:443", 5_000, "connected"),
        ("100.64.10.11:444", 5_000, "refused"),
        ("100.64.10.99:443", 300, "timed-out"),
    ] {
        let answer = dial_back(pair.dial_back, &format!(r#"{{"to":"{to}","limit-ms":{limit}}}"#));
        pair.office.until("outcome", |_| answer.is_finished().then_some(()));
        let answer = answer.join().unwrap();
        assert!(answer.contains(&format!(r#""outcome":"{outcome}""#)), "{to}: {answer}");
        assert!(answer.contains(r#""milliseconds":"#));
    }
    let remote = pair.office.client.tcp(listener).remote_endpoint().map(|end| end.addr);
    assert!(remote.is_none_or(|address| address == IpAddress::Ipv4(PROBE)));
}

#[test]
fn garbage_and_replays_change_nothing() {
    let mut pair = Pair::new(None);
    pair.office.ping(WEB);
    let stranger = socket();
    let mut garbage = vec![0_u8; 1500];
    for i in 0..20_000_usize {
        let length = i * 7 % garbage.len();
        garbage[0] = u8::try_from(i % 6).unwrap();
        garbage[length / 2] = garbage[length / 2].wrapping_add(1);
        let _ = stranger.send_to(&garbage[..length], pair.office.centre);
        // A socket that is full would lose what is real, too.
        if i % 64 == 0 {
            pair.office.ping(WEB);
        }
    }
    // A real datagram, first from a stranger's port after it has been seen from ours.
    let mut made = Made::default();
    let handle = pair.office.client.ping(WEB);
    pair.office.client.poll(Instant::now());
    let packet = pair.office.client.take().unwrap();
    pair.office.session.seal(Instant::now(), &packet, &mut made);
    pair.office.socket.send_to(&made.datagrams[0], pair.office.centre).unwrap();
    pair.office.until("pong", |office| office.client.pong(handle));
    pair.office.client.forget(handle);
    stranger.send_to(&made.datagrams[0], pair.office.centre).unwrap();
    for _ in 0..5 {
        pair.office.ping(WEB);
    }
    assert!(stranger.recv_from(&mut [0; 2048]).is_err(), "a stranger got an answer");
}

#[test]
fn the_device_is_followed_to_another_address() {
    let mut pair = Pair::new(None);
    pair.office.ping(WEB);
    pair.office.socket = socket();
    pair.office.ping(WEB);
}

#[test]
fn carrying_is_announced_once_and_again_after_silence() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut pair = Pair::new(Some(format!("sleep 0.1; echo carrying >> '{}'", log.display())));
    let office = &mut pair.office;
    for _ in 0..3 {
        office.ping(PROBE);
    }
    assert_eq!(lines(&log), 0);
    // The first packet waits for the command.
    let first = office.ping(WEB);
    assert!(first >= Duration::from_millis(100), "{first:?}");
    office.until("announcement", |_| (lines(&log) == 1).then_some(()));
    for _ in 0..3 {
        office.ping(WEB);
    }
    let silence = Instant::now() + Carrier::SILENCE + Duration::from_millis(50);
    office.until("silence", |_| (Instant::now() > silence).then_some(()));
    assert_eq!(lines(&log), 1);
    office.ping(WEB);
    office.until("announcement", |_| (lines(&log) == 2).then_some(()));
}

#[test]
fn a_command_that_hangs_delays_packets_but_little() {
    let mut pair = Pair::new(Some("sleep 60".to_owned()));
    pair.office.ping(PROBE);
    let first = pair.office.ping(WEB);
    assert!((Carrier::HOLD..LIMIT).contains(&first), "{first:?}");
    pair.office.ping(WEB);
    // Dropping the pair checks that it ends without waiting for the command.
}

#[test]
fn what_is_in_the_way_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = UdpSocket::bind(taken).unwrap();
    let config = |listen, behind, dial_back, address| Config {
        secret: SecretKey::generate(),
        peer: SecretKey::generate().public(),
        listen,
        behind,
        on_carrier: None,
        dial_back,
        address,
        device_address: None,
        check: None,
    };
    let machine = || Behind::Machine { zones: Zones::default(), mtu: 1420, https: None };
    let refusal = |config| format!("{:#}", Responder::new(config).err().unwrap());
    let error = refusal(config(taken, machine(), None, None));
    assert!(error.contains(&format!("listen on UDP {taken}")), "{error}");
    drop(holder);

    let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let error = refusal(config(free, Behind::Kernel("no-such-tun".to_owned()), None, None));
    assert!(error.contains("--tun no-such-tun") && error.contains("ip tuntap add"), "{error}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = listener.local_addr().unwrap();
    let error = refusal(config(free, machine(), Some(busy), Some(PROBE)));
    assert!(error.contains(&format!("listen on TCP {busy} for --dial-back")), "{error}");
    let error = refusal(config(free, machine(), Some(free), None));
    assert!(error.contains("--dial-back needs --address"), "{error}");
}
