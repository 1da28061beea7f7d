//! What a bad line does to frames: decided here, without clock or socket.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

/// A reordered frame waits this much longer than the others, so that later ones overtake it.
const HELD_BACK: Duration = Duration::from_millis(5);
/// Frames under way in one direction; more are lost. At 1500 bytes it is 6 MB, 50 ms at 1 Gbit/s.
const UNDER_WAY: usize = 4096;

/// A line's faults, each direction on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, clap::Args)]
pub struct Impairment {
    /// Delay of every frame, like 20ms
    #[arg(long, value_parser = duration, default_value = "0ms")]
    pub delay: Duration,
    /// The delay varies by up to this much, either way; the order stays
    #[arg(long, value_parser = duration, default_value = "0ms")]
    pub jitter: Duration,
    /// Share of frames that are lost, like 1%
    #[arg(long, value_parser = share, default_value = "0%")]
    pub loss: f64,
    /// Share of frames that later ones overtake
    #[arg(long, value_parser = share, default_value = "0%")]
    pub reorder: f64,
    /// Share of frames that arrive twice
    #[arg(long, value_parser = share, default_value = "0%")]
    pub duplicate: f64,
    /// Bits a second that the line carries, like 10mbit; without it, as many as come
    #[arg(long, value_parser = rate)]
    pub rate: Option<u64>,
    /// How long a frame may wait for its turn where there is a rate; one that would wait longer is lost
    #[arg(long, value_parser = duration, default_value = "200ms")]
    pub queue: Duration,
    /// Start of the random sequence: the same seed decides the same
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What became of the frames of one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Frames that came in.
    pub received: u64,
    /// Frames lost on purpose, or because too many were under way or waiting.
    pub lost: u64,
    /// Frames held back so that others overtook them.
    pub reordered: u64,
    /// Frames sent twice.
    pub duplicated: u64,
    /// The longest that a frame waited for its turn.
    pub longest_wait: Duration,
}

/// One direction of the line: frames with the time at which they leave it.
#[derive(Debug)]
pub(crate) struct Direction {
    impairment: Impairment,
    random: u64,
    sequence: u64,
    newest: Option<Instant>,
    /// When the line has carried all that came in so far.
    free: Option<Instant>,
    under_way: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    pub(crate) counts: Counts,
}

impl Direction {
    pub(crate) fn new(impairment: Impairment) -> Self {
        Self {
            impairment,
            // Xorshift never leaves nought.
            random: impairment.seed.max(1),
            sequence: 0,
            newest: None,
            free: None,
            under_way: BinaryHeap::new(),
            counts: Counts::default(),
        }
    }

    /// A frame enters the line.
    pub(crate) fn enter(&mut self, frame: &[u8], now: Instant) {
        self.counts.received += 1;
        if self.chance(self.impairment.loss) || self.under_way.len() >= UNDER_WAY {
            self.counts.lost += 1;
            return;
        }
        let Some(carried) = self.carry(frame.len(), now) else {
            self.counts.lost += 1;
            return;
        };
        if self.chance(self.impairment.duplicate) {
            self.counts.duplicated += 1;
            self.schedule(frame, carried);
        }
        self.schedule(frame, carried);
    }

    /// When the line has carried a frame that comes in now; `None` where the queue is full.
    fn carry(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = self.impairment.rate else { return Some(now) };
        let start = self.free.map_or(now, |free| free.max(now));
        let wait = start.saturating_duration_since(now);
        if wait > self.impairment.queue {
            return None;
        }
        self.counts.longest_wait = self.counts.longest_wait.max(wait);
        let nanoseconds = bytes as u64 * 8 * 1_000_000_000 / rate.max(1);
        self.free = Some(start + Duration::from_nanos(nanoseconds));
        self.free
    }

    /// The next frame whose time has come.
    pub(crate) fn leave(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.deadline()? > now {
            return None;
        }
        self.under_way.pop().map(|Reverse((_, _, frame))| frame)
    }

