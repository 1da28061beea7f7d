//! A hostile host on LGWAN: the device is silent, whoever it claims to be and whatever it wants (R4 R46).

use std::net::Ipv4Addr;

use anyhow::{Context, ensure};
use sekisho_lab::{Centre, LGWAN_DNS, PLATFORM_SECOND_RESOLVER, PLATFORM_WEB, TUNNEL_PORT};

use crate::{
    ANY, DNS, HTTPS, NOBODY, applied,
    attack::{attack, repelled, uncounted, watch},
    office::optioned,
    packets::{ICMP, IPIP, TCP, UDP, ip},
    socket,
};

const SYN: u8 = 2;
const REFUSED: &str = "lgwan/unexpected";

pub(crate) fn strange_packets() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    let (juki, terminal, school) =
        (hosts.host("juki")?, hosts.host("terminal")?, hosts.host("school")?);
    let maintenance = hosts.device_maintenance.context("the sample has a maintenance port")?;
    let device = hosts.device_lgwan.addr();
    let watch = watch(&lab, &["juki", "atena", "terminal", "school", "clerk", "platform"])?;
    let capture = lab.capture("lgwan", "eth0")?;

    let sources = [
        hosts.lgwan_router,
        LGWAN_DNS,
        Centre::East.endpoint(),
        PLATFORM_WEB,
        Centre::East.probe(),
        terminal.address,
        juki.global,
        Ipv4Addr::new(192, 168, 254, 2),
    ];
    let targets = [
        device,
        hosts.device_lgwan.broadcast(),
        hosts.device(juki.lan)?.addr(),
        hosts.device(school.lan)?.addr(),
        maintenance.addr(),
        hosts.device_global,
        juki.address,
        juki.global,
        school.address,
        terminal.global,
        PLATFORM_WEB,
        Centre::West.endpoint(),
        Ipv4Addr::new(192, 168, 254, 2),
    ];
    let mut attacks = Vec::new();
    for from in sources {
        for to in targets {
            // What is over at the device, too, provokes no word to anybody.
            let tcp = ip(from, to, TCP).ttl(1).tcp((ANY, HTTPS), SYN);
            attacks.push(attack(&format!("{from} to {to}"), tcp, REFUSED));
        }
        let echo = ip(from, device, ICMP).icmp(8, 0, [0, 1, 0, 1], b"ping");
        attacks.push(attack(&format!("echo request by {from}"), echo, REFUSED));
        let answer = ip(from, device, UDP).udp((DNS, ANY), b"unasked");
        attacks.push(attack(&format!("unasked answer by {from}"), answer, REFUSED));
        // Who claims to be a centre gets no further with it than the port that checks it by its key.
        let tunnel = ip(from, hosts.device_global, UDP).udp((TUNNEL_PORT, TUNNEL_PORT), b"?");
        attacks.push(attack(&format!("tunnel's port elsewhere by {from}"), tunnel, REFUSED));
        attacks.extend(optioned(REFUSED, |options| {
            ip(from, device, TCP).options(options).tcp((ANY, HTTPS), SYN)
        }));
    }
    let inner = ip(PLATFORM_WEB, juki.global, TCP).tcp((ANY, HTTPS), SYN);
    let tunnelled = ip(Centre::East.endpoint(), device, IPIP).carrying(&inner);
    attacks.push(attack("IPIP by a centre", tunnelled, REFUSED));
    let own = ip(device, device, UDP).udp((TUNNEL_PORT, TUNNEL_PORT), b"?");
    attacks.push(uncounted("as the device", own));
    repelled(&lab, "lgwan", device, &attacks)?;

    watch.saw_nothing()?;
    let words = capture.stop()?.matching(&format!(
        "ip and ip[4:2] != {} and not udp port {TUNNEL_PORT}",
        crate::packets::MARK
    ))?;
    ensure!(words.is_empty(), "LGWAN heard {words:?}");
    Ok(())
}

pub(crate) fn can_t_answer_for_the_platform() -> anyhow::Result<()> {
    let lab = applied("1-office")?;
    let hosts = lab.addresses();
    // The device asks a resolver of the platform, which says nothing to that; LGWAN answers in clear.
    let flow = socket(&lab, "gateway", (hosts.device_global, ANY))?;
    flow.send_to(b"?", (PLATFORM_SECOND_RESOLVER, DNS))?;
    let forged = ip(PLATFORM_SECOND_RESOLVER, hosts.device_global, UDP).udp((DNS, ANY), b"forged");
    let row = attack("an answer in clear", forged, REFUSED);
    repelled(&lab, "lgwan", hosts.device_lgwan.addr(), &[row])?;
    ensure!(flow.recv(&mut [0; 16]).is_err(), "the device took the answer");
    // The same to an office host's question.
    let terminal = hosts.host("terminal")?;
    let flow = socket(&lab, "terminal", (terminal.address, ANY))?;
    flow.send_to(b"?", (NOBODY, DNS))?;
    let to_global = ip(NOBODY, terminal.global, UDP).udp((DNS, ANY), b"forged");
    let to_host = ip(NOBODY, terminal.address, UDP).udp((DNS, ANY), b"forged");
    let rows = [to_global, to_host].map(|packet| attack("an answer in clear", packet, REFUSED));
    repelled(&lab, "lgwan", hosts.device_lgwan.addr(), &rows)?;
    ensure!(flow.recv(&mut [0; 16]).is_err(), "the terminal took the answer");
    Ok(())
}
