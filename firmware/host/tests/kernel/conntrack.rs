//! Flows that the kernel tracks: real ones, translated, in two zones with the same addresses and ports.
//!
//! The loopback device stands for every network: a packet's mark is its LAN, which gives the zone, as on the device.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    thread,
};

use libtest_mimic::Trial;
use sekisho_host::{Detail, Ends, Flow, HostError, drop_flows};
use sekisho_plan::trace::Opening;
use socket2::{Domain, Socket, Type};

use crate::{
    aids::without_rights,
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("pair_takes_its_flows_of_both_directions", pair),
        trial("row_takes_its_flows_and_spares_a_neighbours_connection", row),
        trial("zone_takes_its_own_of_two_equal_flows", zones),
        trial("service_takes_its_ports_only", service),
        trial("flow_that_ended_meanwhile_is_no_error", ended),
        trial("flow_that_took_the_place_of_another_lives_on", replaced),
        trial("flows_need_rights_to_be_seen", refused),
        trial("every_flow_of_many_is_seen_and_dropped", many),
        trial("long_two_hundred_thousand_flows_need_no_memory", very_many).with_ignored_flag(true),
    ]
}

const SERVER: &str = "192.168.1.10";
const SERVER_GLOBAL: &str = "100.64.10.1";
pub(crate) const TERMINALS_GLOBAL: &str = "100.64.10.31";
pub(crate) const PLATFORM: &str = "100.72.1.10";

/// Both LANs have the same server and the same terminals, and the same two global addresses: only the zone differs.
pub(crate) fn office() {
    shell("ip link set lo up; echo 1 > /proc/sys/net/ipv4/tcp_fwmark_accept");
    for address in
        [SERVER, "192.168.1.100", "192.168.1.101", SERVER_GLOBAL, TERMINALS_GLOBAL, PLATFORM]
    {
        shell(&format!("ip address add {address}/32 dev lo"));
    }
    shell(
        "nft 'add table ip office
        add chain ip office zone { type filter hook output priority raw; }
        add rule ip office zone meta mark 1 ct zone set 1
        add rule ip office zone meta mark 2 ct zone set 2
        add chain ip office to { type nat hook output priority -100; }
        add rule ip office to ip daddr 100.64.10.1 dnat to 192.168.1.10
        add chain ip office from { type nat hook postrouting priority 100; }
        add rule ip office from ip saddr 192.168.1.10 ip daddr 100.72.0.0/16 snat to 100.64.10.1
        add rule ip office from ip saddr 192.168.1.0/24 ip daddr 100.72.0.0/16 snat to 100.64.10.31'",
    );
}

pub(crate) fn address(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn end(host: &str, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(address(host), port)
}

/// A socket of a LAN.
fn socket(kind: Type, lan: u32, host: &str, port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, kind, None).expect("a socket");
    socket.set_mark(lan).expect("a mark");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&end(host, port).into()).expect("bound");
    socket
}

/// One datagram opens a flow.
pub(crate) fn send(lan: u32, from: (&str, u16), to: (&str, u16)) {
    let socket: UdpSocket = socket(Type::DGRAM, lan, from.0, from.1).into();
    socket.send_to(b"open", end(to.0, to.1)).expect("sent");
}

/// Both ends of a TCP connection.
pub(crate) fn connect(lan: u32, from: (&str, u16), to: &TcpListener) -> (TcpStream, TcpStream) {
    let near = socket(Type::STREAM, lan, from.0, from.1);
    near.connect(&to.local_addr().expect("an address").into()).expect("connected");
    let (far, _) = to.accept().expect("accepted");
    (near.into(), far)
}

pub(crate) fn talk((near, far): &mut (TcpStream, TcpStream)) {
    near.write_all(b"question").expect("written");
    far.read_exact(&mut [0; 8]).expect("heard");
    far.write_all(b"answer").expect("answered");
    near.read_exact(&mut [0; 6]).expect("heard");
}

/// All flows: their zones, senders and receivers.
async fn flows() -> BTreeSet<(u16, Ipv4Addr, Ipv4Addr)> {
    let mut all = BTreeSet::new();
    let dropped = drop_flows(|flow| {
        all.insert((flow.zone, flow.original.source, flow.original.destination));
        false
    });
    assert_eq!(dropped.await.expect("listed"), 0);
    all
}

fn ports(flow: &Flow) -> Option<(u16, u16)> {
    match flow.original.detail {
        Detail::Ports { source, destination } => Some((source, destination)),
        Detail::Icmp { .. } | Detail::Other => None,
    }
}

