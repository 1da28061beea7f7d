//! The schema of a file, and the one place where files of older schemas become files of the current one.

use crate::{
    Rule,
    draft::bounds,
    reader::{Log, Table},
};

/// The schema that both files are read by.
pub(crate) const CURRENT: i64 = 1;

/// Whether the rest of a file can be read, which nothing does before this is asked.
///
/// The first schema is the current one, so a file is taken as it stands. A schema after it gets an arm here, and that
/// arm brings the older file's keys up to the current ones; no other room knows more than one schema.
pub(crate) fn is_current(table: &mut Table<'_>, log: &mut Log) -> bool {
    let Some(node) = table.required("schema", log) else { return true };
    let Some(found) = node.integer((i64::MIN, i64::MAX), log, bounds(i64::MIN, i64::MAX)) else {
        return true;
    };
    let rule = match found.value {
        CURRENT => return true,
        found if found > CURRENT => Rule::SchemaNewer { found, known: CURRENT },
        found => Rule::SchemaUnknown { found, known: CURRENT },
    };
    log.add(&node.place, rule);
    table.ignore_rest();
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{self, File};

    /// Whether a text can be read, and the codes of what is said about it.
    fn read(text: &str) -> (bool, Vec<&'static str>) {
        let mut log = Log::default();
        let current = reader::read((File::Site, text, 0), &mut log, is_current);
        (current, log.found.iter().map(|(_, rule)| rule.code()).collect())
    }

    #[test]
    fn the_current_schema_is_read_as_it_stands() {
        assert_eq!(read("schema = 1"), (true, vec![]));
        assert_eq!(read("schema = 1\nother = 2"), (true, vec!["FORM-03"]));
    }

    #[test]
    fn the_keys_of_another_schema_are_not_judged() {
        assert_eq!(read("schema = 2\nother = 2"), (false, vec!["FORM-01"]));
        assert_eq!(read("schema = 9223372036854775807"), (false, vec!["FORM-01"]));
        assert_eq!(read("schema = 0\nother = 2"), (false, vec!["FORM-02"]));
        assert_eq!(read("schema = -1"), (false, vec!["FORM-02"]));
    }

    #[test]
    fn without_a_number_everything_is_reported() {
        assert_eq!(read("other = 2"), (true, vec!["FORM-04", "FORM-03"]));
        assert_eq!(read("schema = \"1\""), (true, vec!["FORM-05"]));
        assert_eq!(read("schema = 9223372036854775808"), (true, vec!["FORM-19"]));
    }
}
