//! The local page in the device's place, as the box starts it.

use std::{fs, net::Ipv4Addr, path::Path};

use anyhow::Context;

use crate::{
    enter::Door,
    lab::{FOLDER, Lab, listening},
    process::Process,
    site,
};

/// The port of the figures.
const FIGURES: u16 = sekisho_design::Metrics::PORT;
/// The port of the page.
const HTTPS: u16 = 443;
/// The page's own files.
const STATE: &str = "page";
/// The hash of the administrator's first password, as the console of a box writes it.
const HASH: &str = "first-password.phc";

/// What its unit gives it of the processor (`CPUWeight=20`, as far as a process has that without a unit), and says of memory.
const AS_ITS_UNIT: &str = "nice -n 7 env MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072";

/// The running page.
#[derive(Debug)]
pub struct Page {
    process: Process,
    address: Ipv4Addr,
}

impl Page {
    /// Starts it and waits until it listens, on every address of the device: who gets there is the packet filter's business.
    ///
    /// With a door it is open to the machine outside too.
    pub(crate) fn start(lab: &Lab, address: Ipv4Addr, door: Option<Door>) -> anyhow::Result<Self> {
        let state = Path::new(FOLDER).join(STATE);
        fs::create_dir_all(&state).with_context(|| state.display().to_string())?;
        let (state, control) = (state.display().to_string(), lab.socket().display().to_string());
        let (binary, hash) = (lab.binary("sekisho-web")?, site::key_path(HASH));
        let listen = format!("{}:{HTTPS}", Ipv4Addr::UNSPECIFIED);
        let metrics = format!("{}:{FIGURES}", Ipv4Addr::UNSPECIFIED);
        let hash = hash.display().to_string();
        let key = site::key_path("operator.pub").display().to_string();
        let words = [
            ["--listen", &*listen],
            ["--metrics", &*metrics],
            ["--control", &control],
            ["--state", &state],
            ["--operator-key", &key],
            ["--first-password-hash", &hash],
        ]
        .concat();
        // As systemd hands a socket over.
        let open = door.map_or_else(String::new, |door| {
            format!("exec 3<&{}; export LISTEN_PID=$$ LISTEN_FDS=1; ", door.descriptor)
        });
        let script = format!(r#"{open}exec {AS_ITS_UNIT} "$0" "$@""#);
        let words = [&["bash", "-c", &script, &binary][..], &words].concat();
        let host = lab.host("gateway");
        let process = host.spawn("sekisho-web", &words)?;
        let process = listening(process, host, "tcp", (Ipv4Addr::UNSPECIFIED, HTTPS))?;
        let process = listening(process, host, "tcp", (Ipv4Addr::UNSPECIFIED, FIGURES))?;
        Ok(Self { process, address })
    }

    /// The administrator's first password.
    pub fn first_password() -> anyhow::Result<String> {
        Ok(site::key("first-password")?.trim().to_owned())
    }

    /// Where `clerk` finds it.
    pub fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
