//! What a request of a route brings and what comes back, said beside its handler.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// A type, as the document asks for its schema.
pub(super) type Of = fn(&mut SchemaGenerator) -> Schema;

/// What a request of a route brings and what comes back where it is carried out.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Shape {
    pub(super) path: Option<Of>,
    pub(super) query: Option<Of>,
    pub(super) takes: Option<Of>,
    pub(super) takes_bytes: bool,
    pub(super) gives: Vec<Content>,
}

/// One form of an answer.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) media: &'static str,
    pub(super) holds: Holds,
}

/// What an answer holds.
#[derive(Clone, Debug)]
pub(super) enum Holds {
    /// One JSON value.
    Value(Of),
    /// A JSON value a line.
    Lines(Of),
    /// Server-sent events, by their names.
    Events(Vec<(&'static str, Of)>),
    /// Text.
    Text,
}

/// An answer of one JSON value.
pub(crate) fn gives<T: JsonSchema>() -> Shape {
    Shape::default().and("application/json", Holds::Value(SchemaGenerator::subschema_for::<T>))
}

/// An answer without a body.
pub(crate) fn gives_nothing() -> Shape {
    Shape::default()
}

/// An answer of a JSON value a line, as they happen.
pub(crate) fn gives_lines<T: JsonSchema>() -> Shape {
    Shape::default().and("application/x-ndjson", Holds::Lines(SchemaGenerator::subschema_for::<T>))
}

/// An answer that is a text.
pub(crate) fn gives_text(media: &'static str) -> Shape {
    Shape::default().and_text(media)
}

/// An answer that goes on, as server-sent events.
pub(crate) fn gives_events() -> Shape {
    Shape::default().and("text/event-stream", Holds::Events(Vec::new()))
}

impl Shape {
    /// Its body is one JSON value.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        Self { takes: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    /// Its body is a file.
    pub(crate) fn takes_bytes(self) -> Self {
        Self { takes_bytes: true, ..self }
    }

    /// Its query has the fields of this type.
    pub(crate) fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(T::json_schema), ..self }
    }

    /// The parameter of its path is such a value; a text where nothing is said.
    pub(crate) fn path<T: JsonSchema>(self) -> Self {
        Self { path: Some(T::json_schema), ..self }
    }

    /// It may be a text instead.
    pub(crate) fn and_text(self, media: &'static str) -> Self {
        self.and(media, Holds::Text)
    }

    /// One of its events.
    pub(crate) fn event<T: JsonSchema>(mut self, name: &'static str) -> Self {
        for content in &mut self.gives {
            if let Holds::Events(events) = &mut content.holds {
                events.push((name, SchemaGenerator::subschema_for::<T>));
            }
        }
        self
    }

    fn and(mut self, media: &'static str, holds: Holds) -> Self {
        self.gives.push(Content { media, holds });
        self
    }
}
