//! Word of changes, while others change what the kernel holds.

use std::{
    collections::BTreeSet,
    io::Write,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use sekisho_host::{Change, HostError, Watch};
use tempfile::NamedTempFile;
use tokio::{process::Command, time::timeout};

use crate::{
    aids::{plug, without_rights},
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("each_change_is_told_once", each),
        trial("changes_of_one_moment_are_told_as_one", burst),
        trial("what_one_did_oneself_can_be_forgotten", forgotten),
        trial("pending_call_that_is_dropped_loses_nothing", dropped),
        trial("flood_of_changes_wakes_seldom", flood),
        trial("listening_to_changes_needs_rights", refused),
        trial("overflow_tells_that_anything_may_have_changed", overflow),
    ]
}

/// No event follows within this time, unless the kernel has put one off (it tells of carriers once a second).
const SILENCE: Duration = Duration::from_millis(1500);

async fn told(watch: &mut Watch) -> BTreeSet<Change> {
    timeout(Duration::from_secs(20), watch.next()).await.expect("in time").expect("told")
}

async fn settle(watch: &mut Watch) {
    while let Ok(changes) = timeout(SILENCE, watch.next()).await {
        changes.expect("told");
    }
}

/// Everything that the cases take away.
async fn network() -> Watch {
    plug();
    shell(
        "ip link set port1 up; ip address add 192.168.1.1/24 dev port1; ip address add 10.0.0.1/8 dev port1
        ip route add unreachable 100.72.0.0/16; ip rule add pref 8300 fwmark 1 lookup 101
        nft add table inet sekisho",
    );
    let mut watch = Watch::start().expect("listening");
    settle(&mut watch).await;
    watch
}

async fn each() {
    let mut watch = network().await;
    let cases = [
        ("nft delete table inet sekisho", Change::Filter),
        ("ip address del 10.0.0.1/8 dev port1", Change::Addresses),
        ("ip route del unreachable 100.72.0.0/16", Change::Routes),
        ("ip rule del pref 8300", Change::Rules),
        ("tc qdisc add dev port1 root handle 1: htb", Change::Queues),
        ("echo 1 > /proc/sys/net/ipv4/ip_forward", Change::Settings),
        ("ip link set port1 down", Change::Links),
    ];
    for (line, change) in cases {
        shell(line);
        let changes = told(&mut watch).await;
        assert!(changes.contains(&change), "{line}: {changes:?}");
        assert!(changes.len() < Change::ALL.len(), "{line}: {changes:?}");
        // A link's carrier follows when the kernel gets to it.
        if change != Change::Links {
            let more = timeout(Duration::from_millis(500), watch.next()).await;
            assert!(more.is_err(), "{line} was told again: {more:?}");
        }
    }
}

async fn burst() {
    let mut watch = network().await;
    shell("ip route del unreachable 100.72.0.0/16; ip rule del pref 8300");
    let mut all = told(&mut watch).await;
    // On a busy machine a moment may be longer than the calm that ends a burst.
    while !all.is_superset(&[Change::Routes, Change::Rules].into()) {
        all.extend(told(&mut watch).await);
    }
    assert_eq!(all, [Change::Routes, Change::Rules].into());
}

async fn forgotten() {
    let mut watch = network().await;
    // More than a task may take at once before it has to yield.
    add(&routes(300));
    watch.forget();
    let own = timeout(Duration::from_millis(500), watch.next()).await;
    assert!(own.is_err(), "{own:?}");
    shell("ip rule del pref 8300");
    assert_eq!(told(&mut watch).await, [Change::Rules].into(), "the listening goes on");
}

async fn dropped() {
    let mut watch = network().await;
    shell("ip rule del pref 8300");
    // Too short for a burst to end.
    for _ in 0..3 {
        let early = timeout(Duration::from_millis(20), watch.next()).await;
        if let Ok(changes) = early {
            // Busy machine: the burst had ended by then.
            assert_eq!(changes.expect("told"), [Change::Rules].into());
            return;
        }
    }
    assert_eq!(told(&mut watch).await, [Change::Rules].into());
}

const MANY: u32 = 10_000;

/// A file of commands for `ip -batch`.
fn routes(count: u32) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    for number in 0..count {
        let [_, _, high, low] = number.to_be_bytes();
        writeln!(file, "route add unreachable 100.80.{high}.{low}/32").expect("written");
    }
    file
}

fn add(routes: &NamedTempFile) {
    shell(&format!("ip -batch {}", routes.path().display()));
}

async fn flood() {
    let mut watch = network().await;
    let file = routes(MANY);
    let start = Instant::now();
    let mut child = Command::new("ip").arg("-batch").arg(file.path()).spawn().expect("ip");
    let (mut wakes, mut ended) = (0_u32, false);
    loop {
        tokio::select! {
            changes = watch.next() => {
                assert!(changes.expect("told").contains(&Change::Routes));
                wakes += 1;
            }
            status = child.wait(), if !ended => {
                assert!(status.expect("waited").success());
                ended = true;
            }
            () = tokio::time::sleep(SILENCE), if ended => break,
        }
    }
    let took = start.elapsed();
    println!("{MANY} routes in {} ms woke {wakes} times", took.as_millis());
    // Each takes the calm at least.
    assert!(wakes >= 1 && u128::from(wakes) <= took.as_millis() / 100, "{wakes} in {took:?}");
}

async fn refused() {
    let start = || async { Watch::start().map(drop) };
    let error = without_rights(start).expect_err("no rights");
    assert!(matches!(error, HostError::Events { .. }), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("CAP_NET_ADMIN")), "{error}");
}

async fn overflow() {
    let mut watch = network().await;
    // Nobody reads meanwhile, and the queue can't hold them all.
    add(&routes(MANY));
    assert_eq!(told(&mut watch).await, Change::ALL.into());
    settle(&mut watch).await;
    shell("ip rule del pref 8300");
    assert_eq!(told(&mut watch).await, [Change::Rules].into(), "the listening goes on");
}
