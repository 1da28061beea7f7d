//! Backups of this device, and an identity that it takes over from one.

use jiff::Timestamp;
use sekisho_capsule::{Contents, Identity, Secret};
use sekisho_control::{Author, Backup, BackupWish, Failure, Key, Opened, Unlocking};
use sekisho_host::clock;
use tokio::sync::oneshot;
use tracing::warn;

use super::{Device, Reply};
use crate::daemon::{
    backup::{key_in, told},
    fault::{conflict, disk_failure},
    page,
    store::Files,
};

impl Device {
    /// Makes a backup of the design that is kept; the reply comes when it is made.
    pub(super) fn back_up(&self, wish: BackupWish, author: &Author, reply: Reply<Backup>) {
        let contents = match self.contents(wish.with_identity) {
            Ok(contents) => contents,
            Err(failure) => return drop(reply.send(Err(failure))),
        };
        warn!(by = %author, with_identity = wish.with_identity, "a backup is made");
        answer(self.desk.clone().make(contents, wish), reply);
    }

    /// Tells what a backup holds; the reply comes when it is opened.
    pub(super) fn open_backup(&self, opening: Unlocking, reply: Reply<Opened>) {
        let ours = self.design().map(|design| design.site.organisation);
        let opened = self.desk.clone().open(opening, ours, clock::since_start());
        answer(async { opened.await.map(told) }, reply);
    }

    /// Takes the identity of another device over. One that has a design has an identity of its own that others know.
    pub(super) async fn take_identity(
        &mut self,
        opening: Unlocking,
        author: &Author,
    ) -> Result<Key, Failure> {
        if self.kept.0 != 0 || self.pending.is_some() {
            let message = "this device has a design, and its identity is known".to_owned();
            return Err(conflict(
                message,
                "take an identity over on a new device, or reset this one first",
            ));
        }
        let contents = self.desk.clone().open(opening, None, clock::since_start()).await?;
        let key = key_in(&contents)?;
        let authority = contents.identity.and_then(|identity| identity.page_authority);
        if let Some(authority) = authority {
            page::take_authority(self.hands.store.folder(), authority.expose())?;
        }
        self.hands.store.take_tunnel_key(&key).map_err(|fault| disk_failure(&fault))?;
        let public = key.public();
        self.hands.key = key;
        warn!(by = %author, %public, from = contents.serial, "took the identity of another device over");
        Ok(Key { public })
    }

    /// What is kept, as a capsule holds it.
    fn contents(&self, with_identity: bool) -> Result<Contents, Failure> {
        let (Some(design), (_, Some(Files { site, profile }))) = (self.design(), &self.kept) else {
            let message = "there is nothing to back up: no design is kept".to_owned();
            return Err(conflict(message, "apply a design first"));
        };
        let told = self.identity();
        let identity = if with_identity {
            let authority = page::kept_authority(self.hands.store.folder())?;
            Some(Identity {
                tunnel_key: Secret::new(self.hands.key.to_base64()),
                page_authority: authority.map(Secret::new),
            })
        } else {
            None
        };
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        Ok(Contents {
            made_at: Timestamp::now(),
            version: told.version,
            serial: told.serial,
            organisation: design.site.organisation,
            site: text(site),
            profile: text(profile),
            identity,
        })
    }
}

/// Answers beside the loop.
fn answer<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    reply: oneshot::Sender<Result<T, Failure>>,
) {
    tokio::spawn(async move { drop(reply.send(work.await)) });
}
