//! From where the device's own page is reached, and from where never (R65). A plain echo stands for the page.

#[path = "common/mod.rs"]
mod common;

use std::{
    collections::BTreeSet,
    fs, io,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_design::{Lan, Page};
use sekisho_lab::{Extent, Lab, PROFILE, sample, wait_until};
use socket2::SockRef;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long nothing must come; a SYN is repeated after one second.
const SILENCE: Duration = Duration::from_millis(1500);

/// What one source opens too much, all at once: more than the bound and its burst.
const CROWD: usize = 200;

fn main() {
    common::run(&[
        ("unless_it_is_opened_only_the_clerk_reaches_the_page", only_the_clerk),
        ("with_one_range_on_both_lans_the_named_source_reaches_the_page", the_named_source),
        ("no_other_side_ever_reaches_the_page", no_other_side),
        ("a_source_that_is_taken_away_loses_its_connection", a_source_is_taken_away),
        ("a_source_opens_only_so_many_connections_in_a_second", so_many_connections),
    ]);
}

fn only_the_clerk() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Applied)?;
    let page = Stand::up(&lab)?;
    speaks(&mut reach(&lab, "clerk", maintenance(&lab)?)?)?;
    let closed = || refused(&lab, "head-office/device");
    let before = closed()?;
    for host in ["terminal", "juki"] {
        never(&lab, host, lab.addresses().device(Lan::HeadOffice)?.addr())?;
    }
    never(&lab, "school", lab.addresses().device(Lan::EducationBoard)?.addr())?;
    ensure!(wait_until(PATIENCE, || closed().is_ok_and(|now| now > before + 1)), "not counted");
    page.was_reached(1)
}

/// Both LANs' terminals have the address that is named, and the device has one address on both.
fn the_named_source() -> anyhow::Result<()> {
    let site = site("overlapping-ranges", &["192.168.1.100"])?;
    let lab = Lab::up(&site, Extent::Applied)?;
    let page = Stand::up(&lab)?;
    let device = lab.addresses().device(Lan::HeadOffice)?.addr();
    let (terminal, school) = (lab.addresses().host("terminal")?, lab.addresses().host("school")?);
    ensure!(terminal.address == school.address, "{terminal:?} and {school:?}");
    ensure!(lab.addresses().device(Lan::EducationBoard)?.addr() == device);

    let mut clerk = reach(&lab, "clerk", maintenance(&lab)?)?;
    let mut named = reach(&lab, "terminal", device)?;
    never(&lab, "school", device)?;
    never(&lab, "juki", device)?;
    // While a connection of one LAN runs, the other LAN is as shut as before, and the answers still find their way.
    speaks(&mut named)?;
    speaks(&mut clerk)?;
    // Whoever may see the page sees it at his own LAN's address only.
    for other in [maintenance(&lab)?, lab.addresses().device_lgwan.addr()] {
        never(&lab, "terminal", other)?;
    }
    never(&lab, "terminal", lab.addresses().device_global)?;
    never(&lab, "clerk", device)?;
    page.was_reached(2)
}

fn no_other_side() -> anyhow::Result<()> {
    let lab = Lab::up(&site("1-office", &["192.168.1.0/25"])?, Extent::Applied)?;
    let page = Stand::up(&lab)?;
    let (addresses, design) = (lab.addresses(), lab.design());
    let lans = [Lan::HeadOffice, Lan::EducationBoard].map(|lan| addresses.device(lan));
    let own: Vec<_> = lans.into_iter().collect::<anyhow::Result<_>>()?;
    let own = own.into_iter().map(|net| net.addr()).chain([maintenance(&lab)?]);
    let own: Vec<_> = own.chain([addresses.device_lgwan.addr(), addresses.device_global]).collect();
    let servers = design.servers.iter().map(|row| row.global.get());
    let globals: BTreeSet<_> =
        servers.chain(design.terminals.iter().map(|row| row.global.get())).collect();

    let lgwan = lab.host("lgwan");
    let via = addresses.device_lgwan.addr();
    for to in own.iter().chain(&globals).filter(|to| **to != via) {
        lgwan.must(&["ip", "route", "replace", &format!("{to}/32"), "via", &via.to_string()])?;
    }
    for to in own.iter().chain(&globals) {
        never(&lab, "lgwan", *to)?;
    }
    // Through the tunnel a server's global address leads to the server, whatever it says; never to the page.
    for to in own.iter().chain(&globals) {
        let met = attempt(&lab, "platform", *to, SILENCE)?;
        ensure!(met.is_err() || globals.contains(to), "the platform reached the device at {to}");
    }
    for to in own.iter().filter(|to| **to != addresses.device_lgwan.addr()) {
        never(&lab, "school", *to)?;
    }
    page.was_reached(0)?;
    // All the while it was open to those who may.
    speaks(&mut reach(&lab, "terminal", addresses.device(Lan::HeadOffice)?.addr())?)
}

