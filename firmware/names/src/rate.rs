//! How many questions a client may ask: pure, told the time, bounded in memory.

use std::{net::Ipv4Addr, num::NonZeroUsize, time::Duration};

use lru::LruCache;

/// A client that is over its rate is told so this often, and otherwise not at all: an answer to everything would double
/// what a mad program sends.
const TOLD: Duration = Duration::from_millis(100);

/// A bucket of tokens a client.
#[derive(Debug)]
pub(crate) struct Rates {
    clients: LruCache<Ipv4Addr, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Thousandths of a question.
    tokens: u64,
    counted: Duration,
    told: Option<Duration>,
}

/// What is done with a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admission {
    /// It is answered.
    Admitted,
    /// It is refused, and the client is told.
    Refused,
    /// Nothing is said.
    Silent,
}

impl Rates {
    /// Remembers as many clients as this; the one that was silent for longest is forgotten first.
    pub(crate) fn new(clients: NonZeroUsize) -> Self {
        Self { clients: LruCache::new(clients) }
    }

    /// A client asks. It may ask `rate` questions a second, and four seconds' worth at once.
    pub(crate) fn ask(&mut self, client: Ipv4Addr, rate: u32, now: Duration) -> Admission {
        let most = u64::from(rate) * 4_000;
        let fresh = || Bucket { tokens: most, counted: now, told: None };
        let bucket = self.clients.get_or_insert_mut(client, fresh);
        let passed = now.saturating_sub(bucket.counted).as_millis();
        let earned = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(rate.into());
        bucket.tokens = bucket.tokens.saturating_add(earned).min(most);
        if passed > 0 {
            bucket.counted = now;
        }
        if let Some(left) = bucket.tokens.checked_sub(1_000) {
            bucket.tokens = left;
            Admission::Admitted
        } else if bucket.told.is_none_or(|told| now >= told + TOLD) {
            bucket.told = Some(now);
            Admission::Refused
        } else {
            Admission::Silent
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);

    fn rates(clients: usize) -> Rates {
        Rates::new(NonZeroUsize::new(clients).unwrap())
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut rates = rates(8);
        let mut ask = |ms| rates.ask(CLIENT, 100, Duration::from_millis(ms));
        let count =
            |answers: &[Admission], wanted| answers.iter().filter(|it| **it == wanted).count();
        let burst: Vec<_> = (0..1_000).map(|_| ask(0)).collect();
        assert_eq!(count(&burst, Admission::Admitted), 400);
        assert_eq!(count(&burst, Admission::Refused), 1, "told once");
        let steady: Vec<_> = (0..10_000).map(&mut ask).collect();
        let admitted = count(&steady, Admission::Admitted);
        assert!((990..=1_010).contains(&admitted), "{admitted} in ten seconds");
        assert!(count(&steady, Admission::Refused) <= 101);
        assert_eq!(ask(60_000), Admission::Admitted);
    }

    #[test]
    fn clients_don_t_pay_for_each_other_and_memory_is_bounded() {
        let mut rates = rates(8);
        let now = Duration::from_secs(1);
        while rates.ask(CLIENT, 10, now) == Admission::Admitted {}
        assert_eq!(rates.ask(Ipv4Addr::new(192, 168, 1, 101), 10, now), Admission::Admitted);
        for host in 0..=255 {
            rates.ask(Ipv4Addr::new(10, 0, 0, host), 10, now);
        }
        assert_eq!(rates.clients.len(), 8);
    }
}
