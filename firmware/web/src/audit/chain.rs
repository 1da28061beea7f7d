//! The chain: each line's hash is taken over the hash before it and the record's text.
//!
//! ```text
//! {"anchor":{"seq":41,"hash":"…"}}             what stands before the first record
//! {"hash":"…","record":{"seq":42,…}}           SHA-256(hash of 41 as 32 bytes ‖ the record's text)
//! {"head":{"seq":42,"hash":"…"}}               in an exported file: which record is the last
//! ```

use std::{fmt, net::IpAddr};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::access::Role;

/// SHA-256 over a record and all before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hash([u8; SHA256_OUTPUT_LEN]);

/// A point of the chain.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Anchor {
    /// The record's number; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Anchor {
    /// Before the first record ever.
    pub const START: Self = Self { seq: 0, hash: Hash([0; SHA256_OUTPUT_LEN]) };
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AuditResult")]
pub enum Outcome {
    /// It is about to be carried out.
    Begun,
    /// It was carried out.
    Done,
    /// It wasn't: somebody had no right, or asked for what can't be.
    Refused,
    /// The device couldn't.
    Failed,
}

/// What happened, before it has its place in the chain.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "AuditEvent")]
pub struct Event {
    /// Who; none where nobody was signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// As what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// From where; none for the device itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
    /// What: method and path of the request, or a word of the device.
    pub what: String,
    /// How it ended.
    pub result: Outcome,
    /// What it was about, where the path doesn't say, or why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// How it was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// How it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// A record of the trail.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "AuditRecord")]
pub struct Record {
    /// Its number; numbers have no gaps.
    pub seq: u64,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A line of the trail.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// What stands before the first record.
    Anchor(Anchor),
    /// A record, with its hash as it is written there and the text that it was taken over.
    Record {
        /// The hash.
        hash: Hash,
        /// The record.
        record: Record,
        /// Its text.
        text: String,
    },
    /// The last record's place.
    Head(Anchor),
}

#[derive(Deserialize, Serialize)]
struct AnchorLine {
    anchor: Anchor,
}

#[derive(Deserialize, Serialize)]
struct HeadLine {
    head: Anchor,
}

/// Before the hash, between it and the record, and after the record.
const FRAME: [&str; 3] = ["{\"hash\":\"", "\",\"record\":", "}"];

impl Line {
    /// Reads one. The text of a record counts as it stands, whatever JSON could say in another way.
    pub fn read(line: &str) -> Option<Self> {
        let Some(rest) = line.strip_prefix(FRAME[0]) else {
            let anchor =
                serde_json::from_str(line).map(|AnchorLine { anchor }| Self::Anchor(anchor));
            let head = || serde_json::from_str(line).map(|HeadLine { head }| Self::Head(head));
            return anchor.or_else(|_| head()).ok();
        };
        let (hash, rest) = rest.split_at_checked(2 * SHA256_OUTPUT_LEN)?;
        let text = rest.strip_prefix(FRAME[1])?.strip_suffix(FRAME[2])?;
        let record = serde_json::from_str(text).ok()?;
        Some(Self::Record { hash: Hash::read(hash)?, record, text: text.to_owned() })
    }
}

/// The line of an anchor, without its end.
pub fn anchor_line(anchor: Anchor) -> String {
    format!("{{\"anchor\":{}}}", place(anchor))
}

/// The line of a head, without its end.
pub fn head_line(head: Anchor) -> String {
    format!("{{\"head\":{}}}", place(head))
}

fn place(Anchor { seq, hash }: Anchor) -> String {
    format!("{{\"seq\":{seq},\"hash\":\"{hash}\"}}")
}

/// Puts an event behind `last`: its line, without its end, and its own place.
///
/// # Errors
/// Where the event can't be written as JSON.
pub fn link(last: Anchor, at: Timestamp, event: Event) -> serde_json::Result<(String, Anchor)> {
    let seq = last.seq.saturating_add(1);
    let text = serde_json::to_string(&Record { seq, at, event })?;
    let hash = Hash::after(last.hash, &text);
    Ok((format!("{}{hash}{}{text}{}", FRAME[0], FRAME[1], FRAME[2]), Anchor { seq, hash }))
}

/// Where a chain breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Broken {
    /// A line that is none.
    #[error("line {line} isn't a line of an audit trail")]
    Line {
        /// Which, from 1.
        line: u64,
    },
    /// The first line is no anchor, or another anchor doesn't say what stands before it.
    #[error("line {line} should say which record stands before it")]
    Anchor {
        /// Which, from 1.
        line: u64,
    },
    /// A record was changed, or the ones before it were.
    #[error("record {seq} isn't what was written, or doesn't follow the one before it")]
    Record {
        /// Its number.
        seq: u64,
    },
    /// Records are missing at the end.
    #[error("the trail ends with record {seq}, and later ones are missing or added")]
    End {
        /// The last one that is there.
        seq: u64,
    },
}

impl Broken {
    /// The record, or else the line, where it breaks.
    pub fn at(self) -> u64 {
        match self {
            Self::Line { line } | Self::Anchor { line } => line,
            Self::Record { seq } | Self::End { seq } => seq,
        }
    }
}

/// Follows a chain line by line.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    lines: u64,
    last: Option<Anchor>,
    records: u64,
    ended: bool,
}

impl Follower {
    /// The next line.
    ///
    /// # Errors
    /// [`Broken`], at the first that doesn't fit.
    pub fn line(&mut self, text: &str) -> Result<(), Broken> {
        self.lines += 1;
        let malformed = Broken::Line { line: self.lines };
        if self.ended {
            return Err(malformed);
        }
        match (Line::read(text).ok_or(malformed)?, self.last) {
            (Line::Anchor(anchor), None) => self.last = Some(anchor),
            // Each segment begins with one.
            (Line::Anchor(anchor), Some(last)) if anchor == last => {}
            (Line::Anchor(_), Some(_)) | (Line::Record { .. } | Line::Head(_), None) => {
                return Err(Broken::Anchor { line: self.lines });
            }
            (Line::Record { hash, record, text }, Some(last)) => {
                let seq = last.seq.saturating_add(1);
                if record.seq != seq || hash != Hash::after(last.hash, &text) {
                    return Err(Broken::Record { seq });
                }
                self.last = Some(Anchor { seq, hash });
                self.records += 1;
            }
            (Line::Head(head), Some(_)) => {
                self.end(head)?;
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Compares the end with what it should be.
    ///
    /// # Errors
    /// [`Broken::End`].
    pub fn end(&self, head: Anchor) -> Result<(), Broken> {
        let last = self.last.unwrap_or(Anchor::START);
        if last == head { Ok(()) } else { Err(Broken::End { seq: last.seq }) }
    }

    /// The last record that was seen.
    pub fn last(&self) -> Option<Anchor> {
        self.last
    }

    /// How many records were seen.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Whether a line said which record is the last.
    pub fn is_ended(&self) -> bool {
        self.ended
    }
}

impl Hash {
    fn after(previous: Self, text: &str) -> Self {
        let whole = [previous.0.as_slice(), text.as_bytes()].concat();
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, &whole).as_ref());
        Self(hash)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_write(&self.0, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text)
            .ok_or_else(|| de::Error::custom("not a SHA-256 in lower-case hexadecimal"))
    }
}

#[cfg(test)]
mod tests;
