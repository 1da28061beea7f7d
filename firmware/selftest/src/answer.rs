//! Answers of hosts in words.

use std::time::Duration;

use sekisho_design::Both;

use crate::{
    check::both,
    probe::{Answer, Question, Said},
};

/// ICMP's type and the codes of it that say that somebody forbids it (RFC 1812, 5.2.7.1).
pub(crate) const UNREACHABLE: u8 = 3;
pub(crate) const PORT: u8 = 3;
const PROHIBITED: [u8; 3] = [9, 10, 13];

/// Whether an answer is an ICMP error by which somebody says that he forbids it.
pub(crate) fn prohibited(answer: &Answer) -> bool {
    matches!(answer, Answer::Icmp { kind: UNREACHABLE, code, .. } if PROHIBITED.contains(code))
}

/// Whether an answer is a host's that has nobody at that port.
pub(crate) fn no_port(answer: &Answer) -> bool {
    matches!(answer, Answer::Icmp { kind: UNREACHABLE, code: PORT, .. })
}

/// A question in words.
pub(crate) fn question(question: &Question) -> String {
    match question {
        Question::Echo => "icmp-echo".to_owned(),
        Question::Tcp { port } | Question::Banner { port } => format!("tcp/{port}"),
        Question::Tls { port, http: false, .. } => format!("tls/{port}"),
        Question::Tls { port, http: true, .. } => format!("https/{port}"),
        Question::Http { port, .. } => format!("http/{port}"),
        Question::Closed { port } => format!("udp/{port}"),
        Question::Dns { name } => format!("dns {name}"),
        Question::Ntp => "ntp".to_owned(),
    }
}

/// A time in words.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// An answer as a sentence.
pub(crate) fn sentence(answer: &Answer) -> Both {
    match answer {
        Answer::Good { said: Said::Http(status, _), .. } => {
            both!("HTTP {status} が返りました。"; "It answered HTTP {status}.")
        }
        Answer::Good { .. } => both!("応答しました。"; "It answered."),
        Answer::Refused { .. } => {
            both!("接続をすぐに断りました（RST）。"; "It refused the connection at once (RST).")
        }
        Answer::Icmp { by, kind, code, .. } => both!(
            "{by} がICMP（種別{kind}、コード{code}）で、届けられないと答えました。";
            "{by} answered by ICMP, type {kind}, code {code}, that it can't be delivered."
        ),
        Answer::Broken { why } => {
            both!("つながりましたが、途中で切れました（{why}）。"; "It was connected, and then: {why}.")
        }
        Answer::Silent { .. } => both!("応答がありません。"; "Nothing came back."),
        Answer::NoNeighbour => both!("ARPに答えません。"; "It doesn't answer ARP."),
        Answer::Busy { why } => {
            both!("試せませんでした（{why}）。"; "It couldn't be tried: {why}.")
        }
    }
}

/// The round trip of an answer, if one came.
pub(crate) fn round_trip(answer: &Answer) -> Option<Duration> {
    match answer {
        Answer::Good { after, .. } | Answer::Refused { after } | Answer::Icmp { after, .. } => {
            Some(*after)
        }
        Answer::Broken { .. }
        | Answer::Silent { .. }
        | Answer::NoNeighbour
        | Answer::Busy { .. } => None,
    }
}
