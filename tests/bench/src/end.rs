//! One end of a tunnel by the product's own engine, without a daemon.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::PathBuf,
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use sekisho_design::PublicKey;
use sekisho_tunnel::{Centre, Config, Engine, Probing};

use crate::wires::TUNNEL_MTU;

/// What the end says when it carries.
pub(crate) const READY: &str = "engine started";

/// Options of an end.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The tunnel device, which exists
    pub(crate) tun: String,
    /// Where it listens
    pub(crate) listen: SocketAddr,
    /// The file with its own secret key in base64
    pub(crate) key: PathBuf,
    /// The other end's public key
    pub(crate) peer: String,
    /// Where the other end listens
    pub(crate) endpoint: SocketAddr,
    /// Its own address inside
    pub(crate) own: Ipv4Addr,
    /// The other end's address inside
    pub(crate) other: Ipv4Addr,
}

/// Carries traffic until the process is killed.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let key = std::fs::read_to_string(&options.key)
        .with_context(|| format!("read {}", options.key.display()))?;
    let peer: PublicKey = options.peer.parse()?;
    let engine = Engine::start(Config {
        tun: options.tun.clone(),
        socket: UdpSocket::bind(options.listen)?,
        key: key.parse()?,
        coming: None,
        centres: vec![Centre {
            name: "other".parse()?,
            endpoint: Some(options.endpoint),
            public_key: peer,
            probe: options.other,
        }],
        device_address: options.own,
        largest: TUNNEL_MTU,
        probing: Probing::default(),
        stamped_after: SystemTime::UNIX_EPOCH,
    })?;
    println!("{READY}");
    loop {
        thread::sleep(Duration::from_millis(200));
        if let Some(reason) = engine.failed() {
            bail!("the engine ended: {reason}");
        }
    }
}
