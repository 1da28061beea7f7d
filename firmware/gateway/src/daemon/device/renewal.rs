//! The device's key is renewed on demand (R3).

use std::time::Instant;

use sekisho_control::{Author, Failure, Identity, KeyAtCentre};
use sekisho_tunnel::{ComingKey, Engine};
use tracing::{error, info, warn};

use super::Device;
use crate::daemon::{
    effects::Hands,
    fault::{conflict, disk_failure, in_words},
    reasons,
    renewal::{Renewal, told},
    store::Coming,
    tunnel::Tunnel,
};

impl Device {
    /// Makes a key that is to take the place of the tunnel's own; the tunnel tries it from now on.
    pub(super) fn renew_identity(&mut self, author: &Author) -> Result<Identity, Failure> {
        if self.kept.0 == 0 {
            return Err(in_words(
                conflict(
                    "this device has no design, and no centre knows its key".to_owned(),
                    "have the operator register the key that it has",
                ),
                "この装置にはまだ設計がなく、どの拠点も装置の鍵を知りません。今の公開鍵を、そのまま機構に届けてください。",
                "This device has no design yet, and no centre knows its key.",
            ));
        }
        if self.hands.renewal.coming().is_some() {
            return Err(in_words(
                conflict(
                    "a key is to come already".to_owned(),
                    "give that one to the operator (`sekisho identity`), or cancel it first",
                ),
                "鍵の更新は、もう始まっています。その新しい鍵を機構に届けるか、先に更新をやめてください。",
                "A renewal is under way already.",
            ));
        }
        let coming = self.hands.store.make_coming_key().map_err(|fault| disk_failure(&fault))?;
        let public = coming.key.public();
        warn!(by = %author, %public, "the tunnel's key is renewed");
        if let Some(tunnel) = &self.hands.tunnel {
            tunnel.renew(|engine| engine.offer_key(&coming.key));
        }
        self.hands.renewal = Renewal::new(Some(coming));
        Ok(self.identity())
    }

    /// The old key stays. Where a centre speaks by the coming one already, that would end the tunnel.
    pub(super) fn cancel_renewal(&mut self, author: &Author) -> Result<Identity, Failure> {
        if self.hands.renewal.coming().is_none() {
            return Err(in_words(
                conflict("no key is to come".to_owned(), "see `sekisho identity`"),
                "鍵の更新は、もう終わったか、取りやめられています。表示を最新にしてください。",
                "No renewal is under way: it has ended or was cancelled.",
            ));
        }
        let centres = self.hands.tunnel.as_ref().map(Tunnel::renewal).unwrap_or_default();
        if let Some(centre) = centres.iter().find(|centre| centre.key == ComingKey::InUse) {
            let name = &centre.name;
            return Err(in_words(
                conflict(
                    format!("{name} knows the device by the coming key already"),
                    "have the operator give the addresses back to the old key first",
                ),
                format!(
                    "拠点 {name} は、もう新しい鍵で通信しています。やめるには、先に機構に、団体のアドレスを古い鍵へ戻してもらってください。"
                ),
                format!("The centre {name} speaks by the new key already."),
            ));
        }
        self.hands.store.forget_coming_key().map_err(|fault| disk_failure(&fault))?;
        self.end_renewal(Engine::withdraw_key);
        warn!(by = %author, "the tunnel's key stays; the one that was to come is erased");
        Ok(self.identity())
    }

    /// Takes the coming key for the device's own where the old one has served its time.
    pub(super) fn settle_renewal(&mut self, now: Instant) {
        let Hands { tunnel, renewal, store, .. } = &mut self.hands;
        if renewal.coming().is_none() {
            return;
        }
        let centres = tunnel.as_ref().map(Tunnel::renewal).unwrap_or_default();
        let Some(key) = renewal.due(&centres, now) else { return };
        if let Err(fault) = store.settle_coming_key(&key) {
            error!(fault = reasons(&fault), "the renewed key can't be kept; trying again");
            renewal.refused(now);
            return;
        }
        info!(public = %key.public(), "the renewed key is the tunnel's own; the old one is erased");
        self.hands.key = key;
        let design = self.in_force.as_ref().map(|in_force| &in_force.design);
        self.rollout.follow(design, &self.hands.key);
        self.end_renewal(Engine::settle_key);
    }

    /// The coming key, and what each centre makes of it.
    pub(super) fn coming(&self) -> Option<(&Coming, Vec<KeyAtCentre>)> {
        let centres = self.hands.tunnel.as_ref().map(Tunnel::renewal).unwrap_or_default();
        self.hands.renewal.coming().map(|coming| (coming, told(centres)))
    }

    fn end_renewal(&mut self, act: impl FnOnce(&Engine)) {
        if let Some(tunnel) = &self.hands.tunnel {
            tunnel.renew(act);
        }
        self.hands.renewal = Renewal::default();
    }
}
