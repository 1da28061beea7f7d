//! HTTP/1.1 requests out of a byte stream, and the heads of responses (RFC 9112). Pure: no socket, no clock.
//!
//! Small on purpose: bodies only with `Content-Length`, heads and bodies of at most 8 KiB, one request after
//! another.

/// Largest request head, and largest request body, in bytes.
pub const LIMIT: usize = 8 * 1024;

/// More header lines than any client of this program sends.
const MAX_HEADERS: usize = 64;

/// Why a request is refused. The connection ends after the answer, since where the next request starts is
/// unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Not an HTTP/1.x request, or its length is told in two ways.
    #[error("not an HTTP request")]
    Malformed,
    /// The head is longer than [`LIMIT`] or has too many lines.
    #[error("the request's head is longer than 8 KiB")]
    HeadTooLarge,
    /// The body is longer than [`LIMIT`].
    #[error("the request's body is longer than 8 KiB")]
    BodyTooLarge,
    /// The body comes in a transfer coding.
    #[error("a body needs Content-Length; transfer codings are not understood")]
    TransferCoding,
}

/// One request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// `GET`, `POST` and so on, as it was sent.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The body, at most [`LIMIT`] bytes.
    pub body: Vec<u8>,
    /// Whether the client asks for JSON.
    pub wants_json: bool,
    /// Whether the client may send another request on this connection.
    pub keep_alive: bool,
}

/// Collects bytes until a request is whole.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    refused: Option<Refusal>,
}

/// The status line's code and what the response is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head<'a> {
    /// Status code and reason, like `200 OK`.
    pub status: &'a str,
    /// Media type of the body.
    pub media_type: &'a str,
    /// Length of the body in bytes.
    pub length: u64,
    /// Whether the connection stays open after it.
    pub keep_alive: bool,
}

impl Reader {
    /// Takes as many bytes as there is room for and returns how many. Room comes back with
    /// [`Reader::next_request`].
    pub fn take(&mut self, input: &[u8]) -> usize {
        let taken = input.len().min(self.room());
        self.buffer.extend_from_slice(&input[..taken]);
        taken
    }

    /// Bytes that [`Reader::take`] would take. Never 0 after [`Reader::next_request`] has asked for more.
    pub fn room(&self) -> usize {
        2 * LIMIT - self.buffer.len()
    }

    /// The next whole request; `None` while more bytes are needed.
    ///
    /// # Errors
    /// The stream can't be read as HTTP, or breaks a limit. Every later call returns the same refusal.
    pub fn next_request(&mut self) -> Result<Option<Request>, Refusal> {
        if let Some(refusal) = self.refused {
            return Err(refusal);
        }
        self.parse().inspect_err(|refusal| self.refused = Some(*refusal))
    }

    fn parse(&mut self) -> Result<Option<Request>, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let head = match parsed.parse(&self.buffer[..self.buffer.len().min(LIMIT)]) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if self.buffer.len() >= LIMIT => {
                return Err(Refusal::HeadTooLarge);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
            Err(_) => return Err(Refusal::Malformed),
        };
        let (Some(method), Some(target), Some(version)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(Refusal::Malformed);
        };
        let mut length = None;
        let mut request = Request {
            method: method.to_owned(),
            path: path(target).to_owned(),
            body: Vec::new(),
            wants_json: false,
            keep_alive: version == 1,
        };
        for header in parsed.headers.iter() {
            let value = str::from_utf8(header.value).unwrap_or_default().trim();
            match header.name.to_ascii_lowercase().as_str() {
                "content-length" => match (content_length(value), length) {
                    (Some(told), None) => length = Some(told),
                    (Some(told), Some(before)) if told == before => {}
                    _ => return Err(Refusal::Malformed),
                },
                "transfer-encoding" => return Err(Refusal::TransferCoding),
                "connection" if names(value, "close") => request.keep_alive = false,
                "accept" if value.contains("application/json") => request.wants_json = true,
                _ => {}
            }
        }
        let body = match length.unwrap_or(0) {
            told if told > LIMIT as u64 => return Err(Refusal::BodyTooLarge),
            told => usize::try_from(told).map_err(|_| Refusal::BodyTooLarge)?,
        };
        if self.buffer.len() < head + body {
            return Ok(None);
        }
        request.body = self.buffer[head..head + body].to_vec();
        self.buffer.drain(..head + body);
        Ok(Some(request))
    }
}

