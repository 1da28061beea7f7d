//! The page as a whole: parts put together, started, ended by a signal.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use futures_util::future::join_all;
use jiff::Timestamp;
use listenfd::ListenFd;
use sekisho_host::files::Lock;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
    task::spawn_blocking,
};
use tracing::{error, info, warn};

use crate::{
    access,
    app::{App, Device},
    assets::Assets,
    audit::{self, Event, Limits, Outcome, Trail},
    live, metrics, router, serve,
    tls::{self, Certificates, watch::Watch},
    users::{ADMIN, Taken, Users},
};

/// The places of the sockets that systemd hands over.
const PAGE: usize = 0;
const FIGURES: usize = 1;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// Where to listen, beside the socket that systemd hands over.
    pub listen: Option<SocketAddr>,
    /// Where to tell figures, beside the second socket that systemd hands over.
    pub metrics: Option<SocketAddr>,
    /// The daemon's control socket.
    pub control: PathBuf,
    /// The page's own folder.
    pub state: PathBuf,
    /// The page's files; those in the program where it is left out.
    pub assets: Option<PathBuf>,
    /// The operator's Ed25519 public key.
    pub operator_key: PathBuf,
    /// The hash of the first password.
    pub first_password: Option<PathBuf>,
}

/// Serves the page until SIGTERM or SIGINT.
///
/// # Errors
/// Where it can't start: no socket, a folder in use, a damaged file.
pub async fn run(places: Places) -> anyhow::Result<()> {
    let Places { listen, metrics, control, state, assets, operator_key, first_password } = places;
    std::fs::create_dir_all(&state)
        .with_context(|| format!("can't make the state folder {}", state.display()))?;
    let _lock = Lock::take(&state.join("lock"))?;
    let mut handed = ListenFd::from_env();
    let for_page = listeners(&mut handed, PAGE, listen).await?;
    ensure!(
        !for_page.is_empty(),
        "no socket to listen on: start the page by its socket unit, or with --listen ADDR:PORT"
    );
    let for_figures = listeners(&mut handed, FIGURES, metrics).await?;
    let certificates = Arc::new(Certificates::open(&state)?);
    let (device, seen) = watch::channel(Device::default());
    let call = Arc::new(Notify::new());
    let app = App::new(
        &control,
        &state,
        Users::open(&state)?,
        Trail::open(&state.join("audit"), Limits::USUAL),
        Arc::clone(&certificates),
        seen,
        Arc::clone(&call),
    )
    .operator_key(&operator_key);
    let assets = assets.map_or(Assets::Built, |folder| Assets::Folder(Arc::new(folder)));
    let router = router::build(&app, &access::table(), router::handlers(), assets)?;
    let config = tls::config(Arc::clone(&certificates))?;

    let looking = tokio::spawn(live::watch(app.clone()));
    let daemon = app.daemon.clone();
    let watch = Watch { daemon: app.daemon.clone(), certificates, device, call };
    let watching = tokio::spawn(watch.run(async move || {
        if let Some(file) = &first_password {
            adopt(&app, file).await;
        }
        take_left_users(&app).await;
    }));
    let (stop, stopped) = watch::channel(false);
    let mut end = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("ending");
        stop.send_replace(true);
    });
    for listener in &for_page {
        info!(address = %listener.local_addr()?, "serving the page");
    }
    if let Err(fault) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        warn!(%fault, "systemd can't be told that the page is ready");
    }
    for listener in for_figures {
        info!(address = %listener.local_addr()?, "telling figures");
        tokio::spawn(metrics::serve(listener, daemon.clone(), stopped.clone()));
    }
    let serve =
        |listener| serve::serve(listener, Arc::clone(&config), router.clone(), stopped.clone());
    join_all(for_page.into_iter().map(serve)).await;
    watching.abort();
    looking.abort();
    Ok(())
}

/// The socket that systemd hands over at a place, the one of the command line, or both.
async fn listeners(
    handed: &mut ListenFd,
    place: usize,
    address: Option<SocketAddr>,
) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    if handed.len() > place {
        let handed =
            handed.take_tcp_listener(place).context("what systemd handed over is no TCP socket")?;
        if let Some(handed) = handed {
            handed.set_nonblocking(true)?;
            listeners.push(TcpListener::from_std(handed)?);
        }
    }
    if let Some(address) = address {
        let listener = TcpListener::bind(address).await;
        listeners.push(listener.with_context(|| format!("can't listen on {address}"))?);
    }
    Ok(listeners)
}

/// Takes a new first password, where there is one.
async fn adopt(app: &App, file: &Path) {
    let (users, path) = (app.users.clone(), file.to_owned());
    let adopted = spawn_blocking(move || users.adopt(&path, Timestamp::now())).await;
    match adopted {
        Ok(Ok(false)) => return,
        Ok(Ok(true)) => {}
        Ok(Err(fault)) => return error!(%fault, "the first password can't be taken"),
        Err(fault) => return error!(%fault, "the first password can't be taken"),
    }
    info!("the first password is in force; it has to be changed when it is used");
    app.sessions.end_all_of(ADMIN, None);
    record(app, "first-password", Some(ADMIN.to_owned()), None).await;
}

/// Takes a backup's users, where root has left some.
async fn take_left_users(app: &App) {
    let (users, state) = (app.users.clone(), app.state.clone());
    let taken = spawn_blocking(move || users.take_left(&state)).await;
    let Taken { users, others } = match taken {
        Ok(Ok(None)) => return,
        Ok(Ok(Some(taken))) => taken,
        Ok(Err(fault)) => return error!(%fault, "the users of a backup can't be taken"),
        Err(fault) => return error!(%fault, "the users of a backup can't be taken"),
    };
    info!("the users of a backup are in force");
    for name in &others {
        app.sessions.end_all_of(name, None);
    }
    record(app, "users-of-backup", None, Some(json!({ "users": users }))).await;
}

/// Records what root did at the box.
async fn record(app: &App, what: &str, about: Option<String>, after: Option<Value>) {
    let event = Event {
        user: None,
        role: None,
        from: None,
        what: what.to_owned(),
        result: Outcome::Done,
        about,
        before: None,
        after,
    };
    // The trail has said why not.
    let _ = audit::append(app, event).await;
}
