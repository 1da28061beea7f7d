//! How the device translates, held against RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP); `docs/nat-behaviour.md` says
//! which requirement each test shows, and where the device does otherwise, and why.

#[path = "../hostile/attack.rs"]
#[expect(dead_code, reason = "every packet here is counted")]
mod attack;
#[path = "../common/mod.rs"]
mod common;
mod figures;
mod ftp;
mod ftp_server;
mod icmp;
#[path = "../hostile/packets.rs"]
#[expect(dead_code, reason = "fragments and options are the hostile hosts' business")]
mod packets;
#[path = "../common/raw.rs"]
#[expect(dead_code, reason = "the packets here are made byte by byte")]
mod raw;
mod tcp;
mod timers;
mod tracked;
mod udp;

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    process::Stdio,
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, ensure};
use ipnet::Ipv4Net;
use sekisho_lab::{Centre, Extent, Lab, PROFILE, sample};

/// How long a packet may take from any corner of a busy lab to any other.
const PATIENCE: Duration = Duration::from_secs(20);
/// After this a packet that will still arrive somewhere has arrived.
const SETTLED: Duration = Duration::from_millis(300);
/// An address of the platform where nobody is: what goes there stays without an answer.
const NOBODY: Ipv4Addr = Ipv4Addr::new(100, 72, 99, 9);
/// The second terminal behind the NAPT address, an address more of `terminal`.
const SECOND: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 101);
/// Terminals that send and take no answer.
const MANY: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 1, 128), 25);
/// The ports above those that only privileged programs use.
const HIGH: u16 = 1024;

fn main() {
    common::run(&[
        // Those with a lab of their own, before the lab of all others is there.
        ("long_rate_of_new_connections", figures::rate_of_new_connections),
        ("long_many_connections_at_once", figures::many_connections_at_once),
        ("long_a_full_table_takes_nothing_of_the_devices_own", figures::a_full_table),
        ("udp_all_far_ends_see_one_port", udp::all_far_ends_see_one_port),
        ("udp_two_hosts_with_one_port_are_told_apart", udp::two_hosts_with_one_port),
        ("udp_a_high_port_stays_high", udp::a_high_port_stays_high),
        ("udp_hairpin_shows_the_global_address", udp::hairpin),
        ("udp_nobody_inside_reaches_a_terminals_mapping", udp::no_hairpin_to_terminals),
        ("udp_an_icmp_error_ends_no_mapping", udp::an_icmp_error_ends_no_mapping),
        ("udp_a_datagram_in_pieces_passes_both_ways", udp::a_datagram_in_pieces),
        ("tcp_all_far_ends_see_one_port", tcp::all_far_ends_see_one_port),
        ("tcp_two_hosts_with_one_port_are_told_apart", tcp::two_hosts_with_one_port),
        ("tcp_both_ends_open_at_once", tcp::both_ends_open_at_once),
        ("tcp_only_the_far_end_answers", tcp::only_the_far_end_answers),
        ("tcp_an_unreachable_host_is_told", tcp::an_unreachable_host_is_told),
        ("tcp_an_icmp_error_ends_no_connection", tcp::an_icmp_error_ends_no_connection),
        ("tcp_cifs_passes_where_it_is_declared", tcp::cifs_where_it_is_declared),
        ("ftp_passes_in_both_modes_and_directions", ftp::passes_in_both_modes_and_directions),
        (
            "ftp_data_is_refused_where_ftp_is_not_declared",
            ftp::data_is_refused_where_it_is_not_declared,
        ),
        ("icmp_two_hosts_with_one_identifier_are_told_apart", icmp::two_hosts_with_one_identifier),
        ("icmp_errors_from_outside_are_translated_whole", icmp::errors_from_outside),
        ("icmp_errors_from_inside_are_translated_whole", icmp::errors_from_inside),
        ("icmp_a_broken_error_is_dropped", icmp::a_broken_error_is_dropped),
        ("icmp_an_error_leaves_the_query_s_timer_alone", icmp::an_error_leaves_the_timer_alone),
        ("icmp_hairpin_of_queries_and_errors", icmp::hairpin),
        ("timers_are_what_the_rfcs_ask_for", timers::are_what_the_rfcs_ask_for),
        ("timers_of_udp_start_anew_with_each_packet", timers::of_udp_start_anew),
        ("timers_of_tcp_follow_the_connection", timers::of_tcp_follow_the_connection),
        ("long_udp_is_answered_after_two_minutes", timers::udp_is_answered_after_two_minutes),
    ]);
}

