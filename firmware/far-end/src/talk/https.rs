//! The pages over TLS, and without it for those who don't begin with it. TLS is driven by bytes like everything here: what
//! it wants to read and write passes through [`Https::hear`] and [`Https::say`].

use std::{
    io::{BufRead, Write},
    sync::Arc,
};

use tokio_rustls::rustls::{Error, ServerConfig, ServerConnection};

use super::Ends;
use crate::{pages::Pages, tls};

/// Bytes of the pages that become one record (RFC 8446, 5.1). The connection holds one at a time.
const RECORD: usize = 16 * 1024;

/// One HTTPS connection to the answering machine.
#[derive(Debug)]
pub struct Https {
    pages: Pages,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing has come yet.
    Opening(Arc<ServerConfig>),
    /// The client speaks HTTP.
    Plain,
    Tls(Box<Agreed>),
    /// TLS can't be spoken at all.
    Over,
}

/// The server's end of TLS.
#[derive(Debug)]
struct Agreed {
    connection: ServerConnection,
    /// The client broke the protocol: an alert may be left to say.
    broken: bool,
    /// The end of what the pages say has been announced.
    closing: bool,
}

impl Https {
    /// A connection that has just been opened.
    pub fn new(ends: Ends, config: Arc<ServerConfig>) -> Self {
        Self { pages: Pages::new(ends), state: State::Opening(config) }
    }

    /// As of [`super::Talk::hear`].
    pub(super) fn hear(&mut self, input: &[u8]) -> usize {
        if let (State::Opening(config), Some(first)) = (&self.state, input.first()) {
            self.state = match *first {
                tls::HANDSHAKE => State::begin(Arc::clone(config)),
                _ => State::Plain,
            };
        }
        match &mut self.state {
            State::Opening(_) => 0,
            State::Plain => self.pages.hear(input),
            State::Tls(agreed) => agreed.hear(input, &mut self.pages),
            State::Over => input.len(),
        }
    }

    /// As of [`super::Talk::say`].
    pub(super) fn say(&mut self, room: &mut [u8]) -> usize {
        match &mut self.state {
            State::Opening(_) | State::Over => 0,
            State::Plain => self.pages.say(room),
            State::Tls(agreed) => agreed.say(room, &mut self.pages),
        }
    }

    /// As of [`super::Talk::end`].
    pub(super) fn end(&mut self) {
        self.pages.end();
    }

    /// As of [`super::Talk::finished`].
    pub(super) fn finished(&self) -> bool {
        match &self.state {
            State::Opening(_) | State::Plain => self.pages.finished(),
            State::Tls(agreed) => agreed.finished(),
            State::Over => true,
        }
    }
}

impl State {
    fn begin(config: Arc<ServerConfig>) -> Self {
        match ServerConnection::new(config) {
            Ok(connection) => {
                Self::Tls(Box::new(Agreed { connection, broken: false, closing: false }))
            }
            Err(error) => {
                tracing::warn!(%error, "begin TLS");
                Self::Over
            }
        }
    }
}

impl Agreed {
    fn hear(&mut self, input: &[u8], pages: &mut Pages) -> usize {
        let mut rest = input;
        while !rest.is_empty() {
            if self.broken || self.closing {
                return input.len();
            }
            if !self.tell(pages) {
                break;
            }
            match self.connection.read_tls(&mut rest) {
                // The client has said that nothing more comes.
                Ok(0) => return input.len(),
                Ok(_) => {
                    if let Err(error) = self.connection.process_new_packets() {
                        self.give_up(&error);
                    }
                }
                // More than the connection holds; it is told on as the pages have room.
                Err(_) => break,
            }
        }
        input.len() - rest.len()
    }

    /// Tells the pages what has come for them; whether all of it could be told.
    fn tell(&mut self, pages: &mut Pages) -> bool {
        loop {
            let mut reader = self.connection.reader();
            let taken = match reader.fill_buf() {
                Ok([]) => {
                    pages.end();
                    return true;
                }
                Ok(bytes) => pages.hear(bytes),
                // Nothing is here now.
                Err(_) => return true,
            };
            if taken == 0 {
                return false;
            }
            reader.consume(taken);
        }
    }

    fn say(&mut self, mut room: &mut [u8], pages: &mut Pages) -> usize {
        let mut said = 0;
        loop {
            // Into memory, so it fails where there is no room.
            while self.connection.wants_write()
                && let Ok(count @ 1..) = self.connection.write_tls(&mut room)
            {
                said += count;
            }
            if room.is_empty() || self.broken || self.closing {
                return said;
            }
            self.tell(pages);
            let mut piece = [0; RECORD];
            let count = pages.say(&mut piece);
            if count > 0 {
                // One record is less than the connection holds.
                let _ = self.connection.writer().write_all(&piece[..count]);
            } else if pages.finished() {
                self.connection.send_close_notify();
                self.closing = true;
            } else {
                return said;
            }
        }
    }

    fn finished(&self) -> bool {
        (self.broken || self.closing) && !self.connection.wants_write()
    }

    fn give_up(&mut self, error: &Error) {
        tracing::debug!(%error, "a client's TLS broke off");
        self.broken = true;
    }
}

#[cfg(test)]
mod tests;
