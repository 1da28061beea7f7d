//! The time, as the daemon looks after it (R62): what chrony is to do by the design in force, how the clock is, and the
//! questions of the LANs.
//!
//! chrony leads the clock and is another service. What it needs stands in `RUN/time/chrony.conf`, which the image has it
//! read anew when it changes. It answers on the box's loopback alone: it picks no link for its answers, and two LANs may
//! have one range and one address of the device. The daemon hands the LANs' questions over (`relay`).

mod relay;

use std::{fmt::Write as _, io, path::Path, time::Duration};

use sekisho_control::{TimeServer, TimeStatus};
use sekisho_design::{Both, Design, Host};
use sekisho_host::clock::WallClock;
use tracing::{info, warn};

use self::relay::Relay;
use super::handed::Handed;

/// Where chrony's part of the design stands, below the run folder.
const FOLDER: &str = "time";
const FILE: &str = "chrony.conf";

/// Between two looks at the clock.
const BETWEEN: Duration = Duration::from_secs(1);

/// A clock of which nothing is known.
const UNLED: WallClock = WallClock { synchronised: false, error: Duration::ZERO };

/// Looks after the time.
pub(super) struct Time {
    chrony: Handed,
    relay: Relay,
    state: State,
}

/// How the clock has been since the daemon's start.
#[derive(Clone, Copy, Debug)]
struct State {
    now: WallClock,
    since: Duration,
    ever: bool,
    due: Duration,
}

impl Time {
    /// Begins without a design.
    pub(super) fn start(run: &Path, now: Duration, clock: Option<WallClock>) -> io::Result<Self> {
        Ok(Self {
            chrony: Handed::new(run.join(FOLDER).join(FILE), 0o644, chrony(None)),
            relay: Relay::start()?,
            state: State::begin(clock, now),
        })
    }

    /// Another design is in force, its names are elsewhere, or none is in force any more.
    pub(super) fn follow(&mut self, design: Option<&Design>) {
        self.chrony.hand(chrony(design));
        self.relay.follow(design);
    }

    /// Writes what chrony is to do where that is due, and looks at the clock.
    pub(super) fn look_after(&mut self, now: Duration, look: impl FnOnce() -> Option<WallClock>) {
        self.chrony.look_after(now);
        if now >= self.state.due {
            self.state.look(look(), now);
        }
    }

    /// Whether somebody has set the clock right since the daemon's start.
    pub(super) fn known(&self) -> bool {
        self.state.ever
    }

    /// How the time is, with the servers of a design as it is now.
    pub(super) fn status(&self, design: Option<&Design>, now: Duration) -> TimeStatus {
        let State { now: clock, since, ever, due: _ } = self.state;
        let server = |host: &Host| TimeServer {
            host: host.name().map_or_else(
                || host.addresses().iter().map(ToString::to_string).collect(),
                ToString::to_string,
            ),
            addresses: host.addresses().to_vec(),
        };
        let servers = design.iter().flat_map(|design| &design.profile.ntp).map(server).collect();
        let for_s = now.saturating_sub(since).as_secs();
        let error_us =
            clock.synchronised.then(|| u64::try_from(clock.error.as_micros()).unwrap_or(u64::MAX));
        TimeStatus {
            synchronised: clock.synchronised,
            ever,
            for_s,
            error_us,
            servers,
            sentence: sentence(clock, ever, for_s),
            way_out: (!clock.synchronised).then(way_out),
            fault: self.relay.fault(),
        }
    }
}

impl State {
    fn begin(seen: Option<WallClock>, now: Duration) -> Self {
        let seen = seen.unwrap_or(UNLED);
        Self { now: seen, since: now, ever: seen.synchronised, due: now + BETWEEN }
    }

    fn look(&mut self, seen: Option<WallClock>, now: Duration) {
        self.due = now + BETWEEN;
        let seen = seen.unwrap_or(UNLED);
        if seen.synchronised != self.now.synchronised {
            self.since = now;
            if seen.synchronised {
                info!("the clock is synchronised");
            } else {
                warn!("the clock isn't synchronised any more");
            }
        }
        self.ever |= seen.synchronised;
        self.now = seen;
    }
}

fn sentence(clock: WallClock, ever: bool, for_s: u64) -> Both {
    let micros = clock.error.as_micros();
    let error = format!("{}.{:03} ms", micros / 1000, micros % 1000);
    let (ja, en) = match (clock.synchronised, ever) {
        (true, _) => (
            format!("同期しています（{for_s}秒前から、推定誤差 {error}）。"),
            format!("The clock is synchronised, for {for_s} s, off by {error} at a guess."),
        ),
        (false, true) => (
            format!("同期していません（{for_s}秒前から）。装置の時計だけで進んでいます。"),
            format!("The clock has NOT been synchronised for {for_s} s; it runs on by itself."),
        ),
        (false, false) => (
            format!(
                "起動後まだ一度も同期していません（{for_s}秒間）。装置の時計だけで進んでいます。"
            ),
            format!(
                "The clock was NOT synchronised since the start, {for_s} s ago; it runs by itself."
            ),
        ),
    };
    Both { ja, en }
}

fn way_out() -> Both {
    Both {
        ja: "通信は続きますが、記録の時刻は当てになりません。期限（until）のある通信は、時刻が分かるまで閉じることがあります。装置に時刻を尋ねる機器にも「未同期」と答えます。LGWANの回線と、時刻サーバ（接続情報の ntp）への UDP 123 が通るかを確かめてください。".to_owned(),
        en: "Traffic goes on, but times in logs can't be relied on, policies with an end (`until`) may be closed until the time is known, and hosts that ask the device for the time are told that it isn't synchronised. See that the line to LGWAN is up and that UDP 123 reaches the time servers (`ntp` of the profile).".to_owned(),
    }
}

/// What chrony is to do by a design whose names are resolved; nothing where none is in force.
fn chrony(design: Option<&Design>) -> String {
    let mut text =
        "# Written by sekishod by the design in force; changes here are lost.\n".to_owned();
    let Some(design) = design else { return text };
    for address in design.profile.ntp.iter().flat_map(Host::addresses) {
        let _ = writeln!(text, "server {address} iburst");
    }
    let own = relay::CHRONY.ip();
    let _ = write!(text, "bindaddress {own}\nallow {own}\n");
    text
}

#[cfg(test)]
mod tests;
