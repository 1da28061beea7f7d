//! How servers are asked, and what they are not believed.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::CNAME},
};
use libtest_mimic::Trial;
use sekisho_design::{Lan, Method};
use sekisho_names::{Limits, Setup};

use crate::{
    messages::{WEB, a, addresses_of, asked_name, bytes, nothing, query, reply},
    running::{Running, ask, ask_kind, client, code, receive, tell, timed, until},
    server::{Carrier, Server},
    site::{EAST, OFFICE, TERMINAL, WEST, blocking, design},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        blocking("a_silent_server_is_answered_by_the_next_and_comes_back", silent),
        blocking("a_server_that_nobody_runs_is_answered_by_the_next", closed),
        blocking("failures_and_garbage_make_the_next_one_asked", failures),
        blocking("a_name_that_no_server_can_do_costs_no_other", broken_name),
        blocking("wrong_numbers_and_questions_are_not_heard", forged),
        blocking("an_answer_from_elsewhere_is_not_heard", elsewhere),
        blocking("what_was_cut_is_asked_by_connection_and_so_is_changed_case", by_connection),
        blocking("a_server_from_before_edns_is_asked_without", before_edns),
        blocking("answers_of_the_platform_lead_inside", outside),
        blocking("names_backwards_go_to_the_platform", backwards),
        blocking("equal_questions_are_asked_once", once),
        blocking("what_is_being_asked_is_bounded", bounded),
    ]
}

/// Slack for a machine with other work, beyond the time that is allowed.
const SLACK: Duration = Duration::from_millis(500);
const AT_ONCE: Duration = Duration::from_millis(400);

fn silent() {
    let alive = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&alive);
    let _east = Server::start(EAST, move |question, _| {
        if !heard.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let answer = a(&asked_name(question), 300, "100.72.0.1");
        bytes(&reply(question, ResponseCode::NoError, vec![answer]))
    });
    let _west = Server::giving(WEST, "100.72.0.2");
    let running = Running::start(Method::Device);
    let (answer, took) = timed("first.platform.example.");
    assert_eq!(addresses_of(&answer), ["100.72.0.2"]);
    assert!(took < Duration::from_secs(2) + SLACK, "{took:?}");
    assert_eq!(running.servers()[0].answers, Some(false));
    let (answer, took) = timed("second.platform.example.");
    assert_eq!(addresses_of(&answer), ["100.72.0.2"]);
    assert!(took < AT_ONCE, "{took:?}");
    alive.store(true, Ordering::Relaxed);
    let mut number = 0;
    until("the first to be found again", || {
        number += 1;
        let (_, took) = timed(&format!("probe{number}.platform.example."));
        assert!(took < AT_ONCE, "no client waits: {took:?}");
        running.servers()[0].answers == Some(true)
    });
    let (answer, took) = timed("third.platform.example.");
    assert_eq!(addresses_of(&answer), ["100.72.0.1"]);
    assert!(took < AT_ONCE, "{took:?}");
}

fn closed() {
    let _west = Server::giving(WEST, "100.72.0.2");
    let _running = Running::start(Method::Device);
    let (answer, took) = timed(WEB);
    assert_eq!(addresses_of(&answer), ["100.72.0.2"]);
    assert!(took < Duration::from_secs(2) + SLACK, "{took:?}");
}

fn failures() {
    let turn = AtomicU32::new(0);
    let _east = Server::start(EAST, move |question, _| {
        let code = match turn.fetch_add(1, Ordering::Relaxed) {
            0 => ResponseCode::ServFail,
            1 => ResponseCode::Refused,
            // An answer that breaks off inside its header.
            2 => return vec![[&question[..2], &[0x81, 0x80, 0, 1]].concat()],
            _ => return vec![vec![0xff; 100]],
        };
        bytes(&reply(question, code, Vec::new()))
    });
    let _west = Server::giving(WEST, "100.72.0.2");
    for text in ["a", "b", "c", "d"] {
        // Anew each time, since a server that failed is left alone for a while.
        let _running = Running::start(Method::Device);
        let (answer, took) = timed(&format!("{text}.platform.example."));
        assert_eq!(addresses_of(&answer), ["100.72.0.2"], "{text}");
        assert!(took < Duration::from_secs(2) + SLACK, "{text}: {took:?}");
    }
}

