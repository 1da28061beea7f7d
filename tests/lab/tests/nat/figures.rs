//! What translation costs: the rate of new connections beside the least ruleset that does the same, and many of them at once.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sekisho_lab::{Lab, PLATFORM_WEB};
use socket2::SockRef;

use crate::{
    MANY, NOBODY, apply, design, feed,
    packets::{UDP, ip},
    raw, up,
};

/// Pairs of a run with our ruleset and one with the other.
const ROUNDS: u16 = 48;
/// Stretches of a run, and connections of a stretch: some milliseconds, in which nobody else has the processor.
const STRETCHES: u32 = 20;
const CONNECTIONS: u32 = 50;
/// Where the runs' listeners begin; each run has a port, so that no entry of an earlier one is in its way.
const FIRST: u16 = 7000;
const ENTRIES: usize = 200_000;
/// How long the table is kept full: a centre that is silent for five seconds is given up.
const FULL_FOR: Duration = Duration::from_secs(10);
/// What the daemon may take beside that many, in kB.
const MEMORY: usize = 60_000;

/// Translation and a filter as anybody would write them by hand.
const PLAIN: &str = "table ip plain {
    chain translate {
        type nat hook postrouting priority srcnat; policy accept;
        oifname \"tunnel\" snat to 100.64.10.30
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname \"port2\" oifname \"tunnel\" accept
    }
}";

/// New connections a second through NAPT. The tunnel is replaced by a cable, so that what is compared is the kernel's work.
pub(crate) fn rate_of_new_connections() -> anyhow::Result<()> {
    let mut lab = up()?;
    lab.kill_daemon()?;
    cable(&lab)?;
    let gateway = lab.host("gateway");
    let ours = gateway.must(&["nft", "list", "table", "inet", "sekisho"])?;
    let plain = format!("delete table inet sekisho\n{PLAIN}");
    let ours = format!("delete table ip plain\n{ours}");
    let (mut parts, mut best) = (Vec::new(), [0_f64; 2]);
    for round in 0..ROUNDS {
        let with_ours = run(&lab, FIRST + 2 * round)?;
        feed(&lab, &plain)?;
        let with_plain = run(&lab, FIRST + 2 * round + 1)?;
        feed(&lab, &ours)?;
        parts.push(with_ours / with_plain);
        best = [best[0].max(with_ours), best[1].max(with_plain)];
    }
    parts.sort_by(f64::total_cmp);
    let part = parts[parts.len() / 2];
    let [ours, plain] = best;
    println!("ours {ours:.0} connections a second, three rules {plain:.0}; run by run {part:.3}");
    ensure!(part >= 0.8, "the ruleset costs too much: {part:.3}");
    Ok(())
}

/// A cable in the place of the tunnel device, and the routes that went with it. Neither end asks for the other's hardware
/// address: they have the same.
fn cable(lab: &Lab) -> anyhow::Result<()> {
    let same = "02:00:00:00:00:01";
    let gateway = lab.host("gateway");
    gateway.must(&["ip", "link", "delete", "tunnel"])?;
    let ends = ["tunnel", "address", same, "mtu", "1420", "type", "veth"];
    let far = ["peer", "name", "cable", "address", same, "mtu", "1420", "netns", "platform"];
    gateway.must(&[&["ip", "link", "add"], &ends[..], &far].concat())?;
    for (host, link) in [("gateway", "tunnel"), ("platform", "cable")] {
        lab.host(host).must(&["ip", "link", "set", link, "arp", "off", "up"])?;
    }
    for table in ["main", "101"] {
        gateway.must(&["ip", "route", "add", "100.72.0.0/16", "dev", "tunnel", "table", table])?;
    }
    // Without marks there is no table but the main one.
    gateway.must(&["ip", "route", "add", "192.168.1.0/24", "dev", "port2"])?;
    lab.host("platform").must(&["ip", "route", "replace", "100.64.10.0/24", "dev", "cable"])?;
    Ok(())
}

/// Opens connections to a port of the platform one after another, and says how many a second in the best stretch. Both ends
/// are in one thread's hands, so that nothing waits for another to be woken.
fn run(lab: &Lab, port: u16) -> anyhow::Result<f64> {
    let end = SocketAddr::from((PLATFORM_WEB, port));
    let listener = lab.host("platform").inside(|| TcpListener::bind(end))??;
    lab.host("terminal").inside(|| {
        let mut best = 0_f64;
        for _ in 0..STRETCHES {
            let start = Instant::now();
            for _ in 0..CONNECTIONS {
                let near = TcpStream::connect(end)?;
                let far = listener.accept()?;
                // A reset leaves nothing behind in either host.
                SockRef::from(&near).set_linger(Some(Duration::ZERO))?;
                drop((near, far));
            }
            best = best.max(f64::from(CONNECTIONS) / start.elapsed().as_secs_f64());
        }
        Ok(best)
    })?
}

