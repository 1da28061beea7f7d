//! What a browser with the page open asks, many times as often as a person has it ask.

use std::{
    io::BufRead as _,
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::json;

use crate::browser::{Browser, Connection, elsewhere};

/// Requests a second, of all connections together.
pub(crate) const RATE: u32 = 200;
/// Connections of a browser to one host.
const CONNECTIONS: u32 = 6;
/// Between two people who open the page for the first time.
const NEWCOMERS: Duration = Duration::from_secs(1);

/// What came of the requests.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    /// Those answered with 200.
    pub(crate) answered: usize,
    /// What came in place of an answer.
    pub(crate) others: Vec<String>,
    /// How long each answer took.
    pub(crate) milliseconds: Vec<f64>,
    /// How long a new connection took, hand-shake and page.
    pub(crate) newcomers: Vec<f64>,
    /// Events of the stream that goes on beside.
    pub(crate) events: usize,
}

impl Visits {
    /// Adds those of another window.
    pub(crate) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.others.extend(other.others);
        self.milliseconds.extend(other.milliseconds);
        self.newcomers.extend(other.newcomers);
        self.events += other.events;
    }
}

/// The requests of a session, in their order: status and live pages, the design while somebody types, and the files.
pub(crate) fn requests(
    browser: &Browser,
    from: Ipv4Addr,
    site: &str,
) -> anyhow::Result<Vec<String>> {
    let files = files(browser, from)?;
    let [script, style] = &files;
    let get = |path: &str| browser.get(path);
    let design = json!({ "site": site });
    Ok(vec![
        get("/"),
        get(script),
        get("/api/session"),
        get("/api/status"),
        get("/api/health"),
        get(style),
        get("/api/history?span=hour"),
        get("/api/status"),
        get("/api/traffic"),
        get(script),
        browser.post("/api/design/parse", &json!({ "text": site })),
        browser.post("/api/design/check", &design),
        get("/api/status"),
        get("/api/design/draft"),
        get("/api/health"),
        get("/api/names"),
        get("/api/status"),
        get("/api/refusals?last=500"),
        get("/api/generations"),
        get("/api/status"),
    ])
}

/// The script and the style that the page names.
pub(crate) fn files(browser: &Browser, from: Ipv4Addr) -> anyhow::Result<[String; 2]> {
    let page = browser.connect(from)?.ask(&browser.get_as_nobody("/"))?;
    let page = String::from_utf8(page.body)?;
    let named = |ending: &str| {
        let names = page.split('"').map(|name| name.trim_start_matches('.'));
        let mut names = names.filter(|name| name.starts_with("/assets/"));
        let found = names.find(|name| name.ends_with(ending)).map(str::to_owned);
        found.with_context(|| format!("the page has no {ending}; is it built in? {page}"))
    };
    Ok([named(".js")?, named(".css")?])
}

/// Asks at [`RATE`] until told to end; only what is asked while `counts` holds is counted.
pub(crate) fn make(
    browser: &Browser,
    from: Ipv4Addr,
    requests: &[String],
    counts: &AtomicBool,
    stop: &AtomicBool,
) -> anyhow::Result<Visits> {
    elsewhere()?;
    let start = Instant::now();
    thread::scope(|scope| {
        let listener = scope.spawn(|| listen(browser, from, counts, stop));
        let newcomers = scope.spawn(|| come_anew(browser, from, counts, stop));
        let visitors: Vec<_> = (0..CONNECTIONS)
            .map(|place| {
                scope.spawn(move || visit(browser, from, (requests, place, start), counts, stop))
            })
            .collect();
        let (newcomers, events) = (joined(newcomers)?, joined(listener)?);
        let mut all = Visits { newcomers, events, ..Visits::default() };
        for visitor in visitors {
            all.add(joined(visitor)?);
        }
        Ok(all)
    })
}

/// The requests of one connection: each [`CONNECTIONS`]th of all, at its time or as soon after as the one before is answered.
fn visit(
    browser: &Browser,
    from: Ipv4Addr,
    (requests, place, start): (&[String], u32, Instant),
    counts: &AtomicBool,
    stop: &AtomicBool,
) -> anyhow::Result<Visits> {
    let mut visits = Visits::default();
    let mut connection = browser.connect(from)?;
    let turns = (0..).map(|round| place + round * CONNECTIONS);
    for turn in turns {
        let due = start + Duration::from_secs(1) * turn / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let request = &requests[turn as usize % requests.len()];
        let (counted, asked) = (counts.load(Ordering::Relaxed), Instant::now());
        let other = match connection.ask(request) {
            Ok(answer) if answer.status == 200 => None,
            Ok(answer) => {
                Some(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)))
            }
            Err(fault) => {
                connection = browser.connect(from)?;
                Some(format!("{fault:#}"))
            }
        };
        if !counted {
            continue;
        }
        visits.milliseconds.push(asked.elapsed().as_secs_f64() * 1000.0);
        match other {
            None => visits.answered += 1,
            Some(other) => {
                visits
                    .others
                    .push(format!("{}: {other}", request.lines().next().unwrap_or_default()));
            }
        }
    }
    Ok(visits)
}

/// The stream of what happens: how many events came.
fn listen(
    browser: &Browser,
    from: Ipv4Addr,
    counts: &AtomicBool,
    stop: &AtomicBool,
) -> anyhow::Result<usize> {
    let mut events = 0;
    for line in browser.connect(from)?.listen(&browser.get("/api/live"))?.lines() {
        events += usize::from(line?.starts_with("event:") && counts.load(Ordering::Relaxed));
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(events)
}

/// Somebody opens the page, again and again: how long it took until the first file was there.
fn come_anew(
    browser: &Browser,
    from: Ipv4Addr,
    counts: &AtomicBool,
    stop: &AtomicBool,
) -> anyhow::Result<Vec<f64>> {
    let mut all = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (counted, came) = (counts.load(Ordering::Relaxed), Instant::now());
        let mut connection: Connection = browser.connect(from)?;
        connection.ask(&browser.get_as_nobody("/"))?;
        if counted {
            all.push(came.elapsed().as_secs_f64() * 1000.0);
        }
        thread::sleep(NEWCOMERS);
    }
    Ok(all)
}

pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
