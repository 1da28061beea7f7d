//! What a connection check asks answers as a sound site's does, and can be made to answer wrongly.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use sekisho_design::{PlatformService, Protocol};
use sekisho_lab::{
    Centre, Extent, LGWAN_NTP, Lab, PLATFORM_WEB, enter, sample, samples, text, wait_until,
};

const PATIENCE: Duration = Duration::from_secs(10);
const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/authority.pem");
const YEAR: i64 = 365 * 24 * 60 * 60;
/// From 1900, where NTP's time begins, to 1970.
const ERA: i64 = 2_208_988_800;

fn main() {
    enter();
    let mut arguments = Arguments::from_args();
    // Each test has the names of the hosts to itself.
    arguments.test_threads = Some(1);
    let trial = |name: &str, test: fn() -> anyhow::Result<()>| {
        Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}"))))
    };
    let trials = vec![
        trial(
            "every_service_of_the_samples_profiles_answers",
            every_service_of_the_samples_profiles_answers,
        ),
        trial("servers_show_what_they_call_themselves", servers_show_what_they_call_themselves),
        trial(
            "a_bad_certificate_and_a_wrong_clock_can_be_had",
            a_bad_certificate_and_a_wrong_clock_can_be_had,
        ),
        trial(
            "each_centre_takes_requests_for_checks_from_nobody_but_the_device",
            each_centre_takes_requests_for_checks_from_nobody_but_the_device,
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn every_service_of_the_samples_profiles_answers() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Servers)?;
    let profile = &lab.design().profile;
    ensure!(profile.services.len() == 4, "{:?}", profile.services);
    for PlatformService { name, address, host, protocol, port } in &profile.services {
        let host = host.as_ref().map_or_else(|| address.to_string(), ToString::to_string);
        let end = SocketAddr::from((*address, *port));
        match protocol {
            Protocol::Http | Protocol::Https => {
                let status = status(&lab, "platform", (protocol.as_str(), &host), end)?;
                ensure!(status == Ok(200), "{name}: {status:?}");
            }
            Protocol::Tcp | Protocol::Tls => {
                lab.host("platform").inside(|| TcpStream::connect_timeout(&end, PATIENCE))??;
            }
            Protocol::Ntp => ensure!(seconds_fast(&lab, "platform", *address)?.abs() <= 2),
        }
    }
    ensure!(seconds_fast(&lab, "lgwan", LGWAN_NTP)?.abs() <= 2);
    // Every sample asks the same.
    for folder in samples()? {
        let design = sekisho_lab::read(&folder)?;
        ensure!(design.profile.services == profile.services, "{}", folder.display());
    }
    Ok(())
}

fn servers_show_what_they_call_themselves() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Servers)?;
    for row in &lab.design().servers {
        let name = row.identity.as_deref().context("a server without a name of its own")?;
        let end = SocketAddr::from((row.private.get(), 443));
        let asked = status(&lab, row.name.as_str(), ("https", name), end)?;
        ensure!(asked == Ok(200), "{name}: {asked:?}");
        let other = status(&lab, row.name.as_str(), ("https", "other.city.example"), end)?;
        ensure!(other == Err(60), "{name} is taken for another: {other:?}");
        let plain = status(&lab, row.name.as_str(), ("http", name), end)?;
        ensure!(plain == Ok(200), "{name}: {plain:?}");
    }
    Ok(())
}

fn a_bad_certificate_and_a_wrong_clock_can_be_had() -> anyhow::Result<()> {
    let mut lab = Lab::up(&sample("1-office"), Extent::Servers)?;
    let end = SocketAddr::from((PLATFORM_WEB, 443));
    for (certificate, wanted) in [
        ("web-expired.pem", Err(60)),
        ("web-wrong-name.pem", Err(60)),
        ("web-unknown-authority.pem", Err(60)),
        ("web.pem", Ok(200)),
    ] {
        lab.show_certificate(certificate)?;
        let found = status(&lab, "platform", ("https", "web.platform.example"), end)?;
        ensure!(found == wanted, "{certificate}: {found:?}");
    }
    for seconds in [YEAR, -YEAR, 0] {
        lab.set_lgwan_clock(seconds)?;
        let fast = seconds_fast(&lab, "lgwan", LGWAN_NTP)?;
        ensure!((fast - seconds).abs() <= 2, "{fast} for {seconds}");
    }
    lab.clear(LGWAN_NTP)?;
    ensure!(seconds_fast(&lab, "lgwan", LGWAN_NTP).is_err(), "somebody tells the time still");
    Ok(())
}

fn each_centre_takes_requests_for_checks_from_nobody_but_the_device() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let port = lab.design().profile.dial_back.context("no port for calls back")?;
    for centre in Centre::ALL {
        let end = SocketAddr::from((centre.probe(), port));
        let host = end.ip().to_string();
        let asked = || status(&lab, centre.name(), ("http", &host), end);
        ensure!(wait_until(PATIENCE, || matches!(asked(), Ok(Ok(403)))), "{:?}", asked());
        ensure!(lab.reports(centre).is_dir());
    }
    Ok(())
}

/// The status of a page, or what curl ends with; 60 is a certificate that it doesn't trust.
fn status(
    lab: &Lab,
    from: &str,
    (scheme, host): (&str, &str),
    to: SocketAddr,
) -> anyhow::Result<Result<u16, i32>> {
    let (port, address) = (to.port(), to.ip());
    let url = format!("{scheme}://{host}:{port}/");
    let output = lab.host(from).run(&[
        "curl",
        "-sS",
        "--max-time",
        "10",
        "--cacert",
        AUTHORITY,
        "--resolve",
        &format!("{host}:{port}:{address}"),
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
    ])?;
    Ok(match output.status.code() {
        Some(0) => Ok(text(&output.stdout).trim().parse()?),
        other => Err(other.context("curl was killed")?),
    })
}

/// How far ahead of this machine's time a time server's is.
fn seconds_fast(lab: &Lab, from: &str, server: Ipv4Addr) -> anyhow::Result<i64> {
    let socket = lab.host(from).inside(|| UdpSocket::bind("0.0.0.0:0"))??;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.connect((server, 123))?;
    let mut question = [0; 48];
    question[0] = 4 << 3 | 3;
    question[40..48].copy_from_slice(b"a stamp!");
    socket.send(&question)?;
    let mut answer = [0; 48];
    ensure!(socket.recv(&mut answer)? == 48 && answer[24..32] == question[40..48], "{answer:?}");
    ensure!((answer[0] & 7, answer[1]) == (4, 2), "{answer:?}");
    let told = u32::from_be_bytes([answer[40], answer[41], answer[42], answer[43]]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    Ok(i64::from(told) - ERA - i64::try_from(now)?)
}
