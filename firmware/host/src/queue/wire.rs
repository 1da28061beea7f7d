//! The parts of a tc message that the library doesn't know: htb, bfifo and tbf (`linux/pkt_sched.h`).

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's attributes grow with every release, and only a few concern us"
)]

use rtnetlink::{
    packet_core::{DefaultNla, Emitable, Nla, NlasIterator},
    packet_route::tc::{TcAttribute, TcMessage, TcOption, TcStats2},
};
use sekisho_plan::state::{Leaf, QueueClass, Rate};

pub(super) const HTB: &str = "htb";
pub(super) const BFIFO: &str = "bfifo";
pub(super) const TBF: &str = "tbf";

const TCA_OPTIONS: u16 = 2;

const TCA_HTB_PARMS: u16 = 1;
const TCA_HTB_INIT: u16 = 2;
const TCA_HTB_RATE64: u16 = 6;
const TCA_HTB_CEIL64: u16 = 7;

const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_RATE64: u16 = 4;
const TCA_TBF_BURST: u16 = 6;

/// The version that the kernel expects of who speaks to htb.
const HTB_VERSION: u32 = 3;

/// Only for classes without a quantum, which ours aren't.
const RATE_TO_QUANTUM: u32 = 10;

/// `TC_LINKLAYER_ETHERNET`: the kernel computes what a packet takes, and wants no table of it.
const LINKLAYER_ETHERNET: u8 = 1;

/// What a tbf that only cuts is let through at, in bytes a second: no link comes near, and so it never makes anybody wait.
const UNLIMITED: u64 = 1_000_000_000_000;

/// The kernel's ticks are 64 ns long.
fn ticks(microseconds: u32) -> u32 {
    u32::try_from((u64::from(microseconds) * 1000 + 32) / 64).unwrap_or(u32::MAX)
}

fn microseconds(ticks: u32) -> u32 {
    u32::try_from((u64::from(ticks) * 64 + 500) / 1000).unwrap_or(u32::MAX)
}

/// The options of a root, `struct tc_htb_glob`.
pub(super) fn root(default: Option<u16>) -> TcAttribute {
    let glob = [HTB_VERSION, RATE_TO_QUANTUM, default.unwrap_or(0).into(), 0, 0];
    nested(&[DefaultNla::new(TCA_HTB_INIT, words(&glob))])
}

/// The default class of a root, which may have none; `None` where this isn't a root's message.
#[expect(
    clippy::option_option,
    reason = "outside: whether it is a root; inside: whether it has one"
)]
pub(super) fn read_root(message: &TcMessage) -> Option<Option<u16>> {
    let glob = option(&options(message)?, TCA_HTB_INIT)?;
    let default = u16::try_from(word(&glob, 8)?).ok()?;
    Some((default != 0).then_some(default))
}

/// The options of a class, `struct tc_htb_opt`, with rates beyond 32 bits beside it.
pub(super) fn class(class: &QueueClass) -> TcAttribute {
    let QueueClass { guaranteed, most, overhead, quantum, priority, .. } = class;
    let mut parms = ratespec(guaranteed.bytes_per_second, *overhead);
    parms.extend(ratespec(most.bytes_per_second, *overhead));
    let level = 0;
    parms.extend(words(&[
        ticks(guaranteed.burst_us),
        ticks(most.burst_us),
        *quantum,
        level,
        *priority,
    ]));
    let mut options = vec![DefaultNla::new(TCA_HTB_PARMS, parms)];
    for (kind, rate) in [(TCA_HTB_RATE64, guaranteed), (TCA_HTB_CEIL64, most)] {
        if u32::try_from(rate.bytes_per_second).is_err() {
            options.push(DefaultNla::new(kind, rate.bytes_per_second.to_ne_bytes().into()));
        }
    }
    nested(&options)
}

/// A class without its leaf.
pub(super) fn read_class(message: &TcMessage) -> Option<QueueClass> {
    let options = options(message)?;
    let parms = option(&options, TCA_HTB_PARMS)?;
    let long = |kind| Some(u64::from_ne_bytes(option(&options, kind)?.try_into().ok()?));
    let rate = |at: usize, burst: usize, kind| {
        let short = word(&parms, at + 8)?.into();
        let bytes_per_second = long(kind).unwrap_or(short);
        Some(Rate { bytes_per_second, burst_us: microseconds(word(&parms, burst)?) })
    };
    let parent = message.header.parent;
    Some(QueueClass {
        parent: (parent.major != u16::MAX).then_some(parent.minor),
        guaranteed: rate(0, 24, TCA_HTB_RATE64)?,
        most: rate(12, 28, TCA_HTB_CEIL64)?,
        overhead: u16::from_ne_bytes(parms.get(2..4)?.try_into().ok()?),
        quantum: word(&parms, 32)?,
        priority: word(&parms, 40)?,
        leaf: None,
    })
}

/// The kind and the options of a leaf: `struct tc_fifo_qopt`, or those of a tbf.
///
/// The kernel doesn't list what a tbf leaves uncut. It is noted once more as the size for a peak rate, which the kernel
/// keeps and doesn't use without one.
pub(super) fn leaf(leaf: Leaf) -> (&'static str, TcAttribute) {
    match leaf {
        Leaf::Fifo { bytes } => {
            (BFIFO, TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, words(&[bytes]))))
        }
        Leaf::Cutting { bytes, longest } => {
            let mut parms = ratespec(UNLIMITED, 0);
            parms.extend(ratespec(0, 0));
            let buffer = 0;
            parms.extend(words(&[bytes, buffer, longest]));
            let options = [
                DefaultNla::new(TCA_TBF_PARMS, parms),
                DefaultNla::new(TCA_TBF_RATE64, UNLIMITED.to_ne_bytes().into()),
                DefaultNla::new(TCA_TBF_BURST, words(&[longest])),
            ];
            (TBF, nested(&options))
        }
    }
}

