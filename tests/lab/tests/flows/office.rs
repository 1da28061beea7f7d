//! A site with a flow log, and the office's collector: rsyslog, with a certificate of the office's own authority.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sekisho_design::{
    Collector, CollectorTransport, Design, FlowLog, Lan, LogSize, OfficeSide, Sent, print_site,
    sign, without_signature,
};
use sekisho_lab::{Lab, PROFILE, Process, read, sample, wait_until};

/// The collector on the head office LAN, beside the addressee server.
pub(crate) const COLLECTOR: &str = "192.168.1.60";
/// The name in its certificate.
pub(crate) const NAME: &str = "log.office.example";
/// The collector on the maintenance port, beside the clerk.
pub(crate) const CLERK: &str = "192.168.254.60";

const SAMPLE: &str = "1-office";
const READY: Duration = Duration::from_secs(10);

/// A site with a flow log, changed as a test wants it.
pub(crate) fn site(change: impl FnOnce(&mut Design)) -> anyhow::Result<PathBuf> {
    let (from, folder) = (sample(SAMPLE), PathBuf::from("/run/site-flows"));
    fs::create_dir_all(&folder)?;
    let mut design = read(&from)?;
    let size = LogSize::new(1_000_000).context("a size")?;
    design.flow_log = Some(FlowLog { days: 2, size });
    // Hosts here open more flows than a host of an office does.
    design.limits.new_per_second = 100_000;
    change(&mut design);
    fs::write(folder.join("site.toml"), print_site(&design))?;
    let profile = fs::read_to_string(from.join(PROFILE))?;
    let key = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/keys/operator.key"))?;
    let key = BASE64_STANDARD.decode(key.trim())?;
    fs::write(folder.join(PROFILE), sign(without_signature(&profile), &key)?)?;
    Ok(folder)
}

/// No terminal asks and no server answers any more: the flows that they had end.
pub(crate) fn close(design: &mut Design) {
    design.terminals.clear();
    for server in &mut design.servers {
        server.allow_from_platform.clear();
    }
}

pub(crate) fn collector(
    transport: CollectorTransport,
    (interface, address): (OfficeSide, &str),
) -> anyhow::Result<Collector> {
    let port = transport.usual_port();
    let (address, send) = (address.parse()?, Sent::ALL.to_vec());
    Ok(Collector { address, port, transport, interface, send })
}

pub(crate) const HEAD_OFFICE: OfficeSide = OfficeSide::Lan(Lan::HeadOffice);

/// An authority of the office, and a key and a certificate for [`NAME`] by it.
pub(crate) struct Authority(PathBuf);

impl Authority {
    pub(crate) fn make(folder: &str) -> anyhow::Result<Self> {
        let folder = PathBuf::from(folder);
        fs::create_dir_all(&folder)?;
        let key = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(
            &folder,
            &format!("{key} -x509 -days 30 -subj /CN=Office -keyout ca.key -out ca.pem"),
        )?;
        openssl(&folder, &format!("{key} -subj /CN={NAME} -keyout key.pem -out request.pem"))?;
        fs::write(folder.join("names"), format!("subjectAltName=DNS:{NAME}\n"))?;
        let words = "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out cert.pem";
        openssl(&folder, words)?;
        Ok(Self(folder))
    }

    /// TLS that trusts it, with a collector of some name.
    pub(crate) fn trusted(&self, name: &str) -> anyhow::Result<CollectorTransport> {
        let authority = fs::read_to_string(self.0.join("ca.pem"))?.parse()?;
        Ok(CollectorTransport::Tls { authority, name: name.parse()? })
    }
}

fn openssl(folder: &Path, words: &str) -> anyhow::Result<()> {
    let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A running rsyslog that writes down how each message came, its structured data and its text.
pub(crate) struct Rsyslog {
    file: PathBuf,
    _process: Process,
}

impl Rsyslog {
    /// Listens for all transports at an address that its host gets.
    pub(crate) fn start(
        lab: &Lab,
        host: &str,
        address: &str,
        authority: &Authority,
    ) -> anyhow::Result<Self> {
        let folder = PathBuf::from(format!("/run/rsyslog-{address}"));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder)?;
        let (file, config) = (folder.join("messages"), folder.join("rsyslog.conf"));
        let (at, keys) = (folder.display(), authority.0.display());
        fs::write(
            &config,
            format!(
                "global(workDirectory=\"{at}\" defaultNetstreamDriverCAFile=\"{keys}/ca.pem\"\n\
                 defaultNetstreamDriverCertFile=\"{keys}/cert.pem\" defaultNetstreamDriverKeyFile=\"{keys}/key.pem\")\n\
                 module(load=\"imudp\")\nmodule(load=\"imtcp\")\n\
                 input(type=\"imudp\" address=\"{address}\" port=\"514\" name=\"udp\")\n\
                 input(type=\"imtcp\" address=\"{address}\" port=\"514\" name=\"tcp\")\n\
                 input(type=\"imtcp\" address=\"{address}\" port=\"6514\" name=\"tls\" streamDriver.name=\"ossl\"\n\
                 streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n\
                 template(name=\"all\" type=\"string\" string=\"%inputname% %hostname% %app-name% %msgid% %structured-data% %msg%\\n\")\n\
                 action(type=\"omfile\" file=\"{}\" template=\"all\")\n",
                file.display()
            ),
        )?;
        let there = lab.host(host);
        there.must(&["ip", "address", "replace", &format!("{address}/24"), "dev", "eth0"])?;
        let programs = PathBuf::from(lab.binary("sekisho")?);
        let tools = programs.ancestors().nth(2).context("a folder")?.join("tools/rsyslog");
        ensure!(tools.is_dir(), "no {}: run tests/setup.sh", tools.display());
        let libraries = tools.join("usr/lib/x86_64-linux-gnu");
        let search = format!("LD_LIBRARY_PATH={}", libraries.display());
        let (program, modules) = (tools.join("usr/sbin/rsyslogd"), libraries.join("rsyslog"));
        let [program, modules, config] =
            [program, modules, config].map(|path| path.to_string_lossy().into_owned());
        let words = ["env", &search, &program, "-n", "-i", "NONE", "-M", &modules, "-f", &config];
        let process = there.spawn("rsyslogd", &words)?;
        let listens = || {
            let sockets = there.must(&["ss", "-Hltun"]).unwrap_or_default();
            ["514", "6514"].iter().all(|port| sockets.contains(&format!("{address}:{port} ")))
        };
        ensure!(wait_until(READY, listens), "rsyslog doesn't listen\n{}", process.output());
        Ok(Self { file, _process: process })
    }

    /// The first message that has all these words, once it is there.
    pub(crate) fn wait_for(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut found = None;
        wait_until(READY, || {
            let text = fs::read_to_string(&self.file).unwrap_or_default();
            let line = text.lines().find(|line| words.iter().all(|word| line.contains(word)));
            found = line.map(str::to_owned);
            found.is_some()
        });
        let all = || fs::read_to_string(&self.file).unwrap_or_default();
        found.with_context(|| format!("no message with {words:?} among\n{}", all()))
    }
}
