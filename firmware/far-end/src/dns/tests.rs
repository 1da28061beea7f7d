use std::str::FromStr;

use hickory_proto::rr::Name;
use proptest::prelude::*;

use super::*;

const ZONE: &str = r#"
$ORIGIN platform.example.
$TTL 60
@    IN SOA ns hostmaster 1 3600 600 86400 60
web  IN A   100.72.1.10
web  IN A   100.72.1.11
www  IN CNAME web
away IN CNAME elsewhere.example.
loop IN CNAME pool
pool IN CNAME loop
note IN TXT "東西2箇所"
deep.below IN A 100.72.1.12
$ORIGIN 1.72.100.in-addr.arpa.
@    IN SOA ns.platform.example. hostmaster.platform.example. 1 3600 600 86400 60
10   IN PTR web.platform.example.
"#;

fn zones(text: &str) -> Zones {
    let mut zones = Zones::default();
    zones.add(text, Path::new("zone")).unwrap();
    zones
}

fn question(name: &str, wanted: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_str(name).unwrap(), wanted));
    message.metadata.recursion_desired = true;
    message
}

fn ask(zones: &Zones, question: &Message, transport: Transport) -> Message {
    let answer = zones.answer(&question.to_vec().unwrap(), transport).unwrap();
    Message::from_vec(&answer).unwrap()
}

#[test]
fn questions_and_answers() {
    use RecordType::{A, ANY, AXFR, PTR, SOA, TXT};
    use ResponseCode::{NXDomain, NoError, Refused};
    let zones = zones(ZONE);
    // Name, type, code, answers, authorities.
    let table = [
        ("web.platform.example.", A, NoError, 2, 0),
        ("WEB.Platform.example.", A, NoError, 2, 0),
        ("web.platform.example.", TXT, NoError, 0, 1),
        ("web.platform.example.", ANY, NoError, 2, 0),
        ("www.platform.example.", A, NoError, 3, 0),
        ("away.platform.example.", A, NoError, 1, 0),
        ("loop.platform.example.", A, NoError, MAX_ALIASES + 1, 1),
        ("note.platform.example.", TXT, NoError, 1, 0),
        ("platform.example.", SOA, NoError, 1, 0),
        ("below.platform.example.", A, NoError, 0, 1),
        ("nothing.platform.example.", A, NXDomain, 0, 1),
        ("10.1.72.100.in-addr.arpa.", PTR, NoError, 1, 0),
        ("elsewhere.example.", A, Refused, 0, 0),
        ("platform.example.", AXFR, Refused, 0, 0),
        (".", A, Refused, 0, 0),
    ];
    for (name, wanted, code, answers, authorities) in table {
        let reply = ask(&zones, &question(name, wanted), Transport::Udp);
        let got = (reply.metadata.response_code, reply.answers.len(), reply.authorities.len());
        assert_eq!(got, (code, answers, authorities), "{name} {wanted}");
        assert_eq!(reply.metadata.authoritative, code != Refused, "{name} {wanted}");
        assert_eq!(reply.metadata.message_type, MessageType::Response);
        assert!(reply.metadata.recursion_desired && !reply.metadata.recursion_available);
    }
}

#[test]
fn the_right_records_come_back() {
    let zones = zones(ZONE);
    let reply = ask(&zones, &question("www.platform.example.", RecordType::A), Transport::Udp);
    let shown: Vec<_> = reply.answers.iter().map(|record| record.data.to_string()).collect();
    assert_eq!(shown, ["web.platform.example.", "100.72.1.10", "100.72.1.11"]);
    let reply =
        ask(&zones, &question("10.1.72.100.in-addr.arpa.", RecordType::PTR), Transport::Tcp);
    assert_eq!(reply.answers[0].data.to_string(), "web.platform.example.");
}

