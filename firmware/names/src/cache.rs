//! What is remembered of answers: pure, told the time, bounded in entries and bytes.
//!
//! An answer is kept as the bytes that came, so that a hundred thousand take little memory, and is read anew for each
//! client. Usual ones lie in one growing row, without an allocation for each: those would come to lie between what
//! questions need for a moment, and the process would grow to three times of what is kept. Its time to live counts down; when it is over the answer still serves for a day, but only
//! while nobody else answers (RFC 8767).

use std::{hash::RandomState, time::Duration};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record},
};
use quick_cache::{
    OptionsBuilder, Weighter,
    unsync::{self, DefaultLifecycle},
};
use smallvec::SmallVec;

use crate::{question::Question, setup::Group};

/// No answer is fresh for longer, whatever it says.
const LONGEST: u32 = 86_400;
/// Nor is a name that isn't there (RFC 2308, 5: one to three hours work well).
const LONGEST_NEGATIVE: u32 = 3 * 3_600;
/// How long an answer whose time is over may still serve.
const STALE: u32 = 86_400;
/// The time to live that such an answer is given (RFC 8767, 4).
pub(crate) const STALE_TTL: u32 = 30;

/// Answers by question; what nobody asks for goes first (CLOCK-Pro).
#[derive(Debug)]
pub(crate) struct Cache(unsync::Cache<Key, Entry, Sizes, RandomState, Lifecycle>);

type Lifecycle = DefaultLifecycle<Key, Entry>;

/// The group, a zero, and the question; no group's text has a zero.
type Key = SmallVec<[u8; 56]>;

#[derive(Debug)]
struct Entry {
    message: SmallVec<[u8; 80]>,
    /// Second of the service's life in which it came.
    since: u32,
    ttl: u32,
}

/// What an entry takes, in bytes.
#[derive(Clone, Debug)]
struct Sizes {
    /// No entry counts for less, so that bytes bound the number too.
    least: u64,
}

impl Weighter<Key, Entry> for Sizes {
    fn weight(&self, key: &Key, entry: &Entry) -> u64 {
        let beyond = [(key.spilled(), key.len()), (entry.message.spilled(), entry.message.len())];
        let beyond: usize = beyond.iter().filter(|(spilled, _)| *spilled).map(|(_, len)| len).sum();
        (PLACE + beyond as u64).max(self.least)
    }
}

/// A place in the row, with its links and its number in the table.
const PLACE: u64 = (size_of::<Key>() + size_of::<Entry>() + 24) as u64;

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
    /// An empty one, with its bounds.
    pub(crate) fn new(most_entries: usize, most_bytes: usize) -> Self {
        let (entries, bytes) = (most_entries.max(1), most_bytes as u64);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(entries)
            .weight_capacity(bytes)
            // What was put out isn't remembered: its place would be as large as an answer's.
            .ghost_allocation(0.0)
            .build();
        let sizes = Sizes { least: bytes.div_ceil(entries as u64) };
        let entries = options.map(|options| {
            unsync::Cache::with_options(options, sizes, RandomState::new(), Lifecycle::default())
        });
        Self(entries.expect("the bounds are all that is needed"))
    }

    /// What is remembered of a question to a group.
    pub(crate) fn find(&mut self, group: &Group, question: &Question, now: Duration) -> Found {
        let key = key(group, question);
        let now = seconds(now);
        let Some(entry) = self.0.get(&key) else { return Found::Nothing };
        let (age, ttl) = (now.saturating_sub(entry.since), entry.ttl);
        let message = (age < ttl.saturating_add(STALE)).then(|| Message::from_vec(&entry.message));
        let Some(Ok(mut message)) = message else {
            self.0.remove(&key);
            return Found::Nothing;
        };
        if age < ttl {
            // No record outlives the whole: a name that isn't there does by its SOA's own time (RFC 2308, 5).
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
        let message = SmallVec::from_slice(&message);
        self.0.insert(key(group, question), Entry { message, since: seconds(now), ttl });
    }

    /// Forgets all that came from groups that are no more.
    pub(crate) fn retain(&mut self, groups: impl Fn(&[u8]) -> bool) {
        self.0.retain(|key, _| groups(group_of(key)));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What all take, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.weight()
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

fn key(group: &Group, question: &Question) -> Key {
    let mut key = text(group);
    key.push(0);
    question.write_key(&mut key);
    Key::from_slice(&key)
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

fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
