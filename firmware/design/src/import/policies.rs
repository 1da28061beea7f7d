//! From the lines of a flow inventory to policies, and from these to the tree of a site.

use std::{collections::BTreeSet, str::FromStr};

use jiff::{Timestamp, civil, tz};

use super::{
    Notes, RowKind,
    cells::Cell,
    columns::{self, Columns},
    merge::{Incoming, environment_word, set, set_list},
    normalised,
    rows::{ENVIRONMENTS, Read, Reading},
    typed,
};
use crate::{
    Approval, Class, Column, Environment, Member, Name, Rule, ServiceMember,
    print::tree::{Tree, Value},
};

/// What a table says about a policy.
#[derive(Debug)]
pub(super) struct PolicyRow {
    name: Read<Name>,
    from: Vec<Read<Member>>,
    to: Vec<Read<Member>>,
    services: Vec<Read<ServiceMember>>,
    environment: Said<Environment>,
    class: Said<Class>,
    ftp: Said<bool>,
    approval: Said<Approval>,
    until: Said<Timestamp>,
}

/// What a cell that may be empty says.
#[derive(Clone, Debug)]
enum Said<T> {
    /// The table has no such column.
    Nothing,
    /// The cell is empty: the policy has none.
    Without,
    Value(Read<T>),
}

const KINDS: [(&str, RowKind); 6] = [
    ("通信許可", RowKind::Policies),
    ("サーバ", RowKind::Servers),
    ("端末", RowKind::Terminals),
    ("policy", RowKind::Policies),
    ("server", RowKind::Servers),
    ("terminals", RowKind::Terminals),
];

const CLASSES: [(&str, Class); 6] = [
    ("オンライン", Class::Online),
    ("通常", Class::Normal),
    ("一括", Class::Bulk),
    ("online", Class::Online),
    ("normal", Class::Normal),
    ("bulk", Class::Bulk),
];

const LEAVES: [(&str, bool); 6] = [
    ("許可", true),
    ("なし", false),
    ("allowed", true),
    ("none", false),
    ("true", true),
    ("false", false),
];

/// The policies of a table, and how many of its lines are about something else.
pub(super) fn read(lines: &[Vec<Cell>], notes: &mut Notes) -> (Vec<PolicyRow>, usize) {
    let (mut rows, mut others, mut of_kind) = (Vec::new(), 0, 0);
    let Some((headings, lines)) = lines.split_first() else {
        notes.add(0, "", Rule::NoRow { kind: RowKind::Policies });
        return (rows, others);
    };
    let is_whole = |line: &[Cell]| line.iter().all(|cell| cell.is_whole);
    if !is_whole(headings) {
        return (rows, others);
    }
    let Some(columns) = Columns::read(headings, &columns::FLOWS, notes) else {
        return (rows, others);
    };
    let mut names = BTreeSet::new();
    for line in lines {
        if !is_whole(line) {
            of_kind += 1;
            continue;
        }
        let mut reader = Reading { columns: &columns, cells: line, notes };
        let kind = reader.optional(Column::Kind, &KINDS, KINDS.len());
        if kind.is_some_and(|kind| kind.value != RowKind::Policies) {
            others += 1;
            continue;
        }
        of_kind += 1;
        let Some(row) = reader.policy() else { continue };
        if names.insert(row.name.value.clone()) {
            rows.push(row);
        } else {
            let Read { value: name, offset, heading } = row.name;
            notes.add(offset, &heading, Rule::NameTwice { name });
        }
    }
    if of_kind == 0 {
        notes.add(headings[0].offset, "", Rule::NoRow { kind: RowKind::Policies });
    }
    (rows, others)
}