fn broken_name() {
    let serve = |question: &[u8], _| {
        let name = asked_name(question);
        let broken = name.to_ascii_lowercase().starts_with("broken.");
        let code = if broken { ResponseCode::ServFail } else { ResponseCode::NoError };
        let answer = if broken { Vec::new() } else { vec![a(&name, 1, "100.72.0.80")] };
        bytes(&reply(question, code, answer))
    };
    let _servers = [EAST, WEST].map(|address| Server::start(address, serve));
    let _running = Running::start(Method::Device);
    assert_eq!(addresses_of(&ask(WEB)), ["100.72.0.80"]);
    thread::sleep(Duration::from_millis(1_100));
    let broken = ask("broken.platform.example.");
    assert_eq!(broken.metadata.response_code, ResponseCode::ServFail);
    // Were the servers taken for silent, what is remembered would serve, with its 30 seconds.
    assert_eq!(ask(WEB).answers[0].ttl, 1);
}

fn forged() {
    let _east = Server::start(EAST, |question, _| {
        let answer = |address| vec![a(&asked_name(question), 300, address)];
        let good = reply(question, ResponseCode::NoError, answer("100.72.0.80"));
        let mut wrong_id = reply(question, ResponseCode::NoError, answer("100.72.6.6"));
        wrong_id.metadata.id ^= 1;
        let mut wrong_question = reply(question, ResponseCode::NoError, answer("100.72.6.6"));
        wrong_question.queries[0].name = Name::from_ascii("other.platform.example.").unwrap();
        let mut wrong_type = reply(question, ResponseCode::NoError, answer("100.72.6.6"));
        wrong_type.queries[0].query_type = RecordType::TXT;
        let messages = [wrong_id, wrong_question, wrong_type, good];
        messages.map(|message| message.to_vec().unwrap()).to_vec()
    });
    let _west = Server::giving(WEST, "100.72.0.80");
    let _running = Running::start(Method::Device);
    assert_eq!(addresses_of(&ask(WEB)), ["100.72.0.80"]);
}

fn elsewhere() {
    let east = UdpSocket::bind((EAST, 53)).unwrap();
    east.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let liars = [UdpSocket::bind((EAST, 5353)).unwrap(), UdpSocket::bind((WEST, 53)).unwrap()];
    let _running = Running::start(Method::Device);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut buffer = [0; 512];
            let (length, from) = east.recv_from(&mut buffer).unwrap();
            let with = |address| {
                let answer = a(WEB, 300, address);
                let message = reply(&buffer[..length], ResponseCode::NoError, vec![answer]);
                message.to_vec().unwrap()
            };
            for liar in liars {
                liar.send_to(&with("100.72.6.6"), from).unwrap();
            }
            east.send_to(&with("100.72.0.80"), from).unwrap();
        });
        assert_eq!(addresses_of(&ask(WEB)), ["100.72.0.80"]);
    });
}

fn by_connection() {
    let east = Server::start(EAST, |question, carrier| {
        let name = asked_name(question);
        let answer = vec![a(&name, 300, "100.72.0.80")];
        let mut message = reply(question, ResponseCode::NoError, answer);
        if carrier == Carrier::Udp && name.starts_with("cut") {
            message.metadata.truncation = true;
            message.answers.clear();
        } else if carrier == Carrier::Udp {
            // As a forger would, who doesn't know what letters were written how.
            message.queries[0].name = message.queries[0].name.to_lowercase();
            message.answers = vec![a(&name, 300, "100.72.6.6")];
        }
        bytes(&message)
    });
    let _running = Running::start(Method::Device);
    assert_eq!(addresses_of(&ask("cut.platform.example.")), ["100.72.0.80"]);
    assert_eq!((east.count(Carrier::Udp), east.count(Carrier::Tcp)), (1, 1));
    // Of a long name's letters some are upper case, but once in four thousand million times.
    let long = "abcdefghijklmnopqrstuvwxyz.abcdef.platform.example.";
    assert_eq!(addresses_of(&ask(long)), ["100.72.0.80"]);
    assert_eq!((east.count(Carrier::Udp), east.count(Carrier::Tcp)), (2, 2));
}

fn before_edns() {
    let east = Server::start(EAST, |question, _| {
        if Message::from_vec(question).unwrap().edns.is_some() {
            let mut fault = reply(question, ResponseCode::FormErr, Vec::new());
            fault.edns = None;
            return bytes(&fault);
        }
        bytes(&reply(question, ResponseCode::NoError, vec![a(WEB, 300, "100.72.0.80")]))
    });
    let _running = Running::start(Method::Device);
    assert_eq!(addresses_of(&ask(WEB)), ["100.72.0.80"]);
    assert_eq!(east.count(Carrier::Udp), 2);
}

