//! The line as the daemon looks after it: bulk is held back for a while after the line has come back (R72).
//!
//! ```text
//! Open ──no centre answers──> Away ──one answers──> Back ──time over──> Open
//!                              ^──no centre answers──┘
//! ```
//!
//! What has piled up during an outage is mostly bulk, and all of it starts at once. Bulk is held back from Away on, so
//! that it is when the first packet passes. A start of the daemon is no return: queues are as in Open until no centre
//! has answered for as long as it takes to cut new connections off.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use sekisho_control::{ClassStatus, LineStatus, WayStatus};
use sekisho_design::{Class, Design, PortName};
use sekisho_host::{HostError, Kernel, Uses};
use sekisho_plan::{TUNNEL, shaping::class_handle, state::Queues};
use tracing::{info, warn};

/// The line's course, and what the queues were last told of it.
#[derive(Debug, Default)]
pub(super) struct Line {
    course: Course,
    /// `None` while the queues may hold anything.
    held_back: Option<bool>,
    failing: bool,
}

/// Whether the line is there, or has come back just now: pure, told the time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Course {
    #[default]
    Open,
    Away,
    Back(Instant),
}

impl Course {
    /// Whether new connections are cut off, because no centre has answered for some seconds; and for how long bulk is
    /// held back after that.
    fn see(&mut self, cut_off: bool, lasts: Duration, now: Instant) {
        *self = match *self {
            _ if cut_off => Self::Away,
            Self::Away => Self::Back(now),
            Self::Back(since) if now < since + lasts => Self::Back(since),
            Self::Open | Self::Back(_) => Self::Open,
        };
    }

    fn holds_back(self, lasts: Duration) -> bool {
        !lasts.is_zero() && self != Self::Open
    }

    /// How much longer; `None` while nobody knows.
    fn left(self, lasts: Duration, now: Instant) -> Option<Duration> {
        match self {
            Self::Back(since) => Some((since + lasts).saturating_duration_since(now)),
            Self::Open | Self::Away => None,
        }
    }
}

impl Line {
    /// The queues may have been made anew: they are looked at again.
    pub(super) fn forget(&mut self) {
        self.held_back = None;
    }

    /// Holds bulk back, or lets it go, as the line comes and goes.
    pub(super) async fn look_after(
        &mut self,
        kernel: &Kernel,
        (design, queues): (&Design, &BTreeMap<PortName, Queues>),
        cut_off: bool,
        now: Instant,
    ) {
        let lasts = lasts(design);
        self.course.see(cut_off, lasts, now);
        let held_back = self.course.holds_back(lasts);
        if self.held_back == Some(held_back) || queues.is_empty() {
            return;
        }
        match kernel.hold_back(queues, held_back).await {
            Ok(()) => {
                // Said where it changes, not where it is only made sure of.
                if self.held_back.unwrap_or(false) != held_back {
                    info!(held_back, "bulk traffic is held to its share, or no longer");
                }
                (self.held_back, self.failing) = (Some(held_back), false);
            }
            Err(fault) => {
                // Tried again at the next look.
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(%fault, held_back, "can't change what bulk traffic may take");
                }
            }
        }
    }

    /// How the line of a design in force fares; `None` where nothing is shaped.
    pub(super) async fn status(
        &self,
        kernel: &Kernel,
        (design, queues): (&Design, &BTreeMap<PortName, Queues>),
        now: Instant,
    ) -> Result<Option<LineStatus>, HostError> {
        let Some(rate) = design.lgwan.line_rate else { return Ok(None) };
        let uses = kernel.uses(&queues.keys().cloned().collect()).await?;
        let left = self.course.left(lasts(design), now);
        Ok(Some(LineStatus {
            rate: rate.bits_per_second(),
            held_back: self.held_back == Some(true),
            held_back_left_s: left
                .filter(|_| self.held_back == Some(true))
                .map(|left| left.as_secs()),
            ways: ways(design, &uses),
        }))
    }
}

fn lasts(design: &Design) -> Duration {
    Duration::from_secs(design.traffic.hold_back.into())
}

/// Upwards first, then downwards by LAN.
fn ways(design: &Design, uses: &Uses) -> Vec<WayStatus> {
    let way = |link: &PortName, lan| {
        let found = uses.get(link)?;
        let classes = Class::ALL.into_iter().filter_map(|class| {
            let found = found.get(&class_handle(class).1)?;
            Some(ClassStatus {
                class,
                guaranteed: found.class.guaranteed.bytes_per_second.saturating_mul(8),
                most: found.class.most.bytes_per_second.saturating_mul(8),
                sent: found.sent,
                dropped: found.dropped,
                waiting: found.waiting,
            })
        });
        Some(WayStatus { link: link.clone(), lan, classes: classes.collect() })
    };
    let tunnel = TUNNEL.parse::<PortName>().ok();
    let up = tunnel.and_then(|link| way(&link, None));
    let down = design.lans.iter().filter_map(|(lan, found)| way(&found.port, Some(*lan)));
    up.into_iter().chain(down).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way through the machine: seconds, whether new connections are cut off, whether bulk is held back then, and
    /// for how many seconds more.
    #[test]
    fn bulk_is_held_back_from_the_outage_on_until_a_while_after_it() {
        let table = [
            // A start isn't a return.
            (0, false, false, None),
            (10, false, false, None),
            (20, true, true, None),
            (80, true, true, None),
            (90, false, true, Some(60)),
            (120, false, true, Some(30)),
            // It goes again, and its time starts anew.
            (130, true, true, None),
            (131, false, true, Some(60)),
            (190, false, true, Some(1)),
            (191, false, false, None),
            (192, false, false, None),
            // A machine that starts while the line is away.
            (200, true, true, None),
        ];
        let (start, lasts) = (Instant::now(), Duration::from_mins(1));
        let mut course = Course::default();
        for (second, cut_off, held_back, left) in table {
            let now = start + Duration::from_secs(second);
            course.see(cut_off, lasts, now);
            assert_eq!(course.holds_back(lasts), held_back, "at {second}");
            assert_eq!(course.left(lasts, now).map(|left| left.as_secs()), left, "at {second}");
        }
    }

    #[test]
    fn another_design_may_shorten_it_or_switch_it_off() {
        let (start, lasts) = (Instant::now(), Duration::from_mins(1));
        let mut course = Course::default();
        course.see(true, lasts, start);
        course.see(false, lasts, start);
        assert!(!course.holds_back(Duration::ZERO));
        course.see(false, Duration::from_secs(5), start + Duration::from_secs(6));
        assert_eq!(course, Course::Open);
        course.see(true, Duration::ZERO, start);
        assert!(!course.holds_back(Duration::ZERO), "never with nought");
    }
}
