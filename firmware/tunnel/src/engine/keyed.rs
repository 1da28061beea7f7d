//! The sessions with one centre, of which there are two while the device's key is renewed.
//!
//! ```text
//!                        a packet opens beside
//!  the old key speaks,  ────────────────────────────────────────────────> the coming key speaks,
//!  the coming beside    <──────────────────────────────────────────────── the old beside
//!                        a packet opens beside, and none has for Probing::suspicion where we speak
//! ```
//!
//! A centre knows a device by its public key and gives the organisation's addresses to one peer at a time (WireGuard's
//! allowed IPs). So it alone says which key counts, by the session that its packets come through. Whoever isn't
//! registered gets no answer to his handshakes; whoever is, without the addresses, has a session in which nothing comes.
//! Probes go out by both, so that the centre's choice is known an interval after it was made, at the latest.
//!
//! Only one session seals what the office sends. Both receive all the time. Handshakes with a key that isn't known yet
//! follow the pace of a centre that is away ([`Pace`](crate::pace::Pace)); they start anew at once when the centre falls
//! quiet, because it may have forgotten the other key.

use std::{
    net::IpAddr,
    time::{Duration, Instant, SystemTime},
};

use sekisho_design::PublicKey;

use crate::{ComingKey, Counters, Opened, Outbox, SecretKey, Session};

/// The sessions with one centre.
pub(crate) struct Keyed {
    /// By the key that the device speaks with.
    pub(crate) speaking: Session,
    beside: Beside,
    /// What sessions have counted that are gone.
    past: Counters,
    /// Since when `speaking` was not heard, as far as that is noted: during a renewal.
    heard: Option<Instant>,
    /// After this time without a packet, the other key may speak again.
    suspicion: Duration,
    /// Whether something opened beside since the last [`Keyed::turn`].
    opened_beside: bool,
    /// Whether handshakes beside were hastened since the centre fell quiet.
    hastened: bool,
}

/// The session by the other key, during a renewal.
enum Beside {
    Nobody,
    /// By the key that is to come.
    Coming(Box<Session>),
    /// By the old key: the coming one speaks.
    Former(Box<Session>),
}

impl Beside {
    fn session(&mut self) -> Option<&mut Session> {
        match self {
            Self::Nobody => None,
            Self::Coming(session) | Self::Former(session) => Some(session),
        }
    }
}

impl Keyed {
    /// The bit by which the two sessions of a centre are told apart in what the centre sends.
    const OTHER: u32 = 1 << 23;

    pub(super) fn new(speaking: Session, suspicion: Duration) -> Self {
        Self {
            speaking,
            beside: Beside::Nobody,
            past: Counters::default(),
            heard: None,
            suspicion,
            opened_beside: false,
            hastened: false,
        }
    }

    /// A key that is to come: it is tried from now on, in place of any before it.
    pub(super) fn offer(&mut self, key: &SecretKey, centre: PublicKey, stamped_after: SystemTime) {
        self.withdraw();
        let index = self.speaking.index() ^ Self::OTHER;
        let session = Session::new(key, centre, index, None).stamped_after(stamped_after);
        self.beside = Beside::Coming(Box::new(session));
    }

    /// The coming key isn't wanted any more: the old one speaks.
    pub(super) fn withdraw(&mut self) {
        if matches!(self.beside, Beside::Former(_)) {
            self.swap();
        }
        self.forget_beside();
    }

    /// The coming key is the device's own, and the old one no longer.
    pub(super) fn settle(&mut self) {
        if matches!(self.beside, Beside::Coming(_)) {
            self.swap();
        }
        self.forget_beside();
    }

    /// How far the centre is with the coming key; `None` where there is none.
    pub(super) fn coming(&self) -> Option<ComingKey> {
        match &self.beside {
            Beside::Nobody => None,
            Beside::Coming(session) if session.established() => Some(ComingKey::Known),
            Beside::Coming(_) => Some(ComingKey::Unknown),
            Beside::Former(_) => Some(ComingKey::InUse),
        }
    }

    /// Whether there are two sessions.
    pub(super) fn renewing(&self) -> bool {
        !matches!(self.beside, Beside::Nobody)
    }

    /// Whether a session stands, by either key.
    pub(super) fn established(&self) -> bool {
        self.each().any(Session::established)
    }

    /// Starts handshakes where no session stands.
    pub(super) fn connect(&mut self, now: Instant, out: &mut impl Outbox) {
        self.each_mut().for_each(|session| session.connect(now, out));
    }

