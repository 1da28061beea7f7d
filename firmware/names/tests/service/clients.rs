//! What clients get, and who gets nothing.

use std::{io::Write as _, time::Duration};

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType, rdata::NULL},
};
use libtest_mimic::Trial;
use sekisho_design::{Lan, Method};
use sekisho_names::{Limits, Setup};

use crate::{
    messages::{WEB, a, addresses_of, asked_name, bytes, query, query_edns, reply},
    running::{
        Running, ask, ask_kind, client, code, connect, framed, receive, receive_tcp, tell,
        tell_tcp, until,
    },
    server::{Carrier, Server},
    site::{EAST, OFFICE, SCHOOL, STRANGER, TERMINAL, blocking, design},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        blocking("clients_get_entries_the_platform_and_the_office", sources),
        blocking("strangers_and_loops_are_refused_and_counted", strangers),
        blocking("questions_that_no_client_needs_are_refused_and_counted", odd),
        blocking("what_is_no_question_gets_no_answer", no_question),
        blocking("forward_serves_named_servers_and_the_platforms_zones", forward),
        blocking("the_case_of_a_question_is_kept", case),
        blocking("datagrams_fit_what_a_client_takes", sizes),
        blocking("signatures_flags_and_unknown_types_pass", untouched),
        blocking("a_client_over_its_rate_is_told_and_then_not_even_that", rate),
        blocking("connections_are_bounded_and_half_a_question_stops_nobody", connections),
    ]
}

const HEAD_OFFICE: Lan = Lan::HeadOffice;

fn sources() {
    let east = Server::giving(EAST, "100.72.0.80");
    let office = Server::giving(OFFICE, "10.9.9.9");
    let running = Running::start(Method::Device);
    assert_eq!(addresses_of(&ask("juki.city.example.")), ["192.168.1.10"]);
    assert_eq!(addresses_of(&ask(WEB)), ["100.72.0.80"]);
    assert_eq!(addresses_of(&ask("intra.city.example.")), ["10.9.9.9"]);
    let alias = ask("portal.city.example.");
    assert_eq!(alias.answers[0].record_type(), RecordType::CNAME);
    assert_eq!(addresses_of(&alias), ["100.72.0.80"]);
    assert_eq!(addresses_of(&ask("www.city.example.")), ["192.168.1.10"]);
    // A global address of a server of this LAN becomes its private one.
    assert_eq!(addresses_of(&ask("own.city.example.")), ["192.168.1.11", "192.168.1.11"]);
    let back = ask_kind("10.1.168.192.in-addr.arpa.", RecordType::PTR);
    assert_eq!(back.answers[0].data.to_string(), "juki.city.example.");
    assert!(ask_kind("juki.city.example.", RecordType::AAAA).answers.is_empty());
    // The education board has no DNS server of its own, and another view.
    let school = |text| code(Lan::EducationBoard, SCHOOL, text);
    assert_eq!(school("own.city.example."), ResponseCode::Refused);
    assert_eq!(school(WEB), ResponseCode::NoError);
    assert_eq!(running.count(Lan::EducationBoard, "refused-name"), 1);
    let asked = (east.count(Carrier::Udp), office.count(Carrier::Udp));
    assert_eq!(asked, (1, 1), "the rest is remembered");
    assert_eq!(running.0.status().uses, [2, 2, 0]);
}

fn strangers() {
    let _east = Server::giving(EAST, "100.72.0.80");
    let running = Running::start(Method::Device);
    assert_eq!(code(HEAD_OFFICE, STRANGER, WEB), ResponseCode::Refused);
    assert_eq!(code(HEAD_OFFICE, SCHOOL, WEB), ResponseCode::Refused);
    assert_eq!(running.count(HEAD_OFFICE, "refused-client"), 2);
    // The office's server asks back what it would be asked itself; the platform's names it may ask for.
    assert_eq!(code(HEAD_OFFICE, OFFICE, "intra.city.example."), ResponseCode::Refused);
    assert_eq!(code(HEAD_OFFICE, OFFICE, WEB), ResponseCode::NoError);
    assert_eq!(running.count(HEAD_OFFICE, "refused-loop"), 1);
}

