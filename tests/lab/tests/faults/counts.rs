//! What the device counted, compared with what was really sent, opened and refused.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_control::{HostTraffic, RowTraffic, Tally, Traffic};
use sekisho_lab::{Lab, PLATFORM_WEB, describe, text, wait_until};

use crate::{
    confirm::apply,
    files::Site,
    streams::{PLATFORM_PORT, SERVER_PORT, prepared},
};

const CARRIER: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_secs(20);
/// What the policy admits, and the row doesn't.
const POLICY_PORT: u16 = 8080;
/// What nobody may.
const REFUSED_PORT: u16 = 7999;

const POLICY: &str = r#"[[policy]]
name = "batch"
from = ["counter"]
to = ["100.72.0.0/16"]
services = ["tcp/8080"]
class = "bulk"
approval = "a trial"

[names]
"#;

/// Connections of one kind: how many, and how many bytes in each direction of each.
struct Trade<'a> {
    from: (&'a str, SocketAddr),
    to: (&'a str, SocketAddr),
    connections: u64,
    sent: usize,
    answered: usize,
}

/// Both ends of an open connection.
type Open = (TcpStream, TcpStream);

impl Trade<'_> {
    /// Carries it out, and hands over the connections, still open.
    fn run(&self, lab: &Lab) -> anyhow::Result<Vec<Open>> {
        let listener = lab.host(self.to.0).inside(|| TcpListener::bind(self.to.1))??;
        let mut open = Vec::new();
        for _ in 0..self.connections {
            let asked = self.from.1;
            let near =
                lab.host(self.from.0).inside(|| TcpStream::connect_timeout(&asked, PATIENCE));
            let near = near?.with_context(|| format!("{} to {asked}", self.from.0))?;
            let (far, _) = listener.accept()?;
            for end in [&near, &far] {
                end.set_read_timeout(Some(PATIENCE))?;
                end.set_write_timeout(Some(PATIENCE))?;
            }
            pass(&near, &far, self.sent)?;
            pass(&far, &near, self.answered)?;
            open.push((near, far));
        }
        Ok(open)
    }

    /// How many bytes of payload, there and back.
    fn bytes(&self) -> (u64, u64) {
        (self.connections * self.sent as u64, self.connections * self.answered as u64)
    }
}

/// Sends so many bytes, while the other end takes them.
fn pass(mut from: &TcpStream, mut to: &TcpStream, bytes: usize) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let sender = scope.spawn(move || from.write_all(&vec![7; bytes]));
        to.read_exact(&mut vec![0; bytes])?;
        sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(())
    })
}

pub(crate) fn traffic_is_counted_for_its_rows_and_hosts() -> anyhow::Result<()> {
    let (mut lab, site) = prepared()?;
    let site = site.edit("site.toml", &[("[names]\n", POLICY)])?;
    apply(&lab, &site, &[])?;
    let juki = lab.addresses().host("juki")?;
    let web = |port| SocketAddr::from((PLATFORM_WEB, port));
    let terminal = |port, connections, sent, answered| Trade {
        from: ("terminal", web(port)),
        to: ("platform", web(port)),
        connections,
        sent,
        answered,
    };
    let by_row = terminal(PLATFORM_PORT, 5, 200_000, 60_000);
    let by_policy = terminal(POLICY_PORT, 2, 40_000, 100_000);
    let to_juki = Trade {
        from: ("platform", SocketAddr::from((juki.global, SERVER_PORT))),
        to: ("juki", SocketAddr::from((juki.address, SERVER_PORT))),
        connections: 3,
        sent: 30_000,
        answered: 120_000,
    };
    let mut open = Vec::new();
    for trade in [&by_row, &by_policy, &to_juki] {
        open.extend(trade.run(&lab)?);
    }
    refuse(&lab, juki.global)?;

    let seen = traffic(&lab)?;
    let [counter, batch, server] = ["counter", "batch", "juki"].map(|name| row(&seen, name));
    let (counter, batch, server) = (counter?, batch?, server?);
    ensure!((counter.opened, batch.opened, server.opened) == (7, 2, 3), "{:?}", seen.rows);
    let ((up, down), (policy_up, policy_down)) = (by_row.bytes(), by_policy.bytes());
    plausible(counter, (up + policy_up, down + policy_down))?;
    plausible(batch, (policy_up, policy_down))?;
    let (there, back) = to_juki.bytes();
    plausible(server, (back, there))?;
    let refused =
        |packets| move |tally: Option<Tally>| tally.is_some_and(|of| of.packets == packets);
    ensure!(refused(3)(counter.refused) && refused(4)(server.refused), "{:?}", seen.rows);
    ensure!(batch.refused.is_none(), "{batch:?}");
    for idle in seen.rows.iter().filter(|row| ["school", "atena"].contains(&row.name.as_str())) {
        ensure!(
            (idle.up, idle.down, idle.opened) == (Tally::default(), Tally::default(), 0),
            "{idle:?}"
        );
    }

    // Each row has one host here.
    for (name, of) in [("terminal", counter), ("juki", server)] {
        let address = lab.addresses().host(name)?.address;
        let host = host(&seen, address)?;
        ensure!(host.row.as_ref() == Some(&of.name), "{host:?}");
        ensure!((host.up, host.down) == (of.up, of.down), "{host:?} {of:?}");
    }
    ensure!(host(&seen, lab.addresses().host("terminal")?.address)?.refused.packets == 3);
    let shared = lab.addresses().host("terminal")?.global;
    let napt = seen.napt.iter().find(|napt| napt.global == shared).context("no NAPT address")?;
    // The kernel may keep one port for two destinations.
    ensure!((6..=7).contains(&napt.ports.tcp) && napt.ports.udp == 0, "{napt:?}");
    let table = seen.connections.context("no table of connections")?;
    ensure!(table.count >= 10 && table.most > table.count, "{table:?}");
    for (near, far) in open {
        near.shutdown(Shutdown::Both)?;
        drop((near, far));
    }
    go_on(&mut lab, site, &by_row)
}

