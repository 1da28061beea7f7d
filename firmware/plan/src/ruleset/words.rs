//! The few words of nftables that our rules are made of, as `nft -j -p` prints them: protocols are numbers, because their
//! names depend on a file of the box, `/etc/protocols`.

use std::{borrow::Cow, collections::HashSet};

use nftables::{
    expr::{
        BinaryOperation, CT, CTDir, Expression, Fib, FibFlag, FibResult, Map, Meta, MetaKey,
        NamedExpression, Payload, PayloadField, Prefix, Range, SetItem, TcpOption,
    },
    stmt::{
        Accept, Counter, Drop, JumpTarget, Limit, Log, Mangle, Match, NAT, NATFamily, Operator,
        Reject, RejectType, Statement,
    },
    types::RejectCode,
};
use sekisho_design::Class;
use serde_json::{Value, json};

use crate::{
    permit::{AddressRange, TCP, UDP},
    shaping::written,
};

/// A rule as the table keeps it.
pub(super) fn rule(statements: &[Value]) -> Value {
    json!(statements)
}

/// A statement that the crate has a type for; it has none for what fills sets.
fn said(statement: &Statement<'static>) -> Value {
    json!(statement)
}

fn text(text: impl Into<Cow<'static, str>>) -> Expression<'static> {
    Expression::String(text.into())
}

fn meta(key: MetaKey) -> Expression<'static> {
    Expression::Named(NamedExpression::Meta(Meta { key }))
}

fn payload(protocol: &'static str, field: &'static str) -> Expression<'static> {
    Expression::Named(NamedExpression::Payload(Payload::PayloadField(PayloadField {
        protocol: protocol.into(),
        field: field.into(),
    })))
}

fn one_of(values: impl IntoIterator<Item = String>) -> Expression<'static> {
    let mut values: Vec<_> = values.into_iter().collect();
    if values.len() == 1 {
        return text(values.remove(0));
    }
    Expression::Named(NamedExpression::Set(
        values.into_iter().map(|value| SetItem::Element(text(value))).collect(),
    ))
}

fn compare(left: Expression<'static>, op: Operator, right: Expression<'static>) -> Value {
    said(&Statement::Match(Match { left, right, op }))
}

fn equal(left: Expression<'static>, right: Expression<'static>) -> Value {
    compare(left, Operator::EQ, right)
}

/// The keys by which our sets are looked up.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Source,
    Destination,
    Mark,
    /// The LAN's mark and the source.
    LanSource,
    /// The LAN's mark and the destination.
    LanDestination,
    /// The LAN's mark, source and destination.
    LanPair,
    /// The LAN's mark, source, destination, protocol and destination port.
    LanFlow,
    /// The LAN's mark, destination, protocol and destination port.
    LanService,
    /// Destination, protocol and destination port.
    Service,
    /// Source and UDP source port.
    SourceEndpoint,
    /// Destination and UDP destination port.
    DestinationEndpoint,
    /// The source, TCP or UDP, and the port that it answers from.
    AnsweredService,
    /// The connection's mark, the number of its account.
    Account,
    /// The address that the connection's opener spoke to.
    OriginalDestination,
}

impl Key {
    fn expression(self) -> Expression<'static> {
        let mark = || meta(MetaKey::Mark);
        let source = || payload("ip", "saddr");
        let destination = || payload("ip", "daddr");
        let service = || [meta(MetaKey::L4proto), payload("th", "dport")];
        let parts = match self {
            Self::Source => return source(),
            Self::Destination => return destination(),
            Self::Mark => return mark(),
            Self::LanSource => vec![mark(), source()],
            Self::LanDestination => vec![mark(), destination()],
            Self::LanPair => vec![mark(), source(), destination()],
            Self::LanFlow => [vec![mark(), source(), destination()], service().to_vec()].concat(),
            Self::LanService => [vec![mark(), destination()], service().to_vec()].concat(),
            Self::Service => [vec![destination()], service().to_vec()].concat(),
            Self::Account => return ct("mark", None),
            Self::OriginalDestination => return ct("ip daddr", Some(CTDir::Original)),
            Self::AnsweredService => {
                vec![source(), meta(MetaKey::L4proto), payload("th", "sport")]
            }
            Self::SourceEndpoint => vec![source(), payload("udp", "sport")],
            Self::DestinationEndpoint => vec![destination(), payload("udp", "dport")],
        };
        Expression::Named(NamedExpression::Concat(parts))
    }
}

