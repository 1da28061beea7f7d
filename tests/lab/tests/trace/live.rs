//! `sekisho trace --live` on a device: as designed, cut off, and after somebody changed the kernel by hand.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context, ensure};
use sekisho_control::{Failure, FailureKind, LiveTrace};
use sekisho_design::{Lan, Language};
use sekisho_lab::{Centre, Extent, Lab, PLATFORM_WEB, describe, sample, text, wait_until};
use sekisho_plan::trace::{
    Advice, Change, Held, Opening, Outcome, Question, Reason, Side, Told, Trace, Tracer,
};

use crate::sampling::{Dice, questions};

/// How long the device may take to notice something, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the terminal asks of the platform.
fn terminal(lab: &Lab) -> anyhow::Result<Question> {
    let from = lab.addresses().host("terminal")?.address;
    let opening = Opening::Tcp(80);
    Ok(Question { side: Side::Lan(Lan::HeadOffice), from, to: PLATFORM_WEB, opening })
}

fn words(question: &Question) -> Vec<String> {
    let Question { side, from, to, opening } = question;
    let to = match opening {
        Opening::Tcp(port) => format!("{to}:{port}/tcp"),
        Opening::Udp(port) => format!("{to}:{port}/udp"),
        Opening::Echo => format!("{to}/icmp-echo"),
    };
    let side = match side {
        Side::Lan(lan) => vec!["--lan".to_owned(), lan.to_string()],
        Side::Platform | Side::Lgwan | Side::Maintenance => vec!["--from-platform".to_owned()],
    };
    let asked = ["trace", "--live", "--from", &from.to_string(), "--to", &to].map(str::to_owned);
    asked.into_iter().chain(side).collect()
}

fn ask(lab: &Lab, question: &Question) -> anyhow::Result<LiveTrace> {
    let words = words(question);
    let words: Vec<_> = words.iter().map(String::as_str).chain(["--format", "json"]).collect();
    let output = lab.sekisho(&words)?;
    ensure!(output.status.success(), "{}", describe(&output));
    serde_json::from_slice(&output.stdout).with_context(|| describe(&output))
}

fn held(live: &LiveTrace) -> anyhow::Result<&Trace> {
    match &live.trace.kernel {
        Held::Trace(trace) => Ok(trace),
        Held::Unknown(fault) => anyhow::bail!("{fault}"),
    }
}

/// What the kernel holds leads every packet the way that the design alone does.
pub(crate) fn undisturbed() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("overlapping-ranges"), Extent::Applied)?;
    let tracer = Tracer::new(lab.design())?;
    let mut into_tunnel = 0;
    for question in questions(lab.design(), 60, &mut Dice::new(crate::SEED)) {
        let live = ask(&lab, &question)?;
        let offline = tracer.trace(&question)?;
        ensure!(*held(&live)? == offline, "{question:?}: {live:?}");
        ensure!(live.trace.design == offline && live.trace.parting.is_none(), "{question:?}");
        ensure!(live.trace.deviations.is_empty(), "{:?}", live.trace.deviations);
        if let Some(tunnel) = &live.tunnel {
            ensure!(tunnel.carrier.is_some() && !tunnel.cut_off, "{tunnel:?}");
            into_tunnel += 1;
        }
        if matches!(offline.outcome, Outcome::Delivered { side: Side::Platform, .. }) {
            ensure!(live.tunnel.is_some(), "{question:?} enters the tunnel: {live:?}");
        }
    }
    ensure!(into_tunnel > 5, "only {into_tunnel} of the packets enter the tunnel");
    Ok(())
}

/// Before a design is in force there is nothing to ask; while no centre answers, that is the answer.
pub(crate) fn cut_off() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let question = terminal(&lab)?;
    let asked = words(&question);
    let asked: Vec<_> = asked.iter().map(String::as_str).chain(["--format", "json"]).collect();
    let output = lab.sekisho(&asked)?;
    let failure: Failure = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.code() == Some(4), "{}", describe(&output));
    ensure!(failure.kind == FailureKind::Device && failure.way_out.is_some(), "{failure:?}");
    ensure!(failure.message.contains("no design is in force"), "{failure:?}");

    lab.apply(&sample("1-office"))?;
    lab.wait_for_carrier(None, PATIENCE)?;
    for centre in Centre::ALL {
        lab.kill_far_end(centre)?;
    }
    let is_cut_off =
        || lab.status().is_ok_and(|status| status.tunnel.is_some_and(|tunnel| tunnel.cut_off));
    ensure!(wait_until(PATIENCE, is_cut_off), "never cut off");
    let live = ask(&lab, &question)?;
    let trace = held(&live)?;
    let rule = Some("head-office/tunnel-down".to_owned());
    ensure!(trace.outcome == Outcome::Refused { rule, told: Told::HostUnreachable }, "{trace:?}");
    let wait =
        matches!(&trace.advice, Some(Advice { change: Change::Nothing(Reason::NoCentre), .. }));
    ensure!(wait && live.trace.deviations.is_empty() && live.trace.parting.is_none(), "{live:?}");
    let tunnel = live.tunnel.as_ref().context("the packet would enter the tunnel")?;
    ensure!(tunnel.carrier.is_none() && tunnel.cut_off, "{tunnel:?}");
    let asked = words(&question);
    let asked: Vec<_> = asked.iter().map(String::as_str).chain(["--lang", "ja"]).collect();
    let said = text(&lab.sekisho(&asked)?.stdout);
    ensure!(said.contains("トンネル（拠点）: なし（新しい通信はすぐに断ります）"), "{said}");
    ensure!(!reaches(&lab, Duration::from_secs(3))?, "the kernel lets it pass");
    Ok(())
}