/// A table as full as a large office makes it: all that is in it works on, also across a change, which looks at every entry.
pub(crate) fn many_connections_at_once() -> anyhow::Result<()> {
    let mut lab = up()?;
    let daemon = lab.daemon()?.id();
    let number = |path: &str| -> anyhow::Result<usize> {
        let path = format!("/proc/sys/net/netfilter/{path}");
        Ok(lab.host("gateway").must(&["cat", &path])?.trim().parse()?)
    };
    let room = number("nf_conntrack_max")?;
    ensure!(room > ENTRIES * 11 / 10, "this machine's kernel remembers {room} connections at most");
    let first = memory(daemon, "VmRSS")?;
    fill(&lab, ENTRIES)?;
    let count = number("nf_conntrack_count")?;
    ensure!(count >= ENTRIES, "{count} connections");
    let filled = memory(daemon, "VmRSS")?;
    visit(&lab)?;
    let site = design(&lab)?;
    let start = Instant::now();
    apply(&lab, &site.replace("\"tcp/7\", \"icmp-echo\"", "\"tcp/7\", \"tcp/8\", \"icmp-echo\""))?;
    let applied = start.elapsed();
    visit(&lab)?;
    let (after, most) = (memory(daemon, "VmRSS")?, memory(daemon, "VmHWM")?);
    let count = number("nf_conntrack_count")?;
    println!(
        "{count} connections: memory {first} kB, {filled} kB, {after} kB after a change of {applied:?}, {most} kB at most"
    );
    ensure!(count >= ENTRIES, "{count} connections after a change that ends none");
    ensure!(filled.max(after) <= MEMORY, "{filled} kB, {after} kB");
    Ok(())
}

/// The kernel's table is full: names are answered and the tunnel lives on, and the device says so.
pub(crate) fn a_full_table() -> anyhow::Result<()> {
    let mut lab = up()?;
    let number = |lab: &Lab, path: &str| -> anyhow::Result<usize> {
        let path = format!("/proc/sys/net/netfilter/{path}");
        Ok(lab.host("gateway").must(&["cat", &path])?.trim().parse()?)
    };
    let room = number(&lab, "nf_conntrack_max")?;
    let carrier = lab.carrier()?;
    fill(&lab, room + room / 20)?;
    let count = number(&lab, "nf_conntrack_count")?;
    ensure!(count * 100 >= room * 99, "{count} of {room}: the table isn't full");

    // Longer than a centre may be silent.
    let until = Instant::now() + FULL_FOR;
    let mut answers = 0;
    while Instant::now() < until {
        let server = lab.addresses().device(sekisho_design::Lan::HeadOffice)?.addr().to_string();
        let question =
            [&format!("@{server}"), "+short", "+tries=1", "+time=2", "juki.city.example"];
        let answer = lab.host("terminal").must(&[&["dig"], &question[..]].concat())?;
        ensure!(answer.trim() == "192.168.1.10", "{answer}");
        answers += 1;
    }
    ensure!(lab.carrier()? == carrier, "the tunnel is down");
    let status = lab.status()?;
    ensure!(!status.shortages.is_empty(), "the status says nothing of it");
    ensure!(lab.daemon()?.output().contains("connections"), "the log says nothing of it");
    println!("{count} of {room} connections, {answers} names answered");
    Ok(())
}

/// One datagram of each connection, none of which is answered.
fn fill(lab: &Lab, connections: usize) -> anyhow::Result<()> {
    let sources: Vec<_> = MANY.hosts().collect();
    let ports = 20_000..20_000 + u16::try_from(connections / 100)?;
    // One source after the other: the kernel looks through all that a source has once a tick.
    for (number, source) in sources.iter().enumerate() {
        let header = ip(*source, NOBODY, UDP);
        let own = ports.clone().skip(number).step_by(sources.len());
        let ends = own.flat_map(|from| (5000..5100).map(move |to| (from, to)));
        let packets: Vec<_> = ends.map(|ends| header.udp(ends, b"?")).collect();
        raw::send(lab, "terminal", NOBODY, &packets)?;
    }
    Ok(())
}

fn visit(lab: &Lab) -> anyhow::Result<()> {
    let url = format!("http://{PLATFORM_WEB}/source");
    lab.host("terminal").must(&["curl", "-sS", "--max-time", "20", &url])?;
    Ok(())
}

/// A row of what the kernel says of the daemon's memory, in kB.
fn memory(daemon: u32, row: &str) -> anyhow::Result<usize> {
    let status = fs::read_to_string(format!("/proc/{daemon}/status"))?;
    let found = status.lines().find_map(|line| line.strip_prefix(row)?.strip_prefix(':'));
    let number = found.and_then(|text| text.trim().strip_suffix(" kB"));
    Ok(number.with_context(|| format!("no {row}"))?.trim().parse()?)
}
