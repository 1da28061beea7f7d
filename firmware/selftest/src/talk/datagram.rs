//! Questions that fit in a datagram: a name's address (RFC 1035) and the time (RFC 5905, SNTP).

use hickory_proto::{
    op::{Message, MessageType, Query},
    rr::{Name, RData, RecordType},
};
use jiff::Timestamp;

use crate::probe::Said;

/// More addresses than a report can show.
const ADDRESSES: usize = 32;

/// Length of an SNTP packet without extensions, in bytes.
const NTP: usize = 48;

/// Seconds from NTP's first era to 1970.
const ERA: i64 = 2_208_988_800;

/// A stratum that says 'not synchronised' (RFC 5905, figure 11).
const UNSYNCHRONISED: u8 = 16;

/// The question for a name's address; `None` where the text is no name.
pub fn dns_query(name: &str, id: u16) -> Option<Vec<u8>> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.id = id;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, RecordType::A));
    message.to_vec().ok()
}

/// The answer to the question of this number; `None` where it is anything else.
pub fn read_dns(bytes: &[u8], id: u16) -> Option<Said> {
    let message = Message::from_vec(bytes).ok()?;
    if message.metadata.id != id || message.metadata.message_type != MessageType::Response {
        return None;
    }
    let addresses = message.answers.iter().filter_map(|record| {
        if let RData::A(address) = &record.data { Some(address.0) } else { None }
    });
    Some(Said::Names {
        code: message.metadata.response_code.low(),
        addresses: addresses.take(ADDRESSES).collect(),
    })
}

/// The question for the time.
pub fn ntp_request(now: Timestamp) -> [u8; NTP] {
    let mut packet = [0; NTP];
    // Version 4, client (RFC 5905, figure 8).
    packet[0] = 4 << 3 | 3;
    packet[40..].copy_from_slice(&stamp(now).to_be_bytes());
    packet
}

/// The answer to the question that was sent at `sent` by our clock; `None` where it is anything else.
pub fn read_ntp(bytes: &[u8], sent: Timestamp, received: Timestamp) -> Option<Said> {
    let packet: &[u8; NTP] = bytes.first_chunk()?;
    let (leap, mode) = (packet[0] >> 6, packet[0] & 7);
    let at = |from: usize| packet[from..].first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    // The origin is the number of our question: whoever hasn't seen it doesn't know it.
    if mode != 4 || at(24)? != stamp(sent) {
        return None;
    }
    let there = signed(at(32)?, stamp(sent));
    let back = signed(at(40)?, stamp(received));
    let offset = i128::midpoint(there.into(), back.into());
    let stratum = match packet[1] {
        stratum @ 1..=15 if leap != 3 => stratum,
        _ => UNSYNCHRONISED,
    };
    let offset_ms = i64::try_from((offset * 1000) >> 32).ok()?;
    Some(Said::Time { offset_ms, stratum })
}

/// One moment less another, in 2⁻³² s; right where they are within 68 years of each other, whatever era either is in.
fn signed(later: u64, earlier: u64) -> i64 {
    later.wrapping_sub(earlier).cast_signed()
}

/// Seconds and fractions since 1900, as on the wire.
fn stamp(time: Timestamp) -> u64 {
    let nanoseconds = time.as_nanosecond() + i128::from(ERA) * 1_000_000_000;
    let fractions = (nanoseconds << 32) / 1_000_000_000;
    // Eras follow each other: only the lower 64 bits are sent, and those always fit.
    u64::try_from(fractions & i128::from(u64::MAX)).unwrap_or_default()
}
