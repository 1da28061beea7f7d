//! What rules ask of a packet.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde_json::Value;

use super::{
    NotUnderstood,
    lookup::Lookup,
    packet::{Content, FLAGS, Packet, State},
    route::{self, AddressKind},
};
use crate::{KernelState, shaping::written};

/// The length of an IPv4 header without options.
const HEADER_WORDS: u32 = 5;

/// What an expression is worth for a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Worth {
    Number(u32),
    Address(Ipv4Addr),
    Word(String),
    /// Several bits, by their names.
    Bits(Vec<&'static str>),
    /// The packet has no such field; no condition on it holds.
    Absent,
}

/// Whether a condition holds for a packet.
pub(super) fn matches(
    condition: &Value,
    packet: &Packet,
    state: &KernelState,
    sets: &BTreeMap<String, Lookup>,
) -> Result<bool, NotUnderstood> {
    let not_understood = || NotUnderstood::of(condition);
    let part = |key: &str| condition.get(key).ok_or_else(not_understood);
    let (left, right) = (part("left")?, part("right")?);
    let op = part("op")?.as_str().ok_or_else(not_understood)?;
    if let Some(name) = right.as_str().and_then(|right| right.strip_prefix('@')) {
        let set = sets.get(name).ok_or_else(not_understood)?;
        let Some(key) = key(left, packet)? else { return Ok(false) };
        return match op {
            "==" => Ok(set.contains(&key)),
            "!=" => Ok(!set.contains(&key)),
            _ => Err(not_understood()),
        };
    }
    let right = names(right).ok_or_else(not_understood)?;
    let equal = |name: &String| right.contains(name);
    match (worth(left, packet, state)?, op) {
        (Worth::Absent, "==" | "!=" | "in") => Ok(false),
        // A single bit, or one of several, is among those that are set.
        (Worth::Bits(bits), "in") => Ok(bits.iter().any(|bit| equal(&(*bit).to_owned()))),
        // What is left of the flags after masking is exactly this.
        (Worth::Bits(bits), "!=") => Ok(bits != right),
        // None of them is set.
        (Worth::Bits(bits), "!") => Ok(!bits.iter().any(|bit| equal(&(*bit).to_owned()))),
        (Worth::Number(number), "==" | "!=") => Ok(equal(&number.to_string()) == (op == "==")),
        (Worth::Address(address), "==" | "!=") => Ok(equal(&address.to_string()) == (op == "==")),
        (Worth::Word(word), "==" | "!=") => Ok(equal(&word) == (op == "==")),
        _ => Err(not_understood()),
    }
}

/// The key of a set or map; none where the packet has no such field.
pub(super) fn key(expression: &Value, packet: &Packet) -> Result<Option<Vec<u32>>, NotUnderstood> {
    let one = std::slice::from_ref(expression);
    let parts = expression.get("concat").and_then(Value::as_array).map_or(one, Vec::as_slice);
    let numbers = parts.iter().map(|part| match field(part, packet)? {
        Worth::Number(number) => Ok(Some(number)),
        Worth::Address(address) => Ok(Some(address.to_bits())),
        Worth::Absent => Ok(None),
        Worth::Word(_) | Worth::Bits(_) => Err(NotUnderstood::of(part)),
    });
    numbers.collect()
}

/// The right side of a condition: one value, or any of several.
fn names(right: &Value) -> Option<Vec<String>> {
    let one = std::slice::from_ref(right);
    let values = right.as_array().or_else(|| right.get("set")?.as_array());
    let name = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    values.map_or(one, Vec::as_slice).iter().map(name).collect()
}

fn worth(expression: &Value, packet: &Packet, state: &KernelState) -> Result<Worth, NotUnderstood> {
    let not_understood = || NotUnderstood::of(expression);
    if let Some(fib) = expression.get("fib") {
        let asked = (fib.get("result").and_then(Value::as_str), fib.get("flags").map(names));
        return match asked {
            (Some("type"), Some(Some(flags))) if flags == ["daddr"] => {
                let kind = match route::kind(state, packet.destination) {
                    AddressKind::Local => "local",
                    AddressKind::Broadcast => "broadcast",
                    AddressKind::Unicast => "unicast",
                };
                Ok(Worth::Word(kind.to_owned()))
            }
            _ => Err(not_understood()),
        };
    }
    match expression.get("&").and_then(Value::as_array).map(Vec::as_slice) {
        Some([left, mask]) => {
            let mask = names(mask).ok_or_else(not_understood)?;
            match field(left, packet)? {
                Worth::Bits(mut bits) => {
                    bits.retain(|bit| mask.iter().any(|name| name == bit));
                    Ok(Worth::Bits(bits))
                }
                Worth::Absent => Ok(Worth::Absent),
                Worth::Number(_) | Worth::Address(_) | Worth::Word(_) => Err(not_understood()),
            }
        }
        Some(_) => Err(not_understood()),
        None => field(expression, packet),
    }
}

