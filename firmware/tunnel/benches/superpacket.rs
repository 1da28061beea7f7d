//! What the device's library does with a batch of TCP: superpackets are cut where they are read, and joined where they are
//! written.

use std::net::Ipv4Addr;

use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber},
};
use tun_rs::{GROTable, VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_LEN, VirtioNetHdr, gso_split};

use crate::BATCH;

const SOURCE: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 1);
const HEADERS: u16 = 40;
/// Room that the engine gives each packet to write, and to read.
const CAPACITY: [usize; 2] = [2 * VIRTIO_NET_HDR_LEN + 65_535, 9_216];

/// A batch of segments of one stream, in order, and the superpacket that its first half makes.
pub struct Segments {
    segments: Vec<Vec<u8>>,
    buffers: Vec<Vec<u8>>,
    table: GROTable,
    superpacket: Vec<u8>,
    input: Vec<u8>,
    cut: Vec<Vec<u8>>,
    sizes: Vec<usize>,
    payload: u16,
}

impl Segments {
    /// Packets that the superpacket becomes: as many as one has of the usual length.
    pub const OF_SUPERPACKET: usize = 46;

    /// Packets of this length.
    pub fn new(length: usize) -> Self {
        let payload = u16::try_from(length).expect("a length of IPv4") - HEADERS;
        let segment = |number: usize| packet(number * usize::from(payload), usize::from(payload));
        Self {
            segments: (0..BATCH).map(segment).collect(),
            buffers: (0..BATCH).map(|_| Vec::with_capacity(CAPACITY[0])).collect(),
            table: GROTable::new(),
            superpacket: packet(0, Self::OF_SUPERPACKET * usize::from(payload)),
            input: Vec::with_capacity(CAPACITY[0]),
            cut: vec![vec![0; CAPACITY[1]]; BATCH],
            sizes: vec![0; BATCH],
            payload,
        }
    }

    /// Makes what joining and cutting begin with.
    pub fn fill(&mut self) {
        for (buffer, segment) in self.buffers.iter_mut().zip(&self.segments) {
            buffer.clear();
            buffer.resize(VIRTIO_NET_HDR_LEN, 0);
            buffer.extend_from_slice(segment);
        }
        self.input.clone_from(&self.superpacket);
    }

    /// Joins the batch. Callgrind counts it by its name.
    #[inline(never)]
    pub fn join(&mut self) {
        self.table.apply_gro(&mut self.buffers, VIRTIO_NET_HDR_LEN, true).expect("they join");
    }

    /// How many bytes the longest joined packet has.
    pub fn longest(&self) -> usize {
        self.buffers.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Cuts the superpacket: how many packets. Callgrind counts it by its name.
    #[inline(never)]
    pub fn cut(&mut self) -> usize {
        let header = VirtioNetHdr {
            flags: 1,
            gso_type: VIRTIO_NET_HDR_GSO_TCPV4,
            hdr_len: HEADERS,
            gso_size: self.payload,
            csum_start: 20,
            csum_offset: 16,
        };
        gso_split(&mut self.input, header, &mut self.cut, &mut self.sizes, 0, false)
            .expect("it can be cut")
    }
}

/// A packet of the stream from this byte on.
fn packet(from: usize, length: usize) -> Vec<u8> {
    let payload = vec![0x5a; length];
    let tcp = TcpRepr {
        src_port: 443,
        dst_port: 40_000,
        control: TcpControl::None,
        seq_number: TcpSeqNumber(i32::try_from(from).expect("a short stream")),
        ack_number: Some(TcpSeqNumber(1)),
        window_len: 1_000,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &payload,
    };
    let ip = Ipv4Repr {
        src_addr: SOURCE,
        dst_addr: DESTINATION,
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    };
    let checksums = ChecksumCapabilities::default();
    let mut bytes = vec![0; ip.buffer_len() + tcp.buffer_len()];
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
    ip.emit(&mut packet, &checksums);
    let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
    tcp.emit(&mut segment, &SOURCE.into(), &DESTINATION.into(), &checksums);
    bytes
}
