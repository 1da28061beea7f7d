//! `sekisho flows`: what the flow log has, fetched a page at a time and printed as it comes.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    path::Path,
};

use clap::Args;
use jiff::{
    Timestamp, Zoned,
    civil::{Date, DateTime},
    tz::{self, TimeZone},
};
use sekisho_control::{FLOWS, FlowPage, FlowQuery, FlowRecord, LARGEST_PAGE, Opener, Volume};
use sekisho_design::Language;

use super::{
    Format,
    client::{self, ClientError},
};
use crate::flow_line::{HEADER, line, protocol_name};

/// Flows that are counted from the end, at most: they are held until the oldest of them is found.
const MOST_LAST: u32 = 100_000;

#[derive(Args, Debug)]
pub(super) struct Flows {
    /// Flows that ended at this time or later: 2026-04-01, 2026-04-01T09:30, with or without an offset (in Japan's time
    /// where it has none), or a time ago like 90m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Flows that began before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Flows with this address at any end: in the office, its global address, or on the platform
    #[arg(long, value_name = "ADDRESS")]
    host: Option<Ipv4Addr>,
    /// The last N of them only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_LAST)))]
    last: Option<u32>,
}

pub(super) const LONG_HELP: &str = "\
The log holds a flow once it has ended: each connection and each exchange of datagrams between the office and the \
platform, with its times, its LAN, who opened it, its address in the office, its global address, the address on the \
platform, and the packets and bytes each way, from the IP header on. A connection that is still open isn't there yet. \
What the device asks and answers for itself isn't logged, and what it refuses is in 'sekisho status'.

Flows come in the order in which they ended, the oldest first. What has ended by now is there, though the device writes \
it to its disk only every thirty seconds. A site logs flows where its design has [flow-log]; 'sekisho status' says how \
much is kept and whether any were lost.

With --format csv: a header and a line a flow (RFC 4180), ASCII, times in UTC; columns that weren't noted are empty. \
With --format json: one list.

通信の記録を表示します。記録されるのは、終わった通信だけです。庁内とプラットフォームの間の
接続ややりとりごとに、開始と終了の時刻、LAN、始めた側、庁内のアドレス、グローバルアドレス、
プラットフォームのアドレス、双方向のパケット数とバイト数が残ります。
時刻は 2026-04-01、2026-04-01T09:30（日本時間）、7d（7日前から）のように書きます。
表計算ソフトで開くには --format csv を付けます（時刻はUTCです）。
設計に [flow-log] がなければ記録されません。";

/// Fetches and prints, page by page.
pub(super) async fn run(
    socket: &Path,
    flows: &Flows,
    format: Format,
    language: Language,
) -> Result<(), ClientError> {
    let mut out = Printer { out: io::stdout().lock(), format, language, printed: 0 };
    // Whoever reads may have seen enough and gone away; then there is nothing left to do.
    let Flows { since, until, host, last } = flows;
    let query = FlowQuery { since: *since, until: *until, host: *host, ..FlowQuery::default() };
    match last {
        None => forwards(socket, query, &mut out).await,
        Some(last) => backwards(socket, query, *last as usize, &mut out).await,
    }
}

async fn forwards<W: Write>(
    socket: &Path,
    mut query: FlowQuery,
    out: &mut Printer<W>,
) -> Result<(), ClientError> {
    loop {
        let FlowPage { flows, next } = fetch(socket, &query).await?;
        let gone = out.flows(&flows).is_err();
        query.cursor = next;
        if gone || query.cursor.is_none() {
            drop(out.end());
            return Ok(());
        }
    }
}

async fn backwards<W: Write>(
    socket: &Path,
    mut query: FlowQuery,
    last: usize,
    out: &mut Printer<W>,
) -> Result<(), ClientError> {
    query.backwards = true;
    let (mut pages, mut found) = (Vec::new(), 0);
    while found < last {
        query.limit = Some((last - found).min(LARGEST_PAGE));
        let FlowPage { flows, next } = fetch(socket, &query).await?;
        found += flows.len();
        pages.push(flows);
        query.cursor = next;
        if query.cursor.is_none() {
            break;
        }
    }
    let gone = pages.iter().rev().any(|page| out.flows(page).is_err());
    if !gone {
        drop(out.end());
    }
    Ok(())
}

