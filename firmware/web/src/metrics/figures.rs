//! What the daemon says of the device, as figures with Prometheus' names and units.
//!
//! No figure names a host of the office or a row of the design: who talks to the platform is nobody's business who keeps curves.

use prometheus::proto::Metric;
use sekisho_control::{
    CentreStatus, ClassStatus, CollectorStatus, FlowLogStatus, Health, Level, LineStatus, Phase,
    PortStatus, Reading, Refused, Release, ReleaseKind, Sensed, Status, TimeStatus, Traffic,
    TunnelStatus, Verdict, WayStatus,
};
use sekisho_design::Lan;

use super::families::{Families, number, sample, whether};

/// What the daemon said; nothing where it doesn't answer.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) status: Option<Status>,
    pub(super) health: Option<Health>,
    pub(super) traffic: Option<Traffic>,
}

/// All figures as text.
pub(super) fn text(seen: &Seen) -> Result<String, prometheus::Error> {
    let Seen { status, health, traffic } = seen;
    let mut to = Families::default();
    let up = vec![sample(&[], whether(status.is_some()))];
    to.gauge("sekisho_up", "Whether the device's daemon answers.", up);
    if let Some(status) = status {
        device(&mut to, status);
        if let Some(tunnel) = &status.tunnel {
            tunnel_as_a_whole(&mut to, tunnel);
        }
        if let Some(line) = &status.line {
            queues(&mut to, line);
        }
        ports(&mut to, &status.ports);
        refusals(&mut to, status);
        if let Some(time) = &status.time {
            clock(&mut to, time);
        }
        sensors(&mut to, &status.health);
        if let Some(log) = &status.flow_log {
            flow_log(&mut to, log);
        }
        if let Some(collector) = &status.collector {
            log_collector(&mut to, collector);
        }
    }
    if let Some(health) = health {
        health_of(&mut to, health);
    }
    if let Some(traffic) = traffic {
        room(&mut to, traffic);
    }
    to.text()
}

fn device(to: &mut Families, status: &Status) {
    let image = status.release.as_ref();
    let kind = image.map_or("", |Release { kind, .. }| match kind {
        ReleaseKind::Development => "development",
        ReleaseKind::Release => "release",
    });
    let image = image.map_or("", |image| &image.version);
    let labels = [("version", &*status.version), ("image", image), ("kind", kind)];
    let help = "The firmware that runs: its version, the image's, and what the image was built for. Always 1.";
    to.gauge("sekisho_build_info", help, vec![sample(&labels, 1.0)]);
    let in_force = status.phase == Phase::InForce;
    let help = "Whether a design is in force as it is stored.";
    to.gauge("sekisho_design_in_force", help, vec![sample(&[], whether(in_force))]);
    let help = "The number of the design that comes up after a restart; 0 while there is none.";
    to.gauge("sekisho_design_generation", help, vec![sample(&[], number(status.generation))]);
    let awaiting = whether(status.awaiting.is_some());
    let help = "Whether a change awaits confirmation.";
    to.gauge("sekisho_change_awaits_confirmation", help, vec![sample(&[], awaiting)]);
    if let Some(site) = &status.site {
        let rows = |kind, count: usize| sample(&[("kind", kind)], number(count as u64));
        let rows = vec![rows("server", site.servers), rows("terminals", site.terminals)];
        to.gauge("sekisho_mappings", "Rows of the design that translate addresses.", rows);
    }
}

fn tunnel_as_a_whole(to: &mut Families, tunnel: &TunnelStatus) {
    let TunnelStatus { carrier, cut_off, centres } = tunnel;
    let help = "Whether new connections are refused at once, because no centre answers.";
    to.gauge("sekisho_tunnel_cut_off", help, vec![sample(&[], whether(*cut_off))]);
    let each = |value: &dyn Fn(&CentreStatus) -> Option<f64>| -> Vec<Metric> {
        let of = |centre: &CentreStatus| {
            Some(sample(&[("centre", centre.name.as_str())], value(centre)?))
        };
        centres.iter().filter_map(of).collect()
    };
    to.gauge(
        "sekisho_centre_alive",
        "Whether the centre answers probes inside the tunnel.",
        each(&|centre| Some(whether(centre.alive))),
    );
    to.gauge(
        "sekisho_centre_carries_traffic",
        "Whether the centre is the one that carries the office's traffic.",
        each(&|centre| Some(whether(carrier.as_ref() == Some(&centre.name)))),
    );
    to.gauge(
        "sekisho_centre_handshake_age_seconds",
        "Time since the last completed handshake with the centre; none while there was none.",
        each(&|centre| centre.handshake_age_s.map(number)),
    );
    to.gauge(
        "sekisho_centre_round_trip_seconds",
        "Round trip of the last answered probe.",
        each(&|centre| centre.round_trip_us.map(|us| number(us) / 1e6)),
    );
    to.gauge(
        "sekisho_centre_largest_packet_bytes",
        "The largest packet in the tunnel that the way there and back carries; none as long as nobody knows.",
        each(&|centre| centre.carries.map(f64::from)),
    );
    to.gauge(
        "sekisho_centre_rival_age_seconds",
        "Time since somebody else was seen to use the device's key with the centre; none while nobody was.",
        each(&|centre| centre.rival_age_s.map(number)),
    );
    to.counter(
        "sekisho_centre_received_bytes_total",
        "Payload received from the centre.",
        each(&|centre| Some(number(centre.received))),
    );
    to.counter(
        "sekisho_centre_sent_bytes_total",
        "Payload sent to the centre.",
        each(&|centre| Some(number(centre.sent))),
    );
    to.counter(
        "sekisho_centre_rejected_datagrams_total",
        "Datagrams that proved to be nobody's: forged, replayed, damaged.",
        each(&|centre| Some(number(centre.rejected))),
    );
}

