//! The implementations, and a tunnel of each between gateway and centre.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use sekisho_design::PublicKey;
use sekisho_lab::{Namespace, Process, describe, wait_until};
use sekisho_tunnel::SecretKey;

use crate::{
    end,
    wires::{Hosts, TUNNEL_MTU, shell},
};

/// Tunnel devices, of the gateway and of the centre.
const DEVICES: [&str; 2] = ["near", "far"];
const OUTER: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 2, 0, 1), Ipv4Addr::new(10, 2, 0, 2)];
const INNER: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2)];
const PORT: u16 = 51_820;
/// How long a program may take to start.
const START: Duration = Duration::from_secs(5);

/// What carries the traffic between gateway and centre.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Implementation {
    NoTunnel,
    BoringtunCli,
    WireguardGo,
    Sekisho,
}

impl Implementation {
    pub(crate) const ALL: [Self; 4] =
        [Self::NoTunnel, Self::BoringtunCli, Self::WireguardGo, Self::Sekisho];
    /// Those that Sekisho is compared with.
    pub(crate) const OTHERS: [Self; 3] = [Self::BoringtunCli, Self::WireguardGo, Self::NoTunnel];

    /// Its name in keys.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::NoTunnel => "no_tunnel",
            Self::BoringtunCli => "boringtun_cli",
            Self::WireguardGo => "wireguard_go",
            Self::Sekisho => "sekisho",
        }
    }

    /// Its name in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::NoTunnel => "no tunnel",
            Self::BoringtunCli => "boringtun-cli -t1",
            Self::WireguardGo => "wireguard-go",
            Self::Sekisho => "sekisho",
        }
    }
}

/// The peers' programs.
pub(crate) struct Programs {
    boringtun: PathBuf,
    go: PathBuf,
    go_package: String,
}

impl Programs {
    /// Looks for them where `tests/bench/peers.sh` puts them.
    pub(crate) fn find(tools: &Path) -> anyhow::Result<Self> {
        let go = tools.join("wireguard-go");
        let programs = Self {
            boringtun: tools.join("bin/boringtun-cli"),
            go_package: fs::read_to_string(go.join("version")).unwrap_or_default(),
            go: go.join("usr/bin/wireguard-go"),
        };
        for program in [&programs.boringtun, &programs.go] {
            ensure!(
                program.is_file(),
                "{} is missing: tests/bench/peers.sh brings it, and says why where it can't",
                program.display()
            );
        }
        Ok(programs)
    }

    /// Each implementation's version, in its own words where it has some.
    pub(crate) fn versions(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let go = first_line(&self.go)?;
        Ok(vec![
            (Implementation::BoringtunCli.key(), first_line(&self.boringtun)?),
            (
                Implementation::WireguardGo.key(),
                format!("Debian {} (calls itself {go})", self.go_package.trim()),
            ),
            (Implementation::Sekisho.key(), env!("CARGO_PKG_VERSION").to_owned()),
        ])
    }
}