/// What somebody does by hand, a word of what is said of it, and the outcome.
type Meddling = (&'static str, &'static str, fn(&Trace) -> bool);

const MEDDLING: [Meddling; 9] = [
    (
        "nft -a list chain inet sekisho forward | \
         sed -n 's|.*goto from/head-office # handle ||p' | \
         xargs nft delete rule inet sekisho forward handle",
        "rule 'iifname port2 goto from/head-office' in chain forward: missing.",
        |trace| is_refused(trace, Some("device/forward"), Told::Nothing),
    ),
    (
        "nft flush chain inet sekisho from/head-office",
        "in chain from/head-office: missing.",
        |trace| is_refused(trace, None, Told::Nothing),
    ),
    ("nft flush set inet sekisho outbound", "in set outbound: missing.", |trace| {
        is_refused(trace, Some("head-office/undeclared-service"), Told::Prohibited)
    }),
    (
        "ip route del 100.72.0.0/16 dev tunnel table 101",
        "route to 100.72.0.0/16 out of tunnel, table 101, metric 100: missing.",
        |trace| is_refused(trace, None, Told::HostUnreachable),
    ),
    // The main table leads to the platform too, but not back to the LAN.
    ("ip rule del fwmark 1", "mark 1 uses table 101: missing.", |trace| {
        is_delivered(trace) && trace.back.as_ref().is_some_and(|back| !back.arrives)
    }),
    (
        "echo 0 >/proc/sys/net/ipv4/ip_forward",
        "setting net.ipv4.ip_forward is '0', not '1'.",
        |trace| is_refused(trace, None, Told::Nothing),
    ),
    ("ip link set port2 down", "port2 is down with MTU 1500, not up", |trace| {
        is_refused(trace, None, Told::Nothing)
    }),
    // Nothing is filtered or translated any more: it leaves, and no answer finds its way.
    ("nft delete table inet sekisho", "the packet filter: missing.", |trace| {
        is_delivered(trace) && trace.back.as_ref().is_some_and(|back| !back.arrives)
    }),
    (
        "nft insert rule inet sekisho forward accept",
        "rule 'accept' in chain forward: not in the design.",
        |trace| is_delivered(trace) && trace.back.as_ref().is_some_and(|back| back.arrives),
    ),
];

fn is_delivered(trace: &Trace) -> bool {
    matches!(trace.outcome, Outcome::Delivered { side: Side::Platform, .. })
}

fn is_refused(trace: &Trace, by: Option<&str>, wanted: Told) -> bool {
    matches!(&trace.outcome, Outcome::Refused { rule, told } if rule.as_deref() == by && *told == wanted)
}

/// The difference is named, as long as it is there: the daemon soon puts right what somebody else did.
pub(crate) fn meddled_with() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    for (command, says, as_traced) in MEDDLING {
        let (live, said) = meddle(&lab, command)?;
        let trace = held(&live).context(command)?;
        ensure!(as_traced(trace), "{command}: {trace:?}");
        let named =
            live.trace.deviations.iter().any(|one| one.sentence(Language::English).contains(says));
        ensure!(named, "{command}: not '{says}': {:?}", live.trace.deviations);
        ensure!(live.trace.parting.is_some(), "{command}: {live:?}");
        ensure!(is_delivered(&live.trace.design), "{command}: by the design it passes");
        ensure!(trace.advice.is_none(), "{command}: the rows aren't to blame");
        ensure!(said.contains("Where it parts from the design:"), "{command}: {said}");
    }
    let (live, _) = meddle(&lab, "nft insert rule inet sekisho forward ip ttl 1 drop")?;
    let Held::Unknown(fault) = &live.trace.kernel else { anyhow::bail!("{live:?}") };
    ensure!(fault.contains("doesn't know") && live.trace.deviations.len() == 1, "{live:?}");
    Ok(())
}

/// Does something by hand until a trace sees it before the daemon has repaired it; that it does is waited for at the end.
fn meddle(lab: &Lab, command: &str) -> anyhow::Result<(LiveTrace, String)> {
    let question = terminal(lab)?;
    let words = words(&question);
    let words: Vec<_> = words.iter().map(String::as_str).chain(["--lang", "en"]).collect();
    let deviates = |live: &LiveTrace| !live.trace.deviations.is_empty();
    let mut seen = None;
    wait_until(PATIENCE, || {
        let done = lab.host("gateway").run(&["sh", "-c", command]).is_ok();
        let live = ask(lab, &question).ok().filter(|live| done && deviates(live));
        let said = lab.sekisho(&words).map(|output| text(&output.stdout)).unwrap_or_default();
        // The text is of the same moment only if nothing was repaired in between.
        let still = ask(lab, &question).is_ok_and(|live| deviates(&live));
        seen = live.filter(|_| still).map(|live| (live, said));
        seen.is_some()
    });
    let repaired = wait_until(PATIENCE, || ask(lab, &question).is_ok_and(|live| !deviates(&live)));
    ensure!(repaired, "{command}: nobody repaired it");
    seen.with_context(|| format!("{command}: never seen"))
}

/// Whether the terminal gets the platform's page.
fn reaches(lab: &Lab, limit: Duration) -> anyhow::Result<bool> {
    let url = page(PLATFORM_WEB);
    let limit = limit.as_secs().to_string();
    let output = lab.host("terminal").run(&["curl", "-sS", "--max-time", &limit, &url])?;
    Ok(output.status.success())
}

fn page(host: Ipv4Addr) -> String {
    format!("http://{host}/")
}
