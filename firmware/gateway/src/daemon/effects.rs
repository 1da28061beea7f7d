//! The effects of a change: the kernel, the networks, the tunnel and the disk, each asked by the machine alone.

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use sekisho_control::{Author, Generation, Outcome as Fate};
use sekisho_design::PortName;
use sekisho_host::{Kernel, Scope, clock, drop_flows, neighbour};
use sekisho_plan::{
    KernelState, TUNNEL,
    state::Address,
    trace::{Fates, NotUnderstood},
};
use sekisho_tunnel::SecretKey;
use tracing::{debug, error, info, warn};

use super::{
    fault::Fault,
    heartbeat::Heartbeat,
    line::Line,
    machine::{Change, Effect, Next, Outcome, Rest, Side},
    renewal::{Keys, Renewal},
    stamps::Stamps,
    store::{Files, Store},
    tunnel::{StartError, Tunnel, Wanted},
};

/// Everything that a change touches.
pub(super) struct Hands {
    pub(super) kernel: Kernel,
    pub(super) store: Store,
    pub(super) key: SecretKey,
    pub(super) renewal: Renewal,
    pub(super) stamps: Stamps,
    pub(super) tunnel: Option<Tunnel>,
    pub(super) line: Line,
    /// The machine's run, as the kernel names it.
    pub(super) run: String,
    pub(super) heartbeat: Heartbeat,
}

/// What the effects of one change need beside the machine's own words.
#[derive(Default)]
pub(super) struct Errand {
    pub(super) scope: Scope,
    pub(super) new: Option<Wanted>,
    pub(super) old: Option<Wanted>,
    /// The files of an edit; none where the design is on the disk already.
    pub(super) edit: Option<Edit>,
    /// The edit's number, once it is in the journal.
    pub(super) number: Option<u64>,
    /// How many connections it ended.
    pub(super) ended: u64,
}

/// A new design, with who wants it and why.
pub(super) struct Edit {
    pub(super) files: Files,
    pub(super) author: Author,
    pub(super) reason: Option<String>,
}

/// What to look at for a state: its own links, those that other states use, and the tunnel device.
pub(super) fn scope<'a>(
    state: &KernelState,
    others: impl IntoIterator<Item = &'a KernelState>,
) -> Scope {
    let others = others.into_iter().flat_map(|other| other.links.keys());
    let links = state.links.keys().chain(others).cloned();
    Scope {
        links: links.chain(TUNNEL.parse::<PortName>()).collect(),
        settings: state.settings.keys().cloned().collect(),
    }
}

impl Hands {
    /// Carries a change on until it rests.
    pub(super) async fn carry_on(
        &mut self,
        change: &mut Change<Fault>,
        errand: &mut Errand,
        first: Effect,
    ) -> Rest<Fault> {
        let mut effect = first;
        loop {
            let outcome = match self.execute(effect, errand).await {
                Ok(None) => Outcome::Done,
                Ok(Some(state)) => Outcome::Observed(Box::new(state)),
                Err(fault) => Outcome::Failed(fault),
            };
            self.heartbeat.beat();
            effect = match change.next(outcome, clock::since_start()) {
                Next::Do(effect) => effect,
                Next::Rest(rest) => break self.rest(rest).await,
            }
        }
    }

    /// A step may have laid the table anew, and with it emptied the set that the daemon fills; or made queues anew.
    async fn rest(&mut self, rest: Rest<Fault>) -> Rest<Fault> {
        self.line.forget();
        if let Some(tunnel) = &mut self.tunnel {
            tunnel.restore(&self.kernel).await;
        }
        match &rest {
            Rest::Committed | Rest::Awaiting => {}
            Rest::Refused(cause) | Rest::NotKept(cause) => {
                warn!(cause = cause.message(), "refused");
            }
            Rest::RolledBack(cause) => warn!(cause = cause.message(), "rolled back"),
            Rest::Unrepaired(cause) => error!(cause = cause.message(), "the repair got stuck"),
            Rest::RollbackFailed { cause, trouble } => error!(
                cause = cause.message(),
                trouble = trouble.message(),
                "the kernel holds neither the old state nor the new one"
            ),
        }
        rest
    }

