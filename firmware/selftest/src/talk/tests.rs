use std::{fmt::Write as _, sync::Arc};

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{Name, RData, Record, rdata},
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use sekisho_design::Certificates;
use tokio::{io::DuplexStream, time::Instant};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::*;
use crate::probe::{Tls, TlsFault};

const TO: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);
const NAME: &str = "web.platform.example";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificates: Certificates,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let der = params.self_signed(&key).unwrap();
        Self { certificates: certificates(der.der()), issuer: Issuer::new(params, key) }
    }

    /// A server with a certificate for a name that is good in these years.
    fn server(&self, name: &str, years: (i32, i32)) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "中間サーバー");
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn certificates(der: &[u8]) -> Certificates {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    writeln!(text, "{}\n-----END CERTIFICATE-----", STANDARD.encode(der)).unwrap();
    text.parse().unwrap()
}

fn tls(authority: Option<&Authority>, http: bool) -> Question {
    let authority = authority.map(|authority| authority.certificates.clone());
    Question::Tls { port: 443, name: Some(NAME.to_owned()), authority, http }
}

fn http() -> Question {
    Question::Http { port: 80, name: None }
}

/// Asks a server that says one thing, after it has heard anything where that is HTTP, and may keep the connection.
async fn ask_plain(question: Question, says: &'static [u8], keeps: bool) -> Result<Said, Broken> {
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move {
        let mut request = [0; 1024];
        if says.starts_with(b"HTTP/") {
            let _ = theirs.read(&mut request).await;
        }
        let _ = theirs.write_all(says).await;
        if keeps {
            std::future::pending::<()>().await;
        }
    });
    let said = converse(ours, TO, &question).await;
    server.abort();
    said
}

async fn ask_tls(
    server: TlsAcceptor,
    question: Question,
    says: &'static [u8],
) -> Result<Said, Broken> {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(serve_tls(server, theirs, says));
    let said = converse(ours, TO, &question).await;
    server.abort();
    said
}

async fn serve_tls(server: TlsAcceptor, stream: DuplexStream, says: &'static [u8]) {
    let Ok(mut session) = server.accept(stream).await else { return };
    let mut request = [0; 1024];
    let _ = session.read(&mut request).await;
    let _ = session.write_all(says).await;
    let _ = session.shutdown().await;
}

fn of_tls(said: Result<Said, Broken>) -> Tls {
    match said {
        Ok(Said::Tls(tls) | Said::Http(_, Some(tls))) => tls,
        other => panic!("no TLS: {other:?}"),
    }
}

#[tokio::test]
async fn a_good_chain_is_shown_without_fault() {
    let authority = Authority::new("LGWAN 認証局");
    let server = authority.server(NAME, (2020, 2090));
    let said = ask_tls(server, tls(Some(&authority), false), b"").await;
    let tls = of_tls(said);
    assert_eq!((tls.fault, tls.version.as_str(), tls.chain.len()), (None, "TLSv1.3", 1));
    let own = &tls.chain[0];
    assert_eq!((own.subject.as_str(), own.issuer.as_str()), ("中間サーバー", "LGWAN 認証局"));
    assert_eq!(own.names, [NAME]);
    assert_eq!(own.from, "2020-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(own.until, "2090-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(own.fingerprint.len(), 8 * 3 - 1, "{}", own.fingerprint);
}

#[tokio::test]
async fn faults_of_a_chain_are_named_and_the_session_stands() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let table = [
        (&ours, NAME, (2020, 2021), Some(&ours), Some(TlsFault::Expired)),
        (&ours, NAME, (2089, 2090), Some(&ours), Some(TlsFault::NotYet)),
        (&ours, "other.example", (2020, 2090), Some(&ours), Some(TlsFault::WrongName)),
        (&others, NAME, (2020, 2090), Some(&ours), Some(TlsFault::UnknownIssuer)),
        // With no authority, anybody may have signed, but not for another name or time.
        (&others, NAME, (2020, 2090), None, None),
        (&others, NAME, (2020, 2021), None, Some(TlsFault::Expired)),
        (&others, NAME, (2089, 2090), None, Some(TlsFault::NotYet)),
        (&others, "other.example", (2020, 2090), None, Some(TlsFault::WrongName)),
    ];
    for (signer, name, years, trusted, fault) in table {
        let server = signer.server(name, years);
        let said = ask_tls(server, tls(trusted, true), b"HTTP/1.1 200 OK\r\n\r\n").await;
        assert!(matches!(said, Ok(Said::Http(200, Some(_)))), "{name} {years:?}: {said:?}");
        let tls = of_tls(said);
        assert_eq!(tls.fault, fault, "{name} {years:?}");
        assert_eq!(tls.chain[0].names, [name]);
    }
}