async fn fetch(socket: &Path, query: &FlowQuery) -> Result<FlowPage, ClientError> {
    client::get(socket, &format!("{FLOWS}?{}", query.to_query())).await
}

/// Prints flows as they come.
struct Printer<W> {
    out: W,
    format: Format,
    language: Language,
    printed: usize,
}

impl<W: Write> Printer<W> {
    fn flows(&mut self, flows: &[FlowRecord]) -> io::Result<()> {
        for flow in flows {
            match self.format {
                Format::Csv if self.printed == 0 => {
                    write!(self.out, "{HEADER}\r\n{}\r\n", line(flow))?;
                }
                Format::Csv => write!(self.out, "{}\r\n", line(flow))?,
                Format::Json => {
                    let start = if self.printed == 0 { "[\n" } else { ",\n" };
                    let json = serde_json::to_string(flow).map_err(io::Error::other)?;
                    write!(self.out, "{start}{json}")?;
                }
                Format::Text | Format::Html => writeln!(self.out, "{}", text(flow, self.language))?,
            }
            self.printed += 1;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        match (self.format, self.printed) {
            (Format::Csv, 0) => write!(self.out, "{HEADER}\r\n")?,
            (Format::Json, 0) => writeln!(self.out, "[]")?,
            (Format::Json, _) => writeln!(self.out, "\n]")?,
            (Format::Text | Format::Html, 0) => eprintln!("{}", nothing(self.language)),
            (Format::Csv | Format::Text | Format::Html, _) => {}
        }
        self.out.flush()
    }
}

/// What there is to say where nothing was found.
fn nothing(language: Language) -> &'static str {
    language.pick(
        "該当する通信はありません。記録されるのは終わった通信だけで、設計に [flow-log] が要ります。",
        "No such flows. A flow is logged once it has ended, where the design has [flow-log].",
    )
}

