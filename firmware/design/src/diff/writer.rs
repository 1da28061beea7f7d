//! Sentences about what is added, removed and changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use super::Difference;
use crate::{Both, words::both};

/// The differences found so far.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) found: Vec<Difference>,
}

/// What a sentence is about.
pub(super) struct Thing {
    path: String,
    name: Both,
}

/// The word of the design file for a field, and its names in Japanese and English.
pub(super) type Field<'a> = (&'a str, &'a str, &'a str);

impl Thing {
    pub(super) fn new(path: impl Into<String>, name: Both) -> Self {
        Self { path: path.into(), name }
    }

    /// Something that belongs to this.
    pub(super) fn part(&self, path: &str, name: &Both) -> Self {
        let of = |whole: &str, joint: &str, part: &str| format!("{whole}{joint}{part}");
        Self {
            path: of(&self.path, ".", path),
            name: label(of(&self.name.ja, "の", &name.ja), of(&self.name.en, ": ", &name.en)),
        }
    }
}

impl Writer {
    fn say(&mut self, path: String, ja: String, en: String) {
        self.found.push(Difference { path, sentence: Both { ja, en } });
    }

    /// A field with one value.
    pub(super) fn value<T: PartialEq>(
        &mut self,
        thing: &Thing,
        (key, ja, en): Field<'_>,
        (before, after): (&T, &T),
        show: impl Fn(&T) -> Both,
    ) {
        if before == after {
            return;
        }
        let (before, after) = (show(before), show(after));
        self.say(
            format!("{}.{key}", thing.path),
            format!("{}：{ja}が {} から {} に変わります。", thing.name.ja, before.ja, after.ja),
            format!("{}: the {en} changes from {} to {}.", thing.name.en, before.en, after.en),
        );
    }

    /// A field whose values have no order.
    pub(super) fn set<T: Ord + Display>(
        &mut self,
        thing: &Thing,
        (key, ja, en): Field<'_>,
        (before, after): (&BTreeSet<T>, &BTreeSet<T>),
    ) {
        let path = || format!("{}.{key}", thing.path);
        let Thing { name, .. } = thing;
        let gone = listed(before.difference(after));
        let new = listed(after.difference(before));
        if !gone.en.is_empty() {
            let ja = format!("{}：{ja}から {} がなくなります。", name.ja, gone.ja);
            self.say(path(), ja, format!("{}: {} leaves the {en}.", name.en, gone.en));
        }
        if !new.en.is_empty() {
            let ja = format!("{}：{ja}に {} が加わります。", name.ja, new.ja);
            self.say(path(), ja, format!("{}: {} joins the {en}.", name.en, new.en));
        }
    }

    /// Rows that are known by a key: those that go, those that come, and what changes in those that stay.
    pub(super) fn rows<'a, K: Ord, T: 'a>(
        &mut self,
        (before, after): (
            impl IntoIterator<Item = (K, &'a T)>,
            impl IntoIterator<Item = (K, &'a T)>,
        ),
        thing: impl Fn(&K) -> Thing,
        describe: impl Fn(&T) -> Both,
        compare: impl Fn(&mut Self, &Thing, &T, &T),
    ) {
        let before: BTreeMap<K, &T> = before.into_iter().collect();
        let after: BTreeMap<K, &T> = after.into_iter().collect();
        for (key, row) in &before {
            let thing = thing(key);
            if let Some(other) = after.get(key) {
                compare(self, &thing, row, other);
            } else {
                let Both { ja, en } = describe(row);
                let ja = format!("{}（{ja}）がなくなります。", thing.name.ja);
                self.say(thing.path, ja, format!("{} ({en}) is removed.", thing.name.en));
            }
        }
        for (key, row) in after.iter().filter(|(key, _)| !before.contains_key(key)) {
            let (thing, Both { ja, en }) = (thing(key), describe(row));
            let ja = format!("{}（{ja}）が加わります。", thing.name.ja);
            self.say(thing.path, ja, format!("{} ({en}) is added.", thing.name.en));
        }
    }
}

/// A text that each language has for itself.
pub(super) fn label(ja: impl Into<String>, en: impl Into<String>) -> Both {
    Both { ja: ja.into(), en: en.into() }
}

/// A value that reads the same in both languages.
pub(super) fn shown(value: &impl Display) -> Both {
    label(value.to_string(), value.to_string())
}

/// Values in a row.
pub(super) fn listed<T: Display>(values: impl IntoIterator<Item = T>) -> Both {
    let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    both(|language| language.list(&values))
}

/// Values in a row, where there may be none.
pub(super) fn listed_or_none<T: Display>(values: &[T]) -> Both {
    if values.is_empty() { label(NONE.0, NONE.1) } else { listed(values) }
}

/// Where there is nothing, in Japanese and English.
pub(super) const NONE: (&str, &str) = ("なし", "none");

/// How to show a value that may be left out.
pub(super) fn optional<T>(
    absent: (&'static str, &'static str),
    show: impl Fn(&T) -> Both,
) -> impl Fn(&Option<T>) -> Both {
    move |value| value.as_ref().map_or_else(|| label(absent.0, absent.1), &show)
}
