//! Minutes of the protocol: rekeying, peers that are away or start anew, clocks, a second holder of the key.

use super::*;

const HAZY: Weather = Weather { lost: 2, doubled: 2, delay: 30 };

#[test]
fn a_keepalive_breaks_the_silence() {
    let mut pair = Pair::connected();
    pair.ends[0].keepalive = Some(Duration::from_secs(10));
    pair.run(9_000);
    pair.at(0, Session::tick);
    assert!(pair.flying.is_empty());
    pair.run(1_000);
    pair.at(0, Session::tick);
    assert_eq!(pair.flying.len(), 1);
    let (_, datagram) = pair.tape.last().unwrap().clone();
    assert_eq!(
        pair.ends[1].open(pair.now(), PEER, &datagram, &mut Bag::default()),
        Opened::Keepalive
    );
}

#[test]
fn a_peer_that_starts_anew_and_speaks_first_is_heard_at_once() {
    let mut pair = Pair::connected();
    pair.ends[1] = Session::new(&pair.keys[1], pair.keys[0].public(), 2, None);
    pair.send(0, &packet(1, 100));
    pair.run(1);
    assert_eq!(pair.ends[1].counters().no_session, 1);
    pair.send(1, &packet(2, 100));
    pair.run(1);
    pair.send(0, &packet(3, 100));
    pair.run(1);
    assert_eq!((numbers(&pair.received[0]), numbers(&pair.received[1])), (vec![2], vec![3]));
}

#[test]
fn a_session_that_nobody_wants_sends_nothing() {
    let mut pair = Pair::new(1, CALM);
    pair.at(1, Session::tick);
    pair.run(600_000);
    pair.at(1, Session::tick);
    assert!(pair.tape.is_empty());
}

#[test]
fn a_lost_first_handshake_is_repeated_after_a_second() {
    let mut pair = Pair::new(1, CALM);
    pair.at(0, Session::connect);
    pair.flying.clear();
    let took = pair.wait_for(3_000, |pair| pair.ends.iter().all(Session::established));
    assert!((1_000..=1_300).contains(&took), "{took} ms");
}

/// Eight minutes of five packets a second both ways: each second all of them arrive, and over a bad line some of them.
#[test]
fn nothing_is_late_through_eight_minutes_of_rekeying() {
    for (initiator, weather, least) in [(0, CALM, 5), (1, CALM, 5), (0, HAZY, 1), (1, HAZY, 1)] {
        let mut pair = Pair::started_by(initiator);
        pair.weather = weather;
        for number in 0..8 * 60 * 5 {
            pair.send(0, &packet(number, 100));
            pair.send(1, &packet(number, 100));
            pair.pass(200);
            if number % 5 == 4 {
                let heard = pair.received.each_mut().map(|heard| numbers(&std::mem::take(heard)));
                let enough = heard.iter().all(|heard| heard.len() >= least);
                assert!(enough, "by {initiator}, {number}: {heard:?}");
            }
        }
        let [starter, other] = [initiator, 1 - initiator].map(|end| pair.ends[end].counters());
        assert!((4..=8).contains(&starter.handshakes), "{starter:?}");
        assert!(
            starter.initiations >= 4 && starter.given_up + other.given_up == 0,
            "{starter:?} {other:?}"
        );
    }
}

/// Eight minutes over a line that loses a fifth, doubles a fifth and puts everything out of order.
#[test]
fn no_session_is_stuck_in_a_storm() {
    for seed in 0..2 {
        let mut pair = Pair::started_by(usize::from(seed % 2 == 0));
        pair.weather = Weather { lost: 20, doubled: 20, delay: 150 };
        pair.dice = Dice(seed);
        for number in 0..8 * 60 * 5 {
            pair.send(0, &packet(number, 100));
            pair.send(1, &packet(number, 100));
            pair.pass(200);
            if number % 15 == 14 {
                let heard = pair.received.each_mut().map(|heard| std::mem::take(heard).len());
                assert!(heard.iter().all(|heard| *heard >= 5), "seed {seed}, {number}: {heard:?}");
            }
        }
        for end in &pair.ends {
            assert_eq!(end.counters().given_up, 0, "seed {seed}: {:?}", end.counters());
        }
    }
}

