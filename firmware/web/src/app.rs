//! What handlers have in common.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};

use crate::{
    access::LARGE,
    api::Arrivals,
    audit::Trail,
    design::Drafts,
    device::Daemon,
    live::Live,
    session::Sessions,
    tls::Certificates,
    update::Uploads,
    users::{Desk, Users},
};

/// Bytes of request bodies that are in memory at one time, for all connections together.
const BODIES: usize = 2 * LARGE;

/// Where the box has the operator's public key.
pub const OPERATOR_KEY: &str = "/etc/sekisho/operator.pub";

/// State of the page, cheap to clone. A handler asks for it with `State<App>`, or for a part with what the part's module offers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct App {
    /// The daemon's control socket.
    pub control: Arc<Path>,
    /// The page's own folder; each module has a file or folder of its own in it.
    pub state: Arc<Path>,
    /// Who is signed in. Whoever holds an answer open needn't look: the guard ends it with its session.
    pub sessions: Arc<Sessions>,
    /// Who may sign in.
    pub users: Arc<Users>,
    /// Where passwords are looked at, one at a time.
    pub desk: Arc<Desk>,
    /// Who did what. The guard writes it for every route that changes something; handlers add [`Note`](crate::audit::Note)s.
    pub trail: Arc<Trail>,
    /// The page's certificate, and so the names that it may be called by.
    pub certificates: Arc<Certificates>,
    /// The daemon: whom handlers ask.
    pub daemon: Daemon,
    /// What listeners get, and the history of the traffic.
    pub live: Arc<Live>,
    /// What the daemon said of the device last.
    pub device: watch::Receiver<Device>,
    /// The operator's public key, for checking profiles.
    pub operator_key: Arc<Path>,
    /// Updates that were sent.
    pub(crate) updates: Arc<Uploads>,
    /// Who edits the design.
    pub(crate) drafts: Arc<Drafts>,
    /// Who is awaited at a new address.
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) bodies: Arc<Semaphore>,
    call: Arc<Notify>,
    start: Instant,
}

/// What the page itself has to know of the device.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Device {
    /// Whether the daemon answers.
    pub reachable: bool,
    /// The generation in force.
    pub generation: u64,
    /// Whether the clock is led by a time server; none where nobody knows.
    pub synchronised: Option<bool>,
    /// Whether the image is one for trying out.
    pub development: bool,
}

impl App {
    /// Puts the parts together.
    pub fn new(
        control: &Path,
        state: &Path,
        users: Users,
        trail: Trail,
        certificates: Arc<Certificates>,
        device: watch::Receiver<Device>,
        call: Arc<Notify>,
    ) -> Self {
        Self {
            control: control.into(),
            state: state.into(),
            sessions: Arc::default(),
            users: Arc::new(users),
            desk: Arc::default(),
            trail: Arc::new(trail),
            certificates,
            daemon: Daemon::new(control),
            live: Arc::new(Live::open(state)),
            device,
            operator_key: Path::new(OPERATOR_KEY).into(),
            updates: Arc::new(Uploads::open(state)),
            drafts: Arc::default(),
            arrivals: Arc::default(),
            bodies: Arc::new(Semaphore::new(BODIES)),
            call,
            start: Instant::now(),
        }
    }

    /// The same with the operator's key elsewhere.
    #[must_use]
    pub fn operator_key(self, path: &Path) -> Self {
        Self { operator_key: path.into(), ..self }
    }

    /// Time since the page's start: what sessions and delays are measured by. Setting the wall clock doesn't touch it.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Something changed: the daemon is asked at once how the device is.
    pub fn look(&self) {
        self.call.notify_one();
    }
}
