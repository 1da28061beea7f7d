//! The trace against the kernel: sampled packets are traced from the design alone, then sent through the device, and
//! its counters, the far ends and the senders must have seen what was traced. And what the device itself says: the trace
//! by what its kernel holds, and the plan.

#[path = "../common/mod.rs"]
mod common;
mod live;
mod plan;
#[path = "../common/raw.rs"]
mod raw;
mod sampling;
mod seen;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_design::Lan;
use sekisho_lab::{
    Extent, Lab, PLATFORM_RESOLVER, PLATFORM_TEST_WEB, PLATFORM_WEB, Recording, sample, wait_until,
};
use sekisho_plan::trace::{Opening, Outcome, Question, Side, Told, Trace, Tracer};
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{Icmpv4Packet, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl},
};

use self::{
    raw::Flow,
    sampling::{Dice, questions},
    seen::{Seen, answers, openings},
};

/// Packets of a site.
const SAMPLES: usize = 1_200;
const SEED: u64 = 0x5e_c1_50;
/// Packets sent in one go: fewer than any queue on the way holds.
const BATCH: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);
/// How long a counter or a recording may take until everything is in it.
const SETTLE: Duration = Duration::from_secs(20);
/// The kernel's own bound on what routing tells a host: once a second (`ip_rt_error_cost`), whichever LAN the address is on.
const TOLD_AGAIN: Duration = Duration::from_millis(1_500);
const TTL: u8 = 64;
/// The platform's hosts.
const PLATFORM: [Ipv4Addr; 3] = [PLATFORM_WEB, PLATFORM_RESOLVER, PLATFORM_TEST_WEB];

fn main() {
    common::run(&[
        ("trace_and_kernel_agree_on_1_office", || agree("1-office")),
        ("trace_and_kernel_agree_on_overlapping_ranges", || agree("overlapping-ranges")),
        ("trace_and_kernel_agree_on_2_partly_data_centre", || agree("2-partly-data-centre")),
        ("trace_and_kernel_agree_on_3_data_centre", || agree("3-data-centre")),
        ("trace_and_kernel_agree_on_4_terminals_only", || agree("4-terminals-only")),
        ("trace_and_kernel_agree_on_union", || agree("union")),
        ("trace_and_kernel_agree_on_large", || agree("large")),
        ("a_live_trace_of_an_undisturbed_device_is_the_offline_one", live::undisturbed),
        ("a_live_trace_says_that_new_connections_are_cut_off", live::cut_off),
        ("a_live_trace_names_what_was_changed_by_hand", live::meddled_with),
        ("a_plan_is_the_difference_of_two_designs", plan::is_the_difference_of_two_designs),
    ]);
}

/// Packets that shall have the same fate are sent together, so that a counter that moves by their number speaks for
/// each of them.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Fate {
    side: Side,
    counted: Vec<String>,
    told: Option<Told>,
}

fn agree(site: &str) -> anyhow::Result<()> {
    let lab = Lab::up(&sample(site), Extent::Applied)?;
    end_loops(&lab)?;
    let tracer = Tracer::new(lab.design())?;
    let mut groups: BTreeMap<Fate, Vec<Trace>> = BTreeMap::new();
    let drawn = questions(lab.design(), SAMPLES, &mut Dice::new(SEED));
    ensure!(drawn.len() == SAMPLES, "only {} different packets", drawn.len());
    for question in drawn {
        let trace = tracer.trace(&question).with_context(|| format!("{question:?}"))?;
        let told = match &trace.outcome {
            Outcome::Refused { told, .. } => Some(*told),
            Outcome::Delivered { .. } | Outcome::Device => None,
        };
        let fate = Fate { side: question.side, counted: trace.counted.clone(), told };
        groups.entry(fate).or_default().push(trace);
    }
    let passing = groups.keys().filter(|fate| fate.told.is_none()).count();
    ensure!(passing > 0 && groups.len() > passing + 5, "the samples are poor: {:?}", groups.keys());
    for (fate, traces) in &groups {
        together(&lab, fate, traces).with_context(|| {
            format!("{fate:?}, {} packets, like {:?}", traces.len(), traces[0].question)
        })?;
    }
    Ok(())
}

/// Routers of the office know some hosts of their networks and send everything else to the device. What the device sends
/// them for other hosts would come back; a real router's network ends there.
fn end_loops(lab: &Lab) -> anyhow::Result<()> {
    for (name, host) in &lab.addresses().hosts {
        let interface = lab.design().lans.get(&host.lan).context("a host of no LAN")?;
        for route in &interface.routes {
            lab.host(name).must(&["ip", "route", "add", "blackhole", &route.to.to_string()])?;
        }
    }
    Ok(())
}

