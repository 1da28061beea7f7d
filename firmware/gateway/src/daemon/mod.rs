//! The daemon: start, the loop, the end.
//!
//! Tasks: the loop itself, the control API's server (which only talks to the loop), and the netlink connection inside
//! `sekisho-host`. The tunnel has two threads of its own, names, the flow log and
//! the time one each. On SIGTERM or SIGINT the API
//! stops taking requests, the tunnel stops, and the kernel keeps its rules: what is left standing forwards into a tunnel
//! device that nobody reads.

mod api;
mod backup;
mod device;
mod effects;
mod fault;
mod flow_log;
mod handed;
mod health;
mod heartbeat;
mod identity;
mod known;
mod line;
mod live;
mod looks;
mod machine;
mod names;
mod nightly;
mod page;
mod path;
mod places;
mod proof;
mod query_log;
mod refused;
mod renewal;
mod restart;
mod rollout;
#[cfg(test)]
mod sample;
mod selftest;
mod snmp;
mod stamps;
mod store;
mod time;
mod traffic;
mod tunnel;
mod update;
mod way;
mod windows;

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use sd_notify::NotifyState;
use sekisho_design::PublicKey;
use sekisho_host::{Kernel, Refusals, Watch, files, give_back};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tracing::{error, info, warn};

pub use self::device::{Device, Request};
use self::{
    renewal::Renewal,
    stamps::Stamps,
    store::{Coming, Store},
};

/// Where the daemon finds and keeps things.
#[derive(Clone, Debug)]
pub struct Places {
    /// Designs and keys; survives a reboot.
    pub state: PathBuf,
    /// The control socket.
    pub run: PathBuf,
    /// The operator's Ed25519 public key, base64.
    pub operator_key: PathBuf,
}

/// The control socket's name in the run folder.
pub const SOCKET: &str = "control.sock";

/// The largest key file that makes sense, in bytes.
const KEY_FILE: u64 = 256;

/// How often is looked at what time alone brings about: the tunnel's state, the end of a time to confirm, the watchdog.
const TICK: Duration = Duration::from_millis(100);

/// Requests that may wait for the loop; each comes from a connection of its own, and more than a few would be abuse.
const WAITING_REQUESTS: usize = 16;

/// Runs the daemon until it is told to end.
///
/// # Errors
/// Whatever keeps it from starting: no permission, another daemon, an unreadable key. A stored design that can't be put
/// in force is no such error: the daemon runs, says so, and waits for a better one.
pub async fn run(places: Places) -> anyhow::Result<()> {
    let store = Store::open(&places.state)?;
    let operator = read_operator_key(&places.operator_key)?;
    let key = store.tunnel_key()?;
    let renewal = Renewal::new(coming_key(&store));
    let kernel = Kernel::connect()?;
    traffic::make_room(&kernel);
    let refusals = Refusals::listen().await?;
    let watch = Watch::start()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let stamps = Stamps::open(&places.state);
    let mut device = Device::new(kernel, store, operator, (key, renewal), stamps, &places)?;
    device.boot().await;
    give_back();
    let (requests, mut waiting) = mpsc::channel(WAITING_REQUESTS);
    let socket = api::bind(&places.run.join(SOCKET))?;
    let server = tokio::spawn(api::serve(socket, requests));
    info!(version = env!("CARGO_PKG_VERSION"), "ready");
    notify(&[NotifyState::Ready]);

    let (mut refusals, mut watch) = (Some(refusals), Some(watch));
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            Some(request) = waiting.recv() => {
                device.answer(request).await;
                give_back();
            }
            _ = tick.tick() => device.tick().await,
            heard = changed(&mut watch) => match heard {
                Ok(()) => device.network_changed(),
                Err(fault) => {
                    error!(%fault, "changes by others are no longer seen; restart sekishod");
                    watch = None;
                }
            },
            refusal = next(&mut refusals) => match refusal {
                Ok((refusal, lost)) => device.log(refusal, lost),
                Err(fault) => {
                    error!(%fault, "refusals are counted but no longer logged; restart sekishod");
                    refusals = None;
                }
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    info!("stopping; the rules stay and forward nothing");
    notify(&[NotifyState::Stopping]);
    server.abort();
    device.stop().await;
    Ok(())
}

async fn next(
    refusals: &mut Option<Refusals>,
) -> Result<(sekisho_host::Refusal, u64), sekisho_host::HostError> {
    match refusals {
        Some(refusals) => Ok((refusals.next().await?, refusals.lost())),
        None => std::future::pending().await,
    }
}

async fn changed(watch: &mut Option<Watch>) -> Result<(), sekisho_host::HostError> {
    match watch {
        Some(watch) => watch.next().await.map(drop),
        None => std::future::pending().await,
    }
}

/// One that can't be had holds nothing up: the tunnel has its own.
fn coming_key(store: &Store) -> Option<Coming> {
    store.coming_key().unwrap_or_else(|fault| {
        error!(fault = reasons(&fault), "the key that was to come is lost");
        None
    })
}

fn read_operator_key(path: &std::path::Path) -> anyhow::Result<PublicKey> {
    let what = || format!("can't read the operator's key {}", path.display());
    let bytes = files::read(path, KEY_FILE).with_context(what)?;
    let text = String::from_utf8(bytes).with_context(what)?;
    text.trim().parse().with_context(what)
}

/// An error and its causes in one line. Many say their cause themselves; it isn't said twice.
pub fn reasons(fault: &anyhow::Error) -> String {
    fault.chain().map(ToString::to_string).fold(String::new(), |said, cause| {
        if said.is_empty() {
            cause
        } else if said.ends_with(&cause) {
            said
        } else {
            said + ": " + &cause
        }
    })
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(fault) = sd_notify::notify(states) {
        warn!(%fault, "can't tell the service manager");
    }
}