/// A static pair's: opened by either side.
fn of_pair(flow: &Flow, zone: u16) -> bool {
    let (private, global) = (address(SERVER), address(SERVER_GLOBAL));
    let (original, reply) = (&flow.original, &flow.reply);
    flow.zone == zone
        && (original.source == private && reply.destination == global
            || original.destination == global && reply.source == private)
}

/// A row of terminals'.
fn of_row(flow: &Flow, zone: u16) -> bool {
    flow.zone == zone
        && flow.original.source.octets().starts_with(&[192, 168, 1])
        && flow.reply.destination == address(TERMINALS_GLOBAL)
}

async fn pair() {
    office();
    for lan in [1, 2] {
        send(lan, (SERVER, 5000), (PLATFORM, 53));
        send(lan, (PLATFORM, 6000), (SERVER_GLOBAL, 443));
        send(lan, ("192.168.1.100", 5000), (PLATFORM, 53));
    }
    let mut seen = Vec::new();
    let dropped = drop_flows(|flow| {
        let doomed = of_pair(flow, 1);
        seen.extend(doomed.then_some(*flow));
        doomed
    });
    assert_eq!(dropped.await.expect("dropped"), 2);
    let ends = |source: (&str, u16), destination: (&str, u16)| Ends {
        source: address(source.0),
        destination: address(destination.0),
        detail: Detail::Ports { source: source.1, destination: destination.1 },
    };
    let by_server = Flow {
        zone: 1,
        protocol: 17,
        original: ends((SERVER, 5000), (PLATFORM, 53)),
        reply: ends((PLATFORM, 53), (SERVER_GLOBAL, 5000)),
    };
    let by_platform = Flow {
        zone: 1,
        protocol: 17,
        original: ends((PLATFORM, 6000), (SERVER_GLOBAL, 443)),
        reply: ends((SERVER, 443), (PLATFORM, 6000)),
    };
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.contains(&by_server) && seen.contains(&by_platform), "{seen:?}");
    let connection = by_platform.connection().expect("UDP");
    assert_eq!((connection.zone, connection.opening), (1, Opening::Udp(443)));
    let left = flows().await;
    let expected = [
        (1, "192.168.1.100", PLATFORM),
        (2, SERVER, PLATFORM),
        (2, PLATFORM, SERVER_GLOBAL),
        (2, "192.168.1.100", PLATFORM),
    ];
    assert_eq!(left, expected.map(|(zone, from, to)| (zone, address(from), address(to))).into());
    let again = drop_flows(|flow| of_pair(flow, 1)).await;
    assert_eq!(again.expect("nothing to do"), 0);
}

async fn row() {
    office();
    let far = TcpListener::bind(end(PLATFORM, 443)).expect("listening");
    let mut terminal = connect(1, ("192.168.1.100", 40_000), &far);
    let mut server = connect(1, (SERVER, 40_000), &far);
    let mut other_lan = connect(2, ("192.168.1.100", 40_001), &far);
    for connection in [&mut terminal, &mut server, &mut other_lan] {
        talk(connection);
    }
    send(1, ("192.168.1.101", 5000), (PLATFORM, 53));
    // The row is gone, and nothing gives the terminals an address any more.
    shell("nft add rule ip office zone meta mark 1 ip saddr 192.168.1.100 ct state new drop");
    assert_eq!(drop_flows(|flow| of_row(flow, 1)).await.expect("dropped"), 2);
    talk(&mut server);
    talk(&mut other_lan);
    terminal.1.set_read_timeout(Some(std::time::Duration::from_millis(500))).expect("an option");
    terminal.0.write_all(b"question").expect("into the buffer");
    let silence = terminal.1.read(&mut [0; 8]).expect_err("nothing comes through").kind();
    assert_eq!(silence, std::io::ErrorKind::WouldBlock);
}

async fn zones() {
    office();
    for lan in [1, 2] {
        send(lan, ("192.168.1.100", 5000), (PLATFORM, 53));
    }
    let both = [1, 2].map(|zone| (zone, address("192.168.1.100"), address(PLATFORM)));
    assert_eq!(flows().await, both.into());
    assert_eq!(drop_flows(|flow| of_row(flow, 2)).await.expect("dropped"), 1);
    assert_eq!(flows().await, [both[0]].into());
}

