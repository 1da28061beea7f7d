//! Walks parsed TOML: knows where everything stands, collects problems, and finds the keys that nobody read.

use std::collections::BTreeSet;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{Rule, Shape};

/// Which of the two files.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum File {
    Site,
    Profile,
}

/// A place in a file.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    pub(crate) file: File,
    /// In bytes from the file's start.
    pub(crate) offset: usize,
    /// TOML path.
    pub(crate) path: String,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) found: Vec<(Place, Rule)>,
    broken: BTreeSet<File>,
}

/// A table that is being read.
pub(crate) struct Table<'t> {
    entries: &'t DeTable<'t>,
    base: usize,
    pub(crate) place: Place,
    known: Vec<&'static str>,
    rest_ignored: bool,
}

/// A value that is being read.
#[derive(Clone)]
pub(crate) struct Node<'t> {
    value: &'t DeValue<'t>,
    base: usize,
    pub(crate) place: Place,
}

/// Syntax problems of one file beyond this number say nothing new.
const MOST_SYNTAX_PROBLEMS: usize = 20;

impl Place {
    /// The first byte of a file.
    pub(crate) fn start(file: File) -> Self {
        Self { file, offset: 0, path: String::new() }
    }

    fn key(&self, offset: usize, key: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { file: self.file, offset, path: format!("{}{dot}{key}", self.path) }
    }
}

impl Log {
    /// Takes down a problem.
    pub(crate) fn add(&mut self, place: &Place, rule: Rule) {
        self.found.push((place.clone(), rule));
    }

    /// Whether a file's text has holes: what isn't there may only have been unreadable.
    pub(crate) fn is_broken(&self, file: File) -> bool {
        self.broken.contains(&file)
    }

    /// Notes that a file's text has holes.
    pub(crate) fn set_broken(&mut self, file: File) {
        self.broken.insert(file);
    }
}

/// Reads a text whole as a table. `base` is where the text begins in its file, in bytes.
pub(crate) fn read<T>(
    (file, text, base): (File, &str, usize),
    log: &mut Log,
    read: impl FnOnce(&mut Table<'_>, &mut Log) -> T,
) -> T {
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        log.set_broken(file);
    }
    let place = Place { file, offset: base, path: String::new() };
    for error in errors.iter().take(MOST_SYNTAX_PROBLEMS) {
        let offset = base + error.span().map_or(0, |span| span.start);
        let detail = error.message().to_owned();
        log.add(&Place { offset, ..place.clone() }, Rule::Syntax { detail });
    }
    Table::new(root.get_ref(), base, place).read(log, read)
}

impl<'t> Table<'t> {
    fn new(entries: &'t DeTable<'t>, base: usize, place: Place) -> Self {
        Self { entries, base, place, known: Vec::new(), rest_ignored: false }
    }

    /// Fills a value from the table, then reports the keys that weren't asked for.
    fn read<T>(mut self, log: &mut Log, fill: impl FnOnce(&mut Self, &mut Log) -> T) -> T {
        let filled = fill(&mut self, log);
        for (key, _) in self.entries {
            let name: &str = key.get_ref();
            if !self.rest_ignored && !self.known.contains(&name) {
                let place = self.place.key(self.base + key.span().start, name);
                log.add(
                    &place,
                    Rule::UnknownKey { key: name.to_owned(), known: self.known.clone() },
                );
            }
        }
        filled
    }

    /// The value of a key that may be missing.
    pub(crate) fn optional(&mut self, key: &'static str) -> Option<Node<'t>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        Some(self.node(key, value))
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&mut self, key: &'static str, log: &mut Log) -> Option<Node<'t>> {
        let node = self.optional(key);
        if node.is_none() && !log.is_broken(self.place.file) {
            log.add(&self.place.key(self.place.offset, key), Rule::MissingKey { key });
        }
        node
    }

    /// Reads every table of a list that may be missing, and says whether that is the list whole.
    pub(crate) fn rows<T>(
        &mut self,
        key: &'static str,
        log: &mut Log,
        mut fill: impl FnMut(&mut Table<'t>, &mut Log) -> T,
    ) -> (Vec<T>, bool) {
        let list = self.optional(key).map_or(Some(Vec::new()), |node| node.list(log));
        let is_list = list.is_some();
        let read: Vec<_> = list.iter().flatten().map(|entry| entry.table(log, &mut fill)).collect();
        let whole = is_list && read.iter().all(Option::is_some) && !log.is_broken(self.place.file);
        (read.into_iter().flatten().collect(), whole)
    }

    /// Whether a key is there, without reading it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Passes by all remaining keys: the file is another one than it should be, its keys are not ours to judge.
    pub(crate) fn ignore_rest(&mut self) {
        self.rest_ignored = true;
    }

    fn node(&self, key: &str, value: &'t Spanned<DeValue<'t>>) -> Node<'t> {
        Node {
            value: value.get_ref(),
            base: self.base,
            place: self.place.key(self.base + value.span().start, key),
        }
    }
}

impl<'t> Node<'t> {
    /// The text.
    pub(crate) fn text(&self, log: &mut Log) -> Option<&'t str> {
        self.expect(self.value.as_str(), Shape::Text, log)
    }

