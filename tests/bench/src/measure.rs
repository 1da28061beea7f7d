//! One measurement: a load, a window in its middle, and what was counted in it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::{
    load::{Flow, Place},
    lossless, ping,
    plan::{Load, Plan},
    statistics::percentile,
    usage,
    wires::{CLIENT, Hosts, SERVER},
};

/// Values by the last part of their key, `gbit` for one.
pub(crate) type Values = BTreeMap<&'static str, f64>;

/// Puts the load on the way and measures; `gateway` is the process whose CPU counts.
pub(crate) fn measure(
    hosts: &Hosts,
    load: Load,
    plan: &Plan,
    gateway: Option<u32>,
) -> anyhow::Result<Values> {
    let client = Place { host: &hosts.client, address: CLIENT };
    let server = Place { host: &hosts.server, address: SERVER };
    let mut flows = Vec::new();
    if let Load::Lossless(length, way) = load {
        let [up] = way.directions() else { bail!("{}: one way at a time", load.key()) };
        let (from, to) = if *up { (client, server) } else { (server, client) };
        return Ok(Values::from([(
            "lossless_kpps",
            lossless::highest(&Flow::udp(from, to, length)?)?,
        )]));
    }
    match load {
        Load::Idle | Load::Lossless(..) => {}
        Load::Tcp(streams, way) => {
            for up in way.directions() {
                for _ in 0..streams {
                    flows.push((*up, Flow::tcp(client, server, *up)?));
                }
            }
        }
        Load::Udp(length, way) => {
            for up in way.directions() {
                let (from, to) = if *up { (client, server) } else { (server, client) };
                flows.push((*up, Flow::udp(from, to, length)?));
            }
        }
    }
    // Under a flood of datagrams echoes are lost like the rest, and say nothing.
    let pings = !matches!(load, Load::Udp(..));
    let window = watch(hosts, &flows, plan, pings, gateway)?;
    let mut values = window.values(load);
    if let Some(process) = gateway {
        values.insert("rss_mb", usage::resident(process)?);
    }
    Ok(values)
}

/// What was counted in a window.
struct Window {
    seconds: f64,
    up: f64,
    down: f64,
    cpu: Option<f64>,
    trips: Option<ping::Trips>,
}

fn watch(
    hosts: &Hosts,
    flows: &[(bool, Flow)],
    plan: &Plan,
    pings: bool,
    gateway: Option<u32>,
) -> anyhow::Result<Window> {
    let (stop, counts) = (AtomicBool::new(false), AtomicBool::new(false));
    let [up, down] = [const { AtomicU64::new(0) }; 2];
    let look = || {
        let cpu = gateway.map(usage::cpu_seconds).transpose()?;
        anyhow::Ok((cpu, up.load(Ordering::Relaxed), down.load(Ordering::Relaxed)))
    };
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (is_up, flow) in flows {
            let count = if *is_up { &up } else { &down };
            threads.push(scope.spawn(|| flow.receive(&stop, count)));
            threads.push(scope.spawn(|| flow.send(&stop)));
        }
        let pinger =
            pings.then(|| scope.spawn(|| ping::run(&hosts.client, SERVER, &counts, &stop)));
        // Whatever fails in between, the threads must be told to end, or the scope waits for ever.
        let counted = (|| {
            thread::sleep(plan.settle);
            counts.store(true, Ordering::Relaxed);
            let before = look()?;
            let begun = Instant::now();
            thread::sleep(plan.length);
            let seconds = begun.elapsed().as_secs_f64();
            let after = look()?;
            counts.store(false, Ordering::Relaxed);
            anyhow::Ok(Window {
                seconds,
                up: (after.1 - before.1) as f64,
                down: (after.2 - before.2) as f64,
                cpu: after.0.zip(before.0).map(|(after, before)| after - before),
                trips: None,
            })
        })();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        let trips = pinger
            .map(|pinger| pinger.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .transpose()?;
        anyhow::Ok(Window { trips, ..counted? })
    })
    .context("a load")
}

impl Window {
    fn values(&self, load: Load) -> Values {
        let mut values = Values::new();
        let total = self.up + self.down;
        let mut per = |key, amount: f64| {
            if let Some(cpu) = self.cpu
                && amount > 0.0
            {
                values.insert(key, cpu / amount);
            }
        };
        match load {
            Load::Idle | Load::Lossless(..) => {}
            Load::Tcp(_, way) => {
                per("cpu_s_per_gb", total / 1e9);
                values.insert("gbit", total * 8.0 / 1e9 / self.seconds);
                if way.directions().len() == 2 && total > 0.0 {
                    values.insert("lesser_share", self.up.min(self.down) / total);
                }
            }
            Load::Udp(..) => {
                per("cpu_s_per_mpkt", total / 1e6);
                values.insert("kpps", total / 1e3 / self.seconds);
            }
        }
        if let Some(trips) = &self.trips {
            let asked = trips.milliseconds.len() + trips.lost;
            for (key, percent) in [("rtt_p50_ms", 50), ("rtt_p99_ms", 99)] {
                if let Some(value) = percentile(&trips.milliseconds, percent) {
                    values.insert(key, value);
                }
            }
            values.insert("ping_loss", trips.lost as f64 / (asked.max(1)) as f64);
        }
        values
    }
}

/// A pause between two loads, for what is still on its way.
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(200));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Way;

    #[test]
    fn values_are_rates_and_shares_of_what_was_counted() {
        let trips = ping::Trips { milliseconds: vec![1.0, 2.0, 9.0], lost: 1 };
        let window =
            Window { seconds: 2.0, up: 3e9, down: 1e9, cpu: Some(8.0), trips: Some(trips) };
        let values = window.values(Load::Tcp(1, Way::Both));
        let expected = [
            ("cpu_s_per_gb", 2.0),
            ("gbit", 16.0),
            ("lesser_share", 0.25),
            ("ping_loss", 0.25),
            ("rtt_p50_ms", 2.0),
            ("rtt_p99_ms", 9.0),
        ];
        assert_eq!(values, Values::from(expected));
    }

    #[test]
    fn nothing_that_arrives_costs_no_infinity() {
        let window = Window { seconds: 2.0, up: 0.0, down: 0.0, cpu: Some(1.0), trips: None };
        assert_eq!(window.values(Load::Udp(128, Way::Up)), Values::from([("kpps", 0.0)]));
    }
}