    /// When the next frame leaves.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((time, _, _))| *time)
    }

    fn schedule(&mut self, frame: &[u8], now: Instant) {
        let spread = self.impairment.jitter.mul_f64(2.0 * self.uniform());
        let delay = (self.impairment.delay + spread).saturating_sub(self.impairment.jitter);
        let mut time = now + delay;
        if self.chance(self.impairment.reorder) {
            self.counts.reordered += 1;
            time += HELD_BACK;
        } else {
            time = self.newest.map_or(time, |newest| time.max(newest));
            self.newest = Some(time);
        }
        self.sequence += 1;
        self.under_way.push(Reverse((time, self.sequence, frame.to_vec())));
    }

    fn chance(&mut self, share: f64) -> bool {
        self.uniform() < share
    }

    /// The next number of an xorshift sequence, 0 to just under 1.
    fn uniform(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from((self.random >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.strip_suffix("ms").ok_or("write milliseconds, like 20ms")?;
    let value: f64 = digits.parse().map_err(|_| "write milliseconds, like 20ms")?;
    Duration::try_from_secs_f64(value / 1000.0).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<u64, String> {
    let units = [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)];
    let found = units.iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, bits)));
    let number = found.and_then(|(digits, bits)| digits.parse::<u64>().ok()?.checked_mul(*bits));
    number.filter(|rate| *rate > 0).ok_or("write bits a second, like 500kbit or 10mbit".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.strip_suffix('%').and_then(|digits| digits.parse().ok());
    match value {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("write a share of 0% to 100%".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliver(impairment: Impairment, frames: u8) -> (Vec<u8>, Counts) {
        let mut line = Direction::new(impairment);
        let start = Instant::now();
        for number in 0..frames {
            line.enter(&[number], start + Duration::from_millis(u64::from(number)));
        }
        let end = start + Duration::from_mins(1);
        let out = std::iter::from_fn(|| line.leave(end)).map(|frame| frame[0]).collect();
        (out, line.counts)
    }

    #[test]
    fn a_good_line_keeps_every_frame_in_order() {
        let jitter = Impairment { jitter: Duration::from_millis(5), ..Impairment::default() };
        for impairment in [Impairment::default(), jitter] {
            let (out, counts) = deliver(impairment, 200);
            assert_eq!(out, (0..200).collect::<Vec<_>>());
            assert_eq!(counts, Counts { received: 200, ..Counts::default() });
        }
    }

    #[test]
    fn frames_leave_when_their_delay_is_over_and_not_before() {
        let delay = Duration::from_millis(20);
        let mut line = Direction::new(Impairment { delay, ..Impairment::default() });
        let start = Instant::now();
        line.enter(b"frame", start);
        assert_eq!(line.deadline(), Some(start + delay));
        assert_eq!(line.leave(start + delay.saturating_sub(Duration::from_nanos(1))), None);
        assert_eq!(line.leave(start + delay).as_deref(), Some(&b"frame"[..]));
        assert_eq!(line.leave(start + delay), None);
    }

    #[test]
    fn each_fault_does_what_its_count_says() {
        let faults = Impairment { loss: 0.1, duplicate: 0.1, ..Impairment::default() };
        let (out, counts) = deliver(faults, 250);
        assert!((10..=50).contains(&counts.lost), "{counts:?}");
        assert!((10..=50).contains(&counts.duplicated), "{counts:?}");
        assert_eq!(out.len() as u64, counts.received - counts.lost + counts.duplicated);

        let (out, counts) = deliver(Impairment { reorder: 0.1, ..Impairment::default() }, 250);
        assert!((10..=50).contains(&counts.reordered), "{counts:?}");
        assert!(!out.is_sorted());
        assert_eq!(out.len(), 250);
    }

    #[test]
    fn a_full_line_loses_what_comes_on_top() {
        let delay = Duration::from_secs(1);
        let mut line = Direction::new(Impairment { delay, ..Impairment::default() });
        let now = Instant::now();
        (0..UNDER_WAY + 10).for_each(|_| line.enter(b"frame", now));
        assert_eq!(line.counts.lost, 10);
    }

    #[test]
    fn a_rate_spaces_frames_and_a_full_queue_loses_them() {
        let queue = Duration::from_millis(10);
        // A frame of 1,250 bytes takes a millisecond.
        let mut line =
            Direction::new(Impairment { rate: Some(10_000_000), queue, ..Impairment::default() });
        let start = Instant::now();
        (0..20).for_each(|_| line.enter(&[0; 1_250], start));
        assert_eq!((line.counts.lost, line.counts.longest_wait), (9, queue));
        for number in 1..=11 {
            let carried = start + Duration::from_millis(number);
            assert_eq!(line.deadline(), Some(carried));
            assert!(line.leave(carried).is_some());
        }
        let later = start + Duration::from_secs(1);
        line.enter(&[0; 1_250], later);
        assert_eq!(line.deadline(), Some(later + Duration::from_millis(1)), "an idle line is free");
    }

    #[test]
    fn arguments_are_read_with_their_unit() {
        assert_eq!(rate("500kbit"), Ok(500_000));
        assert_eq!(rate("10mbit"), Ok(10_000_000));
        assert!(
            ["10", "0mbit", "-1mbit", "mbit", "99999999999gbit"]
                .iter()
                .all(|text| rate(text).is_err())
        );
        assert_eq!(duration("2.5ms"), Ok(Duration::from_micros(2500)));
        assert!(duration("20").is_err() && duration("-1ms").is_err() && duration("xms").is_err());
        assert_eq!(share("1.5%"), Ok(0.015));
        assert!(share("101%").is_err() && share("-1%").is_err() && share("1").is_err());
    }
}
