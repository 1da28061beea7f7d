//! A file of TOML as a tree of JSON, and back. Comments are the text's alone.

use serde_json::{Map, Value};
use toml_edit::{Array, InlineTable, Key};

/// TOML's times have no kind of their own in JSON: they are a table of this one key.
const TIME: &str = "$time";

/// A tree that no file of TOML says.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum NoFile {
    /// TOML knows no such value.
    #[error("{0} is null, which no file can say")]
    Null(String),
    /// A number beyond 64 bits.
    #[error("{0} is too large a number")]
    Number(String),
    /// Not a time as RFC 3339 writes it.
    #[error("{0} is no time")]
    Time(String),
    /// A file is a table.
    #[error("the tree is no table")]
    NoTable,
}

/// The tree of a file that can be read.
pub(super) fn of(table: toml::Table) -> Value {
    json(toml::Value::Table(table))
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(is) => is.into(),
        toml::Value::Datetime(time) => {
            Map::from_iter([(TIME.to_owned(), time.to_string().into())]).into()
        }
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => {
            table.into_iter().map(|(key, value)| (key, json(value))).collect::<Map<_, _>>().into()
        }
    }
}

/// A file that says what the tree says, a line a key; the design room gives it its form.
pub(super) fn text(tree: &Value) -> Result<String, NoFile> {
    let Value::Object(root) = tree else { return Err(NoFile::NoTable) };
    let line = |(key, value): (&String, &Value)| {
        let said = toml(value, key)?.to_string();
        Ok(format!("{} = {}\n", Key::new(key), said.trim()))
    };
    root.iter().map(line).collect()
}

fn toml(value: &Value, path: &str) -> Result<toml_edit::Value, NoFile> {
    Ok(match value {
        Value::Null => return Err(NoFile::Null(path.to_owned())),
        Value::Bool(is) => (*is).into(),
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(part)) if !number.is_u64() => part.into(),
            (None, _) => return Err(NoFile::Number(path.to_owned())),
        },
        Value::Array(values) => {
            let values = values.iter().enumerate();
            let array: Result<Array, _> =
                values.map(|(at, value)| toml(value, &format!("{path}[{at}]"))).collect();
            array?.into()
        }
        Value::Object(table) => {
            if let (1, Some(Value::String(time))) = (table.len(), table.get(TIME)) {
                let time: toml_edit::Datetime =
                    time.parse().map_err(|_| NoFile::Time(path.to_owned()))?;
                return Ok(time.into());
            }
            let mut inline = InlineTable::new();
            for (key, value) in table {
                inline.insert(key, toml(value, &format!("{path}.{key}"))?);
            }
            inline.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};
    use serde_json::json;

    use super::*;

    fn trees() -> impl Strategy<Value = Value> {
        let time = Just(json!({ TIME: "2099-03-31T17:00:00+09:00" }));
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            time
        ];
        let inner = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|table| table.into_iter().collect::<Map<_, _>>().into()),
            ]
        });
        collection::btree_map(any::<String>(), inner, 0..4)
            .prop_map(|table| table.into_iter().collect::<Map<_, _>>().into())
    }

    proptest! {
        #[test]
        fn a_tree_is_the_same_after_its_text(tree in trees()) {
            let text = text(&tree).unwrap();
            prop_assert_eq!(of(toml::from_str(&text).unwrap()), tree, "{}", text);
        }
    }

    #[test]
    fn what_no_file_can_say_is_refused_by_its_place() {
        for (tree, fault) in [
            (json!([]), NoFile::NoTable),
            (json!({ "a": [{ "b": null }] }), NoFile::Null("a[0].b".to_owned())),
            (json!({ "a": u64::MAX }), NoFile::Number("a".to_owned())),
            (json!({ "a": { TIME: "soon" } }), NoFile::Time("a".to_owned())),
        ] {
            assert_eq!(text(&tree), Err(fault), "{tree}");
        }
    }
}
