//! What the local page needs of the daemon: a certificate that the device's own authority has signed.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a box without a design is reached, on its maintenance port.
pub const FIRST_CONTACT: Ipv4Addr = Ipv4Addr::new(172, 29, 113, 1);

/// Names that an office may give the device in its own DNS; the page's certificate is for them too.
pub const PAGE_NAMES: [&str; 2] = ["sekisho", "sekisho.internal"];

/// A request for the page's certificate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CertificateRequest {
    /// A certificate signing request (PKCS #10, PEM). It brings the page's public key and the proof that the page holds its
    /// private half; what it asks for beyond that is not looked at.
    pub csr: String,
}

/// The page's certificate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PageCertificate {
    /// It and, behind it, the authority's own, as a server shows them (PEM).
    pub chain: String,
    /// Who has signed it.
    #[serde(flatten)]
    pub authority: PageAuthority,
    /// The addresses that it is for: all that the page can be reached at.
    pub addresses: Vec<Ipv4Addr>,
    /// When it ends.
    pub not_after: Timestamp,
}

/// The device's own certificate authority. It signs the page's certificate and nothing else.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PageAuthority {
    /// Its certificate (PEM), for installing in browsers.
    pub ca: String,
    /// SHA-256 of its certificate in hexadecimal digits: what the console shows, for comparing.
    pub fingerprint: String,
}
