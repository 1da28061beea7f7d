//! When a table is nearly full: pure, told how full it is.
//!
//! ```text
//!          80 %          100 %
//!   roomy ─────> near ─────────> full
//!         <─────      <─────────
//!          70 %           95 %
//! ```
//! So a table that stays about a limit is one alarm, not one a second.

use std::net::Ipv4Addr;

use sekisho_control::{Fullness, Scarce, Shortage};
use sekisho_design::Both;

/// In hundredths of the table: where an alarm begins, and where it ends.
const NEAR: u64 = 80;
const NEAR_ENDS: u64 = 70;
const FULL: u64 = 100;
const FULL_ENDS: u64 = 95;

/// Remembers how full a table was.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    level: Fullness,
}

impl Alarm {
    /// Told how full the table is now: the level where that makes it another one.
    pub(super) fn look(&mut self, count: u64, most: u64) -> Option<Fullness> {
        let at_least = |hundredths: u64| {
            most > 0 && count.saturating_mul(100) >= most.saturating_mul(hundredths)
        };
        let was = self.level;
        let (near, full) = match was {
            Fullness::Roomy => (NEAR, FULL),
            Fullness::Near => (NEAR_ENDS, FULL),
            Fullness::Full => (NEAR_ENDS, FULL_ENDS),
        };
        self.level = if at_least(full) {
            Fullness::Full
        } else if at_least(near) {
            Fullness::Near
        } else {
            Fullness::Roomy
        };
        (self.level != was).then_some(self.level)
    }

    pub(super) fn level(&self) -> Fullness {
        self.level
    }
}

/// Whether so much of so much is no alarm.
pub(super) fn roomy(used: u64, most: u64) -> bool {
    used.saturating_mul(100) < most.saturating_mul(NEAR)
}

/// What to tell of the table of connections.
pub(super) fn of_connections((level, used, most): (Fullness, u64, u64)) -> Option<Shortage> {
    let sentence = match level {
        Fullness::Roomy => return None,
        Fullness::Near => both(
            format!("接続の表が {most} 件中 {used} 件まで埋まっています"),
            format!("the table of connections holds {used} of {most}"),
        ),
        Fullness::Full => both(
            format!("接続の表が満杯です（{most} 件）。新しい接続は通りません"),
            format!("the table of connections is full with {most}: no new one is let in"),
        ),
    };
    let way_out = both(
        "sekisho top --sort connections で接続の多い行を探し、異常な機器を止めてください。すべて業務なら、主記憶の多い装置が要ります"
            .to_owned(),
        "Find who opens so many with sekisho top --sort connections and stop the host that runs wild; if all of it is work, the \
         box needs more memory"
            .to_owned(),
    );
    Some(Shortage { of: Scarce::Connections, used, most, sentence, way_out })
}

/// What to tell of a shared address.
pub(super) fn of_ports(global: Ipv4Addr, used: u32, most: u64) -> Option<Shortage> {
    let used = u64::from(used);
    if roomy(used, most) {
        return None;
    }
    let sentence = both(
        format!("端末の共有アドレス {global} のポートが {most} 個中 {used} 個使われています"),
        format!("the shared address {global} has {used} of {most} ports in use"),
    );
    let way_out = both(
        "sekisho top で接続の多い端末の行を探すか、行の一部に別の共有アドレス（global）を割り当ててください".to_owned(),
        "Find the row that opens so many with sekisho top, or give some of its rows another global address".to_owned(),
    );
    Some(Shortage { of: Scarce::Ports { global }, used, most, sentence, way_out })
}

fn both(ja: String, en: String) -> Both {
    Both { ja, en }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_comes_once_and_ends_well_below() {
        use Fullness::{Full, Near, Roomy};
        let course = [
            (0, None),
            (799, None),
            (800, Some(Near)),
            (850, None),
            (799, None),
            (700, None),
            (699, Some(Roomy)),
            (799, None),
            (999, Some(Near)),
            (1000, Some(Full)),
            (1001, None),
            (950, None),
            (949, Some(Near)),
            (1000, Some(Full)),
            (10, Some(Roomy)),
            (5000, Some(Full)),
        ];
        let mut alarm = Alarm::default();
        for (step, (count, told)) in course.into_iter().enumerate() {
            assert_eq!(alarm.look(count, 1000), told, "step {step}: {count}");
        }
        assert_eq!(alarm.level(), Full);
        assert_eq!(alarm.look(7, 0), Some(Roomy), "a table without an end is never full");
        assert_eq!(alarm.look(u64::MAX, u64::MAX), Some(Full), "no overflow");
    }

    #[test]
    fn a_shortage_is_told_from_the_alarm_on() {
        assert_eq!(of_connections((Fullness::Roomy, 1, 10)), None);
        let near = of_connections((Fullness::Near, 8, 10)).unwrap();
        assert!(near.sentence.en.contains("8 of 10"), "{near:?}");
        let full = of_connections((Fullness::Full, 10, 10)).unwrap();
        assert!(full.sentence.en.contains("full with 10"), "{full:?}");
        let global = [100, 64, 10, 31].into();
        assert_eq!(of_ports(global, 48_780, 60_976), None);
        let ports = of_ports(global, 48_781, 60_976).unwrap();
        assert_eq!((ports.of, ports.used), (Scarce::Ports { global }, 48_781));
        for shortage in [near, full, ports] {
            assert!(!shortage.way_out.ja.is_empty() && shortage.way_out.en.contains("sekisho top"));
        }
    }
}
