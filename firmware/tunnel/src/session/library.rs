//! The library's state machine with a clock of our own.
//!
//! The library reads clocks itself. Built with its feature `mock-instant` it reads one that stands beside the calling
//! thread, and this type sets that one before every call. Two things are bought with it. The protocol's timers follow
//! the `now` that everything else here follows, so tests of minutes take no time. And stamps can be lifted: the peer
//! takes no initiation whose stamp isn't later than all it has taken (WireGuard, clause 5.1), but the library stamps
//! with the system's clock as it was when the state machine was made, and a device whose clock was put back would stay
//! unheard until that clock has caught up.

use std::time::{Duration, Instant, SystemTime};

use boringtun::noise::Tunn;
use mock_instant::MockClock;
use sekisho_design::PublicKey;

use crate::SecretKey;

pub(super) struct Library {
    tunn: Box<Tunn>,
    local: SecretKey,
    peer: x25519_dalek::PublicKey,
    index: u32,
    /// The first `now`: the library's clock goes on from there.
    zero: Option<Instant>,
    /// The last `now`. All packets of a batch have the same.
    last: Option<Instant>,
    /// What its clock showed then, which is by how much stamps are ahead of the system's clock.
    lead: Duration,
    /// What its clock shows. It never goes back, also where two threads read `now` in another order than they call.
    shown: Duration,
    /// The system's clock when the state machine was made: the latest that it can have seen.
    read: SystemTime,
}

impl Library {
    /// The library keeps the lowest 8 bits of a receiver index for itself.
    const INDEX: u32 = 0x00ff_ffff;

    /// A state machine whose stamps are later than `after`.
    pub(super) fn new(local: &SecretKey, peer: PublicKey, index: u32, after: SystemTime) -> Self {
        let peer = x25519_dalek::PublicKey::from(*peer.as_bytes());
        let earliest = SystemTime::now();
        MockClock::set_time(Duration::ZERO);
        // The library's own keepalive would start a handshake whenever no session stands, the crossing kind too.
        let tunn = Tunn::new(local.secret(), peer, None, None, index & Self::INDEX, None);
        let latest = SystemTime::now();
        // The order is not sure where the clock was put back in between.
        let (earliest, read) = (earliest.min(latest), earliest.max(latest));
        let lead = after.duration_since(earliest).map_or(Duration::ZERO, |gap| gap + Self::LATER);
        let mut library = Self {
            tunn: Box::new(tunn),
            local: local.clone(),
            peer,
            index,
            zero: None,
            last: None,
            lead,
            shown: lead,
            read,
        };
        library.settle();
        library
    }

    /// A step that every reader of stamps takes for later.
    const LATER: Duration = Duration::from_millis(1);

    /// What names it in the messages that the peer sends back, in 24 bits.
    pub(super) fn index(&self) -> u32 {
        self.index & Self::INDEX
    }

    /// Begins anew with stamps later than `after`. Sessions and handshakes that are under way are lost.
    pub(super) fn renew(&mut self, after: SystemTime) {
        let peer = PublicKey::from_bytes(self.peer.to_bytes());
        *self = Self::new(&self.local, peer, self.index, after);
    }

    /// The state machine, with its clock set.
    pub(super) fn at(&mut self, now: Instant) -> &mut Tunn {
        if self.last != Some(now) {
            self.last = Some(now);
            let zero = *self.zero.get_or_insert(now);
            self.shown = self.shown.max(self.lead + now.saturating_duration_since(zero));
        }
        MockClock::set_time(self.shown);
        &mut self.tunn
    }

    /// The stamp of an initiation that is made at the time last given, or a little later than that.
    pub(super) fn stamp(&self) -> SystemTime {
        self.read + self.shown
    }

    /// Tells the timers of the new state machine what its clock shows, so that nothing seems to be that old.
    fn settle(&mut self) {
        MockClock::set_time(self.shown);
        let mut nothing = [0; 256];
        let _ = self.tunn.update_timers(&mut nothing);
    }
}