fn outside() {
    let _east = Server::start(EAST, |question, _| {
        let name = asked_name(question);
        let address = match name.split('.').next().unwrap() {
            "evil" => "192.168.1.10",
            "declared" => "203.0.113.5",
            "beyond" => "203.0.113.16",
            "pool" => "100.64.10.11",
            _ => "100.73.0.1",
        };
        let owner = Name::from_ascii(&name).unwrap();
        let asked = Message::from_vec(question).unwrap();
        if asked.queries[0].query_type == RecordType::AAAA {
            let data = RData::AAAA("fd00::1".parse().unwrap());
            let record = Record::from_rdata(owner, 300, data);
            return bytes(&reply(question, ResponseCode::NoError, vec![record]));
        }
        let target = Name::from_ascii("elsewhere.example.").unwrap();
        let alias = Record::from_rdata(owner, 300, RData::CNAME(CNAME(target)));
        let end = a("elsewhere.example.", 300, address);
        bytes(&reply(question, ResponseCode::NoError, vec![alias, end]))
    });
    let running = Running::start(Method::Device);
    let said = |label: &str| code(Lan::HeadOffice, TERMINAL, &format!("{label}.platform.example."));
    assert_eq!(said("evil"), ResponseCode::ServFail);
    assert_eq!(said("beyond"), ResponseCode::ServFail);
    assert_eq!(said("declared"), ResponseCode::NoError);
    assert_eq!(said("fine"), ResponseCode::NoError);
    assert_eq!(running.count(Lan::HeadOffice, "outside-answer"), 2);
    let own = addresses_of(&ask("pool.platform.example."));
    assert_eq!(own, ["192.168.1.10"], "the server's own address");
    let ipv6 = ask_kind("fine.platform.example.", RecordType::AAAA);
    assert_eq!(ipv6.metadata.response_code, ResponseCode::NoError);
    assert!(ipv6.answers.is_empty());
}

fn backwards() {
    let east = Server::start(EAST, |question, _| {
        bytes(&nothing(question, ResponseCode::NXDomain, 60, 60))
    });
    let office = Server::giving(OFFICE, "10.9.9.9");
    let _running = Running::start(Method::Device);
    let back = |text: &str| ask_kind(text, RecordType::PTR);
    back("1.0.72.100.in-addr.arpa.");
    back("11.10.64.100.in-addr.arpa.");
    assert_eq!((east.count(Carrier::Udp), office.count(Carrier::Udp)), (2, 0));
    let own = back("12.10.64.100.in-addr.arpa.");
    assert_eq!(own.answers[0].data.to_string(), "own.city.example.");
    back("7.7.20.10.in-addr.arpa.");
    assert_eq!((east.count(Carrier::Udp), office.count(Carrier::Udp)), (2, 1));
}

fn once() {
    let east = Server::start(EAST, |question, _| {
        thread::sleep(Duration::from_millis(300));
        bytes(&reply(question, ResponseCode::NoError, vec![a(WEB, 300, "100.72.0.80")]))
    });
    let _running = Running::start(Method::Device);
    let sockets: Vec<_> = (0..50).map(|_| client(Lan::HeadOffice, TERMINAL)).collect();
    for socket in &sockets {
        socket.send(&query(WEB, RecordType::A).to_vec().unwrap()).unwrap();
    }
    for socket in &sockets {
        assert_eq!(addresses_of(&receive(socket).unwrap()), ["100.72.0.80"]);
    }
    assert_eq!(east.count(Carrier::Udp), 1);
}

fn bounded() {
    let east = Server::silent(EAST);
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let running = Running::with(limits, Setup::of(&design(Method::Device)), None);
    let first = client(Lan::HeadOffice, TERMINAL);
    let question = |text| query(text, RecordType::A);
    first.send(&question("first.platform.example.").to_vec().unwrap()).unwrap();
    until("the first to be asked", || east.count(Carrier::Udp) > 0);
    let second = tell(Lan::HeadOffice, OFFICE, &question("second.platform.example.")).unwrap();
    assert_eq!(second.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(running.count(Lan::HeadOffice, "busy"), 1);
    assert_eq!(receive(&first).unwrap().metadata.response_code, ResponseCode::ServFail);
    assert_eq!(running.count(Lan::HeadOffice, "unanswered"), 1);
}
