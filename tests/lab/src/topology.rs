//! The wires between the hosts, as `ip` commands.
//!
//! ```text
//! terminal ┐                         ┌ lgwan ┬ east ┐
//! juki     ┼ head ─ port2 ┐          │       └ west ┴ platform
//! atena    ┘              gateway ─ wire
//! school   ─ education ─ port3 ┘ └─ port4 ─ maint ─ clerk
//! ```
//! `head`, `education`, `maint` and `wire` are bridges in the lab's own network namespace, which has no address
//! anywhere. Office hosts send everything to the device, so that what it must refuse does reach it.

use std::{collections::BTreeMap, fmt::Write, io::Write as _, net::Ipv4Addr, process::Stdio};

use anyhow::{Context, bail};
use ipnet::Ipv4Net;
use sekisho_control::FIRST_CONTACT;
use sekisho_design::Lan;

use crate::{
    addresses::{
        Addresses, Centre, Host, LGWAN_DNS, LGWAN_NTP, PLATFORM_NETWORKS, PLATFORM_RESOLVER,
        PLATFORM_SECOND_RESOLVER, PLATFORM_TEST_WEB, PLATFORM_WEB,
    },
    namespace::{Namespace, write_settings},
    process::{command, text},
};

/// Every host, by the name of its namespace.
pub const HOSTS: [&str; 10] = [
    "terminal", "juki", "atena", "school", "clerk", "gateway", "lgwan", "east", "west", "platform",
];

/// The bridge between the device's LGWAN port and LGWAN's router, and its two ends in the lab's own
/// namespace.
pub(crate) const WIRE: &str = "wire";
pub(crate) const WIRE_ENDS: [&str; 2] = ["wire-gateway", "wire-lgwan"];

