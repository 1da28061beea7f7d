//! Which of several servers to ask, and when to try one again that was silent: pure, told the time.
//!
//! A server that doesn't answer is asked by no client while another one answers. After a while, longer each time, one
//! question goes to it beside the one that counts; its answer brings it back.

use std::{net::Ipv4Addr, time::Duration};

/// After a server's first silence; each more doubles it.
const FIRST_REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The servers of a group in the order of the design, with what is known of each. Times are since the service's start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Vec<Server>);

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) address: Ipv4Addr,
    /// Whether it answered last; `None` while it wasn't asked.
    pub(crate) answers: Option<bool>,
    pub(crate) failures: u32,
    pub(crate) round_trip: Option<Duration>,
    rests_until: Duration,
}

impl Health {
    /// Takes servers; what is known of those that stay goes on.
    pub(crate) fn follow(&mut self, servers: &[Ipv4Addr]) {
        let known = std::mem::take(&mut self.0);
        self.0 = servers
            .iter()
            .map(|address| {
                let known = known.iter().find(|server| server.address == *address).cloned();
                known.unwrap_or_else(|| Server::new(*address))
            })
            .collect();
    }

    /// Whom to ask, one after another: those that answer, or else all.
    pub(crate) fn order(&self) -> Vec<Ipv4Addr> {
        let answering = || self.0.iter().filter(|server| server.answers != Some(false));
        let of = |server: &Server| server.address;
        if answering().next().is_some() {
            answering().map(of).collect()
        } else {
            self.0.iter().map(of).collect()
        }
    }

    /// Whether all were silent last.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.iter().all(|server| server.answers == Some(false))
    }

    /// Silent servers that are to be tried again beside what counts; they rest again from now on.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<Ipv4Addr> {
        let is_due =
            |server: &&mut Server| server.answers == Some(false) && now >= server.rests_until;
        self.0
            .iter_mut()
            .filter(is_due)
            .map(|server| {
                server.rests_until = now + server.rest();
                server.address
            })
            .collect()
    }

    pub(crate) fn answered(&mut self, address: Ipv4Addr, round_trip: Duration) {
        if let Some(server) = self.of(address) {
            (server.answers, server.failures) = (Some(true), 0);
            server.round_trip = Some(round_trip);
        }
    }

    pub(crate) fn failed(&mut self, address: Ipv4Addr, now: Duration) {
        if let Some(server) = self.of(address) {
            server.answers = Some(false);
            server.rests_until = now + server.rest();
            server.failures = server.failures.saturating_add(1);
        }
    }

    pub(crate) fn servers(&self) -> &[Server] {
        &self.0
    }

    fn of(&mut self, address: Ipv4Addr) -> Option<&mut Server> {
        self.0.iter_mut().find(|server| server.address == address)
    }
}

impl Server {
    fn new(address: Ipv4Addr) -> Self {
        Self { address, answers: None, failures: 0, round_trip: None, rests_until: Duration::ZERO }
    }

    fn rest(&self) -> Duration {
        FIRST_REST.saturating_mul(1 << self.failures.min(8)).min(LONGEST_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EAST: Ipv4Addr = Ipv4Addr::new(100, 72, 0, 53);
    const WEST: Ipv4Addr = Ipv4Addr::new(100, 72, 0, 54);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn both() -> Health {
        let mut health = Health::default();
        health.follow(&[EAST, WEST]);
        health
    }

    #[test]
    fn servers_are_asked_in_order_and_silent_ones_not_at_all() {
        let mut health = both();
        assert_eq!(health.order(), [EAST, WEST]);
        health.failed(EAST, s(0));
        assert_eq!(health.order(), [WEST]);
        health.failed(WEST, s(0));
        assert_eq!(health.order(), [EAST, WEST], "where all are silent, all are asked");
        health.answered(EAST, s(1));
        assert_eq!(health.order(), [EAST]);
    }

    #[test]
    fn a_silent_server_is_tried_again_beside_the_others_and_less_often_each_time() {
        let mut health = both();
        health.failed(EAST, s(0));
        let mut tried = Vec::new();
        for now in 0..200 {
            if health.due(s(now)) == [EAST] {
                tried.push(now);
                health.failed(EAST, s(now));
            }
        }
        assert_eq!(tried, [2, 6, 14, 30, 60, 90, 120, 150, 180]);
        health.answered(EAST, s(0));
        assert!(health.due(s(999)).is_empty());
        assert!(!health.is_silent());
        health.failed(EAST, s(1000));
        health.failed(WEST, s(1000));
        assert!(health.is_silent());
        assert_eq!(health.due(s(2000)), [EAST, WEST]);
    }

    #[test]
    fn what_is_known_of_servers_that_stay_goes_on() {
        let mut health = both();
        health.failed(EAST, s(0));
        health.follow(&[Ipv4Addr::new(100, 72, 0, 55), EAST]);
        assert_eq!(health.order(), [Ipv4Addr::new(100, 72, 0, 55)]);
    }
}
