//! DNS answers from zone files (RFC 1035), over UDP and TCP. Pure but for reading the files.
//!
//! Authoritative only: a name outside every zone is refused. Aliases are followed across the zones at hand.
//! Wildcards and delegations are not read as such.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, LowerName, RData, Record, RecordType, RrKey},
    serialize::txt::Parser,
};

/// Largest answer over UDP in bytes, whatever the client offers: it fits every tunnel without fragments.
const MAX_UDP: u16 = 1232;

/// Aliases followed for one question.
const MAX_ALIASES: usize = 8;

/// Records from one or more zone files. Every SOA record starts a zone; a file may hold several.
#[derive(Debug, Default)]
pub struct Zones {
    records: BTreeMap<RrKey, Vec<Record>>,
}

/// A zone file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// The file can't be read.
    #[error("read the zone file {path}")]
    Read {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The text is no master file.
    #[error("understand the zone file {path}")]
    Syntax {
        /// The file.
        path: String,
        /// The reason.
        source: hickory_proto::serialize::txt::ParseError,
    },
    /// No zone starts in it.
    #[error(
        "the zone file {path} has no SOA record; start it with '$ORIGIN example.' and '@ 60 IN SOA …'"
    )]
    NoSoa {
        /// The file.
        path: String,
    },
}

/// What carries a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// A datagram; long answers are cut to what the client takes.
    Udp,
    /// A stream; answers are up to 65,535 bytes.
    Tcp,
}

/// One DNS connection over TCP: questions and answers behind two bytes of length.
#[derive(Debug)]
pub struct DnsStream {
    zones: Arc<Zones>,
    heard: Vec<u8>,
    out: Vec<u8>,
    said: usize,
    ended: bool,
}

impl Zones {
    /// Reads zone files in the master-file format of RFC 1035, 5.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, ZoneError> {
        let mut zones = Self::default();
        for path in paths {
            let path = path.as_ref();
            let text = std::fs::read_to_string(path)
                .map_err(|source| ZoneError::Read { path: path.display().to_string(), source })?;
            zones.add(&text, path)?;
        }
        Ok(zones)
    }

    /// Adds the records of one zone file's text. `path` is for errors and for what the text includes.
    pub fn add(&mut self, text: &str, path: &Path) -> Result<(), ZoneError> {
        let shown = || path.display().to_string();
        let (_, sets) = Parser::new(text, Some(path.to_owned()), None)
            .parse()
            .map_err(|source| ZoneError::Syntax { path: shown(), source })?;
        if !sets.keys().any(|key| key.record_type == RecordType::SOA) {
            return Err(ZoneError::NoSoa { path: shown() });
        }
        for (key, set) in sets {
            let records = set.records_without_rrsigs().cloned();
            self.records.entry(key).or_default().extend(records);
        }
        Ok(())
    }

    /// The answer to one message, or `None` where none is due: it is an answer itself, or has no header.
    pub fn answer(&self, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let Ok(request) = Message::from_vec(question) else {
            return malformed(question);
        };
        if request.metadata.message_type == MessageType::Response {
            return None;
        }
        let reply = self.reply(&request);
        let limit = match transport {
            Transport::Udp => usize::from(request.max_payload().min(MAX_UDP)),
            Transport::Tcp => usize::from(u16::MAX),
        };
        match reply.to_vec() {
            Ok(bytes) if bytes.len() <= limit => Some(bytes),
            _ => reply.truncate().to_vec().ok().filter(|bytes| bytes.len() <= limit),
        }
    }

    fn reply(&self, request: &Message) -> Message {
        let mut reply = Message::response(request.metadata.id, request.metadata.op_code);
        reply.metadata.recursion_desired = request.metadata.recursion_desired;
        reply.add_queries(request.queries.iter().cloned());
        if let Some(edns) = &request.edns {
            let mut own = Edns::new();
            own.set_max_payload(MAX_UDP);
            reply.set_edns(own);
            if edns.version() > 0 {
                reply.metadata.response_code = ResponseCode::BADVERS;
                return reply;
            }
        }
        reply.metadata.response_code = match (request.metadata.op_code, request.queries.as_slice())
        {
            (OpCode::Query, [query]) => self.look_up(query, &mut reply),
            (OpCode::Query, _) => ResponseCode::FormErr,
            _ => ResponseCode::NotImp,
        };
        reply
    }

    fn look_up(&self, query: &Query, reply: &mut Message) -> ResponseCode {
        let wanted = query.query_type();
        let mut name = LowerName::new(query.name());
        if query.query_class() != DNSClass::IN
            || matches!(wanted, RecordType::AXFR | RecordType::IXFR)
            || self.soa(&name).is_none()
        {
            return ResponseCode::Refused;
        }
        reply.metadata.authoritative = true;
        for _ in 0..=MAX_ALIASES {
            let found = self.at(&name, wanted);
            if !found.is_empty() {
                reply.add_answers(found);
                return ResponseCode::NoError;
            }
            let Some(alias) = self.at(&name, RecordType::CNAME).pop() else {
                break;
            };
            let RData::CNAME(target) = &alias.data else {
                break;
            };
            let target = LowerName::new(&target.0);
            reply.add_answer(alias);
            name = target;
            if self.soa(&name).is_none() {
                return ResponseCode::NoError;
            }
        }
        reply.add_authorities(self.soa(&name));
        if self.exists(&name) { ResponseCode::NoError } else { ResponseCode::NXDomain }
    }

    /// The records of a type at a name, spelled as in the zone file.
    fn at(&self, name: &LowerName, wanted: RecordType) -> Vec<Record> {
        if wanted == RecordType::ANY {
            let at_name = self.records.iter().filter(|(key, _)| key.name() == name);
            return at_name.flat_map(|(_, records)| records.iter().cloned()).collect();
        }
        self.records.get(&RrKey::new(name.clone(), wanted)).cloned().unwrap_or_default()
    }

    /// The SOA record of the zone that a name lies in: the closest one above it.
    fn soa(&self, name: &LowerName) -> Option<Record> {
        let mut apex = name.clone();
        loop {
            let key = RrKey::new(apex.clone(), RecordType::SOA);
            match self.records.get(&key).and_then(|records| records.first()) {
                Some(soa) => return Some(soa.clone()),
                None if apex.is_root() => return None,
                None => apex = apex.base_name(),
            }
        }
    }

    /// Whether a name has records, or names below it have (RFC 8020).
    fn exists(&self, name: &LowerName) -> bool {
        self.records.keys().any(|key| name.zone_of(key.name()))
    }
}