fn queues(to: &mut Families, line: &LineStatus) {
    let help = "What the line is contracted for.";
    let rate = vec![sample(&[], number(line.rate) / 8.0)];
    to.gauge("sekisho_line_rate_bytes_per_second", help, rate);
    let each = |value: fn(&ClassStatus) -> u64| -> Vec<Metric> {
        let of = |way: &WayStatus| -> Vec<Metric> {
            let to = way.lan.map_or("platform", Lan::as_str);
            let class = |class: &ClassStatus| {
                let labels = [("to", to), ("class", class.class.as_str())];
                sample(&labels, number(value(class)))
            };
            way.classes.iter().map(class).collect()
        };
        line.ways.iter().flat_map(of).collect()
    };
    let help = "Bytes that a traffic class sent, by where the queue leads.";
    to.counter("sekisho_queue_sent_bytes_total", help, each(|class| class.sent));
    let help = "Packets that a full queue lost.";
    to.counter("sekisho_queue_dropped_packets_total", help, each(|class| class.dropped));
    let help = "Bytes that wait in a queue.";
    to.gauge("sekisho_queue_waiting_bytes", help, each(|class| class.waiting));
}

fn ports(to: &mut Families, ports: &[PortStatus]) {
    let each = |value: fn(&PortStatus) -> Option<f64>| -> Vec<Metric> {
        let of = |port: &PortStatus| {
            let labels = [("port", port.port.as_str()), ("side", port.side.as_str())];
            Some(sample(&labels, value(port)?))
        };
        ports.iter().filter_map(of).collect()
    };
    to.gauge(
        "sekisho_port_carrier",
        "Whether the other end of the port's cable is there.",
        each(|port| Some(whether(port.carrier))),
    );
    to.gauge(
        "sekisho_port_speed_bytes_per_second",
        "What the port runs at; none while it has no carrier.",
        each(|port| port.speed.map(|megabits| f64::from(megabits) * 1e6 / 8.0)),
    );
    to.counter(
        "sekisho_port_received_bytes_total",
        "Bytes that arrived at the port.",
        each(|port| Some(number(port.received))),
    );
    to.counter(
        "sekisho_port_sent_bytes_total",
        "Bytes that the port sent.",
        each(|port| Some(number(port.sent))),
    );
}

fn refusals(to: &mut Families, status: &Status) {
    let each = |value: fn(&Refused) -> u64| -> Vec<Metric> {
        let refused = status.refused.iter().filter_map(|(name, refused)| {
            let (side, rule) = name.split_once('/')?;
            Some(sample(&[("side", side), ("rule", rule)], number(value(refused))))
        });
        refused.collect()
    };
    let help = "Packets refused, by the side that they came from and the rule.";
    to.counter("sekisho_refused_packets_total", help, each(|refused| refused.packets));
    let help = "Bytes of refused packets, likewise.";
    to.counter("sekisho_refused_bytes_total", help, each(|refused| refused.bytes));
}

fn clock(to: &mut Families, time: &TimeStatus) {
    let help = "Whether the clock is led by a time server.";
    let synchronised = vec![sample(&[], whether(time.synchronised))];
    to.gauge("sekisho_time_synchronised", help, synchronised);
    let error = time.error_us.map(|us| sample(&[], number(us) / 1e6));
    let help = "How far off the clock is at most, by its own estimate.";
    to.gauge("sekisho_time_error_seconds", help, error.into_iter().collect());
}