fn odd() {
    let east = Server::giving(EAST, "100.72.0.80");
    let running = Running::start(Method::Device);
    for kind in [RecordType::AXFR, RecordType::IXFR, RecordType::ANY] {
        assert_eq!(ask_kind(WEB, kind).metadata.response_code, ResponseCode::Refused, "{kind}");
    }
    let said = |message: &Message| tell(HEAD_OFFICE, TERMINAL, message).unwrap();
    let mut chaos = query("version.bind.", RecordType::TXT);
    chaos.queries[0].query_class = DNSClass::CH;
    assert_eq!(said(&chaos).metadata.response_code, ResponseCode::Refused);
    let mut notify = query(WEB, RecordType::SOA);
    notify.metadata.op_code = OpCode::Notify;
    assert_eq!(said(&notify).metadata.response_code, ResponseCode::NotImp);
    assert_eq!(running.count(HEAD_OFFICE, "refused-kind"), 5);
    let mut later = query_edns(WEB, RecordType::A, 1232, false);
    later.edns.as_mut().unwrap().set_version(1);
    let answer = said(&later);
    // 16 has two names (RFC 6895, 2.3).
    assert_eq!(u16::from(answer.metadata.response_code), u16::from(ResponseCode::BADVERS));
    assert_eq!(answer.edns.unwrap().version(), 0);
    assert_eq!(running.count(HEAD_OFFICE, "malformed"), 1);
    assert_eq!(east.count(Carrier::Udp), 0);
}

fn no_question() {
    let running = Running::start(Method::Device);
    let question = query("juki.city.example.", RecordType::A);
    let mut answer = question.clone();
    answer.metadata.message_type = MessageType::Response;
    let socket = client(HEAD_OFFICE, TERMINAL);
    socket.send(&answer.to_vec().unwrap()).unwrap();
    socket.send(&question.to_vec().unwrap()[..20]).unwrap();
    socket.send(&[]).unwrap();
    socket.send(&[7]).unwrap();
    socket.send(&question.to_vec().unwrap()).unwrap();
    assert_eq!(addresses_of(&receive(&socket).unwrap()), ["192.168.1.10"]);
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(receive(&socket).is_none());
    assert_eq!(running.count(HEAD_OFFICE, "malformed"), 4);
}

fn forward() {
    let _east = Server::giving(EAST, "100.72.0.80");
    let running = Running::start(Method::Forward);
    assert_eq!(code(HEAD_OFFICE, OFFICE, WEB), ResponseCode::NoError);
    assert_eq!(code(HEAD_OFFICE, OFFICE, "intra.city.example."), ResponseCode::Refused);
    assert_eq!(code(HEAD_OFFICE, TERMINAL, WEB), ResponseCode::Refused);
    assert_eq!(code(Lan::EducationBoard, OFFICE, WEB), ResponseCode::Refused);
    assert_eq!(running.count(HEAD_OFFICE, "refused-client"), 1);
}

