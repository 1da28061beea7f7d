//! What lies between two looks, line by line, and which line comes first. No I/O, no clock.

use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

use sekisho_control::{HostTraffic, RowKind, RowTraffic, Tally, Traffic};
use sekisho_design::{Class, Lan};

use super::By;

/// Traffic as it was at a time.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// Since some moment that all looks have in common.
    pub(super) at: Duration,
    pub(super) traffic: Traffic,
}

/// Numbers of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// Bytes to the platform.
    pub(super) up: f64,
    /// Bytes from the platform.
    pub(super) down: f64,
    /// Packets both ways.
    pub(super) packets: f64,
    /// Connections opened; 0 for a host.
    pub(super) opened: f64,
    /// Packets refused.
    pub(super) refused: f64,
}

/// A row or a host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Its name, or its address.
    pub(super) name: String,
    pub(super) lan: Option<Lan>,
    /// A row's class.
    pub(super) class: Option<Class>,
    /// The row of a host.
    pub(super) row: Option<String>,
    /// Since the machine's start.
    pub(super) total: Figures,
    /// Each second since the look before; none where there was none.
    pub(super) rate: Option<Figures>,
}

/// Counts of one line.
#[derive(Clone, Copy, Default)]
struct Counts([u64; 5]);

/// The rows.
pub(super) fn rows(now: &Look, before: Option<&Look>, by: By) -> Vec<Line> {
    let key = |row: &RowTraffic| (row.kind == RowKind::Policy, row.name.clone());
    let counts = |row: &RowTraffic| {
        Counts::new(row.up, row.down, row.opened, row.refused.unwrap_or_default())
    };
    let line = |row: &RowTraffic| Line {
        name: row.name.to_string(),
        lan: row.lan,
        class: row.class,
        row: None,
        total: Figures::default(),
        rate: None,
    };
    let of = |look: &Look| look.traffic.rows.iter().map(|row| (key(row), counts(row))).collect();
    let lines = now.traffic.rows.iter().map(|row| (key(row), counts(row), line(row)));
    sorted(figured(lines, now, before, of), by)
}

/// The hosts. Their connections aren't counted, so bytes say which comes first.
pub(super) fn hosts(now: &Look, before: Option<&Look>, by: By) -> Vec<Line> {
    let key = |host: &HostTraffic| (host.lan, host.address);
    let counts = |host: &HostTraffic| Counts::new(host.up, host.down, 0, host.refused);
    let line = |host: &HostTraffic| Line {
        name: host.address.to_string(),
        lan: Some(host.lan),
        class: None,
        row: host.row.as_ref().map(ToString::to_string),
        total: Figures::default(),
        rate: None,
    };
    let of =
        |look: &Look| look.traffic.hosts.iter().map(|host| (key(host), counts(host))).collect();
    let lines = now.traffic.hosts.iter().map(|host| (key(host), counts(host), line(host)));
    sorted(figured(lines, now, before, of), if by == By::Connections { By::Bytes } else { by })
}

impl Counts {
    fn new(up: Tally, down: Tally, opened: u64, refused: Tally) -> Self {
        Self([up.bytes, down.bytes, up.packets + down.packets, opened, refused.packets])
    }

    /// What was counted since. Counts that are smaller than before began anew, with the machine or the table.
    fn since(self, Self(before): Self) -> Self {
        let Self(mut counts) = self;
        if counts.iter().zip(before).all(|(now, before)| *now >= before) {
            for (now, before) in counts.iter_mut().zip(before) {
                *now -= before;
            }
        }
        Self(counts)
    }

    #[expect(clippy::cast_precision_loss, reason = "people read three digits of it")]
    fn each(self, seconds: f64) -> Figures {
        let [up, down, packets, opened, refused] = self.0.map(|count| count as f64 / seconds);
        Figures { up, down, packets, opened, refused }
    }
}

fn figured<K: Ord>(
    lines: impl Iterator<Item = (K, Counts, Line)>,
    now: &Look,
    before: Option<&Look>,
    counts: impl Fn(&Look) -> BTreeMap<K, Counts>,
) -> Vec<Line> {
    let seconds = before.map(|before| now.at.saturating_sub(before.at).as_secs_f64());
    let before = before.map(counts).zip(seconds.filter(|seconds| *seconds > 0.0));
    lines
        .map(|(key, counts, line)| {
            let rate = before.as_ref().map(|(before, seconds)| {
                counts.since(before.get(&key).copied().unwrap_or_default()).each(*seconds)
            });
            Line { total: counts.each(1.0), rate, ..line }
        })
        .collect()
}

