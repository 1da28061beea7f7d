//! The ends of flows: real ones, translated, counted and dated by the kernel.

use std::{
    net::TcpListener,
    time::{Duration, SystemTime},
};

use libtest_mimic::Trial;
use sekisho_host::{Detail, EndedFlow, FlowEnds, HostError, drop_flows};
use tokio::time::timeout;

use crate::{
    aids::without_rights,
    conntrack::{PLATFORM, TERMINALS_GLOBAL, address, connect, office, send, talk},
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("flow_that_ends_is_told_with_its_counts_and_times", told),
        trial("lost_ends_are_counted_and_later_ones_told", lost),
        trial("ends_need_rights_to_be_heard", refused),
    ]
}

/// What the kernel keeps of flows, while they run and when nobody listens.
fn keep() {
    for key in ["acct", "timestamp", "events"] {
        shell(&format!("echo 1 > /proc/sys/net/netfilter/nf_conntrack_{key}"));
    }
}

async fn next(ends: &mut FlowEnds) -> EndedFlow {
    timeout(Duration::from_secs(5), ends.next()).await.expect("in time").expect("an end")
}

async fn told() {
    office();
    keep();
    let start = SystemTime::now();
    let listener = TcpListener::bind((PLATFORM, 443)).expect("listening");
    let mut pair = connect(2, ("192.168.1.100", 40_000), &listener);
    talk(&mut pair);
    // Nobody listened when it began.
    let mut ends = FlowEnds::listen().expect("listening");
    assert_eq!(drop_flows(|_| true).await.expect("dropped"), 1);
    let EndedFlow { flow, began, ended, sent, answered } = next(&mut ends).await;
    assert_eq!((flow.zone, flow.protocol), (2, 6));
    assert_eq!(flow.original.source, address("192.168.1.100"));
    assert_eq!(flow.original.destination, address(PLATFORM));
    assert_eq!(flow.reply.destination, address(TERMINALS_GLOBAL));
    let Detail::Ports { source, destination } = flow.original.detail else { panic!("{flow:?}") };
    assert_eq!((source, destination), (40_000, 443));
    let (began, ended) = (began.expect("noted"), ended.expect("noted"));
    assert!(start <= began && began <= ended && ended <= SystemTime::now());
    let (sent, answered) = (sent.expect("counted"), answered.expect("counted"));
    // Header and payload of the question and of the answer, and what opens a connection and acknowledges.
    assert!(sent.packets >= 3 && sent.bytes > 3 * 40 + 8, "{sent:?}");
    assert!(answered.packets >= 2 && answered.bytes > 2 * 40 + 6, "{answered:?}");

    for key in ["acct", "timestamp"] {
        shell(&format!("echo 0 > /proc/sys/net/netfilter/nf_conntrack_{key}"));
    }
    send(1, ("192.168.1.100", 40_001), (PLATFORM, 9));
    drop_flows(|_| true).await.expect("dropped");
    let bare = next(&mut ends).await;
    assert_eq!((bare.began, bare.sent, bare.answered), (None, None, None));
}

async fn lost() {
    office();
    keep();
    let mut ends = FlowEnds::listen().expect("listening");
    let opened: u16 = 40_000;
    for port in 1..=opened {
        send(1, ("192.168.1.100", 50_000), (PLATFORM, port));
    }
    assert_eq!(drop_flows(|_| true).await.expect("dropped"), u64::from(opened));
    let mut heard = 0;
    while let Ok(end) = timeout(Duration::from_millis(500), ends.next()).await {
        end.expect("a full queue is no failure");
        heard += 1;
    }
    assert!(ends.lost() > 0 && heard < opened, "{heard} heard: the queue can't hold them all");
    send(2, ("192.168.1.101", 40_000), (PLATFORM, 9));
    drop_flows(|_| true).await.expect("dropped");
    assert_eq!(next(&mut ends).await.flow.zone, 2);
}

async fn refused() {
    let error = without_rights(|| async { FlowEnds::listen().err() }).expect("no right");
    assert!(matches!(error, HostError::Connections { .. }), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("CAP_NET_ADMIN")), "{error}");
}
