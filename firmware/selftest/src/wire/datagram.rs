//! Questions in one datagram.

use jiff::Timestamp;

use crate::{
    probe::{Question, Said},
    talk::{dns_query, ntp_request, read_dns, read_ntp},
};

/// A question in one datagram, and how its answer is known.
#[derive(Clone, Debug)]
pub(super) enum Datagram {
    /// Nothing is asked: nobody should be there.
    Closed { port: u16 },
    /// A name's address.
    Name { query: Vec<u8>, id: u16 },
    /// The time; when it was asked for last.
    Time { sent: Timestamp },
}

/// Ports of DNS and NTP.
const DNS: u16 = 53;
const NTP: u16 = 123;

impl Datagram {
    /// `id` is the number of a name query: half of what a forger must guess. `None` where a question doesn't fit into a datagram; an error is why it can't be
    /// asked at all.
    pub(super) fn of(question: &Question, id: u16) -> Result<Option<Self>, String> {
        Ok(match question {
            Question::Closed { port } => Some(Self::Closed { port: *port }),
            Question::Dns { name } => {
                let query = dns_query(name, id);
                Some(Self::Name { query: query.ok_or(format!("'{name}' is no name"))?, id })
            }
            Question::Ntp => Some(Self::Time { sent: Timestamp::UNIX_EPOCH }),
            Question::Echo
            | Question::Tcp { .. }
            | Question::Banner { .. }
            | Question::Tls { .. }
            | Question::Http { .. } => None,
        })
    }

    /// The port that it goes to.
    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Closed { port } => *port,
            Self::Name { .. } => DNS,
            Self::Time { .. } => NTP,
        }
    }

    /// What is to be sent now.
    pub(super) fn bytes(&mut self) -> Vec<u8> {
        match self {
            Self::Closed { .. } => Vec::new(),
            Self::Name { query, .. } => query.clone(),
            Self::Time { sent } => {
                *sent = Timestamp::now();
                ntp_request(*sent).to_vec()
            }
        }
    }

    /// What came back; `None` where it answers something else.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Said> {
        match self {
            Self::Closed { .. } => Some(Said::Here),
            Self::Name { id, .. } => read_dns(bytes, *id),
            Self::Time { sent } => read_ntp(bytes, *sent, Timestamp::now()),
        }
    }
}
