//! How many connections there may be, and which one goes where there is no room. A pure table.

use std::{collections::BTreeMap, net::IpAddr};

use crate::guard::Known;

/// Connections at one time. A browser opens up to six.
pub(super) const MOST: usize = 64;

/// Of one address.
pub(super) const MOST_EACH: usize = 16;

/// What to do with one that came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Admission {
    /// There is room.
    Welcome,
    /// There is, once this one is gone: the oldest on which nobody has signed in.
    InPlaceOf(u64),
    /// There is none.
    Full,
}

#[derive(Clone, Debug)]
struct Held {
    from: IpAddr,
    known: Known,
}

/// The open connections, by number; numbers grow, so the first is the oldest.
#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<u64, Held>);

impl Table {
    /// Looks whether one may come.
    pub(super) fn admit(&self, from: IpAddr) -> Admission {
        let of_address = self.0.values().filter(|held| held.from == from).count();
        if of_address >= MOST_EACH {
            return self.oldest_of_nobody(|held| held.from == from);
        }
        if self.0.len() >= MOST { self.oldest_of_nobody(|_| true) } else { Admission::Welcome }
    }

    fn oldest_of_nobody(&self, which: impl Fn(&Held) -> bool) -> Admission {
        let mut all = self.0.iter().filter(|(_, held)| which(held) && !held.known.get());
        all.next().map_or(Admission::Full, |(number, _)| Admission::InPlaceOf(*number))
    }

    pub(super) fn add(&mut self, number: u64, from: IpAddr, known: Known) {
        self.0.insert(number, Held { from, known });
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.0.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    fn filled(addresses: u8, each: usize) -> (Table, Vec<Known>) {
        let mut table = Table::default();
        let mut all = Vec::new();
        for address in 0..addresses {
            for _ in 0..each {
                let known = Known::default();
                table.add(all.len() as u64, at(address), known.clone());
                all.push(known);
            }
        }
        (table, all)
    }

    #[test]
    fn one_address_doesnt_take_all() {
        let (table, all) = filled(1, MOST_EACH);
        assert_eq!(table.admit(at(0)), Admission::InPlaceOf(0));
        assert_eq!(table.admit(at(1)), Admission::Welcome);
        all.iter().for_each(Known::set);
        assert_eq!(table.admit(at(0)), Admission::Full);
    }

    #[test]
    fn nobody_makes_room_for_somebody() {
        let (mut table, all) = filled(8, MOST / 8);
        assert_eq!(table.admit(at(9)), Admission::InPlaceOf(0));
        all[0].set();
        all[1].set();
        assert_eq!(table.admit(at(9)), Admission::InPlaceOf(2));
        table.remove(5);
        assert_eq!(table.admit(at(9)), Admission::Welcome);
        table.add(99, at(9), Known::default());
        all.iter().for_each(Known::set);
        assert_eq!(table.admit(at(10)), Admission::InPlaceOf(99));
    }
}
