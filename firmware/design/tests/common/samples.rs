//! What the generated files under `config-samples/` hold: every profile, and the large site.

use std::fmt::Write;

use crate::keys::{key, signed};

/// The samples, with the organisation, the pool and the device address of their profiles.
pub(crate) const SAMPLES: [(&str, &str, &str, &str); 8] = [
    ("1-office", CITY, POOL, DEVICE),
    ("2-partly-data-centre", CITY, POOL, DEVICE),
    ("3-data-centre", CITY, POOL, DEVICE),
    ("4-terminals-only", CITY, POOL, DEVICE),
    ("overlapping-ranges", CITY, POOL, DEVICE),
    ("policies", CITY, POOL, DEVICE),
    ("union", "018511", POOL, DEVICE),
    ("large", "130001", "100.64.8.0/21", "100.64.8.1"),
];

const CITY: &str = "011002";
const POOL: &str = "100.64.10.0/24";
const DEVICE: &str = "100.64.10.1";

/// The generated files, by path below `config-samples/`.
pub(crate) fn generated() -> Vec<(String, String)> {
    let mut files = vec![("large/site.toml".to_owned(), large_site())];
    for (sample, organisation, pool, device) in SAMPLES {
        let profile = signed(&profile(organisation, pool, device));
        files.push((format!("{sample}/platform-profile.toml"), profile));
    }
    files
}

fn profile(organisation: &str, pool: &str, device: &str) -> String {
    let (east, west) = (key("east.pub"), key("west.pub"));
    let authority = key("authority.pem");
    format!(
        r#"# 接続情報。機構が発行し、署名したものです。一文字でも変えると使えなくなります。
# The platform profile: issued and signed by the operator. One changed character makes it useless.
schema = 1
organisation = "{organisation}"
serial = 1
issued = 2026-04-01T09:00:00+09:00
device-address = "{device}"  # この装置自身のアドレス / the device's own address
pool = ["{pool}"]  # 自治体中間サーバーグローバルアドレス / the global addresses of this organisation
ntp = ["198.18.2.123"]  # LGWANの時刻サーバ / LGWAN's time server
dial-back = 8443  # 接続確認で折り返し接続を頼むポート / where a connection check asks to be called back
# プラットフォームのサーバ証明書を出す認証局 / who signs the certificates of the platform's servers
authority = """
{authority}
"""

# ファームウェアの一斉更新のサーバ / the server that firmware is rolled out from
[rollout]
address = "100.72.1.10"
port = 9443

# 拠点（東） / the centre in the east
[[centre]]
name = "east"
endpoint = "198.18.11.10:51820"
public-key = "{east}"
preference = 1
probe = "100.72.250.1"

# 拠点（西） / the centre in the west
[[centre]]
name = "west"
endpoint = "198.18.12.10:51820"
public-key = "{west}"
preference = 2
probe = "100.72.250.2"

[[network]]
prefix = "100.72.0.0/16"
environment = "production"

[[network]]
prefix = "100.73.0.0/16"
environment = "test"

[[zone]]
name = "platform.example"
resolvers = ["100.72.0.53", "100.72.0.54"]

# 接続確認で呼ぶサービス / the services that a connection check asks
[[service]]
name = "web"
address = "100.72.1.10"
host = "web.platform.example"
protocol = "https"

[[service]]
name = "web-plain"
address = "100.72.1.10"
host = "web.platform.example"
protocol = "http"

[[service]]
name = "resolver"
address = "100.72.0.53"
protocol = "tcp"
port = 53

[[service]]
name = "time"
address = "100.72.0.53"
protocol = "ntp"
"#
    )
}

const LARGE_HEAD: &str = r#"# 大きな県：サーバ500台、経路62本、端末40行、名前520件。この文書は samples.rs が作ります。
# A large prefecture: 500 servers, 62 routes, 40 rows of terminals, 520 names. This file is made by samples.rs.
schema = 1

