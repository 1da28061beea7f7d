//! What is logged of flows, and what the collector gets.

use std::time::Duration;

use anyhow::{Context, ensure};
use sekisho_design::{Collector, CollectorTransport, OfficeSide};
use sekisho_lab::{Extent, Lab, PLATFORM_WEB, text, wait_until};

use crate::{
    echo::{PACKET, echo},
    office::{Authority, CLERK, COLLECTOR, HEAD_OFFICE, NAME, Rsyslog, close, collector, site},
};

const JUKI: &str = "100.64.10.11";
const TERMINAL: &str = "192.168.1.100";
/// What a fetch brings.
const BODY: u64 = 50_000;

pub(crate) fn flows_are_logged_and_reach_the_collector_by_every_transport() -> anyhow::Result<()> {
    let udp = collector(CollectorTransport::Udp, (OfficeSide::Maintenance, CLERK))?;
    let lab = Lab::up(&site(|design| design.collector = Some(udp.clone()))?, Extent::Applied)?;
    let authority = Authority::make("/run/authority")?;
    let clerk = Rsyslog::start(&lab, "clerk", CLERK, &authority)?;
    let office = Rsyslog::start(&lab, "atena", COLLECTOR, &authority)?;

    talk(&lab)?;
    let refused = clerk.wait_for(&["udp", " REFUSAL ", "destination_port=\"81\""])?;
    ensure!(refused.contains("rule=\"undeclared-service\""), "{refused}");
    apply(&lab, Some(&udp), false)?;
    logged(&lab)?;
    flow_reaches(&clerk, "udp")?;

    let tcp = collector(CollectorTransport::Tcp, (HEAD_OFFICE, COLLECTOR))?;
    let tls = collector(authority.trusted(NAME)?, (HEAD_OFFICE, COLLECTOR))?;
    for (name, collector) in [("tcp", &tcp), ("tls", &tls)] {
        apply(&lab, Some(collector), true)?;
        reached(&lab, true)?;
        talk(&lab)?;
        office.wait_for(&[name, " REFUSAL ", "destination_port=\"81\""])?;
        apply(&lab, Some(collector), false)?;
        flow_reaches(&office, name)?;
    }

    // A collector that starts anew gets what waited for it.
    drop(office);
    reached(&lab, false)?;
    refuse(&lab, 82)?;
    let office = Rsyslog::start(&lab, "atena", COLLECTOR, &authority)?;
    office.wait_for(&["tls", " REFUSAL ", "destination_port=\"82\""])?;
    reached(&lab, true)?;

    // Another name than its certificate's, and another authority, which only has the name of the first.
    let other = Authority::make("/run/other-authority")?;
    for (transport, said) in [
        (authority.trusted("other.office.example")?, "not valid for name"),
        (other.trusted(NAME)?, "BadSignature"),
    ] {
        apply(&lab, Some(&collector(transport, (HEAD_OFFICE, COLLECTOR))?), true)?;
        let fault = reached(&lab, false)?;
        ensure!(fault.contains("no TLS session") && fault.contains(said), "{fault}");
    }
    apply(&lab, None, true)?;
    let status = lab.status()?;
    ensure!(status.collector.is_none() && status.flow_log.is_some_and(|log| log.written > 0));
    Ok(())
}

/// A terminal asks the platform, the platform asks a server, and something is refused.
pub(crate) fn talk(lab: &Lab) -> anyhow::Result<()> {
    let web = PLATFORM_WEB.to_string();
    echo(lab, ("terminal", TERMINAL.parse()?), PLATFORM_WEB, 3)?;
    echo(lab, ("platform", PLATFORM_WEB), JUKI.parse()?, 2)?;
    let url = format!("http://{JUKI}:443/bytes/{BODY}");
    let fetch = ["curl", "-sS", "-o", "/dev/null", "--interface", &web, &url];
    lab.host("platform").must(&fetch)?;
    refuse(lab, 81)
}

/// A terminal asks for what nobody declared.
fn refuse(lab: &Lab, port: u16) -> anyhow::Result<()> {
    let url = format!("http://{PLATFORM_WEB}:{port}/");
    let refused = lab.host("terminal").run(&["curl", "-sS", "--max-time", "2", &url])?;
    ensure!(!refused.status.success(), "port {port} is open");
    Ok(())
}