    async fn execute(
        &mut self,
        effect: Effect,
        errand: &mut Errand,
    ) -> Result<Option<KernelState>, Fault> {
        match effect {
            Effect::Observe => return Ok(Some(self.kernel.observe(&errand.scope).await?)),
            Effect::Probe(addresses) => probe(addresses).await?,
            Effect::Journal(before) => errand.number = self.begin(errand, &before)?,
            Effect::Perform(step) => {
                debug!(%step, "applying");
                self.kernel.perform(&step).await?;
            }
            Effect::StartTunnel(Side::New) => self.switch_tunnel(errand.new.clone())?,
            Effect::StartTunnel(Side::Old) => {
                if let Err(fault) = self.switch_tunnel(errand.old.clone()) {
                    warn!(%fault, "the tunnel before can't be started yet; trying again");
                }
            }
            Effect::EndConnections { before, after } => {
                errand.ended += end(&before, &after).await?;
            }
            Effect::Announce(addresses) => announce(addresses),
            Effect::Commit => {
                if let Some(number) = errand.number {
                    self.store.commit(number).map_err(Fault::Store)?;
                }
            }
            Effect::Close => {
                if let Some(number) = errand.number {
                    self.store.close(number, Fate::RolledBack);
                }
            }
        }
        Ok(None)
    }

    fn begin(&self, errand: &Errand, before: &KernelState) -> Result<Option<u64>, Fault> {
        let Some(edit) = &errand.edit else { return Ok(None) };
        let record = |number, [site_sha256, profile_sha256]: [String; 2]| Generation {
            number,
            author: edit.author.clone(),
            at: Timestamp::now(),
            reason: edit.reason.clone(),
            outcome: Fate::Pending,
            site_sha256,
            profile_sha256,
        };
        self.store.begin(&edit.files, record, &self.run, before).map(Some).map_err(Fault::Store)
    }

    /// Replaces the tunnel where another one is wanted. Where that one can't be started, it is tried again later unless
    /// the caller goes back.
    pub(super) fn switch_tunnel(&mut self, wanted: Option<Wanted>) -> Result<(), StartError> {
        let wanted = match (self.tunnel.take(), wanted) {
            (_, None) => return Ok(()),
            (Some(mut tunnel), Some(wanted)) if tunnel.serves(&wanted) => {
                tunnel.follow(wanted);
                self.tunnel = Some(tunnel);
                return Ok(());
            }
            // The old engine ends here: both would bind the same port.
            (old, Some(wanted)) => {
                self.stamps.note(old.and_then(Tunnel::end), Instant::now());
                wanted
            }
        };
        let keys = Keys { own: &self.key, coming: self.renewal.key() };
        match Tunnel::start(wanted.clone(), keys, &self.stamps) {
            Ok(tunnel) => {
                self.tunnel = Some(tunnel);
                Ok(())
            }
            Err(fault) => {
                self.tunnel = Some(Tunnel::waiting(wanted));
                Err(fault)
            }
        }
    }
}

/// Ends the connections that fare differently now.
async fn end(before: &Arc<KernelState>, after: &Arc<KernelState>) -> Result<u64, Fault> {
    // Without a table nothing is forwarded, and what was open can't go on.
    if after.table.is_none() || !Fates::may_differ(before, after) {
        return Ok(0);
    }
    let mut fates = Fates::between(before, after)?;
    let mut stuck: Option<NotUnderstood> = None;
    let ended = drop_flows(|flow| {
        let Some(connection) = flow.connection() else { return false };
        fates.ends(&connection).unwrap_or_else(|fault| {
            stuck.get_or_insert(fault);
            false
        })
    })
    .await?;
    if ended > 0 {
        info!(ended, "connections ended that the design no longer allows as they were");
    }
    stuck.map_or(Ok(ended), |fault| Err(fault.into()))
}

/// Fails where another host has one of the addresses.
async fn probe(addresses: Vec<Address>) -> Result<(), Fault> {
    let probed = neighbour::probe(&addresses.into_iter().collect()).await?;
    for Address { link, address, .. } in &probed.unasked {
        warn!(%link, %address, "nobody could be asked whether the address is free: the link has no carrier");
    }
    Ok(())
}

/// Tells the networks, beside everything else: nobody waits for it.
fn announce(addresses: Vec<Address>) {
    if addresses.is_empty() {
        return;
    }
    tokio::spawn(async move {
        if let Err(fault) = neighbour::announce(&addresses.into_iter().collect()).await {
            warn!(%fault, "the hosts on the LANs learn the device's addresses only by asking");
        }
    });
}
