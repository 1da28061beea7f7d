//! Speaking inside the tunnel past the kernel, and fail-over rehearsed.

use std::{
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use sekisho_tunnel::{Engine, TapFlow, TapPackets, TapProtocol, TunnelError};
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        Icmpv4Packet, Icmpv4Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
    },
};

use crate::{
    centres::{DEVICE_ADDRESS, Scene, carried_by, heard_again_by},
    namespace::alone,
};

/// A server of the office, which is off.
const SERVER: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 77);
const EAST: Ipv4Addr = Ipv4Addr::new(100, 72, 250, 1);
const WEST: Ipv4Addr = Ipv4Addr::new(100, 72, 250, 2);
const PLATFORM: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(100, 72, 1, 10), 9);
const PATIENCE: Duration = Duration::from_secs(10);

fn packet(
    src_addr: Ipv4Addr,
    dst_addr: Ipv4Addr,
    next_header: IpProtocol,
    payload_len: usize,
    emit: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let ip = Ipv4Repr { src_addr, dst_addr, next_header, payload_len, hop_limit: 64 };
    let mut bytes = vec![0; 20 + payload_len];
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
    ip.emit(&mut packet, &ChecksumCapabilities::default());
    emit(packet.payload_mut());
    bytes
}

fn echo_request(to: Ipv4Addr, ident: u16) -> Vec<u8> {
    let icmp = Icmpv4Repr::EchoRequest { ident, seq_no: 1, data: b"tap" };
    packet(SERVER, to, IpProtocol::Icmp, icmp.buffer_len(), |bytes| {
        icmp.emit(&mut Icmpv4Packet::new_unchecked(bytes), &ChecksumCapabilities::default());
    })
}

fn datagram(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let udp = UdpRepr { src_port: from.port(), dst_port: to.port() };
    packet(*from.ip(), *to.ip(), IpProtocol::Udp, 8 + payload.len(), |bytes| {
        udp.emit(
            &mut UdpPacket::new_unchecked(bytes),
            &IpAddress::Ipv4(*from.ip()),
            &IpAddress::Ipv4(*to.ip()),
            payload.len(),
            |room| room.copy_from_slice(payload),
            &ChecksumCapabilities::default(),
        );
    })
}

fn echo(to: Ipv4Addr, ident: u16) -> TapFlow {
    TapFlow {
        protocol: TapProtocol::Echo,
        ours: SocketAddrV4::new(SERVER, ident),
        theirs: SocketAddrV4::new(to, 0),
    }
}

fn next(packets: &mut TapPackets) -> Vec<u8> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Ok(packet) = packets.try_recv() {
            return packet;
        }
        assert!(Instant::now() < end, "nothing came to the tap");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_platform_answers_an_address_whose_server_is_off() {
    alone("tap::the_platform_answers_an_address_whose_server_is_off", || {
        let scene = Scene::new();
        let engine = Engine::start(scene.config()).unwrap();
        carried_by(&engine, Some("east"));
        let (tap, mut packets) = engine.tap().unwrap();
        assert!(matches!(engine.tap(), Err(TunnelError::Tapped)));
        let west = "west".parse().unwrap();
        for (centre, probe) in [(None, EAST), (Some(&west), WEST)] {
            let guard = tap.watch(echo(probe, 0x4242)).unwrap();
            tap.to_platform(centre, [&echo_request(probe, 0x4242)[..]]).unwrap();
            let reply = next(&mut packets);
            assert_eq!(
                (&reply[12..16], &reply[16..20]),
                (&probe.octets()[..], &SERVER.octets()[..])
            );
            assert_eq!(reply[20], 0, "an echo reply");
            drop(guard);
            // What nobody watches goes to the device.
            tap.to_platform(centre, [&echo_request(probe, 0x4242)[..]]).unwrap();
        }
        let nobody = "north".parse().unwrap();
        let refused = tap.to_platform(Some(&nobody), [&echo_request(EAST, 1)[..]]);
        assert!(matches!(refused, Err(TunnelError::NoSuchCentre(_))));
        thread::sleep(Duration::from_millis(300));
        assert!(packets.try_recv().is_err());

        drop(packets);
        let (again, mut packets) = engine.tap().unwrap();
        let _guard = again.watch(echo(EAST, 7)).unwrap();
        again.to_platform(None, [&echo_request(EAST, 7)[..]]).unwrap();
        next(&mut packets);

        assert!(engine.stop());
        assert!(matches!(again.to_office([&[0x45_u8][..]]), Err(TunnelError::Ended)));
        assert!(matches!(again.watch(echo(EAST, 8)), Err(TunnelError::Ended)));
        // It lets go of the device though the tap is still there.
        let engine = Engine::start(scene.config()).unwrap();
        assert!(engine.stop());
    });
}