impl Refusal {
    /// The status line's code and reason.
    pub fn status(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::BodyTooLarge => "413 Content Too Large",
            Self::TransferCoding => "501 Not Implemented",
        }
    }
}

impl Head<'_> {
    /// The head as bytes, up to and with the empty line.
    pub fn to_bytes(self) -> Vec<u8> {
        let connection = if self.keep_alive { "keep-alive" } else { "close" };
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            self.status, self.media_type, self.length
        )
        .into_bytes()
    }
}

/// The target's path: without a query and, for the absolute form that proxies use, without scheme and host.
fn path(target: &str) -> &str {
    let origin = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    origin.split('?').next().unwrap_or(origin)
}

/// `Content-Length` is digits and nothing else (RFC 9110, 8.6); `parse` alone would take a sign.
fn content_length(value: &str) -> Option<u64> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

fn names(value: &str, token: &str) -> bool {
    value.split(',').any(|item| item.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Option<Request>, Refusal> {
        let mut reader = Reader::default();
        reader.take(text.as_bytes());
        reader.next_request()
    }

    #[test]
    fn requests_are_read() {
        let request = read("GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n");
        let expected = Request {
            method: "GET".into(),
            path: "/a".into(),
            body: Vec::new(),
            wants_json: true,
            keep_alive: true,
        };
        assert_eq!(request, Ok(Some(expected)));
        let request = read(
            "POST http://h/x HTTP/1.1\r\nContent-Length: 3\r\nconnection: x, Close\r\n\r\nabc",
        );
        let request = request.unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.body.as_slice()), ("/x", b"abc".as_slice()));
        assert!(!request.keep_alive);
        assert!(!read("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().keep_alive);
    }

    #[test]
    fn refusals() {
        let long = "x".repeat(LIMIT);
        let many = "a: b\r\n".repeat(MAX_HEADERS + 1);
        let table = [
            ("\u{1}\u{2}garbage\r\n\r\n".to_owned(), Refusal::Malformed),
            ("GET / HTTP/2.0\r\n\r\n".to_owned(), Refusal::Malformed),
            ("GET / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc".to_owned(), Refusal::Malformed),
            ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_owned(), Refusal::Malformed),
            (
                "GET / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd".to_owned(),
                Refusal::Malformed,
            ),
            (format!("GET /{long} HTTP/1.1\r\n\r\n"), Refusal::HeadTooLarge),
            (format!("GET / HTTP/1.1\r\n{many}\r\n"), Refusal::HeadTooLarge),
            ("POST / HTTP/1.1\r\nContent-Length: 8193\r\n\r\n".to_owned(), Refusal::BodyTooLarge),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
                Refusal::TransferCoding,
            ),
        ];
        for (text, refusal) in table {
            assert_eq!(read(&text), Err(refusal), "{text}");
        }
    }

    #[test]
    fn a_refusal_stays() {
        let mut reader = Reader::default();
        reader.take(b"\x01\r\n\r\n");
        assert_eq!(reader.next_request(), Err(Refusal::Malformed));
        reader.take(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(reader.next_request(), Err(Refusal::Malformed));
    }

    #[test]
    fn requests_follow_each_other_byte_by_byte() {
        let stream = b"POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\n\r\n";
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        for byte in stream {
            assert_eq!(reader.take(&[*byte]), 1);
            seen.extend(reader.next_request().unwrap());
        }
        assert_eq!(seen.iter().map(|r| r.path.as_str()).collect::<Vec<_>>(), ["/1", "/2"]);
        assert_eq!(seen[0].body, b"ab");
    }

    #[test]
    fn an_endless_stream_costs_bounded_memory() {
        let mut reader = Reader::default();
        let taken: usize = (0..100).map(|_| reader.take(&[b'a'; 4096])).sum();
        assert_eq!(taken, 2 * LIMIT);
        assert!(reader.next_request().is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        ) {
            let mut reader = Reader::default();
            for chunk in chunks {
                reader.take(&chunk);
                let _ = reader.next_request();
            }
        }
    }
}