/// Puts another collector in force; where the site is closed, all its flows end.
pub(crate) fn apply(lab: &Lab, collector: Option<&Collector>, open: bool) -> anyhow::Result<()> {
    let site = site(|design| {
        design.collector = collector.cloned();
        if !open {
            close(design);
        }
    })?;
    lab.apply(&site).map(drop)
}

/// Waits until the collector is reached, or until it is said why not.
fn reached(lab: &Lab, wanted: bool) -> anyhow::Result<String> {
    let mut said = String::new();
    let done = wait_until(Duration::from_secs(10), || {
        let collector = lab.status().ok().and_then(|status| status.collector);
        let fault = collector.as_ref().and_then(|collector| collector.fault.as_ref());
        said = fault.map(|fault| fault.message.clone()).unwrap_or_default();
        let connected = collector.is_some_and(|collector| collector.connected);
        if wanted { connected } else { !said.is_empty() }
    });
    ensure!(done, "the collector is {}reached: {said}", if wanted { "not " } else { "" });
    Ok(said)
}

fn flow_reaches(collector: &Rsyslog, transport: &str) -> anyhow::Result<()> {
    let from = format!("inside=\"{TERMINAL}\"");
    let start = format!("{transport} 192.168.");
    let flow = collector.wait_for(&[&start, " sekishod FLOW [flow@32473 ", &from, "\"icmp\""])?;
    for part in ["opened_by=\"office\"", "global=\"100.64.10.30\"", "packets_out=\"3\""] {
        ensure!(flow.contains(part), "no {part} in {flow}");
    }
    Ok(())
}

/// The flows of [`talk`], by their columns.
fn logged(lab: &Lab) -> anyhow::Result<()> {
    let (three, two) = (3 * PACKET, 2 * PACKET);
    let asked = columns(lab, &["--host", TERMINAL, "--last", "1"])?;
    let wanted = format!(
        "head-office,office,icmp,{TERMINAL},,100.64.10.30,,{PLATFORM_WEB},,3,{three},3,{three}"
    );
    ensure!(asked == [wanted], "{asked:?}");
    let answered = columns(lab, &["--host", JUKI])?;
    let wanted =
        format!("head-office,platform,icmp,192.168.1.10,,{JUKI},,{PLATFORM_WEB},,2,{two},2,{two}");
    ensure!(answered.contains(&wanted), "{answered:?}");
    let fetch = answered.iter().find(|flow| flow.contains(",tcp,")).context("no fetch")?;
    let fields: Vec<_> = fetch.split(',').collect();
    ensure!(fetch.starts_with("head-office,platform,tcp,192.168.1.10,443,"), "{fetch}");
    ensure!(fields[5..8] == [JUKI, "443", &PLATFORM_WEB.to_string()], "{fetch}");
    // The body with its own head, and what each packet adds.
    let (packets, bytes): (u64, u64) = (fields[9].parse()?, fields[10].parse()?);
    ensure!(bytes > BODY && bytes < BODY + 60 * packets + 1_000, "{fetch}");

    let nobody = columns(lab, &["--host", "192.168.1.99"])?;
    ensure!(nobody.is_empty() && columns(lab, &["--until", "1h"])?.is_empty(), "{nobody:?}");
    let said = lab.sekisho(&["flows", "--last", "1", "--lang", "ja"])?;
    ensure!(text(&said.stdout).contains("送信 "), "{said:?}");
    let list: Vec<sekisho_control::FlowRecord> =
        serde_json::from_slice(&lab.sekisho(&["flows", "--format", "json"])?.stdout)?;
    ensure!(list.iter().all(|flow| flow.began.is_some_and(|began| began <= flow.ended)));
    Ok(())
}

/// The columns of flows but for their times.
fn columns(lab: &Lab, words: &[&str]) -> anyhow::Result<Vec<String>> {
    let output = lab.sekisho(&[&["flows", "--format", "csv"], words].concat())?;
    ensure!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let mut lines = table.split_terminator("\r\n");
    let head = lines.next().context("no header")?;
    ensure!(head.starts_with("began,ended,lan,opened_by,"), "{head}");
    let columns = |line: &str| line.splitn(3, ',').nth(2).map(str::to_owned).context("columns");
    lines.map(columns).collect()
}
