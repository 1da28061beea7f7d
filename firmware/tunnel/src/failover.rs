//! Which centre carries traffic: a pure machine fed by probes (R1).
//!
//! ```text
//!            first answer                     no answer for Probing::silence()
//!  silent ────────────────> alive, unsteady ─────────────────────────────────> silent
//!                                │ Probing::hold_down of answers                  ^
//!                                v                                                │
//!                          alive, steady ─────────────────────────────────────────┘
//! ```
//!
//! The carrier stays while it is alive, until a centre of higher preference is steady. When the carrier falls silent,
//! the first steady centre in order of preference takes over, or else the first that is alive at all. A centre that
//! answers within the first hold-down of the run and has not fallen silent since is steady at once, so that a start
//! doesn't begin on the second choice.
//!
//! Only an answer to a probe, and one that comes in time, brings a centre to life. To stay alive it may be anything that
//! came through its tunnel: on a line that is full, answers are late or lost among the packets that prove as much.
//!
//! A rehearsal ([`Failover::rehearse`]) takes the traffic from the carrier for a moment as if it had fallen silent, with a
//! hold-down of its own, and leaves no trace: the rules above go on with what they knew. It ends at once where nobody else
//! is alive.
//!
//! A centre that comes and goes doesn't take the traffic along each time: its hold-down doubles with each silence, up to
//! [`Probing::longest_hold_down`], and starts anew once it has been alive for that long.

use std::time::{Duration, Instant};

use crate::TunnelError;

#[cfg(test)]
mod tests;

/// How centres are probed. The defaults notice a silent centre 1.1 s after its last answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Probing {
    /// Time between two probes of a centre.
    pub interval: Duration,
    /// How many probes in a row may stay unanswered, at least one.
    pub unanswered: u32,
    /// How long a centre of higher preference must have answered before traffic goes back to it.
    pub hold_down: Duration,
    /// The same for a centre that has fallen silent many times.
    pub longest_hold_down: Duration,
}

/// The machine. Centres are named by their place in the order of preference.
#[derive(Clone, Debug)]
pub struct Failover {
    probing: Probing,
    started: Instant,
    due: Instant,
    centres: Vec<Watched>,
    carrier: Option<usize>,
    silent_since: Option<Instant>,
    rehearsal: Option<Rehearsal>,
}

/// A centre that counts as silent, and then as unsteady, though it answers.
#[derive(Clone, Copy, Debug)]
struct Rehearsal {
    centre: usize,
    begun: Instant,
}

/// What the probes say about a centre.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Liveness {
    /// Since when it has answered without falling silent; `None` while it is silent.
    pub alive_since: Option<Instant>,
    /// When its last answer arrived.
    pub last_answer: Option<Instant>,
    /// Round trip of that answer.
    pub round_trip: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
struct Watched {
    liveness: Liveness,
    /// When the last packet came through its tunnel, if that was after the last answer.
    heard: Option<Instant>,
    /// How many times it has fallen silent lately.
    silences: u32,
    sequence: u16,
    /// Probes that may still be answered, by the lowest bits of their sequence number.
    sent: [Option<(u16, Instant)>; Failover::REMEMBERED],
}

impl Default for Probing {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(200),
            unanswered: 5,
            hold_down: Duration::from_secs(10),
            longest_hold_down: Duration::from_mins(5),
        }
    }
}

impl Probing {
    /// How long after it was last heard a centre may have forgotten its session, which is worth a handshake: two probes
    /// are not answered, and the centre isn't silent yet.
    pub fn suspicion(&self) -> Duration {
        self.interval * 2 + self.interval / 2
    }

    /// How long after it was last heard a centre counts as silent: the probes that may stay unanswered, and half an
    /// interval in which the last of them may still be answered.
    pub fn silence(&self) -> Duration {
        self.interval * self.unanswered.max(1) + self.interval / 2
    }
}

impl Failover {
    /// Probes remembered per centre. An answer that is older than this many intervals proves nothing about now.
    const REMEMBERED: usize = 32;

    /// How long a carrier counts as silent in a rehearsal.
    pub const REHEARSAL: Duration = Duration::from_secs(3);

    /// How long it must then have answered before traffic goes back to it.
    pub const REHEARSED_HOLD_DOWN: Duration = Duration::from_secs(2);

    /// A machine for `count` centres, all silent, the first probes due at once.
    pub fn new(count: usize, probing: Probing, now: Instant) -> Self {
        Self {
            probing,
            started: now,
            due: now,
            centres: vec![Watched::default(); count],
            carrier: None,
            silent_since: Some(now),
            rehearsal: None,
        }
    }

    /// Whether it is time to probe every centre; asked once per answer `true`. Rounds that were missed are not made up.
    pub fn probes_due(&mut self, now: Instant) -> bool {
        let due = now >= self.due;
        if due {
            self.due = (self.due + self.probing.interval).max(now);
        }
        due
    }

    /// A probe goes out to a centre: the sequence number that it shall carry.
    pub fn probe_sent(&mut self, centre: usize, now: Instant) -> u16 {
        let Some(watched) = self.centres.get_mut(centre) else { return 0 };
        watched.sequence = watched.sequence.wrapping_add(1);
        watched.sent[usize::from(watched.sequence) % Self::REMEMBERED] =
            Some((watched.sequence, now));
        watched.sequence
    }

