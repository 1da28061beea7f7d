//! The lab itself: hosts, wires, recordings, the bad line, and that nothing stays behind. No program of the
//! project runs here.

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use libtest_mimic::{Arguments, Failed, Trial};
use sekisho_lab::{
    Centre, Extent, HOSTS, Impairment, Lab, PLATFORM_WEB, describe, enter, sample, samples,
};

const SECOND: Duration = Duration::from_secs(1);
/// A port that nothing listens on.
const DISCARD: u16 = 9;

fn main() {
    enter();
    let mut arguments = Arguments::from_args();
    // Each test has the names of the hosts to itself.
    arguments.test_threads = Some(1);
    let trial = |name: &str, test: fn() -> anyhow::Result<()>| {
        Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}"))))
    };
    let trials = vec![
        trial("every_host_has_its_neighbours", every_host_has_its_neighbours),
        trial("every_sample_has_its_hosts", every_sample_has_its_hosts),
        trial("no_host_but_the_device_speaks_ipv6", no_host_but_the_device_speaks_ipv6),
        trial("an_unapplied_device_forwards_nothing", an_unapplied_device_forwards_nothing),
        trial(
            "a_recording_holds_what_went_over_the_wire",
            a_recording_holds_what_went_over_the_wire,
        ),
        trial(
            "a_cut_centre_is_silent_until_it_is_mended",
            a_cut_centre_is_silent_until_it_is_mended,
        ),
        trial("a_bad_line_delays_loses_and_duplicates", a_bad_line_delays_loses_and_duplicates),
        trial("large_transfers_cross_a_bad_line_whole", large_transfers_cross_a_bad_line_whole),
        trial("a_program_ends_at_its_limit", a_program_ends_at_its_limit),
        trial("labs_follow_each_other_and_leave_nothing", labs_follow_each_other_and_leave_nothing),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn lab() -> anyhow::Result<Lab> {
    Lab::up(&sample("1-office"), Extent::Wires)
}

/// Whether a host's kernel answers: nothing listens on the port, so it refuses at once. No ping program is
/// needed.
fn answers(lab: &Lab, from: &str, to: Ipv4Addr) -> anyhow::Result<bool> {
    let end = SocketAddr::from((to, DISCARD));
    let result = lab.host(from).inside(|| TcpStream::connect_timeout(&end, 3 * SECOND))?;
    Ok(result.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused))
}

fn every_host_has_its_neighbours() -> anyhow::Result<()> {
    let lab = lab()?;
    let addresses = lab.addresses();
    let school = addresses.host("school")?.address;
    let neighbours = [
        ("terminal", addresses.host("juki")?.address),
        ("juki", addresses.host("atena")?.address),
        ("lgwan", Centre::East.endpoint()),
        ("east", addresses.lgwan_router),
        ("west", PLATFORM_WEB),
        ("platform", Centre::East.probe()),
        ("platform", Centre::West.probe()),
    ];
    for (from, to) in neighbours {
        ensure!(answers(&lab, from, to)?, "{to} doesn't answer {from}");
    }
    ensure!(!answers(&lab, "terminal", school)?, "the terminal reaches the school");
    Ok(())
}

/// Each host of each sample has its design's address, and finds the device's LAN as its way out.
fn every_sample_has_its_hosts() -> anyhow::Result<()> {
    let samples = samples()?;
    ensure!(samples.len() >= 7, "only {samples:?}");
    for sample in samples {
        let lab = Lab::up(&sample, Extent::Wires)?;
        let addresses = lab.addresses();
        ensure!(!addresses.hosts.is_empty(), "{}: nobody in the office", sample.display());
        let server = addresses.education_server.map(|server| ("school", server));
        let hosts = addresses.hosts.iter().map(|(name, host)| (*name, *host)).chain(server);
        for (name, host) in hosts {
            let own = lab.host(name).must(&["ip", "-o", "address", "show"])?;
            let wanted = format!("inet {}/", host.address);
            ensure!(own.contains(&wanted), "{}: {name} lacks {wanted}: {own}", sample.display());
            let device = addresses.device(host.lan)?.addr().to_string();
            let route = lab.host(name).must(&["ip", "route", "get", &PLATFORM_WEB.to_string()])?;
            ensure!(route.contains(&format!("via {device} ")), "{name}: {route}");
        }
    }
    Ok(())
}

