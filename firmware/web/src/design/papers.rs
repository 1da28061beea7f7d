//! Papers that an office prints or hands to others.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use sekisho_design::{Language, Sheet, ledger};
use sekisho_plan::ruleset::TUNNEL_HABITS;
use serde::Deserialize;
use serde_json::json;

use super::tools::{Files, Whole, off_the_loop, refused};
use crate::{
    access::Verb,
    answer::{Asked, Refusal},
    app::App,
    router::Handler,
};

pub(super) fn handlers() -> Vec<Handler> {
    vec![(Verb::Post, "/api/design/sheet", axum::routing::post(sheet))]
}

#[derive(Deserialize)]
struct Wish {
    #[serde(flatten)]
    files: Files,
    language: Language,
    form: Form,
    #[serde(default)]
    written: Written,
}

/// Which paper.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Written {
    /// For printing, inside JSON.
    #[default]
    Html,
    /// For a spreadsheet.
    Csv,
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
            Written::Html => Json(json!({ "html": sheet.html() })).into_response(),
            Written::Csv => {
                ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], sheet.csv()).into_response()
            }
        })
    })
    .await?
}