pub(super) fn from_link(links: &[&str]) -> Value {
    equal(meta(MetaKey::Iifname), one_of(links.iter().map(ToString::to_string)))
}

pub(super) fn to_link(links: &[&str]) -> Value {
    equal(meta(MetaKey::Oifname), one_of(links.iter().map(ToString::to_string)))
}

pub(super) fn in_set(key: Key, set: &str) -> Value {
    equal(key.expression(), text(format!("@{set}")))
}

pub(super) fn not_in_set(key: Key, set: &str) -> Value {
    compare(key.expression(), Operator::NEQ, text(format!("@{set}")))
}

pub(super) fn source_is(address: std::net::Ipv4Addr) -> Value {
    equal(payload("ip", "saddr"), text(address.to_string()))
}

pub(super) fn destination_is(address: std::net::Ipv4Addr) -> Value {
    equal(payload("ip", "daddr"), text(address.to_string()))
}

pub(super) fn destination_is_not(address: std::net::Ipv4Addr) -> Value {
    compare(payload("ip", "daddr"), Operator::NEQ, text(address.to_string()))
}

/// The header is longer than its five words: it has options, which record or change a packet's way (RFC 7126).
pub(super) fn has_options() -> Value {
    compare(payload("ip", "hdrlength"), Operator::NEQ, Expression::Number(5))
}

pub(super) fn destination_is_ours() -> Value {
    let fib = Fib { result: FibResult::Type, flags: HashSet::from([FibFlag::Daddr]) };
    equal(Expression::Named(NamedExpression::Fib(fib)), text("local"))
}

pub(super) fn mark_is(mark: u32) -> Value {
    equal(meta(MetaKey::Mark), Expression::Number(mark))
}

pub(super) fn is_ipv6() -> Value {
    equal(meta(MetaKey::Nfproto), text("ipv6"))
}

pub(super) fn is_tcp_or_udp() -> Value {
    let numbers = [TCP, UDP].map(|protocol| SetItem::Element(number(protocol)));
    equal(meta(MetaKey::L4proto), Expression::Named(NamedExpression::Set(numbers.to_vec())))
}

pub(super) fn is_for_many() -> Value {
    equal(meta(MetaKey::Pkttype), one_of(["broadcast".to_owned(), "multicast".to_owned()]))
}

pub(super) fn icmp_is(types: &[&str]) -> Value {
    equal(payload("icmp", "type"), one_of(types.iter().map(ToString::to_string)))
}

pub(super) fn udp_port_is(port: u16) -> Value {
    equal(payload("udp", "dport"), Expression::Number(port.into()))
}

