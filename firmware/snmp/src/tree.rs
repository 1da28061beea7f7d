//! Which object each figure is, by `docs/SEKISHO-MIB.txt`.

use std::{collections::BTreeMap, net::Ipv4Addr, ops::Bound};

use crate::{BASE, Figures, Oid, Sample};

/// The value of an object, with its type in the module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// `INTEGER` with names for its numbers, and `TruthValue`.
    Integer(u32),
    /// `Gauge32`: stays at its end where the figure is larger.
    Gauge(u32),
    /// `Counter64`.
    Counter(u64),
    /// `DisplayString`: printable ASCII.
    Text(String),
}

/// The objects that there are now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tree(BTreeMap<Oid, Value>);

/// The longest text, in letters.
const LONGEST_TEXT: usize = 255;

// Groups below the objects (`sekishoObjects`), and what stands in them.
const OBJECTS: u32 = 1;
const DEVICE: u32 = 1;
const HEALTH: u32 = 2;
const TUNNEL: u32 = 3;
const MAPPINGS: u32 = 4;
const PORTS: u32 = 5;
/// The only row of a table's columns.
const ENTRY: u32 = 1;

/// `healthLevel`.
const UNKNOWN: u32 = 0;
const LEVELS: [(&str, u32); 3] = [("ok", 1), ("degraded", 2), ("down", 3)];

/// `portSide`, which is the table's index.
const SIDES: [(&str, u32); 4] =
    [("lgwan", 1), ("head-office", 2), ("education-board", 3), ("maintenance", 4)];

/// `poolProtocol`: the numbers of IP.
const PROTOCOLS: [(&str, u32); 2] = [("tcp", 6), ("udp", 17)];

impl Tree {
    /// The objects of what was told; nobody's word is that of a device of which nothing is known.
    pub fn of(figures: Option<&Figures>) -> Self {
        let told = figures.filter(|figures| figures.one("sekisho_up") == Some(1.0));
        let mut to = Writer::new();
        to.scalar(DEVICE, 1, Some(truth(told.is_some())));
        match told {
            Some(figures) => {
                device(&mut to, figures);
                health(&mut to, figures);
                tunnel(&mut to, figures);
                mappings(&mut to, figures);
                ports(&mut to, figures);
            }
            None => to.scalar(HEALTH, 1, Some(Value::Integer(UNKNOWN))),
        }
        Self(to.objects)
    }

    /// The object of exactly this name.
    pub fn get(&self, name: &Oid) -> Option<&Value> {
        self.0.get(name)
    }

    /// The first object after a name, whether there is one of that name or not.
    pub fn next(&self, name: &Oid) -> Option<(&Oid, &Value)> {
        self.0.range((Bound::Excluded(name), Bound::Unbounded)).next()
    }

    /// All objects, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Oid, &Value)> {
        self.0.iter()
    }
}

struct Writer {
    objects: BTreeMap<Oid, Value>,
    root: Oid,
}

impl Writer {
    fn new() -> Self {
        let root: Oid = BASE.parse().unwrap_or_default();
        Self { objects: BTreeMap::new(), root: root.below(&[OBJECTS]) }
    }

    /// An object that is there once; nothing where its value isn't known.
    fn scalar(&mut self, group: u32, number: u32, value: Option<Value>) {
        let name = self.root.below(&[group, number, 0]);
        self.objects.extend(value.map(|value| (name, value)));
    }

    /// A row of the table, by its columns' numbers.
    fn row(
        &mut self,
        (group, table): (u32, u32),
        index: &[u32],
        cells: impl IntoIterator<Item = (u32, Option<Value>)>,
    ) {
        for (column, value) in cells {
            let name = self.root.below(&[group, table, ENTRY, column]).below(index);
            self.objects.extend(value.map(|value| (name, value)));
        }
    }
}

fn device(to: &mut Writer, figures: &Figures) {
    let build = figures.all("sekisho_build_info").first();
    let image = build.map(|build| build.label("image")).filter(|image| !image.is_empty());
    to.scalar(DEVICE, 2, build.map(|build| text(build.label("version"))));
    to.scalar(DEVICE, 3, image.map(text));
    to.scalar(DEVICE, 4, figures.one("sekisho_design_in_force").map(whether));
    to.scalar(DEVICE, 5, figures.one("sekisho_design_generation").map(gauge));
    to.scalar(DEVICE, 6, figures.one("sekisho_time_synchronised").map(whether));
}

