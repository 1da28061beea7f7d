use std::{
    any::Any,
    collections::HashMap,
    path::Path as FilePath,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use sekisho_far_end::{dns::Zones, machine::Machine};
use sekisho_tunnel::{TapFlow, TunnelError};
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
};

use super::*;
use crate::probe::Seen;

const SERVER: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 11);
const PLATFORM: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);
const ROUTER: Ipv4Addr = Ipv4Addr::new(100, 72, 0, 1);
const MTU: u16 = 1420;
const ZONE: &str =
    "$ORIGIN platform.example.\n@ 60 IN SOA ns h 1 2 3 4 5\nweb 60 IN A 100.72.1.10\n";

type Flows = Arc<Mutex<HashMap<TapFlow, usize>>>;

/// What happens to a packet on its way to the platform.
enum Fate {
    Arrives,
    Lost,
    /// A router says so instead.
    Forbidden,
}

type Judge = Box<dyn Fn(&Side, &[u8]) -> Fate + Send + Sync>;

/// A tunnel in memory: the answering machine of the far end behind it.
struct Memory {
    judge: Judge,
    to_machine: mpsc::UnboundedSender<Vec<u8>>,
    to_stack: mpsc::Sender<Vec<u8>>,
    flows: Flows,
}

struct Guard(Flows, TapFlow);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock().unwrap().remove(&self.1);
    }
}

impl Link for Memory {
    fn send(&self, side: &Side, packets: &[Vec<u8>]) -> Result<(), TunnelError> {
        for packet in packets {
            match (self.judge)(side, packet) {
                Fate::Arrives => drop(self.to_machine.send(packet.clone())),
                Fate::Lost => {}
                Fate::Forbidden => drop(self.to_stack.try_send(prohibition(packet))),
            }
        }
        Ok(())
    }

    fn watch(&self, flow: TapFlow) -> Result<Box<dyn Any + Send>, TunnelError> {
        self.flows.lock().unwrap().insert(flow, 1);
        Ok(Box::new(Guard(Arc::clone(&self.flows), flow)))
    }
}

/// What a router says of a packet that it won't pass on (RFC 1812: 'administratively prohibited').
fn prohibition(about: &[u8]) -> Vec<u8> {
    let header =
        Ipv4Repr::parse(&Ipv4Packet::new_checked(about).unwrap(), &ChecksumCapabilities::default());
    let header = header.unwrap();
    let icmp = Icmpv4Repr::DstUnreachable {
        reason: Icmpv4DstUnreachable::CommProhibited,
        header,
        data: &about[20..28],
    };
    let ip = Ipv4Repr {
        src_addr: ROUTER,
        dst_addr: header.src_addr,
        next_header: IpProtocol::Icmp,
        payload_len: icmp.buffer_len(),
        hop_limit: 64,
    };
    let mut bytes = vec![0; 20 + icmp.buffer_len()];
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
    ip.emit(&mut packet, &ChecksumCapabilities::default());
    let mut message = Icmpv4Packet::new_unchecked(packet.payload_mut());
    icmp.emit(&mut message, &ChecksumCapabilities::default());
    bytes
}

/// The far end and who speaks to it.
struct Scene {
    inside: Inside,
    flows: Flows,
    connections: Arc<AtomicUsize>,
}

impl Scene {
    fn new(judge: impl Fn(&Side, &[u8]) -> Fate + Send + Sync + 'static) -> Self {
        let (to_machine, mut from_stack) = mpsc::unbounded_channel::<Vec<u8>>();
        let (to_stack, packets) = mpsc::channel(4096);
        let flows = Flows::default();
        let connections = Arc::new(AtomicUsize::new(0));
        let mut zones = Zones::default();
        zones.add(ZONE, FilePath::new("zone")).unwrap();
        let own = Ipv4Addr::new(100, 72, 250, 1);
        let mut machine = Machine::new(own, MTU, Arc::new(zones), 1, Instant::now());
        let link = Memory {
            judge: Box::new(judge),
            to_machine,
            to_stack: to_stack.clone(),
            flows: Arc::clone(&flows),
        };
        let (watched, count) = (Arc::clone(&flows), Arc::clone(&connections));
        tokio::spawn(async move {
            loop {
                let delay = machine.delay(Instant::now()).unwrap_or(Duration::from_secs(1));
                tokio::select! {
                    packet = from_stack.recv() => {
                        let Some(packet) = packet else { return };
                        machine.receive(Instant::now(), &packet);
                        while let Ok(packet) = from_stack.try_recv() {
                            machine.receive(Instant::now(), &packet);
                        }
                    }
                    () = tokio::time::sleep(delay) => {}
                }
                machine.poll(Instant::now());
                count.store(machine.connections(), Ordering::Relaxed);
                while let Some(packet) = machine.transmit() {
                    let flow = TapFlow::arriving(&packet);
                    if flow.is_some_and(|flow| watched.lock().unwrap().contains_key(&flow)) {
                        let _ = to_stack.try_send(packet);
                    }
                }
            }
        });
        let taken = ports::Taken::by_nobody();
        Self { inside: Inside::over(Box::new(link), packets, MTU, taken), flows, connections }
    }

