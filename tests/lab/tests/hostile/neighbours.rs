//! What the wire itself gives away: ARP for addresses of another side, IPv6.

use std::{
    net::{Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket},
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::applied;

/// More than a neighbour needs for an answer.
const ANSWER: Duration = Duration::from_millis(500);

pub(crate) fn learn_no_other_address() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let (juki, school) = (hosts.host("juki")?, hosts.host("school")?);
    let maintenance = hosts.device_maintenance.context("the sample has a maintenance port")?.addr();
    let (head, education) = (hosts.device(juki.lan)?.addr(), hosts.device(school.lan)?.addr());
    let lgwan = hosts.device_lgwan.addr();
    let sides = [
        ("school", [head, lgwan, maintenance, hosts.device_global, juki.global]),
        ("terminal", [education, lgwan, maintenance, hosts.device_global, juki.global]),
        ("lgwan", [head, education, maintenance, hosts.device_global, juki.global]),
        ("clerk", [head, education, lgwan, hosts.device_global, juki.global]),
    ];
    for (from, targets) in sides {
        let host = lab.host(from);
        let capture = lab.capture(from, "eth0")?;
        for target in targets {
            let target = target.to_string();
            host.must(&["ip", "route", "replace", &format!("{target}/32"), "dev", "eth0"])?;
            let target = SocketAddr::new(target.parse()?, 9);
            host.inside(|| UdpSocket::bind("0.0.0.0:0")?.send_to(b"?", target))??;
        }
        thread::sleep(ANSWER);
        let recording = capture.stop()?;
        // ARP operation 2, the sender's address: the device answers for none of these.
        for target in targets {
            let asked = format!("arp[6:2] = 1 and arp[24:4] = {}", target.to_bits());
            ensure!(recording.count(&asked)? > 0, "{from} never asked for {target}");
            let told = format!("arp[6:2] = 2 and arp[14:4] = {}", target.to_bits());
            let told = recording.matching(&told)?;
            ensure!(told.is_empty(), "{from} learnt {told:?}");
        }
    }
    Ok(())
}

pub(crate) fn get_no_answer_by_ipv6() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    for (from, others) in [("school", ["juki", "platform"]), ("terminal", ["clerk", "platform"])] {
        let host = lab.host(from);
        host.must(&["sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"])?;
        host.must(&["ip", "address", "add", "fd00::1/64", "dev", "eth0", "nodad"])?;
        let capture = lab.capture(from, "eth0")?;
        let watch = crate::attack::watch(&lab, &others)?;
        // The device's link-local address as it would be made of its hardware address, everybody, every router.
        let port = if from == "school" { "port3" } else { "port2" };
        let address =
            lab.host("gateway").must(&["cat", &format!("/sys/class/net/{port}/address")])?;
        let device = link_local(&address)?;
        let index: u32 = host.must(&["cat", "/sys/class/net/eth0/ifindex"])?.trim().parse()?;
        for target in [device, "ff02::1".parse()?, "ff02::2".parse()?, "fd00::2".parse()?] {
            let target = SocketAddrV6::new(target, 9, 0, index);
            host.inside(|| UdpSocket::bind("[::]:0")?.send_to(b"?", target))??;
        }
        thread::sleep(ANSWER);
        let own = host.must(&["cat", "/sys/class/net/eth0/address"])?;
        let sent = capture.stop()?;
        ensure!(sent.count(&format!("ip6 and ether src {own}"))? > 0, "{from} sent no IPv6");
        let heard = sent.matching(&format!("ip6 and not ether src {own}"))?;
        ensure!(heard.is_empty(), "{from} heard {heard:?}");
        watch.saw_nothing_like("ip6")?;
    }
    Ok(())
}

/// The address that a link makes of its hardware address (RFC 4291, appendix A).
fn link_local(hardware: &str) -> anyhow::Result<Ipv6Addr> {
    let octets = hardware.trim().split(':').map(|octet| u8::from_str_radix(octet, 16));
    let octets = octets.collect::<Result<Vec<_>, _>>()?;
    ensure!(octets.len() == 6, "{hardware} isn't six octets");
    let host = [&[octets[0] ^ 2], &octets[1..3], &[0xff, 0xfe], &octets[3..]].concat();
    let link = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];
    let address: [u8; 16] = [&link, &host[..]].concat().try_into().expect("sixteen octets");
    Ok(address.into())
}
