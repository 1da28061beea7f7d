//! What is remembered, for how long, and what a change takes away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use hickory_proto::{op::ResponseCode, rr::RecordType};
use libtest_mimic::Trial;
use sekisho_design::{Lan, Method};
use sekisho_names::Setup;

use crate::{
    messages::{WEB, a, addresses_of, asked_name, bytes, nothing, query, reply},
    running::{Running, ask, client, code, timed, until},
    server::{Carrier, Server},
    site::{EAST, OFFICE, TERMINAL, WEST, blocking, design},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        blocking("times_count_down_and_negative_answers_are_kept_by_the_soa", times),
        blocking("while_nobody_answers_what_was_known_is_given", stale),
        blocking("a_change_keeps_what_stays_the_same", change),
        blocking("a_method_may_come_and_go", come_and_go),
    ]
}

fn times() {
    let east = Server::start(EAST, |question, _| match asked_name(question).as_str() {
        WEB => bytes(&reply(question, ResponseCode::NoError, vec![a(WEB, 300, "100.72.0.80")])),
        "short.platform.example." => bytes(&nothing(question, ResponseCode::NXDomain, 300, 1)),
        "none.platform.example." => bytes(&reply(question, ResponseCode::NXDomain, Vec::new())),
        _ => bytes(&nothing(question, ResponseCode::NXDomain, 300, 60)),
    });
    let _running = Running::start(Method::Device);
    let gone = |text: &str| {
        let answer = ask(text);
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{text}");
        answer.authorities.first().map(|soa| soa.ttl)
    };
    ask(WEB);
    for text in ["gone", "short", "none", "none"] {
        gone(&format!("{text}.platform.example."));
    }
    assert_eq!(east.count(Carrier::Udp), 5, "without a SOA it isn't kept");
    thread::sleep(Duration::from_millis(2_100));
    let left = ask(WEB).answers[0].ttl;
    assert!((295..=298).contains(&left), "{left}");
    let left = gone("gone.platform.example.").unwrap();
    assert!((55..=58).contains(&left), "{left}");
    assert_eq!(east.count(Carrier::Udp), 5);
    gone("short.platform.example.");
    assert_eq!(east.count(Carrier::Udp), 6);
}

fn stale() {
    let alive = Arc::new(AtomicBool::new(true));
    let heard = Arc::clone(&alive);
    let script = move |question: &[u8], _| {
        if !heard.load(Ordering::Relaxed) {
            return Vec::new();
        }
        bytes(&reply(question, ResponseCode::NoError, vec![a(WEB, 1, "100.72.0.80")]))
    };
    let _east = Server::start(EAST, script.clone());
    let _west = Server::start(WEST, script);
    let running = Running::start(Method::Device);
    ask(WEB);
    alive.store(false, Ordering::Relaxed);
    thread::sleep(Duration::from_millis(2_100));
    let (answer, took) = timed(WEB);
    assert_eq!((addresses_of(&answer), answer.answers[0].ttl), (vec!["100.72.0.80".into()], 30));
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(running.servers().iter().all(|server| server.answers == Some(false)));
    let (answer, took) = timed(WEB);
    assert_eq!(answer.answers[0].ttl, 30);
    assert!(took < Duration::from_millis(400), "known to be silent: {took:?}");
    assert_eq!(addresses_of(&ask("juki.city.example.")), ["192.168.1.10"]);
    assert!(running.0.status().uses[2] >= 2);
    alive.store(true, Ordering::Relaxed);
    until("fresh answers again", || ask(WEB).answers[0].ttl <= 1);
}

fn change() {
    let east = Server::giving(EAST, "100.72.0.80");
    let office = Server::giving(OFFICE, "10.9.9.9");
    let running = Running::start(Method::Device);
    let both = || {
        ask(WEB);
        ask("intra.city.example.");
        (east.count(Carrier::Udp), office.count(Carrier::Udp))
    };
    assert_eq!(both(), (1, 1));
    let mut other = design(Method::Device);
    other.names.as_mut().unwrap().entries.clear();
    running.0.change(Setup::of(&other)).unwrap();
    assert_eq!(both(), (1, 1));
    assert_eq!(addresses_of(&ask("juki.city.example.")), ["10.9.9.9"], "now the office's");
    // What came from servers that are asked no more is forgotten.
    other.names.as_mut().unwrap().office_dns.clear();
    running.0.change(Setup::of(&other)).unwrap();
    other.names.as_mut().unwrap().office_dns = [(Lan::HeadOffice, vec![OFFICE])].into();
    running.0.change(Setup::of(&other)).unwrap();
    assert_eq!(both(), (1, 3));
}

fn come_and_go() {
    let east = Server::silent(EAST);
    let running = Running::start(Method::Device);
    let waiting = client(Lan::HeadOffice, TERMINAL);
    waiting.send(&query(WEB, RecordType::A).to_vec().unwrap()).unwrap();
    until("a question to wait for its answer", || east.count(Carrier::Udp) > 0);
    for _ in 0..50 {
        running.0.change(Setup::of(&design(Method::Hosts))).unwrap();
        assert!(running.0.status().listening.is_empty());
        running.0.change(Setup::of(&design(Method::Device))).unwrap();
        let said = code(Lan::HeadOffice, TERMINAL, "juki.city.example.");
        assert_eq!(said, ResponseCode::NoError);
    }
}
