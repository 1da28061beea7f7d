//! What is asked of a host, once packets get there: over any stream of bytes, or in one datagram.
//!
//! Nothing here knows how the bytes travel: by a socket of the kernel, by smoltcp inside the tunnel, or straight on a
//! wire. A conversation takes a bounded time, whatever the host does or doesn't do.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use crate::probe::{Question, Said};

mod certificate;
mod datagram;
mod http;
mod tls;

#[cfg(test)]
mod tests;

pub use self::{
    certificate::read_certificate,
    datagram::{dns_query, ntp_request, read_dns, read_ntp},
    http::{HttpRequest, exchange, get, post},
};

/// How long a TLS session or an HTTP answer may take in all.
pub const LIMIT: Duration = Duration::from_secs(3);

/// How long a host may think before it says its first line.
const BANNER: Duration = Duration::from_secs(1);

/// The longest first line that is read.
const LINE: usize = 512;

/// A connection that was made, and then wasn't what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The host ended it.
    #[error("the host cut the connection off")]
    CutOff,
    /// The host says nothing.
    #[error("the host took the connection and said nothing within {} s", .0.as_secs())]
    Silent(Duration),
    /// What it said is no TLS.
    #[error("the host speaks something else than TLS")]
    NoTls,
    /// TLS without a session.
    #[error("no TLS session: {0}")]
    Tls(tokio_rustls::rustls::Error),
    /// What it said is no HTTP.
    #[error("the host speaks something else than HTTP")]
    NoHttp,
    /// The answer is longer than anybody asked for.
    #[error("the host's answer is too long")]
    TooLong,
    /// The stream itself.
    #[error("the connection broke: {0}")]
    Stream(io::Error),
    /// Something that no stream can ask.
    #[error("this question isn't asked over a connection")]
    NotAStream,
}

/// Asks over a connection that has just been made: [`Question::Tcp`], [`Question::Banner`], [`Question::Tls`] and
/// [`Question::Http`]. Takes at most [`LIMIT`], and a banner a second. `to` is the host's address, which HTTP names
/// where there is no name.
///
/// # Errors
/// [`Broken`], which is `Answer::Broken` in other words.
pub async fn converse<S>(stream: S, to: Ipv4Addr, question: &Question) -> Result<Said, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let conversation = async {
        match question {
            Question::Tcp { .. } => {
                close(stream).await;
                Ok(Said::Here)
            }
            Question::Banner { .. } => banner(stream).await,
            Question::Http { name, .. } => {
                let request = get(&host(name.as_deref(), to), "/")?;
                exchange(stream, request, |_| false).await.map(|status| Said::Http(status, None))
            }
            Question::Tls { name, authority, http, .. } => {
                let (session, tls) =
                    tls::handshake(stream, name.as_deref(), authority.as_ref()).await?;
                if !http {
                    close(session).await;
                    return Ok(Said::Tls(tls));
                }
                let request = get(&host(name.as_deref(), to), "/")?;
                let status = exchange(session, request, |_| false).await?;
                Ok(Said::Http(status, Some(tls)))
            }
            Question::Echo | Question::Closed { .. } | Question::Dns { .. } | Question::Ntp => {
                Err(Broken::NotAStream)
            }
        }
    };
    timeout(LIMIT, conversation).await.unwrap_or(Err(Broken::Silent(LIMIT)))
}

fn host(name: Option<&str>, to: Ipv4Addr) -> String {
    name.map_or_else(|| to.to_string(), str::to_owned)
}

/// Says goodbye. Whether the host hears it is of no interest.
async fn close<S: AsyncWrite + Unpin>(mut stream: S) {
    let _ = timeout(Duration::from_millis(200), stream.shutdown()).await;
}

async fn banner<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> Result<Said, Broken> {
    let mut heard = Vec::new();
    let listening = async {
        let mut piece = [0; LINE];
        loop {
            let room = LINE - heard.len();
            match stream.read(&mut piece[..room]).await.map_err(Broken::from)? {
                0 if heard.is_empty() => return Err(Broken::CutOff),
                0 => return Ok(()),
                count => heard.extend_from_slice(&piece[..count]),
            }
            if heard.contains(&b'\n') || heard.len() == LINE {
                return Ok(());
            }
        }
    };
    // Most servers wait for the client, and that is an answer too.
    if let Ok(ended) = timeout(BANNER, listening).await {
        ended?;
    }
    close(stream).await;
    Ok(Said::Banner(first_line(&heard)))
}

/// The first line as text that is safe to print.
fn first_line(heard: &[u8]) -> String {
    let line = heard.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let printable = text.trim_end_matches('\r').chars();
    printable.map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        let cut = [
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::ConnectionAborted,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::UnexpectedEof,
        ];
        if cut.contains(&error.kind()) { Self::CutOff } else { Self::Stream(error) }
    }
}