/// A flow as people read it, times as they are in Japan.
fn text(flow: &FlowRecord, language: Language) -> String {
    let FlowRecord { began, ended, lan, opened_by, protocol, inside, global, platform, out, back } =
        flow;
    let began = began.map_or_else(
        || language.pick("不明               ", "unknown            ").to_owned(),
        |began| in_japan(began).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    let ended = in_japan(*ended).strftime("%H:%M:%S").to_string();
    let arrow = match opened_by {
        Opener::Office => "->",
        Opener::Platform => "<-",
    };
    let protocol = protocol_name(*protocol);
    let [out, back] = [out, back].map(|traffic| match traffic {
        Some(Volume { packets, bytes }) => language
            .pick(format!("{packets} パケット {bytes} B"), format!("{packets} packets {bytes} B")),
        None => language.pick("不明", "unknown").to_owned(),
    });
    let way = language.pick(format!("送信 {out}、受信 {back}"), format!("out {out}, in {back}"));
    format!("{began} - {ended}  {lan} {protocol} {inside} [{global}] {arrow} {platform}  {way}")
}

fn in_japan(time: Timestamp) -> Zoned {
    time.to_zoned(japan())
}

fn japan() -> TimeZone {
    tz::offset(9).to_time_zone()
}

/// A point in time as people write it.
fn time(text: &str) -> Result<Timestamp, String> {
    time_at(text, Timestamp::now())
}

fn time_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let ago = || {
        let number = text.get(..text.len().checked_sub(1)?)?.parse::<i64>().ok()?;
        let hours = match text.chars().last()? {
            'm' => return now.checked_sub(jiff::SignedDuration::from_mins(number)).ok(),
            'h' => number,
            'd' => number.checked_mul(24)?,
            _ => return None,
        };
        now.checked_sub(jiff::SignedDuration::try_from_hours(hours)?).ok()
    };
    let in_japan = |time: DateTime| time.to_zoned(japan()).ok().map(|time| time.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| in_japan(text.parse::<DateTime>().ok()?))
        .or_else(|| in_japan(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())))
        .or_else(ago)
        .ok_or_else(|| "write 2026-04-01, 2026-04-01T09:30, 2026-04-01T00:30Z or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use sekisho_control::FlowEnd;
    use sekisho_design::Lan;

    use super::*;

    fn flow() -> FlowRecord {
        let end = |address: [u8; 4], port| FlowEnd { address: address.into(), port: Some(port) };
        FlowRecord {
            began: Some("2026-04-01T00:00:00Z".parse().unwrap()),
            ended: "2026-04-01T00:00:07.25Z".parse().unwrap(),
            lan: Lan::HeadOffice,
            opened_by: Opener::Office,
            protocol: 6,
            inside: end([192, 168, 1, 100], 40_000),
            global: end([100, 64, 10, 30], 1_025),
            platform: end([100, 72, 1, 10], 443),
            out: Some(Volume { packets: 5, bytes: 500 }),
            back: Some(Volume { packets: 7, bytes: 7_000 }),
        }
    }

    fn printed(flows: &[FlowRecord], format: Format, language: Language) -> String {
        let mut printer = Printer { out: Vec::new(), format, language, printed: 0 };
        for flow in flows {
            printer.flows(std::slice::from_ref(flow)).unwrap();
        }
        printer.end().unwrap();
        String::from_utf8(printer.out).unwrap()
    }

    #[test]
    fn a_flow_is_told_in_every_form() {
        let unknown = FlowRecord {
            began: None,
            opened_by: Opener::Platform,
            out: None,
            back: None,
            ..flow()
        };
        let both = [flow(), unknown];
        assert_eq!(
            printed(&both, Format::Text, Language::English),
            "2026-04-01 09:00:00 - 09:00:07  head-office tcp 192.168.1.100:40000 [100.64.10.30:1025] -> \
             100.72.1.10:443  out 5 packets 500 B, in 7 packets 7000 B\n\
             unknown             - 09:00:07  head-office tcp 192.168.1.100:40000 [100.64.10.30:1025] <- \
             100.72.1.10:443  out unknown, in unknown\n"
        );
        let ja = printed(&both, Format::Text, Language::Japanese);
        assert!(ja.contains("送信 5 パケット 500 B、受信 7 パケット 7000 B"), "{ja}");
        let csv = printed(&both, Format::Csv, Language::English);
        let lines: Vec<_> = csv.split("\r\n").collect();
        assert_eq!(lines[0], HEADER);
        assert_eq!(
            lines[1],
            "2026-04-01T00:00:00Z,2026-04-01T00:00:07.25Z,head-office,office,tcp,192.168.1.100,40000,\
             100.64.10.30,1025,100.72.1.10,443,5,500,7,7000"
        );
        assert_eq!((lines.len(), lines[3]), (4, ""));
        let json = printed(&both, Format::Json, Language::English);
        assert_eq!(serde_json::from_str::<Vec<FlowRecord>>(&json).unwrap(), both);
        assert_eq!(printed(&[], Format::Csv, Language::English), format!("{HEADER}\r\n"));
        assert_eq!(printed(&[], Format::Json, Language::English), "[]\n");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = "2026-04-08T00:00:00Z".parse().unwrap();
        for (text, meant) in [
            ("2026-04-01T00:30:00Z", "2026-04-01T00:30:00Z"),
            ("2026-04-01T09:30:00+09:00", "2026-04-01T00:30:00Z"),
            ("2026-04-01T09:30", "2026-04-01T00:30:00Z"),
            ("2026-04-01 09:30:15", "2026-04-01T00:30:15Z"),
            ("2026-04-01", "2026-03-31T15:00:00Z"),
            ("7d", "2026-04-01T00:00:00Z"),
            ("36h", "2026-04-06T12:00:00Z"),
            ("90m", "2026-04-07T22:30:00Z"),
        ] {
            assert_eq!(time_at(text, now).unwrap(), meant.parse::<Timestamp>().unwrap(), "{text}");
        }
        for text in ["", "d", "yesterday", "7", "7w", "2026-13-01", "99999999999999999d", "七d"] {
            assert!(time_at(text, now).is_err(), "{text}");
        }
    }
}
