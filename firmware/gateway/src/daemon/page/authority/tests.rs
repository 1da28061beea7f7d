use std::{fs, io, net::IpAddr, os::unix::fs::PermissionsExt as _, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, ServerName},
};

use super::*;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 254, 1);

/// A page's key and its request, which asks for more than it gets.
fn page() -> (KeyPair, String) {
    let key = KeyPair::generate().unwrap();
    let greedy = CertificateParams::new(["bank.example".to_owned()]).unwrap();
    let csr = greedy.serialize_request(&key).unwrap().pem().unwrap();
    (key, csr)
}

/// What a client that trusts the authority says of a server with this chain.
fn shakes_hands(authority: &str, chain: &str, key: &KeyPair, name: &str) -> io::Result<()> {
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire)?;
        }
        server.read_tls(&mut &wire[..])?;
        server.process_new_packets().map_err(io::Error::other)?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire)?;
        }
        client.read_tls(&mut &wire[..])?;
        client.process_new_packets().map_err(io::Error::other)?;
    }
    Ok(())
}

#[test]
fn the_page_is_believed_where_it_is_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::now();
    let authority = Authority::of(folder.path(), now).unwrap();
    let (key, csr) = page();
    let (leaf, not_after) = authority.sign(&csr, &["sekisho"], &[ADDRESS], now).unwrap();
    let days = not_after.duration_since(now).as_hours() / 24;
    assert!((DAYS - 1..=DAYS).contains(&days), "{days} days");
    let chain = leaf + &authority.pem;
    for name in ["sekisho", "192.168.254.1"] {
        shakes_hands(&authority.pem, &chain, &key, name).unwrap();
    }
    for name in ["bank.example", "192.168.254.2"] {
        let fault = shakes_hands(&authority.pem, &chain, &key, name).unwrap_err().to_string();
        assert!(fault.contains("not valid for name"), "{name}: {fault}");
    }
    let other = Authority::of(tempfile::tempdir().unwrap().path(), now).unwrap();
    assert!(shakes_hands(&other.pem, &chain, &key, "sekisho").is_err(), "another device's");
    assert_ne!(other.fingerprint(), authority.fingerprint());
}

#[test]
fn the_authority_stays_and_nobody_else_reads_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let first = Authority::of(folder.path(), Timestamp::now()).unwrap();
    let again = Authority::of(folder.path(), Timestamp::now()).unwrap();
    assert_eq!((&first.pem, first.fingerprint()), (&again.pem, again.fingerprint()));
    assert!(!first.pem.contains("PRIVATE KEY"));
    let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (key, csr) = page();
    let address: IpAddr = ADDRESS.into();
    let (leaf, _) = again.sign(&csr, &["sekisho"], &[ADDRESS], Timestamp::now()).unwrap();
    shakes_hands(&first.pem, &(leaf + &again.pem), &key, &address.to_string()).unwrap();
}

#[test]
fn a_request_without_its_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::of(folder.path(), Timestamp::now()).unwrap();
    let (_, csr) = page();
    let mut forged = pem_bytes(&csr);
    // A bit of the signature, which stands at the end.
    *forged.last_mut().unwrap() ^= 1;
    let forged = pem_text(&forged);
    for text in ["", "no request", &csr[..csr.len() / 2], &authority.pem, &forged] {
        let refused = authority.sign(text, &["sekisho"], &[ADDRESS], Timestamp::now());
        assert!(matches!(refused, Err(Fault::Request(_))), "{text}: {:?}", refused.err());
    }
}

#[test]
fn a_damaged_authority_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let whole = made(Timestamp::now()).unwrap();
    for kept in ["", "nothing", &whole[..whole.len() / 2], &whole[whole.len() / 2..]] {
        let _ = fs::remove_file(&path);
        files::create_secret(&path, kept.as_bytes()).unwrap();
        let fault = Authority::of(folder.path(), Timestamp::now()).map(drop).unwrap_err();
        assert!(fault.to_string().contains(FILE), "{fault}");
        assert_eq!(fs::read_to_string(&path).unwrap(), kept);
    }
}

#[test]
fn a_clock_that_was_wrong_when_it_was_made_does_no_harm() {
    let (key, csr) = page();
    for made_at in ["2010-01-01T00:00:00Z", "2039-06-01T00:00:00Z"] {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::of(folder.path(), made_at.parse().unwrap()).unwrap();
        let (leaf, _) = authority.sign(&csr, &["sekisho"], &[], Timestamp::now()).unwrap();
        shakes_hands(&authority.pem, &(leaf + &authority.pem), &key, "sekisho").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let end = Timestamp::MAX;
    assert!(matches!(Authority::of(folder.path(), end).map(drop), Err(Fault::Time(_))));
}

fn pem_bytes(text: &str) -> Vec<u8> {
    use tokio_rustls::rustls::pki_types::CertificateSigningRequestDer;
    CertificateSigningRequestDer::from_pem_slice(text.as_bytes()).unwrap().to_vec()
}

fn pem_text(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let name = "CERTIFICATE REQUEST";
    format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", STANDARD.encode(bytes))
}