#[test]
fn a_peer_that_starts_anew_in_silence_is_found_after_fifteen_seconds() {
    let mut pair = Pair::connected();
    pair.pass(1_000);
    pair.restart(1);
    pair.send(0, &packet(1, 100));
    let took = pair.wait_for(20_000, |pair| pair.ends[1].established());
    assert!((14_000..16_000).contains(&took), "{took} ms");
}

#[test]
fn a_peer_that_starts_anew_is_found_by_a_caller_who_listens() {
    let mut pair = Pair::connected();
    pair.pass(1_000);
    pair.restart(1);
    pair.at(0, Session::renew);
    pair.pass(50);
    assert!(pair.ends[1].established());
    pair.send(0, &packet(1, 100));
    pair.pass(50);
    assert_eq!(numbers(&pair.received[1]), [1]);
}

#[test]
fn renewing_disturbs_no_session_that_stands() {
    let mut pair = Pair::connected();
    pair.weather = Weather { delay: 40, ..CALM };
    for number in 0..600 {
        pair.send(0, &packet(number, 100));
        pair.send(1, &packet(number, 100));
        pair.at(usize::from(number % 2 == 0), Session::renew);
        pair.pass(50);
    }
    pair.pass(100);
    for end in 0..2 {
        let mut heard = numbers(&pair.received[end]);
        heard.sort_unstable();
        assert_eq!(heard, (0..600).collect::<Vec<_>>(), "end {end}");
        let initiations = pair.ends[end].counters().initiations;
        assert!((5..=32).contains(&initiations), "{initiations} in 30 s, at most one a second");
    }
}

#[test]
fn a_peer_that_was_away_for_long_is_found_within_five_seconds() {
    for (away, idle) in [(130_000, true), (130_000, false), (3 * 86_400_000 / 24, false)] {
        let mut pair = Pair::connected();
        pair.pass(1_000);
        pair.weather = Weather { lost: 100, ..CALM };
        for _ in 0..away / 10_000 {
            pair.pass(10_000);
            if !idle {
                pair.send(0, &packet(0, 100));
                pair.at(0, Session::renew);
            }
        }
        pair.restart(1);
        pair.weather = CALM;
        pair.send(0, &packet(1, 100));
        if idle {
            pair.at(0, Session::renew);
        }
        let took = pair.wait_for(6_000, |pair| pair.ends[1].established());
        pair.send(0, &packet(2, 100));
        pair.pass(50);
        assert_eq!(numbers(&pair.received[1]).last(), Some(&2), "away {away} ms, {took} ms");
        assert!(idle || pair.ends[0].counters().given_up >= 1);
    }
}

/// The library throws all sessions away when a handshake of ours stays unanswered for 90 s, good ones too.
#[test]
fn a_good_session_that_the_library_wipes_is_replaced_at_once() {
    let mut pair = Pair::connected();
    pair.pass(1_000);
    pair.at(0, Session::renew);
    pair.flying.clear();
    let given_up = |pair: &Pair| pair.ends[0].counters().given_up == 1;
    while !given_up(&pair) {
        // Every handshake message is lost, and nothing else.
        pair.flying.retain(|_, (_, datagram)| Message::of(datagram) == Some(Message::Data));
        pair.send(0, &packet(1, 100));
        pair.send(1, &packet(1, 100));
        pair.flying.retain(|_, (_, datagram)| Message::of(datagram) == Some(Message::Data));
        pair.pass(50);
        assert!(pair.milliseconds < 100_000);
    }
    let took = pair.wait_for(6_000, |pair| pair.ends[0].established());
    pair.received = Default::default();
    pair.send(1, &packet(2, 100));
    pair.pass(50);
    assert_eq!(numbers(&pair.received[0]), [2], "{took} ms");
}

const HOUR: Duration = Duration::from_hours(1);