fn health(to: &mut Writer, figures: &Figures) {
    let level = LEVELS.into_iter().find(|(name, _)| {
        figures.with("sekisho_health", ("level", name)).is_some_and(|is| is != 0.0)
    });
    let level = level.map_or(UNKNOWN, |(_, number)| number);
    to.scalar(HEALTH, 1, Some(Value::Integer(level)));
    if level == UNKNOWN {
        return;
    }
    let first = figures.all("sekisho_health_first_cause").first();
    let cause = |label| Some(text(first.map_or("", |first: &Sample| first.label(label))));
    to.scalar(HEALTH, 2, cause("check"));
    to.scalar(HEALTH, 3, cause("cause"));
    let troubles = u32::try_from(figures.all("sekisho_check_trouble").len()).unwrap_or(u32::MAX);
    to.scalar(HEALTH, 4, Some(Value::Gauge(troubles)));
}

fn tunnel(to: &mut Writer, figures: &Figures) {
    let Some(cut_off) = figures.one("sekisho_tunnel_cut_off") else { return };
    let carries = "sekisho_centre_carries_traffic";
    let in_use = figures.all(carries).iter().find(|centre| centre.value != 0.0);
    to.scalar(TUNNEL, 1, Some(text(in_use.map_or("", |centre| centre.label("centre")))));
    to.scalar(TUNNEL, 2, Some(whether(cut_off)));
    for centre in figures.all("sekisho_centre_alive") {
        let name = centre.label("centre");
        let of = |figure: &str| figures.with(figure, ("centre", name));
        let index: Vec<u32> = name.bytes().map(u32::from).collect();
        to.row(
            (TUNNEL, 3),
            &index,
            [
                (2, Some(whether(centre.value))),
                (3, of(carries).map(whether)),
                (4, of("sekisho_centre_handshake_age_seconds").map(gauge)),
                (5, of("sekisho_centre_round_trip_seconds").map(|seconds| gauge(seconds * 1e6))),
                (6, of("sekisho_centre_received_bytes_total").map(counter)),
                (7, of("sekisho_centre_sent_bytes_total").map(counter)),
                (8, of("sekisho_centre_rejected_datagrams_total").map(counter)),
            ],
        );
    }
}

fn mappings(to: &mut Writer, figures: &Figures) {
    let rows = |kind| figures.with("sekisho_mappings", ("kind", kind)).map(gauge);
    to.scalar(MAPPINGS, 1, rows("server"));
    to.scalar(MAPPINGS, 2, rows("terminals"));
    to.scalar(MAPPINGS, 3, figures.one("sekisho_connections").map(gauge));
    to.scalar(MAPPINGS, 4, figures.one("sekisho_connections_limit").map(gauge));
    for used in figures.all("sekisho_napt_ports_in_use") {
        let Ok(global) = used.label("global").parse::<Ipv4Addr>() else { continue };
        let Some(protocol) = numbered(&PROTOCOLS, used.label("protocol")) else { continue };
        let limits = figures.all("sekisho_napt_ports_limit").iter();
        let limit = limits.filter(|limit| limit.labels == used.labels).map(|it| it.value).next();
        let mut index: Vec<u32> = global.octets().map(u32::from).into();
        index.push(protocol);
        let cells = [(3, Some(gauge(used.value))), (4, limit.map(gauge))];
        to.row((MAPPINGS, 5), &index, cells);
    }
}

fn ports(to: &mut Writer, figures: &Figures) {
    for port in figures.all("sekisho_port_carrier") {
        let Some(side) = numbered(&SIDES, port.label("side")) else { continue };
        let of = |figure: &str| figures.with(figure, ("side", port.label("side")));
        // Megabits, as ifHighSpeed has them; the figure is in bytes.
        let speed =
            of("sekisho_port_speed_bytes_per_second").map_or(0.0, |bytes| bytes * 8.0 / 1e6);
        to.row(
            (PORTS, 1),
            &[side],
            [
                (2, Some(text(port.label("port")))),
                (3, Some(whether(port.value))),
                (4, Some(gauge(speed))),
                (5, of("sekisho_port_received_bytes_total").map(counter)),
                (6, of("sekisho_port_sent_bytes_total").map(counter)),
            ],
        );
    }
}

fn numbered(words: &[(&str, u32)], word: &str) -> Option<u32> {
    words.iter().find(|(known, _)| *known == word).map(|(_, number)| *number)
}

/// `TruthValue` (RFC 2579).
fn truth(yes: bool) -> Value {
    Value::Integer(if yes { 1 } else { 2 })
}

fn whether(value: f64) -> Value {
    truth(value != 0.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a conversion of Rust stays at the nearest value that there is, which is what a Gauge32 does"
)]
fn gauge(value: f64) -> Value {
    Value::Gauge(value.round() as u32)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole and not negative"
)]
fn counter(value: f64) -> Value {
    Value::Counter(value as u64)
}

/// Printable ASCII, on one line: what else there may be would break the protocol's lines.
fn text(text: &str) -> Value {
    let plain = |letter: char| if (' '..='~').contains(&letter) { letter } else { '?' };
    Value::Text(text.chars().take(LONGEST_TEXT).map(plain).collect())
}

#[cfg(test)]
mod tests;
