use hickory_proto::{
    op::{MessageType, OpCode},
    rr::{
        Name, RecordType,
        rdata::{A, SOA},
    },
};
use proptest::{collection::vec, prelude::*};
use sekisho_design::Lan;

use super::*;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn group() -> Group {
    Group::Platform("platform.example".to_owned())
}

fn question(number: u16) -> Question {
    let name = Name::from_ascii(format!("host{number}.platform.example.")).unwrap();
    Question::plain(&name, RecordType::A)
}

fn answer(code: ResponseCode, ttls: &[u32]) -> Message {
    let mut message = Message::new(1, MessageType::Response, OpCode::Query);
    message.metadata.response_code = code;
    message.add_query(question(0).query());
    let data = RData::A(A::new(100, 72, 0, 80));
    let record = |ttl: &u32| Record::from_rdata(question(0).name, *ttl, data.clone());
    message.add_answers(ttls.iter().map(record));
    message
}

fn with_soa(mut message: Message, ttl: u32, minimum: u32) -> Message {
    let zone = Name::from_ascii("platform.example.").unwrap();
    let soa = SOA::new(zone.clone(), zone.clone(), 1, 60, 60, 60, minimum);
    message.add_authority(Record::from_rdata(zone, ttl, RData::SOA(soa)));
    message
}

#[test]
fn how_long_answers_are_kept() {
    let cut = {
        let mut cut = answer(ResponseCode::NoError, &[300]);
        cut.metadata.truncation = true;
        cut
    };
    let none = |code| answer(code, &[]);
    for (what, message, ttl) in [
        ("the shortest of its records", answer(ResponseCode::NoError, &[300, 60]), Some(60)),
        ("a day at most", answer(ResponseCode::NoError, &[u32::MAX]), Some(86_400)),
        ("not at all", answer(ResponseCode::NoError, &[0]), Some(0)),
        ("cut", cut, None),
        ("failed", answer(ResponseCode::ServFail, &[300]), None),
        ("refused", answer(ResponseCode::Refused, &[]), None),
        ("no such name, nobody says for how long", none(ResponseCode::NXDomain), None),
        ("no such type, nobody says for how long", none(ResponseCode::NoError), None),
        ("the SOA's minimum", with_soa(none(ResponseCode::NXDomain), 3_600, 60), Some(60)),
        ("the SOA's own time", with_soa(none(ResponseCode::NoError), 30, 60), Some(30)),
        (
            "three hours at most",
            with_soa(none(ResponseCode::NXDomain), 99_999, 99_999),
            Some(10_800),
        ),
        (
            "an alias to a name that isn't there",
            with_soa(answer(ResponseCode::NXDomain, &[20]), 60, 60),
            Some(20),
        ),
    ] {
        assert_eq!(time_to_live(&message), ttl, "{what}");
    }
}

