//! What the answering machine shows over HTTP: the source it saw, and bytes whose hash can be compared.
//!
//! | Path | Answer |
//! |---|---|
//! | `/` | source and own end in two lines of text, or JSON where the client accepts it |
//! | `/json` | the same, always JSON |
//! | `/source` | the source address alone, one line |
//! | `/bytes/N` | N bytes, the same for every request and every run: see [`pattern`] |

use std::net::SocketAddrV4;

use serde::Serialize;

use crate::{
    http::{Head, Reader, Request},
    talk::Ends,
};

/// Largest N of `/bytes/N`: 1 TiB. More is a slip of the pen.
const MAX_BYTES: u64 = 1 << 40;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// One HTTP connection to the answering machine.
#[derive(Debug)]
pub struct Pages {
    ends: Ends,
    reader: Reader,
    /// Head, and body where it is short, that is not said yet.
    out: Vec<u8>,
    said: usize,
    /// The part of [`pattern`] that is not said yet.
    bytes: std::ops::Range<u64>,
    /// The connection ends after this answer.
    closing: bool,
    /// The client has closed its direction.
    ended: bool,
}

/// The JSON form of `/`.
#[derive(Debug, Serialize)]
struct Seen {
    source: String,
    source_port: u16,
    destination: String,
    destination_port: u16,
}

enum Body {
    Short(&'static str, String),
    Bytes(u64),
}

/// Writes the bytes from `offset` on of an endless sequence that has no short period, so that a lost,
/// repeated or moved piece changes a hash. Eight bytes at a time: `SplitMix64` of the index, little endian.
pub fn pattern(offset: u64, room: &mut [u8]) {
    let mut index = offset / 8;
    let mut skip = (offset % 8) as usize;
    let mut filled = 0;
    while filled < room.len() {
        let word = splitmix64(index).to_le_bytes();
        let piece = (8 - skip).min(room.len() - filled);
        room[filled..filled + piece].copy_from_slice(&word[skip..skip + piece]);
        filled += piece;
        index += 1;
        skip = 0;
    }
}

fn splitmix64(index: u64) -> u64 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Pages {
    /// A connection that has just been opened.
    pub fn new(ends: Ends) -> Self {
        Self {
            ends,
            reader: Reader::default(),
            out: Vec::new(),
            said: 0,
            bytes: 0..0,
            closing: false,
            ended: false,
        }
    }

    /// Takes what the client sent and returns how many bytes; the rest has to be offered again later.
    pub fn hear(&mut self, input: &[u8]) -> usize {
        let taken = if self.closing { input.len() } else { self.reader.take(input) };
        self.advance();
        taken
    }

    /// Writes what is to be sent next and returns how many bytes; 0 where there is nothing now.
    pub fn say(&mut self, room: &mut [u8]) -> usize {
        self.advance();
        let mut filled = (self.out.len() - self.said).min(room.len());
        room[..filled].copy_from_slice(&self.out[self.said..self.said + filled]);
        self.said += filled;
        let left = usize::try_from(self.bytes.end - self.bytes.start).unwrap_or(usize::MAX);
        let piece = left.min(room.len() - filled);
        pattern(self.bytes.start, &mut room[filled..filled + piece]);
        self.bytes.start += piece as u64;
        filled += piece;
        filled
    }

    /// The client has closed its direction.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the connection is to be closed. To be asked once [`Pages::say`] has nothing more.
    pub fn finished(&self) -> bool {
        (self.closing || self.ended) && self.idle()
    }

    fn idle(&self) -> bool {
        self.said == self.out.len() && self.bytes.is_empty()
    }

    /// Answers the next request, once the answer before is said.
    fn advance(&mut self) {
        if !self.idle() || self.closing {
            return;
        }
        match self.reader.next_request() {
            Ok(None) => {}
            Ok(Some(request)) => self.answer(&request),
            Err(refusal) => {
                self.closing = true;
                self.respond(refusal.status(), &Body::Short(TEXT, format!("{refusal}\n")), true);
            }
        }
    }

    fn answer(&mut self, request: &Request) {
        self.closing = !request.keep_alive;
        let with_body = match request.method.as_str() {
            "GET" => true,
            "HEAD" => false,
            _ => {
                let body = Body::Short(TEXT, "only GET and HEAD\n".to_owned());
                return self.respond("405 Method Not Allowed", &body, true);
            }
        };
        let body = match request.path.as_str() {
            "/" if request.wants_json => self.json(),
            "/json" => self.json(),
            "/" => Body::Short(TEXT, self.text()),
            "/source" => Body::Short(TEXT, format!("{}\n", self.ends.remote.ip())),
            path => match path.strip_prefix("/bytes/").map(str::parse) {
                Some(Ok(length)) if length <= MAX_BYTES => Body::Bytes(length),
                Some(_) => {
                    let body = Body::Short(TEXT, format!("/bytes/N: N is 0 to {MAX_BYTES}\n"));
                    return self.respond("400 Bad Request", &body, with_body);
                }
                None => {
                    let body = Body::Short(TEXT, "try /, /json, /source, /bytes/N\n".to_owned());
                    return self.respond("404 Not Found", &body, with_body);
                }
            },
        };
        self.respond("200 OK", &body, with_body);
    }

    fn text(&self) -> String {
        format!("source {}\ndestination {}\n", self.ends.remote, self.ends.local)
    }

    fn json(&self) -> Body {
        let (ip, port) = split(self.ends.remote);
        let (own_ip, own_port) = split(self.ends.local);
        let seen =
            Seen { source: ip, source_port: port, destination: own_ip, destination_port: own_port };
        Body::Short(JSON, serde_json::json!(seen).to_string() + "\n")
    }

    fn respond(&mut self, status: &str, body: &Body, with_body: bool) {
        let (media_type, length) = match body {
            Body::Short(media_type, text) => (*media_type, text.len() as u64),
            Body::Bytes(length) => ("application/octet-stream", *length),
        };
        let keep_alive = !self.closing;
        self.out = Head { status, media_type, length, keep_alive }.to_bytes();
        self.said = 0;
        match body {
            Body::Short(_, text) if with_body => self.out.extend_from_slice(text.as_bytes()),
            Body::Bytes(length) if with_body => self.bytes = 0..*length,
            Body::Short(..) | Body::Bytes(_) => {}
        }
    }
}

fn split(end: SocketAddrV4) -> (String, u16) {
    (end.ip().to_string(), end.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        Pages::new(Ends {
            remote: "100.64.10.30:40001".parse().unwrap(),
            local: "100.72.1.10:80".parse().unwrap(),
        })
    }

    fn ask(pages: &mut Pages, text: &str) -> String {
        assert_eq!(pages.hear(text.as_bytes()), text.len());
        let mut said = Vec::new();
        let mut room = [0; 7];
        loop {
            match pages.say(&mut room) {
                0 => return String::from_utf8_lossy(&said).into_owned(),
                n => said.extend_from_slice(&room[..n]),
            }
        }
    }

    #[test]
    fn the_source_is_told_in_every_form() {
        let mut pages = pages();
        let text = ask(&mut pages, "GET / HTTP/1.1\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nsource 100.64.10.30:40001\ndestination 100.72.1.10:80\n"));
        let json = ask(&mut pages, "GET / HTTP/1.1\r\nAccept: application/json\r\n\r\n");
        let body = json.split("\r\n\r\n").nth(1).unwrap();
        let seen: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(seen["source"], "100.64.10.30");
        assert_eq!(seen["source_port"], 40001);
        assert_eq!(seen["destination"], "100.72.1.10");
        assert_eq!(ask(&mut pages, "GET /json HTTP/1.1\r\n\r\n"), json);
        assert!(
            ask(&mut pages, "GET /source HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n100.64.10.30\n")
        );
        assert!(!pages.finished());
    }

