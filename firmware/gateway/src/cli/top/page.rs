//! The tables as text of 79 columns, for eyes that know both alphabets: a character of Japanese takes two columns.

use sekisho_control::{ConnectionTable, Fullness, NaptUse, Traffic};
use sekisho_design::{Lan, Language, Name};
use unicode_width::UnicodeWidthStr as _;

use super::{
    Shown,
    look::{Figures, Line, Look, hosts, rows},
};

/// Columns of every table: a terminal has 80.
const WIDTH: usize = 79;

/// Shared addresses that a screen shows, the fullest first.
const ADDRESSES: usize = 3;

/// How many lines there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Room {
    /// A screen with so many.
    Lines(usize),
    /// As many as there are.
    Endless,
}

impl Room {
    /// With some lines less.
    pub(super) fn without(self, lines: usize) -> Self {
        match self {
            Self::Lines(all) => Self::Lines(all.saturating_sub(lines)),
            Self::Endless => Self::Endless,
        }
    }

    pub(super) fn lines(self) -> usize {
        match self {
            Self::Lines(lines) => lines,
            Self::Endless => usize::MAX,
        }
    }
}

/// The page: how full the table of connections is, shared addresses, rows and hosts.
pub(super) fn page(
    now: &Look,
    before: Option<&Look>,
    shown: Shown,
    room: Room,
    language: Language,
) -> Vec<String> {
    let mut lines = head(&now.traffic, room, language);
    let left = room.without(lines.len());
    let rows = if shown.rows { rows(now, before, shown.by) } else { Vec::new() };
    let hosts = if shown.hosts { hosts(now, before, shown.by) } else { Vec::new() };
    let live = room != Room::Endless;
    let (of_rows, of_hosts) = divided(left.lines(), (shown, rows.len(), hosts.len()));
    if shown.rows {
        lines.push(String::new());
        lines.push(row_titles(live, language));
        lines.extend(rows.iter().take(of_rows).map(|line| row(line, live, language)));
    }
    if shown.hosts {
        lines.push(String::new());
        lines.push(host_titles(live, language));
        lines.extend(hosts.iter().take(of_hosts).map(|line| host(line, live, language)));
        let left_out = now.traffic.hosts_left_out;
        if left_out > 0 {
            lines
                .push(language.pick(format!("ほか {left_out} 台"), format!("and {left_out} more")));
        }
    }
    lines.truncate(room.lines());
    lines
}

/// Lines for rows and for hosts, each beside its two lines of head: half of the room, and what the other leaves.
fn divided(left: usize, (shown, rows, hosts): (Shown, usize, usize)) -> (usize, usize) {
    let heads = 2 * (usize::from(shown.rows) + usize::from(shown.hosts));
    let left = left.saturating_sub(heads);
    let of_rows = rows.min((left / 2).max(left.saturating_sub(hosts)));
    (of_rows, left - of_rows)
}

fn head(traffic: &Traffic, room: Room, language: Language) -> Vec<String> {
    let table = traffic.connections.map(|table| connections(table, language));
    let most = if room == Room::Endless { usize::MAX } else { ADDRESSES };
    let mut napt: Vec<_> = traffic.napt.iter().collect();
    napt.sort_by_key(|napt| std::cmp::Reverse(napt.ports.tcp.max(napt.ports.udp)));
    let napt = napt.into_iter().take(most).map(|napt| address(napt, language));
    table.into_iter().chain(napt).collect()
}

fn connections(table: ConnectionTable, language: Language) -> String {
    let ConnectionTable { count, most, fullness } = table;
    let alarm = match fullness {
        Fullness::Roomy => "",
        Fullness::Near => language.pick("  まもなく満杯です", "  NEARLY FULL"),
        Fullness::Full => language.pick("  満杯です", "  FULL"),
    };
    let part = count.saturating_mul(100).checked_div(most).unwrap_or_default();
    language.pick(
        format!("接続 {count} / {most}（{part} %）{alarm}"),
        format!("connections {count} of {most} ({part} %){alarm}"),
    )
}

fn address(napt: &NaptUse, language: Language) -> String {
    let NaptUse { global, ports, first_port, last_port, .. } = napt;
    let all = u32::from(last_port - first_port) + 1;
    let rows: Vec<_> = napt.rows.iter().map(Name::as_str).collect();
    let rows = rows.join(", ");
    let text = language.pick(
        format!(
            "共有 {global:<15} 使用ポート TCP {}・UDP {} / {all}  {rows}",
            ports.tcp, ports.udp
        ),
        format!(
            "NAPT {global:<15} ports in use TCP {}, UDP {} of {all}  {rows}",
            ports.tcp, ports.udp
        ),
    );
    fit(&text, WIDTH, Align::Left).trim_end().to_owned()
}

