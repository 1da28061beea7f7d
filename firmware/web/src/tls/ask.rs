//! The questions that the page itself has for the daemon.

use sekisho_control::{
    CertificateRequest, PAGE_AUTHORITY, PAGE_CERTIFICATE, PageAuthority, STATUS, Status,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::device::{self, Answer, Daemon};

/// Why there is nothing to go by.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// No answer.
    #[error(transparent)]
    NoAnswer(#[from] device::Fault),
    /// The daemon says no.
    #[error("the daemon refuses ({status}): {message}")]
    Refused { status: u16, message: String },
}

#[derive(Deserialize)]
struct Signed {
    chain: String,
}

#[derive(Default, Deserialize)]
struct Failed {
    message: String,
}

/// How the device is.
pub(super) async fn status(daemon: &Daemon) -> Result<Status, Fault> {
    read(daemon.get(STATUS).await?)
}

/// The CA that signs, as PEM.
pub(super) async fn authority(daemon: &Daemon) -> Result<String, Fault> {
    let PageAuthority { ca, .. } = read(daemon.get(PAGE_AUTHORITY).await?)?;
    Ok(ca)
}

/// The chain for a request.
pub(super) async fn certificate(daemon: &Daemon, csr: String) -> Result<String, Fault> {
    let request = serde_json::json!(CertificateRequest { csr }).to_string();
    let Signed { chain } = read(daemon.post(PAGE_CERTIFICATE, request).await?)?;
    Ok(chain)
}

fn read<T: DeserializeOwned>(answer: Answer) -> Result<T, Fault> {
    answer.read().map_err(|refused: Answer| {
        let Failed { message } = serde_json::from_slice(&refused.body).unwrap_or_default();
        Fault::Refused { status: refused.status.as_u16(), message }
    })
}
