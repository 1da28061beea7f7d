//! R90, R75: FTP with real programs, in either direction and both of its modes. The ports of its data connections stand in
//! no row of the design: the kernel's helper hears of them on the control connection, where it is asked to listen.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    ops::RangeInclusive,
    process::Output,
};

use anyhow::{Context, ensure};
use sekisho_lab::{Lab, PLATFORM_WEB, describe};

use crate::{
    PATIENCE, apply,
    attack::refused,
    design,
    ftp_server::{CONTROL, FILE, FtpServer, content},
    lab,
};

const PASSIVE: RangeInclusive<u16> = 50_000..=50_009;
/// Where a terminal listens for a data connection.
const DATA: u16 = 44_001;

/// How the data connection is agreed on, and the words that make curl ask for it. Addresses are taken as they are told,
/// since it is them that have to be translated.
const MODES: [(&str, &[&str]); 4] = [
    ("PASV", &["--disable-epsv", "--no-ftp-skip-pasv-ip"]),
    ("EPSV", &[]),
    ("PORT", &["--disable-eprt", "--ftp-port", "-"]),
    ("EPRT", &["--ftp-port", "-"]),
];

/// An FTP server of one side, and its client of the other.
struct Pair {
    client: &'static str,
    /// The server's address as the client knows it.
    asked: Ipv4Addr,
    server: FtpServer,
}

/// A terminal behind NAPT with the platform's server; the platform with the office's, behind static translation.
fn pairs(lab: &Lab) -> anyhow::Result<[Pair; 2]> {
    let juki = lab.addresses().host("juki")?;
    let platforms = FtpServer::start(lab, "platform", PLATFORM_WEB, PASSIVE)?;
    let offices = FtpServer::start(lab, "juki", juki.address, PASSIVE)?;
    Ok([
        Pair { client: "terminal", asked: PLATFORM_WEB, server: platforms },
        Pair { client: "platform", asked: juki.global, server: offices },
    ])
}

pub(crate) fn passes_in_both_modes_and_directions() -> anyhow::Result<()> {
    let lab = lab()?;
    let pairs = pairs(lab)?;
    let declared = Declared::new(lab)?;
    for pair in &pairs {
        for (mode, words) in MODES {
            let (output, file) = fetch(lab, pair, words)?;
            ensure!(output.status.success(), "{}, {mode}: {}", pair.client, describe(&output));
            ensure!(
                file == content(),
                "{}, {mode}: {} bytes, or wrong ones",
                pair.client,
                file.len()
            );
        }
    }
    drop(declared);
    pairs.into_iter().try_for_each(|pair| pair.server.stop())
}

/// The control connection is like any other; what it says about data connections is nobody's business.
pub(crate) fn data_is_refused_where_it_is_not_declared() -> anyhow::Result<()> {
    let lab = lab()?;
    let pairs = pairs(lab)?;
    let [terminals, platforms] = &pairs;
    // Here curl goes to the address that it knows, so that it is the port that is refused.
    let [_, passive, active, _] = MODES.map(|(_, words)| words);
    refused_by(lab, "head-office/undeclared-service", || fails(lab, terminals, passive))?;
    refused_by(lab, "platform/undeclared-service", || fails(lab, platforms, passive))?;
    refused_by(lab, "head-office/undeclared-service", || fails(lab, platforms, active))?;
    // The terminal's own address means nothing to the platform. With the global one the server would call back.
    fails(lab, terminals, active)?;
    refused_by(lab, "platform/one-way", || is_not_called_back(lab))?;
    pairs.into_iter().try_for_each(|pair| pair.server.stop())
}

/// The action makes the device refuse by this rule.
fn refused_by(
    lab: &Lab,
    rule: &str,
    action: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let count = || Ok::<_, anyhow::Error>(refused(lab)?.get(rule).copied().unwrap_or_default());
    let before = count()?;
    action().context(rule.to_owned())?;
    ensure!(count()? > before, "it isn't {rule} that refuses");
    Ok(())
}

/// The client logs in, and gets nothing.
fn fails(lab: &Lab, pair: &Pair, words: &[&str]) -> anyhow::Result<()> {
    let (output, file) = fetch(lab, pair, words)?;
    let told = describe(&output);
    ensure!(!output.status.success() && file.is_empty(), "{} gets the file", pair.client);
    ensure!(told.contains("230 Login successful"), "{}: {told}", pair.client);
    Ok(())
}

/// A terminal names its global address and a port of its own that it listens on.
fn is_not_called_back(lab: &Lab) -> anyhow::Result<()> {
    let terminal = lab.addresses().host("terminal")?;
    let listener =
        lab.host("terminal").inside(|| TcpListener::bind((terminal.address, DATA)))??;
    listener.set_nonblocking(true)?;
    let end = SocketAddr::from((PLATFORM_WEB, CONTROL));
    let stream = lab.host("terminal").inside(|| TcpStream::connect_timeout(&end, PATIENCE))??;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut replies = BufReader::new(&stream).lines();
    let mut reply = move || replies.next().context("the server ended")?.context("no reply");
    let [a, b, c, d] = terminal.global.octets();
    let [high, low] = DATA.to_be_bytes();
    let port = format!("PORT {a},{b},{c},{d},{high},{low}");
    ensure!(reply()?.starts_with("220"));
    for (command, expected) in
        [("USER anonymous", "230"), (&port, "200"), (&format!("RETR {FILE}"), "425")]
    {
        (&stream).write_all(format!("{command}\r\n").as_bytes())?;
        let reply = reply()?;
        ensure!(reply.starts_with(expected), "{command}: {reply}");
    }
    let called = listener.accept().err().map(|error| error.kind());
    ensure!(called == Some(ErrorKind::WouldBlock), "the platform's server got in: {called:?}");
    Ok(())
}

/// Fetches the server's file with curl.
fn fetch(lab: &Lab, pair: &Pair, words: &[&str]) -> anyhow::Result<(Output, Vec<u8>)> {
    let got = lab.logs().join("got");
    let _ = fs::remove_file(&got);
    let (url, into) = (format!("ftp://{}/{FILE}", pair.asked), got.to_string_lossy());
    // As the platform, from the address that it is declared with.
    let source = PLATFORM_WEB.to_string();
    let own: &[&str] = if pair.client == "platform" { &["--interface", &source] } else { &[] };
    let usual = ["curl", "-sSv", "--connect-timeout", "2", "--max-time", "20", "-o", &into, &url];
    let output = lab.host(pair.client).within(30).run(&[&usual[..], own, words].concat())?;
    Ok((output, fs::read(&got).unwrap_or_default()))
}

/// FTP as the design declares it: for the server juki, and by a policy for the terminals. It ends with the value.
struct Declared<'a>(&'a Lab);

const POLICY: &str = "
[[policy]]
name = \"ftp-of-counter\"
from = [\"counter\"]
to = [\"100.72.1.10\"]
services = [\"tcp/21\"]
ftp = true
approval = \"a trial\"
";

impl<'a> Declared<'a> {
    fn new(lab: &'a Lab) -> anyhow::Result<Self> {
        let site = design(lab)?.replace("name = \"juki\"\n", "name = \"juki\"\nftp = true\n");
        apply(lab, &(site + POLICY))?;
        Ok(Self(lab))
    }
}

impl Drop for Declared<'_> {
    fn drop(&mut self) {
        let _ = design(self.0).and_then(|site| apply(self.0, &site));
    }
}