fn no_host_but_the_device_speaks_ipv6() -> anyhow::Result<()> {
    let lab = lab()?;
    for host in HOSTS.iter().filter(|host| **host != "gateway") {
        let found = lab.host(host).must(&["ip", "-6", "address", "show"])?;
        ensure!(found.is_empty(), "{host}: {found}");
    }
    Ok(())
}

fn an_unapplied_device_forwards_nothing() -> anyhow::Result<()> {
    let lab = lab()?;
    let setting = lab.host("gateway").must(&["cat", "/proc/sys/net/ipv4/ip_forward"])?;
    ensure!(setting.trim() == "0", "ip_forward is {setting}");
    ensure!(!answers(&lab, "terminal", PLATFORM_WEB)?, "the terminal reaches the platform");
    Ok(())
}

fn a_recording_holds_what_went_over_the_wire() -> anyhow::Result<()> {
    let lab = lab()?;
    let juki = lab.addresses().host("juki")?.address;
    let capture = lab.capture("juki", "eth0")?;
    ensure!(answers(&lab, "terminal", juki)?);
    let recording = capture.stop()?;
    let (syn, reset) = ("tcp[tcpflags] == tcp-syn", "tcp[tcpflags] & tcp-rst != 0");
    ensure!(recording.count(syn)? == 1, "{:?}", recording.matching("")?);
    ensure!(recording.count(&format!("{reset} and src host {juki}"))? == 1);
    ensure!(recording.count("arp")? > 0 && recording.count("udp")? == 0);
    Ok(())
}

fn a_cut_centre_is_silent_until_it_is_mended() -> anyhow::Result<()> {
    let lab = lab()?;
    let (east, west) = (Centre::East.endpoint(), Centre::West.endpoint());
    gateway_on_lgwan(&lab)?;
    ensure!(answers(&lab, "gateway", east)?);
    lab.cut(Centre::East)?;
    let end = SocketAddr::from((east, DISCARD));
    let silent = lab.host("gateway").inside(|| TcpStream::connect_timeout(&end, SECOND))?;
    let kind = silent.err().map(|error| error.kind());
    ensure!(kind == Some(ErrorKind::TimedOut), "{kind:?}");
    ensure!(answers(&lab, "gateway", west)?, "west went with east");
    lab.mend(Centre::East)?;
    ensure!(answers(&lab, "gateway", east)?);
    Ok(())
}

