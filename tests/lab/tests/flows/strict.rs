//! What the collector gets, byte by byte: read by the grammar of RFC 5424, clause 6, and by nothing more lenient.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use sekisho_design::{Collector, CollectorTransport, OfficeSide};
use sekisho_lab::{Extent, Lab};

use crate::{
    office::{CLERK, COLLECTOR, HEAD_OFFICE, collector, site},
    told::{apply, talk},
};

/// How long messages of both kinds may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest message that every collector takes (RFC 5424, clause 6.1).
const LONGEST: usize = 2048;

pub(crate) fn what_the_collector_gets_is_rfc_5424_to_the_letter() -> anyhow::Result<()> {
    the_reader_is_strict()?;
    let udp = collector(CollectorTransport::Udp, (OfficeSide::Maintenance, CLERK))?;
    let lab = Lab::up(&site(|design| design.collector = Some(udp.clone()))?, Extent::Applied)?;
    let at = |host: &str, address: &str| {
        lab.host(host).must(&["ip", "address", "replace", &format!("{address}/24"), "dev", "eth0"])
    };
    at("clerk", CLERK)?;
    at("atena", COLLECTOR)?;

    // A datagram is a message (RFC 5426, clause 3.1).
    let socket = lab.host("clerk").inside(|| UdpSocket::bind((CLERK, udp.port)))??;
    socket.set_read_timeout(Some(PATIENCE))?;
    begin(&lab, &udp)?;
    let mut buffer = vec![0; 1 << 16];
    both_kinds("192.168.254.1".parse()?, || {
        let length = socket.recv(&mut buffer)?;
        Ok(buffer[..length].to_vec())
    })?;

    // Over TCP each message stands behind its length (RFC 6587, clause 3.4.1).
    let tcp = collector(CollectorTransport::Tcp, (HEAD_OFFICE, COLLECTOR))?;
    let listener = lab.host("atena").inside(|| TcpListener::bind((COLLECTOR, tcp.port)))??;
    begin(&lab, &tcp)?;
    let (stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(stream);
    both_kinds("192.168.1.1".parse()?, || {
        let mut length = Vec::new();
        stream.read_until(b' ', &mut length)?;
        let length = std::str::from_utf8(&length)?.strip_suffix(' ').context("no length")?;
        ensure!(!length.starts_with('0'), "length {length:?}");
        let mut message = vec![0; length.parse()?];
        stream.read_exact(&mut message)?;
        Ok(message)
    })
}

/// A flow ends and a packet is refused while this collector is in force.
fn begin(lab: &Lab, collector: &Collector) -> anyhow::Result<()> {
    apply(lab, Some(collector), true)?;
    talk(lab)?;
    apply(lab, Some(collector), false)
}

/// Reads until there was one of both kinds.
fn both_kinds(
    own: Ipv4Addr,
    mut next: impl FnMut() -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<()> {
    let (mut kinds, until) = (BTreeSet::new(), Instant::now() + PATIENCE);
    while kinds.len() < 2 {
        ensure!(Instant::now() < until, "only {kinds:?} came");
        let bytes = next()?;
        ensure!(bytes.len() <= LONGEST, "{} bytes", bytes.len());
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let Message { priority, host, application, id, data } =
            read(&bytes).with_context(|| shown.clone())?;
        ensure!(host == own.to_string() && application == "sekishod", "{shown}");
        let (wanted, element) = match id.as_str() {
            "FLOW" => (134, "flow@32473"),
            "REFUSAL" => (133, "refusal@32473"),
            _ => bail!("another kind: {shown}"),
        };
        let fields = data.get(element).with_context(|| shown.clone())?;
        ensure!(priority == wanted && data.len() == 1 && fields.contains("protocol"), "{shown}");
        kinds.insert(id);
    }
    Ok(())
}

/// A message's parts.
#[derive(Debug)]
struct Message {
    priority: u8,
    host: String,
    application: String,
    id: String,
    /// Elements, and the names of the fields of each.
    data: BTreeMap<String, BTreeSet<String>>,
}

/// Reads a message by RFC 5424, clause 6.
fn read(bytes: &[u8]) -> anyhow::Result<Message> {
    let text = std::str::from_utf8(bytes).context("no UTF-8")?;
    let (priority, rest) =
        text.strip_prefix('<').and_then(|rest| rest.split_once('>')).context("no PRI")?;
    ensure!(matches!(priority.len(), 1..=3) && number(priority), "PRI {priority:?}");
    let priority: u8 = priority.parse()?;
    ensure!(priority <= 191, "PRI {priority}");
    let rest = rest.strip_prefix("1 ").context("no VERSION")?;
    let (time, rest) = word(rest)?;
    timestamp(time)?;
    let (host, rest) = token(rest, 255)?;
    let (application, rest) = token(rest, 48)?;
    let (_process, rest) = token(rest, 128)?;
    let (id, rest) = token(rest, 32)?;
    let (data, rest) = elements(rest)?;
    ensure!(rest.is_empty() || rest.starts_with(' '), "no space before MSG: {rest:?}");
    ensure!(!rest.chars().any(char::is_control), "control characters in MSG");
    let [host, application, id] = [host, application, id].map(str::to_owned);
    Ok(Message { priority, host, application, id, data })
}

fn number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

fn word(text: &str) -> anyhow::Result<(&str, &str)> {
    text.split_once(' ').context("the header ends early")
}

/// `-`, or printable ASCII.
fn token(text: &str, longest: usize) -> anyhow::Result<(&str, &str)> {
    let (token, rest) = word(text)?;
    let fits = (1..=longest).contains(&token.len());
    ensure!(fits && token.bytes().all(|byte| byte.is_ascii_graphic()), "token {token:?}");
    Ok((token, rest))
}

/// RFC 3339 with upper-case letters, six digits of a second at most, no leap second (clause 6.2.3).
fn timestamp(text: &str) -> anyhow::Result<()> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let rest = shape.strip_prefix("0000-00-00T00:00:00").context("TIMESTAMP")?;
    let zone = rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches('0'));
    let digits = rest.len() - zone.len();
    ensure!(digits == 0 || (2..=7).contains(&digits), "TIMESTAMP {text:?}");
    ensure!(matches!(zone, "Z" | "+00:00" | "-00:00"), "TIMESTAMP {text:?}");
    let _: jiff::Timestamp = text.parse()?;
    ensure!(!text[17..].starts_with("60"), "TIMESTAMP {text:?}");
    Ok(())
}

