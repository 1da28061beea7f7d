//! Papers that an office prints or hands to others.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use sekisho_design::{Language, Sheet, ledger};
use sekisho_plan::ruleset::TUNNEL_HABITS;
use serde::{Deserialize, Serialize};

use super::tools::{Files, Whole, off_the_loop, refused};
use crate::{
    access::Verb,
    answer::{Asked, Refusal},
    app::App,
    openapi::gives,
    router::Handler,
};

pub(super) fn handlers() -> Vec<Handler> {
    vec![(
        Verb::Post,
        "/api/design/sheet",
        axum::routing::post(sheet),
        gives::<Printable>().and_text("text/csv").takes::<Wish>(),
    )]
}

/// Which paper of which design.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SheetWish")]
struct Wish {
    #[serde(flatten)]
    files: Files,
    language: Language,
    form: Form,
    #[serde(default)]
    written: Written,
}

/// Which paper.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SheetForm")]
enum Form {
    /// アドレス変換設計書.
    Translation,
    /// 通信フロー一覧.
    Flows,
    /// ファイアウォール設定依頼書.
    Firewall,
    /// アドレス台帳.
    Ledger,
}

/// How a paper is written.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Written {
    /// For printing, inside JSON.
    #[default]
    Html,
    /// For a spreadsheet.
    Csv,
}

/// A paper for printing.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Sheet")]
struct Printable {
    html: String,
}

async fn sheet(State(app): State<App>, Asked(wish): Asked<Wish>) -> Result<Response, Refusal> {
    let Wish { files, language, form, written } = wish;
    let whole = Whole::of(&app, files).await?;
    off_the_loop(move || {
        let sheet = match form {
            Form::Ledger => whole.with(ledger).map(|ledger| ledger.sheet(language)),
            Form::Translation => whole.design().map(|design| Sheet::translation(&design, language)),
            Form::Flows => whole.design().map(|design| Sheet::flows(&design, language)),
            Form::Firewall => {
                whole.design().map(|design| Sheet::firewall(&design, &TUNNEL_HABITS, language))
            }
        };
        let sheet = sheet.map_err(refused)?;
        Ok(match written {
            Written::Html => Json(Printable { html: sheet.html() }).into_response(),
            Written::Csv => {
                ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], sheet.csv()).into_response()
            }
        })
    })
    .await?
}