[site]
name = "見本県庁"
organisation = "130001"
kind = "prefecture"
placement = 2

[interface.lgwan]
port = "port1"
address = "198.18.1.2/24"
gateway = "198.18.1.1"
dns = ["198.18.2.53"]
"#;

const LARGE_MAINTENANCE: &str = r#"
[interface.maintenance]
port = "port4"
address = "192.168.254.1/24"
"#;

/// The networks behind the router. Nobody stands in 10.24.0.0/16, so it has one route with its neighbour.
fn branches() -> impl Iterator<Item = String> {
    (0..32).filter(|branch| *branch != 25).map(|branch| match branch {
        24 => "10.24.0.0/15".to_owned(),
        _ => format!("10.{branch}.0.0/16"),
    })
}

const LARGE_NAMES: &str = r#"
[names]
method = "device"
office-dns = { head-office = ["192.168.1.53", "192.168.1.54"], education-board = ["192.168.1.53"] }
rewrite-own = true
"#;

/// The address of a server. Of eight servers one is on the LAN itself.
fn private(server: usize) -> String {
    match server % 8 {
        0 => format!("192.168.1.{}", 10 + server / 8),
        _ => format!("10.{}.0.{}", server % 32, 10 + server / 32),
    }
}

/// Both LANs have 31 routes, 250 servers and 20 rows of terminals, with the same private addresses. Each server has a
/// name on its LAN, and some have another.
fn large_site() -> String {
    let mut text = LARGE_HEAD.to_owned();
    for (lan, port) in [("head-office", 2), ("education-board", 3)] {
        write!(
            text,
            "\n[interface.{lan}]\nport = \"port{port}\"\naddress = \"192.168.1.1/24\"\nroutes = [\n"
        )
        .unwrap();
        for network in branches() {
            writeln!(text, "  {{ to = \"{network}\", via = \"192.168.1.254\" }},").unwrap();
        }
        text += "]\n";
    }
    text += LARGE_MAINTENANCE;
    for (block, lan, word) in [(9, "head-office", "office"), (10, "education-board", "school")] {
        for server in 0..250 {
            // Of eight servers one belongs to the test environment.
            let (environment, from) = match server % 8 {
                7 => ("test", "100.73.0.0/16"),
                _ => ("production", "100.72.0.0/16"),
            };
            write!(
                text,
                r#"
[[server]]
name = "{word}-{server:03}"
interface = "{lan}"
private = "{private}"
global = "100.64.{block}.{global}"
environment = "{environment}"
allow-from-platform = [{{ from = "{from}", services = ["https", "icmp-echo"] }}]
"#,
                private = private(server),
                global = server + 2,
            )
            .unwrap();
        }
    }
    for (block, lan, word) in [(11, "head-office", "office"), (12, "education-board", "school")] {
        for row in 0..20 {
            write!(
                text,
                r#"
[[terminals]]
name = "{word}-row-{row:02}"
interface = "{lan}"
from = ["10.{row}.1.0/24", "10.{row}.2.0/23"]
global = "100.64.{block}.{global}"
"#,
                global = row + 1,
            )
            .unwrap();
        }
    }
    text + LARGE_NAMES + &large_entries()
}

fn large_entries() -> String {
    let mut text = String::new();
    for (lan, word) in [("head-office", "office"), ("education-board", "school")] {
        for server in 0..250 {
            write!(
                text,
                r#"
[[names.entry]]
name = "{word}-{server:03}.pref.example"
addresses = ["{private}"]
interfaces = ["{lan}"]
"#,
                private = private(server),
            )
            .unwrap();
        }
        for other in 0..10 {
            write!(
                text,
                r#"
[[names.entry]]
name = "{word}-old-{other}.pref.example"
alias = "{word}-{other:03}.pref.example"
interfaces = ["{lan}"]
"#,
            )
            .unwrap();
        }
    }
    text
}
