//! One request that somebody else answers, and may take time for.

use std::net::Ipv4Addr;

use tokio::sync::{
    mpsc,
    oneshot::{self, error::TryRecvError},
};

use crate::{
    check::{Asked, last_words},
    dial_back::problem,
    http::Reader,
};

/// One connection to the connection check.
#[derive(Debug)]
pub struct Asking {
    from: Ipv4Addr,
    desk: mpsc::Sender<Asked>,
    state: State,
    /// The client has closed its direction.
    ended: bool,
}

#[derive(Debug)]
enum State {
    Reading(Reader),
    Waiting(oneshot::Receiver<Vec<u8>>),
    /// The answer, as far as it isn't said yet.
    Saying(Vec<u8>),
}

impl Asking {
    /// A connection that somebody has just opened; the request goes to `desk`.
    pub fn new(from: Ipv4Addr, desk: mpsc::Sender<Asked>) -> Self {
        Self { from, desk, state: State::Reading(Reader::default()), ended: false }
    }

    /// As of [`super::Talk::hear`]. What comes after the request is thrown away.
    pub(super) fn hear(&mut self, input: &[u8]) -> usize {
        let State::Reading(reader) = &mut self.state else { return input.len() };
        let taken = reader.take(input);
        let unavailable = "503 Service Unavailable";
        match reader.next_request() {
            Ok(None) => {}
            Ok(Some(request)) => {
                let (reply, answer) = oneshot::channel();
                self.state = match self.desk.try_send(Asked { request, from: self.from, reply }) {
                    Ok(()) => State::Waiting(answer),
                    Err(_) => State::Saying(last_words((
                        unavailable,
                        problem("too many requests at once; try again"),
                    ))),
                };
            }
            Err(refusal) => {
                self.state = State::Saying(last_words((refusal.status(), problem(refusal))));
            }
        }
        taken
    }

    /// As of [`super::Talk::say`].
    pub(super) fn say(&mut self, room: &mut [u8]) -> usize {
        if let State::Waiting(answer) = &mut self.state {
            match answer.try_recv() {
                Ok(answer) => self.state = State::Saying(answer),
                Err(TryRecvError::Empty) => return 0,
                Err(TryRecvError::Closed) => self.state = State::Saying(Vec::new()),
            }
        }
        let State::Saying(answer) = &mut self.state else { return 0 };
        let count = answer.len().min(room.len());
        for (to, byte) in room.iter_mut().zip(answer.drain(..count)) {
            *to = byte;
        }
        count
    }

    /// As of [`super::Talk::end`].
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// As of [`super::Talk::finished`].
    pub(super) fn finished(&self) -> bool {
        match &self.state {
            State::Reading(_) => self.ended,
            State::Waiting(_) => false,
            State::Saying(answer) => answer.is_empty(),
        }
    }
}
