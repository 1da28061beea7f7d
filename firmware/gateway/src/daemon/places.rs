//! Where each centre listens, of all the addresses that its name may have: pure, told the time.
//!
//! A centre stays where it is while its name still says so. A silent one is looked for at the next address of its name.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use sekisho_design::{Design, Name};

/// How long a centre may be silent at one address before the next is tried: two handshakes without an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The addresses of all centres.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<Name, Place>);

#[derive(Clone, Debug)]
struct Place {
    /// In order.
    all: Vec<SocketAddrV4>,
    /// Which of them, while there are any.
    at: usize,
    /// Since when nobody answers there.
    silent: Option<Instant>,
}

impl Places {
    /// Takes a design with the addresses of its names.
    pub(super) fn of(design: &Design) -> Self {
        let place = |centre: &sekisho_design::Centre| {
            let all = centre.endpoint.places().collect();
            (centre.name.clone(), Place { all, at: 0, silent: None })
        };
        Self(design.profile.centres.iter().map(place).collect())
    }

    /// Where a centre is.
    pub(super) fn of_centre(&self, name: &Name) -> Option<SocketAddrV4> {
        self.0.get(name)?.now()
    }

    /// Where all centres are of which that is known.
    pub(super) fn current(&self) -> impl Iterator<Item = (&Name, SocketAddrV4)> {
        self.0.iter().filter_map(|(name, place)| Some((name, place.now()?)))
    }

    /// Takes new addresses; a centre whose own is still among them stays.
    pub(super) fn follow(&mut self, new: Self) {
        let old = std::mem::replace(self, new);
        for (name, place) in &mut self.0 {
            let before = old.of_centre(name);
            let stays = before.and_then(|before| place.all.iter().position(|at| *at == before));
            place.at = stays.unwrap_or(0);
            if stays.is_some() {
                place.silent = old.0.get(name).and_then(|place| place.silent);
            }
        }
    }

    /// Looks for silent centres elsewhere. True where one has somewhere else to be.
    pub(super) fn turn(&mut self, alive: &BTreeSet<Name>, now: Instant) -> bool {
        let mut turned = false;
        for (name, place) in &mut self.0 {
            if alive.contains(name) {
                place.silent = None;
            } else if now >= *place.silent.get_or_insert(now) + PATIENCE {
                place.silent = Some(now);
                if place.all.len() > 1 {
                    place.at = (place.at + 1) % place.all.len();
                    turned = true;
                }
            }
        }
        turned
    }
}

impl Place {
    fn now(&self) -> Option<SocketAddrV4> {
        self.all.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(addresses: &[&str]) -> Places {
        let all = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Places(BTreeMap::from([(east(), Place { all, at: 0, silent: None })]))
    }

    fn east() -> Name {
        "east".parse().unwrap()
    }

    fn at(places: &Places) -> Option<String> {
        places.of_centre(&east()).map(|place| place.to_string())
    }

    #[test]
    fn a_centre_stays_while_its_name_still_says_so() {
        let mut now = places(&["198.18.1.1:1", "198.18.1.2:1"]);
        now.follow(places(&["198.18.1.0:1", "198.18.1.1:1"]));
        assert_eq!(at(&now).unwrap(), "198.18.1.1:1");
        now.follow(places(&["198.18.1.8:1", "198.18.1.9:1"]));
        assert_eq!(at(&now).unwrap(), "198.18.1.8:1");
        now.follow(places(&[]));
        assert_eq!(at(&now), None);
        now.follow(places(&["198.18.1.3:1"]));
        assert_eq!(at(&now).unwrap(), "198.18.1.3:1");
    }

    #[test]
    fn a_silent_centre_is_looked_for_at_its_other_addresses() {
        let (start, nobody) = (Instant::now(), BTreeSet::new());
        let mut now = places(&["198.18.1.1:1", "198.18.1.2:1"]);
        assert!(!now.turn(&nobody, start));
        assert!(!now.turn(&nobody, start + PATIENCE.mul_f64(0.99)));
        assert!(now.turn(&nobody, start + PATIENCE));
        assert_eq!(at(&now).unwrap(), "198.18.1.2:1");
        assert!(!now.turn(&BTreeSet::from([east()]), start + 3 * PATIENCE), "found");
        assert!(!now.turn(&nobody, start + 4 * PATIENCE), "silent only just now");
        assert!(now.turn(&nobody, start + 5 * PATIENCE));
        assert_eq!(at(&now).unwrap(), "198.18.1.1:1");
        let mut single = places(&["198.18.1.1:1"]);
        single.turn(&nobody, start);
        assert!(!single.turn(&nobody, start + 9 * PATIENCE), "there is nowhere else");
    }
}