fn first_line(program: &Path) -> anyhow::Result<String> {
    let output = Command::new("timeout").arg("5").arg(program).arg("--version").output()?;
    ensure!(output.status.success(), "{}: {}", program.display(), describe(&output));
    Ok(sekisho_lab::text(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// One end of a tunnel.
struct End {
    process: Process,
    /// What takes the device away; most take it with them.
    removal: Option<String>,
}

/// A running tunnel. It ends with the value.
pub(crate) struct Tunnel {
    /// Gateway's and centre's.
    ends: Option<[End; 2]>,
}

impl Tunnel {
    /// Starts an implementation at the gateway and another, or the same, at the centre, and leads the traffic through.
    pub(crate) fn start(
        implementation: Implementation,
        far: Implementation,
        hosts: &Hosts,
        programs: &Programs,
    ) -> anyhow::Result<Self> {
        let ends = if implementation == Implementation::NoTunnel {
            None
        } else {
            let keys = pairs();
            // The centre starts first: a lost first handshake is sent again after 5 s.
            let centre = end(far, 1, &keys, hosts, programs)?;
            Some([end(implementation, 0, &keys, hosts, programs)?, centre])
        };
        let tunnel = Self { ends };
        Hosts::lead(tunnel.ends.as_ref().map(|_| DEVICES))?;
        Ok(tunnel)
    }

    /// The gateway's process.
    pub(crate) fn gateway(&self) -> Option<u32> {
        self.ends.as_ref().map(|[gateway, _]| gateway.process.id())
    }

    /// What the ends have written, for an error's text.
    pub(crate) fn output(&self) -> String {
        self.ends.iter().flatten().map(|end| end.process.output()).collect::<Vec<_>>().concat()
    }

    /// Ends both and takes their devices away.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        for End { process, removal } in self.ends.into_iter().flatten() {
            process.kill()?;
            if let Some(removal) = removal {
                shell(&removal)?;
            }
        }
        Ok(())
    }
}

type Keys = [(SecretKey, PublicKey); 2];

fn end(
    implementation: Implementation,
    side: usize,
    keys: &Keys,
    hosts: &Hosts,
    programs: &Programs,
) -> anyhow::Result<End> {
    match implementation {
        Implementation::BoringtunCli => {
            let boringtun = programs.boringtun.to_string_lossy();
            let words = [&*boringtun, "-f", "-t", "1", "--disable-drop-privileges"];
            peer(hosts, "boringtun", &words, side, keys)
        }
        Implementation::WireguardGo => {
            peer(hosts, "go", &[&programs.go.to_string_lossy(), "-f"], side, keys)
        }
        Implementation::Sekisho => own(hosts, side, keys),
        Implementation::NoTunnel => bail!("a tunnel has two ends"),
    }
}

fn pairs() -> Keys {
    [(); 2].map(|()| {
        let key = SecretKey::generate();
        let public = key.public();
        (key, public)
    })
}

fn set_up(host: &Namespace, side: usize) -> anyhow::Result<()> {
    let (name, device, address) = (host.name(), DEVICES[side], INNER[side]);
    shell(&format!(
        "ip -n {name} addr add {address}/24 dev {device}\n\
         ip -n {name} link set {device} mtu {TUNNEL_MTU} up\n"
    ))
}

/// A program that makes its own device and takes orders on a socket ("cross-platform userspace implementation" protocol of
/// WireGuard).
fn peer(
    hosts: &Hosts,
    label: &str,
    words: &[&str],
    side: usize,
    keys: &Keys,
) -> anyhow::Result<End> {
    fs::create_dir_all("/run/wireguard")?;
    let (host, device) = ([&hosts.gateway, &hosts.centre][side], DEVICES[side]);
    let control = PathBuf::from("/run/wireguard").join(device).with_extension("sock");
    // One of a process that was killed would be taken for the new one's.
    if control.exists() {
        fs::remove_file(&control)?;
    }
    let process = host.spawn(label, &[words, &[device]].concat())?;
    let listens = wait_until(START, || UnixStream::connect(&control).is_ok());
    ensure!(listens, "{label} takes no orders\n{}", process.output());
    let private = BASE64_STANDARD.decode(keys[side].0.to_base64())?;
    order(&control, &format!("private_key={}\nlisten_port={PORT}\n", hex(&private)))?;
    let other = 1 - side;
    set_up(host, side)?;
    let keepalive = if side == 0 { "persistent_keepalive_interval=25\n" } else { "" };
    order(
        &control,
        &format!(
            "public_key={}\nendpoint={}:{PORT}\n{keepalive}allowed_ip=0.0.0.0/0\n",
            hex(keys[other].1.as_bytes()),
            OUTER[other]
        ),
    )?;
    Ok(End { process, removal: None })
}

fn order(control: &Path, orders: &str) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(control)?;
    stream.set_read_timeout(Some(START))?;
    stream.write_all(format!("set=1\n{orders}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    let first = orders.split('=').next().unwrap_or_default();
    ensure!(answer == "errno=0\n", "{} answered {answer} to {first}", control.display());
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The product's engine.
fn own(hosts: &Hosts, side: usize, keys: &Keys) -> anyhow::Result<End> {
    let program = std::env::current_exe().context("this program has no path")?;
    let (host, device) = ([&hosts.gateway, &hosts.centre][side], DEVICES[side]);
    shell(&format!("ip -n {} tuntap add dev {device} mode tun vnet_hdr\n", host.name()))?;
    set_up(host, side)?;
    let (key, other) = (PathBuf::from("/run").join(device).with_extension("key"), 1 - side);
    fs::write(&key, keys[side].0.to_base64())?;
    let address = |side: usize| SocketAddr::from((OUTER[side], PORT)).to_string();
    let mut process = host.spawn(
        "sekisho",
        &[
            &program.to_string_lossy(),
            "end",
            device,
            &address(side),
            &key.to_string_lossy(),
            &keys[other].1.to_string(),
            &address(other),
            &INNER[side].to_string(),
            &INNER[other].to_string(),
        ],
    )?;
    process.wait_for(end::READY, START)?;
    Ok(End { process, removal: Some(format!("ip -n {} link del {device}\n", host.name())) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_in_hexadecimal() {
        assert_eq!(hex(&[0, 0x0a, 0xff]), "000aff");
    }
}