/// A leaf of ours; `None` where it is another kind.
pub(super) fn read_leaf(message: &TcMessage) -> Option<Leaf> {
    let options = options(message)?;
    match kind(message)? {
        BFIFO => Some(Leaf::Fifo { bytes: word(&options, 0)? }),
        TBF => {
            let parms = option(&options, TCA_TBF_PARMS)?;
            Some(Leaf::Cutting { bytes: word(&parms, 24)?, longest: word(&parms, 32)? })
        }
        _ => None,
    }
}

pub(super) fn kind(message: &TcMessage) -> Option<&str> {
    message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Kind(kind) => Some(kind.as_str()),
        _ => None,
    })
}

/// What was sent, in bytes; what was dropped, in packets; what waits, in bytes.
pub(super) fn counts(message: &TcMessage) -> (u64, u64, u64) {
    let mut counts = (0, 0, 0);
    for attribute in &message.attributes {
        let TcAttribute::Stats2(stats) = attribute else { continue };
        for one in stats {
            match one {
                TcStats2::Basic(basic) => counts.0 = basic.bytes,
                TcStats2::Queue(queue) => {
                    (counts.1, counts.2) = (queue.drops.into(), queue.backlog.into());
                }
                _ => {}
            }
        }
    }
    counts
}

/// `struct tc_ratespec`. A rate beyond 32 bits has all of them set, and its own attribute.
fn ratespec(bytes_per_second: u64, overhead: u16) -> Vec<u8> {
    let mut bytes = vec![0, LINKLAYER_ETHERNET];
    bytes.extend(overhead.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(u32::try_from(bytes_per_second).unwrap_or(u32::MAX).to_ne_bytes());
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn nested(options: &[DefaultNla]) -> TcAttribute {
    let mut bytes = vec![0; options.buffer_len()];
    options.emit(&mut bytes);
    TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, bytes))
}

/// The bytes of a message's options: the library keeps those of kinds that it doesn't know as they came.
fn options(message: &TcMessage) -> Option<Vec<u8>> {
    message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Options(options) => match options.as_slice() {
            [TcOption::Other(option)] => Some(value(option)),
            _ => None,
        },
        TcAttribute::Other(option) if option.kind() == TCA_OPTIONS => Some(value(option)),
        _ => None,
    })
}

fn option(options: &[u8], kind: u16) -> Option<Vec<u8>> {
    NlasIterator::new(options)
        .filter_map(Result::ok)
        .find(|option| option.kind() == kind)
        .map(|option| option.value().to_vec())
}

fn value(option: &DefaultNla) -> Vec<u8> {
    let mut bytes = vec![0; option.value_len()];
    option.emit_value(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtnetlink::packet_route::tc::TcHandle;

    use super::*;

    fn message(attributes: Vec<TcAttribute>) -> TcMessage {
        let mut message = TcMessage::default();
        message.attributes = attributes;
        message
    }

    fn rates() -> impl Strategy<Value = Rate> {
        (1u64..=1 << 40, 0u32..=60_000_000)
            .prop_map(|(bytes_per_second, burst_us)| Rate { bytes_per_second, burst_us })
    }

    proptest! {
        /// Whatever a plan says is read as it was written.
        #[test]
        fn a_class_is_read_as_it_was_written(
            (guaranteed, most, parent) in (rates(), rates(), prop::option::of(1u16..100)),
            (priority, overhead, quantum) in (0u32..8, any::<u16>(), any::<u32>()),
        ) {
            let written =
                QueueClass { parent, priority, guaranteed, most, overhead, quantum, leaf: None };
            let mut message = message(vec![class(&written)]);
            message.header.parent = parent
                .map_or(TcHandle::ROOT, |minor| TcHandle { major: 1, minor });
            prop_assert_eq!(read_class(&message), Some(written));
        }

        #[test]
        fn a_leaf_is_read_as_it_was_written(bytes: u32, longest: u32, cutting: bool) {
            let written =
                if cutting { Leaf::Cutting { bytes, longest } } else { Leaf::Fifo { bytes } };
            let (kind, options) = leaf(written);
            let message = message(vec![TcAttribute::Kind(kind.to_owned()), options]);
            prop_assert_eq!(read_leaf(&message), Some(written));
        }

        /// Attributes that are cut short or not there at all are no ours, and nothing to fall over.
        #[test]
        fn any_options_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0..3usize) {
            let kind = TcAttribute::Kind([HTB, BFIFO, TBF][at].to_owned());
            let options = TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, bytes));
            let message = message(vec![kind, options]);
            let _ = (read_root(&message), read_class(&message), read_leaf(&message));
        }
    }

    #[test]
    fn a_root_is_read_as_it_was_written() {
        for default in [Some(0x20), None] {
            assert_eq!(read_root(&message(vec![root(default)])), Some(default));
        }
        assert_eq!(read_root(&message(Vec::new())), None);
    }
}
