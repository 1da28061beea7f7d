//! The device's own certificate authority, which signs the local page's certificate and nothing else (R65).
//!
//! The page holds the key of its certificate, the daemon that of the authority: whoever breaks into the page can't sign for
//! another name, and a browser that trusts the authority goes on trusting when the page's certificate changes. The authority is
//! made with the first request and stays the device's own until a factory reset.
//!
//! ```text
//! STATE/page-ca.pem   its key (PKCS #8), then its certificate
//! ```

mod authority;

use std::{net::Ipv4Addr, path::Path};

use jiff::Timestamp;
use sekisho_control::{
    CertificateRequest, FIRST_CONTACT, Failure, FailureKind, PAGE_NAMES, PageAuthority,
    PageCertificate,
};
use sekisho_design::Design;

use self::authority::{Authority, Fault};

/// Where the page can be reached while this design is in force; none is before the first apply.
pub(super) fn addresses(design: Option<&Design>) -> Vec<Ipv4Addr> {
    design.map_or_else(|| vec![FIRST_CONTACT], Design::page_addresses)
}

/// A certificate for the page.
pub(super) fn certificate(
    state: &Path,
    request: &CertificateRequest,
    addresses: Vec<Ipv4Addr>,
    now: Timestamp,
) -> Result<PageCertificate, Failure> {
    let authority = Authority::of(state, now)?;
    let (leaf, not_after) = authority.sign(&request.csr, &PAGE_NAMES, &addresses, now)?;
    let authority = told(&authority);
    Ok(PageCertificate { chain: leaf + &authority.ca, authority, addresses, not_after })
}

/// The authority.
pub(super) fn authority(state: &Path, now: Timestamp) -> Result<PageAuthority, Failure> {
    Ok(told(&Authority::of(state, now)?))
}

/// The authority with its key, for a backup; none where none was ever made.
pub(super) fn kept_authority(state: &Path) -> Result<Option<String>, Failure> {
    Ok(Authority::kept(state)?)
}

/// Takes the authority of a backup over.
pub(super) fn take_authority(state: &Path, kept: &str) -> Result<(), Failure> {
    Ok(Authority::take(state, kept)?)
}

fn told(authority: &Authority) -> PageAuthority {
    PageAuthority { ca: authority.pem.clone(), fingerprint: authority.fingerprint() }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let (kind, way_out) = match &fault {
            Fault::Request(_) => (FailureKind::Malformed, None),
            Fault::File(_) | Fault::Crypto(_) | Fault::Time(_) => (FailureKind::Device, None),
            Fault::Damaged(path) => {
                let way_out = format!(
                    "restore {} from a backup; or remove it, and have every browser that trusts the device take its new authority",
                    path.display()
                );
                (FailureKind::Device, Some(way_out))
            }
        };
        Self { kind, message: fault.to_string(), way_out, both: None, problems: Vec::new() }
    }
}