/// A name of an element or of a field (clause 6.3.2): printable ASCII but for `=`, space, `]` and `"`.
fn name(text: &str) -> anyhow::Result<String> {
    let fits = (1..=32).contains(&text.len());
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"=]\"".contains(&byte));
    ensure!(fits && printable, "SD-NAME {text:?}");
    Ok(text.to_owned())
}

/// STRUCTURED-DATA, and what stands behind it.
fn elements(mut text: &str) -> anyhow::Result<(BTreeMap<String, BTreeSet<String>>, &str)> {
    let mut elements = BTreeMap::new();
    if let Some(rest) = text.strip_prefix('-') {
        return Ok((elements, rest));
    }
    while let Some(rest) = text.strip_prefix('[') {
        let end = rest.find([' ', ']']).context("an element without an end")?;
        let (id, mut rest) = (name(&rest[..end])?, &rest[end..]);
        // A name that IANA doesn't know has a number behind it (clause 7.2.2 and RFC 5612).
        let enterprise = id.split_once('@').context("SD-ID without a number")?.1;
        ensure!(number(enterprise), "SD-ID {id:?}");
        let mut fields = BTreeSet::new();
        while let Some(field) = rest.strip_prefix(' ') {
            let (field, value) = field.split_once("=\"").context("a field without a value")?;
            ensure!(fields.insert(name(field)?), "{field} twice");
            rest = behind(value)?;
        }
        text = rest.strip_prefix(']').context("an element without an end")?;
        ensure!(elements.insert(id, fields).is_none(), "an element twice");
    }
    ensure!(!elements.is_empty(), "no STRUCTURED-DATA");
    Ok((elements, text))
}

/// What stands behind a value: `"`, `\` and `]` are escaped in it, and nothing else is (clause 6.3.3).
fn behind(text: &str) -> anyhow::Result<&str> {
    let mut escaped = false;
    for (place, c) in text.char_indices() {
        match (escaped, c) {
            (true, '"' | '\\' | ']') => escaped = false,
            (true, _) => bail!("'\\{c}' is no escape"),
            (false, '\\') => escaped = true,
            (false, '"') => return Ok(&text[place + 1..]),
            (false, ']') => bail!("']' isn't escaped"),
            (false, _) => {}
        }
    }
    bail!("a value without an end")
}

/// What the grammar has no place for is refused, so that the reader's consent says something.
fn the_reader_is_strict() -> anyhow::Result<()> {
    let good = "<134>1 2026-04-01T00:00:00.000000Z 192.168.1.1 sekishod 7 FLOW [flow@32473 a=\"b\\]\"] said";
    read(good.as_bytes())?;
    for (part, other) in [
        ("<134>", "<192>"),
        ("<134>", "<0134>"),
        ("<134>", ""),
        (">1 ", ">2 "),
        ("T00", "t00"),
        (".000000Z", ".0000000Z"),
        ("000000Z ", "000000Z  "),
        ("-04-", "-13-"),
        ("192.168.1.1", ""),
        ("sekishod", "sekishōd"),
        (" 7 ", " "),
        ("@32473", ""),
        ("@32473", "@maker"),
        ("a=\"b", "a=b"),
        ("a=\"b", "a=\"b\" a=\"b"),
        ("\\]", "]"),
        ("\\]", "\\n"),
        ("\"] said", "\" said"),
        ("] said", "]said"),
        ("said", "said\n"),
    ] {
        let bad = good.replacen(part, other, 1);
        ensure!(bad != good && read(bad.as_bytes()).is_err(), "taken: {bad}");
    }
    Ok(())
}
