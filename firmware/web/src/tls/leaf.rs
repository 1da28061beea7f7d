//! The page's key, its request for a certificate, and the files of both.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use sekisho_control::{FIRST_CONTACT, PAGE_NAMES};
use sekisho_host::{HostError, files};
use tokio_rustls::rustls::{
    self,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_cert::{
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::{Current, Names, pem, provider};

/// The largest file that is read.
const LARGEST: u64 = 64 << 10;

/// How many days a stop-gap is for; another one is made at the next start.
const STOP_GAP_DAYS: i64 = 397;

/// Why a key or certificate can't serve.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The disk refuses.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The key's file holds none.
    #[error("{} holds no private key; remove it, and the page makes another", .0.display())]
    NoKey(PathBuf),
    /// What should be a chain is none.
    #[error("the chain can't be read: {0}")]
    Chain(String),
    /// The certificate is for another key.
    #[error("the certificate doesn't fit the page's key")]
    OtherKey(#[source] rustls::Error),
    /// A key, request or certificate can't be made.
    #[error("a key or certificate can't be made")]
    Crypto(#[from] rcgen::Error),
}

/// The page's key.
pub(super) struct Leaf {
    state: PathBuf,
    key: KeyPair,
}

impl Leaf {
    pub(super) fn open(state: &Path) -> Result<Self, Fault> {
        let path = state.join("leaf.key");
        let key = if path.exists() {
            let text = files::read_secret(&path, LARGEST)?;
            let unreadable = |_| Fault::NoKey(path.clone());
            let der =
                PrivateKeyDer::from_pem_slice(&text).map_err(|_| Fault::NoKey(path.clone()))?;
            KeyPair::try_from(der.secret_der()).map_err(unreadable)?
        } else {
            let key = KeyPair::generate()?;
            let text = pem::write("PRIVATE KEY", key.serialized_der());
            files::create_secret(&path, text.as_bytes())?;
            key
        };
        Ok(Self { state: state.to_owned(), key })
    }

    fn chain_file(&self) -> PathBuf {
        self.state.join("leaf.pem")
    }

    /// The certificate on the disk; none where there is none.
    pub(super) fn kept(&self) -> Result<Option<Current>, Fault> {
        let path = self.chain_file();
        if !path.exists() {
            return Ok(None);
        }
        let bytes = files::read(&path, LARGEST)?;
        self.read_chain(&String::from_utf8_lossy(&bytes)).map(Some)
    }

    pub(super) fn keep(&self, chain: &str) -> Result<(), Fault> {
        Ok(files::write(&self.chain_file(), chain.as_bytes(), 0o644)?)
    }

    pub(super) fn request(&self) -> Result<String, Fault> {
        let request = named(&[])?.serialize_request(&self.key)?;
        Ok(pem::write("CERTIFICATE REQUEST", request.der()))
    }

    /// A certificate that nobody signed, so that there is a page at all.
    pub(super) fn stop_gap(&self) -> Result<Current, Fault> {
        let first = FIRST_CONTACT.to_string();
        let mut params = named(&[&[&*first], &PAGE_NAMES[..]].concat())?;
        let now = Timestamp::now();
        let day = |days: i64| {
            let (year, month, day) = date(now, days);
            rcgen::date_time_ymd(year, month, day)
        };
        // A clock that is a day off mustn't make it one of the future.
        (params.not_before, params.not_after) = (day(-1), day(STOP_GAP_DAYS - 1));
        let made = params.self_signed(&self.key)?;
        self.serve(vec![made.der().clone()])
    }

    /// A chain of the daemon's: leaf, then CA.
    pub(super) fn read_chain(&self, chain: &str) -> Result<Current, Fault> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let chain = chain.map_err(|error| Fault::Chain(error.to_string()))?;
        if chain.len() < 2 {
            return Err(Fault::Chain("it should have a leaf and a CA".to_owned()));
        }
        self.serve(chain)
    }

    fn serve(&self, chain: Vec<CertificateDer<'static>>) -> Result<Current, Fault> {
        let leaf = chain.first().ok_or_else(|| Fault::Chain("it is empty".to_owned()))?;
        let (names, not_after) = read(leaf)?;
        let ca = chain.get(1..).and_then(<[_]>::last).map(|ca| pem::write("CERTIFICATE", ca));
        let key = PrivateKeyDer::try_from(self.key.serialize_der());
        let key = key.map_err(|words| Fault::Chain(words.to_owned()))?;
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(Fault::OtherKey)?;
        Ok(Current { key: Arc::new(key), names, not_after, ca })
    }
}

fn named(names: &[&str]) -> Result<CertificateParams, Fault> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Sekisho");
    Ok(params)
}

fn date(now: Timestamp, days: i64) -> (i32, u8, u8) {
    let then = now.saturating_add(jiff::SignedDuration::from_hours(24 * days)).unwrap_or(now);
    let date = then.to_zoned(jiff::tz::TimeZone::UTC).date();
    let small = |part: i8| u8::try_from(part).unwrap_or(1);
    (i32::from(date.year()), small(date.month()), small(date.day()))
}

/// A certificate's names and its end.
fn read(leaf: &CertificateDer<'_>) -> Result<(Names, Timestamp), Fault> {
    let malformed = |words: &str| Fault::Chain(words.to_owned());
    let read =
        x509_cert::Certificate::from_der(leaf).map_err(|error| Fault::Chain(error.to_string()))?;
    let read = read.tbs_certificate();
    let end = read.validity().not_after.to_unix_duration().as_secs();
    let end = i64::try_from(end).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let end = end.ok_or_else(|| malformed("its end is no time"))?;
    let found = read.get_extension::<SubjectAltName>();
    let found = found.map_err(|error| Fault::Chain(error.to_string()))?;
    let mut names = Names::default();
    for name in found.map(|(_, SubjectAltName(names))| names).unwrap_or_default() {
        match name {
            GeneralName::DnsName(name) => {
                names.hosts.insert(name.as_str().to_lowercase());
            }
            GeneralName::IpAddress(address) => {
                names.addresses.extend(ip(address.as_bytes()));
            }
            GeneralName::OtherName(_)
            | GeneralName::Rfc822Name(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::UniformResourceIdentifier(_)
            | GeneralName::RegisteredId(_) => {}
        }
    }
    Ok((names, end))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|four| Ipv4Addr::from(four).into());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|six| Ipv6Addr::from(six).into())).ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use jiff::SignedDuration;

    use super::{super::Certificates, *};

    /// What the daemon does.
    pub(in crate::tls) fn sign(key: &KeyPair, names: &[&str]) -> String {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        let ca_der = ca.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::from_params(&ca, &ca_key);
        let leaf = named(names).unwrap().signed_by(key, &issuer).unwrap();
        [leaf.der(), ca_der.der()].map(|der| pem::write("CERTIFICATE", der)).concat()
    }

    #[test]
    fn a_stop_gap_serves_until_the_daemon_signs() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::open(folder.path()).unwrap();
        let current = certificates.current();
        let now = Timestamp::now();
        assert!(current.is_stop_gap() && current.is_old(now));
        assert!(current.names.addresses.contains(&IpAddr::from([172, 29, 113, 1])));
        assert!(current.names.hosts.contains("sekisho.internal"));
        assert!(
            certificates.request().unwrap().starts_with("-----BEGIN CERTIFICATE REQUEST-----\n")
        );

        let chain = sign(&certificates.leaf.key, &["10.1.2.3", "Sekisho"]);
        certificates.take(&chain).unwrap();
        let signed = certificates.current();
        assert!(!signed.is_stop_gap() && !signed.is_old(now));
        assert!(
            signed.is_old(signed.not_after.saturating_sub(SignedDuration::from_hours(24)).unwrap())
        );
        assert_eq!(signed.names.hosts, ["sekisho".to_owned()].into());
        let other = sign(&certificates.leaf.key, &["sekisho"]);
        let of = |chain: &str| certificates.leaf.read_chain(chain).unwrap().ca.unwrap();
        assert!(signed.is_of(&of(&chain)) && !signed.is_of(&of(&other)));
        assert!(!signed.is_of("nonsense") && !current.is_of(&of(&chain)));

        let again = Certificates::open(folder.path()).unwrap().current();
        assert_eq!(
            (again.names.clone(), again.ca.clone()),
            (signed.names.clone(), signed.ca.clone())
        );
        let mode = fs::metadata(folder.path().join("leaf.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_doesnt_fit_isnt_served() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::open(folder.path()).unwrap();
        let other = sign(&KeyPair::generate().unwrap(), &["10.1.2.3"]);
        assert!(matches!(certificates.take(&other), Err(Fault::OtherKey(_))));
        assert!(matches!(certificates.take("nonsense"), Err(Fault::Chain(_))));
        assert!(certificates.current().is_stop_gap());
        fs::write(folder.path().join("leaf.pem"), other).unwrap();
        assert!(Certificates::open(folder.path()).unwrap().current().is_stop_gap());
        files::write(&folder.path().join("leaf.key"), b"damaged", 0o600).unwrap();
        assert!(matches!(Certificates::open(folder.path()), Err(Fault::NoKey(_))));
        assert!(Certificates::open(Path::new("/proc/none")).is_err());
    }
}
