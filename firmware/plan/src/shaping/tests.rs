use super::*;

use sekisho_design::Shares;

fn link(percent: u64) -> Link {
    Link { percent, used: USED_UP, default: Some(0x20), overhead: ON_THE_LINE, longest: 1420 }
}

pub(crate) fn shaped(bits: u64, percent: u64) -> Queues {
    link(percent).queues(LineRate::new(bits).unwrap(), Traffic::default())
}

fn rates(queues: &Queues) -> Vec<(u16, u64, u64)> {
    let rates = |(minor, class): (&u16, &QueueClass)| {
        (*minor, class.guaranteed.bytes_per_second, class.most.bytes_per_second)
    };
    queues.classes.iter().map(rates).collect()
}

#[test]
fn classes_have_their_shares_of_a_little_less_than_the_line_and_borrow_the_rest() {
    let queues = shaped(10_000_000, 100);
    assert_eq!(
        rates(&queues),
        [
            (WHOLE, 1_212_500, 1_212_500),
            (0x10, 727_500, 1_212_500),
            (0x20, 303_125, 1_212_500),
            (0x30, 181_875, 1_212_500),
        ]
    );
    assert_eq!(queues.default, Some(0x20));
    let order = |minor| (queues.classes[&minor].parent, queues.classes[&minor].priority);
    assert_eq!(
        [0x10, 0x20, 0x30].map(order),
        [(Some(WHOLE), 0), (Some(WHOLE), 1), (Some(WHOLE), 2)]
    );
    assert_eq!(rates(&shaped(10_000_000, 50))[0], (WHOLE, 606_250, 606_250));
}

#[test]
fn a_queue_is_short_in_time_and_ten_packets_long_at_least() {
    let leaf =
        |bits, percent, class| shaped(bits, percent).classes[&class_handle(class).1].leaf.unwrap();
    let cutting = |bytes| Leaf::Cutting { bytes, longest: 1420 };
    assert_eq!(leaf(10_000_000, 100, Class::Online), cutting(242_500));
    assert_eq!(leaf(10_000_000, 100, Class::Normal), cutting(121_250));
    assert_eq!(leaf(10_000_000, 100, Class::Bulk), cutting(36_375));
    assert_eq!(leaf(500_000, 10, Class::Online), cutting(14_200));
    assert_eq!(leaf(1_000_000_000, 100, Class::Bulk), Leaf::Fifo { bytes: 3_375_000 });
    assert_eq!(leaf(10_000_000_000, 100, Class::Online), Leaf::Fifo { bytes: MOST_BYTES });
}

/// On a slow line nobody waits for 64 KB of somebody else; on a fast one they cost nothing and are worth much.
#[test]
fn superpackets_are_cut_where_they_would_be_waited_for() {
    let cut = |bits| matches!(shaped(bits, 100).classes[&0x10].leaf, Some(Leaf::Cutting { .. }));
    assert!(cut(199_999_999));
    assert!(!cut(200_000_000));
    assert_eq!(rates(&shaped(200_000_000, 100))[0].1, 22_500_000);
}

/// Less is used downwards, where a queue in front of the line can only be kept from growing.
#[test]
fn each_lan_has_its_share_of_what_is_used_downwards() {
    let down = Link { used: USED_DOWN, ..link(50) };
    let queues = down.queues(LineRate::new(10_000_000).unwrap(), Traffic::default());
    assert_eq!(rates(&queues)[0].1, 531_250);
}

/// The MTU of the uplink changes; the queues are changed in place all the same.
#[test]
fn a_class_that_others_borrow_from_does_not_depend_on_packets() {
    let whole = |longest| {
        let other = Link { longest, ..link(100) };
        other.queues(LineRate::new(100_000_000).unwrap(), Traffic::default()).classes[&WHOLE]
            .quantum
    };
    assert_eq!(whole(1420), whole(1320));
}

/// The kernel takes rates of 1 and more, and times below 2^32 ticks of 64 ns.
#[test]
fn every_line_and_every_share_has_numbers_that_the_kernel_takes() {
    for bits in [500_000, 10_000_000, 199_999_999, 200_000_000, 10_000_000_000] {
        for percent in [1, 50, 100] {
            for (online, bulk) in [(1, 1), (98, 1), (1, 98)] {
                let shares = Shares::new(online, 1, bulk).unwrap();
                let traffic = Traffic { shares, hold_back: 0 };
                let queues = link(percent).queues(LineRate::new(bits).unwrap(), traffic);
                for class in queues.classes.values() {
                    for Rate { bytes_per_second, burst_us } in [class.guaranteed, class.most] {
                        assert!((1..=u64::from(u32::MAX)).contains(&bytes_per_second));
                        assert!((2_000..=60_000_000).contains(&burst_us));
                    }
                    assert!((1000..=200_000).contains(&class.quantum), "the kernel would warn");
                }
            }
        }
    }
}

#[test]
fn bulk_that_is_held_back_is_the_same_to_a_plan() {
    let free = shaped(10_000_000, 100);
    assert_eq!(free.clone().released(), (free.clone(), false));
    let (minor, class) = free.bulk(true).unwrap();
    assert_eq!((minor, class.most), (0x30, class.guaranteed));
    let mut held = free.clone();
    held.classes.insert(minor, class);
    assert_ne!(held, free);
    assert_eq!(held.released(), (free.clone(), true));
    assert_eq!(free.bulk(false).unwrap(), (minor, free.classes[&minor]));
}