fn field(expression: &Value, packet: &Packet) -> Result<Worth, NotUnderstood> {
    let not_understood = || NotUnderstood::of(expression);
    let word = |kind: &str, key: &str| expression.get(kind)?.get(key)?.as_str();
    if let Some(key) = word("meta", "key") {
        // A packet of the device's own came in by no link, and one that comes in leaves by none yet.
        let link = |link: &Option<String>| Worth::Word(link.clone().unwrap_or_default());
        return Ok(match key {
            "mark" => Worth::Number(packet.mark),
            "iifname" => link(&packet.input),
            "oifname" => link(&packet.output),
            "l4proto" => Worth::Number(packet.content.protocol().into()),
            "priority" => packet.class.map_or(Worth::Absent, |class| Worth::Word(written(class))),
            "nfproto" => Worth::Word("ipv4".to_owned()),
            // The model packet is sent to the device and to nobody beside it.
            "pkttype" => Worth::Word("host".to_owned()),
            _ => return Err(not_understood()),
        });
    }
    match word("ct", "key") {
        Some("state") => {
            return match packet.state {
                Some(State::New) => Ok(Worth::Bits(vec!["new"])),
                Some(State::Established) => Ok(Worth::Bits(vec!["established"])),
                Some(State::Untracked) => Ok(Worth::Bits(vec!["untracked"])),
                None => Err(not_understood()),
            };
        }
        Some("status") => {
            let translated = packet.destination_translated.then_some("dnat");
            // The model packet is the first of its connection, or an answer to it.
            let known = (packet.state == Some(State::Established)).then_some("confirmed");
            return Ok(Worth::Bits(translated.into_iter().chain(known).collect()));
        }
        Some("mark") => return Ok(Worth::Number(packet.account)),
        _ => {}
    }
    match (word("payload", "protocol"), word("payload", "field")) {
        (Some("ip"), Some("saddr")) => Ok(Worth::Address(packet.source)),
        (Some("ip"), Some("daddr")) => Ok(Worth::Address(packet.destination)),
        // In words of 32 bits; the model packet has no options.
        (Some("ip"), Some("hdrlength")) => Ok(Worth::Number(HEADER_WORDS)),
        (Some(protocol), Some(field)) => {
            content(protocol, field, packet.content).ok_or_else(not_understood)
        }
        _ => Err(not_understood()),
    }
}

/// A field of what the packet carries. nft makes each depend on its protocol, except those of `th`: our rules ask for
/// these only after they have asked for TCP or UDP, and otherwise there is no honest answer.
fn content(protocol: &str, field: &str, content: Content) -> Option<Worth> {
    let worth = match (protocol, field, content) {
        ("th" | "udp", "dport", Content::Udp { destination, .. })
        | ("th", "dport", Content::Tcp { destination, .. }) => Worth::Number(destination.into()),
        ("th" | "udp", "sport", Content::Udp { source, .. })
        | ("th", "sport", Content::Tcp { source, .. }) => Worth::Number(source.into()),
        ("icmp", "type", Content::EchoRequest) => Worth::Word("echo-request".to_owned()),
        ("icmp", "type", Content::EchoReply) => Worth::Word("echo-reply".to_owned()),
        ("tcp", "flags", Content::Tcp { flags, .. }) => {
            let set = FLAGS.iter().filter(|(_, bit)| flags & bit != 0);
            Worth::Bits(set.map(|(name, _)| *name).collect())
        }
        ("udp", "dport" | "sport", _) | ("icmp", "type", _) | ("tcp", "flags", _) => Worth::Absent,
        _ => return None,
    };
    Some(worth)
}