impl DnsStream {
    /// A connection that has just been opened.
    pub fn new(zones: Arc<Zones>) -> Self {
        Self { zones, heard: Vec::new(), out: Vec::new(), said: 0, ended: false }
    }

    /// Takes what the client sent and returns how many bytes; the rest has to be offered again later.
    pub fn hear(&mut self, input: &[u8]) -> usize {
        let limit = 2 + usize::from(u16::MAX);
        let taken = input.len().min(limit - self.heard.len());
        self.heard.extend_from_slice(&input[..taken]);
        self.advance();
        taken
    }

    /// Writes what is to be sent next and returns how many bytes; 0 where there is nothing now.
    pub fn say(&mut self, room: &mut [u8]) -> usize {
        self.advance();
        let filled = (self.out.len() - self.said).min(room.len());
        room[..filled].copy_from_slice(&self.out[self.said..self.said + filled]);
        self.said += filled;
        filled
    }

    /// The client has closed its direction.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the connection is to be closed. To be asked once [`DnsStream::say`] has nothing more.
    pub fn finished(&self) -> bool {
        self.ended && self.said == self.out.len()
    }

    /// Answers the next question, once the answer before is said.
    fn advance(&mut self) {
        while self.said == self.out.len() {
            let Some((length, rest)) = self.heard.split_first_chunk() else {
                return;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            let Some(question) = rest.get(..length) else {
                return;
            };
            let answer = self.zones.answer(question, Transport::Tcp).unwrap_or_default();
            self.heard.drain(..2 + length);
            self.out.clear();
            self.said = 0;
            // `Zones::answer` keeps to the length that two bytes can tell.
            if let (Ok(length), false) = (u16::try_from(answer.len()), answer.is_empty()) {
                self.out.extend_from_slice(&length.to_be_bytes());
                self.out.extend_from_slice(&answer);
            }
        }
    }
}

/// FORMERR for a question whose header at least can be read.
fn malformed(question: &[u8]) -> Option<Vec<u8>> {
    let header: &[u8; 12] = question.first_chunk()?;
    let is_answer = header[2] & 0x80 != 0;
    if is_answer {
        return None;
    }
    let id = u16::from_be_bytes([header[0], header[1]]);
    Message::error_msg(id, OpCode::Query, ResponseCode::FormErr).to_vec().ok()
}

#[cfg(test)]
mod tests;