#[test]
fn times_count_down_and_then_an_answer_is_stale_for_a_day() {
    let mut cache = Cache::new(10, 10_000);
    let mut message = answer(ResponseCode::NoError, &[60, 300]);
    message.metadata.id = 77;
    cache.keep(&group(), &question(1), &message, s(10));
    let mut at = |now| match cache.find(&group(), &question(1), now) {
        Found::Fresh(message) => {
            let ttls = message.answers.iter().map(|record| record.ttl).collect();
            ("fresh", ttls)
        }
        Found::Stale(message) => {
            ("stale", message.answers.iter().map(|record| record.ttl).collect::<Vec<_>>())
        }
        Found::Nothing => ("nothing", Vec::new()),
    };
    assert_eq!(at(s(10)), ("fresh", vec![60, 60]));
    assert_eq!(at(s(69)), ("fresh", vec![1, 1]));
    assert_eq!(at(s(70)), ("stale", vec![30, 30]));
    assert_eq!(at(s(70 + 86_399)), ("stale", vec![30, 30]));
    assert_eq!(at(s(70 + 86_400)), ("nothing", vec![]));
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn what_isn_t_there_is_told_for_no_longer_than_it_is_kept() {
    let mut cache = Cache::new(10, 10_000);
    let message = with_soa(answer(ResponseCode::NXDomain, &[]), 3_600, 60);
    cache.keep(&group(), &question(1), &message, s(0));
    let Found::Fresh(message) = cache.find(&group(), &question(1), s(50)) else { panic!("kept") };
    assert_eq!(message.authorities[0].ttl, 10);
}

#[test]
fn questions_and_groups_are_apart() {
    let mut cache = Cache::new(10, 10_000);
    let message = answer(ResponseCode::NoError, &[60]);
    let office = Group::Office(Lan::HeadOffice);
    cache.keep(&group(), &question(1), &message, s(0));
    cache.keep(&office, &question(1), &message, s(0));
    let other = [
        Question { kind: RecordType::AAAA, ..question(1) },
        Question { signatures: true, ..question(1) },
        Question { unchecked: true, ..question(1) },
        question(2),
    ];
    for other in other {
        assert!(matches!(cache.find(&group(), &other, s(0)), Found::Nothing), "{other:?}");
    }
    let elsewhere = Group::Office(Lan::EducationBoard);
    assert!(matches!(cache.find(&elsewhere, &question(1), s(0)), Found::Nothing));
    cache.retain(|kept| kept == text(&office));
    assert!(matches!(cache.find(&group(), &question(1), s(0)), Found::Nothing));
    assert!(matches!(cache.find(&office, &question(1), s(0)), Found::Fresh(_)));
    cache.retain(|_| false);
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn the_one_that_nobody_asked_for_longest_goes_first() {
    let mut cache = Cache::new(2, 10_000);
    let message = answer(ResponseCode::NoError, &[60]);
    cache.keep(&group(), &question(1), &message, s(0));
    cache.keep(&group(), &question(2), &message, s(0));
    cache.find(&group(), &question(1), s(0));
    cache.keep(&group(), &question(3), &message, s(0));
    assert!(matches!(cache.find(&group(), &question(2), s(0)), Found::Nothing));
    assert!(matches!(cache.find(&group(), &question(1), s(0)), Found::Fresh(_)));
}

/// What is done with a cache, and after how many seconds.
#[derive(Clone, Debug)]
enum Act {
    Keep { question: u16, ttls: Vec<u32> },
    Find { question: u16 },
    Retain { odd: bool },
}

fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let ttl = prop_oneof![Just(0), 1_u32..200, any::<u32>()];
    let act = prop_oneof![
        4 => (0_u16..12, vec(ttl, 0..20)).prop_map(|(question, ttls)| Act::Keep { question, ttls }),
        4 => (0_u16..12).prop_map(|question| Act::Find { question }),
        1 => any::<bool>().prop_map(|odd| Act::Retain { odd }),
    ];
    vec((prop_oneof![9 => 0_u64..100, 1 => 0_u64..100_000], act), 0..80)
}

/// Questions take turns between two groups.
fn group_of_question(number: u16) -> Group {
    if number.is_multiple_of(2) { group() } else { Group::Lgwan }
}

proptest! {
    #[test]
    fn bounds_and_times_hold_whatever_is_done(acts in acts(), entries in 1_usize..8, bytes in 200_usize..3_000) {
        let mut cache = Cache::new(entries, bytes);
        let mut now = 0;
        let mut kept = std::collections::BTreeMap::new();
        for (later, act) in acts {
            now += later;
            match act {
                Act::Keep { question: number, ttls } => {
                    let message = answer(ResponseCode::NoError, &ttls);
                    cache.keep(&group_of_question(number), &question(number), &message, s(now));
                    if let Some(ttl) = ttls.iter().min().filter(|ttl| **ttl > 0) {
                        kept.insert(number, (now, u64::from((*ttl).min(86_400))));
                    }
                }
                Act::Find { question: number } => {
                    let found = cache.find(&group_of_question(number), &question(number), s(now));
                    match (found, kept.get(&number)) {
                        (Found::Fresh(message), Some((since, ttl))) => {
                            prop_assert!(now < since + ttl);
                            let left = since + ttl - now;
                            prop_assert!(message.answers.iter().all(|it| u64::from(it.ttl) <= left));
                        }
                        (Found::Stale(message), Some((since, ttl))) => {
                            prop_assert!((since + ttl..since + ttl + 86_400).contains(&now));
                            prop_assert!(message.answers.iter().all(|it| it.ttl == STALE_TTL));
                        }
                        (Found::Nothing, _) => {}
                        (found, None) => prop_assert!(false, "{found:?} was never kept"),
                    }
                }
                Act::Retain { odd } => {
                    let stays = text(&group_of_question(u16::from(odd)));
                    cache.retain(|group| group == stays);
                    kept.retain(|number, _| (number % 2 == 1) == odd);
                }
            }
            prop_assert!(cache.len() <= entries && cache.bytes() <= bytes as u64);
        }
    }
}
