//! wireguard-go, another WireGuard, in a host of the lab.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
};

use anyhow::{Context, ensure};
use sekisho_lab::{Centre, Lab, Process, TUNNEL_PORT, wait_until};

use crate::{key::decode, traffic::CARRIER};

/// A running wireguard-go; it ends with the value.
pub(crate) struct Go {
    control: PathBuf,
    _process: Process,
}

impl Go {
    /// Starts it in a host, with a device of this name.
    pub(crate) fn start(lab: &Lab, host: &str, device: &str) -> anyhow::Result<Self> {
        fs::create_dir_all("/run/wireguard")?;
        let control = PathBuf::from("/run/wireguard").join(device).with_extension("sock");
        let process = lab.host(host).spawn(device, &["wireguard-go", "-f", device])?;
        let listens = wait_until(CARRIER, || UnixStream::connect(&control).is_ok());
        ensure!(listens, "{}", process.output());
        Ok(Self { control, _process: process })
    }

    /// In the place of a centre's tunnel end, which mustn't run.
    pub(crate) fn centre(lab: &Lab, centre: Centre) -> anyhow::Result<Self> {
        let host = centre.name();
        let device = &format!("go-{host}");
        let go = Self::start(lab, host, device)?;
        let private = fs::read_to_string(lab.logs().join(host).with_extension("key"))?;
        let public = lab.host("gateway").must(&[
            &lab.binary("sekisho")?,
            "--socket",
            &lab.socket().to_string_lossy(),
            "key",
        ])?;
        go.order(&format!("private_key={}\nlisten_port={TUNNEL_PORT}\n", hex_key(&private)))?;
        go.give_addresses(lab, &public)?;
        let pool = &lab.addresses().pool;
        lab.host(host).must(&["ip", "link", "set", device, "up"])?;
        for network in pool {
            let network = network.to_string();
            lab.host(host).must(&["ip", "route", "replace", &network, "dev", device])?;
        }
        Ok(go)
    }

    /// Has another key of its own from now on.
    pub(crate) fn take_key(&self, private: &str) -> anyhow::Result<()> {
        self.order(&format!("private_key={}\n", hex_key(private)))
    }

    /// Lets a device in, by its key's text, without any address.
    pub(crate) fn register(&self, public: &str) -> anyhow::Result<()> {
        self.order(&format!("public_key={}\n", hex_key(public)))
    }

    /// Gives the organisation's addresses to a device; whoever had them loses them.
    pub(crate) fn give_addresses(&self, lab: &Lab, public: &str) -> anyhow::Result<()> {
        let pool = lab.addresses().pool.iter();
        let allowed: Vec<_> = pool.map(|network| format!("allowed_ip={network}\n")).collect();
        self.order(&format!("public_key={}\n{}", hex_key(public), allowed.concat()))
    }

    /// Forgets a device.
    pub(crate) fn remove(&self, public: &str) -> anyhow::Result<()> {
        self.order(&format!("public_key={}\nremove=true\n", hex_key(public)))
    }

    /// Gives orders ("cross-platform userspace implementation" protocol).
    pub(crate) fn order(&self, orders: &str) -> anyhow::Result<()> {
        let mut control = UnixStream::connect(&self.control)?;
        control.write_all(format!("set=1\n{orders}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(control).read_line(&mut answer)?;
        let key = orders.split('=').next().context("no order")?;
        ensure!(answer == "errno=0\n", "{answer} to {key}");
        Ok(())
    }
}

/// A key's text as the protocol wants it.
pub(crate) fn hex_key(base64: &str) -> String {
    hex(&decode(base64.trim()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
