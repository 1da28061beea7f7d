use std::{
    io::BufRead as _,
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;
use crate::{BASE, Value};

/// How long a question may take: the moment, and room for a busy machine.
const SOON: Duration = Duration::from_secs(3);

/// A teller of figures that answers each request so, and how often it was asked.
fn teller(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = io::BufReader::new(stream.try_clone().unwrap()).lines();
            assert_eq!(head.next().unwrap().unwrap(), "GET /metrics HTTP/1.0");
            while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            count.fetch_add(1, Ordering::Relaxed);
            answer(&mut stream);
        }
    });
    (address, asked)
}

fn well(stream: &mut TcpStream) {
    let text =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nsekisho_up 1\nsekisho_connections 7\n";
    stream.write_all(text.as_bytes()).unwrap();
}

fn answers(tree: &Tree) -> bool {
    tree.get(&format!("{BASE}.1.1.1.0").parse().unwrap()) == Some(&Value::Integer(1))
}

#[test]
fn a_walk_has_one_look() {
    let (address, asked) = teller(well);
    let mut reader = Reader::new(address);
    for _ in 0..50 {
        assert!(answers(&reader.tree()));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn where_nobody_listens_nothing_is_known_and_nobody_waits() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (mut reader, begun) = (Reader::new(address), Instant::now());
    for _ in 0..20 {
        assert_eq!(reader.tree(), Tree::of(None));
    }
    assert!(begun.elapsed() < SOON);
}

#[test]
fn a_teller_that_hangs_holds_nobody_up_and_is_heard_when_it_speaks() {
    let (address, asked) = teller(|stream| {
        thread::sleep(2 * MOMENT);
        well(stream);
    });
    let (mut reader, begun) = (Reader::new(address), Instant::now());
    assert_eq!(reader.tree(), Tree::of(None));
    assert!(begun.elapsed() < SOON);
    thread::sleep(2 * MOMENT);
    assert!(answers(&reader.tree()));
    assert_eq!(asked.load(Ordering::Relaxed), 1, "one at a time");
}

#[test]
fn what_are_no_figures_is_nothing_known() {
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(LONGEST + 1));
    for wrong in [
        "",
        "sekisho_up 1\n",
        "HTTP/1.1 503 no\r\n\r\nsekisho_up 1\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n\r\n<html>",
        &long,
    ] {
        let text = wrong.to_owned();
        // Whoever has seen enough goes away.
        let (address, _) = teller(move |stream| drop(stream.write_all(text.as_bytes())));
        assert_eq!(Reader::new(address).tree(), Tree::of(None), "{}", wrong.len());
    }
}

#[test]
fn one_attempt_that_fails_takes_nothing_away_that_is_known() {
    let (address, _) = teller(well);
    let mut reader = Reader::new(address);
    assert!(answers(&reader.tree()));
    let nowhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    reader.from = nowhere;
    let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
    reader.tried = Some(ago(6));
    assert!(answers(&reader.tree()));
    // What is old is no word about now.
    let (_, figures) = reader.kept.take().unwrap();
    (reader.kept, reader.tried) = (Some((ago(31), figures)), Some(ago(6)));
    assert_eq!(reader.tree(), Tree::of(None));
}
