//! Every system call of the data plane is refused for a while, with every error that it may know.

use nix::errno::Errno;

use super::*;
use crate::transport::faulty::Site;

const ERRORS: [Errno; 7] = [
    Errno::EAGAIN,
    Errno::ENOBUFS,
    Errno::EMSGSIZE,
    Errno::ECONNREFUSED,
    Errno::ENETDOWN,
    Errno::EIO,
    Errno::EINVAL,
];

/// Packets that each office sends while calls are refused.
const SENT: u32 = 40;
/// Calls in the meantime that are no spinning: a few for each packet, probes, and retries.
const CALLS: u64 = 400;

/// What one error did.
struct Outcome {
    error: Errno,
    /// Packets that did not arrive at the near and at the far office.
    lost: [u64; 2],
    before: Status,
    after: Status,
}

impl Outcome {
    /// By how much a count of the status went up.
    fn counted(&self, count: impl Fn(&Status) -> u64) -> u64 {
        count(&self.after) - count(&self.before)
    }
}

/// Refuses a call with each error in turn while packets go both ways. Both engines live on, nobody spins, and afterwards
/// packets pass by the sessions that stood.
fn each_error_at(site: Site, judge: impl Fn(&Outcome)) {
    let joined = Joined::new();
    let status = || joined.engines[0].status();
    for (error, first) in ERRORS.into_iter().zip((0..).step_by(SENT as usize + 1)) {
        let numbers = first..first + SENT;
        let before = status();
        let (calls, refused) = (joined.faults.calls(site), joined.faults.refused(site));
        joined.faults.refuse(site, Some(error));
        joined.send(numbers.clone());
        joined.wait_until("a call is refused", |joined| joined.faults.refused(site) > refused);
        joined.faults.refuse(site, None);
        let calls = joined.faults.calls(site) - calls;
        assert!(calls < CALLS, "{error}: {calls} calls");
        joined.passes(numbers.end);
        let lost = joined
            .offices
            .each_ref()
            .map(|office| u64::from(SENT) - office.heard(numbers.clone()) as u64);
        judge(&Outcome { error, lost, before, after: status() });
        for engine in &joined.engines {
            let status = engine.status();
            assert_eq!(status.failure, None, "{error}");
            let centre = &status.centres[0];
            assert!(centre.established && centre.counters.given_up == 0, "{error}: {status:?}");
        }
    }
    joined.stop();
}

#[test]
fn a_device_that_refuses_reads_loses_nothing() {
    each_error_at(Site::Read, |outcome| {
        assert_eq!(outcome.lost, [0, 0], "{}", outcome.error);
        let counted = outcome.counted(|status| status.refused_reads);
        assert_eq!(counted > 0, outcome.error != Errno::EAGAIN, "{}", outcome.error);
    });
}

#[test]
fn an_uplink_that_refuses_reads_loses_nothing() {
    each_error_at(Site::Receive, |outcome| {
        assert_eq!(outcome.lost, [0, 0], "{}", outcome.error);
        let counted = outcome.counted(|status| status.refused_reads);
        assert_eq!(counted > 0, outcome.error != Errno::EAGAIN, "{}", outcome.error);
    });
}

#[test]
fn what_a_device_does_not_take_is_counted() {
    each_error_at(Site::Write, |outcome| {
        assert!(outcome.lost[0] > 0 && outcome.lost[1] == 0, "{}", outcome.error);
        let counted = outcome.counted(|status| status.device_drops);
        let all = if outcome.error == Errno::EIO { outcome.lost[0] } else { 1 };
        assert!(counted >= all, "{}: {counted} of {:?}", outcome.error, outcome.lost);
    });
}

#[test]
fn what_an_uplink_does_not_take_is_counted() {
    each_error_at(Site::Send, |outcome| {
        let counted = outcome.counted(|status| status.unsent_datagrams);
        assert!(counted >= outcome.lost[1].max(1), "{}: {counted}", outcome.error);
        assert_eq!(outcome.lost[0], 0, "{}", outcome.error);
    });
}

#[test]
fn a_run_that_an_uplink_does_not_take_is_counted_or_sent_one_by_one() {
    each_error_at(Site::SendRun, |outcome| {
        let counted = outcome.counted(|status| status.unsent_datagrams);
        if [Errno::EIO, Errno::EINVAL].contains(&outcome.error) {
            assert_eq!((outcome.lost, counted), ([0, 0], 0), "{}", outcome.error);
        } else {
            assert!(outcome.lost[1] > 1, "{}: {:?}", outcome.error, outcome.lost);
            assert!(counted >= outcome.lost[1], "{}: {counted}", outcome.error);
        }
    });
}

/// Long enough for the centre to count as silent: that is told, and ends with the trouble.
#[test]
fn an_uplink_that_is_down_for_seconds_costs_nothing_else() {
    let joined = Joined::new();
    let sites = [Site::Send, Site::SendRun, Site::Receive];
    let calls = || sites.map(|site| joined.faults.calls(site)).into_iter().sum::<u64>();
    let (begun, before) = (Instant::now(), calls());
    for site in sites {
        joined.faults.refuse(site, Some(Errno::ENETDOWN));
    }
    joined.wait_until("the centre is silent", |joined| {
        joined.send(0..10);
        joined.engines[0].status().carrier.is_none()
    });
    thread::sleep(Duration::from_secs(1));
    let each_second = (calls() - before) / begun.elapsed().as_secs().max(1);
    assert!(each_second < 2 * CALLS, "{each_second} calls a second");
    for site in sites {
        joined.faults.refuse(site, None);
    }
    joined.wait_until("both carry again", Joined::carries);
    joined.passes(10);
    joined.stop();
}

/// A thread that pauses, because its calls are refused, stops as soon as any other.
#[test]
fn an_engine_stops_while_calls_are_refused() {
    let joined = Joined::new();
    for site in [Site::Read, Site::Receive] {
        joined.faults.refuse(site, Some(Errno::ENOBUFS));
    }
    joined.send(0..20);
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    joined.stop();
    assert!(begun.elapsed() < Engine::PATIENCE);
}

/// The one error after which no call can succeed.
#[test]
fn a_device_that_is_gone_ends_the_engine_and_is_named() {
    for site in [Site::Read, Site::Write] {
        let joined = Joined::new();
        joined.faults.refuse(site, Some(Errno::EBADFD));
        joined.wait_until("the engine ends", |joined| {
            joined.send(0..10);
            joined.engines[0].failed().is_some()
        });
        let reason = joined.engines[0].failed().unwrap_or_default();
        assert!(reason.contains("the tunnel device"), "{reason}");
        assert_eq!(joined.engines[1].failed(), None);
    }
}
