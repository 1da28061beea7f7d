//! The servers: ours, its peers, and the upstream of all.

use std::{
    env,
    fmt::Write,
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use sekisho_design::{Lan, Method, Names, Source, Sources, Trust, check};
use sekisho_names::{Limits, Network, Service, Setup, Way};
use socket2::{Domain, Socket, Type};

/// A server's program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// dnsmasq with the whole zone.
    Upstream,
    Sekisho,
    Dnsmasq,
    Unbound,
}

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: Ipv4Addr,
    process: Child,
}

const UPSTREAM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);

/// A name of the zone.
pub(crate) fn name(number: u32) -> String {
    format!("host{number}.platform.example")
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Sekisho => "sekisho",
            Self::Dnsmasq => "dnsmasq",
            Self::Unbound => "unbound",
        }
    }

    fn address(self) -> Ipv4Addr {
        match self {
            Self::Upstream => UPSTREAM,
            Self::Sekisho => Ipv4Addr::new(127, 0, 0, 4),
            Self::Dnsmasq => Ipv4Addr::new(127, 0, 0, 2),
            Self::Unbound => Ipv4Addr::new(127, 0, 0, 3),
        }
    }

    /// Writes its configuration, and says how it is run.
    fn command(self, folder: &Path, names: u32) -> io::Result<Vec<String>> {
        let file = folder.join(format!("{}.conf", self.word()));
        let path = file.display().to_string();
        let address = self.address();
        let dnsmasq = format!(
            "listen-address={address}\nbind-interfaces\nno-resolv\nno-hosts\nno-daemon\nuser=root\n\
             dns-forward-max=1000\n"
        );
        let (text, command) = match self {
            Self::Sekisho => {
                let own = env::current_exe()?.display().to_string();
                return Ok(vec![own, "serve".to_owned()]);
            }
            Self::Upstream => {
                let mut text = format!("{dnsmasq}local-ttl=3600\n");
                for number in 0..names {
                    let address = Ipv4Addr::from(0x6448_0000 + number % 0x1_0000);
                    let _ = writeln!(text, "host-record={},{address}", name(number));
                }
                (text, vec!["dnsmasq", "-C", &path])
            }
            Self::Dnsmasq => {
                let text = format!("{dnsmasq}cache-size=150000\nserver={UPSTREAM}\n");
                (text, vec!["dnsmasq", "-C", &path])
            }
            Self::Unbound => {
                let text = format!(
                    "server:\n interface: {address}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n \
                     pidfile: \"\"\n use-syslog: no\n verbosity: 0\n num-threads: 1\n module-config: \"iterator\"\n \
                     do-not-query-localhost: no\n access-control: 127.0.0.0/8 allow\n msg-cache-size: 64m\n \
                     rrset-cache-size: 128m\nforward-zone:\n name: \".\"\n forward-addr: {UPSTREAM}\n"
                );
                (text, vec!["unbound", "-d", "-c", &path])
            }
        };
        fs::write(&file, text)?;
        Ok(command.into_iter().map(str::to_owned).collect())
    }
}

impl Server {
    /// Starts one and waits until it answers.
    pub(crate) fn start(kind: Kind, folder: &Path, names: u32) -> io::Result<Self> {
        let command = kind.command(folder, names)?;
        // Whether it is there at all: taskset would only say that something is not.
        let tools = super::target().join("tools/unbound/usr/sbin");
        let paths = env::var("PATH").unwrap_or_default();
        let paths = format!("{paths}:{}:/usr/sbin:/sbin", tools.display());
        let found = env::split_paths(&paths).any(|path| path.join(&command[0]).exists());
        if !found {
            return Err(io::Error::other(format!("apt-get install {}", command[0])));
        }
        let process = Command::new("taskset")
            .args(["-c", "0"])
            .args(&command)
            .env("PATH", paths)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        let server = Self { kind, address: kind.address(), process };
        let end = Instant::now() + Duration::from_secs(20);
        while !server.answers()? {
            if Instant::now() > end {
                return Err(io::Error::other("it doesn't answer"));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    /// What it takes of memory, in bytes.
    pub(crate) fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
    }

    fn answers(&self) -> io::Result<bool> {
        let socket = UdpSocket::bind("127.0.0.9:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(300)))?;
        socket.connect((self.address, 53))?;
        let mut query = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0".to_vec();
        for label in name(0).split('.') {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.bytes());
        }
        query.extend(b"\0\0\x01\0\x01");
        let mut buffer = [0; 512];
        Ok(socket.send(&query).is_ok() && socket.recv(&mut buffer).is_ok())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Our own server, until the process is ended.
pub(crate) fn serve() -> ! {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| fs::read(root.join(file)).unwrap();
    let (site, profile) = (
        read("config-samples/1-office/site.toml"),
        read("config-samples/1-office/platform-profile.toml"),
    );
    let operator = String::from_utf8(read("tests/lab/keys/operator.pub")).unwrap();
    let sources = Sources {
        site: Source { name: "site.toml", bytes: &site },
        profile: Source { name: "platform-profile.toml", bytes: &profile },
    };
    let trust = Trust { operator: operator.trim().parse().unwrap(), in_force: None };
    let mut design = check(&sources, &trust).unwrap().design;
    design.lans.remove(&Lan::EducationBoard);
    design.terminals[0].from = vec!["127.0.0.0/8".parse().unwrap()];
    design.profile.zones[0].resolvers = vec![UPSTREAM];
    design.names = Some(Names {
        method: Method::Device,
        office_dns: [].into(),
        rewrite_own: true,
        outside_answers: Vec::new(),
        query_log_days: None,
        entries: Vec::new(),
    });
    // One address plays all clients.
    let limits = Limits { per_client: 10_000_000, ..Limits::default() };
    let _service = Service::start(Arc::new(Loopback), Setup::of(&design), limits, None).unwrap();
    loop {
        thread::park();
    }
}

struct Loopback;

impl Network for Loopback {
    fn listen_udp(&self, _: Lan) -> io::Result<UdpSocket> {
        Ok(socket(Type::DGRAM, 53)?.into())
    }

    fn listen_tcp(&self, _: Lan) -> io::Result<TcpListener> {
        let socket = socket(Type::STREAM, 53)?;
        socket.listen(64)?;
        Ok(socket.into())
    }

    fn udp(&self, _: Way) -> io::Result<UdpSocket> {
        Ok(socket(Type::DGRAM, 0)?.into())
    }

    fn tcp(&self, _: Way) -> io::Result<TcpStream> {
        Ok(socket(Type::STREAM, 0)?.into())
    }
}

fn socket(kind: Type, port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, kind, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Kind::Sekisho.address(), port)).into())?;
    Ok(socket)
}