#[test]
fn the_office_answers_and_only_the_watched_flow_stays_here() {
    alone("tap::the_office_answers_and_only_the_watched_flow_stays_here", || {
        let scene = Scene::new();
        let engine = Engine::start(scene.config()).unwrap();
        carried_by(&engine, Some("east"));
        let server = UdpSocket::bind((DEVICE_ADDRESS, 0)).unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        let at = SocketAddrV4::new(DEVICE_ADDRESS, server.local_addr().unwrap().port());
        let (tap, mut packets) = engine.tap().unwrap();
        let flow = TapFlow { protocol: TapProtocol::Udp, ours: PLATFORM, theirs: at };
        let guard = tap.watch(flow).unwrap();
        tap.to_office([&datagram(PLATFORM, at, b"anybody?")[..]]).unwrap();
        let mut heard = [0; 64];
        let (length, from) = server.recv_from(&mut heard).unwrap();
        assert_eq!((&heard[..length], from), (&b"anybody?"[..], PLATFORM.into()));
        server.send_to(b"here", from).unwrap();
        assert!(next(&mut packets).ends_with(b"here"));

        // Another socket to the same place goes to the centre.
        let other = UdpSocket::bind((DEVICE_ADDRESS, 0)).unwrap();
        heard_again_by(&[&scene.east], || {
            other.send_to(b"other", PLATFORM).unwrap();
            b"other"
        });
        assert!(packets.try_recv().is_err());
        drop(guard);
        heard_again_by(&[&scene.east], || {
            server.send_to(b"no more", PLATFORM).unwrap();
            b"no more"
        });
        assert!(packets.try_recv().is_err());
        assert!(engine.stop());
    });
}

#[test]
fn a_slow_tap_costs_bounded_memory_and_holds_nobody_up() {
    alone("tap::a_slow_tap_costs_bounded_memory_and_holds_nobody_up", || {
        let scene = Scene::new();
        let engine = Engine::start(scene.config()).unwrap();
        carried_by(&engine, Some("east"));
        let server = UdpSocket::bind((DEVICE_ADDRESS, 0)).unwrap();
        let at = SocketAddrV4::new(DEVICE_ADDRESS, server.local_addr().unwrap().port());
        let (tap, mut packets) = engine.tap().unwrap();
        let flow = TapFlow { protocol: TapProtocol::Udp, ours: PLATFORM, theirs: at };
        let _guard = tap.watch(flow).unwrap();
        for _ in 0..20_000 {
            server.send_to(b"flood", PLATFORM).unwrap();
        }
        let other = UdpSocket::bind((DEVICE_ADDRESS, 0)).unwrap();
        heard_again_by(&[&scene.east], || {
            other.send_to(b"other", PLATFORM).unwrap();
            b"other"
        });
        let mut waiting = 0;
        while packets.try_recv().is_ok() {
            waiting += 1;
        }
        assert!((1..=4_096).contains(&waiting), "{waiting}");
        assert!(engine.stop());
    });
}

#[test]
fn a_rehearsal_moves_the_traffic_and_brings_it_back() {
    alone("tap::a_rehearsal_moves_the_traffic_and_brings_it_back", || {
        let scene = Scene::new();
        let engine = Engine::start(scene.config()).unwrap();
        carried_by(&engine, Some("east"));
        let end = Instant::now() + PATIENCE;
        while engine.status().centres[1].alive_since.is_none() {
            assert!(Instant::now() < end);
            thread::sleep(Duration::from_millis(5));
        }
        engine.rehearse().unwrap();
        let begun = Instant::now();
        carried_by(&engine, Some("west"));
        assert!(matches!(engine.rehearse(), Err(TunnelError::Rehearsing)));
        carried_by(&engine, Some("east"));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        scene.west.set_up(false);
        let end = Instant::now() + PATIENCE;
        while engine.status().centres[1].alive_since.is_some() {
            assert!(Instant::now() < end);
            thread::sleep(Duration::from_millis(5));
        }
        assert!(matches!(engine.rehearse(), Err(TunnelError::NoOtherCentre)));
        assert!(engine.stop());
    });
}
