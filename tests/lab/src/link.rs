//! A bad line between the device and LGWAN: it takes the place of the kernel's bridge and treats frames as an
//! [`Impairment`] says. One thread carries both directions.

use std::{
    io,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::{
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
};

use crate::{
    impairment::{Counts, Direction, Impairment},
    packet::PacketSocket,
    topology::{WIRE, WIRE_ENDS, batch, batch_in},
};

/// Largest frame with its `virtio_net_hdr`.
const FRAME: usize = 65_536 + 64;
/// What the kernel gives a new interface (`GSO_MAX_SEGS`).
const MAX_SEGMENTS: u32 = 65_535;
/// How soon the thread notices that it shall end.
const GLANCE: Duration = Duration::from_millis(50);

/// The bad line while it is in place. Dropping it puts the bridge back.
#[derive(Debug)]
pub struct Link {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<[Counts; 2]>>>,
}

impl Link {
    /// Puts the line in. Call it in the lab's own network namespace.
    pub fn insert(impairment: Impairment) -> anyhow::Result<Self> {
        // Large packets would cross the line whole, as one frame of 64 KB, and be lost whole: both senders
        // cut them.
        cut_packets(1)?;
        batch(&WIRE_ENDS.map(|end| format!("link set {end} nomaster\n")).concat())?;
        let ends = WIRE_ENDS.map(|end| PacketSocket::wire_end(end).with_context(|| end.to_owned()));
        let [gateway, lgwan] = ends;
        let ends = [gateway?, lgwan?];
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("link".to_owned()).spawn({
            let stop = Arc::clone(&stop);
            move || carry(&ends, impairment, &stop)
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Takes the line out and tells what it did: from the device, towards the device.
    pub fn remove(mut self) -> anyhow::Result<[Counts; 2]> {
        self.take_out().context("the line was out already")?
    }

    fn take_out(&mut self) -> Option<anyhow::Result<[Counts; 2]>> {
        let thread = self.thread.take()?;
        self.stop.store(true, Ordering::Relaxed);
        let counts = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let back = WIRE_ENDS.map(|end| format!("link set {end} master {WIRE}\n")).concat();
        let restored = batch(&back).and_then(|()| cut_packets(MAX_SEGMENTS));
        Some(restored.and_then(|()| Ok(counts?)))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.take_out();
    }
}

fn cut_packets(segments: u32) -> anyhow::Result<()> {
    batch_in(Some("gateway"), &format!("link set port1 gso_max_segs {segments}\n"))?;
    batch_in(Some("lgwan"), &format!("link set eth0 gso_max_segs {segments}\n"))
}

fn carry(
    ends: &[PacketSocket; 2],
    impairment: Impairment,
    stop: &AtomicBool,
) -> io::Result<[Counts; 2]> {
    let second = Impairment { seed: impairment.seed.wrapping_add(1), ..impairment };
    let mut directions = [Direction::new(impairment), Direction::new(second)];
    let mut buffer = vec![0; FRAME];
    while !stop.load(Ordering::Relaxed) {
        wait(ends, directions.iter().filter_map(Direction::deadline).min())?;
        for (direction, (from, to)) in directions.iter_mut().zip([(0, 1), (1, 0)]) {
            while let Some(size) = ends[from].receive(&mut buffer)? {
                direction.enter(&buffer[..size], Instant::now());
            }
            while let Some(frame) = direction.leave(Instant::now()) {
                ends[to].send(&frame)?;
            }
        }
    }
    Ok(directions.map(|direction| direction.counts))
}

/// Until a frame arrives or one is due, at most [`GLANCE`].
fn wait(ends: &[PacketSocket; 2], deadline: Option<Instant>) -> io::Result<()> {
    let due = deadline.map_or(GLANCE, |time| time.saturating_duration_since(Instant::now()));
    let mut watched = [&ends[0], &ends[1]].map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
    match ppoll(&mut watched, Some(TimeSpec::from(due.min(GLANCE))), None) {
        Ok(_) | Err(nix::Error::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
