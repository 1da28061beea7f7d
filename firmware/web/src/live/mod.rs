//! What the page shows as it happens, and how it was.
//!
//! One task asks the daemon for all listeners: each second while somebody listens, else often enough for the history. Listeners
//! get what it saw; the guard ends each with its session.
//!
//! ```text
//! history.json   the steps of the last hour and day; written every 10 minutes, so what is newer is lost with the process
//! ```

mod history;
mod rates;
pub(crate) mod routes;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use sekisho_control::{HEALTH, STATUS, Status};
use sekisho_host::files;
use serde::Serialize;
use tokio::{
    sync::{Notify, watch},
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout_at},
};
use tracing::warn;

use self::{
    history::{History, Shown, Span},
    rates::{Look, bps},
};
use crate::{
    app::App,
    device::{Daemon, Fault},
};

/// Time between two looks while somebody listens.
const LISTENED: Duration = Duration::from_secs(1);

/// The same while nobody does: a step of the history.
const ALONE: Duration = Duration::from_secs(5);

/// The device's health is found out by tests of its own, which don't run more often.
const HEALTH_EACH: Duration = Duration::from_secs(5);

/// How long an answer may take: listeners are told soon that the daemon is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time between two writings of the history: a disk of flash memory wears.
const KEPT_EACH: Duration = Duration::from_mins(10);

/// The largest history, in bytes; twice what two full rings take.
const LARGEST: u64 = 512 << 10;

/// What listeners get, and the history.
#[derive(Debug)]
pub struct Live {
    file: PathBuf,
    seen: watch::Sender<Arc<Seen>>,
    listener_came: Notify,
    history: Mutex<History>,
}

/// What was seen last, as it goes to listeners.
#[derive(Debug, Default)]
struct Seen {
    status: Option<String>,
    health: Option<String>,
    traffic: Option<String>,
    /// Why there is no status.
    away: Option<String>,
}

/// How much goes through the tunnel.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "LiveTraffic")]
struct Traffic {
    at: Timestamp,
    up_bps: u64,
    down_bps: u64,
}

impl Live {
    /// With the history of a folder, where it has one that can be read.
    pub(crate) fn open(state: &Path) -> Self {
        let file = state.join("history.json");
        let history = match read(&file) {
            Ok(history) => history,
            Err(fault) => {
                warn!(%fault, file = %file.display(), "the history of the traffic begins anew");
                History::default()
            }
        };
        Self {
            file,
            seen: watch::Sender::default(),
            listener_came: Notify::new(),
            history: Mutex::new(history),
        }
    }

    fn listen(&self) -> watch::Receiver<Arc<Seen>> {
        let mut seen = self.seen.subscribe();
        seen.mark_changed();
        self.listener_came.notify_one();
        seen
    }

    fn is_listened_to(&self) -> bool {
        self.seen.receiver_count() > 0
    }

    fn show(&self, span: Span) -> Shown {
        self.history().show(span, Timestamp::now().as_second())
    }

    fn history(&self) -> MutexGuard<'_, History> {
        // A step that is half added is a wrong number in a curve.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep(self: Arc<Self>) {
        let kept = spawn_blocking(move || {
            let text = serde_json::to_vec(&*self.history()).map_err(|fault| fault.to_string())?;
            files::write(&self.file, &text, 0o600).map_err(|fault| fault.to_string())
        });
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => warn!(fault, "the history of the traffic isn't kept"),
            Err(fault) => warn!(%fault, "the history of the traffic isn't kept"),
        }
    }
}

fn read(file: &Path) -> Result<History, String> {
    if !file.exists() {
        return Ok(History::default());
    }
    let text = files::read(file, LARGEST).map_err(|fault| fault.to_string())?;
    serde_json::from_slice(&text).map_err(|fault| fault.to_string())
}

/// Looks until it is dropped.
pub async fn watch(app: App) {
    let live = Arc::clone(&app.live);
    let mut watcher =
        Watcher { daemon: app.daemon.clone().patience(PATIENCE), before: None, health: None };
    let mut kept = app.now();
    loop {
        let began = Instant::now();
        let seen = watcher.look(&live, app.now()).await;
        live.seen.send_replace(Arc::new(seen));
        if app.now().saturating_sub(kept) >= KEPT_EACH {
            kept = app.now();
            Arc::clone(&live).keep().await;
        }
        sleep_until(began + LISTENED).await;
        if !live.is_listened_to() {
            // Whether somebody came or not, it is time for the next look.
            let _ = timeout_at(began + ALONE, live.listener_came.notified()).await;
        }
    }
}

struct Watcher {
    daemon: Daemon,
    before: Option<Look>,
    health: Option<(Duration, String)>,
}

impl Watcher {
    async fn look(&mut self, live: &Live, now: Duration) -> Seen {
        let (text, status) = match self.status().await {
            Ok(found) => found,
            Err(fault) => {
                self.health = None;
                let away = serde_json::to_string(&fault.refusal()).ok();
                return Seen { away, ..Seen::default() };
            }
        };
        let at = Timestamp::now();
        let look = Look::of(&status, now);
        let traffic = self.before.as_ref().map(|before| {
            let delta = look.since(before);
            live.history().add(at.as_second(), delta);
            let rate = |bytes| bps(bytes, delta.time);
            Traffic { at, up_bps: rate(delta.up), down_bps: rate(delta.down) }
        });
        self.before = Some(look);
        if live.is_listened_to() {
            self.look_at_health(now).await;
        }
        Seen {
            status: Some(text),
            health: self.health.as_ref().map(|(_, text)| text.clone()),
            traffic: traffic.and_then(|traffic| serde_json::to_string(&traffic).ok()),
            away: None,
        }
    }

    async fn status(&self) -> Result<(String, Status), Fault> {
        let answer = self.daemon.get(STATUS).await?;
        let text = String::from_utf8(answer.body.to_vec()).map_err(Fault::garbled)?;
        let status = serde_json::from_str(&text).map_err(Fault::garbled)?;
        Ok((text, status))
    }

    /// What was found before stands where there is no answer.
    async fn look_at_health(&mut self, now: Duration) {
        if self.health.as_ref().is_some_and(|(at, _)| now.saturating_sub(*at) < HEALTH_EACH) {
            return;
        }
        if let Ok(answer) = self.daemon.get(HEALTH).await
            && answer.status.is_success()
            && let Ok(text) = String::from_utf8(answer.body.to_vec())
        {
            self.health = Some((now, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{rates::Delta, *};

    #[tokio::test]
    async fn the_history_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let live = Arc::new(Live::open(folder.path()));
        let delta = Delta { time: LISTENED, up: 100, down: 200, refused: 1 };
        live.history().add(Timestamp::now().as_second(), delta);
        Arc::clone(&live).keep().await;
        let again = Live::open(folder.path());
        assert_eq!(*again.history(), *live.history());
        assert_ne!(*again.history(), History::default());
    }

    #[test]
    fn what_cant_be_read_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{}", "{\"hour\":[]}", "{\"hour\":{},\"day\":{},\"more\":1}"] {
            std::fs::write(folder.path().join("history.json"), text).unwrap();
            assert_eq!(*Live::open(folder.path()).history(), History::default(), "{text}");
        }
    }
}