#[tokio::test]
async fn an_authority_of_the_same_name_is_another_one() {
    let (ours, others) = (Authority::new("same"), Authority::new("same"));
    let said = ask_tls(others.server(NAME, (2020, 2090)), tls(Some(&ours), false), b"").await;
    assert_eq!(of_tls(said).fault, Some(TlsFault::UnknownIssuer));
}

#[tokio::test]
async fn any_name_will_do_where_none_is_wanted() {
    let authority = Authority::new("ours");
    let question = Question::Tls {
        port: 443,
        name: None,
        authority: Some(authority.certificates.clone()),
        http: false,
    };
    let said = ask_tls(authority.server("whatever.example", (2020, 2090)), question, b"").await;
    assert_eq!(of_tls(said).fault, None);
}

#[tokio::test]
async fn tls_that_is_none_is_told_from_tls_that_ends() {
    let said = ask_plain(tls(None, false), b"SSH-2.0-OpenSSH_9.2\r\n", true).await;
    assert!(matches!(said, Err(Broken::NoTls)), "{said:?}");
    let said = ask_plain(tls(None, false), b"", false).await;
    assert!(matches!(said, Err(Broken::CutOff)), "{said:?}");
}

#[tokio::test]
async fn statuses_are_told() {
    for (says, status) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"[..], 200),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 503),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", 404),
    ] {
        for stays in [true, false] {
            let said = ask_plain(http(), says, stays).await;
            assert!(matches!(said, Ok(Said::Http(got, None)) if got == status), "{said:?}");
        }
    }
    let said = ask_plain(http(), b"HTTP/nonsense\r\n\r\n", true).await;
    assert!(matches!(said, Err(Broken::NoHttp)), "{said:?}");
    let said = ask_plain(http(), b"HTTP/1.1 20", false).await;
    assert!(matches!(said, Err(Broken::CutOff)), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_nothing_is_waited_for_a_bounded_time() {
    for question in [http(), tls(None, true)] {
        let started = Instant::now();
        let said = ask_plain(question, b"", true).await;
        assert!(matches!(said, Err(Broken::Silent(_))), "{said:?}");
        assert!(started.elapsed() <= LIMIT + Duration::from_millis(10));
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_line_is_told_and_waiting_for_us_is_an_answer() {
    let question = || Question::Banner { port: 22 };
    let table: [(&[u8], bool, &str); 4] = [
        (b"SSH-2.0-OpenSSH_9.2\r\nmore", true, "SSH-2.0-OpenSSH_9.2"),
        (b"220 mail", false, "220 mail"),
        (b"a\x1b[31mb\xff\n", true, "a\u{fffd}[31mb\u{fffd}"),
        (b"", true, ""),
    ];
    for (says, stays, line) in table {
        let said = ask_plain(question(), says, stays).await;
        assert!(matches!(&said, Ok(Said::Banner(got)) if got == line), "{said:?}");
    }
    let said = ask_plain(question(), b"", false).await;
    assert!(matches!(said, Err(Broken::CutOff)), "{said:?}");
}

#[tokio::test]
async fn a_body_goes_to_whoever_asked_for_it() {
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        while !heard.ends_with(b"{\"a\":1}") {
            let mut piece = [0; 512];
            let count = theirs.read(&mut piece).await.unwrap();
            heard.extend_from_slice(&piece[..count]);
        }
        theirs.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere").await.unwrap();
        String::from_utf8(heard).unwrap()
    });
    let mut body = Vec::new();
    let request = post("100.72.1.10", "/connection-check", br#"{"a":1}"#.to_vec()).unwrap();
    let status = exchange(ours, request, |piece| {
        body.extend_from_slice(piece);
        true
    });
    assert_eq!(status.await.unwrap(), 200);
    assert_eq!(body, b"there");
    let heard = server.await.unwrap();
    assert!(heard.starts_with("POST /connection-check HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains("host: 100.72.1.10\r\n"), "{heard}");
}

fn dns_answer(query: &[u8], addresses: &[Ipv4Addr], code: ResponseCode) -> Vec<u8> {
    let query = Message::from_vec(query).unwrap();
    let mut answer = query.clone();
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.response_code = code;
    for address in addresses {
        let name: Name = query.queries[0].name().clone();
        answer.add_answer(Record::from_rdata(name, 60, RData::A(rdata::A(*address))));
    }
    answer.to_vec().unwrap()
}

#[test]
fn names_are_asked_for_and_read() {
    let query = dns_query(NAME, 7).unwrap();
    let answer = dns_answer(&query, &[TO], ResponseCode::NoError);
    assert_eq!(read_dns(&answer, 7), Some(Said::Names { code: 0, addresses: vec![TO] }));
    assert_eq!(read_dns(&answer, 8), None);
    // A question isn't its own answer.
    assert_eq!(read_dns(&query, 7), None);
    let none = dns_answer(&query, &[], ResponseCode::NXDomain);
    assert_eq!(read_dns(&none, 7), Some(Said::Names { code: 3, addresses: vec![] }));
    assert_eq!(dns_query(&"a".repeat(64), 7), None);
}

/// What a server of this stratum and leap says, whose clock is `ahead` of ours.
fn ntp_answer(
    request: &[u8],
    at: Timestamp,
    ahead: SignedDuration,
    stratum: u8,
    leap: u8,
) -> Vec<u8> {
    let theirs = ntp_request(at + ahead);
    let mut answer = request.to_vec();
    answer[0] = leap << 6 | 4 << 3 | 4;
    answer[1] = stratum;
    answer.copy_within(40..48, 24);
    answer[32..40].copy_from_slice(&theirs[40..]);
    answer[40..48].copy_from_slice(&theirs[40..]);
    answer
}

#[test]
fn the_time_is_asked_for_and_read() {
    // The second era begins in 2036.
    for now in ["2026-04-01T00:00:00.25Z", "2036-02-07T06:28:15.9Z", "2060-01-01T00:00:00Z"] {
        let sent: Timestamp = now.parse().unwrap();
        let request = ntp_request(sent);
        let later = |milliseconds| sent + SignedDuration::from_millis(milliseconds);
        for ahead_ms in [0, 1_500, -31_536_000_000] {
            let ahead = SignedDuration::from_millis(ahead_ms);
            let answer = ntp_answer(&request, later(10), ahead, 2, 0);
            let Some(Said::Time { offset_ms, stratum: 2 }) = read_ntp(&answer, sent, later(20))
            else {
                panic!("{now}: not read")
            };
            assert!((offset_ms - ahead_ms).abs() <= 1, "{now}: {offset_ms} for {ahead_ms}");
        }
    }
}

#[test]
fn a_server_without_time_says_so() {
    let sent: Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
    let request = ntp_request(sent);
    for (stratum, leap) in [(0, 0), (16, 0), (2, 3)] {
        let answer = ntp_answer(&request, sent, SignedDuration::ZERO, stratum, leap);
        let said = read_ntp(&answer, sent, sent);
        assert!(matches!(said, Some(Said::Time { stratum: 16, .. })), "{said:?}");
    }
    let answer = ntp_answer(&request, sent, SignedDuration::ZERO, 2, 0);
    assert_eq!(read_ntp(&answer, sent + SignedDuration::from_secs(1), sent), None);
    assert_eq!(read_ntp(&request, sent, sent), None);
    assert_eq!(read_ntp(&answer[..47], sent, sent), None);
}

proptest! {
    #[test]
    fn any_datagram_is_harmless(bytes in prop::collection::vec(any::<u8>(), 0..200), id: u16) {
        let _ = read_dns(&bytes, id);
        let _ = read_ntp(&bytes, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let _ = read_certificate(&bytes);
        let _ = first_line(&bytes);
    }

    #[test]
    fn damaged_answers_are_harmless(at in 0_usize..600, value: u8) {
        let mut certificate = AUTHORITY.with(Clone::clone);
        let index = at % certificate.len();
        certificate[index] = value;
        let _ = read_certificate(&certificate);
        let query = dns_query(NAME, 7).unwrap();
        let mut answer = dns_answer(&query, &[TO], ResponseCode::NoError);
        let index = at % answer.len();
        answer[index] = value;
        let _ = read_dns(&answer, 7);
        let sent = Timestamp::MAX;
        let mut answer = ntp_answer(&ntp_request(sent), Timestamp::MIN, SignedDuration::ZERO, 2, 0);
        answer[24 + at % 24] = value;
        let _ = read_ntp(&answer, sent, Timestamp::MIN);
    }

    #[test]
    fn any_name_is_harmless(name: String) {
        let _ = dns_query(&name, 1);
        let _ = get(&name, "/");
    }
}

thread_local! {
    static AUTHORITY: Vec<u8> = Authority::new("damaged").certificates.der().next().unwrap().to_vec();
}
