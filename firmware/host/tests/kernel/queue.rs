//! Queues in front of links, beside what `tc` says of them.

use std::{collections::BTreeMap, net::UdpSocket, time::Duration};

use libtest_mimic::Trial;
use sekisho_design::{Class, PortName};
use sekisho_host::{ClassUse, Kernel};
use sekisho_plan::{
    Change, Step,
    shaping::class_handle,
    state::{Leaf, Link, LinkKind, QueueClass, Queues, Rate},
};
use tokio::time::{Instant, sleep};

use crate::{
    aids::{observe, perform, plug, port, there_and_back, without_rights},
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("queues_there_and_back", queues),
        trial("tc_shows_what_was_set", as_tc_shows),
        trial("changed_rate_keeps_what_waits_and_what_was_counted", in_place),
        trial("what_names_no_class_may_pass_by_all_queues", past_all),
        trial("another_tree_takes_the_place_of_the_one_before", another_tree),
        trial("bulk_held_back_is_no_other_state", held_back),
        trial("others_queues_are_not_ours_and_make_way", others),
        trial("meddled_queues_are_seen_and_put_right", meddled),
        trial("queues_need_rights", refused),
    ]
}

fn kernel() -> Kernel {
    Kernel::connect().expect("a connection")
}

/// A tree of the form that plans have, in front of a link with this many bytes a second.
fn tree(whole: u64, leaf: Leaf) -> Queues {
    let rate = |bytes_per_second| Rate { bytes_per_second, burst_us: 2000 };
    let class = |parent, priority, share, leaf| QueueClass {
        parent,
        priority,
        guaranteed: rate(whole * share / 100),
        most: rate(whole),
        overhead: 84,
        quantum: 1514,
        leaf,
    };
    let leaves = [(Class::Online, 60), (Class::Normal, 25), (Class::Bulk, 15)];
    let leaves = (0..).zip(leaves).map(|(priority, (name, share))| {
        (class_handle(name).1, class(Some(1), priority, share, Some(leaf)))
    });
    Queues {
        default: Some(0x20),
        classes: leaves.chain([(1, class(None, 0, 100, None))]).collect(),
    }
}

const CUTTING: Leaf = Leaf::Cutting { bytes: 60_000, longest: 1514 };

const FIFO: Leaf = Leaf::Fifo { bytes: 2_000_000 };

fn step(link: &str, before: Option<&Queues>, after: Option<&Queues>) -> Step {
    Step::Queues { link: port(link), change: Change::new(before.cloned(), after.cloned()) }
}

fn up(name: &str) -> Step {
    let link = |up| Link { kind: LinkKind::Port, up, mtu: 1500, mode: None };
    Step::Link { name: port(name), change: Change::new(Some(link(false)), Some(link(true))) }
}

async fn use_of(kernel: &Kernel, link: &str, class: Class) -> ClassUse {
    let uses = kernel.uses(&[port(link)].into()).await.expect("looked");
    uses[&port(link)][&class_handle(class).1]
}

async fn queues() {
    plug();
    let tun = Link { kind: LinkKind::Tun, up: false, mtu: 1420, mode: None };
    let tun = Step::Link { name: port("tunnel"), change: Change::new(None, Some(tun)) };
    let slow = tree(1_212_500, CUTTING);
    let fast = tree(112_500_000, FIFO);
    let faster = tree(1_125_000_000, FIFO);
    let steps = [
        tun,
        step("tunnel", None, Some(&slow)),
        step("port1", None, Some(&fast)),
        step("port2", None, Some(&slow)),
        step("port2", Some(&slow), Some(&tree(62_500, CUTTING))),
        step("port1", Some(&fast), Some(&faster)),
        // Other leaves, in place.
        step("tunnel", Some(&slow), Some(&fast)),
    ];
    there_and_back(&kernel(), &steps, |state| {
        let links: BTreeMap<PortName, Queues> = [
            (port("port1"), faster.clone()),
            (port("port2"), tree(62_500, CUTTING)),
            (port("tunnel"), fast.clone()),
        ]
        .into();
        assert_eq!(state.queues, links);
    })
    .await;
}

