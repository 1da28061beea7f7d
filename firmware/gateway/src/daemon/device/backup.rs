//! Backups of this device, and what is taken out of one.

use jiff::Timestamp;
use sekisho_capsule::{Contents, Identity, Secret};
use sekisho_control::{
    Author, Backup, BackupUsers, BackupWish, Failure, Key, Nightly, Opened, Reading, Unlocking,
};
use sekisho_host::clock;
use tokio::sync::oneshot;
use tracing::warn;

use super::{Device, Reply};
use crate::daemon::{
    backup::{key_in, told, users_in},
    fault::{conflict, disk_failure},
    page,
    store::Files,
};

impl Device {
    /// Makes a backup of the design that is kept; the reply comes when it is made.
    pub(super) fn back_up(&self, wish: BackupWish, author: &Author, reply: Reply<Backup>) {
        let contents = match self.contents(&wish) {
            Ok(contents) => contents,
            Err(failure) => return drop(reply.send(Err(failure))),
        };
        let with_users = contents.users.is_some();
        warn!(by = %author, with_identity = wish.with_identity, with_users, "a backup is made");
        answer(self.desk.clone().make(contents, wish), reply);
    }

    /// Tells what a backup holds; the reply comes when it is opened.
    pub(super) fn open_backup(&self, opening: Unlocking, reply: Reply<Opened>) {
        let ours = self.design().map(|design| design.site.organisation);
        let opened = self.desk.clone().open(opening, ours, clock::since_start());
        answer(async { told(opened.await?) }, reply);
    }

    /// Gives the page's users of a backup to whoever writes them; the reply comes when it is opened.
    pub(super) fn backup_users(
        &self,
        opening: Unlocking,
        author: &Author,
        reply: Reply<BackupUsers>,
    ) {
        let ours = self.design().map(|design| design.site.organisation);
        warn!(by = %author, "the page's users of a backup are given out");
        let opened = self.desk.clone().open(opening, ours, clock::since_start());
        answer(async { users_in(&opened.await?) }, reply);
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

    /// Whom the nightly backup is for, and how its files are called.
    pub(super) fn nightly(&self) -> Nightly {
        let design = self.design();
        let recipient = design.and_then(|design| design.backup.as_ref());
        let organisation = design.map(|design| design.site.organisation.to_string());
        let holder = organisation.unwrap_or_else(|| "none".to_owned());
        Nightly {
            recipient: recipient.map(|backup| backup.recipient.to_string()),
            stem: format!("sekisho-nightly-{holder}-{}-", self.identity().serial),
        }
    }

    /// Whether the design in force has a nightly backup.
    pub(super) fn wants_nightly(&self) -> bool {
        self.design().is_some_and(|design| design.backup.is_some())
    }

    /// The time, where somebody has set the clock right.
    pub(super) fn known_time(&self) -> Option<Timestamp> {
        self.time.known().then(Timestamp::now)
    }

    /// What the box's sensors say, and how its backups are: alarms first.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let mut readings = self.health.readings();
        readings.extend(self.nights.reading(self.wants_nightly(), self.known_time()));
        readings.sort_by_key(|reading| !reading.alarm);
        readings
    }

    /// What is kept, as a capsule holds it.
    fn contents(&self, wish: &BackupWish) -> Result<Contents, Failure> {
        let (Some(design), (_, Some(Files { site, profile }))) = (self.design(), &self.kept) else {
            let message = "there is nothing to back up: no design is kept".to_owned();
            return Err(conflict(message, "apply a design first"));
        };
        let told = self.identity();
        let identity = if wish.with_identity {
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
            users: wish.users.as_ref().map(|users| Secret::new(users.expose())),
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
