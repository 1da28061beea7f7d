//! The device's key in other hands (R8).

use std::{
    fs,
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_control::SelfTestReport;
use sekisho_lab::{Centre, text, wait_until};

use crate::{
    go::{Go, hex, hex_key},
    traffic::{CARRIER, SECOND, centre, ensure_reaches, lab},
};

/// What the daemon's log says.
const TOLD: &str = "somebody else uses this device's key";

/// wireguard-go with the device's key stands elsewhere on LGWAN and has something to send. It takes the session about
/// every half minute, when it has heard nothing for 15 s and its stamps have passed the device's.
pub(crate) fn a_copy_of_the_device_is_noticed() -> anyhow::Result<()> {
    let lab = lab()?;
    let host = lab.host("lgwan");
    let copy = Go::start(&lab, "lgwan", "copy")?;
    let device = fs::read_to_string(lab.logs().join("state/tunnel.key"))?;
    let east = lab.design().profile.centres.iter().find(|row| row.name.as_str() == "east");
    let east = east.context("no east")?.public_key;
    copy.order(&format!("private_key={}\n", hex_key(&device)))?;
    copy.order(&format!(
        "public_key={}\nendpoint={}:51820\nallowed_ip=0.0.0.0/0\n",
        hex(east.as_bytes()),
        Centre::East.endpoint()
    ))?;
    host.must(&["ip", "link", "set", "copy", "up"])?;
    host.must(&["ip", "addr", "add", &lab.addresses().device_global.to_string(), "dev", "copy"])?;
    let probe = Centre::East.probe();
    host.must(&["ip", "route", "add", &probe.to_string(), "dev", "copy"])?;

    let told = || {
        let log = fs::read_to_string(lab.logs().join("gateway-sekishod.log")).unwrap_or_default();
        log.lines().filter(|line| line.contains(TOLD)).map(str::to_owned).collect::<Vec<_>>()
    };
    let calls = host.inside(|| UdpSocket::bind("0.0.0.0:0"))??;
    let began = Instant::now();
    let noticed = wait_until(200 * SECOND, || {
        let _ = calls.send_to(b"call", (probe, 9));
        std::thread::sleep(Duration::from_millis(200));
        !told().is_empty()
    });
    ensure!(noticed, "nothing in the log: {:?}", centre(&lab, Centre::East)?);
    println!("after {:?}: {}", began.elapsed(), told()[0]);
    ensure!(told().len() == 1, "told {} times", told().len());
    let status = text(&lab.sekisho(&["status"])?.stdout);
    ensure!(status.contains(TOLD), "{status}");
    let report = lab.sekisho(&["self-test", "--format", "json"])?.stdout;
    let first = serde_json::from_slice::<SelfTestReport>(&report)?.first_cause;
    let first = first.context("the self-test says nothing")?;
    ensure!(first.cause.code == "identity-elsewhere", "{first:?}");
    drop(copy);
    ensure!(wait_until(CARRIER, || ensure_reaches(&lab).is_ok()), "{:?}", ensure_reaches(&lab));
    Ok(())
}
