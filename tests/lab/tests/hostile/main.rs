//! Hostile hosts on every side of the device: what they send arrives nowhere, provokes nothing, and disturbs nobody.

mod attack;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod flood;
mod fragments;
mod lgwan;
mod maintenance;
mod neighbours;
mod office;
mod packets;
mod platform;
#[path = "../common/raw.rs"]
#[expect(dead_code, reason = "the packets here are made byte by byte")]
mod raw;

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use sekisho_lab::{Centre, Extent, Lab, sample};

const HTTP: u16 = 80;
const HTTPS: u16 = 443;
const DNS: u16 = 53;
const NTP: u16 = 123;
const SNMP: u16 = 161;
/// Somebody's port.
const ANY: u16 = 40_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// An address of the platform where nobody is: what goes there stays without an answer.
const NOBODY: Ipv4Addr = Ipv4Addr::new(100, 72, 99, 9);

fn main() {
    common::run(&[
        ("office_strange_packets_from_head_office", office::strange_packets_from_head_office),
        ("office_strange_packets_from_school", office::strange_packets_from_school),
        ("office_one_lan_can_t_answer_for_the_other", office::one_lan_can_t_answer_for_the_other),
        ("office_a_segment_ends_nobody_s_connection", office::a_segment_ends_nobody_s_connection),
        ("fragments_are_judged_whole", fragments::are_judged_whole),
        ("fragments_of_two_lans_never_meet", fragments::of_two_lans_never_meet),
        ("fragments_with_a_forged_source_join_nothing", fragments::with_a_forged_source),
        ("errors_about_another_lan_s_flow_are_refused", errors::about_another_lan_s_flow),
        ("errors_that_redirect_are_refused", errors::that_redirect),
        ("errors_from_the_platform_about_the_tunnel", errors::from_the_platform_about_the_tunnel),
        ("errors_from_lgwan_do_not_hurt_the_tunnel", errors::from_lgwan_about_the_tunnel),
        ("platform_strange_packets", platform::strange_packets),
        ("platform_napt_takes_answers_only", platform::napt_takes_answers_only),
        ("lgwan_strange_packets", lgwan::strange_packets),
        ("lgwan_can_t_answer_for_the_platform", lgwan::can_t_answer_for_the_platform),
        ("maintenance_strange_packets", maintenance::strange_packets),
        ("maintenance_can_t_answer_for_lgwan", maintenance::can_t_answer_for_lgwan),
        ("neighbours_learn_no_address_of_another_side", neighbours::learn_no_other_address),
        ("neighbours_get_no_answer_by_ipv6", neighbours::get_no_answer_by_ipv6),
        ("flood_of_half_open_connections", flood::of_half_open_connections),
    ]);
}

fn applied(site: &str) -> anyhow::Result<Lab> {
    let lab = Lab::up(&sample(site), Extent::Applied)?;
    lab.wait_for_carrier(Some(Centre::East), Duration::from_mins(1))?;
    Ok(lab)
}

/// A socket of a host, at this address and port.
fn socket(lab: &Lab, host: &str, at: (Ipv4Addr, u16)) -> anyhow::Result<UdpSocket> {
    let socket = lab.host(host).inside(|| UdpSocket::bind(at))??;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket)
}

/// An ordinary visit to a page succeeds.
fn visit(lab: &Lab, from: &str, to: Ipv4Addr, port: u16) -> anyhow::Result<()> {
    let url = format!("http://{to}:{port}/source");
    lab.host(from).must(&["curl", "-sS", "--max-time", "20", &url])?;
    Ok(())
}