/// The peer has taken a stamp of an hour ahead; then the clock is right again, and the device starts anew.
#[test]
fn a_clock_that_was_put_back_costs_nothing_where_the_last_stamp_was_kept() {
    for ahead in [HOUR, 24 * 365 * HOUR] {
        let mut pair = Pair::new(1, CALM);
        let limit = SystemTime::now() + ahead;
        pair.ends[0] = pair.other_holder(0).stamped_after(limit);
        pair.at(0, Session::connect);
        pair.run(1);
        let last = pair.ends[0].last_stamp().unwrap();
        assert!(
            pair.ends[1].established() && last > limit && last < limit + Duration::from_secs(1)
        );

        // Without it the device is not heard.
        pair.ends[0] = pair.other_holder(0);
        let replayed = pair.ends[1].counters().replayed;
        pair.at(0, Session::connect);
        pair.pass(8_000);
        assert!(!pair.ends[0].established());
        assert!(pair.ends[1].counters().replayed >= replayed + 5, "{:?}", pair.ends[1].counters());

        pair.ends[0] = pair.other_holder(0).stamped_after(last);
        pair.at(0, Session::connect);
        pair.run(1);
        assert!(pair.ends[0].established());
        assert!(pair.ends[0].last_stamp().unwrap() > last);
    }
}

#[test]
fn a_clock_that_is_put_forward_is_followed_while_there_is_no_session() {
    let mut pair = Pair::new(1, CALM);
    let right = SystemTime::now() + HOUR;
    pair.ends[0] = pair.other_holder(0).stamped_after(right);
    pair.at(0, Session::connect);
    pair.run(1);
    // Started anew with a clock an hour back, nothing kept.
    pair.ends[0] = pair.other_holder(0);
    pair.at(0, Session::connect);
    pair.pass(3_000);
    let steps = [
        (SystemTime::now(), false),
        (SystemTime::UNIX_EPOCH, false),
        (right + Duration::from_mins(1), true),
    ];
    for (clock, heard) in steps {
        pair.at(0, |session, now, _| session.follow_clock(now, clock));
        pair.pass(1_500);
        assert_eq!(pair.ends[0].established(), heard, "{clock:?}");
    }
    // A session that stands is nobody's business, whatever the clock does.
    let before = pair.ends[0].counters().handshakes;
    for clock in [right + 24 * HOUR, SystemTime::UNIX_EPOCH, right] {
        pair.at(0, |session, now, _| session.follow_clock(now, clock));
        pair.pass(1_000);
        pair.send(0, &packet(1, 100));
        assert!(pair.ends[0].established());
    }
    assert_eq!(pair.ends[0].counters().handshakes, before);
}

#[test]
fn stamps_only_rise() {
    let mut session = Pair::new(1, CALM).other_holder(0);
    let (mut now, mut last) = (Instant::now(), SystemTime::UNIX_EPOCH);
    for round in 0..1_000_u64 {
        // Threads may hand in a moment that is a little older than the last one.
        let asked =
            if round % 7 == 0 { now.checked_sub(Duration::from_millis(3)).unwrap() } else { now };
        session.renew(asked, &mut Bag::default());
        if round % 100 == 99 {
            session.follow_clock(now, SystemTime::now() + HOUR * u32::try_from(round).unwrap());
        }
        let stamp = session.last_stamp().unwrap();
        assert!(stamp >= last, "round {round}");
        last = stamp;
        now += Duration::from_millis(700);
    }
}

/// Two holders of one key, and a peer that answers whoever shook hands last. The other one takes the session every
/// 15 s, as plain WireGuard does that isn't answered; this one takes it back as soon as packets stop to open.
#[test]
fn a_second_holder_of_the_key_is_noticed() {
    let mut pair = Pair::connected();
    for second in 0..60_u32 {
        if second % 15 == 10 {
            take_session(&mut pair);
        }
        pair.send(1, &packet(second, 100));
        pair.pass(50);
        if std::mem::take(&mut pair.received[0]).is_empty() {
            pair.at(0, Session::renew);
        }
        pair.pass(950);
        let noticed = pair.ends[0].rival_seen().is_some();
        assert_eq!(noticed, second >= 40, "after {second} s");
    }
}

/// Another holder of the key of end 0 shakes hands with end 1.
fn take_session(pair: &mut Pair) {
    let now = pair.now();
    let mut other = pair.other_holder(0).stamped_after(pair.ends[0].last_stamp().unwrap());
    let (mut from, mut to) = (Bag::default(), Bag::default());
    other.connect(now, &mut from);
    pair.ends[1].open(now, PEER, &from.network[0], &mut to);
    other.open(now, PEER, &to.network[0], &mut from);
    let opened = pair.ends[1].open(now, PEER, &from.network[1], &mut to);
    assert_eq!(opened, Opened::Keepalive);
}