fn sorted(mut lines: Vec<Line>, by: By) -> Vec<Line> {
    let first = |one: &Figures, other: &Figures| other.worth(by).total_cmp(&one.worth(by));
    lines.sort_by(|one, other| {
        let rates = one.rate.as_ref().zip(other.rate.as_ref());
        let rates = rates.map_or(Ordering::Equal, |(one, other)| first(one, other));
        rates.then_with(|| first(&one.total, &other.total))
    });
    lines
}

impl Figures {
    fn worth(&self, by: By) -> f64 {
        match by {
            By::Bytes => self.up + self.down,
            By::Packets => self.packets,
            By::Connections => self.opened,
            By::Refusals => self.refused,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn row(name: &str, bytes: u64, opened: u64, refused: u64) -> RowTraffic {
        RowTraffic {
            kind: RowKind::Terminals,
            name: name.parse().unwrap(),
            lan: Some(Lan::HeadOffice),
            environment: None,
            class: Some(Class::Normal),
            until: None,
            up: Tally { packets: bytes / 100, bytes },
            down: Tally { packets: 1, bytes: 10 },
            opened,
            refused: Some(Tally { packets: refused, bytes: refused * 40 }),
        }
    }

    pub(crate) fn host(last: u8, bytes: u64) -> HostTraffic {
        HostTraffic {
            lan: Lan::EducationBoard,
            address: [192, 168, 2, last].into(),
            row: Some("school".parse().unwrap()),
            up: Tally { packets: bytes / 1000, bytes },
            down: Tally::default(),
            refused: Tally::default(),
        }
    }

    pub(crate) fn look(at: u64, rows: Vec<RowTraffic>, hosts: Vec<HostTraffic>) -> Look {
        let traffic =
            Traffic { rows, hosts, hosts_left_out: 0, napt: Vec::new(), connections: None };
        Look { at: Duration::from_secs(at), traffic }
    }

    fn names(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.name.as_str()).collect()
    }

    #[test]
    fn a_rate_is_the_difference_by_the_time_between() {
        let before = look(10, vec![row("a", 1000, 3, 0)], vec![host(1, 5000)]);
        let now = look(14, vec![row("a", 9000, 5, 2)], vec![host(1, 5000), host(2, 400)]);
        let [a] = rows(&now, Some(&before), By::Bytes).try_into().unwrap();
        let rate = Figures { up: 2000.0, down: 0.0, packets: 20.0, opened: 0.5, refused: 0.5 };
        assert_eq!(a.rate, Some(rate));
        let total = Figures { up: 9000.0, down: 10.0, packets: 91.0, opened: 5.0, refused: 2.0 };
        assert_eq!(a.total, total);
        let seen = hosts(&now, Some(&before), By::Bytes);
        assert_eq!(
            names(&seen),
            ["192.168.2.2", "192.168.2.1"],
            "what is new has all its counts since"
        );
        let since = Figures { up: 100.0, ..Figures::default() };
        assert_eq!(seen[0].rate, Some(since));
        assert!(rows(&now, None, By::Bytes)[0].rate.is_none());
        assert!(rows(&before, Some(&before), By::Bytes)[0].rate.is_none(), "no time between");
    }

    #[test]
    fn counts_that_began_anew_are_no_negative_rate() {
        let before = look(0, vec![row("a", 90_000, 50, 7)], Vec::new());
        let now = look(2, vec![row("a", 400, 2, 0)], Vec::new());
        let rate = rows(&now, Some(&before), By::Bytes)[0].rate.unwrap();
        let since = Figures { up: 200.0, down: 5.0, packets: 2.5, opened: 1.0, refused: 0.0 };
        assert_eq!(rate, since, "all of it was counted since");
    }

    #[test]
    fn the_most_comes_first_by_rate_and_then_by_total() {
        let before =
            look(0, vec![row("a", 100, 9, 0), row("b", 900, 0, 0), row("c", 500, 0, 1)], vec![]);
        let now =
            look(1, vec![row("a", 300, 9, 0), row("b", 900, 0, 0), row("c", 500, 4, 3)], vec![]);
        let by = |by| {
            let lines = rows(&now, Some(&before), by);
            names(&lines).join("")
        };
        assert_eq!(by(By::Bytes), "abc");
        assert_eq!(by(By::Packets), "abc");
        assert_eq!(by(By::Connections), "cab");
        assert_eq!(by(By::Refusals), "cab");
        assert_eq!(names(&rows(&now, None, By::Bytes)), ["b", "c", "a"]);
    }
}
