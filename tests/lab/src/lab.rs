//! The lab as a whole: hosts, wires, and the real programs in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    net::Ipv4Addr,
    os::unix::{fs::OpenOptionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{ExitStatus, Output},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use sekisho_control::{FIRST_CONTACT, Status};
use sekisho_design::{Design, Service};

use crate::{
    addresses::{
        Addresses, Centre, LGWAN_NTP, PLATFORM_RESOLVER, PLATFORM_SECOND_RESOLVER,
        PLATFORM_TEST_WEB, PLATFORM_WEB, TUNNEL_PORT,
    },
    capture::Capture,
    enter::Door,
    impairment::Impairment,
    link::Link,
    namespace::Namespace,
    page::Page,
    process::{Process, command, must, tail, wait_until},
    site, topology,
};

/// Where everything of the running lab is: on the lab's own `/run`, gone with it.
pub(crate) const FOLDER: &str = "/run/sekisho-lab";
/// The daemon's run folder.
const RUN: &str = "/run/sekisho";
/// Where a centre takes requests for dial-back, on its loopback.
pub const DIAL_BACK_PORT: u16 = 8080;
/// The port that every server answers HTTP on.
const HTTP: u16 = 80;
/// The port that servers with a certificate answer HTTPS on; in plain HTTP whoever asks so.
const HTTPS: u16 = 443;
/// The port of time servers.
const NTP: u16 = 123;
/// Keeps an answering process's other services out of others' way: somewhere.
const ASIDE: [&str; 6] = ["--echo-port", "0", "--discard-port", "0", "--dns-port", "0"];
/// The certificate of the platform's web server.
const WEB_CERTIFICATE: &str = "web.pem";
/// The certificates of office servers, by what these call themselves.
const CERTIFICATES: [(&str, &str); 2] =
    [("juki.city.example", "juki.pem"), ("atena.city.example", "atena.pem")];
/// How long a program may take until it listens.
const READY: Duration = Duration::from_mins(1);
/// How long the first carrier may take after the apply.
const CARRIER: Duration = Duration::from_mins(1);

/// How far [`Lab::up`] goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Extent {
    /// Hosts and wires; no program runs.
    Wires,
    /// The servers of office and platform answer too.
    Servers,
    /// The daemon and both far ends run too; no design is applied.
    Daemon,
    /// The site is applied and a centre carries.
    Applied,
}

/// A running lab. Dropping it takes everything down; the next can then come up in the same process.
#[derive(Debug)]
pub struct Lab {
    site: PathBuf,
    design: Design,
    addresses: Addresses,
    hosts: BTreeMap<&'static str, Namespace>,
    servers: Vec<Process>,
    daemon: Option<Process>,
    page: Option<Page>,
    far_ends: BTreeMap<Centre, Process>,
    device_key: String,
}

impl Lab {
    /// Builds the lab for a site: a folder with `site.toml` and `platform-profile.toml`. Needs
    /// [`enter`](crate::enter()) first.
    pub fn up(site: &Path, extent: Extent) -> anyhow::Result<Self> {
        let site = site.canonicalize().with_context(|| site.display().to_string())?;
        let design = site::read(&site)?;
        let addresses = Addresses::of(&design)?;
        topology::remove();
        let _ = fs::remove_dir_all(FOLDER);
        let _ = fs::remove_dir_all(RUN);
        fs::create_dir_all(FOLDER)?;
        fs::create_dir_all(RUN)?;
        let namespace = |name| (name, Namespace::new(name, PathBuf::from(FOLDER)));
        let mut lab = Self {
            site,
            design,
            addresses,
            hosts: topology::HOSTS.into_iter().map(namespace).collect(),
            servers: Vec::new(),
            daemon: None,
            page: None,
            far_ends: BTreeMap::new(),
            device_key: String::new(),
        };
        let hosts: Vec<_> = lab.hosts.values().cloned().collect();
        topology::build(&hosts, &lab.addresses).context("build the lab's network")?;
        if extent >= Extent::Servers {
            lab.start_servers()?;
        }
        if extent >= Extent::Daemon {
            lab.start_daemon()?;
            let key = must(&mut lab.sekisho_command(&["key"]))?;
            key.trim().clone_into(&mut lab.device_key);
            for centre in Centre::ALL {
                lab.start_far_end(centre)?;
            }
        }
        if extent == Extent::Applied {
            lab.apply(&lab.site)?;
            lab.wait_for_carrier(None, CARRIER)?;
        }
        Ok(lab)
    }

