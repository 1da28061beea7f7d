//! Questions by the kernel's sockets, and servers that answer them.

use std::{
    net::Ipv4Addr,
    sync::{Arc, mpsc},
};

use libtest_mimic::Trial;
use sekisho_selftest::{
    probe::{Answer, Question, Said, Way},
    wire::LABELS,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use crate::{
    namespace::trial,
    net::{Net, OWN, SERVER, port1},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sockets_tell_a_taken_connection_from_refused_rejected_and_ignored", connections),
        trial("sockets_ask_for_time_names_and_pages", services),
        trial("socket_that_cannot_be_bound_is_told", unbound),
    ]
}

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// Says something to whoever comes, and waits until he goes.
pub(crate) async fn serve_words(port: u16, words: &'static str, ready: mpsc::Sender<()>) {
    let listener = TcpListener::bind((ANY, port)).await.expect("a listener");
    let _ = ready.send(());
    loop {
        let (mut stream, _) = listener.accept().await.expect("somebody");
        tokio::spawn(async move {
            let _ = stream.write_all(words.as_bytes()).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = stream.read(&mut [0; 1024]).await;
    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
    let _ = stream.shutdown().await;
}

pub(crate) async fn serve_http(port: u16, ready: mpsc::Sender<()>) {
    let listener = TcpListener::bind((ANY, port)).await.expect("a listener");
    let _ = ready.send(());
    loop {
        let (stream, _) = listener.accept().await.expect("somebody");
        tokio::spawn(answer(stream));
    }
}

pub(crate) async fn serve_tls(port: u16, ready: mpsc::Sender<()>) {
    let made = rcgen::generate_simple_self_signed(["server.example".to_owned()]).expect("made");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((ANY, port)).await.expect("a listener");
    let _ = ready.send(());
    loop {
        let (stream, _) = listener.accept().await.expect("somebody");
        if let Ok(session) = acceptor.accept(stream).await {
            answer(session).await;
        }
    }
}

async fn serve_datagrams(port: u16, ready: mpsc::Sender<()>, reply: fn(&mut [u8])) {
    let socket = UdpSocket::bind((ANY, port)).await.expect("a socket");
    let _ = ready.send(());
    let mut bytes = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut bytes).await.expect("a question");
        reply(&mut bytes[..length]);
        socket.send_to(&bytes[..length], from).await.expect("answered");
    }
}

/// A clock that always agrees.
pub(crate) async fn serve_ntp(ready: mpsc::Sender<()>) {
    serve_datagrams(123, ready, |packet| {
        packet[..2].copy_from_slice(&[4 << 3 | 4, 2]);
        for at in [24, 32] {
            packet.copy_within(40..48, at);
        }
    })
    .await;
}

/// A server that knows no name.
pub(crate) async fn serve_no_names(ready: mpsc::Sender<()>) {
    serve_datagrams(53, ready, |packet| packet[2..4].copy_from_slice(&[0x81, 0x83])).await;
}

/// By the port, and by the routes.
fn ways() -> [Way; 2] {
    [Some(port1()), None].map(|port| Way::Socket { port, from: OWN })
}

async fn connections() {
    let mut net = Net::new();
    let server = net.server();
    server.serve(|ready| serve_words(22, "SSH-2.0-Server\r\n", ready));
    for way in ways() {
        let ask = |port| net.by(way.clone(), SERVER, Question::Tcp { port });
        let answer = ask(22).await;
        assert!(matches!(answer, Answer::Good { said: Said::Here, .. }), "{answer:?}");
        let from = server.shell("ss -Htn state all sport = :22 | head -1");
        let from = from.rsplit(':').next().and_then(|port| port.trim().parse().ok());
        assert!(from.is_none_or(|port: u16| LABELS.contains(&port)), "{from:?}");
        let answer = ask(23).await;
        assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
        let answer = net.by(way.clone(), SERVER, Question::Banner { port: 22 }).await;
        let said = Said::Banner("SSH-2.0-Server".to_owned());
        assert!(matches!(&answer, Answer::Good { said: s, .. } if *s == said), "{answer:?}");
        server.filter("tcp dport 24 reject with icmp type net-unreachable");
        let answer = ask(24).await;
        assert!(matches!(answer, Answer::Icmp { by: SERVER, kind: 3, code: 0, .. }), "{answer:?}");
        server.filter("tcp dport 25 drop");
        assert_eq!(ask(25).await, Answer::Silent { sought: None });
        server.shell("nft flush ruleset");
    }
}

async fn services() {
    let mut net = Net::new();
    let server = net.server();
    server.serve(serve_ntp);
    server.serve(|ready| serve_http(80, ready));
    for way in ways() {
        let ask = |question| net.by(way.clone(), SERVER, question);
        let answer = ask(Question::Ntp).await;
        let time = matches!(answer, Answer::Good { said: Said::Time { stratum: 2, .. }, .. });
        assert!(time, "{answer:?}");
        let answer = ask(Question::Http { port: 80, name: None }).await;
        let page = matches!(answer, Answer::Good { said: Said::Http(204, None), .. });
        assert!(page, "{answer:?}");
        let name = "nobody.example".to_owned();
        let answer = ask(Question::Dns { name }).await;
        assert!(matches!(answer, Answer::Icmp { by: SERVER, kind: 3, code: 3, .. }), "{answer:?}");
        let answer = ask(Question::Echo).await;
        assert!(matches!(answer, Answer::Busy { .. }), "{answer:?}");
    }
    server.filter("udp dport 123 drop");
    let [way, _] = ways();
    let answer = net.by(way, SERVER, Question::Ntp).await;
    assert_eq!(answer, Answer::Silent { sought: None });
}

async fn unbound() {
    let net = Net::new();
    for port in [Some(port1()), None] {
        let way = Way::Socket { port, from: Ipv4Addr::new(192, 168, 7, 7) };
        for question in [Question::Ntp, Question::Tcp { port: 80 }] {
            let answer = net.by(way.clone(), SERVER, question).await;
            let Answer::Busy { why } = answer else { panic!("{answer:?}") };
            assert!(why.contains("192.168.7.7"), "{why}");
        }
    }
}