fn together(lab: &Lab, fate: &Fate, traces: &[Trace]) -> anyhow::Result<()> {
    let (sender, by) = sender(lab, fate.side)?;
    // What the platform's hosts hear is recorded where they stand, behind the centre that sends for them.
    let (listener, own) = match lab.addresses().hosts.get(sender) {
        Some(host) => (sender, vec![host.address]),
        None => ("platform", PLATFORM.to_vec()),
    };
    let places: BTreeMap<_, _> = receivers(lab).into_iter().collect();
    let watched: BTreeSet<_> =
        traces.iter().filter_map(|trace| place(&places, trace)).chain([listener]).collect();
    let captures = watched
        .into_iter()
        .map(|host| {
            let interface = if host == "platform" { "any" } else { "eth0" };
            Ok((host, lab.capture(host, interface)?))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;

    if matches!(fate.told, Some(Told::HostUnreachable | Told::NetUnreachable)) {
        thread::sleep(TOLD_AGAIN);
    }
    let before = refused(lab)?;
    let packets: Vec<_> = traces.iter().map(|trace| packet(&trace.question)).collect();
    for batch in packets.chunks(BATCH) {
        raw::send(lab, sender, by, batch)?;
        thread::sleep(PAUSE);
    }
    let mut expected = BTreeMap::new();
    for rule in traces.iter().flat_map(|trace| &trace.counted) {
        *expected.entry(rule.clone()).or_insert(0) += 1;
    }
    let mut counted = BTreeMap::new();
    let settled = wait_until(SETTLE, || {
        counted = refused(lab).map(|after| difference(&before, after)).unwrap_or_default();
        counted == expected
    });
    ensure!(settled, "traced {expected:?}, counted {counted:?}");
    if fate.told.is_none() {
        // Nothing was to be counted; give what must not be counted, and what must arrive, the time to come.
        thread::sleep(Duration::from_millis(300));
        let late = difference(&before, refused(lab)?);
        ensure!(late.is_empty(), "passes in the trace, but is counted as {late:?}");
    }

    for (host, capture) in captures {
        let recording = capture.stop()?;
        let arrivals: Vec<_> = traces
            .iter()
            .filter(|trace| place(&places, trace) == Some(host))
            .filter_map(arrival)
            .collect();
        let mut wanted = BTreeMap::new();
        for arrival in &arrivals {
            *wanted.entry(*arrival).or_insert(0) += 1;
        }
        let targets: BTreeSet<_> = arrivals.iter().map(|seen| seen.destination).collect();
        let arrived = openings(&recording, &targets)?;
        ensure!(arrived == wanted, "at {host} the trace has {wanted:?}, the wire {arrived:?}");
        if host == listener {
            let mine = traces.iter().filter(|trace| own.contains(&trace.question.from));
            match fate.told {
                Some(told) => is_told(told, mine.count(), &own, &recording)?,
                None => is_answered(mine.filter(|trace| exists(&places, trace)), &recording)?,
            }
        }
    }
    Ok(())
}

/// Of the packets that a listener sent, each was told what the trace says, and nothing else.
fn is_told(told: Told, sent: usize, own: &[Ipv4Addr], recording: &Recording) -> anyhow::Result<()> {
    let count = |code: &str| -> anyhow::Result<usize> {
        let to = |own: &Ipv4Addr| {
            recording.count(&format!("icmp[icmptype] = icmp-unreach and dst host {own}{code}"))
        };
        own.iter().map(to).sum()
    };
    let code = match told {
        Told::Nothing => {
            // An earlier packet that was delivered to a host that isn't there may be answered by 1 seconds later.
            let all = count(" and icmp[icmpcode] != 1")?;
            ensure!(all == 0, "told something {all} times");
            return Ok(());
        }
        Told::Prohibited => 13,
        Told::HostUnreachable => 1,
        Told::NetUnreachable => 0,
    };
    let (all, right) = (count("")?, count(&format!(" and icmp[icmpcode] = {code}"))?);
    ensure!(right == all, "{} of {all} were told something else", all - right);
    // Where routing tells it, the kernel tells each address only now and then.
    let least = if told == Told::Prohibited { sent } else { sent.min(1) };
    ensure!((least..=sent).contains(&right), "{right} of {sent} were told");
    Ok(())
}

/// Packets to hosts that exist are answered as traced. Of UDP that can't be expected.
fn is_answered<'a>(
    traces: impl Iterator<Item = &'a Trace>,
    recording: &Recording,
) -> anyhow::Result<()> {
    let heard = answers(recording)?;
    for trace in traces.filter(|trace| !matches!(trace.question.opening, Opening::Udp(_))) {
        let Question { from, to, opening, .. } = trace.question;
        // The device itself answers ping only, and only that is let in.
        let answered = trace.back.as_ref().is_some_and(|back| back.arrives);
        ensure!(answered, "no answer in the trace: {trace:?}");
        let answer = Seen { source: to, destination: from, opening };
        ensure!(heard.contains(&answer), "{answer:?} never came, only {heard:?}");
    }
    Ok(())
}

/// Whether a real host, or the device, is where the packet ends.
fn exists(places: &BTreeMap<(Lan, Ipv4Addr), &'static str>, trace: &Trace) -> bool {
    match trace.outcome {
        Outcome::Delivered { side: Side::Platform, destination, .. } => {
            PLATFORM.contains(&destination)
        }
        Outcome::Delivered { .. } => place(places, trace).is_some(),
        Outcome::Device => true,
        Outcome::Refused { .. } => false,
    }
}

/// The host that sends for a side, and an address that its packets go by, whatever their destination.
fn sender(lab: &Lab, side: Side) -> anyhow::Result<(&'static str, Ipv4Addr)> {
    match side {
        Side::Lan(lan) => {
            let hosts = &lab.addresses().hosts;
            let of = |lan: Lan| {
                ["terminal", "school", "juki", "atena"]
                    .into_iter()
                    .find(|name| hosts.get(name).is_some_and(|host| host.lan == lan))
            };
            Ok((of(lan).with_context(|| format!("no host on {lan}"))?, PLATFORM_WEB))
        }
        Side::Platform | Side::Lgwan | Side::Maintenance => {
            let centre = lab.carrier()?.context("no centre carries")?;
            Ok((centre.name(), lab.addresses().device_global))
        }
    }
}

/// Where real hosts receive what is delivered in the office.
fn receivers(lab: &Lab) -> Vec<((Lan, Ipv4Addr), &'static str)> {
    let hosts = lab.addresses().hosts.iter().map(|(name, host)| ((host.lan, host.address), *name));
    let school = lab.addresses().education_server;
    hosts.chain(school.map(|host| ((host.lan, host.address), "school"))).collect()
}

fn place(places: &BTreeMap<(Lan, Ipv4Addr), &'static str>, trace: &Trace) -> Option<&'static str> {
    match trace.outcome {
        Outcome::Delivered { side: Side::Platform, .. } => Some("platform"),
        Outcome::Delivered { side: Side::Lan(lan), destination, .. } => {
            places.get(&(lan, destination)).copied()
        }
        Outcome::Delivered { .. } | Outcome::Device | Outcome::Refused { .. } => None,
    }
}

fn arrival(trace: &Trace) -> Option<Seen> {
    match trace.outcome {
        Outcome::Delivered { source, destination, .. } => {
            Some(Seen { source, destination, opening: trace.question.opening })
        }
        Outcome::Device | Outcome::Refused { .. } => None,
    }
}

fn refused(lab: &Lab) -> anyhow::Result<BTreeMap<String, u64>> {
    Ok(lab.status()?.refused.into_iter().map(|(rule, count)| (rule, count.packets)).collect())
}

fn difference(
    before: &BTreeMap<String, u64>,
    mut after: BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    after.remove("any/broadcast");
    for (rule, count) in &mut after {
        *count -= before.get(rule).unwrap_or(&0);
    }
    after.retain(|_, count| *count > 0);
    after
}

fn packet(question: &Question) -> Vec<u8> {
    let flow = |port| Flow { from: question.from, to: question.to, port };
    match question.opening {
        Opening::Tcp(port) => flow(port).tcp(TcpControl::Syn, TTL),
        Opening::Udp(port) => flow(port).udp(b"?"),
        Opening::Echo => echo_request(question.from, question.to),
    }
}

fn echo_request(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let echo = Icmpv4Repr::EchoRequest { ident: 1, seq_no: 1, data: b"sekisho" };
    let ip = Ipv4Repr {
        src_addr: from,
        dst_addr: to,
        next_header: IpProtocol::Icmp,
        payload_len: echo.buffer_len(),
        hop_limit: TTL,
    };
    let mut bytes = vec![0; ip.buffer_len() + echo.buffer_len()];
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
    ip.emit(&mut packet, &ChecksumCapabilities::default());
    let mut inner = Icmpv4Packet::new_unchecked(packet.payload_mut());
    echo.emit(&mut inner, &ChecksumCapabilities::default());
    bytes
}