fn sensors(to: &mut Families, readings: &[Reading]) {
    let each = |wanted: Sensed, unit: f64| -> Vec<Metric> {
        let of = |reading: &Reading| {
            let value = i32::try_from(reading.value?).ok()?;
            Some(sample(&[("sensor", &reading.name)], f64::from(value) / unit))
        };
        readings.iter().filter(|reading| reading.of == wanted).filter_map(of).collect()
    };
    let help = "Temperature inside the box.";
    to.gauge("sekisho_temperature_celsius", help, each(Sensed::Temperature, 1000.0));
    let help = "How much memory is available, of 1.";
    to.gauge("sekisho_memory_available_ratio", help, each(Sensed::Memory, 100.0));
    let help = "How much room the disk has, of 1.";
    to.gauge("sekisho_disk_available_ratio", help, each(Sensed::Room, 100.0));
    let help = "How much of the disk's life is used up, of 1.";
    to.gauge("sekisho_disk_wear_ratio", help, each(Sensed::Wear, 100.0));
    let alarm = |reading: &Reading| {
        let of = match reading.of {
            Sensed::Data => "data",
            Sensed::Temperature => "temperature",
            Sensed::Memory => "memory",
            Sensed::Room => "room",
            Sensed::Wear => "wear",
            Sensed::Disk => "disk",
            Sensed::Backup => "backup",
        };
        sample(&[("of", of), ("sensor", &reading.name)], whether(reading.alarm))
    };
    let help = "Whether somebody must act, by the box's own limits.";
    to.gauge("sekisho_sensor_alarm", help, readings.iter().map(alarm).collect());
}

fn flow_log(to: &mut Families, log: &FlowLogStatus) {
    let one = |value| vec![sample(&[], number(value))];
    to.gauge("sekisho_flow_log_used_bytes", "What the log of flows takes.", one(log.used));
    to.gauge("sekisho_flow_log_limit_bytes", "What it may take.", one(log.size));
    let help = "Flows that couldn't be written since the daemon's start.";
    to.counter("sekisho_flow_log_lost_flows_total", help, one(log.lost));
}

fn log_collector(to: &mut Families, collector: &CollectorStatus) {
    let one = |value| vec![sample(&[], value)];
    let help = "Whether the collector of log messages is reached.";
    to.gauge("sekisho_collector_connected", help, one(whether(collector.connected)));
    let help = "Messages that wait for the collector.";
    to.gauge("sekisho_collector_waiting_messages", help, one(number(collector.waiting)));
    let help = "Messages sent to the collector since the daemon's start.";
    to.counter("sekisho_collector_sent_messages_total", help, one(number(collector.sent)));
    let help = "Messages that had to make way, or that the network refused.";
    to.counter("sekisho_collector_lost_messages_total", help, one(number(collector.lost)));
}

fn health_of(to: &mut Families, health: &Health) {
    let levels = [(Level::Ok, "ok"), (Level::Degraded, "degraded"), (Level::Down, "down")];
    let level = |(level, name)| sample(&[("level", name)], whether(health.level == level));
    let help = "Which of the levels the device's health has: 1 for that one, 0 for the others.";
    to.gauge("sekisho_health", help, levels.map(level).into());
    let at = f64::from(u32::try_from(health.at.as_second()).unwrap_or_default());
    let help = "When the health was found.";
    to.gauge("sekisho_health_timestamp_seconds", help, vec![sample(&[], at)]);
    let troubles = health.troubles.iter().map(|trouble| {
        let verdict = match trouble.verdict {
            Verdict::Passed => "passed",
            Verdict::NotRun => "not-run",
            Verdict::Warned => "warned",
            Verdict::Failed => "failed",
        };
        sample(&[("check", &trouble.check.id), ("verdict", verdict)], 1.0)
    });
    let first = health
        .first_cause
        .iter()
        .map(|first| sample(&[("check", &first.check), ("cause", &first.cause.code)], 1.0));
    let help = "The check and the cause to mend first; none where nothing is to be mended.";
    to.gauge("sekisho_health_first_cause", help, first.collect());
    let help = "Checks that didn't pass, with their verdict; a check that passes has none.";
    to.gauge("sekisho_check_trouble", help, troubles.collect());
}

fn room(to: &mut Families, traffic: &Traffic) {
    if let Some(table) = traffic.connections {
        let help = "Connections in the kernel's table.";
        to.gauge("sekisho_connections", help, vec![sample(&[], number(table.count))]);
        let help = "How many connections the table takes.";
        to.gauge("sekisho_connections_limit", help, vec![sample(&[], number(table.most))]);
    }
    let (mut used, mut most) = (Vec::new(), Vec::new());
    for napt in &traffic.napt {
        let global = napt.global.to_string();
        for (protocol, ports) in [("tcp", napt.ports.tcp), ("udp", napt.ports.udp)] {
            let labels = [("global", &*global), ("protocol", protocol)];
            used.push(sample(&labels, f64::from(ports)));
            let there_are = f64::from(napt.last_port) - f64::from(napt.first_port) + 1.0;
            most.push(sample(&labels, there_are));
        }
    }
    let help = "Ports of a shared global address that are in use.";
    to.gauge("sekisho_napt_ports_in_use", help, used);
    to.gauge("sekisho_napt_ports_limit", "How many ports it has.", most);
}

#[cfg(test)]
mod tests;
