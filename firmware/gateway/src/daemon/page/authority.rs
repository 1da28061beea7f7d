//! An authority of one key, kept in one file.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use sekisho_host::{HostError, files};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use tracing::info;

use crate::daemon::store::sha256;

const FILE: &str = "page-ca.pem";

/// The largest file that makes sense, in bytes.
const LARGEST: u64 = 1 << 14;

/// The earliest day that this program can run at. The authority is good from here on, so that a clock that was fast or slow
/// when it was made does no harm.
const FIRST_DAY: Date = jiff::civil::date(2025, 1, 1);

/// How long the authority is good for, in years: longer than the box.
const YEARS: i64 = 20;

/// How long a certificate is good for, in days: what browsers take at the longest.
const DAYS: i64 = 397;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Not a signing request, or not by the holder of its key.
    #[error("that is no request for a certificate: {0}")]
    Request(rcgen::Error),
    /// The disk refuses.
    #[error(transparent)]
    File(#[from] HostError),
    /// What is kept isn't an authority.
    #[error("{} holds no certificate authority", .0.display())]
    Damaged(PathBuf),
    /// The clock shows no day that a certificate could bear.
    #[error("the clock shows a time that no certificate can bear")]
    Time(#[from] jiff::Error),
    /// No random numbers, or no signature.
    #[error("no certificate can be made: {0}")]
    Crypto(rcgen::Error),
}

/// The authority.
pub(super) struct Authority {
    /// Its certificate, as browsers take it.
    pub(super) pem: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The one of this folder; made where there is none.
    pub(super) fn of(state: &Path, now: Timestamp) -> Result<Self, Fault> {
        let path = state.join(FILE);
        if !path.exists() {
            files::create_secret(&path, made(now)?.as_bytes())?;
            info!("made the certificate authority of the local page");
        }
        let kept = files::read_secret(&path, LARGEST)?;
        read(&kept).ok_or(Fault::Damaged(path))
    }

    /// The one of this folder as it is kept, key and certificate; none where none was ever made.
    pub(super) fn kept(state: &Path) -> Result<Option<String>, Fault> {
        let path = state.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let kept = files::read_secret(&path, LARGEST)?;
        read(&kept).ok_or_else(|| Fault::Damaged(path.clone()))?;
        String::from_utf8(kept).map(Some).map_err(|_| Fault::Damaged(path))
    }

    /// Puts another one in its place, as [`Authority::kept`] gave it.
    pub(super) fn take(state: &Path, kept: &str) -> Result<(), Fault> {
        let path = state.join(FILE);
        read(kept.as_bytes()).ok_or_else(|| Fault::Damaged(path.clone()))?;
        Ok(files::write(&path, kept.as_bytes(), 0o600)?)
    }

    /// SHA-256 of its certificate.
    pub(super) fn fingerprint(&self) -> String {
        sha256(&self.certificate)
    }

    /// Signs a certificate for a server of these names and addresses, and of the request's key. Its end comes with it.
    pub(super) fn sign(
        &self,
        csr: &str,
        names: &[&str],
        addresses: &[Ipv4Addr],
        now: Timestamp,
    ) -> Result<(String, Timestamp), Fault> {
        // This proves that the sender holds the key, and is all that is taken of the request.
        let asked = CertificateSigningRequestParams::from_pem(csr).map_err(Fault::Request)?;
        let today = now.to_zoned(TimeZone::UTC).date();
        let (begin, end) = (today.checked_sub(1.day())?, today.checked_add(DAYS.days())?);
        let mut params = CertificateParams::default();
        params.distinguished_name = called(names.first().copied().unwrap_or("Sekisho"));
        let addresses = addresses.iter().map(|address| SanType::IpAddress((*address).into()));
        let names: Vec<_> = names
            .iter()
            .map(|name| (*name).try_into().map(SanType::DnsName))
            .collect::<Result<_, _>>()
            .map_err(Fault::Crypto)?;
        params.subject_alt_names = names.into_iter().chain(addresses).collect();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        last(&mut params, begin, end);
        let leaf = params.signed_by(&asked.public_key, &self.issuer).map_err(Fault::Crypto)?;
        let not_after = end.to_zoned(TimeZone::UTC)?.timestamp();
        Ok((leaf.pem(), not_after))
    }
}

/// A new authority, as it is kept.
fn made(now: Timestamp) -> Result<String, Fault> {
    let key = KeyPair::generate().map_err(Fault::Crypto)?;
    let today = now.to_zoned(TimeZone::UTC).date().max(FIRST_DAY);
    let mut params = CertificateParams::default();
    params.distinguished_name = called("Sekisho local page");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    last(&mut params, FIRST_DAY, today.checked_add(YEARS.years())?);
    let certificate = params.self_signed(&key).map_err(Fault::Crypto)?;
    Ok(key.serialize_pem() + &certificate.pem())
}

fn read(kept: &[u8]) -> Option<Authority> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(kept).ok()?;
    let certificate = CertificateDer::from_pem_slice(kept).ok()?;
    let key = KeyPair::try_from(&key).ok()?;
    let issuer = Issuer::from_ca_cert_der(&certificate, key).ok()?;
    let pem = std::str::from_utf8(kept).ok()?;
    let pem = pem[pem.find("-----BEGIN CERTIFICATE-----")?..].to_owned();
    Some(Authority { pem, certificate, issuer })
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

/// From the beginning of one day to that of another.
fn last(params: &mut CertificateParams, from: Date, to: Date) {
    let moment = |day: Date| {
        date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (moment(from), moment(to));
}

#[cfg(test)]
#[path = "authority/tests.rs"]
mod tests;
