//! A packet through two sessions of the tunnel in memory, and one back.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use sekisho_tunnel::{Outbox, SecretKey, Session, TypeOfService};

use crate::probe::Seen;

/// More exchanges than a handshake and two packets take.
const ROUNDS: usize = 16;

/// [`Probe::Loop`](crate::probe::Probe::Loop). Takes some milliseconds.
pub fn through_the_tunnel() -> Seen {
    let keys = [SecretKey::generate(), SecretKey::generate()];
    let publics = [keys[0].public(), keys[1].public()];
    run(&keys, [publics[1], publics[0]])
}

fn run(keys: &[SecretKey; 2], [for_near, for_far]: [sekisho_design::PublicKey; 2]) -> Seen {
    let now = Instant::now();
    let mut near = End::new(Session::new(&keys[0], for_near, 1, None));
    let mut far = End::new(Session::new(&keys[1], for_far, 2, None));
    let (there, back) = (packet(1), packet(2));
    near.session.seal(now, &there, &mut near.out);
    exchange(now, &mut near, &mut far);
    let arrived = std::mem::take(&mut far.out.packets);
    if !near.session.established() {
        return wrong("no handshake came about between two sessions of the tunnel in memory");
    }
    if arrived != [there] {
        return wrong("a packet didn't come through the tunnel in memory as it was sent");
    }
    far.session.seal(now, &back, &mut far.out);
    exchange(now, &mut near, &mut far);
    if near.out.packets == [back] {
        Seen::Fine
    } else {
        wrong("a packet didn't come back through the tunnel in memory as it was sent")
    }
}

fn wrong(what: &str) -> Seen {
    Seen::Wrong { what: vec![what.to_owned()] }
}

struct End {
    session: Session,
    out: Out,
}

#[derive(Default)]
struct Out {
    datagrams: Vec<Vec<u8>>,
    packets: Vec<Vec<u8>>,
}

impl Outbox for Out {
    fn network(&mut self, datagram: &[u8], _: TypeOfService) {
        self.datagrams.push(datagram.to_vec());
    }

    fn tunnel(&mut self, packet: &[u8]) {
        self.packets.push(packet.to_vec());
    }
}

impl End {
    fn new(session: Session) -> Self {
        Self { session, out: Out::default() }
    }

    fn take(&mut self, now: Instant, datagrams: Vec<Vec<u8>>) {
        for datagram in datagrams {
            self.session.open(now, IpAddr::V4(Ipv4Addr::LOCALHOST), &datagram, &mut self.out);
        }
    }
}

/// Hands on what each end says until neither says more.
fn exchange(now: Instant, near: &mut End, far: &mut End) {
    for _ in 0..ROUNDS {
        let said = std::mem::take(&mut near.out.datagrams);
        let answered = std::mem::take(&mut far.out.datagrams);
        if said.is_empty() && answered.is_empty() {
            break;
        }
        far.take(now, said);
        near.take(now, answered);
    }
}

/// An IPv4 packet of 1000 bytes, between two addresses for documentation (RFC 5737). The tunnel looks at no more of its
/// header than the version and the length.
fn packet(number: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0x03, 0xe8, 0, number, 0, 0, 64, 17, 0, 0];
    packet.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    packet.extend((0..980_u16).map(|n| n.to_le_bytes()[0] ^ number));
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_through_both_ways() {
        assert_eq!(through_the_tunnel(), Seen::Fine);
    }

    #[test]
    fn a_tunnel_that_does_not_come_up_is_named() {
        let keys = [SecretKey::generate(), SecretKey::generate()];
        let stranger = SecretKey::generate().public();
        let Seen::Wrong { what } = run(&keys, [keys[1].public(), stranger]) else {
            panic!("a stranger's handshake was taken")
        };
        assert!(what[0].starts_with("no handshake"), "{what:?}");
    }
}
