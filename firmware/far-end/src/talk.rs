//! The answering services over TCP, without a socket: bytes in, bytes out. Kernel sockets and smoltcp drive
//! the same code.

mod asking;
mod https;

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::SocketAddrV4,
    sync::Arc,
};

pub use self::{asking::Asking, https::Https};
use crate::{
    dns::{DnsStream, Zones},
    pages::Pages,
};

/// Bytes that an echo holds before the client has to read.
const ECHO_LIMIT: usize = 64 * 1024;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ends {
    /// Who opened it.
    pub remote: SocketAddrV4,
    /// The end that answers.
    pub local: SocketAddrV4,
}

/// A service that answers over TCP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Sends back what comes (RFC 862).
    Echo,
    /// Reads and says nothing (RFC 863).
    Discard,
    /// The pages of [`crate::pages`].
    Http,
    /// DNS over TCP (RFC 7766).
    Dns,
}

/// One connection to a service.
#[derive(Debug)]
pub enum Talk {
    /// Echo.
    Echo(Echo),
    /// Discard; whether the client has closed.
    Discard(bool),
    /// HTTP.
    Http(Box<Pages>),
    /// DNS.
    Dns(DnsStream),
    /// HTTPS.
    Https(Box<Https>),
    /// A request for a connection check.
    Asking(Box<Asking>),
}

/// One connection to the echo service.
#[derive(Debug, Default)]
pub struct Echo {
    held: VecDeque<u8>,
    ended: bool,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 4] = [Self::Echo, Self::Discard, Self::Http, Self::Dns];

    /// The service at a well-known port.
    pub fn at(port: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.port() == port)
    }

    /// The well-known port.
    pub fn port(self) -> u16 {
        match self {
            Self::Echo => 7,
            Self::Discard => 9,
            Self::Http => 80,
            Self::Dns => 53,
        }
    }
}

impl Talk {
    /// A connection that has just been opened.
    pub fn new(service: Service, ends: Ends, zones: &Arc<Zones>) -> Self {
        match service {
            Service::Echo => Self::Echo(Echo::default()),
            Service::Discard => Self::Discard(false),
            Service::Http => Self::Http(Box::new(Pages::new(ends))),
            Service::Dns => Self::Dns(DnsStream::new(Arc::clone(zones))),
        }
    }

    /// Takes what the client sent and returns how many bytes; the rest has to be offered again, after
    /// [`Talk::say`].
    pub fn hear(&mut self, input: &[u8]) -> usize {
        match self {
            Self::Echo(echo) => {
                let taken = input.len().min(ECHO_LIMIT - echo.held.len());
                echo.held.write(&input[..taken]).unwrap_or(0)
            }
            Self::Discard(_) => input.len(),
            Self::Http(pages) => pages.hear(input),
            Self::Dns(stream) => stream.hear(input),
            Self::Https(https) => https.hear(input),
            Self::Asking(asking) => asking.hear(input),
        }
    }

    /// Writes what is to be sent next and returns how many bytes; 0 where there is nothing now.
    pub fn say(&mut self, room: &mut [u8]) -> usize {
        match self {
            Self::Echo(echo) => echo.held.read(room).unwrap_or(0),
            Self::Discard(_) => 0,
            Self::Http(pages) => pages.say(room),
            Self::Dns(stream) => stream.say(room),
            Self::Https(https) => https.say(room),
            Self::Asking(asking) => asking.say(room),
        }
    }

    /// The client has closed its direction.
    pub fn end(&mut self) {
        match self {
            Self::Echo(echo) => echo.ended = true,
            Self::Discard(ended) => *ended = true,
            Self::Http(pages) => pages.end(),
            Self::Dns(stream) => stream.end(),
            Self::Https(https) => https.end(),
            Self::Asking(asking) => asking.end(),
        }
    }

    /// Whether the connection is to be closed. To be asked once [`Talk::say`] has nothing more.
    pub fn finished(&self) -> bool {
        match self {
            Self::Echo(echo) => echo.ended && echo.held.is_empty(),
            Self::Discard(ended) => *ended,
            Self::Http(pages) => pages.finished(),
            Self::Dns(stream) => stream.finished(),
            Self::Https(https) => https.finished(),
            Self::Asking(asking) => asking.finished(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn talk(service: Service) -> Talk {
        let end = "192.0.2.1:1".parse().unwrap();
        Talk::new(service, Ends { remote: end, local: end }, &Arc::default())
    }

    #[test]
    fn echo_holds_a_bounded_amount_and_says_all_of_it() {
        let mut echo = talk(Service::Echo);
        let sent: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
        let (mut offered, mut back) = (0, Vec::new());
        let mut room = [0; 777];
        while back.len() < sent.len() {
            offered += echo.hear(&sent[offered..]);
            assert!(offered - back.len() <= ECHO_LIMIT);
            let n = echo.say(&mut room);
            back.extend_from_slice(&room[..n]);
        }
        assert_eq!(back, sent);
        assert!(!echo.finished());
        echo.end();
        assert!(echo.finished());
    }

    #[test]
    fn an_ended_echo_says_the_rest_first() {
        let mut echo = talk(Service::Echo);
        echo.hear(b"abc");
        echo.end();
        assert!(!echo.finished());
        assert_eq!(echo.say(&mut [0; 8]), 3);
        assert!(echo.finished());
    }

    #[test]
    fn services_are_found_by_port() {
        assert_eq!(
            [7, 9, 53, 80].map(Service::at).map(|s| s.map(Service::port)),
            [7, 9, 53, 80].map(Some)
        );
        assert_eq!(Service::at(443), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(
            service in prop::sample::select(Service::ALL.to_vec()),
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        ) {
            let mut talk = talk(service);
            let mut room = [0; 100];
            for chunk in chunks {
                talk.hear(&chunk);
                // A garbled request may ask for a terabyte of pattern, so saying is cut short.
                for _ in 0..100 {
                    if talk.say(&mut room) == 0 { break; }
                }
            }
            talk.end();
        }
    }
}