async fn as_tc_shows() {
    plug();
    perform(&kernel(), &step("port1", None, Some(&tree(1_250_000, CUTTING)))).await;
    let shown = shell("tc -d class show dev port1");
    for line in [
        "class htb 1:1 root rate 10Mbit overhead 84 ceil 10Mbit linklayer ethernet",
        "class htb 1:10 parent 1:1 leaf 10: prio 0 quantum 1514 rate 6Mbit overhead 84 ceil 10Mbit linklayer ethernet burst 1500b",
        "class htb 1:20 parent 1:1 leaf 20: prio 1 quantum 1514 rate 2500Kbit overhead 84 ceil 10Mbit",
        "class htb 1:30 parent 1:1 leaf 30: prio 2 quantum 1514 rate 1500Kbit overhead 84 ceil 10Mbit",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let shown = shell("tc -d qdisc show dev port1");
    for line in ["qdisc htb 1: root", "default 0x20", "qdisc tbf 30: parent 1:30 rate 8Tbit"] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    perform(&kernel(), &step("port2", None, Some(&tree(1_250_000, FIFO)))).await;
    let shown = shell("tc -d qdisc show dev port2");
    assert!(shown.contains("qdisc bfifo 10: parent 1:10 limit 2000000b"), "{shown}");
}

/// What names no class passes by all queues where there is no class for it: what is the device's own isn't kept by a queue
/// that a LAN's traffic has filled.
async fn past_all() {
    plug();
    shell("echo 1 > /proc/sys/net/ipv6/conf/port1/disable_ipv6");
    let kernel = kernel();
    perform(&kernel, &up("port1")).await;
    let queues = Queues { default: None, ..tree(20_000, CUTTING) };
    perform(&kernel, &step("port1", None, Some(&queues))).await;
    assert_eq!(observe(&kernel).await.queues[&port("port1")], queues);
    shell(
        "ip address add 192.168.1.1/24 dev port1; ip neighbour add 192.168.1.9 lladdr 02:00:00:00:00:09 dev port1",
    );
    let socket = UdpSocket::bind("192.168.1.1:0").expect("bound");
    for _ in 0..200 {
        socket.send_to(&[0; 1000], "192.168.1.9:9").expect("sent");
    }
    let sent = shell("awk '/port1:/ {print $11}' /proc/net/dev");
    assert!(sent.trim().parse::<u32>().expect("a number") >= 200, "{sent} of 200 left");
    for class in Class::ALL {
        let found = use_of(&kernel, "port1", class).await;
        assert_eq!((found.sent, found.waiting, found.dropped), (0, 0, 0), "{class}");
    }
}

/// Datagrams that take about a second to leave are on their way while the rate changes.
async fn in_place() {
    plug();
    // Its own packets would be counted with ours.
    shell("echo 1 > /proc/sys/net/ipv6/conf/port1/disable_ipv6");
    let kernel = kernel();
    perform(&kernel, &up("port1")).await;
    let slow = tree(20_000, CUTTING);
    perform(&kernel, &step("port1", None, Some(&slow))).await;
    shell(
        "ip address add 192.168.1.1/24 dev port1; ip neighbour add 192.168.1.9 lladdr 02:00:00:00:00:09 dev port1",
    );
    let socket = UdpSocket::bind("192.168.1.1:0").expect("bound");
    for _ in 0..20 {
        socket.send_to(&[0; 1000], "192.168.1.9:9").expect("sent");
    }
    let before = use_of(&kernel, "port1", Class::Normal).await;
    assert!(before.waiting >= 10_000 && before.sent >= 1000, "{before:?}");
    let other = tree(21_000, Leaf::Cutting { bytes: 50_000, longest: 1514 });
    perform(&kernel, &step("port1", Some(&slow), Some(&other))).await;
    let after = use_of(&kernel, "port1", Class::Normal).await;
    assert_eq!(observe(&kernel).await.queues[&port("port1")], other);
    assert!(after.waiting >= 5_000 && after.sent >= before.sent, "{after:?} after {before:?}");
    let end = Instant::now() + Duration::from_secs(20);
    let whole = 20 * (1000 + 28 + 14);
    while use_of(&kernel, "port1", Class::Normal).await.sent < whole {
        assert!(Instant::now() < end, "what waited didn't leave");
        sleep(Duration::from_millis(50)).await;
    }
    let last = use_of(&kernel, "port1", Class::Normal).await;
    assert_eq!((last.sent, last.dropped, last.waiting), (whole, 0, 0));
    for _ in 0..80 {
        socket.send_to(&[0; 1000], "192.168.1.9:9").expect("sent");
    }
    let full = use_of(&kernel, "port1", Class::Normal).await;
    assert!(full.dropped > 0 && full.waiting <= 50_000, "{full:?}");
    assert_eq!(use_of(&kernel, "port1", Class::Online).await.sent, 0);
}

async fn another_tree() {
    plug();
    let kernel = kernel();
    let three = tree(1_250_000, CUTTING);
    let mut two = three.clone();
    two.classes.remove(&0x30);
    perform(&kernel, &step("port1", None, Some(&three))).await;
    perform(&kernel, &step("port1", Some(&three), Some(&two))).await;
    assert_eq!(observe(&kernel).await.queues[&port("port1")], two);
    perform(&kernel, &step("port1", Some(&two), Some(&three))).await;
    assert_eq!(observe(&kernel).await.queues[&port("port1")], three);
    // The kernel changes this of no class that others borrow from.
    let mut other = three.clone();
    other.classes.values_mut().for_each(|class| class.quantum = 1420);
    perform(&kernel, &step("port1", Some(&three), Some(&other))).await;
    assert_eq!(observe(&kernel).await.queues[&port("port1")], other);
}

async fn held_back() {
    plug();
    let kernel = kernel();
    perform(&kernel, &step("port1", None, Some(&tree(1_250_000, CUTTING)))).await;
    let before = observe(&kernel).await;
    kernel.hold_back(&before.queues, true).await.expect("held back");
    assert_eq!(observe(&kernel).await, before);
    let ClassUse { class, .. } = use_of(&kernel, "port1", Class::Bulk).await;
    assert_eq!(class.most, class.guaranteed);
    let shown = shell("tc class show dev port1 classid 1:30");
    assert!(
        shown.contains("rate 1500Kbit overhead 84 ceil 1500Kbit")
            || shown.contains("rate 1500Kbit ceil 1500Kbit"),
        "{shown}"
    );
    kernel.hold_back(&before.queues, false).await.expect("let go");
    assert_eq!(observe(&kernel).await, before);
    let ClassUse { class, .. } = use_of(&kernel, "port1", Class::Bulk).await;
    assert_eq!(class.most.bytes_per_second, 1_250_000);
    let gone = kernel.hold_back(&[(port("port2"), tree(1_250_000, FIFO))].into(), true).await;
    let fault = gone.expect_err("port2 has no queues").to_string();
    assert!(fault.contains("class 1:30 of 'port2'"), "{fault}");
}

async fn others() {
    plug();
    let kernel = kernel();
    // Another handle, another kind under our handle.
    shell("tc qdisc add dev port1 root handle 7: htb; tc qdisc add dev port2 root handle 1: bfifo");
    assert_eq!(observe(&kernel).await.queues, [].into());
    let ours = tree(1_250_000, CUTTING);
    for link in ["port1", "port2"] {
        perform(&kernel, &step(link, None, Some(&ours))).await;
        assert_eq!(observe(&kernel).await.queues[&port(link)], ours);
    }
}

async fn meddled() {
    plug();
    let kernel = kernel();
    let ours = tree(1_250_000, CUTTING);
    perform(&kernel, &step("port1", None, Some(&ours))).await;
    for line in [
        "tc class change dev port1 parent 1:1 classid 1:10 htb rate 1mbit",
        "tc class change dev port1 parent 1:1 classid 1:30 htb rate 1mbit ceil 1mbit",
        "tc qdisc replace dev port1 parent 1:30 handle 77: pfifo limit 3",
        "tc qdisc del dev port1 parent 1:20",
        "tc qdisc del dev port1 parent 1:30; tc class del dev port1 classid 1:30",
        "tc qdisc del dev port1 root",
        "tc qdisc del dev port1 root; tc qdisc add dev port1 root handle 1: htb default 10",
    ] {
        shell(line);
        let found = observe(&kernel).await.queues.remove(&port("port1"));
        assert_ne!(found.as_ref(), Some(&ours), "{line}");
        perform(&kernel, &step("port1", found.as_ref(), Some(&ours))).await;
        assert_eq!(observe(&kernel).await.queues[&port("port1")], ours, "{line}");
    }
}

async fn refused() {
    plug();
    let fault = without_rights(|| async {
        let kernel = Kernel::connect().expect("a connection");
        kernel.perform(&step("port1", None, Some(&tree(1_250_000, CUTTING)))).await
    });
    let fault = fault.expect_err("no rights");
    assert!(fault.way_out().expect("a way out").contains("CAP_NET_ADMIN"), "{fault}");
}