async fn service() {
    office();
    for port in [53, 8000, 8080, 8081] {
        send(1, ("192.168.1.100", 5000), (PLATFORM, port));
    }
    let far = TcpListener::bind(end(PLATFORM, 8080)).expect("listening");
    let mut tcp = connect(1, ("192.168.1.100", 40_000), &far);
    let no_longer_allowed = |flow: &Flow| {
        let ports = ports(flow).filter(|_| flow.protocol == 17);
        of_row(flow, 1) && ports.is_some_and(|(_, port)| (8000..=8080).contains(&port))
    };
    assert_eq!(drop_flows(no_longer_allowed).await.expect("dropped"), 2);
    let mut left = BTreeSet::new();
    let count = drop_flows(|flow| {
        left.extend(ports(flow).map(|ports| (flow.protocol, ports.1)));
        false
    });
    assert_eq!(count.await.expect("listed"), 0);
    assert_eq!(left, [(6, 8080), (17, 53), (17, 8081)].into());
    talk(&mut tcp);
}

/// Does something between the kernel's list and the request to drop, in the same network namespace.
fn meanwhile(work: impl FnOnce() + Send + 'static) {
    thread::spawn(work).join().expect("done");
}

fn drop_all() -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(drop_flows(|_| true)).expect("dropped")
}

async fn ended() {
    office();
    send(1, ("192.168.1.100", 5000), (PLATFORM, 53));
    let dropped = drop_flows(|_| {
        meanwhile(|| assert_eq!(drop_all(), 1));
        true
    });
    assert_eq!(dropped.await.expect("no error"), 0);
    assert_eq!(flows().await, [].into());
}

async fn replaced() {
    office();
    let open = || send(1, ("192.168.1.100", 5000), (PLATFORM, 53));
    open();
    let dropped = drop_flows(|_| {
        meanwhile(move || {
            assert_eq!(drop_all(), 1);
            shell("nft 'insert rule ip office from ip saddr 192.168.1.100 snat to 100.64.10.32'");
            open();
        });
        true
    });
    assert_eq!(dropped.await.expect("no error"), 0);
    let mut left = Vec::new();
    let listed = drop_flows(|flow| {
        left.push(flow.reply.destination);
        false
    });
    assert_eq!(listed.await.expect("listed"), 0);
    assert_eq!(left, [address("100.64.10.32")], "the same opener, translated anew");
}

async fn refused() {
    office();
    let error = without_rights(|| drop_flows(|_| true)).expect_err("no rights");
    assert!(matches!(error, HostError::Connections { .. }), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("CAP_NET_ADMIN")), "{error}");
}

/// Opens flows of zone 1 to so many hosts, and one of zone 2.
fn open_many(count: u32) {
    office();
    shell("ip route add local 10.0.0.0/8 dev lo");
    // However slow the machine, none ends by itself.
    shell("echo 600 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout");
    let socket: UdpSocket = socket(Type::DGRAM, 1, "192.168.1.100", 5000).into();
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 1));
    for host in first..first + count {
        socket.send_to(b"open", SocketAddrV4::new(host.into(), 9)).expect("sent");
    }
    send(2, ("192.168.1.100", 5000), ("10.0.0.1", 9));
}

async fn many() {
    open_many(5_000);
    let mut seen = BTreeSet::new();
    let dropped = drop_flows(|flow| {
        seen.insert((flow.zone, flow.original.destination));
        flow.zone == 1
    });
    assert_eq!(dropped.await.expect("dropped"), 5_000);
    assert_eq!(seen.len(), 5_001);
    assert_eq!(flows().await.len(), 1);
}

async fn very_many() {
    let most = fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").expect("a limit");
    let most: u32 = most.trim().parse().expect("a number");
    let count = 200_000.min(most - 1_000);
    open_many(count);
    let peak = |name: &str| {
        let status = fs::read_to_string("/proc/self/status").expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim_end_matches("kB").trim().parse::<u64>().expect("kilobytes")
    };
    // From here on the highest memory is counted anew (proc_pid_clear_refs(5)).
    fs::write("/proc/self/clear_refs", "5").expect("counted anew");
    let before = peak("VmRSS:");
    let dropped = drop_flows(|flow| flow.zone == 1).await.expect("dropped");
    let grown = peak("VmHWM:").saturating_sub(before);
    println!("{dropped} flows dropped, memory grew by {grown} KiB at most");
    assert_eq!(dropped, u64::from(count));
    assert!(grown < 8 * 1024, "{grown} KiB");
    assert_eq!(flows().await.len(), 1);
}
