//! What the design in force stands for as time goes on: its names are asked for when they are due and followed where they
//! lead (R85), its policies end (R89), and packets are as large as the way to the platform carries.

use std::sync::Arc;

use jiff::Timestamp;
use sekisho_design::Design;
use sekisho_host::clock;
use tracing::{info, warn};

use super::Device;
use crate::daemon::{
    stamps,
    tunnel::{Tunnel, Wanted},
    windows::Clock,
};

impl Device {
    /// Another design is in force, or one that might have come back is settled. Until then the names of both are known.
    pub(super) fn other_design(&mut self) {
        let before = self.pending.iter().filter_map(|pending| pending.before());
        let designs = self.in_force.iter().chain(before).map(|in_force| &in_force.design);
        let now = clock::since_start();
        self.known.follow(designs, now);
        let design = self.in_force.as_ref().map(|in_force| &in_force.design);
        self.names.follow(design, now);
        self.flow_log.follow(design);
        self.time.follow(design.map(|design| self.known.put_into(design)).as_deref());
        self.snmp.follow(design);
        self.rollout.follow(design, &self.hands.key);
        // What comes back was worked out by what its names stood for then.
        self.moved = true;
    }

    /// Ends policies whose time has come, of the designs that are in force or may be.
    pub(super) fn end_policies(&mut self, next: Option<&Design>) {
        let before = self.pending.iter().filter_map(|pending| pending.before());
        let held = self.in_force.iter().chain(before).map(|in_force| &in_force.design);
        let clock =
            Clock { shown: Timestamp::now(), known: self.time.known(), built: stamps::built() };
        self.moved |= self.windows.end(held.chain(next), clock);
    }

    /// Asks for names, takes answers, and follows hosts that moved, policies that ended and a way that carries more or less.
    pub(super) async fn keep_up(&mut self) {
        let now = clock::since_start();
        self.names.catch_up(now);
        let sought = self.hands.tunnel.as_ref().map(Tunnel::sought).unwrap_or_default();
        for (realm, name) in self.known.due(now, &sought) {
            self.names.ask(realm, name);
        }
        while let Some((name, answer)) = self.names.answered() {
            self.moved |= self.known.learn(&name, answer, now);
        }
        if self.in_force.is_some() {
            self.end_policies(None);
        }
        if let (Some(tunnel), Some(in_force)) = (&self.hands.tunnel, &self.in_force) {
            self.moved |= self.path.follow(tunnel.carries(), &in_force.design);
        }
        if std::mem::take(&mut self.moved) {
            self.move_on().await;
        }
    }

    /// Leads the kernel to what is admitted and carried now, and the tunnel to where hosts are now. What they don't concern
    /// goes on.
    async fn move_on(&mut self) {
        let Some(in_force) = &self.in_force else { return };
        let state = self.wanted(&in_force.design);
        if state != *in_force.state {
            if let Some(in_force) = &mut self.in_force {
                in_force.state = Arc::new(state);
            }
            let Some((change, ended, failed)) = self.hold().await else { return };
            let steps = change.step_count();
            if failed {
                warn!(
                    steps,
                    "hosts that moved, policies that ended or a changed way can't be followed yet; trying again"
                );
                self.moved = true;
                return;
            }
            info!(steps, ended, "followed hosts that moved, policies that ended or a changed way");
        }
        let design = self.in_force.as_ref().map(|in_force| &in_force.design);
        self.time.follow(design.map(|design| self.known.put_into(design)).as_deref());
        if let (Some(in_force), Some(tunnel)) = (&self.in_force, &mut self.hands.tunnel) {
            tunnel.follow(Wanted::of(&in_force.design, &self.known));
        }
    }
}