/// An end that hangs on a bridge: its name, the host behind it and the host's interface.
type End = (&'static str, &'static str, &'static str);

/// Bridges and their ends.
const SWITCHES: [(&str, &[End]); 4] = [
    (
        "head",
        &[
            ("head-terminal", "terminal", "eth0"),
            ("head-juki", "juki", "eth0"),
            ("head-atena", "atena", "eth0"),
            ("head-gateway", "gateway", "port2"),
        ],
    ),
    ("education", &[("edu-school", "school", "eth0"), ("edu-gateway", "gateway", "port3")]),
    (WIRE, &[(WIRE_ENDS[0], "gateway", "port1"), (WIRE_ENDS[1], "lgwan", "eth0")]),
    ("maint", &[("maint-clerk", "clerk", "eth0"), ("maint-gateway", "gateway", "port4")]),
];

/// Cables without a bridge: host and interface at both ends.
const CABLES: [[(&str, &str); 2]; 4] = [
    [("lgwan", "east"), ("east", "lgwan")],
    [("lgwan", "west"), ("west", "lgwan")],
    [("east", "platform"), ("platform", "east")],
    [("west", "platform"), ("platform", "west")],
];

/// The device is left as the kernel makes it: that it forwards nothing, speaks no IPv6 and checks sources is
/// its own work, to be shown.
const UNTOUCHED: &str = "gateway";
/// Redirects would teach office hosts a way past the device; reverse path filters would hide what it lets
/// through.
const SETTINGS: [(&str, &str); 5] = [
    ("net/ipv6/conf/all/disable_ipv6", "1"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
];

/// Makes hosts, wires, addresses and routes. What is there of an earlier lab must be gone: see [`remove`].
pub(crate) fn build(hosts: &[Namespace], addresses: &Addresses) -> anyhow::Result<()> {
    let mut names = String::new();
    for host in hosts {
        writeln!(names, "netns add {}", host.name())?;
    }
    batch(&names)?;
    for host in hosts.iter().filter(|host| host.name() != UNTOUCHED) {
        host.set(&SETTINGS)?;
    }
    // The bridges would speak IPv6 of their own on the wires.
    write_settings(&SETTINGS)?;
    batch(&wires()?)?;
    let (office, routers) = office(addresses)?;
    let forwards = |name| {
        ["lgwan", "east", "west"].contains(&name) || routers.values().any(|router| *router == name)
    };
    for host in hosts.iter().filter(|host| forwards(host.name())) {
        host.set(&[("net/ipv4/ip_forward", "1")])?;
    }
    for host in hosts.iter().filter(|host| host.name() == "platform") {
        // A centre that is gone takes its route with it, and the other centre's lesser one takes over.
        host.set(&[("net/ipv4/conf/all/ignore_routes_with_linkdown", "1")])?;
    }
    for (name, commands) in office.into_iter().chain(far_side(addresses)?) {
        batch_in(Some(name), &commands)?;
    }
    Ok(())
}

/// Takes down what [`build`] made. Interfaces go with the bridge ends at once, not when the kernel gets round
/// to it.
pub(crate) fn remove() {
    let mut commands = String::new();
    for (bridge, ends) in SWITCHES {
        for (end, _, _) in ends {
            let _ = writeln!(commands, "link del {end}");
        }
        let _ = writeln!(commands, "link del {bridge}");
    }
    for host in HOSTS {
        let _ = writeln!(commands, "netns del {host}");
    }
    let _ = run_batch(&["-force"], &commands);
}

/// Gives the device its address of first contact, and `clerk` the one that a box lends there.
pub(crate) fn first_contact() -> anyhow::Result<()> {
    let (device, clerk) = (FIRST_CONTACT, Ipv4Addr::from(u32::from(FIRST_CONTACT) + 1));
    let up = "link set port4 up\n";
    batch_in(Some("gateway"), &format!("{up}address add {device}/30 dev port4\n"))?;
    batch_in(Some("clerk"), &format!("address add {clerk}/30 dev eth0\n"))
}

fn wires() -> anyhow::Result<String> {
    let mut commands = String::from("link set lo up\n");
    for (bridge, ends) in SWITCHES {
        writeln!(commands, "link add {bridge} type bridge forward_delay 0 mcast_snooping 0")?;
        for (end, host, interface) in ends {
            writeln!(commands, "link add {end} type veth peer name {interface} netns {host}")?;
            writeln!(commands, "link set {end} master {bridge} up")?;
        }
        writeln!(commands, "link set {bridge} up")?;
    }
    for [(one, one_end), (other, other_end)] in CABLES {
        writeln!(
            commands,
            "link add {one_end} netns {one} type veth peer name {other_end} netns {other}"
        )?;
    }
    Ok(commands)
}

/// The device's ports and what hangs on the bridges in their place, by port.
fn gateway_ends() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    let ends = SWITCHES.iter().flat_map(|(bridge, ends)| ends.iter().map(move |end| (bridge, end)));
    ends.filter(|(_, (_, host, _))| *host == UNTOUCHED)
        .map(|(bridge, (end, _, port))| (*port, (*end, *bridge)))
        .collect()
}

/// Takes the device's ports away and puts a tap on the bridge for each, of the name of the end that hung there: for a
/// whole machine in the device's place. Returns the taps by port.
pub(crate) fn taps() -> anyhow::Result<BTreeMap<&'static str, &'static str>> {
    let mut commands = String::new();
    let ends = gateway_ends();
    for (tap, bridge) in ends.values() {
        writeln!(commands, "link del {tap}\ntuntap add dev {tap} mode tap")?;
        writeln!(commands, "link set {tap} master {bridge} up")?;
    }
    batch(&commands)?;
    Ok(ends.into_iter().map(|(port, (tap, _))| (port, tap)).collect())
}

type Commands = (&'static str, String);

/// Which host plays the router of a LAN at which address.
type Routers = BTreeMap<(Lan, Ipv4Addr), &'static str>;

fn office(addresses: &Addresses) -> anyhow::Result<(Vec<Commands>, Routers)> {
    let mut routers = Routers::new();
    let mut all = Vec::new();
    for name in ["juki", "atena", "terminal", "school"] {
        all.push((name, String::from("link set lo up\nlink set eth0 up\n")));
        if let Some(host) = addresses.hosts.get(name) {
            all.extend(office_host(name, *host, addresses, &mut routers)?);
        }
    }
    if let Some(server) = addresses.education_server {
        if addresses.hosts.contains_key("school") {
            all.push(("school", second_address(server, addresses, &mut routers)?));
        } else {
            all.extend(office_host("school", server, addresses, &mut routers)?);
        }
    }
    let mut clerk = String::from("link set lo up\nlink set eth0 up\n");
    if let Some(device) = addresses.device_maintenance {
        let address = device.hosts().find(|address| *address != device.addr());
        if let Some(address) = address {
            writeln!(clerk, "addr add {address}/{} dev eth0", device.prefix_len())?;
            writeln!(clerk, "route add default via {}", device.addr())?;
        }
    }
    all.push(("clerk", clerk));
    Ok((all, routers))
}

/// A host on the LAN, or behind a router of the LAN. The first host behind a router plays the router too,
/// with the host's address on its loopback; others hang on the same LAN, and the router sends their packets
/// on.
fn office_host(
    name: &'static str,
    host: Host,
    addresses: &Addresses,
    routers: &mut Routers,
) -> anyhow::Result<Vec<Commands>> {
    let device = addresses.device(host.lan)?;
    let (gateway, prefix, address) = (device.addr(), device.prefix_len(), host.address);
    let Some(via) = host.via else {
        let commands =
            format!("addr add {address}/{prefix} dev eth0\nroute add default via {gateway}\n");
        return Ok(vec![(name, commands)]);
    };
    let Some(router) = routers.get(&(host.lan, via)) else {
        routers.insert((host.lan, via), name);
        let commands = format!(
            "addr add {address}/32 dev lo\naddr add {via}/{prefix} dev eth0\n\
             route add default via {gateway} src {address}\n"
        );
        return Ok(vec![(name, commands)]);
    };
    let commands = format!(
        "addr add {address}/32 dev lo\nroute add {gateway}/32 dev eth0 src {address}\n\
         route add default via {gateway} src {address}\n"
    );
    Ok(vec![(*router, format!("route add {address}/32 dev eth0\n")), (name, commands)])
}

/// One address more for `school`, which has one already.
fn second_address(
    server: Host,
    addresses: &Addresses,
    routers: &mut Routers,
) -> anyhow::Result<String> {
    let mut commands = format!("addr add {}/32 dev lo\n", server.address);
    if let Some(via) = server.via
        && routers.insert((server.lan, via), "school").is_none()
    {
        let prefix = addresses.device(server.lan)?.prefix_len();
        writeln!(commands, "addr add {via}/{prefix} dev eth0")?;
    }
    Ok(commands)
}

fn far_side(addresses: &Addresses) -> anyhow::Result<Vec<Commands>> {
    let (router, device) = (addresses.lgwan_router, addresses.device_lgwan);
    let mut lgwan = format!(
        "link set lo up\nlink set eth0 up\naddr add {router}/{} dev eth0\n\
         addr add {LGWAN_DNS}/32 dev lo\naddr add {LGWAN_NTP}/32 dev lo\n",
        device.prefix_len()
    );
    let mut platform = format!(
        "link set lo up\naddr add {PLATFORM_WEB}/32 dev lo\naddr add {PLATFORM_RESOLVER}/32 dev lo\n\
         addr add {PLATFORM_SECOND_RESOLVER}/32 dev lo\naddr add {PLATFORM_TEST_WEB}/32 dev lo\n"
    );
    let mut all = Vec::new();
    for centre in Centre::ALL {
        let (name, endpoint, transit) = (centre.name(), centre.endpoint(), centre.lgwan_router());
        let (near, far) = centre.transfer();
        writeln!(lgwan, "link set {name} up\naddr add {transit}/24 dev {name}")?;
        writeln!(platform, "link set {name} up\naddr add {far}/30 dev {name}")?;
        writeln!(platform, "route add {}/32 via {near}", centre.probe())?;

        let mut own = String::from("link set lo up\nlink set lgwan up\n");
        writeln!(own, "addr add {endpoint}/24 dev lgwan\naddr add {near}/30 dev platform")?;
        own += &platform_link(centre);
        writeln!(own, "addr add {}/32 dev lo", centre.probe())?;
        writeln!(own, "route add {} via {transit}", device.trunc())?;
        writeln!(own, "tuntap add dev tun0 mode tun vnet_hdr")?;
        writeln!(own, "link set tun0 mtu {} up", tunnel_mtu(addresses))?;
        for network in &addresses.pool {
            writeln!(own, "route add {network} dev tun0")?;
        }
        all.push((name, own));
    }
    platform += &pool_routes(&addresses.pool, Centre::East);
    for (centre, metric) in [(Centre::West, 100), (Centre::East, 200)] {
        let (near, _) = centre.transfer();
        for network in &addresses.pool {
            writeln!(platform, "route add {network} via {near} metric {metric}")?;
        }
    }
    all.push(("lgwan", lgwan));
    all.push(("platform", platform));
    Ok(all)
}

/// WireGuard over IPv4 takes 60 bytes of a packet; every engine reserves 80, as IPv6 would need.
fn tunnel_mtu(addresses: &Addresses) -> u16 {
    addresses.lgwan_mtu - 80
}

/// A centre's way to the platform; its routes go with the link, and come back with it.
pub(crate) fn platform_link(centre: Centre) -> String {
    let (_, far) = centre.transfer();
    let routes = PLATFORM_NETWORKS.map(|network| format!("route add {network} via {far}\n"));
    format!("link set platform up\n{}", routes.concat())
}

/// The platform's way back to the organisation: through the centre that carries.
pub(crate) fn pool_routes(pool: &[Ipv4Net], centre: Centre) -> String {
    let (near, _) = centre.transfer();
    pool.iter().fold(String::new(), |text, network| {
        text + &format!("route replace {network} via {near}\n")
    })
}

pub(crate) fn batch(commands: &str) -> anyhow::Result<()> {
    batch_in(None, commands)
}

pub(crate) fn batch_in(host: Option<&str>, commands: &str) -> anyhow::Result<()> {
    let arguments = host.map(|host| vec!["-n", host]).unwrap_or_default();
    run_batch(&arguments, commands)
}

/// One `ip` process for many commands.
fn run_batch(arguments: &[&str], commands: &str) -> anyhow::Result<()> {
    let mut child = command("ip")
        .args(arguments)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start ip")?;
    child.stdin.take().context("ip takes no commands")?.write_all(commands.as_bytes())?;
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    bail!("ip {}: {}\nof:\n{commands}", arguments.join(" "), text(&output.stderr))
}
