//! How long online requests take while bulk fills a line of 10 Mbit/s both ways, beside the idle line.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_control::{ClassStatus, LineStatus};
use sekisho_design::Class;
use sekisho_lab::{Impairment, Lab};

use crate::{
    load::{Answering, Bulk, request},
    site::{RATE, lab},
};

/// What a request brings and what it wants, in bytes.
const REQUESTS: [(&str, usize, usize); 4] = [
    ("10 KB down", 100, 10_000),
    ("100 KB down", 100, 100_000),
    ("10 KB up", 10_000, 100),
    ("100 KB up", 100_000, 100),
];
/// How long bulk runs before it is measured beside: its connections have found the line's rate by then.
const WARM_UP: Duration = Duration::from_secs(3);

/// Of those of one kind, sorted: one in the middle, and the one that 95 of a hundred don't exceed.
struct Times {
    median: Duration,
    most: Duration,
}

/// A glance: few requests on a machine that may be busy with other things. Behind a full queue of the line they would take
/// 100 ms more each way, seven times as long for a small one.
pub(crate) fn online_is_quick() -> anyhow::Result<()> {
    measure(8, |idle, full| full.median <= idle.median * 2)
}

pub(crate) fn online_is_quick_for_long() -> anyhow::Result<()> {
    measure(40, |idle, full| full.most * 2 <= idle.most * 3)
}

fn measure(count: usize, is_quick: impl Fn(&Times, &Times) -> bool) -> anyhow::Result<()> {
    let lab = lab()?;
    let _answering = Answering::start(&lab)?;
    // A drop-tail router in front of a line that is 5 ms long.
    let link = lab.impair(Impairment {
        rate: Some(RATE),
        queue: Duration::from_millis(100),
        delay: Duration::from_millis(5),
        ..Impairment::default()
    })?;
    let idle = times(&lab, count)?;
    let bulk = Bulk::start(&lab)?;
    thread::sleep(WARM_UP);
    let (before, start) = (line(&lab)?, Instant::now());
    let full = times(&lab, count)?;
    let (after, time) = (line(&lab)?, start.elapsed());
    let down = bulk.stop();
    let counts = link.remove()?;
    println!("{down} bytes of bulk came down; the line: {counts:?}");
    let mut slow = Vec::new();
    for ((name, ..), (idle, full)) in REQUESTS.iter().zip(idle.iter().zip(&full)) {
        println!(
            "{name}: idle {:?} (95%: {:?}), beside bulk {:?} (95%: {:?})",
            idle.median, idle.most, full.median, full.most
        );
        if !is_quick(idle, full) {
            slow.push(*name);
        }
    }
    for way in [0, 1] {
        let bulk = class(&after, way, Class::Bulk)?;
        let carried = bulk.sent - class(&before, way, Class::Bulk)?.sent;
        println!("way {way}: bulk {} kbit/s", u128::from(carried) * 8 / time.as_millis());
        let share = u128::from(bulk.guaranteed) / 8 * time.as_millis() / 1000;
        ensure!(
            bulk.dropped > 0 && u128::from(carried) > share,
            "bulk didn't fill way {way}: {carried} bytes in {time:?}, {bulk:?}"
        );
    }
    ensure!(slow.is_empty(), "too slow beside bulk: {slow:?}");
    Ok(())
}

fn times(lab: &Lab, count: usize) -> anyhow::Result<Vec<Times>> {
    let mut all = Vec::new();
    for (_, bring, want) in REQUESTS {
        let mut times: Vec<Duration> =
            (0..count).map(|_| request(lab, bring, want)).collect::<Result<_, _>>()?;
        times.sort();
        let at = |share: usize| times[(times.len() * share).div_ceil(100).max(1) - 1];
        all.push(Times { median: at(50), most: at(95) });
    }
    Ok(all)
}

fn line(lab: &Lab) -> anyhow::Result<LineStatus> {
    lab.status()?.line.context("the status tells nothing of the line")
}

fn class(line: &LineStatus, way: usize, class: Class) -> anyhow::Result<ClassStatus> {
    let way = line.ways.get(way).context("no such way")?;
    let found = way.classes.iter().find(|found| found.class == class);
    found.cloned().context("no such class")
}