    /// The whole number, in its bounds; the rule otherwise comes from `refuse`.
    pub(crate) fn integer<T: TryFrom<i64>>(
        &self,
        (least, most): (i64, i64),
        log: &mut Log,
        refuse: impl FnOnce(String) -> Rule,
    ) -> Option<At<T>> {
        let integer = self.expect(self.value.as_integer(), Shape::Integer, log)?;
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let fitting = number.filter(|number| (least..=most).contains(number));
        match fitting.and_then(|number| T::try_from(number).ok()) {
            Some(value) => Some(self.at(value)),
            None => self.refuse(refuse(integer.to_string()), log),
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, log: &mut Log) -> Option<At<bool>> {
        self.expect(self.value.as_bool(), Shape::Boolean, log).map(|value| self.at(value))
    }

    /// The date and time.
    pub(crate) fn time(&self, log: &mut Log) -> Option<&'t toml::value::Datetime> {
        self.expect(self.value.as_datetime(), Shape::Time, log)
    }

    /// The entries; `None` where it is no list.
    pub(crate) fn list(&self, log: &mut Log) -> Option<Vec<Node<'t>>> {
        let list = self.expect(self.value.as_array(), Shape::List, log)?;
        let entries = list.iter().enumerate().map(|(index, value)| Node {
            value: value.get_ref(),
            base: self.base,
            place: Place {
                file: self.place.file,
                offset: self.base + value.span().start,
                path: format!("{}[{index}]", self.place.path),
            },
        });
        Some(entries.collect())
    }

    /// Reads every entry of a list of tables; `None` where the list can't be known whole.
    pub(crate) fn tables<T>(
        &self,
        log: &mut Log,
        mut fill: impl FnMut(&mut Table<'t>, &mut Log) -> T,
    ) -> Option<Vec<T>> {
        let entries: Vec<_> =
            self.list(log)?.iter().map(|entry| entry.table(log, &mut fill)).collect();
        let whole = entries.into_iter().collect();
        if log.is_broken(self.place.file) { None } else { whole }
    }

    /// Fills a value from a table.
    pub(crate) fn table<T>(
        &self,
        log: &mut Log,
        fill: impl FnOnce(&mut Table<'t>, &mut Log) -> T,
    ) -> Option<T> {
        let entries = self.expect(self.value.as_table(), Shape::Table, log)?;
        Some(Table::new(entries, self.base, self.place.clone()).read(log, fill))
    }

    /// The text, converted; the rule otherwise comes from `refuse`.
    pub(crate) fn parse<T, E>(
        &self,
        log: &mut Log,
        convert: impl FnOnce(&str) -> Result<T, E>,
        refuse: impl FnOnce(String, E) -> Rule,
    ) -> Option<At<T>> {
        let text = self.text(log)?;
        match convert(text) {
            Ok(value) => Some(self.at(value)),
            Err(error) => self.refuse(refuse(text.to_owned(), error), log),
        }
    }

    /// A value that stands here.
    pub(crate) fn at<T>(&self, value: T) -> At<T> {
        At { value, place: self.place.clone() }
    }

    /// Takes down a problem of this value.
    pub(crate) fn refuse<T>(&self, rule: Rule, log: &mut Log) -> Option<T> {
        log.add(&self.place, rule);
        None
    }

    fn expect<T>(&self, value: Option<T>, expected: Shape, log: &mut Log) -> Option<T> {
        if value.is_none() {
            log.add(&self.place, Rule::WrongType { expected, found: shape(self.value) });
        }
        value
    }
}

fn shape(value: &DeValue<'_>) -> Shape {
    match value {
        DeValue::String(_) => Shape::Text,
        DeValue::Integer(_) => Shape::Integer,
        DeValue::Float(_) => Shape::Float,
        DeValue::Boolean(_) => Shape::Boolean,
        DeValue::Datetime(_) => Shape::Time,
        DeValue::Array(_) => Shape::List,
        DeValue::Table(_) => Shape::Table,
    }
}
