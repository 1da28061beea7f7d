//! What a script in the lab finds in its environment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    process::Command,
};

use sekisho_design::Lan;

use crate::{
    addresses::{
        Centre, LGWAN_DNS, LGWAN_NTP, PLATFORM_RESOLVER, PLATFORM_SECOND_RESOLVER,
        PLATFORM_TEST_WEB, PLATFORM_WEB,
    },
    enter::search_path,
    lab::Lab,
    process::command,
    site::binary_folder,
    topology::HOSTS,
};

/// Every variable and its meaning. What a site doesn't have is not set.
pub const MEANINGS: &[(&str, &str)] = &[
    ("LAB_HOSTS", "the names of all hosts, for `ip netns exec NAME COMMAND`"),
    ("LAB_TERMINAL_ADDR", "terminal: its address in the office"),
    ("LAB_TERMINAL_GLOBAL", "terminal: the address it shares on the platform (NAPT)"),
    ("LAB_JUKI_ADDR", "juki, resident registry server: its address in the office"),
    ("LAB_JUKI_GLOBAL", "juki: its own address on the platform"),
    ("LAB_ATENA_ADDR", "atena, addressee server: its address in the office"),
    ("LAB_ATENA_GLOBAL", "atena: its own address on the platform"),
    ("LAB_SCHOOL_ADDR", "school, terminal of the education board: its address in the office"),
    ("LAB_SCHOOL_GLOBAL", "school: the address it shares on the platform (NAPT)"),
    (
        "LAB_EDUCATION_SERVER_ADDR",
        "school: the education board's server, its address in the office",
    ),
    ("LAB_EDUCATION_SERVER_GLOBAL", "school: that server's own address on the platform"),
    ("LAB_DEVICE_HEAD_OFFICE", "gateway, port2: the device on the head office LAN"),
    ("LAB_DEVICE_EDUCATION_BOARD", "gateway, port3: the device on the education board LAN"),
    (
        "LAB_DEVICE_MAINTENANCE",
        "gateway, port4: the device on the maintenance port (clerk is there)",
    ),
    ("LAB_DEVICE_LGWAN", "gateway, port1: the device on LGWAN"),
    ("LAB_DEVICE_GLOBAL", "gateway: the device's own address on the platform"),
    ("LAB_POOL", "the organisation's global addresses"),
    ("LAB_LGWAN_ROUTER", "lgwan: LGWAN's router as the device sees it"),
    ("LAB_LGWAN_DNS", "lgwan: LGWAN's resolver"),
    ("LAB_LGWAN_NTP", "lgwan: LGWAN's time server"),
    ("LAB_EAST_ENDPOINT", "east: its tunnel end on LGWAN"),
    ("LAB_EAST_PROBE", "east: the address that answers inside its tunnel"),
    ("LAB_WEST_ENDPOINT", "west: its tunnel end on LGWAN"),
    ("LAB_WEST_PROBE", "west: the address that answers inside its tunnel"),
    (
        "LAB_PLATFORM_WEB",
        "platform: a web server; /source tells whom it saw, /bytes/N gives N bytes",
    ),
    ("LAB_PLATFORM_RESOLVER", "platform: its resolver"),
    ("LAB_PLATFORM_SECOND_RESOLVER", "platform: its resolver where the first doesn't answer"),
    ("LAB_PLATFORM_TEST_WEB", "platform: a web server of the test side"),
    ("LAB_PAGE", "gateway: the local page, for `clerk`; with --page"),
    ("LAB_SITE", "the folder of the site's design"),
    ("LAB_LOGS", "the folder of all logs"),
    ("SEKISHO_SOCKET", "the daemon's control socket; `sekisho` is in the PATH"),
];

impl Lab {
    /// A command with the values of [`MEANINGS`] for this lab, and a PATH with the project's programs.
    pub fn command(&self, program: impl AsRef<OsStr>) -> anyhow::Result<Command> {
        let mut path = binary_folder()?.into_os_string();
        path.push(":");
        path.push(search_path());
        let mut command = command(program);
        command.env("PATH", path).envs(variables(self));
        Ok(command)
    }
}

fn variables(lab: &Lab) -> BTreeMap<String, OsString> {
    let addresses = lab.addresses();
    let mut all = BTreeMap::new();
    let mut put = |name: String, value: OsString| all.insert(name, value);
    put("LAB_HOSTS".to_owned(), HOSTS.join(" ").into());
    let education_server =
        addresses.education_server.iter().map(|host| ("education_server", *host));
    for (name, host) in
        addresses.hosts.iter().map(|(name, host)| (*name, *host)).chain(education_server)
    {
        let name = name.to_uppercase();
        put(format!("LAB_{name}_ADDR"), host.address.to_string().into());
        put(format!("LAB_{name}_GLOBAL"), host.global.to_string().into());
    }
    for lan in Lan::ALL {
        if let Ok(device) = addresses.device(lan) {
            let name = lan.as_str().to_uppercase().replace('-', "_");
            put(format!("LAB_DEVICE_{name}"), device.addr().to_string().into());
        }
    }
    if let Some(device) = addresses.device_maintenance {
        put("LAB_DEVICE_MAINTENANCE".to_owned(), device.addr().to_string().into());
    }
    for centre in Centre::ALL {
        let name = centre.name().to_uppercase();
        put(format!("LAB_{name}_ENDPOINT"), centre.endpoint().to_string().into());
        put(format!("LAB_{name}_PROBE"), centre.probe().to_string().into());
    }
    let pool: Vec<_> = addresses.pool.iter().map(ToString::to_string).collect();
    for (name, value) in [
        ("LAB_DEVICE_LGWAN", addresses.device_lgwan.addr().to_string()),
        ("LAB_DEVICE_GLOBAL", addresses.device_global.to_string()),
        ("LAB_POOL", pool.join(" ")),
        ("LAB_LGWAN_ROUTER", addresses.lgwan_router.to_string()),
        ("LAB_LGWAN_DNS", LGWAN_DNS.to_string()),
        ("LAB_LGWAN_NTP", LGWAN_NTP.to_string()),
        ("LAB_PLATFORM_WEB", PLATFORM_WEB.to_string()),
        ("LAB_PLATFORM_RESOLVER", PLATFORM_RESOLVER.to_string()),
        ("LAB_PLATFORM_SECOND_RESOLVER", PLATFORM_SECOND_RESOLVER.to_string()),
        ("LAB_PLATFORM_TEST_WEB", PLATFORM_TEST_WEB.to_string()),
    ] {
        put(name.to_owned(), value.into());
    }
    if let Some(page) = lab.page() {
        put("LAB_PAGE".to_owned(), page.url().into());
    }
    put("LAB_SITE".to_owned(), lab.site().into());
    put("LAB_LOGS".to_owned(), lab.logs().into());
    put("SEKISHO_SOCKET".to_owned(), lab.socket().into());
    all
}