impl Reading<'_> {
    /// The policy; `None` where a value is missing or wrong, which is then noted.
    fn policy(&mut self) -> Option<PolicyRow> {
        self.beyond();
        // Every cell is read before the row is given up, so that all that is wrong in it is noted.
        let name = self.policy_name();
        let from = self.parts(Column::From, member);
        let to = self.parts(Column::To, member);
        let services = self.parts(Column::Services, service);
        let environment = self.said(Column::Environment, |text| word(text, &ENVIRONMENTS));
        let class = self.said(Column::Class, |text| word(text, &CLASSES));
        let ftp = self.said(Column::Ftp, |text| word(text, &LEAVES));
        let approval =
            self.said(Column::Approval, |text| text.parse().map_err(|_| Rule::BadApproval));
        let until = self.said(Column::Until, time);
        Some(PolicyRow {
            name: name?,
            from: from?,
            to: to?,
            services: services?,
            environment: environment?,
            class: class?,
            ftp: ftp?,
            approval: approval?,
            until: until?,
        })
    }

    /// The name; without one it is made of the number, so that a table that never had names can come in again.
    fn policy_name(&mut self) -> Option<Read<Name>> {
        let parse = |text: &str| text.parse().map_err(|_| Rule::BadName { text: text.to_owned() });
        if self.cell(Column::Name).is_some() {
            return self.value(Column::Name, parse);
        }
        let Some(number) = self.cell(Column::Number) else {
            self.needed(Column::Name);
            return None;
        };
        let name = format!("flow-{}", normalised(&number.value).to_lowercase());
        self.convert(&number, &name, parse)
    }

    /// What a cell lists. What stands in brackets behind an entry is for people.
    fn parts<T>(
        &mut self,
        column: Column,
        convert: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Vec<Read<T>>> {
        let cell = self.needed(column)?;
        let is_end = |c: char| column == Column::Services && matches!(c, '。' | '・');
        let parts = parts(&cell.value, is_end);
        if parts.is_empty() {
            self.notes.add(cell.offset, &cell.heading, Rule::EmptyCell { column });
            return None;
        }
        let read = |part: &String| {
            let part = self.as_typed(&cell, part);
            self.convert(&cell, &part, &convert)
        };
        let parts: Vec<_> = parts.iter().map(read).collect();
        parts.into_iter().collect()
    }

    /// `None` where the cell is wrong, which is then noted.
    fn said<T>(
        &mut self,
        column: Column,
        convert: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Said<T>> {
        let Some(cell) = self.cell(column) else {
            let there = self.columns.cell(self.cells, column).is_some();
            return Some(if there { Said::Without } else { Said::Nothing });
        };
        self.convert(&cell, &cell.value, convert).map(Said::Value)
    }
}

/// The entries of a cell, without what stands in brackets.
fn parts(text: &str, is_end: impl Fn(char) -> bool) -> Vec<String> {
    let (mut parts, mut part, mut depth) = (Vec::new(), String::new(), 0_usize);
    for c in text.chars() {
        match c {
            '(' | '（' => depth += 1,
            ')' | '）' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            c if c.is_whitespace() || matches!(c, ',' | '，' | ';' | '；' | '、') || is_end(c) =>
            {
                parts.push(std::mem::take(&mut part));
            }
            c => part.push(c),
        }
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

fn member(text: &str) -> Result<Member, Rule> {
    let member = text.parse().map_err(|_| Rule::BadMember { text: text.to_owned() })?;
    match member {
        Member::Network(written) if written.trunc() != written => {
            Err(Rule::HostBits { written, network: written.trunc() })
        }
        Member::Network(_) | Member::Host(_) | Member::Named(_) => Ok(member),
    }
}

/// A service or a name for some, in small letters or capitals.
fn service(text: &str) -> Result<ServiceMember, Rule> {
    let read = text.to_ascii_lowercase().parse();
    read.map_err(|_| Rule::BadService { text: text.to_owned() })
}

fn word<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Result<T, Rule> {
    let written = normalised(text).to_lowercase();
    let known = words.iter().find(|(word, _)| *word == written).map(|(_, value)| *value);
    known.ok_or_else(|| Rule::BadChoice {
        text: text.to_owned(),
        choices: words.iter().map(|(word, _)| *word).collect(),
    })
}

/// A time of day in Japan where no offset is written, as spreadsheets make of a time what they like.
fn time(text: &str) -> Result<Timestamp, Rule> {
    let plain = typed(text).replace('/', "-");
    let whole = || Timestamp::strptime("%Y-%m-%d %H:%M:%S%.f %:z", &plain).ok();
    let in_japan = || {
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"].into_iter().find_map(|form| {
            let time = civil::DateTime::strptime(form, &plain).ok()?;
            time.to_zoned(tz::offset(9).to_time_zone()).ok().map(|time| time.timestamp())
        })
    };
    let read = plain.parse().ok().or_else(whole).or_else(in_japan);
    read.ok_or_else(|| Rule::BadTime { text: text.to_owned() })
}

impl Incoming for PolicyRow {
    fn name(&self) -> &Read<Name> {
        &self.name
    }

    fn fill(&self, tree: &mut Tree) -> bool {
        let Self { name: _, from, to, services, environment, class, ftp, approval, until } = self;
        let mut changed = list(tree, "from", from);
        changed |= list(tree, "to", to);
        changed |= list(tree, "services", services);
        changed |= environment.put(tree, "environment", |value| environment_word(*value));
        changed |= class.put(tree, "class", |class| Value::text(class.as_str()));
        let is_left = matches!(tree.get("ftp"), Some(Value::Plain(word)) if word == "true");
        // No word for it is a word against it.
        if !matches!(ftp, Said::Nothing) && ftp.says(&true) != is_left {
            changed |= ftp.put(tree, "ftp", |leave| Value::Plain(leave.to_string()));
        }
        changed |= approval.put(tree, "approval", |note| Value::text(note.as_str()));
        let end = match tree.get("until") {
            Some(Value::Plain(written)) => written.parse().ok(),
            Some(Value::List(_) | Value::Tree(_)) | None => None,
        };
        // The same time may be written in many ways.
        if !end.is_some_and(|end| until.says(&end)) {
            changed |= until.put(tree, "until", |until| Value::Plain(until.to_string()));
        }
        changed
    }

    fn cells(&self, tell: &mut dyn FnMut(&str, (usize, &str))) {
        let Self { name: _, from, to, services, environment, class, ftp, approval, until } = self;
        each("from", from, tell);
        each("to", to, tell);
        each("services", services, tell);
        let single = [
            ("environment", environment.place()),
            ("class", class.place()),
            ("ftp", ftp.place()),
            ("approval", approval.place()),
            ("until", until.place()),
        ];
        for (key, place) in single {
            if let Some(place) = place {
                tell(key, place);
            }
        }
    }
}

impl<T> Said<T> {
    /// Sets what is said under a key, and says whether anything is different now.
    fn put(&self, tree: &mut Tree, key: &str, show: impl Fn(&T) -> Value) -> bool {
        match self {
            Self::Nothing => false,
            Self::Without => tree.remove(key),
            Self::Value(read) => set(tree, key, show(&read.value)),
        }
    }

    fn says(&self, value: &T) -> bool
    where
        T: PartialEq,
    {
        matches!(self, Self::Value(read) if read.value == *value)
    }

    fn place(&self) -> Option<(usize, &str)> {
        match self {
            Self::Nothing | Self::Without => None,
            Self::Value(read) => Some((read.offset, &read.heading)),
        }
    }
}

fn list<T: Clone + FromStr + Ord + ToString>(
    tree: &mut Tree,
    key: &str,
    values: &[Read<T>],
) -> bool {
    let values: Vec<_> = values.iter().map(|read| read.value.clone()).collect();
    set_list(tree, key, &values, |text| text.parse().ok(), T::to_string)
}

fn each<T>(key: &str, values: &[Read<T>], tell: &mut dyn FnMut(&str, (usize, &str))) {
    for (index, read) in values.iter().enumerate() {
        tell(&format!("{key}[{index}]"), (read.offset, &read.heading));
    }
    if let Some(first) = values.first() {
        tell(key, (first.offset, &first.heading));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_list_with_remarks() {
        let ends = |c| c == '。';
        for (text, expected) in [
            ("", [""; 0].as_slice()),
            ("、 ;", &[]),
            ("juki", &["juki"]),
            (
                "juki（首長部局業務系LAN、庁内 192.168.1.10）、atena (a (b), c) 100.72.0.0/16",
                &["juki", "atena", "100.72.0.0/16"],
            ),
            ("tcp/443。", &["tcp/443"]),
            ("juki（open, atena", &["juki"]),
            ("juki）、atena", &["juki", "atena"]),
        ] {
            assert_eq!(parts(text, ends), expected, "{text}");
        }
    }

    #[test]
    fn a_time_is_read_as_spreadsheets_leave_it() {
        let expected: Timestamp = "2099-03-31T08:00:00Z".parse().unwrap();
        for text in [
            "2099-03-31 17:00:00 +09:00",
            "2099-03-31T17:00:00+09:00",
            "2099-03-31T08:00:00Z",
            "2099-03-31 17:00",
            "2099/3/31 17:00",
            "2099/03/31 17:00:00",
            "２０９９/３/３１ １７:００",
        ] {
            assert_eq!(time(text).unwrap(), expected, "{text}");
        }
        for text in ["2099-03-31", "17:00", "3月31日", "2099/13/1 10:00", "2099-03-31 25:00"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
