//! The API's document (`OpenAPI` 3.1), made from the table of routes and from what the handlers say of their requests.
//!
//! The page's types come from it, and whoever tests the API goes by it.

mod schemas;
mod shape;

use axum::{Json, http::StatusCode, routing::get};
use serde_json::{Map, Value, json};

pub use self::shape::Shape;
pub(crate) use self::shape::{gives, gives_events, gives_lines, gives_nothing, gives_text};
use self::{
    schemas::Schemas,
    shape::{Content, Holds},
};
use crate::{
    access::{Entry, Role, Verb, Who, table},
    answer::Refusal,
    guard::TOKEN,
    router::{self, Handler},
    session::cookie,
};

pub(crate) fn handlers() -> Vec<Handler> {
    let document = get(async || Json(document()));
    vec![(Verb::Get, "/api/openapi.json", document, gives::<Map<String, Value>>())]
}

/// The document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let paths = paths(&mut schemas);
    let refusal = schemas.given(schemars::SchemaGenerator::subschema_for::<Refusal>);
    let [mut named, given] = schemas.named();
    named.extend(given);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sekisho's local page",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the local page asks of the device. x-roles says who may; everybody else gets 401 or 403.",
        },
        "paths": paths,
        "components": {
            "schemas": named,
            "responses": {
                "Refusal": {
                    "description": "It wasn't carried out.",
                    "content": { "application/json": { "schema": refusal } },
                },
            },
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": cookie::NAME },
                "token": { "type": "apiKey", "in": "header", "name": TOKEN },
            },
        },
    })
}

/// The document as a file.
pub fn text() -> String {
    format!("{:#}\n", document())
}

fn paths(schemas: &mut Schemas) -> Map<String, Value> {
    let handlers = router::handlers();
    let mut paths = Map::new();
    for entry in table() {
        let of_it = |(verb, path, ..): &&Handler| (*verb, *path) == (entry.method, entry.path);
        // The router isn't built without.
        let Some((.., shape)) = handlers.iter().find(of_it) else { continue };
        let methods = paths.entry(entry.path).or_insert_with(|| json!({}));
        methods[entry.method.to_string().to_lowercase()] = operation(&entry, shape, schemas);
    }
    paths
}

fn operation(entry: &Entry, shape: &Shape, schemas: &mut Schemas) -> Value {
    let roles = Role::ALL.into_iter().filter(|role| entry.who.allows(*role));
    let (status, answer) = answer(shape, schemas);
    let mut operation = json!({
        "summary": entry.what,
        "x-roles": roles.collect::<Vec<_>>(),
        "security": security(entry),
        "responses": {
            status.as_str(): answer,
            "default": { "$ref": "#/components/responses/Refusal" },
        },
    });
    let parameters = parameters(entry, shape, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(takes) = shape.takes {
        let schema = schemas.asked(takes);
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    if shape.takes_bytes {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/octet-stream": {} } });
    }
    operation
}

fn security(entry: &Entry) -> Value {
    match (entry.who, entry.method.is_safe()) {
        (Who::Anyone, _) => json!([]),
        (_, true) => json!([{ "session": [] }]),
        (_, false) => json!([{ "session": [], "token": [] }]),
    }
}

fn parameters(entry: &Entry, shape: &Shape, schemas: &mut Schemas) -> Vec<Value> {
    let mut parameters = Vec::new();
    let named = entry.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    for name in named {
        let schema = shape.path.map_or_else(|| json!({ "type": "string" }), |of| schemas.asked(of));
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
    }
    let query = shape.query.map(|of| schemas.asked(of)).unwrap_or_default();
    for (name, schema) in query["properties"].as_object().into_iter().flatten() {
        parameters.push(json!({ "name": name, "in": "query", "schema": schema }));
    }
    parameters
}

fn answer(shape: &Shape, schemas: &mut Schemas) -> (StatusCode, Value) {
    if shape.gives.is_empty() {
        return (StatusCode::NO_CONTENT, json!({ "description": "It is done." }));
    }
    let contents = shape.gives.iter();
    let contents: Map<_, _> = contents
        .map(|Content { media, holds }| ((*media).to_owned(), content(holds, schemas)))
        .collect();
    (StatusCode::OK, json!({ "description": "What was asked for.", "content": contents }))
}

fn content(holds: &Holds, schemas: &mut Schemas) -> Value {
    match holds {
        Holds::Value(of) => json!({ "schema": schemas.given(*of) }),
        Holds::Lines(of) => json!({ "schema": { "type": "string" }, "x-line": schemas.given(*of) }),
        Holds::Events(events) => {
            let events: Map<_, _> =
                events.iter().map(|(name, of)| ((*name).to_owned(), schemas.given(*of))).collect();
            json!({ "schema": { "type": "string" }, "x-events": events })
        }
        Holds::Text => json!({ "schema": { "type": "string" } }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_every_route_with_its_roles_and_no_other() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let told: BTreeSet<String> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let routes: BTreeSet<String> = table().iter().map(Entry::to_string).collect();
        assert_eq!(told, routes);
        for entry in table() {
            let operation = &paths[entry.path][entry.method.to_string().to_lowercase()];
            let roles: Vec<Role> = serde_json::from_value(operation["x-roles"].clone()).unwrap();
            for role in Role::ALL {
                assert_eq!(roles.contains(&role), entry.who.allows(role), "{entry}: {role}");
            }
            assert_eq!(operation["security"] == json!([]), entry.who == Who::Anyone, "{entry}");
        }
    }

    #[test]
    fn a_type_has_one_schema_and_a_name_one_type() {
        let mut schemas = Schemas::new();
        paths(&mut schemas);
        let [asked, given] = schemas.named();
        for (name, schema) in &asked {
            assert!(given.get(name).is_none_or(|other| other == schema), "{name}: {schema:#}");
        }
        let last = |name: &str| name.chars().next_back();
        let numbered = |name: &&String| last(name).is_some_and(|last| last.is_ascii_digit());
        let twice: Vec<_> = asked.keys().chain(given.keys()).filter(numbered).collect();
        assert!(
            twice.is_empty(),
            "two types have one name; rename one for the document: {twice:?}"
        );
    }
}