/// Three connections that a LAN's host is told at once that it may not, and four datagrams of the platform's that vanish.
fn refuse(lab: &Lab, server: Ipv4Addr) -> anyhow::Result<()> {
    let asked = SocketAddr::from((PLATFORM_WEB, REFUSED_PORT));
    for _ in 0..3 {
        let outcome =
            lab.host("terminal").inside(|| TcpStream::connect_timeout(&asked, PATIENCE))?;
        ensure!(outcome.is_err(), "{asked} is reached");
    }
    for _ in 0..4 {
        // Datagrams of one flow may be joined on their way, and are counted once then.
        let socket = lab.host("platform").inside(|| UdpSocket::bind("0.0.0.0:0"))??;
        socket.send_to(b"x", SocketAddr::from((server, REFUSED_PORT)))?;
    }
    let arrived = || {
        let seen = traffic(lab).ok();
        let refused = seen.and_then(|seen| row(&seen, "juki").ok().and_then(|row| row.refused));
        refused.is_some_and(|refused| refused.packets == 4)
    };
    ensure!(wait_until(PATIENCE, arrived), "datagrams were not refused: {:?}", traffic(lab)?.rows);
    Ok(())
}

/// A change of the design and a restart of the daemon take no count away.
fn go_on(lab: &mut Lab, site: Site, trade: &Trade<'_>) -> anyhow::Result<()> {
    // The ends' last words are over when nothing is counted any more.
    let mut before = traffic(lab)?;
    let calm = wait_until(PATIENCE, || {
        thread::sleep(Duration::from_millis(300));
        let Ok(now) = traffic(lab) else { return false };
        let calm = now.rows == before.rows;
        before = now;
        calm
    });
    ensure!(calm, "rows without traffic go on counting");
    let changed = site.edit("site.toml", &[("\"udp/7003\", ", "")])?;
    ensure!(apply(lab, &changed, &[])?.steps > 0);
    lab.kill_daemon()?;
    lab.start_daemon()?;
    lab.wait_for_carrier(None, CARRIER)?;
    let after = traffic(lab)?;
    ensure!(after.rows == before.rows, "{:?}, and then {:?}", before.rows, after.rows);
    ensure!(after.hosts == before.hosts, "{:?}, and then {:?}", before.hosts, after.hosts);

    let (opened, up) = (row(&after, "counter")?.opened, row(&after, "counter")?.up.bytes);
    let one = Trade { connections: 1, ..*trade };
    drop(one.run(lab)?);
    let later = traffic(lab)?;
    let counter = row(&later, "counter")?;
    ensure!(counter.opened == opened + 1, "{counter:?}");
    ensure!(counter.up.bytes >= up + one.bytes().0, "{counter:?}");
    let shown = lab.sekisho(&["top", "--once", "--lang", "ja"])?;
    ensure!(shown.status.success(), "{}", describe(&shown));
    let shown = text(&shown.stdout);
    println!("{shown}");
    ensure!(
        shown.contains("共有 ") && shown.contains("counter") && shown.contains("首長"),
        "{shown}"
    );
    let status = lab.status()?;
    ensure!(status.shortages.is_empty() && status.fault.is_none(), "{status:?}");
    Ok(())
}

fn traffic(lab: &Lab) -> anyhow::Result<Traffic> {
    let output = lab.sekisho(&["top", "--format", "json"])?;
    ensure!(output.status.success(), "{}", describe(&output));
    serde_json::from_slice(&output.stdout).with_context(|| describe(&output))
}

fn row<'a>(seen: &'a Traffic, name: &str) -> anyhow::Result<&'a RowTraffic> {
    let found = seen.rows.iter().find(|row| row.name.as_str() == name);
    found.with_context(|| format!("no row {name}: {:?}", seen.rows))
}

fn host(seen: &Traffic, address: Ipv4Addr) -> anyhow::Result<&HostTraffic> {
    let found = seen.hosts.iter().find(|host| host.address == address);
    found.with_context(|| format!("no host {address}: {:?}", seen.hosts))
}

/// Payload and headers are counted: 40 to 60 bytes on at most 1,400, and an answer to some of the packets of the other
/// direction. A busy machine may send a little of it twice.
fn plausible(row: &RowTraffic, (up, down): (u64, u64)) -> anyhow::Result<()> {
    for (counted, sent, other) in [(row.up, up, down), (row.down, down, up)] {
        let most = sent + sent / 8 + other / 10 + 5_000;
        ensure!((sent..most).contains(&counted.bytes), "{sent} to {most} bytes: {row:?}");
        ensure!(counted.packets > 0, "{row:?}");
    }
    Ok(())
}
