//! The schemas of what is asked and of what is answered.
//!
//! A type may have two: what may be left out of a request, an answer always says. None that is on both sides does, and a test
//! sees to it, so the document has one of each.

use schemars::{
    Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value, json};

use super::shape::Of;

/// Both sides.
#[derive(Debug)]
pub(super) struct Schemas {
    asked: SchemaGenerator,
    given: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12()
                .with(|settings| settings.definitions_path = "/components/schemas".into())
        };
        Self {
            asked: settings().for_deserialize().into_generator(),
            given: settings().for_serialize().into_generator(),
        }
    }

    /// Of what somebody asks.
    pub(super) fn asked(&mut self, of: Of) -> Value {
        tidied(of(&mut self.asked))
    }

    /// Of what is answered.
    pub(super) fn given(&mut self, of: Of) -> Value {
        tidied(of(&mut self.given))
    }

    /// Those with a name, of each side.
    pub(super) fn named(&mut self) -> [Map<String, Value>; 2] {
        [&mut self.asked, &mut self.given].map(|side| {
            let named = side.take_definitions(true).into_iter();
            named.map(|(name, schema)| (name, tidy(schema))).collect()
        })
    }
}

fn tidy(schema: Value) -> Value {
    Schema::try_from(schema).map_or(Value::Bool(true), tidied)
}

fn tidied(mut schema: Schema) -> Value {
    RecursiveTransform(plain_words).transform(&mut schema);
    RecursiveTransform(left_out).transform(&mut schema);
    RecursiveTransform(all_of).transform(&mut schema);
    schema.into()
}

/// Links of rustdoc lead nowhere here.
fn plain_words(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
    }
}

/// A reference with fields beside it is both, which some programs take for the reference alone.
fn all_of(schema: &mut Schema) {
    if schema.get("properties").is_some()
        && let Some(reference) = schema.remove("$ref")
    {
        schema.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
}

/// What isn't there is left out, and not null.
fn left_out(schema: &mut Schema) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, property) in properties {
        if !required.iter().any(|required| required == name) {
            never_null(property);
        }
    }
}

fn never_null(property: &mut Value) {
    let Value::Object(property) = property else { return };
    if property.get("default") == Some(&Value::Null) {
        property.remove("default");
    }
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            property["type"] = one.clone();
        }
    }
    if let Some(Value::Array(choices)) = property.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(one)] = choices.as_slice() {
            let one = one.clone();
            property.remove("anyOf");
            property.extend(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;

    /// See [`Thing::number`].
    #[derive(Deserialize, JsonSchema, Serialize)]
    struct Thing {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u8>,
        text: Option<String>,
    }

    #[test]
    fn a_tag_is_beside_what_it_is_of() {
        #[derive(JsonSchema, Serialize)]
        #[serde(tag = "is")]
        #[expect(dead_code, reason = "only its schema counts")]
        enum Tagged {
            Thing(Thing),
        }
        let mut schemas = Schemas::new();
        schemas.given(SchemaGenerator::subschema_for::<Tagged>);
        let [_, given] = schemas.named();
        let thing = &given["Tagged"]["oneOf"][0];
        assert_eq!(thing["allOf"], json!([{ "$ref": "#/components/schemas/Thing" }]));
        assert_eq!(thing["properties"]["is"]["const"], "Thing");
    }

    #[test]
    fn what_may_be_left_out_is_never_null() {
        let mut schemas = Schemas::new();
        assert_eq!(
            schemas.given(SchemaGenerator::subschema_for::<Thing>),
            json!({ "$ref": "#/components/schemas/Thing" })
        );
        let [_, given] = schemas.named();
        let thing = &given["Thing"];
        assert_eq!(thing["description"], "See `Thing::number`.");
        assert_eq!(thing["properties"]["number"]["type"], "integer");
        assert_eq!(thing["properties"]["text"]["type"], json!(["string", "null"]));
        assert_eq!(thing["required"], json!(["text"]));
    }
}
