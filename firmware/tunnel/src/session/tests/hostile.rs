//! Datagrams of somebody without a key.

use super::*;

#[test]
fn a_whole_recording_played_back_changes_nothing() {
    let mut pair = Pair::connected();
    for number in 0..50 {
        pair.send(0, &packet(number, 200));
        pair.send(1, &packet(number, 200));
        pair.run(1);
    }
    let before = pair.ends.each_ref().map(|end| end.counters().opened_packets);
    for (to, datagram) in pair.tape.clone() {
        let mut bag = Bag::default();
        let opened = pair.ends[to].open(pair.now(), PEER, &datagram, &mut bag);
        assert!(
            matches!(opened, Opened::Rejected(Rejection::Replayed | Rejection::NoSession)),
            "{opened:?}"
        );
        assert!(bag.network.is_empty() && bag.tunnel.is_empty());
    }
    assert_eq!(before, pair.ends.each_ref().map(|end| end.counters().opened_packets));
    pair.received = Default::default();
    pair.send(0, &packet(99, 200));
    pair.run(1);
    assert_eq!(numbers(&pair.received[1]), [99]);
}

#[test]
fn a_million_bad_datagrams_change_nothing() {
    let mut pair = Pair::connected();
    pair.send(0, &packet(1, 64));
    let (_, good) = pair.tape.last().unwrap().clone();
    pair.run(1);
    let mut dice = Dice(7);
    let mut noise: Vec<u8> =
        (0..Message::LONGEST + 100).map(|_| dice.roll(256).to_le_bytes()[0]).collect();
    let before = pair.ends[1].counters();
    let mut bag = Bag::default();
    let now = pair.now();
    for round in 0..1_000_000_u32 {
        let offset = dice.place(1_000);
        let opened = match round % 8 {
            // A replay; the same with a flipped bit; with a counter at the end of its range; cut short.
            0 => pair.ends[1].open(now, PEER, &good, &mut bag),
            1 => {
                let mut damaged = good.clone();
                damaged[8 + dice.place(good.len() - 8)] ^= 1 << dice.roll(8);
                pair.ends[1].open(now, PEER, &damaged, &mut bag)
            }
            2 => {
                let mut last = good.clone();
                last[8..16]
                    .copy_from_slice(&(u64::MAX - u64::from(dice.roll(8_000))).to_le_bytes());
                pair.ends[1].open(now, PEER, &last, &mut bag)
            }
            3 => pair.ends[1].open(now, PEER, &good[..dice.place(good.len())], &mut bag),
            // Noise in the shape of every message; noise of any length; longer than any datagram.
            4 | 5 => {
                let (kind, length) = [(1, 148), (2, 92), (3, 64), (4, 32)][dice.place(4)];
                let mut shaped = noise[offset..offset + length].to_vec();
                shaped[..4].copy_from_slice(&[kind, 0, 0, 0]);
                pair.ends[1].open(now, PEER, &shaped, &mut bag)
            }
            6 => pair.ends[1].open(now, PEER, &noise[offset..offset + dice.place(200)], &mut bag),
            _ if round % 1_024 == 7 => {
                noise[..4].copy_from_slice(&[4, 0, 0, 0]);
                pair.ends[1].open(now, PEER, &noise, &mut bag)
            }
            _ => pair.ends[1].open(now, PEER, &[], &mut bag),
        };
        assert!(matches!(opened, Opened::Rejected(_)), "round {round}: {opened:?}");
    }
    assert!(bag.network.is_empty() && bag.tunnel.is_empty());
    let session = &pair.ends[1];
    assert_eq!(session.held.size(), (0, 0));
    let after = session.counters();
    assert_eq!(after.opened_packets, before.opened_packets);
    assert!(
        after.replayed >= 125_000 && after.malformed >= 300_000 && after.forged >= 100_000,
        "{after:?}"
    );

    pair.received = Default::default();
    pair.send(0, &packet(2, 64));
    pair.run(1);
    assert_eq!(numbers(&pair.received[1]), [2], "the session goes on");
}

#[test]
fn a_stranger_gets_no_session_and_then_only_cookies() {
    let mut pair = Pair::connected();
    let mut opened = Vec::new();
    let mut bag = Bag::default();
    for _ in 0..50 {
        // Strangers who know the public key, each with a fresh one of their own.
        let mut stranger = Session::new(&SecretKey::generate(), pair.keys[1].public(), 9, None);
        let mut sent = Bag::default();
        stranger.connect(pair.start, &mut sent);
        opened.push(pair.ends[1].open(pair.start, PEER, &sent.network[0], &mut bag));
    }
    assert_eq!(opened[0], Opened::Rejected(Rejection::Forged));
    assert_eq!(opened[49], Opened::Rejected(Rejection::UnderLoad));
    assert!(opened.iter().all(|opened| matches!(opened, Opened::Rejected(_))));
    assert!(bag.network.iter().all(|reply| Message::of(reply) == Some(Message::Cookie)));
    assert!(pair.ends[1].counters().under_load >= 35);

    pair.send(0, &packet(1, 100));
    pair.run(1);
    assert_eq!(numbers(&pair.received[1]), [1], "the session that stands is not touched");
}
