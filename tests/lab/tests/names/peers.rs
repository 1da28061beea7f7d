//! The DNS servers around the device: BIND on the platform and on LGWAN, dnsmasq in the office.

use std::{fmt::Write as _, fs, net::Ipv4Addr, path::PathBuf, time::Duration};

use anyhow::Context;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sekisho_design::{print_site, sign, without_signature};
use sekisho_lab::{
    Extent, LGWAN_DNS, Lab, PLATFORM_RESOLVER, PLATFORM_SECOND_RESOLVER, PROFILE, Process, read,
    sample,
};

pub(crate) const CARRIER: Duration = Duration::from_mins(1);
const READY: Duration = Duration::from_secs(30);

/// The office's own DNS server, beside the servers of the head office LAN.
pub(crate) const OFFICE_DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 53);

/// The operator's public key.
pub(crate) const OPERATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/operator.pub");

/// What the platform's name servers hold: names, long and unknown records, an address that is nobody's business there.
const PLATFORM_ZONE: &str = "\
$ORIGIN platform.example.
$TTL 300
@        IN SOA ns hostmaster 1 3600 600 86400 60
         IN NS  ns
         IN NS  ns2
ns       IN A   100.72.0.53
ns2      IN A   100.72.0.54
web      IN A   100.72.1.10
test-web IN A   100.73.1.10
www      IN CNAME web
juki     IN A   100.64.10.11
school   IN A   100.64.10.31
rebind   IN A   192.168.1.10
partner  IN A   100.80.1.1
brief    2 IN A 100.72.1.10
odd      IN TYPE65534 \\# 4 0A0B0C0D
long     IN TXT ( LONG )
";

const REVERSE_ZONE: &str = "\
$ORIGIN 72.100.in-addr.arpa.
$TTL 300
@        IN SOA ns.platform.example. hostmaster.platform.example. 1 3600 600 86400 60
         IN NS  ns.platform.example.
10.1     IN PTR web.platform.example.
";

/// A site folder that a test writes; its profile is signed by the lab's operator.
pub(crate) struct Site(pub(crate) PathBuf);

impl Site {
    /// A sample with other names.
    pub(crate) fn with(name: &str, names: &str) -> anyhow::Result<Self> {
        Self::with_profile(name, names, str::to_owned)
    }

    /// A sample with other names and another profile.
    pub(crate) fn with_profile(
        name: &str,
        names: &str,
        profile: impl FnOnce(&str) -> String,
    ) -> anyhow::Result<Self> {
        let (from, folder) = (sample(name), PathBuf::from(format!("/run/site-{name}")));
        fs::create_dir_all(&folder)?;
        let mut design = read(&from)?;
        design.names = None;
        fs::write(folder.join("site.toml"), format!("{}\n{names}", print_site(&design)))?;
        let signed = fs::read_to_string(from.join(PROFILE))?;
        let text = profile(without_signature(&signed));
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/keys");
        let key = fs::read_to_string(format!("{keys}/operator.key"))?;
        fs::write(folder.join(PROFILE), sign(&text, &BASE64_STANDARD.decode(key.trim())?)?)?;
        Ok(Self(folder))
    }

    /// The path of the site design.
    pub(crate) fn design(&self) -> String {
        self.0.join("site.toml").to_string_lossy().into_owned()
    }

    /// The path of the platform profile.
    pub(crate) fn profile(&self) -> String {
        self.0.join(PROFILE).to_string_lossy().into_owned()
    }

    /// A lab in which it is applied, with BIND in place of the platform's resolvers.
    pub(crate) fn lab(&self) -> anyhow::Result<(Lab, Vec<Process>)> {
        let mut lab = Lab::up(&self.0, Extent::Applied)?;
        let mut servers = Vec::new();
        for resolver in [PLATFORM_RESOLVER, PLATFORM_SECOND_RESOLVER] {
            lab.clear(resolver)?;
            servers.push(platform_dns(&lab, resolver)?);
        }
        lab.wait_for_carrier(None, CARRIER)?;
        Ok((lab, servers))
    }
}

/// A platform's name server, with the zone signed.
pub(crate) fn platform_dns(lab: &Lab, address: Ipv4Addr) -> anyhow::Result<Process> {
    let long: Vec<_> = (0..12).map(|n| format!("\"{}\"", n.to_string().repeat(120))).collect();
    let zone = PLATFORM_ZONE.replace("LONG", &long.join(" "));
    let signed = "dnssec-policy default; inline-signing yes;";
    named(
        lab,
        "platform",
        address,
        &[("platform.example", &zone, signed), ("72.100.in-addr.arpa", REVERSE_ZONE, "")],
    )
}

/// LGWAN's resolver, which knows where the centres are.
pub(crate) fn lgwan_dns(lab: &Lab, east: &str, west: &str) -> anyhow::Result<Process> {
    let zone = format!(
        "$ORIGIN vpn.example.\n$TTL 30\n@ IN SOA ns hostmaster 1 3600 600 86400 5\n IN NS ns\n\
         ns IN A {LGWAN_DNS}\neast IN A {east}\nwest IN A {west}\nntp IN A 198.18.2.123\n"
    );
    named(lab, "lgwan", LGWAN_DNS, &[("vpn.example", &zone, "")])
}

fn named(
    lab: &Lab,
    host: &str,
    address: Ipv4Addr,
    zones: &[(&str, &str, &str)],
) -> anyhow::Result<Process> {
    let folder = PathBuf::from(format!("/run/named-{address}"));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder)?;
    let mut config = format!(
        "options {{ directory \"{0}\"; pid-file none; lock-file none; session-keyfile \"{0}/session.key\";\n\
         listen-on port 53 {{ {address}; }}; listen-on-v6 {{ none; }}; recursion no; notify no;\n\
         allow-transfer {{ any; }}; dnssec-validation no; }};\ncontrols {{ }};\n",
        folder.display()
    );
    for (zone, text, options) in zones {
        fs::write(folder.join(zone), text)?;
        writeln!(config, "zone \"{zone}\" {{ type primary; file \"{zone}\"; {options} }};")?;
    }
    let file = folder.join("named.conf");
    fs::write(&file, config)?;
    let file = file.to_string_lossy();
    let words = ["named", "-4", "-g", "-n", "1", "-c", &file];
    let mut server = lab.host(host).spawn(&format!("named-{address}"), &words)?;
    server.wait_for("running", READY).context("named")?;
    Ok(server)
}

/// The office's own DNS server. It knows the office's names; `words` say what else it does.
pub(crate) fn office_dns(lab: &Lab, words: &[&str]) -> anyhow::Result<Process> {
    let (address, host) = (OFFICE_DNS.to_string(), lab.host("atena"));
    host.must(&["ip", "address", "replace", &format!("{address}/24"), "dev", "eth0"])?;
    let listen = format!("--listen-address={address}");
    let usual = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--pid-file=",
        "--user=root",
        "--log-queries",
        "--log-facility=-",
        "--address=/intra.example/192.168.1.80",
        &listen,
    ];
    let mut server = host.spawn("dnsmasq", &[&usual[..], words].concat())?;
    server.wait_for("started", READY).context("dnsmasq")?;
    Ok(server)
}
