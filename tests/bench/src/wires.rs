//! The hosts and their wires: client, gateway, centre and server in a row.
//!
//! ```text
//! client eth0 ── lan gateway wan ── wan centre lan ── eth0 server
//!      10.1.0.0/24          10.2.0.0/24       10.3.0.0/24
//! ```

use std::{fmt::Write, fs, net::Ipv4Addr, path::PathBuf};

use anyhow::Context;
use sekisho_lab::Namespace;

pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 3, 0, 2);

/// WireGuard's usual MTU: 60 bytes of its own with IPv4, and 20 more for IPv6.
pub(crate) const TUNNEL_MTU: u16 = 1420;

/// How the wires treat large packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// Frames of wire size on every wire, joined again where they arrive: what a network card does.
    WireGro,
    /// As veth comes: superpackets of 64 KB cross whole.
    Plain,
    /// Frames of wire size that nobody joins.
    Wire,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::WireGro, Self::Plain, Self::Wire];

    /// Its name in keys.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::WireGro => "wire_gro",
            Self::Plain => "veth",
            Self::Wire => "wire",
        }
    }

    /// Its name in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::WireGro => "wire+GRO (TSO and GSO off, GRO on, on every veth)",
            Self::Plain => "plain veth (superpackets cross the wires whole)",
            Self::Wire => "wire without GRO (TSO, GSO and GRO off on every veth)",
        }
    }

    fn offloads(self) -> [(&'static str, &'static str); 4] {
        let (cutting, joining) = match self {
            Self::WireGro => ("off", "on"),
            Self::Plain => ("on", "off"),
            Self::Wire => ("off", "off"),
        };
        [("tso", cutting), ("gso", cutting), ("tx-udp-segmentation", cutting), ("gro", joining)]
    }
}

/// The four hosts.
pub(crate) struct Hosts {
    pub(crate) client: Namespace,
    pub(crate) gateway: Namespace,
    pub(crate) centre: Namespace,
    pub(crate) server: Namespace,
}

impl Hosts {
    /// Makes hosts and wires. Call it once, in namespaces of its own.
    pub(crate) fn up(logs: &std::path::Path) -> anyhow::Result<Self> {
        let host = |name| Namespace::new(name, PathBuf::from(logs));
        let hosts = Self {
            client: host("client"),
            gateway: host("gateway"),
            centre: host("centre"),
            server: host("server"),
        };
        let mut commands = String::new();
        for name in ["client", "gateway", "centre", "server"] {
            writeln!(commands, "ip netns add {name}")?;
            writeln!(commands, "ip -n {name} link set lo up")?;
        }
        for [(one, one_end, near), (other, other_end, far)] in [
            [("client", "eth0", "10.1.0.2"), ("gateway", "lan", "10.1.0.1")],
            [("gateway", "wan", "10.2.0.1"), ("centre", "wan", "10.2.0.2")],
            [("centre", "lan", "10.3.0.1"), ("server", "eth0", "10.3.0.2")],
        ] {
            writeln!(
                commands,
                "ip link add {one_end} netns {one} type veth peer name {other_end} netns {other}"
            )?;
            for (host, end, address) in [(one, one_end, near), (other, other_end, far)] {
                writeln!(commands, "ip -n {host} addr add {address}/24 dev {end}")?;
                writeln!(commands, "ip -n {host} link set {end} up")?;
            }
        }
        shell(&commands)?;
        for router in [&hosts.gateway, &hosts.centre] {
            router
                .inside(|| fs::write("/proc/sys/net/ipv4/ip_forward", "1"))?
                .with_context(|| format!("let {} forward", router.name()))?;
        }
        Ok(hosts)
    }

    /// Gives all ends of all wires the mode's offloads.
    pub(crate) fn set_mode(&self, mode: Mode) -> anyhow::Result<()> {
        for (host, ends) in [
            (&self.client, &["eth0"][..]),
            (&self.gateway, &["lan", "wan"]),
            (&self.centre, &["wan", "lan"]),
            (&self.server, &["eth0"]),
        ] {
            for end in ends {
                let mut words = vec!["ethtool", "-K", end];
                for (feature, state) in mode.offloads() {
                    words.extend([feature, state]);
                }
                host.must(&words)?;
            }
        }
        Ok(())
    }

    /// Leads the hosts' traffic through the tunnel devices, or straight over the wires where there are none.
    pub(crate) fn lead(devices: Option<[&str; 2]>) -> anyhow::Result<()> {
        let mtu = devices.map_or(1500, |_| TUNNEL_MTU);
        let [near, far] = devices.map_or_else(
            || ["via 10.2.0.2".to_owned(), "via 10.2.0.1".to_owned()],
            |devices| devices.map(|device| format!("dev {device}")),
        );
        shell(&format!(
            "ip -n client route replace 10.3.0.0/24 via 10.1.0.1 mtu {mtu}\n\
             ip -n server route replace 10.1.0.0/24 via 10.3.0.1 mtu {mtu}\n\
             ip -n gateway route replace 10.3.0.0/24 {near}\n\
             ip -n centre route replace 10.1.0.0/24 {far}\n"
        ))
    }
}

/// Runs commands in the lab's own network namespace, up to the first that fails.
pub(crate) fn shell(commands: &str) -> anyhow::Result<()> {
    let output = std::process::Command::new("timeout")
        .args(["-k", "1", "20", "sh", "-ec", commands])
        .output()
        .context("start sh")?;
    anyhow::ensure!(output.status.success(), "{}of:\n{commands}", sekisho_lab::describe(&output));
    Ok(())
}
