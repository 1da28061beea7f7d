//! Superpackets in, segments on the wire, superpackets out, and every byte in its place.

use std::{
    io::{Read, Write},
    net::{TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use crate::{
    joined::{FAR, Joined, NEAR},
    namespace::{alone, packets_out},
};

/// A block of a stream that repeats nothing within 2^32 blocks.
fn block(number: u32) -> Vec<u8> {
    (0..4_096_u32)
        .flat_map(|word| {
            (number.wrapping_mul(0x9e37_79b9) ^ word.wrapping_mul(0x85eb_ca6b)).to_be_bytes()
        })
        .collect()
}

fn transfer(mut from: TcpStream, mut to: TcpStream, blocks: u32) {
    let sender =
        thread::spawn(move || (0..blocks).try_for_each(|number| from.write_all(&block(number))));
    let mut received = block(0);
    for number in 0..blocks {
        to.read_exact(&mut received).unwrap();
        assert!(received == block(number), "block {number} differs");
    }
    sender.join().unwrap().unwrap();
    assert_eq!(to.read(&mut received).unwrap(), 0, "nothing follows");
}

#[test]
fn superpackets_pass_whole_both_ways() {
    alone("superpackets::superpackets_pass_whole_both_ways", || {
        let joined = Joined::new();
        let sealed = |end: usize| joined.engines[end].status().centres[0].counters.sealed_packets;
        let before = (packets_out(), sealed(0));

        let [near, far] = joined.connection();
        transfer(near, far, 2_000);
        let (superpackets, segments) = (packets_out() - before.0, sealed(0) - before.1);
        assert!(segments > 23_000, "32 MB are at least 23,000 segments, not {segments}");
        assert!(
            segments > 3 * superpackets,
            "{segments} segments from {superpackets} packets: no offload"
        );

        let [near, far] = joined.connection();
        transfer(far, near, 2_000);

        let near = UdpSocket::bind((NEAR, 0)).unwrap();
        let far = joined.far.within(|| UdpSocket::bind((FAR, 0)).unwrap());
        far.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut buffer = [0; 2_048];
        for length in (1..=1_392).step_by(13).chain([1_392]) {
            near.send_to(&block(7)[..length], far.local_addr().unwrap()).unwrap();
            let (received, source) = far.recv_from(&mut buffer).unwrap();
            assert_eq!(source, near.local_addr().unwrap());
            assert!(buffer[..received] == block(7)[..length], "datagram of {length} bytes");
        }

        for engine in joined.engines {
            let status = engine.status();
            assert_eq!(status.failure, None);
            assert_eq!((status.foreign_datagrams, status.device_drops), (0, 0), "{status:?}");
            let counters = status.centres[0].counters;
            assert_eq!(
                (counters.forged, counters.malformed, counters.not_ipv4),
                (0, 0, 0),
                "{counters:?}"
            );
            assert!(engine.stop(), "the threads end in time");
        }
    });
}

#[test]
#[ignore = "takes ten seconds"]
fn one_stream_fills_half_a_gigabit_at_least() {
    // Megabits a second; far below what is usual, and far above what passes where superpackets are cut by hand.
    const FLOOR: u128 = 500;
    alone("superpackets::one_stream_fills_half_a_gigabit_at_least", || {
        let joined = Joined::new();
        for up in [true, false] {
            let [near, far] = joined.connection();
            let (mut from, mut to) = if up { (near, far) } else { (far, near) };
            let receiver = thread::spawn(move || {
                let (mut buffer, mut bytes) = (vec![0; 1 << 18], 0);
                while let Ok(count @ 1..) = to.read(&mut buffer) {
                    bytes += count;
                }
                bytes
            });
            let (start, data) = (Instant::now(), vec![7; 1 << 18]);
            while start.elapsed() < Duration::from_secs(5) {
                from.write_all(&data).unwrap();
            }
            drop(from);
            let bytes = receiver.join().unwrap();
            let megabits = bytes as u128 * 8 / start.elapsed().as_micros();
            println!("{}: {megabits} Mbit/s", if up { "up" } else { "down" });
            assert!(megabits >= FLOOR, "{:#?}", joined.engines[0].status());
        }
    });
}