fn ct(key: &'static str, dir: Option<CTDir>) -> Expression<'static> {
    Expression::Named(NamedExpression::CT(CT { key: key.into(), family: None, dir }))
}

pub(super) fn state_is(states: &[&'static str]) -> Value {
    let right = match states {
        [one] => text(*one),
        many => Expression::List(many.iter().map(|state| text(*state)).collect()),
    };
    compare(ct("state", None), Operator::IN, right)
}

/// The connection's destination was translated.
pub(super) fn destination_translated() -> Value {
    compare(ct("status", None), Operator::IN, text("dnat"))
}

/// A TCP segment that doesn't open a connection.
pub(super) fn tcp_is_not_opening() -> Value {
    let flags = ["fin", "syn", "rst", "ack"].map(text).to_vec();
    let masked = BinaryOperation::AND(payload("tcp", "flags"), Expression::List(flags));
    compare(Expression::BinaryOperation(Box::new(masked)), Operator::NEQ, text("syn"))
}

/// A TCP segment that carries nothing, and neither opens nor ends a connection: a bare acknowledgement.
pub(super) fn tcp_bare_acknowledgement() -> [Value; 2] {
    let flags = payload("tcp", "flags");
    let none = json!({ "op": "!", "left": flags, "right": ["fin", "syn", "rst"] });
    [
        json!({ "match": none }),
        compare(meta(MetaKey::Length), Operator::LEQ, Expression::Number(LONGEST_BARE)),
    ]
}

/// IPv4's header and TCP's with all options that there is room for, in bytes.
const LONGEST_BARE: u32 = 80;

pub(super) fn tcp_syn() -> Value {
    compare(payload("tcp", "flags"), Operator::IN, text("syn"))
}

pub(super) fn set_mark(mark: u32) -> Value {
    mangle(meta(MetaKey::Mark), Expression::Number(mark))
}

pub(super) fn set_mark_by(key: Key, map: &str) -> Value {
    mangle(meta(MetaKey::Mark), looked_up(key, map))
}

pub(super) fn set_zone(zone: u32) -> Value {
    mangle(ct("zone", None), Expression::Number(zone))
}

/// Lowers the MSS that a SYN offers; never raises it.
pub(super) fn clamp_mss(bytes: u32) -> Value {
    let option = TcpOption { name: "maxseg".into(), field: Some("size".into()) };
    mangle(Expression::Named(NamedExpression::TcpOption(option)), Expression::Number(bytes))
}

fn mangle(key: Expression<'static>, value: Expression<'static>) -> Value {
    said(&Statement::Mangle(Mangle { key, value }))
}

fn looked_up(key: Key, map: &str) -> Expression<'static> {
    Expression::Named(NamedExpression::Map(Box::new(Map {
        key: key.expression(),
        data: text(format!("@{map}")),
    })))
}

/// Puts a connection on the account that a map names.
pub(super) fn set_account(key: Key, map: &str) -> Value {
    mangle(ct("mark", None), looked_up(key, map))
}

/// Conntrack hasn't let a packet of the connection out yet: this one isn't sent again.
pub(super) fn is_first() -> Value {
    let status = json!({ "ct": { "key": "status" } });
    json!({ "match": { "op": "!", "left": status, "right": "confirmed" } })
}

/// The class of traffic that queues go by.
pub(super) fn set_class(class: Class) -> Value {
    mangle(meta(MetaKey::Priority), text(written(class)))
}

pub(super) fn set_class_by(key: Key, map: &str) -> Value {
    mangle(meta(MetaKey::Priority), looked_up(key, map))
}

pub(super) fn class_is(class: Class) -> Value {
    equal(meta(MetaKey::Priority), text(written(class)))
}

/// The codepoint of a class, by the name that nft has for it.
pub(super) fn set_dscp(class: Class) -> Value {
    let name = match class {
        Class::Online => "af21",
        Class::Normal => "cs0",
        Class::Bulk => "af11",
    };
    mangle(payload("ip", "dscp"), text(name))
}

/// Binds a helper, which finds the data connections that a control connection announces.
pub(super) fn help(helper: &'static str) -> Value {
    said(&Statement::CTHelper(helper.into()))
}

/// Conntrack has nothing to do with the packet.
pub(super) fn not_tracked() -> Value {
    json!({ "notrack": null })
}

/// Counts packets and bytes by a key, in a set that fills by itself.
pub(super) fn count_by(key: Key, set: &str) -> Value {
    metered("update", key, set, &json!({ "counter": null }))
}

/// The key has more connections than this, with this one.
pub(super) fn has_more_connections(key: Key, set: &str, most: u32) -> Value {
    metered("add", key, set, &json!({ "ct count": { "val": most, "inv": true } }))
}

/// The key comes more often than this, beyond a burst.
pub(super) fn comes_more_often(key: Key, set: &str, per_second: u32, burst: u32) -> Value {
    let limit = json!({ "rate": per_second, "burst": burst, "per": "second", "inv": true });
    metered("update", key, set, &json!({ "limit": limit }))
}

/// The key has more bytes a second than this, beyond a burst.
pub(super) fn comes_faster(key: Key, set: &str, per_second: u64, burst: u64) -> Value {
    let ((rate, rate_unit), (burst, burst_unit)) = (in_units(per_second), in_units(burst));
    let limit = json!({
        "rate": rate, "rate_unit": rate_unit, "burst": burst, "burst_unit": burst_unit,
        "per": "second", "inv": true,
    });
    metered("update", key, set, &json!({ "limit": limit }))
}

/// As nft prints bytes: in the largest unit that leaves no fraction.
fn in_units(bytes: u64) -> (u64, &'static str) {
    let units = ["bytes", "kbytes", "mbytes"];
    let whole = |power: &usize| bytes.is_multiple_of(1 << (10 * power));
    let power = (0..units.len()).rev().find(whole).unwrap_or(0);
    (bytes >> (10 * power), units[power])
}

fn metered(op: &str, key: Key, set: &str, statement: &Value) -> Value {
    let (elem, set) = (key.expression(), format!("@{set}"));
    json!({ "set": { "op": op, "elem": elem, "set": set, "stmt": [statement] } })
}

fn translation(key: Key, map: &str) -> NAT<'static> {
    let addr = Some(looked_up(key, map));
    NAT { addr, family: Some(NATFamily::IP), port: None, flags: None }
}