#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
}

/// The columns of a table, as wide as they are.
const ROW: [(usize, Align); 8] = [
    (20, Align::Left),
    (4, Align::Left),
    (6, Align::Left),
    (9, Align::Right),
    (9, Align::Right),
    (8, Align::Right),
    (8, Align::Right),
    (8, Align::Right),
];
const HOST: [(usize, Align); 7] = [
    (15, Align::Left),
    (4, Align::Left),
    (20, Align::Left),
    (9, Align::Right),
    (9, Align::Right),
    (8, Align::Right),
    (8, Align::Right),
];

/// What the numbers are: each second in bits, or since the machine's start in bytes.
fn titles(live: bool, language: Language) -> [&'static str; 5] {
    match (live, language) {
        (true, Language::Japanese) => ["上りb/s", "下りb/s", "pkt/s", "接続/s", "拒否/s"],
        (true, Language::English) => ["up b/s", "down b/s", "pkt/s", "conn/s", "ref/s"],
        (false, Language::Japanese) => ["上りB", "下りB", "パケット", "接続", "拒否"],
        (false, Language::English) => ["up B", "down B", "packets", "opened", "refused"],
    }
}

fn row_titles(live: bool, language: Language) -> String {
    let [up, down, packets, opened, refused] = titles(live, language);
    let (row, class) = language.pick(("行", "分類"), ("row", "class"));
    line(&ROW, [row, "LAN", class, up, down, packets, opened, refused])
}

fn host_titles(live: bool, language: Language) -> String {
    let [up, down, packets, _, refused] = titles(live, language);
    let (host, row) = language.pick(("端末・サーバ", "行"), ("host", "row"));
    line(&HOST, [host, "LAN", row, up, down, packets, refused])
}

fn row(of: &Line, live: bool, language: Language) -> String {
    let [up, down, packets, opened, refused] = numbers(of, live);
    let lan = of.lan.map_or(language.pick("許可", "pol"), |lan| lan_name(lan, language));
    let class = of.class.map_or("", |class| class.as_str());
    line(&ROW, [&of.name, lan, class, &up, &down, &packets, &opened, &refused])
}

fn host(of: &Line, live: bool, language: Language) -> String {
    let [up, down, packets, _, refused] = numbers(of, live);
    let lan = of.lan.map_or("", |lan| lan_name(lan, language));
    let row = of.row.as_deref().unwrap_or("-");
    line(&HOST, [&of.name, lan, row, &up, &down, &packets, &refused])
}

fn lan_name(lan: Lan, language: Language) -> &'static str {
    match lan {
        Lan::HeadOffice => language.pick("首長", "head"),
        Lan::EducationBoard => language.pick("教育", "edu"),
    }
}

fn numbers(of: &Line, live: bool) -> [String; 5] {
    if !live {
        let Figures { up, down, packets, opened, refused } = of.total;
        return [up, down, packets, opened, refused].map(short);
    }
    let Some(Figures { up, down, packets, opened, refused }) = of.rate else {
        return [(); 5].map(|()| "-".to_owned());
    };
    [up * 8.0, down * 8.0, packets, opened, refused].map(short)
}

/// A number in at most five characters: three digits and a decimal prefix.
fn short(mut number: f64) -> String {
    for prefix in ["", "k", "M", "G", "T", "P"] {
        // What would be rounded up to four digits has the next prefix.
        if number < 999.5 {
            let whole =
                number >= 99.95 || prefix.is_empty() && (number >= 9.95 || number % 1.0 == 0.0);
            return if whole {
                format!("{number:.0}{prefix}")
            } else {
                format!("{number:.1}{prefix}")
            };
        }
        number /= 1000.0;
    }
    format!("{number:.0}E")
}

fn line<const N: usize>(columns: &[(usize, Align); N], cells: [&str; N]) -> String {
    let cells = columns.iter().zip(cells).map(|((width, align), cell)| fit(cell, *width, *align));
    cells.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// A text in exactly so many columns, cut with an ellipsis where it is longer.
fn fit(text: &str, width: usize, align: Align) -> String {
    let mut text = text.to_owned();
    if text.width() > width {
        while text.width() + 1 > width && text.pop().is_some() {}
        text.push('…');
    }
    let gap = " ".repeat(width.saturating_sub(text.width()));
    match align {
        Align::Left => text + &gap,
        Align::Right => gap + &text,
    }
}

#[cfg(test)]
mod tests;
