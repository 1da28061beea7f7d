//! Questions as clients write them, and answers as servers do.

use std::net::Ipv4Addr;

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::SOA},
};

/// A name of the platform.
pub(crate) const WEB: &str = "web.platform.example.";

/// A question as a client sends it.
pub(crate) fn query(text: &str, kind: RecordType) -> Message {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(text).unwrap(), kind));
    message
}

/// The same with EDNS.
pub(crate) fn query_edns(text: &str, kind: RecordType, payload: u16, signatures: bool) -> Message {
    let mut message = query(text, kind);
    let mut edns = Edns::new();
    edns.set_max_payload(payload).set_dnssec_ok(signatures);
    message.set_edns(edns);
    message
}

/// A server's answer; EDNS is answered with EDNS.
pub(crate) fn reply(question: &[u8], code: ResponseCode, answers: Vec<Record>) -> Message {
    let asked = Message::from_vec(question).unwrap();
    let mut message = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
    message.metadata.recursion_available = true;
    message.metadata.response_code = code;
    message.add_queries(asked.queries.iter().cloned());
    message.add_answers(answers);
    if asked.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        message.set_edns(edns);
    }
    message
}

/// An answer without records, and for how long there are none.
pub(crate) fn nothing(question: &[u8], code: ResponseCode, ttl: u32, minimum: u32) -> Message {
    let mut message = reply(question, code, Vec::new());
    message.add_authority(soa(ttl, minimum));
    message
}

/// The start of the platform's zone.
pub(crate) fn soa(ttl: u32, minimum: u32) -> Record {
    let zone = Name::from_ascii("platform.example.").unwrap();
    let soa = SOA::new(zone.clone(), zone.clone(), 1, 60, 60, 60, minimum);
    Record::from_rdata(zone, ttl, RData::SOA(soa))
}

/// What a question is about, in lower case, with its dot.
pub(crate) fn asked_name(question: &[u8]) -> String {
    Message::from_vec(question).unwrap().queries[0].name.to_lowercase().to_string()
}

/// A record of an address.
pub(crate) fn a(text: &str, ttl: u32, address: &str) -> Record {
    let address: Ipv4Addr = address.parse().unwrap();
    Record::from_rdata(Name::from_ascii(text).unwrap(), ttl, RData::A(address.into()))
}

/// The addresses of an answer.
pub(crate) fn addresses_of(message: &Message) -> Vec<String> {
    let address = |record: &Record| {
        if let RData::A(address) = &record.data { Some(address.to_string()) } else { None }
    };
    message.answers.iter().filter_map(address).collect()
}

pub(crate) fn bytes(message: &Message) -> Vec<Vec<u8>> {
    vec![message.to_vec().unwrap()]
}