#[test]
fn other_questions_are_turned_down() {
    let zones = zones(ZONE);
    let mut update = question("web.platform.example.", RecordType::A);
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(ask(&zones, &update, Transport::Udp).metadata.response_code, ResponseCode::NotImp);

    let mut two = question("web.platform.example.", RecordType::A);
    two.add_query(two.queries[0].clone());
    assert_eq!(ask(&zones, &two, Transport::Udp).metadata.response_code, ResponseCode::FormErr);

    let mut chaos = question("web.platform.example.", RecordType::A);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(ask(&zones, &chaos, Transport::Udp).metadata.response_code, ResponseCode::Refused);

    let mut newer = question("web.platform.example.", RecordType::A);
    let mut edns = Edns::new();
    edns.set_version(1);
    newer.set_edns(edns);
    // The library reads code 16 back as BADSIG, its other name.
    let code = u16::from(ask(&zones, &newer, Transport::Udp).metadata.response_code);
    assert_eq!(code, u16::from(ResponseCode::BADVERS));

    let mut answer = question("web.platform.example.", RecordType::A);
    answer.metadata.message_type = MessageType::Response;
    assert_eq!(zones.answer(&answer.to_vec().unwrap(), Transport::Udp), None);

    let mut cut = question("web.platform.example.", RecordType::A).to_vec().unwrap();
    cut.truncate(14);
    let reply = Message::from_vec(&zones.answer(&cut, Transport::Udp).unwrap()).unwrap();
    assert_eq!(reply.metadata.response_code, ResponseCode::FormErr);
    assert_eq!(reply.metadata.id, u16::from_be_bytes([cut[0], cut[1]]));
    assert_eq!(zones.answer(&cut[..11], Transport::Udp), None);
}

#[test]
fn long_answers_are_cut_over_udp_only() {
    let mut text = "$ORIGIN big.example.\n@ 60 IN SOA ns h 1 2 3 4 5\n".to_owned();
    for i in 0..60 {
        text.extend(["x 60 IN A 100.72.2.", &i.to_string(), "\n"]);
    }
    let zones = zones(&text);
    let mut plain = question("x.big.example.", RecordType::A);
    // 60 records of 16 bytes: over 512, under 1,232.
    for (payload, cut) in
        [(None, true), (Some(512), true), (Some(1232), false), (Some(4096), false)]
    {
        if let Some(payload) = payload {
            let mut edns = Edns::new();
            edns.set_max_payload(payload);
            plain.set_edns(edns);
        }
        let reply = ask(&zones, &plain, Transport::Udp);
        assert_eq!(
            (reply.metadata.truncation, reply.answers.is_empty()),
            (cut, cut),
            "{payload:?}"
        );
    }
    assert_eq!(
        ask(&zones, &question("x.big.example.", RecordType::A), Transport::Tcp).answers.len(),
        60
    );
}

#[test]
fn bad_zone_files_are_refused() {
    let refusal =
        |text: &str| Zones::default().add(text, Path::new("z.zone")).unwrap_err().to_string();
    assert!(refusal("$ORIGIN x.\na 60 IN A 1.2.3.4\n").contains("z.zone has no SOA"));
    assert!(refusal("a 60 IN A 1.2.3\n").contains("understand the zone file z.zone"));
    let missing = Zones::load(&["/nonexistent/zone"]).unwrap_err();
    assert!(missing.to_string().contains("/nonexistent/zone"));
}

#[test]
fn a_stream_carries_many_questions_however_they_are_cut() {
    let one = question("web.platform.example.", RecordType::A).to_vec().unwrap();
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.extend_from_slice(&u16::try_from(one.len()).unwrap().to_be_bytes());
        sent.extend_from_slice(&one);
    }
    let mut stream = DnsStream::new(Arc::new(zones(ZONE)));
    let mut said = Vec::new();
    let mut room = [0; 5];
    for byte in sent {
        assert_eq!(stream.hear(&[byte]), 1);
        loop {
            match stream.say(&mut room) {
                0 => break,
                n => said.extend_from_slice(&room[..n]),
            }
        }
    }
    let mut rest = said.as_slice();
    for _ in 0..3 {
        let (length, tail) = rest.split_first_chunk().unwrap();
        let (message, tail) = tail.split_at(usize::from(u16::from_be_bytes(*length)));
        assert_eq!(Message::from_vec(message).unwrap().answers.len(), 2);
        rest = tail;
    }
    assert!(rest.is_empty() && !stream.finished());
    stream.end();
    assert!(stream.finished());
}

proptest! {
    #[test]
    fn any_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let zones = zones(ZONE);
        for transport in [Transport::Udp, Transport::Tcp] {
            let _ = zones.answer(&bytes, transport);
        }
    }

    #[test]
    fn a_changed_question_is_harmless(at in 0_usize..40, value: u8) {
        let mut bytes = question("web.platform.example.", RecordType::A).to_vec().unwrap();
        let at = at % bytes.len();
        bytes[at] = value;
        if let Some(answer) = zones(ZONE).answer(&bytes, Transport::Udp) {
            prop_assert!(answer.len() <= usize::from(MAX_UDP));
        }
    }
}
