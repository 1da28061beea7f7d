//! What the page looks at by itself: the daemon's status, the certificate's age, and the first password.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use sekisho_control::{ReleaseKind, Status};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tracing::{info, warn};

use super::{Certificates, ask};
use crate::{app::Device, device::Daemon};

/// Time between two looks, where nothing calls for one.
const EACH: Duration = Duration::from_secs(5);

/// Looks until it is dropped.
#[derive(Debug)]
pub struct Watch {
    /// Whom it asks.
    pub daemon: Daemon,
    /// What is renewed.
    pub certificates: Arc<Certificates>,
    /// Where what was found is told.
    pub device: watch::Sender<Device>,
    /// Calls for a look at once.
    pub call: Arc<Notify>,
}

/// The generations that a certificate was asked for with: the kept one, and the one that awaits confirmation, whose addresses
/// have to be served before anybody can confirm.
type Seen = (u64, Option<u64>);

impl Watch {
    /// Runs; `besides` is done with each look.
    pub async fn run(self, mut besides: impl AsyncFnMut()) {
        let mut seen = None;
        let mut complained = String::new();
        loop {
            let fault = self.look(&mut seen).await.err().map(|fault| fault.to_string());
            let fault = fault.unwrap_or_default();
            if fault != complained {
                if fault.is_empty() {
                    info!("the daemon answers");
                } else {
                    warn!(%fault, "what the page has is used on");
                }
                complained = fault;
            }
            besides().await;
            // Called or not, it is time for the next look.
            let _ = timeout(EACH, self.call.notified()).await;
        }
    }

    async fn look(&self, seen: &mut Option<Seen>) -> Result<(), Box<dyn std::error::Error>> {
        let status = match ask::status(&self.daemon).await {
            Ok(status) => status,
            Err(fault) => {
                self.device
                    .send_if_modified(|device| std::mem::replace(&mut device.reachable, false));
                return Err(fault.into());
            }
        };
        let found = device(&status);
        self.device.send_if_modified(|device| std::mem::replace(device, found) != found);
        let now = (status.generation, status.awaiting.as_ref().map(|awaiting| awaiting.generation));
        let current = self.certificates.current();
        // A box that takes another's place takes its CA too, and no generation tells.
        let serves = *seen == Some(now)
            && !current.is_old(Timestamp::now())
            && current.is_of(&ask::authority(&self.daemon).await?);
        if serves {
            return Ok(());
        }
        let chain = ask::certificate(&self.daemon, self.certificates.request()?).await?;
        self.certificates.take(&chain)?;
        info!(generation = found.generation, "the page has a certificate for its addresses");
        *seen = Some(now);
        Ok(())
    }
}

fn device(status: &Status) -> Device {
    Device {
        reachable: true,
        generation: status
            .awaiting
            .as_ref()
            .map_or(status.generation, |awaiting| awaiting.generation),
        synchronised: status.time.as_ref().map(|time| time.synchronised),
        development: status
            .release
            .as_ref()
            .is_some_and(|release| release.kind == ReleaseKind::Development),
    }
}
