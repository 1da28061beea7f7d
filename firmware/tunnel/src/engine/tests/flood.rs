//! Initiations of strangers, as many as a line brings, from what looks like the centre.

use super::{relay::*, *};
use crate::{Outbox, Session, TypeOfService};

/// Initiations a second.
const RATE: u32 = 10_000;

#[derive(Default)]
struct Bag(Vec<Vec<u8>>);

impl Outbox for Bag {
    fn network(&mut self, datagram: &[u8], _: TypeOfService) {
        self.0.push(datagram.to_vec());
    }

    fn tunnel(&mut self, _: &[u8]) {
        unreachable!("an initiation brings no packet");
    }
}

/// Initiations for the first engine, each by a key of its own: whoever knows the public key can make them.
fn initiations(joined: &Joined) -> Vec<Vec<u8>> {
    let mut bag = Bag::default();
    for _ in 0..32 {
        let stranger = SecretKey::generate();
        let mut session = Session::new(&stranger, joined.keys[0].public(), 1, None);
        session.connect(Instant::now(), &mut bag);
    }
    bag.0
}

#[test]
fn a_flood_of_initiations_is_answered_by_cookies_and_leaves_the_traffic() {
    let (joined, relay) = Relay::join();
    let (initiations, engine) = (initiations(&joined), joined.sockets[0].local_addr().unwrap());
    let before = joined.engines[0].status().centres[0].counters;
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let (begun, mut sent) = (Instant::now(), 0_u32);
            for initiation in initiations.iter().cycle() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let _ = relay.sides[0].send_to(initiation, engine);
                sent += 1;
                if sent.is_multiple_of(20) {
                    let due = Duration::from_secs(1) * sent / RATE;
                    thread::sleep(due.saturating_sub(begun.elapsed()));
                }
            }
            sent
        });
        joined.wait_until("cookies", |_| relay.cookies() > 0);
        joined.send(0..1_000);
        // Each end needs the other's cookie for this, and gets it.
        joined.rekey();
        joined.send(1_000..1_200);
        ended.store(true, Ordering::Relaxed);
        let sent = u64::from(flood.join().unwrap());
        let after = joined.engines[0].status().centres[0].counters;
        let met = after.under_load - before.under_load;
        assert!(met > sent / 2, "{met} of {sent} initiations were met by the limit");
    });
    joined.passes(2_000);
    let heard = joined.offices.each_ref().map(|office| office.heard(0..1_200));
    assert!(heard.iter().all(|heard| *heard >= 960), "{heard:?} of 1200 is less than four fifths");
    assert!(relay.cookies() > 1_000, "{} cookies", relay.cookies());
    assert!(joined.carries());
    joined.stop();
}