    /// A host by its name.
    ///
    /// # Panics
    /// Where the lab has no such host; [`HOSTS`](topology::HOSTS) has all.
    pub fn host(&self, name: &str) -> &Namespace {
        match self.hosts.get(name) {
            Some(host) => host,
            None => panic!("the lab has no host '{name}'"),
        }
    }

    /// Who has which address.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The site's design.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// The folder of the site that the lab was built for.
    pub fn site(&self) -> &Path {
        &self.site
    }

    /// The folder of all logs.
    pub fn logs(&self) -> &Path {
        Path::new(FOLDER)
    }

    /// Runs `sekisho` with these words against the lab's daemon.
    pub fn sekisho(&self, words: &[&str]) -> anyhow::Result<Output> {
        self.sekisho_command(words).output().context("start sekisho")
    }

    /// Applies the site of a folder; refused is an error with what `sekisho` said.
    pub fn apply(&self, site: &Path) -> anyhow::Result<String> {
        let (design, profile) =
            (site::for_wires(site, Path::new(FOLDER))?, site.join(site::PROFILE));
        let (design, profile) = (design.to_string_lossy(), profile.to_string_lossy());
        let words = ["apply", "--site", &design, "--profile", &profile];
        must(&mut self.sekisho_command(&words)).with_context(|| tail(&log("gateway-sekishod")))
    }

    /// How the device is, by its own account.
    pub fn status(&self) -> anyhow::Result<Status> {
        let text = must(&mut self.sekisho_command(&["status", "--format", "json"]))?;
        serde_json::from_str(&text).with_context(|| text.clone())
    }

    /// The centre that carries traffic, as the daemon reports it.
    pub fn carrier(&self) -> anyhow::Result<Option<Centre>> {
        let carrier = self.status()?.tunnel.and_then(|tunnel| tunnel.carrier);
        Ok(carrier
            .and_then(|name| Centre::ALL.into_iter().find(|centre| centre.name() == name.as_str())))
    }

    /// Waits until a centre carries: a certain one, or any.
    pub fn wait_for_carrier(
        &self,
        wanted: Option<Centre>,
        limit: Duration,
    ) -> anyhow::Result<Centre> {
        let mut last = Ok(None);
        let found = wait_until(limit, || {
            last = self.carrier();
            matches!(last, Ok(Some(centre)) if wanted.is_none_or(|wanted| wanted == centre))
        });
        match last {
            Ok(Some(centre)) if found => Ok(centre),
            Err(error) => Err(error.context(tail(&log("gateway-sekishod")))),
            Ok(other) => {
                let log = tail(&log("gateway-sekishod"));
                bail!("after {limit:?} the carrier is {other:?}, not {wanted:?}\n{log}")
            }
        }
    }

