//! A peer that sends runs of datagrams as it likes: short, long, and cut where no datagram ends.

use super::*;
use crate::{Outbox, TypeOfService, transport::Network};

#[derive(Default)]
struct Bag(Vec<Vec<u8>>);

impl Outbox for Bag {
    fn network(&mut self, datagram: &[u8], _: TypeOfService) {
        self.0.push(datagram.to_vec());
    }

    fn tunnel(&mut self, _: &[u8]) {}
}

/// The second engine's end of the line, past its batches.
struct Peer<'a> {
    joined: &'a Joined,
    socket: Socket,
    /// Packets sealed so far.
    sealed: u32,
    /// Datagrams sent that hold none.
    garbage: u64,
}

impl Peer<'_> {
    /// Seals the next packets, one for each length.
    fn seal(&mut self, lengths: &[usize]) -> Vec<u8> {
        let (now, mut bag) = (Instant::now(), Bag::default());
        let mut sessions = lock(&self.joined.engines[1].shared.centres[0].sessions);
        for length in lengths {
            sessions.speaking.seal(now, &packet(self.sealed, *length), &mut bag);
            self.sealed += 1;
        }
        bag.0.concat()
    }

    /// Sends bytes as one run of datagrams of a length, of which the last may be shorter.
    fn send(&self, run: &[u8], segment: usize) {
        let to = self.joined.sockets[0].local_addr().unwrap();
        let segment = u16::try_from(segment).unwrap();
        self.socket.send((to, TypeOfService::OWN), run, Some(segment)).unwrap();
        thread::sleep(Duration::from_millis(20));
    }

    fn send_garbage(&mut self, run: &[u8], segment: usize) {
        self.send(run, segment);
        self.garbage += run.len().div_ceil(segment) as u64;
    }
}

#[test]
fn runs_of_every_shape_are_taken_apart() {
    /// What sealing adds to a packet.
    const ADDED: usize = 32;
    let joined = Joined::new();
    let socket = Socket::new(joined.sockets[1].try_clone().unwrap()).unwrap();
    let mut peer = Peer { joined: &joined, socket, sealed: 0, garbage: 0 };
    let rejected = || {
        let counters = joined.engines[0].status().centres[0].counters;
        counters.malformed + counters.forged + counters.no_session + counters.replayed
    };
    let before = rejected();
    // Short ones: single bytes, one byte less than the least data message, and exactly that.
    for segment in [1, 2, 31, 32] {
        let run = [4, 0, 0, 0].into_iter().cycle().take(64 * segment).collect::<Vec<u8>>();
        peer.send_garbage(&run, segment);
    }
    // Long ones: as many datagrams, and as many bytes, as one call takes.
    for (count, length) in [(64, 900), (45, 1_420), (2, 32_000)] {
        let run = peer.seal(&vec![length; count]);
        peer.send(&run, length + ADDED);
    }
    // The last one shorter, down to a packet of nothing but its number.
    for last in [24, 25, 499] {
        let run = peer.seal(&[500, 500, 500, last]);
        peer.send(&run, 500 + ADDED);
    }
    // Cut one byte too soon, and in the middle: the first is short, each next begins later.
    for segment in [100 + ADDED - 1, 70] {
        let run = peer.seal(&[100; 20]);
        peer.sealed -= 20;
        peer.send_garbage(&run, segment);
    }
    // Good and bad in one run.
    let mut run = peer.seal(&[200; 10]);
    run[3 * (200 + ADDED)..][..4].fill(0xff);
    peer.send(&run, 200 + ADDED);
    peer.garbage += 1;

    let (sealed, spoiled) = (peer.sealed, 1);
    joined.wait_until("all good packets arrive", |joined| {
        joined.offices[0].heard(0..sealed) == sealed as usize - spoiled
    });
    joined.wait_until("all others are counted", |_| rejected() - before == peer.garbage);
    joined.passes(10_000);
    assert_eq!(joined.engines[0].status().device_drops, 0);
    joined.stop();
}
