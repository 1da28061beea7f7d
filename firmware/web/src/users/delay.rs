//! Guessing is slowed down: each wrong password makes the next try wait longer, by user and by where it comes from.
//!
//! A pure machine. A try is counted as wrong when it begins, so that many at once gain nothing; the right one takes it back.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

/// How the waits grow.
#[derive(Clone, Copy, Debug)]
struct Growth {
    /// Wrong ones that cost nothing.
    free: u32,
    /// The first wait; each further wrong one doubles it.
    first: Duration,
}

/// One user: three typing mistakes, then 5 s, 10 s, 20 s and so on.
const BY_USER: Growth = Growth { free: 3, first: Duration::from_secs(5) };

/// One place, from which several may come: a room behind one address.
const BY_SOURCE: Growth = Growth { free: 10, first: Duration::from_secs(5) };

/// The longest wait, and the one that is called a lock. It isn't longer, or anybody could keep the administrator out.
pub const LOCKED: Duration = Duration::from_mins(15);

/// After this without a try everything is forgotten.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// Users and sources that are remembered, each. Beyond, who has the fewest wrong ones is forgotten first.
const REMEMBERED: usize = 512;

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    last: Duration,
    open_at: Duration,
}

/// Who has to wait.
#[derive(Debug, Default)]
pub struct Delays {
    users: BTreeMap<String, Wrong>,
    sources: BTreeMap<IpAddr, Wrong>,
}

/// It isn't time yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wait(pub Duration);

impl Delays {
    /// A try begins. It counts as a wrong one until [`succeeded`](Self::succeeded).
    ///
    /// # Errors
    /// [`Wait`]: nothing may be looked at, and nothing is counted.
    pub fn attempt(&mut self, user: &str, from: IpAddr, now: Duration) -> Result<(), Wait> {
        let source = network(from);
        let left = wait(self.users.get(user), now).max(wait(self.sources.get(&source), now));
        if left > Duration::ZERO {
            return Err(Wait(left));
        }
        count(&mut self.users, user.to_owned(), BY_USER, now);
        count(&mut self.sources, source, BY_SOURCE, now);
        Ok(())
    }

    /// The try was right.
    pub fn succeeded(&mut self, user: &str, from: IpAddr) {
        self.users.remove(user);
        self.sources.remove(&network(from));
    }

    /// A user's wrong ones are forgotten.
    pub fn unlock(&mut self, user: &str) {
        self.users.remove(user);
    }

    /// How long a user has to wait.
    pub fn locked(&self, user: &str, now: Duration) -> Option<Duration> {
        Some(wait(self.users.get(user), now)).filter(|left| *left > Duration::ZERO)
    }
}

fn wait(wrong: Option<&Wrong>, now: Duration) -> Duration {
    wrong.map_or(Duration::ZERO, |wrong| wrong.open_at.saturating_sub(now))
}

fn count<K: Clone + Ord>(all: &mut BTreeMap<K, Wrong>, key: K, growth: Growth, now: Duration) {
    all.retain(|_, wrong| now < wrong.last + FORGOTTEN);
    if all.len() >= REMEMBERED
        && !all.contains_key(&key)
        && let Some(least) = all
            .iter()
            .min_by_key(|(_, wrong)| (wrong.count, wrong.last))
            .map(|(key, _)| key.clone())
    {
        all.remove(&least);
    }
    let wrong = all.entry(key).or_insert(Wrong { count: 0, last: now, open_at: now });
    wrong.count = wrong.count.saturating_add(1);
    wrong.last = now;
    wrong.open_at = now + after(wrong.count, growth);
}

fn after(count: u32, growth: Growth) -> Duration {
    let Some(doubled) = count.checked_sub(growth.free + 1) else { return Duration::ZERO };
    let factor = 2_u32.checked_pow(doubled).unwrap_or(u32::MAX);
    growth.first.saturating_mul(factor).min(LOCKED)
}

/// An IPv6 host has as many addresses as it wants within its /64.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(four) => four.into(),
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn source(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 1, n])
    }

    #[test]
    fn waits_grow_to_a_lock_and_no_further() {
        let mut delays = Delays::default();
        let mut now = Duration::ZERO;
        let mut waits = Vec::new();
        for n in 0..14 {
            delays.attempt("admin", source(n), now).unwrap();
            let wait = delays.locked("admin", now).unwrap_or_default();
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]);
    }

    #[test]
    fn a_wait_costs_nothing_and_ends() {
        let mut delays = Delays::default();
        for _ in 0..4 {
            delays.attempt("admin", HERE, seconds(1)).unwrap();
        }
        for _ in 0..9 {
            assert_eq!(delays.attempt("admin", HERE, seconds(2)), Err(Wait(seconds(4))));
        }
        assert_eq!(delays.attempt("admin", HERE, seconds(6)), Ok(()));
        assert_eq!(delays.locked("admin", seconds(6)), Some(seconds(10)));
        delays.unlock("admin");
        assert_eq!(delays.attempt("admin", HERE, seconds(6)), Ok(()));
    }

    #[test]
    fn the_right_one_forgives() {
        let mut delays = Delays::default();
        for n in 0..100 {
            delays.attempt("admin", HERE, seconds(n)).unwrap();
            delays.succeeded("admin", HERE);
        }
    }

    #[test]
    fn one_place_doesnt_try_all_names() {
        let mut delays = Delays::default();
        let tries = (0..30)
            .take_while(|n| delays.attempt(&format!("user{n}"), HERE, Duration::ZERO).is_ok());
        assert_eq!(tries.count(), 11);
        assert_eq!(delays.attempt("hana", source(9), Duration::ZERO), Ok(()));
    }

    #[test]
    fn an_ipv6_host_is_its_network() {
        let at = |text: &str| network(text.parse().unwrap());
        assert_eq!(at("fd00::1:2:3:4"), at("fd00::9"));
        assert_ne!(at("fd00:0:0:1::1"), at("fd00::1"));
        assert_eq!(at("::ffff:10.0.0.1"), HERE);
    }

    proptest! {
        // A case is a day of tries.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn memory_is_bounded_and_the_worst_stay(names in proptest::collection::vec("[a-z]{1,6}", 0..2000)) {
            let mut delays = Delays::default();
            for n in 0..6 {
                delays.attempt("target", source(n), seconds(u64::from(n) * 900)).unwrap();
            }
            let now = seconds(5 * 900);
            for (n, name) in names.iter().enumerate() {
                let [.., high, low] = n.to_be_bytes();
                let _ = delays.attempt(name, IpAddr::from([10, 9, high, low]), now);
            }
            prop_assert!(delays.users.len() <= REMEMBERED && delays.sources.len() <= REMEMBERED);
            prop_assert!(delays.locked("target", now).is_some());
        }

        #[test]
        fn guesses_of_a_day_are_few(step in 1_u64..600) {
            let mut delays = Delays::default();
            let times = (0..86_400).step_by(usize::try_from(step).unwrap()).map(seconds);
            let tries = times.filter(|now| delays.attempt("admin", HERE, *now).is_ok()).count();
            prop_assert!(tries <= 110, "{tries}");
        }
    }
}