    /// Starts the daemon in `gateway` and waits for its control socket.
    pub fn start_daemon(&mut self) -> anyhow::Result<()> {
        let (state, key) = (format!("{FOLDER}/state"), write_key("operator.pub")?);
        let binary = self.binary("sekishod")?;
        let words = [&binary, "--state", &state, "--run", RUN, "--operator-key", &key];
        let mut daemon = self.host("gateway").spawn("sekishod", &words)?;
        wait_until(READY, || !daemon.is_running() || UnixStream::connect(self.socket()).is_ok());
        ensure!(
            daemon.is_running() && UnixStream::connect(self.socket()).is_ok(),
            "the daemon doesn't come up\n{}",
            tail(&log("gateway-sekishod"))
        );
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Asks the daemon to end, and waits for it.
    pub fn stop_daemon(&mut self) -> anyhow::Result<ExitStatus> {
        self.daemon.take().context("no daemon runs")?.stop()
    }

    /// Kills the daemon as a crash would.
    pub fn kill_daemon(&mut self) -> anyhow::Result<()> {
        self.daemon.take().context("no daemon runs")?.kill()?;
        Ok(())
    }

    /// The running daemon.
    pub fn daemon(&mut self) -> anyhow::Result<&mut Process> {
        self.daemon.as_mut().context("no daemon runs")
    }

    /// Starts the local page in `gateway`. Before the first apply the device gets the address of first contact, as the box
    /// does, and `clerk` the one that it is lent there.
    pub fn start_page(&mut self, door: Option<Door>) -> anyhow::Result<()> {
        let closed = self.status()?.generation == 0;
        let address = match self.addresses.device_maintenance {
            Some(device) if !closed => device.addr(),
            _ => FIRST_CONTACT,
        };
        if closed {
            topology::first_contact()?;
        }
        self.page = Some(Page::start(self, address, door)?);
        Ok(())
    }

    /// The page, where it runs.
    pub fn page(&self) -> Option<&Page> {
        self.page.as_ref()
    }

    /// The daemon's control socket.
    pub fn socket(&self) -> PathBuf {
        Path::new(RUN).join("control.sock")
    }

    /// Starts a centre's tunnel end and waits until it listens.
    pub fn start_far_end(&mut self, centre: Centre) -> anyhow::Result<()> {
        self.start_far_end_at(centre, centre.endpoint())
    }

    /// The same at another address, which a test has given to the centre.
    pub fn start_far_end_at(&mut self, centre: Centre, address: Ipv4Addr) -> anyhow::Result<()> {
        let key = write_key(&format!("{}.key", centre.name()))?;
        let hook = format!("{FOLDER}/carry-{}", centre.name());
        let commands = topology::pool_routes(&self.addresses.pool, centre);
        let script = format!("#!/bin/sh\nexec ip -n platform -batch - <<'END'\n{commands}END\n");
        write_new(&hook, 0o700, script.as_bytes())?;
        let binary = self.binary("sekisho-far-end")?;
        let listen = format!("{address}:{TUNNEL_PORT}");
        let (probe, device) =
            (centre.probe().to_string(), self.addresses.device_global.to_string());
        let dial_back = format!("127.0.0.1:{DIAL_BACK_PORT}");
        let words = [
            [&binary, "respond", "--tun", "tun0"],
            ["--key", &key, "--peer", &self.device_key],
            ["--listen", &listen, "--on-carrier", &hook],
            ["--address", &probe, "--device-address", &device],
        ]
        .concat();
        let mut words = [&words[..], &["--dial-back", &dial_back]].concat();
        let check = self.design.profile.dial_back.map(|port| port.to_string());
        let pool: Vec<_> = self.addresses.pool.iter().map(ToString::to_string).collect();
        let reports = self.reports(centre).to_string_lossy().into_owned();
        if let Some(port) = &check {
            fs::create_dir_all(&reports)?;
            words.extend(["--check-port", port, "--reports", &reports]);
            words.extend(pool.iter().flat_map(|prefix| ["--pool", prefix]));
        }
        let host = self.host(centre.name());
        let process =
            listening(host.spawn("respond", &words)?, host, "udp", (address, TUNNEL_PORT))?;
        self.far_ends.insert(centre, process);
        Ok(())
    }

    /// The folder of a centre's halves of connection checks.
    pub fn reports(&self, centre: Centre) -> PathBuf {
        self.logs().join(format!("reports-{}", centre.name()))
    }

    /// Ends what answers at an address, so that a test can put something else there.
    pub fn clear(&mut self, address: Ipv4Addr) -> anyhow::Result<()> {
        let part = format!("-answer-{address}-");
        let (gone, kept) = self.servers.drain(..).partition(|server| server.name().contains(&part));
        self.servers = kept;
        ensure!(!gone.is_empty(), "nothing answers at {address}");
        gone.into_iter().try_for_each(|server: Process| server.kill().map(drop))?;
        Ok(())
    }

    /// Has the platform's web server show another certificate: a file of the lab's keys, like `web-expired.pem`.
    pub fn show_certificate(&mut self, certificate: &str) -> anyhow::Result<()> {
        self.clear(PLATFORM_WEB)?;
        self.start_server("platform", PLATFORM_WEB, &[HTTP, HTTPS], Some(certificate))
    }

    /// Starts LGWAN's time server anew, with a clock that is so many seconds fast.
    pub fn set_lgwan_clock(&mut self, seconds: i64) -> anyhow::Result<()> {
        self.clear(LGWAN_NTP)?;
        self.start_time_server(seconds)
    }

    /// Kills a centre's tunnel end: its address is still there, nothing answers.
    pub fn kill_far_end(&mut self, centre: Centre) -> anyhow::Result<()> {
        self.far_ends.remove(&centre).context("this far end doesn't run")?.kill()?;
        Ok(())
    }

    /// A whole centre dies: its tunnel end, its way to LGWAN and its way to the platform, without a word.
    pub fn kill_centre(&mut self, centre: Centre) -> anyhow::Result<()> {
        self.cut(centre)?;
        self.kill_far_end(centre)?;
        topology::batch_in(Some(centre.name()), "link set platform down\n")
    }

    /// Brings back what [`Self::kill_centre`] took.
    pub fn revive_centre(&mut self, centre: Centre) -> anyhow::Result<()> {
        topology::batch_in(Some(centre.name()), &topology::platform_link(centre))?;
        self.mend(centre)?;
        self.start_far_end(centre)
    }

    /// Cuts a centre off: LGWAN's router swallows every packet from and to it, silently.
    pub fn cut(&self, centre: Centre) -> anyhow::Result<()> {
        cut_rules(centre, "add")
    }

    /// Mends what [`Self::cut`] cut.
    pub fn mend(&self, centre: Centre) -> anyhow::Result<()> {
        cut_rules(centre, "del")
    }

    /// Puts a bad line between the device and LGWAN.
    pub fn impair(&self, impairment: Impairment) -> anyhow::Result<Link> {
        Link::insert(impairment)
    }

    /// Records an interface of a host, or `any`.
    pub fn capture(&self, host: &str, interface: &str) -> anyhow::Result<Capture> {
        let file = format!("{FOLDER}/{host}-{interface}.pcap");
        Capture::start(self.host(host), interface, PathBuf::from(file))
    }

    /// Makes room for a whole machine in the device's place: a tap in the lab's own network for each of its ports, by port.
    /// The host `gateway` stays, without a wire.
    pub fn taps(&self) -> anyhow::Result<BTreeMap<&'static str, &'static str>> {
        topology::taps()
    }

    /// Records one of these taps.
    pub fn capture_tap(&self, tap: &str) -> anyhow::Result<Capture> {
        Capture::start_outside(tap, PathBuf::from(format!("{FOLDER}/{tap}.pcap")))
    }

    /// Lets the device of this key in at both centres, as [`Self::up`] does for its own; far ends that run already
    /// are started again.
    pub fn admit(&mut self, device_key: &str) -> anyhow::Result<()> {
        device_key.clone_into(&mut self.device_key);
        self.far_ends.clear();
        Centre::ALL.into_iter().try_for_each(|centre| self.start_far_end(centre))
    }

    /// The path of a program of the project.
    pub fn binary(&self, name: &str) -> anyhow::Result<String> {
        site::binary(name)
    }

    /// The command of [`Self::sekisho`], for callers with wishes of their own.
    pub fn sekisho_command(&self, words: &[&str]) -> std::process::Command {
        let program = self.binary("sekisho").unwrap_or_else(|_| "sekisho".to_owned());
        let mut command = command("timeout");
        command.args(["30", &program, "--socket"]).arg(self.socket()).args(words);
        command
    }

    fn start_servers(&mut self) -> anyhow::Result<()> {
        for address in
            [PLATFORM_WEB, PLATFORM_RESOLVER, PLATFORM_SECOND_RESOLVER, PLATFORM_TEST_WEB]
        {
            let certificate = (address == PLATFORM_WEB).then_some(WEB_CERTIFICATE);
            self.start_server("platform", address, &[HTTP], certificate)?;
        }
        self.start_time_server(0)?;
        let named = ["juki", "atena", "school"].map(|name| (name, self.addresses.host(name).ok()));
        for (name, host) in named.into_iter().chain([("school", self.addresses.education_server)]) {
            if let Some(host) = host {
                let certificate = self.certificate_of(host.address);
                self.start_server(name, host.address, &self.ports_of(host.address), certificate)?;
            }
        }
        Ok(())
    }

    /// Port 80, and the first port of every TCP service that the platform may start towards a server.
    fn ports_of(&self, address: Ipv4Addr) -> Vec<u16> {
        let rows = self.design.servers.iter().filter(|row| row.private.get() == address);
        let services = rows.flat_map(|row| &row.allow_from_platform).flat_map(|row| &row.services);
        let declared = services.filter_map(|service| match service {
            Service::Tcp(ports) => Some(ports.first()),
            Service::Udp(_) | Service::IcmpEcho => None,
        });
        declared.chain([HTTP]).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The certificate of the server that calls itself so, where the design says how.
    fn certificate_of(&self, address: Ipv4Addr) -> Option<&'static str> {
        let row = self.design.servers.iter().find(|row| row.private.get() == address)?;
        let identity = row.identity.as_deref()?;
        CERTIFICATES.into_iter().find(|(name, _)| *name == identity).map(|(_, file)| file)
    }

    /// One process answers everything on the usual ports, HTTPS too where there is a certificate; one more serves HTTP on
    /// each other port.
    fn start_server(
        &mut self,
        name: &str,
        address: Ipv4Addr,
        ports: &[u16],
        certificate: Option<&str>,
    ) -> anyhow::Result<()> {
        let binary = self.binary("sekisho-far-end")?;
        let listen = address.to_string();
        let files = certificate.map(|certificate| {
            [certificate, "server.key"].map(|file| site::key_path(file).display().to_string())
        });
        let clock = NTP.to_string();
        for port in ports.iter().filter(|port| files.is_none() || **port != HTTPS) {
            let number = port.to_string();
            let mut words = vec![&*binary, "answer", "--listen", &listen, "--http-port", &number];
            if *port != HTTP {
                words.extend(ASIDE);
            } else if [PLATFORM_RESOLVER, PLATFORM_SECOND_RESOLVER].contains(&address) {
                words.extend(["--zone", site::ZONE, "--ntp-port", &clock]);
            }
            let mut last = *port;
            if let (HTTP, Some([certificate, key])) = (*port, &files) {
                words.extend(["--certificate", certificate, "--key", key]);
                last = HTTPS;
            }
            let host = self.host(name);
            let process = host.spawn(&format!("answer-{listen}-{number}"), &words)?;
            self.servers.push(listening(process, host, "tcp", (address, last))?);
        }
        Ok(())
    }

    /// LGWAN's time server, with a clock that is so many seconds fast.
    fn start_time_server(&mut self, seconds: i64) -> anyhow::Result<()> {
        let binary = self.binary("sekisho-far-end")?;
        let (listen, port) = (LGWAN_NTP.to_string(), NTP.to_string());
        let seconds = seconds.to_string();
        let words = [
            &[&*binary, "answer", "--listen", &listen, "--http-port", "0"][..],
            &ASIDE,
            &["--ntp-port", &port, "--clock-offset", &seconds],
        ];
        let host = self.host("lgwan");
        let process = host.spawn(&format!("answer-{listen}-{port}"), &words.concat())?;
        self.servers.push(listening(process, host, "udp", (LGWAN_NTP, NTP))?);
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.far_ends.clear();
        self.servers.clear();
        self.page = None;
        self.daemon = None;
        topology::remove();
        let _ = fs::remove_dir_all(FOLDER);
        let _ = fs::remove_dir_all(RUN);
    }
}

fn write_new(path: &str, mode: u32, content: &[u8]) -> anyhow::Result<()> {
    let mut file = File::options().create(true).write(true).truncate(true).mode(mode).open(path)?;
    file.write_all(content)?;
    Ok(())
}

fn cut_rules(centre: Centre, what: &str) -> anyhow::Result<()> {
    let endpoint = centre.endpoint();
    let rule = |way| format!("rule {what} {way} {endpoint} priority 100 blackhole\n");
    topology::batch_in(Some("lgwan"), &(rule("from") + &rule("to")))
}

/// Waits until a port is bound at an address of a host, as long as the process that shall bind it lives.
pub(crate) fn listening(
    mut process: Process,
    host: &Namespace,
    protocol: &str,
    (address, port): (Ipv4Addr, u16),
) -> anyhow::Result<Process> {
    let table = format!("/proc/thread-self/net/{protocol}");
    // The kernel shows an address as the number that its bytes are on this machine.
    let wanted = format!("{:08X}:{port:04X}", u32::from_ne_bytes(address.octets()));
    let bound = || {
        let content = host.inside(|| fs::read_to_string(&table)).ok().and_then(Result::ok);
        content.is_some_and(|text| {
            text.lines().any(|line| line.split_whitespace().nth(1) == Some(&*wanted))
        })
    };
    wait_until(READY, || !process.is_running() || bound());
    ensure!(
        process.is_running() && bound(),
        "nothing listens at {protocol} {address}:{port} in {}\n{}",
        host.name(),
        process.output()
    );
    Ok(process)
}

fn write_key(name: &str) -> anyhow::Result<String> {
    let path = format!("{FOLDER}/{name}");
    write_new(&path, 0o600, site::key(name)?.as_bytes())?;
    Ok(path)
}

fn log(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name).with_extension("log")
}
