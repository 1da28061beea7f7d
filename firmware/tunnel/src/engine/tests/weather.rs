//! Loss, doubles and disorder between two engines.

use super::{relay::*, *};

/// A third of all datagrams meets something. The sessions are renewed in it, again and again, and what arrives is what
/// the line let through.
#[test]
fn a_bad_line_leaves_no_session_stuck() {
    let (joined, relay) = Relay::join();
    relay.set(Weather { lost: 10, doubled: 10, late: 15 });
    let mut heard = [0; 2];
    for round in 0..5 {
        joined.rekey();
        let numbers = round * 200..(round + 1) * 200;
        joined.send(numbers.clone());
        thread::sleep(Duration::from_millis(50));
        for (heard, office) in heard.iter_mut().zip(&joined.offices) {
            *heard += office.heard(numbers.clone());
        }
    }
    // Nine tenths pass; a busy machine takes its share too.
    assert!(heard.iter().all(|heard| *heard > 750), "{heard:?} of 1000");
    for office in &joined.offices {
        let mut all = office.heard.lock().unwrap().clone();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a packet came twice");
    }
    relay.set(Weather::default());
    joined.passes(5_000);
    for engine in &joined.engines {
        let counters = engine.status().centres[0].counters;
        assert!(counters.replayed > 10 && counters.given_up == 0, "{counters:?}");
        assert_eq!((counters.malformed, counters.forged), (0, 0), "{counters:?}");
    }
    joined.stop();
}
