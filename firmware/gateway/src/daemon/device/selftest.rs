//! Self-tests of the device, from what is so now.

use std::time::Duration;

use sekisho_control::{Failure, SelfTestWish};

use super::{Device, InForce};
use crate::daemon::{
    selftest::{Events, Given, held},
    store::sha256,
    tunnel::Tunnel,
};

impl Device {
    /// Begins a self-test.
    pub(super) async fn self_test(&mut self, wish: SelfTestWish) -> Result<Events, Failure> {
        let mut given = self.given().await;
        given.tap = self.hands.tunnel.as_ref().and_then(Tunnel::tap);
        self.selftest.begin(wish, given)
    }

    /// Looks at what is watched, where that is due.
    pub(super) async fn watch(&mut self, now: Duration) {
        let carrier = self.hands.tunnel.as_ref().and_then(Tunnel::carrier);
        if self.selftest.is_due(now, carrier.as_ref()) {
            let given = self.given().await;
            self.selftest.look(given, now);
        }
    }

    async fn given(&self) -> Given {
        let in_force = self.in_force.as_ref();
        let in_force = in_force.map(|InForce { design, state }| (self.now(design), &**state));
        let seen = in_force.as_ref().map(|(design, state)| (&**design, *state));
        let held = held(&self.hands.kernel, seen).await;
        Given {
            held,
            status: self.status().await,
            design: in_force.map(|(design, _)| design.into_owned()),
            design_hash: self.design_hash(),
            tunnel_fault: match &self.hands.tunnel {
                Some(tunnel) => tunnel.fault(),
                None => Some("there is no tunnel".to_owned()),
            },
            tap: None,
            state: self.hands.store.folder().to_owned(),
        }
    }

    /// SHA-256 of both files that are kept.
    fn design_hash(&self) -> Option<String> {
        let (_, files) = &self.kept;
        let files = files.as_ref()?;
        Some(sha256(&[&*files.site, &*files.profile].concat()))
    }
}
