//! What waits to be sent to the collector, and what became of the rest. Whoever logs never waits for it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sekisho_design::Sent;
use tokio::sync::Notify;
use tracing::{info, warn};

/// Messages that wait at most: a minute of a busy office's flows, some two megabytes, for a collector that starts anew. The
/// flow log keeps them all; what waited longer is read there.
const DEPTH: usize = 4_096;

/// The messages of the collector in force.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    inside: Mutex<Inside>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    wanted: Vec<Sent>,
    messages: VecDeque<Arc<str>>,
    connected: bool,
    fault: Option<String>,
    sent: u64,
    lost: u64,
}

/// How the collector is served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Served {
    pub(super) connected: bool,
    pub(super) fault: Option<String>,
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) waiting: u64,
}

impl Outbox {
    /// Another collector, or none: it gets these things, and nothing that waited for the one before.
    pub(super) fn serve(&self, wanted: &[Sent]) {
        let mut inside = self.inside();
        inside.wanted = wanted.to_vec();
        inside.lost += inside.messages.len() as u64;
        inside.messages.clear();
        (inside.connected, inside.fault) = (false, None);
    }

    /// Takes a message where the collector wants its kind. The newest makes way where too many wait: what came first tells
    /// how it began.
    pub(super) fn offer(&self, kind: Sent, message: impl FnOnce() -> String) {
        let mut inside = self.inside();
        if !inside.wanted.contains(&kind) {
            return;
        }
        if inside.messages.len() >= DEPTH {
            inside.lost += 1;
            return;
        }
        inside.messages.push_back(message().into());
        drop(inside);
        self.arrived.notify_one();
    }

    /// The oldest message, once there is one. It stays until [`Self::done`]; one reader only.
    pub(super) async fn oldest(&self) -> Arc<str> {
        loop {
            if let Some(message) = self.inside().messages.front() {
                return Arc::clone(message);
            }
            self.arrived.notified().await;
        }
    }

    /// The oldest message is sent, or lost.
    pub(super) fn done(&self, sent: bool) {
        let mut inside = self.inside();
        if inside.messages.pop_front().is_some() {
            if sent { inside.sent += 1 } else { inside.lost += 1 }
        }
    }

    /// The collector is reached.
    pub(super) fn reached(&self) {
        let mut inside = self.inside();
        if !inside.connected || inside.fault.is_some() {
            info!("log messages go to the collector");
        }
        (inside.connected, inside.fault) = (true, None);
    }

    /// The collector isn't reached any more, or not yet. What is the same as before is said once.
    pub(super) fn failed(&self, fault: String) {
        let mut inside = self.inside();
        if inside.fault.as_ref() != Some(&fault) {
            warn!(fault, "log messages don't reach the collector; trying again");
        }
        (inside.connected, inside.fault) = (false, Some(fault));
    }

    pub(super) fn status(&self) -> Served {
        let inside = self.inside();
        Served {
            connected: inside.connected,
            fault: inside.fault.clone(),
            sent: inside.sent,
            lost: inside.lost,
            waiting: inside.messages.len() as u64,
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_kept_in_order_up_to_a_bound_and_the_rest_is_counted() {
        let outbox = Outbox::default();
        let refuse = || -> String { panic!("nobody wants it") };
        outbox.offer(Sent::Flows, refuse);
        outbox.serve(&[Sent::Flows]);
        outbox.offer(Sent::Refusals, refuse);
        for number in 0..DEPTH + 3 {
            outbox.offer(Sent::Flows, || number.to_string());
        }
        assert_eq!((outbox.status().waiting, outbox.status().lost), (DEPTH as u64, 3));
        assert_eq!(&*outbox.oldest().await, "0");
        assert_eq!(&*outbox.oldest().await, "0", "until it is done");
        outbox.done(true);
        assert_eq!(&*outbox.oldest().await, "1");
        outbox.done(false);
        assert_eq!((outbox.status().sent, outbox.status().lost), (1, 4));
        // Another collector doesn't get what was meant for this one.
        outbox.failed("no answer".to_owned());
        outbox.serve(&[Sent::Refusals]);
        let Served { lost, waiting, fault, .. } = outbox.status();
        assert_eq!((lost, waiting, fault), (DEPTH as u64 + 2, 0, None));
    }
}
