//! What the answering services offer on request: HTTPS, the time, a banner.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use sekisho_far_end::{
    answer::{Answerer, ClockOffset, Ports},
    dns::Zones,
    tls,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{CertificateError, Error, pki_types::ServerName},
};

use super::trust::{client, file};

const LIMIT: Duration = Duration::from_secs(20);
const ANY: Ports = Ports { echo: 0, discard: 0, http: 0, dns: 0 };
const WEB: &str = "web.platform.example";

async fn answerer() -> Answerer {
    Answerer::bind(&[Ipv4Addr::LOCALHOST], ANY, Zones::default()).await.unwrap()
}

/// A server with a certificate of the lab.
async fn https(certificate: &str) -> SocketAddr {
    let mut answerer = answerer().await;
    let server = tls::server(&file(certificate), &file("server.key")).unwrap();
    answerer.offer_https(0, server).await.unwrap();
    let at = answerer.https()[0];
    tokio::spawn(answerer.run());
    at
}

/// Connects as whoever trusts the lab's authority alone.
async fn agree(at: SocketAddr, name: &'static str) -> Result<TlsStream<TcpStream>, Error> {
    let stream = TcpStream::connect(at).await.unwrap();
    let name = ServerName::try_from(name).unwrap();
    let agreed = TlsConnector::from(client()).connect(name, stream);
    let error = match timeout(LIMIT, agreed).await.unwrap() {
        Ok(stream) => return Ok(stream),
        Err(error) => error,
    };
    Err(*error.into_inner().unwrap().downcast().unwrap())
}

#[tokio::test]
async fn pages_are_shown_over_tls_and_to_plain_clients_too() {
    let at = https("web.pem").await;
    let mut stream = agree(at, WEB).await.unwrap();
    let mut answer = Vec::new();
    timeout(LIMIT, async {
        stream.write_all(b"GET /bytes/100000 HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut answer).await.unwrap();
    })
    .await
    .unwrap();
    let start = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.len() - start == 100_000);

    let mut plain = TcpStream::connect(at).await.unwrap();
    let mut answer = String::new();
    timeout(LIMIT, async {
        plain.write_all(b"GET /source HTTP/1.0\r\n\r\n").await.unwrap();
        plain.read_to_string(&mut answer).await.unwrap();
    })
    .await
    .unwrap();
    assert!(answer.ends_with("\r\n\r\n127.0.0.1\n"), "{answer}");
    // One that goes without a word, and one that says half a handshake, keep nobody.
    drop(TcpStream::connect(at).await.unwrap());
    let mut half = TcpStream::connect(at).await.unwrap();
    half.write_all(&[22, 3, 1, 0]).await.unwrap();
    agree(at, WEB).await.unwrap();
}

#[tokio::test]
async fn each_certificate_of_the_lab_is_good_or_bad_in_its_own_way() {
    for (certificate, name) in
        [("web.pem", WEB), ("juki.pem", "juki.city.example"), ("atena.pem", "atena.city.example")]
    {
        agree(https(certificate).await, name).await.unwrap();
    }
    let fault = async |certificate| match agree(https(certificate).await, WEB).await {
        Err(Error::InvalidCertificate(fault)) => fault,
        other => panic!("{certificate}: {other:?}"),
    };
    let expired = fault("web-expired.pem").await;
    assert!(matches!(expired, CertificateError::ExpiredContext { .. }), "{expired:?}");
    for wrong in ["web-wrong-name.pem", "juki.pem"] {
        let wrong = fault(wrong).await;
        assert!(matches!(wrong, CertificateError::NotValidForNameContext { .. }), "{wrong:?}");
    }
    assert_eq!(fault("web-unknown-authority.pem").await, CertificateError::UnknownIssuer);
}

#[test]
fn files_that_are_no_certificate_are_named() {
    let error = |certificate: &str, key: &str| match tls::server(&file(certificate), &file(key)) {
        Ok(_) => panic!("{certificate} with {key}"),
        Err(error) => format!("{error:#}"),
    };
    assert!(error("none.pem", "server.key").contains("read the certificate"));
    assert!(error("web.pem", "none.key").contains("read the key"));
    assert!(error("web.pem", "east.key").contains("east.key (PEM)"));
    let other = error("web.pem", "authority.key");
    assert!(other.contains("does it belong to it?"), "{other}");
    // No certificate at all.
    assert!(error("server.key", "server.key").contains("use the certificate"));
}

#[tokio::test]
async fn the_time_is_told_as_far_off_as_is_wished() {
    const ERA: u64 = 2_208_988_800;
    for (offset, wanted) in [("0", 0), ("31536000", 31_536_000), ("-31536000", -31_536_000)] {
        let mut answerer = answerer().await;
        let offset = ClockOffset::of_seconds(offset.parse().unwrap()).unwrap();
        answerer.offer_time(0, offset).await.unwrap();
        let at = answerer.clocks()[0];
        tokio::spawn(answerer.run());
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(at).await.unwrap();
        socket.send(b"no question").await.unwrap();
        let mut question = [0; 48];
        question[0] = 4 << 3 | 3;
        question[40..48].copy_from_slice(b"a stamp!");
        socket.send(&question).await.unwrap();
        let mut answer = [0; 100];
        let length = timeout(LIMIT, socket.recv(&mut answer)).await.unwrap().unwrap();
        assert_eq!((length, answer[0], answer[1]), (48, 4 << 3 | 4, 2));
        assert_eq!(&answer[24..32], b"a stamp!");
        let told = u64::from(u32::from_be_bytes(*answer[40..].first_chunk().unwrap())) - ERA;
        let own = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let off = i64::try_from(told).unwrap() - i64::try_from(own).unwrap();
        assert!((off - wanted).abs() <= 20, "{off} for {wanted}");
    }
}

#[tokio::test]
async fn a_banner_is_said_at_once() {
    let mut answerer = answerer().await;
    answerer.offer_banner(0, "220 juki.city.example").await.unwrap();
    let at = answerer.banners()[0];
    tokio::spawn(answerer.run());
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut line = [0; 23];
    timeout(LIMIT, stream.read_exact(&mut line)).await.unwrap().unwrap();
    assert_eq!(&line, b"220 juki.city.example\r\n");
    stream.write_all(b"quit\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.is_empty());
}
