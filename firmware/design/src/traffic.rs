//! How the line is divided where it is full: among classes of traffic, and downwards among the LANs (R35 R44 R49 R72).

use serde::Serialize;

use crate::{Class, Lan, LanInterface};

use std::collections::BTreeMap;

/// What the classes get of the line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Traffic {
    /// What each class has for sure.
    pub shares: Shares,
    /// For how many seconds after the line has come back bulk gets no more than its share; 0 where it is never held back
    /// (R72).
    pub hold_back: u16,
}

/// What each class has for sure of a full line, in percent. What one doesn't use, the others may. Each is 1 or more, and
/// together they are 100 at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Shares {
    online: u8,
    normal: u8,
    bulk: u8,
}

impl Traffic {
    /// The longest time for which bulk is held back: an hour.
    pub(crate) const MOST_HOLD_BACK: u16 = 3600;
}

impl Default for Traffic {
    fn default() -> Self {
        Self { shares: Shares::default(), hold_back: 60 }
    }
}

impl Shares {
    /// Shares of online, normal and bulk; the sum where they are more than there is.
    pub fn new(online: u8, normal: u8, bulk: u8) -> Result<Self, u16> {
        let sum = [online, normal, bulk].into_iter().map(u16::from).sum();
        let each = [online, normal, bulk].into_iter().all(|share| share >= 1);
        if each && sum <= 100 { Ok(Self { online, normal, bulk }) } else { Err(sum) }
    }

    /// A class's share in percent.
    pub fn of(self, class: Class) -> u8 {
        match class {
            Class::Online => self.online,
            Class::Normal => self.normal,
            Class::Bulk => self.bulk,
        }
    }
}

impl Default for Shares {
    fn default() -> Self {
        Self { online: 60, normal: 25, bulk: 15 }
    }
}

/// What downwards traffic of each LAN may take of the line, in percent: its own share, or, where none is written, an even
/// part of what the written ones leave.
pub fn lan_shares(lans: &BTreeMap<Lan, LanInterface>) -> BTreeMap<Lan, u8> {
    let written: u8 = lans.values().filter_map(|lan| lan.share).sum();
    let others = lans.values().filter(|lan| lan.share.is_none()).count();
    let others = u8::try_from(others).unwrap_or(u8::MAX).max(1);
    let even = 100u8.saturating_sub(written) / others;
    lans.iter().map(|(lan, interface)| (*lan, interface.share.unwrap_or(even))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_one_or_more_and_a_hundred_at_most() {
        assert_eq!(Shares::new(60, 25, 15), Ok(Shares::default()));
        assert!(Shares::new(1, 1, 98).is_ok());
        assert!(Shares::new(1, 1, 1).is_ok());
        assert_eq!(Shares::new(60, 25, 16), Err(101));
        assert_eq!(Shares::new(255, 255, 255), Err(765));
        assert_eq!(Shares::new(50, 50, 0), Err(100));
    }

    #[test]
    fn lans_without_a_share_divide_what_is_left() {
        let interface = |share| LanInterface {
            port: "port2".parse().unwrap(),
            mode: None,
            address: "192.168.1.1/24".parse().unwrap(),
            routes: Vec::new(),
            share,
        };
        let shares = |head, education| {
            let lans =
                [(Lan::HeadOffice, interface(head)), (Lan::EducationBoard, interface(education))];
            lan_shares(&lans.into()).into_values().collect::<Vec<_>>()
        };
        assert_eq!(shares(None, None), [50, 50]);
        assert_eq!(shares(Some(70), None), [70, 30]);
        assert_eq!(shares(None, Some(99)), [1, 99]);
        assert_eq!(shares(Some(40), Some(20)), [40, 20]);
        let one = BTreeMap::from([(Lan::HeadOffice, interface(None))]);
        assert_eq!(lan_shares(&one)[&Lan::HeadOffice], 100);
    }
}
