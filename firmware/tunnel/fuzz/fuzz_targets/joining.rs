//! Packets of a centre that are joined into superpackets for the device: nothing panics, none gets longer than the device
//! takes, and no byte comes from nowhere.
//!
//! The input is a row of packets: two bytes of length, and as many bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tun_rs::{GROTable, VIRTIO_NET_HDR_LEN};

/// As many as the engine takes at once, with the room that it gives each.
const PACKETS: usize = 128;
const CAPACITY: usize = 2 * VIRTIO_NET_HDR_LEN + 65_535;

fuzz_target!(|bytes: &[u8]| {
    let mut buffers: Vec<Vec<u8>> = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (packet, after) = after.split_at(after.len().min(length));
        rest = after;
        // What a session opens is IPv4 of the length that it says, and never empty.
        if packet.is_empty() || buffers.len() == PACKETS {
            continue;
        }
        let mut buffer = Vec::with_capacity(CAPACITY);
        buffer.resize(VIRTIO_NET_HDR_LEN, 0);
        buffer.extend_from_slice(packet);
        buffers.push(buffer);
    }
    let before: usize = buffers.iter().map(Vec::len).sum();
    for udp in [true, false] {
        let mut joined = buffers.clone();
        for buffer in &mut joined {
            buffer.reserve_exact(CAPACITY - buffer.len());
        }
        let _ = GROTable::new().apply_gro(&mut joined, VIRTIO_NET_HDR_LEN, udp);
        assert!(joined.iter().all(|buffer| buffer.len() <= CAPACITY));
        let after: usize = joined.iter().map(Vec::len).sum();
        assert!(after <= 2 * before, "{after} bytes of {before}");
    }
});