fn a_source_is_taken_away() -> anyhow::Result<()> {
    let lab = Lab::up(&site("1-office", &["192.168.1.100", "192.168.1.10"])?, Extent::Applied)?;
    let _page = Stand::up(&lab)?;
    let device = lab.addresses().device(Lan::HeadOffice)?.addr();
    let mut stays = reach(&lab, "terminal", device)?;
    let mut goes = reach(&lab, "juki", device)?;
    let mut clerk = reach(&lab, "clerk", maintenance(&lab)?)?;

    lab.apply(&site("1-office", &["192.168.1.100"])?)?;
    speaks(&mut stays)?;
    speaks(&mut clerk)?;
    goes.set_read_timeout(Some(SILENCE))?;
    ensure!(speaks(&mut goes).is_err(), "the connection goes on");
    never(&lab, "juki", device)?;

    lab.apply(&sample("1-office"))?;
    stays.set_read_timeout(Some(SILENCE))?;
    ensure!(speaks(&mut stays).is_err(), "the connection goes on");
    never(&lab, "terminal", device)?;
    speaks(&mut clerk)
}

fn so_many_connections() -> anyhow::Result<()> {
    let lab = Lab::up(&site("1-office", &["192.168.1.100", "192.168.1.10"])?, Extent::Applied)?;
    let _page = Stand::up(&lab)?;
    let device = lab.addresses().device(Lan::HeadOffice)?.addr();
    for (host, to, side) in
        [("terminal", device, "head-office"), ("clerk", maintenance(&lab)?, "maintenance")]
    {
        let end = SocketAddr::from((to, Page::PORT));
        let opened = lab.host(host).inside(|| {
            let each = thread::scope(|scope| {
                let one = || TcpStream::connect_timeout(&end, SILENCE);
                let all: Vec<_> = (0..CROWD).map(|_| scope.spawn(one)).collect();
                all.into_iter().filter_map(|one| one.join().ok()).collect::<Vec<_>>()
            });
            each.iter().filter(|one| one.is_ok()).count()
        })?;
        ensure!((1..CROWD).contains(&opened), "{host} opened {opened} of {CROWD}");
        let beyond = refused(&lab, &format!("{side}/too-many-openings"))?;
        ensure!(beyond > 0, "{host}: {:?}", lab.status()?.refused);
        // It is one source's bound, and for a moment.
        speaks(&mut reach(&lab, "juki", device)?)?;
        let again = || attempt(&lab, host, to, SILENCE).is_ok_and(|met| met.is_ok());
        ensure!(wait_until(PATIENCE, again), "{host} stays shut out");
    }
    Ok(())
}

/// What stands for the page: whatever it hears it says again, on every address of the device.
struct Stand {
    listener: TcpListener,
    reached: Arc<AtomicUsize>,
}

impl Stand {
    fn up(lab: &Lab) -> anyhow::Result<Self> {
        let any = (Ipv4Addr::UNSPECIFIED, Page::PORT);
        let listener = lab.host("gateway").inside(|| TcpListener::bind(any))??;
        let reached = Arc::new(AtomicUsize::new(0));
        let (serving, count) = (listener.try_clone()?, Arc::clone(&reached));
        thread::spawn(move || {
            while let Ok((stream, _)) = serving.accept() {
                count.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || io::copy(&mut &stream, &mut &stream));
            }
        });
        Ok(Self { listener, reached })
    }

    fn was_reached(&self, times: usize) -> anyhow::Result<()> {
        let reached = self.reached.load(Ordering::Relaxed);
        ensure!(reached == times, "{reached} connections instead of {times}");
        Ok(())
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// A sample whose page is open to sources of the head office.
fn site(name: &str, sources: &[&str]) -> anyhow::Result<PathBuf> {
    let (from, folder) = (sample(name), PathBuf::from("/run/site-page"));
    fs::create_dir_all(&folder)?;
    let text = fs::read_to_string(from.join("site.toml"))?;
    fs::write(folder.join("site.toml"), format!("{text}\n[page]\nhead-office = {sources:?}\n"))?;
    fs::copy(from.join(PROFILE), folder.join(PROFILE))?;
    Ok(folder)
}

fn maintenance(lab: &Lab) -> anyhow::Result<Ipv4Addr> {
    Ok(lab.addresses().device_maintenance.context("the sample has a maintenance port")?.addr())
}

fn attempt(
    lab: &Lab,
    from: &str,
    to: Ipv4Addr,
    patience: Duration,
) -> anyhow::Result<io::Result<TcpStream>> {
    let end = SocketAddr::from((to, Page::PORT));
    lab.host(from).inside(|| TcpStream::connect_timeout(&end, patience))
}

/// A connection to the page that has been answered.
fn reach(lab: &Lab, from: &str, to: Ipv4Addr) -> anyhow::Result<TcpStream> {
    let met = attempt(lab, from, to, PATIENCE)?;
    let mut stream = met.with_context(|| format!("{from} to {to}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    speaks(&mut stream)?;
    Ok(stream)
}

fn never(lab: &Lab, from: &str, to: Ipv4Addr) -> anyhow::Result<()> {
    let met = attempt(lab, from, to, SILENCE)?;
    ensure!(met.is_err(), "{from} reached the page at {to}");
    Ok(())
}

fn speaks(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut heard = [0; 5];
    stream.write_all(b"hello")?;
    stream.read_exact(&mut heard).context("no answer")?;
    ensure!(&heard == b"hello", "{heard:?}");
    Ok(())
}

fn refused(lab: &Lab, rule: &str) -> anyhow::Result<u64> {
    Ok(lab.status()?.refused.get(rule).map_or(0, |count| count.packets))
}
