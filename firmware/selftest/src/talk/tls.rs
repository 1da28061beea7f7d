//! A TLS session that is built up whatever is wrong with the host's certificate, so that all of it can be told.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use sekisho_design::Certificates;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
        SignatureScheme,
        client::{
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            verify_server_cert_signed_by_trust_anchor, verify_server_name,
        },
        crypto::{
            CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature,
            verify_tls13_signature,
        },
        pki_types::{CertificateDer, ServerName, UnixTime},
        server::ParsedCertificate,
    },
};

use super::{Broken, read_certificate};
use crate::probe::{Tls, TlsFault};

/// More certificates than any chain has.
const CHAIN: usize = 10;

/// Builds up a session.
pub(super) async fn handshake<S>(
    stream: S,
    name: Option<&str>,
    authority: Option<&Certificates>,
) -> Result<(TlsStream<S>, Tls), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let provider = Arc::new(ring::default_provider());
    let wanted = name.map(|name| ServerName::try_from(name.to_owned()));
    let wanted = wanted.transpose().map_err(|_| {
        Broken::Tls(Error::General("the name to ask for is no name of a host".to_owned()))
    })?;
    let witness = Arc::new(Witness::new(&provider, wanted.clone(), authority));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Broken::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    config.enable_sni = wanted.is_some();
    // Each session shows the whole chain, and none goes on where another ended.
    config.resumption = rustls::client::Resumption::disabled();
    // Where any name will do, this one is never sent.
    let sent = wanted.unwrap_or(ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()));
    let stream = TlsConnector::from(Arc::new(config)).connect(sent, stream).await;
    let stream = stream.map_err(broken)?;
    let version = stream.get_ref().1.protocol_version();
    let version = match version.map(|version| (version, version.as_str())) {
        Some((rustls::ProtocolVersion::TLSv1_3, _)) => "TLSv1.3",
        Some((rustls::ProtocolVersion::TLSv1_2, _)) => "TLSv1.2",
        Some((_, Some(other))) => other,
        Some((_, None)) | None => "TLS",
    };
    let Seen { chain, fault } = witness.take();
    Ok((stream, Tls { chain, fault, version: version.to_owned() }))
}

fn broken(error: std::io::Error) -> Broken {
    match error.get_ref().and_then(|source| source.downcast_ref::<Error>()) {
        Some(Error::InvalidMessage(_)) => Broken::NoTls,
        Some(tls) => Broken::Tls(tls.clone()),
        None => error.into(),
    }
}

/// Sees the host's chain, and lets it pass.
#[derive(Debug)]
struct Witness {
    algorithms: WebPkiSupportedAlgorithms,
    name: Option<ServerName<'static>>,
    /// Whom to trust; none where nobody is named.
    roots: Option<RootCertStore>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    chain: Vec<crate::probe::Certificate>,
    fault: Option<TlsFault>,
}

impl Witness {
    fn new(
        provider: &CryptoProvider,
        name: Option<ServerName<'static>>,
        authority: Option<&Certificates>,
    ) -> Self {
        let roots = authority.map(|authority| {
            let mut roots = RootCertStore::empty();
            let all = authority.der().map(|der| CertificateDer::from(der.to_vec()));
            // One that can't be read vouches for nobody, and that is what the answer then says.
            roots.add_parsable_certificates(all);
            roots
        });
        let algorithms = provider.signature_verification_algorithms;
        Self { algorithms, name, roots, seen: Mutex::default() }
    }

    fn take(&self) -> Seen {
        mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn judge(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), TlsFault> {
        let parsed = ParsedCertificate::try_from(own).map_err(|error| fault(&error))?;
        match &self.roots {
            Some(roots) => {
                let all = self.algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, all)
                    .map_err(|error| fault(&error))?;
            }
            None => in_time(own, now)?,
        }
        match &self.name {
            Some(name) => verify_server_name(&parsed, name).map_err(|error| fault(&error)),
            None => Ok(()),
        }
    }
}

/// What is left to judge where nobody is trusted: whether the host's own certificate is in time.
fn in_time(own: &CertificateDer<'_>, now: UnixTime) -> Result<(), TlsFault> {
    let Some(certificate) = read_certificate(own) else {
        return Err(TlsFault::Other("a certificate that can't be read".to_owned()));
    };
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > certificate.until.as_second() {
        Err(TlsFault::Expired)
    } else if now < certificate.from.as_second() {
        Err(TlsFault::NotYet)
    } else {
        Ok(())
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls knows more faults with every release")]
fn fault(error: &Error) -> TlsFault {
    let Error::InvalidCertificate(fault) = error else {
        return TlsFault::Other(error.to_string());
    };
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFault::NotYet
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFault::WrongName
        }
        // An authority of the same name with another key: its signature doesn't fit.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
        _ => TlsFault::Other(error.to_string()),
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(own).chain(others).take(CHAIN);
        let chain = chain.filter_map(|der| read_certificate(der)).collect();
        let fault = self.judge(own, others, now).err();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen { chain, fault };
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