fn a_bad_line_delays_loses_and_duplicates() -> anyhow::Result<()> {
    let lab = lab()?;
    gateway_on_lgwan(&lab)?;
    let router = lab.addresses().lgwan_router;
    ensure!(answers(&lab, "gateway", router)?);
    let delay = Duration::from_millis(20);
    let link = lab.impair(Impairment { delay, ..Impairment::default() })?;
    let start = Instant::now();
    ensure!(answers(&lab, "gateway", router)?);
    ensure!(start.elapsed() >= 2 * delay, "there and back in {:?}", start.elapsed());
    drop(link);
    let link =
        lab.impair(Impairment { delay, loss: 0.1, duplicate: 0.1, ..Impairment::default() })?;
    let receiver = lab.host("lgwan").inside(|| UdpSocket::bind((router, 5000)))??;
    receiver.set_read_timeout(Some(Duration::from_secs(2)))?;
    let sender = lab.host("gateway").inside(|| UdpSocket::bind("0.0.0.0:0"))??;
    let arrived = thread::scope(|scope| -> anyhow::Result<_> {
        let receiver = scope.spawn(|| {
            let mut arrived = BTreeMap::new();
            let mut buffer = [0; 2];
            while receiver.recv_from(&mut buffer).is_ok() {
                *arrived.entry(u16::from_be_bytes(buffer)).or_insert(0) += 1;
            }
            arrived
        });
        for number in 0..500_u16 {
            sender.send_to(&number.to_be_bytes(), (router, 5000))?;
            thread::sleep(Duration::from_micros(200));
        }
        Ok(receiver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let [up, _] = link.remove()?;
    let twice = arrived.values().filter(|times| **times == 2).count() as u64;
    ensure!((400..=480).contains(&arrived.len()), "{} of 500 arrived", arrived.len());
    ensure!((20..=90).contains(&twice), "{twice} of 500 arrived twice");
    ensure!(up.lost >= 500 - arrived.len() as u64 && up.duplicated >= twice, "{up:?}");
    ensure!(answers(&lab, "gateway", router)?, "the bridge isn't back");
    Ok(())
}

fn large_transfers_cross_a_bad_line_whole() -> anyhow::Result<()> {
    const SIZE: usize = 20_000_000;
    let lab = lab()?;
    gateway_on_lgwan(&lab)?;
    let router = lab.addresses().lgwan_router;
    let link =
        lab.impair(Impairment { duplicate: 0.01, reorder: 0.01, ..Impairment::default() })?;
    let listener = lab.host("lgwan").inside(|| TcpListener::bind((router, 5000)))??;
    let pattern: Vec<u8> = (0..251).cycle().take(SIZE).collect();
    let received = thread::scope(|scope| -> anyhow::Result<_> {
        let receiver = scope.spawn(|| -> std::io::Result<_> {
            let (mut stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(10 * SECOND))?;
            let mut received = Vec::new();
            stream.read_to_end(&mut received).map(|_| received)
        });
        let end = SocketAddr::from((router, 5000));
        let mut stream =
            lab.host("gateway").inside(|| TcpStream::connect_timeout(&end, 20 * SECOND))??;
        stream.write_all(&pattern)?;
        drop(stream);
        let result = receiver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        result.map_err(anyhow::Error::from)
    })?;
    ensure!(received == pattern, "{} of {SIZE} bytes, or wrong ones", received.len());
    let [up, _] = link.remove()?;
    // 64 KB at a time would be some 300 frames; packets of a line of MTU 1500 are 14,000.
    ensure!(up.received > 10_000 && up.reordered > 50, "{up:?}");
    Ok(())
}

fn a_program_ends_at_its_limit() -> anyhow::Result<()> {
    let lab = lab()?;
    let start = Instant::now();
    let output = lab.host("juki").within(1).run(&["sleep", "60"])?;
    ensure!(output.status.code() == Some(124), "{}", describe(&output));
    ensure!(start.elapsed() < 30 * SECOND);
    Ok(())
}

fn labs_follow_each_other_and_leave_nothing() -> anyhow::Result<()> {
    let lab = lab()?;
    let mut sleeper = lab.host("school").spawn("sleep", &["sleep", "60"])?;
    ensure!(sleeper.is_running());
    drop(sleeper);
    drop(lab);
    let count = |folder: &str| fs::read_dir(folder).map_or(0, Iterator::count);
    ensure!(count("/run/netns") == 0, "namespaces stayed");
    ensure!(!fs::exists("/run/sekisho-lab")?, "files stayed");
    let links = fs::read_to_string("/proc/net/dev")?;
    ensure!(links.lines().skip(2).all(|line| line.trim_start().starts_with("lo:")), "{links}");
    self::lab()?;
    Ok(())
}

/// Gives the device's port the address that the daemon would give it.
fn gateway_on_lgwan(lab: &Lab) -> anyhow::Result<()> {
    let (address, router) =
        (lab.addresses().device_lgwan.to_string(), lab.addresses().lgwan_router);
    let gateway = lab.host("gateway");
    gateway.must(&["ip", "address", "add", &address, "dev", "port1"])?;
    gateway.must(&["ip", "link", "set", "port1", "up"])?;
    gateway.must(&["ip", "route", "add", "default", "via", &router.to_string()])?;
    Ok(())
}
