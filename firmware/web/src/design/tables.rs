//! Tables of a spreadsheet, put into a design.

use std::collections::BTreeMap;

use axum::Json;
use data_encoding::BASE64;
use schemars::JsonSchema;
use sekisho_design::{Changes, Report, RowKind, Source, Tables, import};
use serde::{Deserialize, Serialize};

use super::tools::{SITE, off_the_loop, refused, reports, source};
use crate::{
    access::Verb,
    answer::{Asked, Refusal},
    openapi::gives,
    router::Handler,
};

/// The name that problems give the table.
const TABLE: &str = "table.csv";

pub(super) fn handlers() -> Vec<Handler> {
    vec![(
        Verb::Post,
        "/api/design/import",
        axum::routing::post(put_in),
        gives::<Done>().takes::<Given>(),
    )]
}

/// A table for a site design.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Import")]
struct Given {
    site: String,
    table: Table,
    kind: Kind,
}

/// The table's bytes: which letters they are is found out by reading them (Shift JIS, UTF-8).
#[derive(Deserialize, JsonSchema)]
struct Table {
    base64: String,
}

/// What the rows are about.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "TableKind")]
enum Kind {
    /// Servers and terminals.
    Rows,
    /// What may start what.
    Policies,
}

/// The site design with the table in it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Imported")]
struct Done {
    site: String,
    changes: BTreeMap<RowKind, Changes>,
    notices: Vec<Report>,
}

async fn put_in(Asked(given): Asked<Given>) -> Result<Json<Done>, Refusal> {
    let bytes = BASE64
        .decode(given.table.base64.as_bytes())
        .map_err(|_| Refusal::malformed("the table isn't in base64"))?;
    off_the_loop(move || {
        let table = Some(Source { name: TABLE, bytes: &bytes });
        let tables = match given.kind {
            Kind::Rows => Tables { servers: table, terminals: table, flows: None, replace: false },
            Kind::Policies => {
                Tables { servers: None, terminals: None, flows: table, replace: false }
            }
        };
        let done = import(&source(SITE, &given.site), &tables).map_err(refused)?;
        let notices = reports(done.notices);
        Ok(Json(Done { site: done.site, changes: done.changes, notices }))
    })
    .await?
}
