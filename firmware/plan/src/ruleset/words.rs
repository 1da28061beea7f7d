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
use serde_json::{Value, json};

use crate::permit::{AddressRange, TCP, UDP};

/// A rule as the table keeps it.
pub(super) fn rule(statements: &[Statement<'static>]) -> Value {
    json!(statements)
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

fn compare(
    left: Expression<'static>,
    op: Operator,
    right: Expression<'static>,
) -> Statement<'static> {
    Statement::Match(Match { left, right, op })
}

fn equal(left: Expression<'static>, right: Expression<'static>) -> Statement<'static> {
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
            Self::SourceEndpoint => vec![source(), payload("udp", "sport")],
            Self::DestinationEndpoint => vec![destination(), payload("udp", "dport")],
        };
        Expression::Named(NamedExpression::Concat(parts))
    }
}

pub(super) fn from_link(links: &[&str]) -> Statement<'static> {
    equal(meta(MetaKey::Iifname), one_of(links.iter().map(ToString::to_string)))
}

pub(super) fn to_link(links: &[&str]) -> Statement<'static> {
    equal(meta(MetaKey::Oifname), one_of(links.iter().map(ToString::to_string)))
}

pub(super) fn in_set(key: Key, set: &str) -> Statement<'static> {
    equal(key.expression(), text(format!("@{set}")))
}

pub(super) fn not_in_set(key: Key, set: &str) -> Statement<'static> {
    compare(key.expression(), Operator::NEQ, text(format!("@{set}")))
}

pub(super) fn source_is(address: std::net::Ipv4Addr) -> Statement<'static> {
    equal(payload("ip", "saddr"), text(address.to_string()))
}

pub(super) fn destination_is(address: std::net::Ipv4Addr) -> Statement<'static> {
    equal(payload("ip", "daddr"), text(address.to_string()))
}

pub(super) fn destination_is_not(address: std::net::Ipv4Addr) -> Statement<'static> {
    compare(payload("ip", "daddr"), Operator::NEQ, text(address.to_string()))
}

/// The header is longer than its five words: it has options, which record or change a packet's way (RFC 7126).
pub(super) fn has_options() -> Statement<'static> {
    compare(payload("ip", "hdrlength"), Operator::NEQ, Expression::Number(5))
}

pub(super) fn destination_is_ours() -> Statement<'static> {
    let fib = Fib { result: FibResult::Type, flags: HashSet::from([FibFlag::Daddr]) };
    equal(Expression::Named(NamedExpression::Fib(fib)), text("local"))
}

pub(super) fn mark_is(mark: u32) -> Statement<'static> {
    equal(meta(MetaKey::Mark), Expression::Number(mark))
}

pub(super) fn is_ipv6() -> Statement<'static> {
    equal(meta(MetaKey::Nfproto), text("ipv6"))
}

pub(super) fn is_tcp_or_udp() -> Statement<'static> {
    let numbers = [TCP, UDP].map(|protocol| SetItem::Element(number(protocol)));
    equal(meta(MetaKey::L4proto), Expression::Named(NamedExpression::Set(numbers.to_vec())))
}

pub(super) fn is_for_many() -> Statement<'static> {
    equal(meta(MetaKey::Pkttype), one_of(["broadcast".to_owned(), "multicast".to_owned()]))
}

pub(super) fn icmp_is(types: &[&str]) -> Statement<'static> {
    equal(payload("icmp", "type"), one_of(types.iter().map(ToString::to_string)))
}

pub(super) fn udp_port_is(port: u16) -> Statement<'static> {
    equal(payload("udp", "dport"), Expression::Number(port.into()))
}

fn ct(key: &'static str, dir: Option<CTDir>) -> Expression<'static> {
    Expression::Named(NamedExpression::CT(CT { key: key.into(), family: None, dir }))
}

pub(super) fn state_is(states: &[&'static str]) -> Statement<'static> {
    let right = match states {
        [one] => text(*one),
        many => Expression::List(many.iter().map(|state| text(*state)).collect()),
    };
    compare(ct("state", None), Operator::IN, right)
}

/// The connection's destination was translated.
pub(super) fn destination_translated() -> Statement<'static> {
    compare(ct("status", None), Operator::IN, text("dnat"))
}

/// A TCP segment that doesn't open a connection.
pub(super) fn tcp_is_not_opening() -> Statement<'static> {
    let flags = ["fin", "syn", "rst", "ack"].map(text).to_vec();
    let masked = BinaryOperation::AND(payload("tcp", "flags"), Expression::List(flags));
    compare(Expression::BinaryOperation(Box::new(masked)), Operator::NEQ, text("syn"))
}

pub(super) fn tcp_syn() -> Statement<'static> {
    compare(payload("tcp", "flags"), Operator::IN, text("syn"))
}

pub(super) fn set_mark(mark: u32) -> Statement<'static> {
    mangle(meta(MetaKey::Mark), Expression::Number(mark))
}

pub(super) fn set_mark_by(key: Key, map: &str) -> Statement<'static> {
    mangle(meta(MetaKey::Mark), looked_up(key, map))
}

pub(super) fn set_zone(zone: u32) -> Statement<'static> {
    mangle(ct("zone", None), Expression::Number(zone))
}

/// Lowers the MSS that a SYN offers; never raises it.
pub(super) fn clamp_mss(bytes: u32) -> Statement<'static> {
    let option = TcpOption { name: "maxseg".into(), field: Some("size".into()) };
    mangle(Expression::Named(NamedExpression::TcpOption(option)), Expression::Number(bytes))
}

fn mangle(key: Expression<'static>, value: Expression<'static>) -> Statement<'static> {
    Statement::Mangle(Mangle { key, value })
}

fn looked_up(key: Key, map: &str) -> Expression<'static> {
    Expression::Named(NamedExpression::Map(Box::new(Map {
        key: key.expression(),
        data: text(format!("@{map}")),
    })))
}

fn translation(key: Key, map: &str) -> NAT<'static> {
    let addr = Some(looked_up(key, map));
    NAT { addr, family: Some(NATFamily::IP), port: None, flags: None }
}

pub(super) fn translate_destination(key: Key, map: &str) -> Statement<'static> {
    Statement::DNAT(Some(translation(key, map)))
}

pub(super) fn translate_source(key: Key, map: &str) -> Statement<'static> {
    Statement::SNAT(Some(translation(key, map)))
}

pub(super) fn count(counter: &str) -> Statement<'static> {
    Statement::Counter(Counter::Named(counter.to_owned().into()))
}

pub(super) fn at_most(per_second: u32, burst: u32) -> Statement<'static> {
    Statement::Limit(Limit {
        rate: per_second,
        rate_unit: None,
        per: Some("second".into()),
        burst: Some(burst),
        burst_unit: None,
        inv: None,
    })
}

pub(super) fn log(prefix: &str, group: u16, bytes: u32) -> Statement<'static> {
    Statement::Log(Some(Log {
        prefix: Some(prefix.to_owned().into()),
        group: Some(group.into()),
        snaplen: Some(bytes),
        queue_threshold: None,
        level: None,
        flags: None,
    }))
}

pub(super) fn goto(chain: &str) -> Statement<'static> {
    Statement::Goto(JumpTarget { target: chain.to_owned().into() })
}

pub(super) fn accept() -> Statement<'static> {
    Statement::Accept(None::<Accept>)
}

pub(super) fn drop() -> Statement<'static> {
    Statement::Drop(None::<Drop>)
}

pub(super) fn reject(code: RejectCode) -> Statement<'static> {
    Statement::Reject(Some(Reject { _type: Some(RejectType::ICMP), expr: Some(code) }))
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
