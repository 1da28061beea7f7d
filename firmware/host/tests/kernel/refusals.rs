//! The log of refused packets, with real packets that a real rule drops.

use std::{net::IpAddr, time::Duration};

use libtest_mimic::Trial;
use sekisho_host::{HostError, Refusal, Refusals};
use tokio::time::{sleep, timeout};

use crate::{
    aids::{plug, port},
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("dropped_packet_is_reported", reported),
        trial("lost_messages_are_counted", lost),
        trial("second_listener_is_told", second),
    ]
}

async fn next(log: &mut Refusals) -> Refusal {
    timeout(Duration::from_secs(5), log.next()).await.expect("in time").expect("a refusal")
}

fn drop_udp(hook: &str, prefix: &str) {
    shell(&format!(
        "nft 'add table inet sekisho; add chain inet sekisho c {{ type filter hook {hook} priority 0; }}; \
         add rule inet sekisho c meta l4proto udp log prefix \"{prefix}\" group 83 drop'"
    ));
}

fn send(target: &str, times: u32) {
    let socket = std::net::UdpSocket::bind("0.0.0.0:40000").expect("a socket");
    for _ in 0..times {
        // The kernel says that the packet was not permitted; that is the point.
        drop(socket.send_to(b"refuse me", target));
    }
}

async fn reported() {
    plug();
    shell("ip link set port1 up; ip address add 192.168.1.1/24 dev port1");
    drop_udp("output", "head-office/undeclared-service");
    let mut log = Refusals::listen().await.expect("listening");
    send("192.168.1.10:443", 1);
    let expected = Refusal {
        side: "head-office".to_owned(),
        rule: "undeclared-service".to_owned(),
        source: IpAddr::from([192, 168, 1, 1]),
        destination: IpAddr::from([192, 168, 1, 10]),
        protocol: 17,
        source_port: Some(40_000),
        destination_port: Some(443),
        icmp_type: None,
        input: None,
        output: Some(port("port1")),
    };
    assert_eq!(next(&mut log).await, expected);
    shell("nft delete table inet sekisho");
    drop_udp("input", "lgwan/unexpected");
    shell("ip link set lo up");
    send("127.0.0.1:9", 1);
    let seen = next(&mut log).await;
    assert_eq!((&*seen.side, &*seen.rule), ("lgwan", "unexpected"));
    assert_eq!((seen.input, seen.output, log.lost()), (Some(port("lo")), None, 0));
}

async fn lost() {
    shell("ip link set lo up");
    drop_udp("output", "platform/undeclared-server");
    let mut log = Refusals::listen().await.expect("listening");
    let sent: u32 = 100_000;
    send("127.0.0.1:9", sent);
    let mut seen: u64 = 0;
    while let Ok(refusal) = timeout(Duration::from_secs(1), log.next()).await {
        refusal.expect("a full queue is no failure");
        seen += 1;
    }
    // The gap shows with the next message that gets through.
    send("127.0.0.1:9", 1);
    next(&mut log).await;
    assert!(log.lost() > 0, "the queue can't hold them all");
    assert_eq!(seen + 1 + log.lost(), u64::from(sent) + 1);
}

async fn second() {
    let first = Refusals::listen().await.expect("listening");
    let error = Refusals::listen().await.err().expect("one listener only");
    assert!(matches!(error, HostError::RefusalLog { .. }), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("log group")), "{error}");
    drop(first);
    // A child that another test is starting may hold a copy for a moment.
    while Refusals::listen().await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
}
