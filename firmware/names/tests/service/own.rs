//! The device's own questions, the query log, status, and the end.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use hickory_proto::{
    op::ResponseCode,
    rr::{Name, RData, Record, RecordType, rdata::CNAME},
};
use libtest_mimic::Trial;
use sekisho_design::{Lan, Method};
use sekisho_names::{AskFault, Limits, Owner, QueryEntry, QueryLog, Realm, Setup};

use crate::{
    messages::{WEB, a, asked_name, bytes, query, reply, soa},
    namespace::trial,
    running::{Running, ask, client, code, connect, until},
    server::{Carrier, Server},
    site::{EAST, LGWAN, STRANGER, TERMINAL, WEST, blocking, design, lay, name},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("questions_of_the_device_work_without_a_method", without_method),
        trial("whole_zones_come_from_the_first_that_gives_them", zones),
        trial("an_answer_is_explained", explained),
        blocking("queries_are_logged_only_where_that_was_chosen", logged),
        blocking("status_is_what_happened", status),
        blocking("a_stop_is_bounded_whatever_is_going_on", stop),
    ]
}

async fn without_method() {
    lay();
    let _east = Server::giving(EAST, "100.72.0.80");
    let _lgwan = Server::start(LGWAN, |question, _| {
        let target = Name::from_ascii("east-2.vpn.example.").unwrap();
        let owner = Name::from_ascii(asked_name(question)).unwrap();
        let alias = Record::from_rdata(owner, 120, RData::CNAME(CNAME(target)));
        let end = a("east-2.vpn.example.", 45, "198.18.11.10");
        bytes(&reply(question, ResponseCode::NoError, vec![alias, end]))
    });
    let running = Running::start(Method::Hosts);
    assert!(running.0.status().listening.is_empty());
    let resolve = |realm, text: &str| {
        let (running, host) = (&running, name(text));
        async move { running.0.resolve(realm, &host).await }
    };
    let web = resolve(Realm::Platform, "web.platform.example").await.unwrap();
    assert_eq!(web.addresses, [Ipv4Addr::new(100, 72, 0, 80)]);
    let none = resolve(Realm::Platform, "x.city.example").await;
    assert_eq!(none, Err(AskFault::NoZone));
    let east = resolve(Realm::Lgwan, "east.vpn.example").await.unwrap();
    assert_eq!(east.addresses, [Ipv4Addr::new(198, 18, 11, 10)]);
    assert_eq!(east.ttl, Duration::from_secs(45));
    let asked = running.0.query(Lan::HeadOffice, "web.platform.example", "A").await;
    assert_eq!(asked, Err(AskFault::NotServed(Lan::HeadOffice)));
}