    /// A centre answered. Duplicates and answers to nothing are ignored, a late answer is [`Failover::heard`]. `true`
    /// where liveness or the carrier changed.
    pub fn answered(&mut self, centre: usize, sequence: u16, now: Instant) -> bool {
        let silence = self.probing.silence();
        let Some(watched) = self.centres.get_mut(centre) else { return false };
        let slot = &mut watched.sent[usize::from(sequence) % Self::REMEMBERED];
        let Some((_, sent)) = slot.take_if(|(expected, _)| *expected == sequence) else {
            return false;
        };
        let round_trip = now.saturating_duration_since(sent);
        if round_trip > silence {
            self.heard(centre, now);
            return false;
        }
        let was_alive = watched.liveness.alive_since.is_some();
        watched.liveness.last_answer = Some(now);
        watched.liveness.round_trip = Some(round_trip);
        watched.liveness.alive_since.get_or_insert(now);
        self.choose(now) || !was_alive
    }

    /// Something came through a centre's tunnel: one that is alive stays so.
    pub fn heard(&mut self, centre: usize, now: Instant) {
        if let Some(watched) = self.centres.get_mut(centre) {
            watched.heard = watched.heard.max(Some(now));
        }
    }

    /// Whether a centre has not been heard for [`Probing::suspicion`], or never.
    pub fn quiet(&self, centre: usize, now: Instant) -> bool {
        let heard = self.centres.get(centre).and_then(Watched::last_heard);
        heard.is_none_or(|at| now >= at + self.probing.suspicion())
    }

    /// Lets time pass: centres fall silent or become steady. `true` where liveness or the carrier changed.
    pub fn advance(&mut self, now: Instant) -> bool {
        let Probing { longest_hold_down, .. } = self.probing;
        let silence = self.probing.silence();
        let mut changed = false;
        for watched in &mut self.centres {
            let Some(since) = watched.liveness.alive_since else { continue };
            if now >= since + longest_hold_down {
                watched.silences = 0;
            }
            if watched.last_heard().is_none_or(|at| now >= at + silence) {
                watched.liveness.alive_since = None;
                watched.silences = watched.silences.saturating_add(1);
                changed = true;
            }
        }
        self.choose(now) || changed
    }

    /// Begins a rehearsal: another centre carries from now on.
    ///
    /// # Errors
    /// [`TunnelError::NoOtherCentre`] where none is alive, and [`TunnelError::Rehearsing`] during a rehearsal.
    pub fn rehearse(&mut self, now: Instant) -> Result<(), TunnelError> {
        self.advance(now);
        let centre = self.carrier.filter(|carrier| self.others_alive(*carrier));
        let centre = centre.ok_or(TunnelError::NoOtherCentre)?;
        if self.rehearsal.is_some() {
            return Err(TunnelError::Rehearsing);
        }
        self.rehearsal = Some(Rehearsal { centre, begun: now });
        self.choose(now);
        Ok(())
    }

    /// The centre that carries traffic; `None` while no centre is alive.
    pub fn carrier(&self) -> Option<usize> {
        self.carrier
    }

    /// Since when no centre is alive; `None` while one is.
    pub fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// What the probes say about a centre.
    pub fn liveness(&self, centre: usize) -> Liveness {
        self.centres.get(centre).map(|watched| watched.liveness).unwrap_or_default()
    }

    /// When [`Failover::probes_due`] or [`Failover::advance`] next has something to do. Never later than one interval.
    pub fn next_deadline(&self) -> Instant {
        let silence = self.probing.silence();
        self.centres
            .iter()
            .filter(|watched| watched.liveness.alive_since.is_some())
            .filter_map(Watched::last_heard)
            .map(|at| at + silence)
            .fold(self.due, Instant::min)
    }

    fn others_alive(&self, centre: usize) -> bool {
        let mut others = self.centres.iter().enumerate().filter(|(other, _)| *other != centre);
        others.any(|(_, watched)| watched.liveness.alive_since.is_some())
    }

    fn choose(&mut self, now: Instant) -> bool {
        let over = Self::REHEARSAL + Self::REHEARSED_HOLD_DOWN;
        self.rehearsal = self.rehearsal.filter(|rehearsal| {
            let answers = self.centres[rehearsal.centre].liveness.alive_since.is_some();
            answers && now < rehearsal.begun + over && self.others_alive(rehearsal.centre)
        });
        let rehearsed = |centre: usize| self.rehearsal.filter(|of| of.centre == centre);
        let alive = |centre: usize| {
            let silent = rehearsed(centre).is_some_and(|of| now < of.begun + Self::REHEARSAL);
            self.centres[centre].liveness.alive_since.is_some() && !silent
        };
        let steady = |centre: usize| {
            rehearsed(centre).is_none()
                && self.centres[centre].steady(now, self.started, &self.probing)
        };
        let staying = self.carrier.filter(|carrier| alive(*carrier));
        let better = (0..staying.unwrap_or(self.centres.len())).find(|centre| steady(*centre));
        let carrier =
            better.or(staying).or_else(|| (0..self.centres.len()).find(|centre| alive(*centre)));
        let changed = carrier != self.carrier;
        self.carrier = carrier;
        match carrier {
            Some(_) => self.silent_since = None,
            None => {
                self.silent_since.get_or_insert(now);
            }
        }
        changed
    }
}

impl Watched {
    fn last_heard(&self) -> Option<Instant> {
        self.liveness.last_answer.max(self.heard)
    }

    fn steady(&self, now: Instant, started: Instant, probing: &Probing) -> bool {
        let Some(since) = self.liveness.alive_since else { return false };
        let from_the_start = self.silences == 0 && since < started + probing.hold_down;
        from_the_start || now >= since + self.hold_down(probing)
    }

    fn hold_down(&self, probing: &Probing) -> Duration {
        let doublings = self.silences.saturating_sub(1).min(16);
        let longest = probing.longest_hold_down.max(probing.hold_down);
        probing.hold_down.saturating_mul(1 << doublings).min(longest)
    }
}
