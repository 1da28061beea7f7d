//! Both ends start at once.

use super::*;

#[test]
fn crossing_handshakes_leave_nobody_deaf() {
    for seed in 0..200 {
        let mut pair = Pair::new(seed, Weather { lost: 0, doubled: 0, delay: 40 });
        // Both start within a few milliseconds of each other, each with packets waiting.
        let (first, gap) = (usize::from(seed % 2 == 0), seed % 7);
        pair.send(first, &packet(0, 100));
        pair.run(gap);
        pair.send(1 - first, &packet(0, 100));
        for number in 1..120 {
            pair.run(5);
            if number % 50 == 0 {
                pair.at(first, Session::tick);
                pair.at(1 - first, Session::tick);
            }
            pair.send(0, &packet(number, 100));
            pair.send(1, &packet(number, 100));
        }
        pair.run(100);
        for end in 0..2 {
            let mut heard = numbers(&pair.received[end]);
            heard.sort_unstable();
            assert_eq!(heard, (0..120).collect::<Vec<_>>(), "start {seed}, end {end}");
        }
    }
}

#[test]
fn an_answer_is_sent_alone_and_what_waits_follows_the_first_data() {
    let mut pair = Pair::new(1, CALM);
    pair.at(0, Session::connect);
    let (_, initiation) = pair.tape[0].clone();
    // The answering end has a packet waiting, and no handshake of its own under way.
    pair.ends[1].hold(pair.start, &packet(7, 100));
    let mut bag = Bag::default();
    assert_eq!(pair.ends[1].open(pair.start, PEER, &initiation, &mut bag), Opened::Handshake);
    pair.ends[1].seal(pair.start, &packet(8, 100), &mut bag);
    pair.ends[1].tick(pair.start, &mut bag);
    assert_eq!(bag.network.len(), 1, "the response and nothing else");
    assert!(!pair.ends[1].established());

    let mut initiator = Bag::default();
    assert_eq!(
        pair.ends[0].open(pair.start, PEER, &bag.network[0], &mut initiator),
        Opened::Handshake
    );
    assert!(pair.ends[0].established(), "as initiator at once");
    let mut released = Bag::default();
    assert_eq!(
        pair.ends[1].open(pair.start, PEER, &initiator.network[0], &mut released),
        Opened::Keepalive
    );
    for datagram in &released.network {
        assert_eq!(pair.ends[0].open(pair.start, PEER, datagram, &mut initiator), Opened::Data);
    }
    assert_eq!(numbers(&initiator.tunnel), [7, 8]);
}

#[test]
fn an_initiation_that_crosses_ours_waits_for_the_next_tick() {
    let mut pair = Pair::new(1, CALM);
    pair.at(0, Session::connect);
    pair.at(1, Session::connect);
    let (_, initiation) = pair.tape[0].clone();
    let crossed = pair.ends[1].initiated.unwrap() + Session::CROSSING / 2;
    let mut bag = Bag::default();
    assert_eq!(
        pair.ends[1].open(crossed, PEER, &initiation, &mut bag),
        Opened::Rejected(Rejection::Crossing)
    );
    pair.ends[1].tick(crossed, &mut bag);
    assert!(bag.network.is_empty(), "too early, whenever the tick comes");
    pair.ends[1].tick(crossed + Session::CROSSING, &mut bag);
    assert_eq!(Message::of(&bag.network[0]), Some(Message::Response));
    assert_eq!(bag.network.len(), 1);

    // Where our own initiation was answered in the meantime, nothing is left to answer.
    let mut pair = Pair::new(1, CALM);
    pair.at(0, Session::connect);
    let (_, initiation) = pair.tape[0].clone();
    pair.at(1, Session::connect);
    let mut bag = Bag::default();
    pair.ends[1].open(pair.start, PEER, &initiation, &mut bag);
    pair.milliseconds = 30;
    pair.run(1);
    assert!(pair.ends[1].established());
    pair.at(1, Session::tick);
    assert!(pair.ends[1].crossing.is_none());
}

#[test]
fn an_answer_that_leads_nowhere_holds_up_no_longer_than_packets_wait() {
    let mut pair = Pair::new(1, CALM);
    pair.at(0, Session::connect);
    let (_, initiation) = pair.tape[0].clone();
    let mut bag = Bag::default();
    pair.ends[1].open(pair.start, PEER, &initiation, &mut bag);
    pair.ends[1].seal(pair.start + Session::HOLD / 2, &packet(1, 100), &mut bag);
    assert_eq!(bag.network.len(), 1);
    pair.ends[1].tick(pair.start + Session::HOLD, &mut bag);
    assert_eq!(Message::of(&bag.network[1]), Some(Message::Initiation));
}