    async fn ask(&self, question: Question) -> Answer {
        let way = Way::Tunnel { from: SERVER };
        self.inside.ask(&way, PLATFORM, &question).await
    }

    /// Nothing is left of what was asked.
    async fn is_left_clean(&self) {
        self.ends("flow", || self.flows.lock().unwrap().len()).await;
    }

    /// Nor at the far end. (The end that closes first keeps a connection for a while; that is the far end's after HTTP.)
    async fn is_hung_up(&self) {
        self.is_left_clean().await;
        self.ends("connection", || self.connections.load(Ordering::Relaxed)).await;
    }

    async fn ends(&self, what: &str, left: impl Fn() -> usize) {
        let end = Instant::now() + Duration::from_secs(3);
        while left() > 0 {
            assert!(Instant::now() < end, "{} {what}s are left", left());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn said(answer: &Answer) -> &Said {
    match answer {
        Answer::Good { after, said } if *after < SILENCE => said,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_answered_by_the_far_end() {
    let scene = Scene::new(|side, _| {
        assert_eq!(*side, Side::Platform(None));
        Fate::Arrives
    });
    assert_eq!(*said(&scene.ask(Question::Echo).await), Said::Here);
    assert_eq!(*said(&scene.ask(Question::Tcp { port: 7 }).await), Said::Here);
    let banner = scene.ask(Question::Banner { port: 7 }).await;
    assert_eq!(*said(&banner), Said::Banner(String::new()));
    let http = scene.ask(Question::Http { port: 80, name: None }).await;
    assert_eq!(*said(&http), Said::Http(200, None));
    let dns = scene.ask(Question::Dns { name: "web.platform.example".to_owned() }).await;
    assert_eq!(*said(&dns), Said::Names { code: 0, addresses: vec![PLATFORM] });
    let refused = scene.ask(Question::Tcp { port: 443 }).await;
    assert!(matches!(refused, Answer::Refused { after } if after < SILENCE), "{refused:?}");
    let closed = scene.ask(Question::Closed { port: 33_434 }).await;
    assert!(matches!(closed, Answer::Icmp { by: PLATFORM, kind: 3, code: 3, .. }), "{closed:?}");
    let tls = Question::Tls { port: 7, name: None, authority: None, http: false };
    let tls = scene.ask(tls).await;
    assert!(matches!(tls, Answer::Broken { .. }), "{tls:?}");
    scene.is_left_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_office_is_asked_as_the_platform() {
    let scene = Scene::new(|side, packet| {
        assert_eq!((side, &packet[12..16]), (&Side::Office, &PLATFORM.octets()[..]));
        Fate::Arrives
    });
    let way = Way::Office { from: PLATFORM };
    let answer = scene.inside.ask(&way, SERVER, &Question::Http { port: 80, name: None }).await;
    assert_eq!(*said(&answer), Said::Http(200, None));
    let wire = Way::Wire { port: "lgwan".parse().unwrap(), from: SERVER, via: None };
    let answer = scene.inside.ask(&wire, SERVER, &Question::Echo).await;
    assert!(matches!(answer, Answer::Busy { .. }), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_answers_is_asked_twice_and_waited_for_a_second() {
    let packets = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&packets);
    let scene = Scene::new(move |_, packet| {
        // What closes a connection that never was is no question.
        let reset = packet[9] == 6 && packet[33] & 4 != 0;
        count.fetch_add(usize::from(!reset), Ordering::Relaxed);
        Fate::Lost
    });
    for question in [
        Question::Echo,
        Question::Tcp { port: 443 },
        Question::Http { port: 80, name: None },
        Question::Closed { port: 33_434 },
        Question::Dns { name: "web.platform.example".to_owned() },
        Question::Ntp,
    ] {
        packets.store(0, Ordering::Relaxed);
        let begun = Instant::now();
        let answer = scene.ask(question.clone()).await;
        assert_eq!(answer, Answer::Silent { sought: None }, "{question:?}");
        assert_eq!(packets.load(Ordering::Relaxed), 2, "{question:?}");
        let took = begun.elapsed();
        assert!((Duration::from_millis(950)..Duration::from_millis(1_900)).contains(&took));
    }
    scene.is_left_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_first_packet_is_made_good() {
    let first = Arc::new(Mutex::new(std::collections::HashSet::new()));
    let scene = Scene::new(move |_, packet| {
        let flow = TapFlow::leaving(packet).unwrap();
        if first.lock().unwrap().insert(flow) { Fate::Lost } else { Fate::Arrives }
    });
    for question in [Question::Echo, Question::Http { port: 80, name: None }] {
        let answer = scene.ask(question).await;
        assert!(matches!(answer, Answer::Good { after, .. } if after >= AGAIN), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_forbids_is_named() {
    let scene = Scene::new(|_, _| Fate::Forbidden);
    for question in [
        Question::Echo,
        Question::Tcp { port: 443 },
        Question::Dns { name: "web.platform.example".to_owned() },
    ] {
        let answer = scene.ask(question.clone()).await;
        let named = matches!(answer, Answer::Icmp { by: ROUTER, kind: 3, code: 13, after } if after < AGAIN);
        assert!(named, "{question:?}: {answer:?}");
    }
    scene.is_left_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_asked_at_once_and_each_hears_its_own_answer() {
    let scene = Arc::new(Scene::new(|_, _| Fate::Arrives));
    let begun = Instant::now();
    let mut asked = tokio::task::JoinSet::new();
    for host in 0..100_u8 {
        let scene = Arc::clone(&scene);
        asked.spawn(async move {
            let way = Way::Tunnel { from: Ipv4Addr::new(100, 64, 10, host) };
            let question = match host % 3 {
                0 => Question::Echo,
                1 => Question::Http { port: 80, name: None },
                _ => Question::Dns { name: "web.platform.example".to_owned() },
            };
            (host, scene.inside.ask(&way, PLATFORM, &question).await)
        });
    }
    while let Some(done) = asked.join_next().await {
        let (host, answer) = done.unwrap();
        let wanted = match host % 3 {
            0 => Said::Here,
            1 => Said::Http(200, None),
            _ => Said::Names { code: 0, addresses: vec![PLATFORM] },
        };
        assert_eq!(*said(&answer), wanted, "{host}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    scene.is_left_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_brings_every_byte_over_a_line_that_loses_some() {
    let count = AtomicUsize::new(0);
    let scene = Scene::new(move |_, _| {
        let lost = count.fetch_add(1, Ordering::Relaxed) % 97 == 96;
        if lost { Fate::Lost } else { Fate::Arrives }
    });
    let to = SocketAddrV4::new(PLATFORM, 7);
    let connected = scene.inside.stack.connect(&Side::Platform(None), SERVER, to, BUFFER).await;
    let (stream, _) = connected.unwrap();
    let sent: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    let (mut read, mut write) = tokio::io::split(stream);
    let (wanted, mut back) = (sent.clone(), Vec::new());
    let sending = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let both = async { tokio::join!(sending, read.read_to_end(&mut back)) };
    tokio::time::timeout(Duration::from_secs(30), both).await.unwrap().1.unwrap();
    assert!(back == wanted);
    drop((read, write));
    scene.is_hung_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_given_up_leaves_nothing_behind() {
    let scene = Scene::new(|_, _| Fate::Arrives);
    for question in [Question::Banner { port: 7 }, Question::Closed { port: 53 }] {
        let asked = scene.ask(question);
        assert!(tokio::time::timeout(Duration::from_millis(100), asked).await.is_err());
    }
    scene.is_hung_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_packet_that_comes_through_is_found() {
    let east = "east".parse().unwrap();
    for (passes, found) in
        [(1420, Some(1420)), (1419, Some(1419)), (1300, Some(1300)), (576, Some(576)), (100, None)]
    {
        let scene = Scene::new(move |side, packet| {
            assert!(matches!(side, Side::Platform(Some(name)) if name.as_str() == "east"));
            if packet.len() > passes { Fate::Lost } else { Fate::Arrives }
        });
        let begun = Instant::now();
        let seen = scene.inside.path_mtu(&east, SERVER, PLATFORM, MTU).await;
        assert_eq!(seen, Seen::PathMtu(found), "{passes}");
        assert!(begun.elapsed() < Duration::from_millis(4_500), "{:?}", begun.elapsed());
        scene.is_left_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loss_and_round_trips_are_counted() {
    let count = AtomicUsize::new(0);
    let scene = Scene::new(move |_, _| {
        let lost = count.fetch_add(1, Ordering::Relaxed) % 4 == 3;
        if lost { Fate::Lost } else { Fate::Arrives }
    });
    let west = "west".parse().unwrap();
    let seen = scene.inside.echoes(&west, SERVER, PLATFORM, 20).await;
    let Seen::Echoes { sent: 20, round_trips } = seen else { panic!("{seen:?}") };
    assert_eq!(round_trips.len(), 15);
    assert!(round_trips.iter().all(|time| *time < SILENCE));
}

#[tokio::test(flavor = "multi_thread")]
async fn load_goes_both_ways_in_full_packets_and_a_bounded_time() {
    let longest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&longest);
    let scene = Scene::new(move |_, packet| {
        seen.fetch_max(packet.len(), Ordering::Relaxed);
        Fate::Arrives
    });
    let begun = Instant::now();
    let seen = scene.inside.load(SERVER, PLATFORM, 1, 100_000_000).await;
    let took = begun.elapsed();
    let Seen::Load { up, down, idle: Some(_), loaded: Some(_) } = seen else { panic!("{seen:?}") };
    assert!(up > 1_000_000 && down > 1_000_000, "{up} up, {down} down");
    assert_eq!(longest.load(Ordering::Relaxed), usize::from(MTU));
    assert!(took < Duration::from_secs(8), "{took:?}");
    scene.is_hung_up().await;
    let nobody = Scene::new(|_, _| Fate::Lost);
    let seen = nobody.inside.load(SERVER, PLATFORM, 1, 100_000_000).await;
    assert!(matches!(seen, Seen::Unable { .. }), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_makes_no_calls_says_so() {
    let scene = Scene::new(|_, _| Fate::Arrives);
    let calls = [(SocketAddrV4::new(SERVER, 443), true)];
    let at = SocketAddrV4::new(PLATFORM, 80);
    let seen = scene.inside.dial_back(SERVER, at, None, &calls).await;
    let Seen::NoDialBack(Answer::Broken { why }) = seen else { panic!("{seen:?}") };
    assert!(why.contains("HTTP status 40"), "{why}");
    let at = SocketAddrV4::new(PLATFORM, 8080);
    let seen = scene.inside.dial_back(SERVER, at, None, &calls).await;
    assert!(matches!(seen, Seen::NoDialBack(Answer::Refused { .. })), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_has_ended_is_told() {
    let (_, packets) = mpsc::channel(1);
    let (to_stack, _) = mpsc::channel(1);
    let (to_machine, _) = mpsc::unbounded_channel();
    let judge: Judge = Box::new(|_, _| Fate::Lost);
    let link = Memory { judge, to_machine, to_stack, flows: Flows::default() };
    let taken = ports::Taken::by_nobody();
    let inside = Inside::over(Box::new(link), packets, MTU, taken);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let way = Way::Tunnel { from: SERVER };
    let answer = inside.ask(&way, PLATFORM, &Question::Tcp { port: 80 }).await;
    assert!(matches!(answer, Answer::Busy { .. }), "{answer:?}");
}

proptest::proptest! {
    #[test]
    fn any_packet_is_harmless(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
        let _ = packet::read(&bytes);
    }
}