    /// Tells whether the centre should have been heard and was not. Handshakes start by both keys while that is so.
    pub(super) fn suspect(&mut self, quiet: bool, now: Instant, out: &mut impl Outbox) {
        let hasten = !std::mem::replace(&mut self.hastened, quiet) && quiet;
        if let Some(beside) = self.beside.session().filter(|_| hasten) {
            beside.hasten();
        }
        if quiet {
            self.each_mut().for_each(|session| session.renew(now, out));
        }
    }

    /// Runs the timers of both.
    pub(super) fn tick(&mut self, now: Instant, clock: SystemTime, out: &mut impl Outbox) {
        for session in self.each_mut() {
            session.follow_clock(now, clock);
            session.tick(now, out);
        }
        if let Some(beside) = self.beside.session() {
            beside.connect(now, out);
        }
    }

    /// Sends a probe through every session that stands.
    pub(super) fn probe(&mut self, now: Instant, request: &[u8], out: &mut impl Outbox) {
        for session in self.each_mut().filter(|session| session.established()) {
            session.seal(now, request, out);
        }
    }

    /// Opens a datagram of the centre by the session that it is for. For the time of a renewal; otherwise there is only
    /// `speaking`.
    pub(super) fn open(
        &mut self,
        now: Instant,
        from: IpAddr,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) -> Opened {
        let beside = self.beside.session();
        if let Some(beside) = beside.filter(|beside| beside.is_addressed_by(datagram)) {
            let opened = beside.open(now, from, datagram, out);
            self.opened_beside |= opened == Opened::Data;
            return opened;
        }
        match self.speaking.open(now, from, datagram, out) {
            Opened::Data => {
                self.heard = Some(now);
                Opened::Data
            }
            // An initiation names no receiver.
            opened @ Opened::Rejected(_) => match self.beside.session() {
                Some(beside) if Session::is_initiation(datagram) => {
                    beside.open(now, from, datagram, out)
                }
                _ => opened,
            },
            opened @ (Opened::Handshake | Opened::Keepalive) => opened,
        }
    }

    /// After datagrams were opened: speaks by the other key where the centre does. `true` where that changed.
    pub(super) fn turn(&mut self, now: Instant, out: &mut impl Outbox) -> bool {
        let deaf = self.heard.is_none_or(|at| now >= at + self.suspicion);
        let turns = std::mem::take(&mut self.opened_beside)
            && match self.beside {
                Beside::Nobody => false,
                Beside::Coming(_) => true,
                Beside::Former(_) => deaf,
            };
        if turns {
            self.swap();
            self.heard = Some(now);
            if let Some(before) = self.beside.session() {
                self.speaking.take_held(now, before, out);
            }
        }
        turns
    }

    /// What both have counted, and those before them.
    pub(super) fn counters(&self) -> Counters {
        self.each().fold(self.past, |sum, session| sum + session.counters())
    }

    /// The latest stamp of any handshake.
    pub(super) fn last_stamp(&self) -> Option<SystemTime> {
        self.each().filter_map(Session::last_stamp).max()
    }

    /// When it was last noticed that somebody else uses one of the keys.
    pub(super) fn rival_seen(&self) -> Option<Instant> {
        self.each().filter_map(Session::rival_seen).max()
    }

    fn each(&self) -> impl Iterator<Item = &Session> {
        let beside = match &self.beside {
            Beside::Nobody => None,
            Beside::Coming(session) | Beside::Former(session) => Some(&**session),
        };
        std::iter::once(&self.speaking).chain(beside)
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        std::iter::once(&mut self.speaking).chain(self.beside.session())
    }

    fn swap(&mut self) {
        self.beside = match std::mem::replace(&mut self.beside, Beside::Nobody) {
            Beside::Nobody => Beside::Nobody,
            Beside::Coming(mut session) => {
                std::mem::swap(&mut self.speaking, &mut session);
                Beside::Former(session)
            }
            Beside::Former(mut session) => {
                std::mem::swap(&mut self.speaking, &mut session);
                Beside::Coming(session)
            }
        };
    }

    fn forget_beside(&mut self) {
        if let Some(session) = self.beside.session() {
            self.past = self.past + session.counters();
        }
        self.beside = Beside::Nobody;
        (self.heard, self.opened_beside, self.hastened) = (None, false, false);
    }
}

#[cfg(test)]
mod tests;
