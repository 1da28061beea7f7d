use std::io::Read;

use proptest::prelude::*;
use tokio_rustls::rustls::ClientConnection;

use super::*;
use crate::{pages::pattern, trust};

fn talk() -> Https {
    let server = tls::server(&trust::file("web.pem"), &trust::file("server.key")).unwrap();
    let end = "192.0.2.1:1".parse().unwrap();
    Https::new(Ends { remote: end, local: end }, server)
}

fn client() -> ClientConnection {
    let name = "web.platform.example".try_into().unwrap();
    ClientConnection::new(trust::client(), name).unwrap()
}

/// Carries bytes both ways, so many at once, until neither side has more.
fn carry(client: &mut ClientConnection, server: &mut Https, piece: usize) -> Vec<u8> {
    let (mut out, mut answer) = (Vec::new(), Vec::new());
    let mut room = vec![0; piece];
    loop {
        while client.wants_write() {
            client.write_tls(&mut out).unwrap();
        }
        let heard = server.hear(&out[..out.len().min(piece)]);
        out.drain(..heard);
        let said = server.say(&mut room);
        let mut said_bytes = &room[..said];
        while !said_bytes.is_empty() && client.read_tls(&mut said_bytes).unwrap() > 0 {
            client.process_new_packets().unwrap();
            let _ = client.reader().read_to_end(&mut answer);
        }
        if heard + said == 0 && !client.wants_write() {
            return answer;
        }
    }
}

#[test]
fn pages_are_whole_however_small_the_pieces() {
    let mut wanted = vec![0; 100_000];
    pattern(0, &mut wanted);
    for piece in [1, 777, 100_000] {
        let (mut client, mut server) = (client(), talk());
        let request = b"GET /bytes/100000 HTTP/1.1\r\nConnection: close\r\n\r\n";
        client.writer().write_all(request).unwrap();
        let answer = carry(&mut client, &mut server, piece);
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(&wanted));
        assert!(server.finished());
        // The end was announced, so nobody can have cut the page short.
        assert_eq!(client.reader().read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn many_requests_share_a_connection_until_the_client_ends_it() {
    let (mut client, mut server) = (client(), talk());
    let requests = b"GET /source HTTP/1.1\r\n\r\n".repeat(1_000);
    client.writer().write_all(&requests).unwrap();
    let answer = carry(&mut client, &mut server, 4_096);
    assert_eq!(String::from_utf8(answer).unwrap().matches("192.0.2.1\n").count(), 1_000);
    assert!(!server.finished());
    client.send_close_notify();
    carry(&mut client, &mut server, 4_096);
    assert!(server.finished());
}

#[test]
fn who_speaks_http_is_answered_in_http() {
    let mut server = talk();
    server.hear(b"GET /source HTTP/1.0\r\n\r\n");
    let mut room = [0; 1_000];
    let said = server.say(&mut room);
    assert!(room[..said].ends_with(b"\r\n\r\n192.0.2.1\n"));
    assert!(server.finished());
}

#[test]
fn who_goes_away_or_breaks_the_protocol_is_let_go() {
    let mut silent = talk();
    silent.end();
    assert_eq!(silent.say(&mut [0; 100]), 0);
    assert!(silent.finished());

    let mut half = talk();
    half.hear(&[tls::HANDSHAKE, 3, 1, 0]);
    assert!(!half.finished());
    half.end();
    half.say(&mut [0; 1_000]);
    assert!(half.finished());

    let mut broken = talk();
    // The end of a handshake that never began.
    broken.hear(&[tls::HANDSHAKE, 3, 1, 0, 4, 20, 0, 0, 0]);
    let mut room = [0; 1_000];
    let said = broken.say(&mut room);
    // An alert (RFC 8446, 6), and nothing more.
    assert_eq!((said, room[0]), (7, 21));
    assert!(broken.finished());
    assert_eq!(broken.hear(b"more"), 4);
}

proptest! {
    #[test]
    fn any_bytes_are_harmless(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        first in prop::sample::select(vec![tls::HANDSHAKE, b'G']),
    ) {
        let mut server = talk();
        server.hear(&[first]);
        let mut room = [0; 100];
        for chunk in chunks {
            server.hear(&chunk);
            for _ in 0..100 {
                if server.say(&mut room) == 0 { break; }
            }
        }
        server.end();
    }
}