async fn zones() {
    lay();
    let east =
        Server::start(EAST, |question, _| bytes(&reply(question, ResponseCode::Refused, vec![])));
    let west = Server::start(WEST, |question, _| {
        let first = vec![soa(60, 60), a(WEB, 60, "100.72.0.80"), a(WEB, 60, "100.72.0.79")];
        let second = vec![
            a("evil.platform.example.", 60, "192.168.1.1"),
            a("*.platform.example.", 60, "100.72.0.9"),
            soa(60, 60),
        ];
        [first, second]
            .map(|records| reply(question, ResponseCode::NoError, records).to_vec().unwrap())
            .to_vec()
    });
    let running = Running::start(Method::Hosts);
    let data = running.0.zone_data().await.unwrap();
    let web = vec![Ipv4Addr::new(100, 72, 0, 79), Ipv4Addr::new(100, 72, 0, 80)];
    assert_eq!(data, [(name("web.platform.example"), web)].into());
    drop(west);
    let refused = running.0.zone_data().await;
    let Err(AskFault::Zone { zone, source, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(zone, "platform.example");
    assert!(matches!(**source, AskFault::Unanswered | AskFault::Refused(_)), "{refused:?}");
    drop(east);
}

async fn explained() {
    lay();
    let _east = Server::giving(EAST, "100.72.0.80");
    let running = Running::start(Method::Device);
    let explain = |text: &'static str, kind: &'static str| {
        let running = &running;
        async move { running.0.query(Lan::HeadOffice, text, kind).await }
    };
    let web = explain("web.platform.example", "a").await.unwrap();
    assert_eq!(
        (web.rule, web.from.as_str(), web.code.as_str()),
        ("platform", "100.72.0.53:53", "NOERROR")
    );
    assert_eq!(web.addresses, [Ipv4Addr::new(100, 72, 0, 80)]);
    assert_eq!(explain("WEB.platform.example.", "A").await.unwrap().from, "cache");
    let own = explain("192.168.1.10", "PTR").await.unwrap();
    assert_eq!((own.rule, own.from.as_str()), ("static", "static"));
    let none = explain("x.platform.example", "ANY").await.unwrap();
    assert_eq!((none.rule, none.code.as_str()), ("refused-kind", "REFUSED"));
    assert!(matches!(explain("a..b", "A").await, Err(AskFault::Malformed(..))));
    assert!(matches!(explain("a.b", "NONE SUCH").await, Err(AskFault::Malformed(..))));
    assert!(running.0.status().counts.is_empty(), "the device's own are not counted");
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<QueryEntry>>>);

impl QueryLog for Kept {
    fn note(&mut self, entry: &QueryEntry) {
        self.0.lock().unwrap().push(entry.clone());
    }
}

fn logged() {
    let _east = Server::giving(EAST, "100.72.0.80");
    let kept = Kept::default();
    let mut design = design(Method::Device);
    let log = Box::new(kept.clone());
    let running = Running::with(Limits::default(), Setup::of(&design), Some(log));
    ask(WEB);
    assert!(kept.0.lock().unwrap().is_empty());
    design.names.as_mut().unwrap().query_log_days = Some(7);
    running.0.change(Setup::of(&design)).unwrap();
    ask("New.platform.example.");
    code(Lan::HeadOffice, STRANGER, WEB);
    let entries = kept.0.lock().unwrap().clone();
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.client, entry.name.as_str(), entry.kind.as_str(), entry.rule))
        .collect();
    let expected = [
        (TERMINAL, "new.platform.example.", "A", "platform"),
        (STRANGER, WEB, "A", "refused-client"),
    ];
    assert_eq!(seen, expected);
}

fn status() {
    let _east = Server::giving(EAST, "100.72.0.80");
    let running = Running::start(Method::Device);
    ask(WEB);
    ask(WEB);
    let status = running.0.status();
    assert_eq!(status.listening, Lan::ALL);
    assert_eq!((status.cached.0, status.uses), (1, [1, 1, 0]));
    assert_eq!(running.count(Lan::HeadOffice, "platform"), 2);
    let zones: Vec<_> = status.groups.iter().map(|it| (it.zone.as_str(), it.of)).collect();
    let expected = [
        ("platform.example", Owner::Platform),
        (".", Owner::Lgwan),
        (".", Owner::Office(Lan::HeadOffice)),
    ];
    assert_eq!(zones, expected);
    let east = &status.groups[0].servers[0];
    assert_eq!((east.address, east.answers, east.failures), (EAST, Some(true), 0));
    assert!(east.round_trip.is_some());
}

fn stop() {
    let east = Server::silent(EAST);
    let running = Running::start(Method::Device);
    let _held = connect(Lan::HeadOffice, TERMINAL).unwrap();
    let socket = client(Lan::HeadOffice, TERMINAL);
    socket.send(&query(WEB, RecordType::A).to_vec().unwrap()).unwrap();
    until("the question to be asked", || east.count(Carrier::Udp) > 0);
    let began = Instant::now();
    drop(running);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // The addresses are free again.
    let _another = Running::start(Method::Device);
}