pub(super) fn translate_destination(key: Key, map: &str) -> Value {
    said(&Statement::DNAT(Some(translation(key, map))))
}

pub(super) fn translate_source(key: Key, map: &str) -> Value {
    said(&Statement::SNAT(Some(translation(key, map))))
}

/// Like [`translate_source`], to one of some ports of that address.
pub(super) fn translate_source_and_port(
    key: Key,
    map: &str,
    ports: &std::ops::RangeInclusive<u16>,
) -> Value {
    let port = Some(self::ports(ports));
    said(&Statement::SNAT(Some(NAT { port, ..translation(key, map) })))
}

pub(super) fn count(counter: &str) -> Value {
    said(&Statement::Counter(Counter::Named(counter.to_owned().into())))
}

pub(super) fn at_most(per_second: u32, burst: u32) -> Value {
    said(&Statement::Limit(Limit {
        rate: per_second,
        rate_unit: None,
        per: Some("second".into()),
        burst: Some(burst),
        burst_unit: None,
        inv: None,
    }))
}

pub(super) fn log(prefix: &str, group: u16, bytes: u32) -> Value {
    said(&Statement::Log(Some(Log {
        prefix: Some(prefix.to_owned().into()),
        group: Some(group.into()),
        snaplen: Some(bytes),
        queue_threshold: None,
        level: None,
        flags: None,
    })))
}

pub(super) fn goto(chain: &str) -> Value {
    said(&Statement::Goto(JumpTarget { target: chain.to_owned().into() }))
}

pub(super) fn accept() -> Value {
    said(&Statement::Accept(None::<Accept>))
}

pub(super) fn drop() -> Value {
    said(&Statement::Drop(None::<Drop>))
}

pub(super) fn reject(code: RejectCode) -> Value {
    said(&Statement::Reject(Some(Reject { _type: Some(RejectType::ICMP), expr: Some(code) })))
}

/// A range as a set element: one address, a prefix where it is one, else both ends.
pub(super) fn range(range: AddressRange) -> Expression<'static> {
    let (first, last) = (range.first.to_bits(), range.last.to_bits());
    if first == last {
        return text(range.first.to_string());
    }
    let differing = first ^ last;
    let aligned = (differing & (differing.wrapping_add(1))) == 0 && first & differing == 0;
    if aligned {
        let len = differing.leading_zeros();
        return Expression::Named(NamedExpression::Prefix(Prefix {
            addr: Box::new(text(range.first.to_string())),
            len,
        }));
    }
    Expression::Range(Box::new(Range {
        range: [text(range.first.to_string()), text(range.last.to_string())],
    }))
}

pub(super) fn ports(range: &std::ops::RangeInclusive<u16>) -> Expression<'static> {
    let number = |port: u16| Expression::Number(port.into());
    if range.start() == range.end() {
        number(*range.start())
    } else {
        Expression::Range(Box::new(Range { range: [number(*range.start()), number(*range.end())] }))
    }
}

pub(super) fn address(address: std::net::Ipv4Addr) -> Expression<'static> {
    text(address.to_string())
}

pub(super) fn number(number: u32) -> Expression<'static> {
    Expression::Number(number)
}

/// A set element of several parts.
pub(super) fn joined(parts: Vec<Expression<'static>>) -> Value {
    json!(Expression::Named(NamedExpression::Concat(parts)))
}