/// The lab of all tests here, which nobody changes for the next: each has ports of its own.
fn lab() -> anyhow::Result<&'static Lab> {
    static LAB: OnceLock<Lab> = OnceLock::new();
    if let Some(lab) = LAB.get() {
        return Ok(lab);
    }
    let lab = up()?;
    Ok(LAB.get_or_init(|| lab))
}

/// The office with two terminals behind one address, and services to try it with.
fn up() -> anyhow::Result<Lab> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let address = format!("{SECOND}/24");
    lab.host("terminal").must(&["ip", "address", "add", &address, "dev", "eth0"])?;
    apply(&lab, &design(&lab)?)?;
    lab.wait_for_carrier(Some(Centre::East), Duration::from_mins(1))?;
    Ok(lab)
}

/// The sample with these two terminals and these services.
fn design(lab: &Lab) -> anyhow::Result<String> {
    let mut site = fs::read_to_string(lab.site().join("site.toml"))?;
    for (from, to) in [
        (
            "[\"192.168.1.100\"]",
            format!("[\"192.168.1.100\", \"{SECOND}\", \"{MANY}\"]"),
        ),
        (
            "services = [\"http\", \"https\", \"tcp/7\"",
            "services = [\"tcp/21\", \"udp/5000-5099\", \"tcp/7000-7099\", \"http\", \"https\", \"tcp/7\"".into(),
        ),
        (
            "[\"tcp/443\", \"icmp-echo\"]",
            "[\"tcp/21\", \"udp/5000-5099\", \"tcp/7000-7099\", \"tcp/443\", \"icmp-echo\"], approval = \"a trial\"".into(),
        ),
    ] {
        ensure!(site.contains(from), "the sample has no {from}");
        site = site.replacen(from, &to, 1);
    }
    // The lab's hosts stand for many.
    Ok(site + "\n[limits]\nconnections = 1000000\nnew-per-second = 1000000\n")
}

/// Applies this design with the sample's profile.
fn apply(lab: &Lab, site: &str) -> anyhow::Result<()> {
    let folder = lab.logs().join("site");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("site.toml"), site)?;
    fs::copy(lab.site().join(PROFILE), folder.join(PROFILE))?;
    lab.apply(&folder)?;
    Ok(())
}

/// Feeds commands to the device's `nft`, in one transaction.
fn feed(lab: &Lab, commands: &str) -> anyhow::Result<()> {
    let mut nft = lab.host("gateway").command(&["nft", "-f", "-"]);
    let mut nft = nft.stdin(Stdio::piped()).spawn().context("start nft")?;
    nft.stdin.take().context("nft takes no commands")?.write_all(commands.as_bytes())?;
    ensure!(nft.wait()?.success(), "nft refuses {commands}");
    Ok(())
}

/// A UDP socket of a host.
fn socket(lab: &Lab, host: &str, at: (Ipv4Addr, u16)) -> anyhow::Result<UdpSocket> {
    let socket = lab.host(host).inside(|| UdpSocket::bind(at))?;
    let socket = socket.with_context(|| format!("{host}: {at:?}"))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Asks from one socket and answers from the other: whom the far one saw. The answer has to come back from where the
/// question went.
fn exchange(
    near: &UdpSocket,
    to: (Ipv4Addr, u16),
    far: &UdpSocket,
) -> anyhow::Result<SocketAddrV4> {
    let mut buffer = [0; 64];
    let question = format!("from {}", near.local_addr()?);
    near.send_to(question.as_bytes(), to)?;
    let (length, source) = far.recv_from(&mut buffer).context("no question arrives")?;
    ensure!(buffer[..length] == *question.as_bytes(), "somebody else's question arrives");
    far.send_to(question.as_bytes(), source)?;
    let (length, from) = near.recv_from(&mut buffer).context("no answer comes back")?;
    ensure!(buffer[..length] == *question.as_bytes(), "somebody else's answer comes back");
    ensure!(from == to.into(), "the answer comes from {from}, not {to:?}");
    v4(source)
}

fn v4(address: SocketAddr) -> anyhow::Result<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Ok(address),
        SocketAddr::V6(address) => anyhow::bail!("{address} in a network of IPv4"),
    }
}
