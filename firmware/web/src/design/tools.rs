//! The file as a tree and back, its problems, its ledger, what is different.

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use sekisho_control::{Generation, Outcome, Stored};
use sekisho_design::{
    Accepted, Design, Difference, Ledger, Problem, Problems, PublicKey, Report, Source, Sources,
    Trust, check, diff, format, ledger,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::tree;
use crate::{
    access::Verb,
    answer::{Asked, Refusal, RefusalKind},
    app::App,
    openapi::gives,
    router::Handler,
};

/// The name that problems give the site design.
pub(super) const SITE: &str = "site.toml";
const PROFILE: &str = "platform-profile.toml";

/// The largest key file that makes sense, in bytes.
const KEY_FILE: u64 = 256;

pub(super) fn handlers() -> Vec<Handler> {
    use axum::routing::post;
    vec![
        (Verb::Post, "/api/design/parse", post(parse), gives::<Tree>().takes::<Text>()),
        (Verb::Post, "/api/design/print", post(print), gives::<Text>().takes::<Tree>()),
        (Verb::Post, "/api/design/check", post(look_over), gives::<Found>().takes::<Files>()),
        (Verb::Post, "/api/design/compare", post(compare), gives::<Compared>().takes::<Pair>()),
    ]
}

/// Both files of a design; the profile in force where it is left out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DesignFiles")]
pub(super) struct Files {
    pub(super) site: String,
    #[serde(default)]
    profile: Option<String>,
}

/// Both files, there or fetched, and the key that the profile is signed with.
pub(super) struct Whole {
    site: String,
    profile: String,
    operator: PublicKey,
}

impl Whole {
    pub(super) async fn of(app: &App, files: Files) -> Result<Self, Refusal> {
        let Files { site, profile } = files;
        let profile = match profile {
            Some(profile) => profile,
            None => in_force(app).await?.map_or_else(String::new, |stored| stored.profile),
        };
        Ok(Self { site, profile, operator: operator(app).await? })
    }

    /// Calls the design room with both.
    pub(super) fn with<T>(&self, ask: impl FnOnce(&Sources<'_>, &Trust) -> T) -> T {
        let sources =
            Sources { site: source(SITE, &self.site), profile: source(PROFILE, &self.profile) };
        // Which profile is in force is the daemon's to know: it refuses an older one with the plan and the apply.
        ask(&sources, &Trust { operator: self.operator, in_force: None })
    }

    pub(super) fn design(&self) -> Result<Design, Problems> {
        self.with(check).map(|accepted| accepted.design)
    }
}

pub(super) fn source<'a>(name: &'a str, text: &'a str) -> Source<'a> {
    Source { name, bytes: text.as_bytes() }
}

/// The newest generation that was kept.
async fn in_force(app: &App) -> Result<Option<Stored>, Refusal> {
    let read = |_| Refusal::device("the design in force can't be fetched", &"the daemon refuses");
    let all: Vec<Generation> =
        app.daemon.get(sekisho_control::GENERATIONS).await?.read().map_err(read)?;
    let kept = all.into_iter().find(|one| one.outcome == Outcome::Committed);
    let Some(kept) = kept else { return Ok(None) };
    let path = format!("{}/{}", sekisho_control::GENERATIONS, kept.number);
    app.daemon.get(&path).await?.read().map(Some).map_err(read)
}

async fn operator(app: &App) -> Result<PublicKey, Refusal> {
    let path = app.operator_key.clone();
    let read = move || -> Result<PublicKey, String> {
        let bytes =
            sekisho_host::files::read(&path, KEY_FILE).map_err(|fault| fault.to_string())?;
        let text = String::from_utf8(bytes).map_err(|fault| fault.to_string())?;
        text.trim().parse().map_err(|fault: sekisho_design::MalformedKey| fault.to_string())
    };
    off_the_loop(read).await?.map_err(|fault| {
        Refusal::device("the operator's key can't be read, so no profile can be checked", &fault)
    })
}

/// Work that takes milliseconds, beside what others wait for.
pub(super) async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    spawn_blocking(work).await.map_err(|fault| Refusal::device("a look at a design broke", &fault))
}

/// A design that the design room refuses, as the daemon would say it.
pub(super) fn refused(Problems(problems): Problems) -> Refusal {
    Refusal {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        problems: reports(problems),
        ..Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            RefusalKind::Refused,
            "設計に誤りがあります。",
            "The design breaks rules.",
        )
    }
}

pub(super) fn reports(problems: Vec<Problem>) -> Vec<Report> {
    problems.into_iter().map(Report::from).collect()
}

/// A site design as a file.
#[derive(Deserialize, JsonSchema, Serialize)]
#[schemars(rename = "DesignText")]
struct Text {
    text: String,
}

async fn parse(Asked(Text { text }): Asked<Text>) -> Result<Json<Tree>, Refusal> {
    off_the_loop(move || {
        format(&source(SITE, &text)).map_err(refused)?;
        // The design room has read it already; its reader and this one are the same.
        let table = toml::from_str(&text).map_err(|_| Refusal::malformed("that is no TOML"))?;
        Ok(Json(Tree { tree: tree::of(table) }))
    })
    .await?
}

/// A site design as a tree.
#[derive(Deserialize, JsonSchema, Serialize)]
#[schemars(rename = "DesignTree")]
struct Tree {
    tree: Value,
}

async fn print(Asked(Tree { tree }): Asked<Tree>) -> Result<Json<Text>, Refusal> {
    off_the_loop(move || {
        let text = tree::text(&tree).map_err(|fault| Refusal::malformed(fault.to_string()))?;
        let text = format(&source(SITE, &text)).map_err(refused)?;
        Ok(Json(Text { text }))
    })
    .await?
}

/// What the design room says of a design.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Checked")]
struct Found {
    problems: Vec<Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<Ledger>,
}

async fn look_over(
    State(app): State<App>,
    Asked(files): Asked<Files>,
) -> Result<Json<Found>, Refusal> {
    let whole = Whole::of(&app, files).await?;
    off_the_loop(move || {
        let (Ok(problems) | Err(Problems(problems))) =
            whole.with(check).map(|Accepted { warnings, .. }| warnings);
        Json(Found { problems: reports(problems), ledger: whole.with(ledger).ok() })
    })
    .await
}

/// Two designs.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "DesignPair")]
struct Pair {
    from: Files,
    to: Files,
}

/// What is different.
#[derive(JsonSchema, Serialize)]
struct Compared {
    differences: Vec<Difference>,
}

async fn compare(
    State(app): State<App>,
    Asked(Pair { from, to }): Asked<Pair>,
) -> Result<Json<Compared>, Refusal> {
    let (from, to) = (Whole::of(&app, from).await?, Whole::of(&app, to).await?);
    off_the_loop(move || {
        let (from, to) = (from.design().map_err(refused)?, to.design().map_err(refused)?);
        Ok(Json(Compared { differences: diff(&from, &to) }))
    })
    .await?
}
