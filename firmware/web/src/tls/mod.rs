//! The page's certificate and the rules of its TLS.
//!
//! The key is made here and stays here. The daemon, which has the CA, signs a request for it and chooses the names. [`watch`] asks
//! anew when another generation is in force, the daemon has another CA or the certificate's end comes near; while the daemon is away the kept one serves, and
//! where there is none, a stop-gap that nobody signed.
//!
//! ```text
//! leaf.key   PKCS #8 PEM, mode 0600; made once
//! leaf.pem   the leaf, then the CA
//! ```

mod ask;
mod leaf;
mod pem;
pub mod watch;

use std::{
    collections::BTreeSet,
    fmt,
    net::IpAddr,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

pub use self::leaf::Fault;
use self::leaf::Leaf;

/// How long before its end a certificate is renewed.
const AHEAD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What the page is called: the names of its certificate.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Names {
    /// Its addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Its host names, in lower case.
    pub hosts: BTreeSet<String>,
}

/// A certificate that serves.
#[derive(Debug)]
pub struct Current {
    key: Arc<CertifiedKey>,
    /// What it is for.
    pub names: Names,
    /// When it ends.
    pub not_after: Timestamp,
    /// The CA's certificate as PEM; none of a stop-gap.
    pub ca: Option<String>,
}

impl Current {
    /// Whether nobody signed it.
    pub fn is_stop_gap(&self) -> bool {
        self.ca.is_none()
    }

    /// Whether this CA, as PEM, signed it.
    pub fn is_of(&self, ca: &str) -> bool {
        let ca = CertificateDer::from_pem_slice(ca.as_bytes());
        !self.is_stop_gap() && ca.is_ok_and(|ca| self.key.cert.last() == Some(&ca))
    }

    /// Whether it ends soon, or nobody signed it.
    pub fn is_old(&self, now: Timestamp) -> bool {
        self.is_stop_gap() || now.saturating_add(AHEAD).is_ok_and(|then| then >= self.not_after)
    }
}

/// The page's key and the certificate that serves.
pub struct Certificates {
    leaf: Leaf,
    current: RwLock<Arc<Current>>,
}

impl Certificates {
    /// Takes the key and the certificate of a folder, or makes a key and a stop-gap.
    ///
    /// # Errors
    /// [`Fault`] where there is no key and none can be kept.
    pub fn open(state: &Path) -> Result<Self, Fault> {
        let leaf = Leaf::open(state)?;
        let current = match leaf.kept() {
            Ok(Some(kept)) => kept,
            Ok(None) => leaf.stop_gap()?,
            Err(fault) => {
                tracing::warn!(%fault, "the kept certificate can't serve; a stop-gap does until the daemon signs another");
                leaf.stop_gap()?
            }
        };
        Ok(Self { leaf, current: RwLock::new(Arc::new(current)) })
    }

    /// What serves now.
    pub fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The request for a certificate, as PEM.
    ///
    /// # Errors
    /// [`Fault::Crypto`].
    pub fn request(&self) -> Result<String, Fault> {
        self.leaf.request()
    }

    /// Keeps a chain that the daemon gave (leaf, then CA) and serves it from now on.
    ///
    /// # Errors
    /// [`Fault`] where it isn't for this key; the one before serves on. A disk that refuses is only logged.
    pub fn take(&self, chain: &str) -> Result<(), Fault> {
        let current = self.leaf.read_chain(chain)?;
        if let Err(fault) = self.leaf.keep(chain) {
            tracing::warn!(%fault, "the certificate serves, but isn't kept");
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        Ok(())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("current", &self.current()).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().key))
    }
}

/// The cryptography that is used, for this process's own server and for nothing else.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The server's rules: TLS 1.3 or 1.2, HTTP/1.1, tickets in memory only.
///
/// # Errors
/// Where the cryptography doesn't know these versions.
pub fn config(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new()?;
    Ok(Arc::new(config))
}
