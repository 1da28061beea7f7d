//! How large a packet a path carries: path MTU discovery without ICMP (RFC 8899), by echo requests through the tunnel.
//!
//! ```text
//!           the size comes back                        none does
//! Asking ───────────────────────> Known     Asking ───────────────> Searching ──> Known
//!   ^────── every five seconds ─────┘         (LEAST holds meanwhile)     ^─────────┘ every ten minutes, upwards
//! ```
//!
//! Nobody on the way is believed: what a router says by ICMP could be anybody's word, and what it doesn't say is a black
//! hole. A size that came through the tunnel and back is proof, both ways. Sizes are those of the packets inside.

use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// The machine for one path: pure, told the time.
#[derive(Clone, Debug)]
pub struct PathMtu {
    most: u16,
    carried: Option<u16>,
    alive_since: Option<Instant>,
    round: Option<Round>,
    /// When the size in use is asked for again.
    confirm: Instant,
    /// When something larger is tried again.
    raise: Instant,
}

/// Sizes that are asked for together, a few times each.
#[derive(Clone, Debug)]
struct Round {
    /// What is known to come through, or has to; and what isn't, or isn't yet.
    between: (u16, u16),
    /// In rising order.
    sizes: Vec<u16>,
    /// The largest that came back.
    back: Option<u16>,
    sent: u32,
    due: Instant,
}

impl PathMtu {
    /// The largest packet that every path carries: 1280 bytes on LGWAN, without what the tunnel adds. Used as long as
    /// nothing larger is known to come through.
    pub const LEAST: u16 = 1200;

    /// How often each size is sent before it counts as lost: on a line that loses one packet in ten, a size is taken for
    /// too large once in a few hours, and only until the search is over.
    const SENT: u32 = 5;
    const AGAIN: Duration = Duration::from_millis(300);

    /// How long the last one may take to come back: as long as a centre that answers at all.
    const LAST: Duration = Duration::from_millis(1_100);

    /// A path that gets narrower without a word is noticed within this time and that of a round.
    const CONFIRM: Duration = Duration::from_secs(5);

    /// How often a wider path is sought (`PMTU_RAISE_TIMER` of RFC 8899, 5.1.1).
    const RAISE: Duration = Duration::from_mins(10);

    /// Sizes in a round at most.
    const SIZES: u16 = 16;

    /// A path that may carry up to `most` bytes.
    pub fn new(most: u16, now: Instant) -> Self {
        let most = most.max(Self::LEAST);
        Self { most, carried: None, alive_since: None, round: None, confirm: now, raise: now }
    }

    /// The largest packet that the path carries; `None` as long as nobody knows.
    pub fn carried(&self) -> Option<u16> {
        self.carried
    }

    /// Lets time pass. `alive_since`: since when the centre has answered probes of the smallest size. Says which sizes to
    /// ask for now.
    pub fn advance(&mut self, alive_since: Option<Instant>, now: Instant) -> &[u16] {
        if alive_since != self.alive_since {
            // A centre that comes back may have come by another way.
            (self.alive_since, self.round, self.confirm, self.raise) =
                (alive_since, None, now, now);
        }
        if alive_since.is_none() {
            return &[];
        }
        if self.round.as_ref().is_some_and(|round| round.is_over(now)) {
            self.conclude(now);
        }
        if self.round.is_none() {
            self.round = self.next_round(now);
        }
        match &mut self.round {
            Some(round) if round.sent < Self::SENT && now >= round.due => round.send(now),
            _ => &[],
        }
    }

    /// A packet of this size came back. `true` where that changed what the path is known to carry.
    pub fn answered(&mut self, size: u16, now: Instant) -> bool {
        let before = self.carried;
        if let Some(round) = &mut self.round
            && round.sizes.contains(&size)
        {
            round.back = round.back.max(Some(size));
            if round.back.as_ref() == round.sizes.last() {
                self.conclude(now);
            }
        }
        self.carried != before
    }

    fn next_round(&self, now: Instant) -> Option<Round> {
        let size = self.carried.unwrap_or(self.most);
        if now >= self.confirm {
            Some(Round::of(size, now))
        } else if now >= self.raise && size < self.most {
            Round::between(size, self.most + 1, now)
        } else {
            None
        }
    }

    /// Draws from a round what it told.
    fn conclude(&mut self, now: Instant) {
        let Some(round) = self.round.take() else { return };
        let (low, high) = round.between;
        if round.sizes == [high] {
            self.confirm = now + Self::CONFIRM;
            if round.back == Some(high) {
                self.carried = Some(high);
                return;
            }
            // It swallows what it carried before, or what it was hoped to carry.
            self.carried = Some(Self::LEAST);
            self.round = Round::between(Self::LEAST, high, now);
        } else {
            let low = round.back.unwrap_or(low);
            let high = round.sizes.into_iter().find(|size| *size > low).unwrap_or(high);
            self.round = Round::between(low, high, now);
            if self.round.is_none() {
                self.carried = Some(low);
            }
        }
        if self.round.is_none() {
            (self.confirm, self.raise) = (now + Self::CONFIRM, now + Self::RAISE);
        }
    }
}

impl Round {
    /// Whether this size comes through.
    fn of(size: u16, now: Instant) -> Self {
        Self { between: (0, size), sizes: vec![size], back: None, sent: 0, due: now }
    }

    /// Which sizes above `low` and below `high` come through; none where there are no such sizes.
    fn between(low: u16, high: u16, now: Instant) -> Option<Self> {
        let step = high.saturating_sub(low).div_ceil(PathMtu::SIZES).max(1);
        let sizes: Vec<u16> = (low..high).step_by(step.into()).skip(1).collect();
        let round = Self { between: (low, high), sizes, back: None, sent: 0, due: now };
        (!round.sizes.is_empty()).then_some(round)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.sent == PathMtu::SENT && now >= self.due
    }

    /// The sizes that are of interest still: larger ones than came back.
    fn send(&mut self, now: Instant) -> &[u16] {
        self.sent += 1;
        self.due = now + if self.sent < PathMtu::SENT { PathMtu::AGAIN } else { PathMtu::LAST };
        let known = self.sizes.partition_point(|size| Some(*size) <= self.back);
        &self.sizes[known..]
    }
}
