//! The responder with a TUN device of the kernel. The test runs itself again in a namespace of its own, so it
//! needs no root where a user may make namespaces.

use std::{
    net::Ipv4Addr,
    process::Command,
    time::{Duration, Instant},
};

use sekisho_control::CallOutcome;
use sekisho_far_end::{
    answer::{Answerer, Ports},
    check,
    dns::Zones,
    respond::{Behind, Config, Responder},
};
use sekisho_tunnel::SecretKey;

use super::{
    office::{OFFICE, Office},
    respond::{check_request, dial_back, half},
};

const INSIDE: &str = "SEKISHO_TEST_INSIDE";
const WEB: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);
const PROBE: Ipv4Addr = Ipv4Addr::new(100, 72, 250, 1);

const SETUP: &str = "set -e
    ip link set lo up
    ip tuntap add dev centre mode tun vnet_hdr
    ip link set centre mtu 1420 up
    ip address add 100.72.1.10/32 dev centre
    ip address add 100.72.250.1/32 dev centre
    ip route add 100.64.10.0/24 dev centre
    exec \"$0\" --exact kernel::a_kernel_device_carries_traffic_both_ways";

#[test]
fn a_kernel_device_carries_traffic_both_ways() {
    // The test runs itself again in a namespace of its own.
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let namespaces = ["-Urnm", "--kill-child", "-f"];
    let output = Command::new("timeout")
        .args(["60", "unshare"])
        .args(namespaces)
        .args(["sh", "-c", SETUP])
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn inside() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let answerer =
                Answerer::bind(&[WEB], Ports::WELL_KNOWN, Zones::default()).await.unwrap();
            answerer.run().await;
        });
    });
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (centre_key, office_key) = (SecretKey::generate(), SecretKey::generate());
    let centre_public = centre_key.public();
    let responder = Responder::new(Config {
        secret: centre_key,
        peer: office_key.public(),
        listen: "127.0.0.1:0".parse().unwrap(),
        behind: Behind::Kernel("centre".to_owned()),
        on_carrier: Some(format!("echo carrying >> '{}'", log.display())),
        dial_back: Some("127.0.0.1:0".parse().unwrap()),
        address: Some(PROBE),
        device_address: Some(OFFICE),
        check: Some(check::Config { port: 0, pool: Vec::new(), reports: None }),
    })
    .unwrap();
    let (centre, calls) = (responder.address().unwrap(), responder.dial_back_address().unwrap());
    let check = responder.check_address().unwrap();
    assert_eq!(check.ip(), PROBE);
    let stopper = responder.stopper();
    let centre_thread = std::thread::spawn(move || responder.run());
    let mut office = Office::new(&office_key, centre_public, centre);

    office.ping(PROBE);
    assert!(!log.exists());
    office.ping(WEB);
    assert!(log.exists());

    let answer = office.converse(40_001, "100.72.1.10:80", b"GET /source HTTP/1.1\r\n\r\n");
    assert!(String::from_utf8(answer).unwrap().ends_with("\r\n\r\n100.64.10.11\n"));
    let sent: Vec<u8> = (0..1_000_000_u32).map(|i| i.to_le_bytes()[i as usize % 4]).collect();
    assert!(office.converse(40_002, "100.72.1.10:7", &sent) == sent);

    office.client.listen(443);
    for (to, outcome) in [("100.64.10.11:443", "connected"), ("100.64.10.11:444", "refused")] {
        let answer = dial_back(calls, &format!(r#"{{"to":"{to}"}}"#));
        office.until("outcome", |_| answer.is_finished().then_some(()));
        let answer = answer.join().unwrap();
        assert!(answer.contains(&format!(r#""outcome":"{outcome}""#)), "{to}: {answer}");
    }

    let body = r#"{"calls":[{"to":"100.64.10.11:444","declared":false},{"to":"100.64.10.11:443","declared":true}]}"#;
    office.client.listen(443);
    let half = half(&office.converse(40_003, &check.to_string(), &check_request(body)));
    let outcomes: Vec<_> = half.calls.iter().map(|call| call.outcome).collect();
    assert_eq!(
        (half.from, &*outcomes),
        (PROBE, &[CallOutcome::Refused, CallOutcome::Connected][..])
    );

    stopper.stop();
    let end = Instant::now() + Duration::from_secs(2);
    assert!(centre_thread.join().unwrap().is_ok() && Instant::now() < end);
}
