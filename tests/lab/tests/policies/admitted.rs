//! What a policy admits, and how it is explained.

use std::{net::TcpListener, thread};

use anyhow::{Context, ensure};
use sekisho_lab::PLATFORM_WEB;

use crate::{ECHO, HTTP, connect, lab, refused_by, said};

/// The port of a service that a server has for the platform's web server alone.
const SPECIAL: u16 = 8081;

const POLICIES: &str = r#"
[[object]]
name = "platform-web"
members = ["100.72.1.8/29"]

[[service]]
name = "special"
services = ["tcp/8080-8090"]

[[policy]]
name = "echo-of-juki"
from = ["juki"]
to = ["platform-web"]
services = ["tcp/7"]
class = "bulk"
approval = "情政第20号"

[[policy]]
name = "special-to-juki"
from = ["platform-web"]
to = ["juki"]
services = ["special"]
approval = "情政第21号"
"#;

pub(crate) fn a_policy_admits_what_its_rows_do_not() -> anyhow::Result<()> {
    let lab = lab(|site| site + POLICIES)?;
    drop(connect(&lab, "juki", PLATFORM_WEB, ECHO)??);
    // Not another server, not another service, not another destination.
    for (from, port) in [("atena", ECHO), ("juki", ECHO + 1)] {
        let rule = refused_by(&lab, from, PLATFORM_WEB, port)?;
        ensure!(rule == "head-office/undeclared-service", "{from}, port {port}: {rule}");
    }
    let other = sekisho_lab::PLATFORM_RESOLVER;
    let rule = refused_by(&lab, "juki", other, ECHO)?;
    ensure!(rule == "head-office/undeclared-service", "{rule}");
    drop(connect(&lab, "juki", other, HTTP)??);

    let juki = lab.addresses().host("juki")?;
    let listener = lab.host("juki").inside(|| TcpListener::bind((juki.address, SPECIAL)))??;
    let server = thread::spawn(move || listener.accept().map(|(_, from)| from));
    let from = PLATFORM_WEB.to_string();
    let url = format!("telnet://{}:{SPECIAL}", juki.global);
    let asked = lab.host("platform").run(&[
        "timeout",
        "3",
        "curl",
        "-sS",
        "--max-time",
        "2",
        "--interface",
        &from,
        &url,
    ])?;
    let seen = server.join().ok().context("the server's thread panicked")??;
    ensure!(seen.ip() == PLATFORM_WEB, "juki saw {seen}; {}", sekisho_lab::describe(&asked));

    let trace =
        said(&lab, &["trace", "--live", "--from", "192.168.1.10", "--to", "100.72.1.10:7/tcp"])?;
    let sentence =
        "Admitted by policy 'echo-of-juki' for 'juki'; environment production, class bulk.";
    ensure!(trace.contains(sentence), "{trace}");
    Ok(())
}
