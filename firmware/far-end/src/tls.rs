//! Certificate and key of the services over TLS.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// The first byte of a client that begins with TLS: a record of its handshake (RFC 8446, 5.1), which no request of HTTP looks
/// like.
pub const HANDSHAKE: u8 = 22;

/// What speaks TLS 1.2 and 1.3 as the server of a certificate. Whether anybody would trust it is not looked at: a far end
/// also plays servers that nobody should.
///
/// # Errors
/// A file can't be read, is no PEM, or the key is another certificate's.
pub fn server(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("read the certificate {} (PEM)", certificate.display()))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("read the key {} (PEM)", key.display()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("choose versions of TLS")?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .with_context(|| {
            let (certificate, key) = (certificate.display(), key.display());
            format!("use the certificate {certificate} with the key {key} (does it belong to it?)")
        })?;
    Ok(Arc::new(config))
}