fn case() {
    let east = Server::giving(EAST, "100.72.0.80");
    let _running = Running::start(Method::Device);
    for written in ["WEB.Platform.EXAMPLE.", WEB, "wEb.pLatform.example."] {
        let answer = ask(written);
        assert_eq!(answer.queries[0].name.to_string(), written);
        assert_eq!(addresses_of(&answer), ["100.72.0.80"]);
        assert_eq!(answer.metadata.id, 4711);
    }
    for number in 0..8 {
        ask(&format!("host{number}.platform.example."));
    }
    let asked = east.datagrams();
    assert_eq!(asked.len(), 9);
    let distinct = |mut values: Vec<u16>| {
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    assert!(distinct(asked.iter().map(|(_, port)| *port).collect()) > 7, "ports of their own");
    let number = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    assert!(distinct(asked.iter().map(|(bytes, _)| number(bytes)).collect()) > 7);
    let is_upper = |bytes: &[u8]| bytes[12..].iter().any(u8::is_ascii_uppercase);
    assert!(asked.iter().any(|(bytes, _)| is_upper(bytes)), "servers see case of its own");
}

fn sizes() {
    let east = Server::start(EAST, |question, _| {
        let name = asked_name(question);
        let record = |last: u8| a(&name, 300, &format!("100.72.1.{last}"));
        let mut records: Vec<_> = (0..50).map(record).collect();
        if name.starts_with("beside") {
            let mut answer = reply(question, ResponseCode::NoError, records.split_off(49));
            answer.add_additionals(records);
            return bytes(&answer);
        }
        bytes(&reply(question, ResponseCode::NoError, records))
    });
    let _running = Running::start(Method::Device);
    let said = |message: &Message| tell(HEAD_OFFICE, TERMINAL, message).unwrap();
    let plain = said(&query(WEB, RecordType::A));
    assert!(plain.metadata.truncation && plain.edns.is_none(), "512 without EDNS");
    for (payload, cut) in [(512, true), (1232, false), (4096, false), (0, true)] {
        let answer = said(&query_edns(WEB, RecordType::A, payload, false));
        assert_eq!(answer.metadata.truncation, cut, "{payload}");
        assert!(answer.edns.unwrap().max_payload() <= 1232);
    }
    let whole = tell_tcp(HEAD_OFFICE, TERMINAL, &query(WEB, RecordType::A)).unwrap();
    assert_eq!((whole.answers.len(), whole.metadata.truncation), (50, false));
    let beside = said(&query("beside.platform.example.", RecordType::A));
    assert_eq!((beside.answers.len(), beside.metadata.truncation), (1, false), "no reason to cut");
    let (question, _) = &east.datagrams()[0];
    assert_eq!(Message::from_vec(question).unwrap().max_payload(), 1232);
}

fn untouched() {
    let kind = RecordType::Unknown(65_280);
    let east = Server::start(EAST, |question, _| {
        let asked = Message::from_vec(question).unwrap();
        let name = Name::from_ascii(asked_name(question)).unwrap();
        let data = |code: u16, bytes: &[u8]| RData::Unknown {
            code: code.into(),
            rdata: NULL::with(bytes.to_vec()),
        };
        let mut answer = reply(question, ResponseCode::NoError, Vec::new());
        answer.add_answer(Record::from_rdata(name.clone(), 300, data(65_280, b"\xc0\xff odd")));
        if asked.edns.unwrap().flags().dnssec_ok {
            answer.add_answer(Record::from_rdata(name, 300, data(46, b"signed")));
        }
        answer.metadata.authentic_data = true;
        bytes(&answer)
    });
    let _running = Running::start(Method::Device);
    let said = |message: &Message| tell(HEAD_OFFICE, TERMINAL, message).unwrap();
    let plain = said(&query(WEB, kind));
    assert_eq!((plain.answers.len(), plain.metadata.authentic_data), (1, false));
    let signed = said(&query_edns(WEB, kind, 1232, true));
    assert_eq!((signed.answers.len(), signed.metadata.authentic_data), (2, true));
    assert!(signed.edns.unwrap().flags().dnssec_ok);
    let mut unchecked = query(WEB, kind);
    unchecked.metadata.checking_disabled = true;
    unchecked.metadata.authentic_data = true;
    let unchecked = said(&unchecked);
    assert!(unchecked.metadata.checking_disabled && unchecked.metadata.authentic_data);
    assert_eq!(east.count(Carrier::Udp), 3, "DO and CD are apart in memory");
}

fn rate() {
    let limits = Limits { per_client: 20, ..Limits::default() };
    let running = Running::with(limits, Setup::of(&design(Method::Device)), None);
    let socket = client(HEAD_OFFICE, TERMINAL);
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let question = query("juki.city.example.", RecordType::A).to_vec().unwrap();
    let (mut given, mut told, mut silent) = (0, 0, 0);
    for _ in 0..150 {
        socket.send(&question).unwrap();
    }
    while let Some(answer) = receive(&socket) {
        let refused = answer.metadata.response_code == ResponseCode::Refused;
        *(if refused { &mut told } else { &mut given }) += 1;
        silent = 150 - given - told;
    }
    // Four seconds' worth, and what a busy machine's time adds.
    assert!((80..100).contains(&given), "{given}");
    assert!((1..10).contains(&told), "{told}");
    assert!(silent > 40, "{silent}");
    assert_eq!(running.count(HEAD_OFFICE, "refused-rate"), told + silent);
    // Another client doesn't notice.
    assert_eq!(code(HEAD_OFFICE, OFFICE, "juki.city.example."), ResponseCode::NoError);
}

fn connections() {
    let _east = Server::giving(EAST, "100.72.0.80");
    let running = Running::start(Method::Device);
    let question = query(WEB, RecordType::A);
    let mut held: Vec<_> = (0..8).map(|_| connect(HEAD_OFFICE, TERMINAL).unwrap()).collect();
    held[0].write_all(&[0, 40, 1, 2, 3]).unwrap();
    until("the client's share to be used up", || {
        tell_tcp(HEAD_OFFICE, TERMINAL, &question).is_none()
    });
    assert!(running.count(HEAD_OFFICE, "busy") > 0);
    assert!(tell_tcp(HEAD_OFFICE, OFFICE, &question).is_some(), "others have theirs");
    // Several questions on one connection, the first in two pieces.
    let framed = framed(&question);
    held[1].write_all(&framed[..7]).unwrap();
    held[1].write_all(&[&framed[7..], &framed].concat()).unwrap();
    for _ in 0..2 {
        assert_eq!(addresses_of(&receive_tcp(&mut held[1]).unwrap()), ["100.72.0.80"]);
    }
    drop(held);
    until("the share to be free again", || tell_tcp(HEAD_OFFICE, TERMINAL, &question).is_some());
}
