//! Which address a destination sees (R86).

use std::net::Ipv4Addr;

use anyhow::ensure;
use sekisho_lab::{Lab, PLATFORM_RESOLVER, PLATFORM_WEB};

use crate::{HTTP, lab};

/// The one source that a far end accepts.
const ACCEPTED: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 40);

const ROW: &str = r#"global-for = [{ to = ["100.72.1.10"], global = "100.64.10.40" }]"#;

pub(crate) fn a_destination_sees_the_address_that_it_accepts() -> anyhow::Result<()> {
    let lab = lab(|site| {
        let site = site.replace("name = \"juki\"\n", &format!("name = \"juki\"\n{ROW}\n"));
        site.replace("name = \"counter\"\n", &format!("name = \"counter\"\n{ROW}\n"))
    })?;
    // Several hosts, a server among them, behind one address; to others each as ever.
    for host in ["terminal", "juki"] {
        let seen = seen(&lab, host, PLATFORM_WEB)?;
        ensure!(seen == ACCEPTED, "{PLATFORM_WEB} saw {host} as {seen}");
        let seen = self::seen(&lab, host, PLATFORM_RESOLVER)?;
        let own = lab.addresses().host(host)?.global;
        ensure!(seen == own, "{PLATFORM_RESOLVER} saw {host} as {seen}");
    }
    let seen = seen(&lab, "atena", PLATFORM_WEB)?;
    ensure!(seen == lab.addresses().host("atena")?.global, "atena is seen as {seen}");
    // Nobody starts anything towards it.
    let from = PLATFORM_WEB.to_string();
    let url = format!("http://{ACCEPTED}/");
    let words = ["curl", "-sS", "--max-time", "1", "--interface", &from, &url];
    let output = lab.host("platform").run(&words)?;
    ensure!(output.status.code() == Some(28), "{}", sekisho_lab::describe(&output));
    let refused = crate::refused(&lab)?;
    ensure!(refused.contains_key("platform/one-way"), "{refused:?}");
    Ok(())
}

/// The source that a web server says it saw.
fn seen(lab: &Lab, from: &str, to: Ipv4Addr) -> anyhow::Result<Ipv4Addr> {
    let url = format!("http://{to}:{HTTP}/source");
    Ok(lab.host(from).must(&["curl", "-sS", "--max-time", "8", &url])?.trim().parse()?)
}