    #[test]
    fn wrong_requests_are_answered() {
        let table = [
            ("GET /nothing HTTP/1.1\r\n\r\n", "404", false),
            ("PUT / HTTP/1.1\r\n\r\n", "405", false),
            ("GET /bytes/-1 HTTP/1.1\r\n\r\n", "400", false),
            ("GET /bytes/99999999999999 HTTP/1.1\r\n\r\n", "400", false),
            ("GET / HTTP/1.0\r\n\r\n", "200", true),
            ("\0\r\n\r\n", "400", true),
        ];
        for (request, status, closes) in table {
            let mut pages = pages();
            let answer = ask(&mut pages, request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert_eq!(pages.finished(), closes, "{request}");
        }
    }

    #[test]
    fn bytes_are_the_pattern_and_head_has_none() {
        let mut pages = pages();
        assert!(
            pages.hear(b"GET /bytes/100000 HTTP/1.1\r\n\r\nHEAD /bytes/5 HTTP/1.1\r\n\r\n") > 0
        );
        let mut said = Vec::new();
        let mut room = [0; 1000];
        loop {
            match pages.say(&mut room) {
                0 => break,
                n => said.extend_from_slice(&room[..n]),
            }
        }
        let start = said.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let mut expected = vec![0; 100_000];
        pattern(0, &mut expected);
        assert_eq!(&said[start..start + 100_000], expected);
        let head = String::from_utf8(said[start + 100_000..].to_vec()).unwrap();
        assert!(head.contains("Content-Length: 5\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn the_pattern_does_not_depend_on_how_it_is_cut() {
        let mut whole = [0; 100];
        pattern(0, &mut whole);
        for cut in 0..100 {
            let mut pieces = [0; 100];
            let (left, right) = pieces.split_at_mut(cut);
            pattern(0, left);
            pattern(cut as u64, right);
            assert_eq!(pieces, whole);
        }
    }
}
