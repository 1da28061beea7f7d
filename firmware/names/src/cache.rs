//! What is remembered of answers: pure, told the time, bounded in entries and bytes.
//!
//! An answer is kept as the bytes that came (but for its number), so that a hundred thousand take little memory, and is
//! read anew for each client. Its time to live counts down; when it is over the answer still serves for a day, but only
//! while nobody else answers (RFC 8767).

use std::time::Duration;

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record},
};
use lru::LruCache;

use crate::{question::Question, setup::Group};

/// No answer is fresh for longer, whatever it says.
const LONGEST: u32 = 86_400;
/// Nor is a name that isn't there (RFC 2308, 5: one to three hours work well).
const LONGEST_NEGATIVE: u32 = 3 * 3_600;
/// How long an answer whose time is over may still serve.
const STALE: u32 = 86_400;
/// The time to live that such an answer is given (RFC 8767, 4).
pub(crate) const STALE_TTL: u32 = 30;

/// What an entry takes beside its key and its bytes: two boxes, a node of a list, a place in a table.
const OVERHEAD: usize = 112;

/// Answers by question.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: LruCache<Box<[u8]>, Entry>,
    bytes: usize,
    most_bytes: usize,
    most_entries: usize,
}

#[derive(Debug)]
struct Entry {
    message: Box<[u8]>,
    /// Second of the service's life in which it came.
    since: u32,
    ttl: u32,
}

/// What is remembered of a question.
#[derive(Debug)]
pub(crate) enum Found {
    /// An answer whose time isn't over, counted down.
    Fresh(Message),
    /// One whose time is over.
    Stale(Message),
    Nothing,
}

impl Cache {
    pub(crate) fn new(most_entries: usize, most_bytes: usize) -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0, most_bytes, most_entries }
    }

    /// What is remembered of a question to a group.
    pub(crate) fn find(&mut self, group: &Group, question: &Question, now: Duration) -> Found {
        let key = key(group, question);
        let now = seconds(now);
        let Some(entry) = self.entries.get(&key) else { return Found::Nothing };
        let age = now.saturating_sub(entry.since);
        let message =
            (age < entry.ttl.saturating_add(STALE)).then(|| Message::from_vec(&entry.message));
        let Some(Ok(mut message)) = message else {
            self.forget(&key);
            return Found::Nothing;
        };
        if age < entry.ttl {
            // No record outlives the whole: a name that isn't there does by its SOA's own time (RFC 2308, 5).
            let ttl = entry.ttl;
            each_record(&mut message, |record| {
                record.ttl = record.ttl.min(ttl).saturating_sub(age);
            });
            Found::Fresh(message)
        } else {
            each_record(&mut message, |record| record.ttl = STALE_TTL);
            Found::Stale(message)
        }
    }

    /// Remembers an answer, if it is one to remember.
    pub(crate) fn keep(
        &mut self,
        group: &Group,
        question: &Question,
        answer: &Message,
        now: Duration,
    ) {
        let Some(ttl) = time_to_live(answer).filter(|ttl| *ttl > 0) else { return };
        let Ok(message) = answer.to_vec() else { return };
        let key = key(group, question);
        self.forget(&key);
        let entry = Entry { message: message.into(), since: seconds(now), ttl };
        self.bytes += size(&key, &entry);
        self.entries.push(key, entry);
        while self.entries.len() > self.most_entries || self.bytes > self.most_bytes {
            let Some((key, entry)) = self.entries.pop_lru() else { break };
            self.bytes -= size(&key, &entry);
        }
    }

    /// Forgets all that came from groups that are no more.
    pub(crate) fn retain(&mut self, groups: impl Fn(&[u8]) -> bool) {
        let gone: Vec<_> = self
            .entries
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !groups(group_of(key)))
            .cloned()
            .collect();
        for key in gone {
            self.forget(&key);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn forget(&mut self, key: &[u8]) {
        if let Some((key, entry)) = self.entries.pop_entry(key) {
            self.bytes -= size(&key, &entry);
        }
    }
}

/// How long an answer may be kept, in seconds; `None` where it may not: a cut one, a failure, one without records that
/// doesn't say for how long there are none (RFC 2308).
pub(crate) fn time_to_live(answer: &Message) -> Option<u32> {
    if answer.metadata.truncation {
        return None;
    }
    let code = answer.metadata.response_code;
    let shortest = |records: &[Record]| records.iter().map(|record| record.ttl).min();
    let own = shortest(&answer.answers);
    if let (ResponseCode::NoError, Some(own)) = (code, own) {
        Some(shortest(&answer.authorities).map_or(own, |ttl| ttl.min(own)).min(LONGEST))
    } else if matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        let soa = answer.authorities.iter().find_map(|record| {
            let RData::SOA(soa) = &record.data else { return None };
            Some(soa.minimum.min(record.ttl))
        });
        soa.map(|soa| own.map_or(soa, |own| own.min(soa)).min(LONGEST_NEGATIVE))
    } else {
        None
    }
}

fn each_record(message: &mut Message, change: impl Fn(&mut Record)) {
    let sections = [&mut message.answers, &mut message.authorities, &mut message.additionals];
    sections.into_iter().flatten().for_each(change);
}

/// The group, a zero, and the question; no group's text has a zero.
fn key(group: &Group, question: &Question) -> Box<[u8]> {
    let mut key = text(group);
    key.push(0);
    question.write_key(&mut key);
    key.into()
}

fn group_of(key: &[u8]) -> &[u8] {
    key.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A group's name in keys.
pub(crate) fn text(group: &Group) -> Vec<u8> {
    match group {
        Group::Platform(zone) => zone.clone().into_bytes(),
        Group::Lgwan => b".lgwan".to_vec(),
        Group::Office(lan) => format!(".{lan}").into_bytes(),
    }
}

fn size(key: &[u8], entry: &Entry) -> usize {
    OVERHEAD + key.len() + entry.message.len()
}

fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
