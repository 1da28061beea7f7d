//! The page with its users, on a port of this machine.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, sync::Arc, time::Duration};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version, password_hash::SaltString};
use jiff::Timestamp;
use sekisho_web::{
    App, access,
    app::Device,
    assets::Assets,
    audit::{Limits, Trail},
    live, router, serve, session,
    tls::{self, Certificates, watch::Watch},
    users::Users,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    time::timeout,
};

use crate::{client::Client, daemon::Daemon};

/// Every wait of these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The password of all users of the stage.
pub(crate) const PASSWORD: &str = "through the gate";

pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) app: App,
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) address: SocketAddr,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) served: tokio::task::JoinHandle<()>,
}

impl Stage {
    /// One with a user for each role, called as the role, and `newcomer`, who has to change the password.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        let users = state.join("users.json");
        fs::write(&users, people().to_string()).unwrap();
        fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).unwrap();
        let control = state.join("control.sock");
        let daemon = Daemon::start(&control);

        let certificates = Arc::new(Certificates::open(state).unwrap());
        let (device, seen) = watch::channel(Device::default());
        let call = Arc::new(Notify::new());
        let app = App::new(
            &control,
            state,
            Users::open(state).unwrap(),
            Trail::open(&state.join("audit"), Limits::USUAL),
            Arc::clone(&certificates),
            seen,
            Arc::clone(&call),
        )
        .operator_key("../../tests/lab/keys/operator.pub".as_ref());
        let assets = Assets::Folder(Arc::new(state.join("none")));
        let router = router::build(&app, &access::table(), router::handlers(), assets).unwrap();
        let config = tls::config(Arc::clone(&certificates)).unwrap();
        tokio::spawn(live::watch(app.clone()));
        tokio::spawn(
            Watch { daemon: app.daemon.clone(), certificates, device, call }.run(async || {}),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let served = tokio::spawn(serve::serve(listener, config, router, stopped));
        let page = Self { folder, app, daemon, address, stop, served };
        page.until(|page| !page.app.certificates.current().is_stop_gap()).await;
        page
    }

    /// A browser that nobody has signed in with.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, self.daemon.ca_der())
    }

    /// A browser in which this user is signed in.
    pub(crate) async fn signed_in(&self, user: &str) -> Client {
        let mut client = self.client();
        let answer = client.sign_in(user, PASSWORD, None).await;
        assert_eq!(answer.status, 200, "{user}: {}", answer.body);
        client
    }

    pub(crate) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap();
    }

    /// What the trail says of a request, the newest first: how it ended, and who asked.
    pub(crate) fn trail(&self, what: &str) -> Vec<(Value, Value)> {
        let page = self.app.trail.page(&sekisho_web::audit::Wish::default()).unwrap();
        let records = page.records.iter().map(|record| serde_json::to_value(record).unwrap());
        let of = records.filter(|record| record["what"] == what);
        of.map(|record| (record["result"].clone(), record["user"].clone())).collect()
    }
}

fn people() -> Value {
    let hash = hash(PASSWORD);
    let user = |role: &str| {
        json!({
            "role": role,
            "hash": hash,
            "changed_at": Timestamp::now(),
            "must_change": false,
        })
    };
    let mut users = json!({});
    for role in access::Role::ALL {
        users[role.name()] = user(role.name());
    }
    let tomorrow = jiff::SignedDuration::from_hours(23);
    users["engineer"]["until"] = json!(Timestamp::now().saturating_add(tomorrow).unwrap());
    users["newcomer"] = user("administrator");
    users["newcomer"]["must_change"] = true.into();
    json!({ "schema": 1, "users": users })
}

/// A hash that costs next to nothing.
fn hash(password: &str) -> String {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt = SaltString::encode_b64(b"salt of the test").unwrap();
    argon.hash_password(password.as_bytes(), &salt).unwrap().to_string()
}

/// So that the longest idle time is what the page tells.
pub(crate) const IDLE_S: u64 = session::IDLE.as_secs();
