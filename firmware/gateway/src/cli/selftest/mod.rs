//! `sekisho self-test`, `sekisho health`, `sekisho support-bundle`: what works, what doesn't, why, and papers about it.
//!
//! The daemon tests; these commands ask it, show what it says, and write it down.

mod bundle;
mod health;
mod html;
mod live;
mod merge;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand, ValueEnum};
use sekisho_control::{
    FAIL_OVER_SECONDS, HEALTH, Health, LARGEST_BODY, LOAD_SECONDS, Level, SELF_TEST, SelfTestEvent,
    SelfTestReport, SelfTestWish, Stage, TestNumber, Verdict,
};
use sekisho_design::Language;
use sekisho_host::HostError;

pub(super) use self::merge::CantMerge;
use self::{live::Ticker, merge::Merged};
use super::{
    CommandError, Format, Output,
    client::{self, ClientError},
    read_up_to, rewrite, show,
};

/// The mode of a report: it says how the office's network is made.
const REPORT_MODE: u32 = 0o640;

/// Commands that examine the device.
#[derive(Debug, Subcommand)]
pub(super) enum Examine {
    /// Test from the port to the platform's certificates: what works, what doesn't, why, and what to do
    #[command(after_long_help = LONG_HELP)]
    SelfTest(Box<SelfTest>),
    /// Say how the device is in one word, and what to mend first
    ///
    /// What is watched every minute: 'ok', 'degraded' (it does its work, and something is to be mended) or 'down'. The exit
    /// code is 0, 8 or 9, so that scripts can go by it.
    Health,
    /// Pack what somebody elsewhere needs to help: reports, design, state and logs, without keys and passwords
    #[command(after_long_help = bundle::LONG_HELP)]
    SupportBundle(bundle::Wish),
}

impl Examine {
    /// Whether there is a page to print.
    pub(super) fn has_pages(&self) -> bool {
        matches!(self, Self::SelfTest(_))
    }
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct SelfTest {
    #[command(subcommand)]
    merge: Option<Sub>,
    /// Test this stage only; may be given several times. Without it, all but load
    #[arg(long = "stage", value_name = "STAGE", value_enum)]
    stages: Vec<StageName>,
    /// Run this check only, with those that it needs; may be given several times
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Say of every check what was tried, measured and allowed, and by what it was told from causes like it
    #[arg(long)]
    explain: bool,
    /// Write the report to this file as well: .json or .html
    #[arg(long, value_name = "FILE", value_parser = report_file)]
    report: Option<ReportFile>,
    /// The number that both sides write on their reports: 1 to 32 letters, digits and hyphens
    #[arg(long, value_name = "N")]
    test_number: Option<TestNumber>,
    #[command(flatten)]
    leave: Leave,
    /// Show the report of the last test and test nothing
    #[arg(long, conflicts_with_all = ["stages", "only", "test_number", "disturb", "yes"])]
    last: bool,
}

/// What may happen to traffic.
#[derive(Args, Debug)]
struct Leave {
    /// Rehearse fail-over between the centres as well, which holds traffic up for a moment
    #[arg(long)]
    disturb: bool,
    /// Don't ask before traffic is disturbed
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Join the device's report and the far end's half under one test number, and show what they say differently
    ///
    /// Shows each call of the far end as both sides know it, calls that only one side knows of, calls that went otherwise
    /// than the design says, and by how much the clocks differ. The exit code is 1 where there is any such thing.
    Merge(merge::Merge),
}

const LONG_HELP: &str = "\
The device tests itself from the port to the platform's certificates, stage by stage, nearest first:
  standalone  the box alone: ports, disk, memory, clock, design, kernel, tunnel device, ciphers
  office      the office LANs: addresses, routers, servers, names
  lgwan       the uplink: router, time servers, the way to each centre
  tunnel      handshake, loss and round trip to each centre
  platform    the platform's services as each global address; each server as the platform reaches it
  dial-back   connections that the far end opens to each declared server, and to one undeclared
  load        throughput and latency at the line's rate; only when named
A check that needs one that failed is not run and says so. The first cause is what to mend first.

Traffic goes on meanwhile. What would disturb it, 'load' and '--disturb', asks first on a terminal and takes --yes \
elsewhere.

Progress goes to standard error: a line that changes on a terminal, else a line a finished check. The report goes to \
standard output: a tree, with --format json one value and no progress, with --format html a page to print on A4, sign and \
keep. That page is in Japanese unless --lang en is given. The exit code is 0 where every check passed or warned, 1 where \
one failed or none was run.

Examples:
  sekisho self-test
  sekisho self-test --stage standalone --stage office
  sekisho self-test --test-number 2026-0142 --report report.html
  sekisho self-test --last --format html > report.html
  sekisho self-test merge device.json far.json --format html > both.html

装置が、ポートからプラットフォームの証明書までを自分で確かめ、つながらないときは最初に直すところと
次にすることを示します。業務の通信は止めません。通信を乱す試験（load、--disturb）は、始める前に尋ねます。
報告書は --report ファイル名.html で書き出し、A4で印刷して双方が署名します。";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StageName {
    /// 単体動作確認: the box alone
    Standalone,
    /// The office LANs
    Office,
    /// The uplink
    Lgwan,
    /// The tunnel to each centre
    Tunnel,
    /// The platform's services, and both directions of each mapping
    Platform,
    /// Connections that the far end opens
    DialBack,
    /// Throughput and latency; disturbs traffic
    Load,
}

impl From<StageName> for Stage {
    fn from(name: StageName) -> Self {
        match name {
            StageName::Standalone => Self::Standalone,
            StageName::Office => Self::Office,
            StageName::Lgwan => Self::Lgwan,
            StageName::Tunnel => Self::Tunnel,
            StageName::Platform => Self::Platform,
            StageName::DialBack => Self::DialBack,
            StageName::Load => Self::Load,
        }
    }
}

/// A file that a report is written to, by its ending.
#[derive(Clone, Debug, Eq, PartialEq)]
enum ReportFile {
    Json(PathBuf),
    Html(PathBuf),
}

impl ReportFile {
    fn has_folder(&self) -> Result<(), HostError> {
        let (Self::Json(path) | Self::Html(path)) = self;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let found = fs::metadata(folder.unwrap_or(Path::new(".")));
        let fault = match found {
            Ok(folder) if folder.is_dir() => return Ok(()),
            Ok(_) => io::Error::from(io::ErrorKind::NotADirectory),
            Err(fault) => fault,
        };
        Err(HostError::File { tried: "write", path: path.clone(), source: fault })
    }
}

fn report_file(name: &str) -> Result<ReportFile, String> {
    let path = PathBuf::from(name);
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("json") => Ok(ReportFile::Json(path)),
        Some("html") => Ok(ReportFile::Html(path)),
        _ => Err("name a file that ends in .json or .html".to_owned()),
    }
}

/// Why there is no test.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTest {
    #[error("this disturbs traffic for up to {0} s, and nobody is here to be asked")]
    NobodyToAsk(u64),
    #[error("nothing was tested: nobody agreed to disturb traffic")]
    NotAgreed,
    #[error(transparent)]
    CantMerge(#[from] CantMerge),
    #[error("can't pack the bundle: {0}")]
    CantPack(#[source] io::Error),
}

impl NoTest {
    pub(super) fn way_out(&self) -> Option<String> {
        match self {
            Self::NobodyToAsk(_) => Some("agree to it in advance: --yes".to_owned()),
            Self::NotAgreed | Self::CantPack(_) => None,
            Self::CantMerge(fault) => Some(fault.way_out()),
        }
    }
}

/// In which form and languages results are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) format: Format,
    pub(super) language: Language,
    /// The language of what is printed for both sides to sign.
    pub(super) paper: Language,
}

/// Examines the device.
pub(super) async fn run(
    socket: &Path,
    what: &Examine,
    wanted: Wanted,
) -> Result<Output, CommandError> {
    match what {
        Examine::SelfTest(arguments) => self_test(socket, arguments, wanted).await,
        Examine::Health => health(socket, wanted).await,
        Examine::SupportBundle(wish) => bundle::run(socket, wish, wanted).await,
    }
}

/// Tests, shows the last test, or joins two reports.
async fn self_test(
    socket: &Path,
    arguments: &SelfTest,
    wanted: Wanted,
) -> Result<Output, CommandError> {
    if let Some(Sub::Merge(files)) = &arguments.merge {
        return merge(files, wanted);
    }
    if let Some(file) = &arguments.report {
        // Before anybody waits for a test whose report has no place.
        file.has_folder()?;
    }
    let report = if arguments.last {
        client::get(socket, SELF_TEST).await?
    } else {
        test(socket, arguments, wanted).await?
    };
    if let Some(file) = &arguments.report {
        write(file, || show::json(&report), || html::page(&report, None, wanted.paper))?;
    }
    let shown = match wanted.format {
        Format::Json => Output::Lines(show::json(&report)),
        Format::Html => Output::Exact(html::page(&report, None, wanted.paper).into_bytes()),
        Format::Text | Format::Csv => {
            Output::Lines(tree::text(&report, arguments.explain, wanted.language))
        }
    };
    Ok(match complaint(&report, wanted.language) {
        Some(message) => Output::Bad { shown: Box::new(shown), code: 1, message },
        None => shown,
    })
}

fn merge(files: &merge::Merge, wanted: Wanted) -> Result<Output, CommandError> {
    let merge::Merge { device, far, report } = files;
    let [a, b] = [read_up_to(device, LARGEST_BODY)?, read_up_to(far, LARGEST_BODY)?];
    let merged = merge::join((device, &a), (far, &b)).map_err(NoTest::from)?;
    let page = |merged: &Merged| html::page(&merged.device, Some(merged), wanted.paper);
    if let Some(file) = report {
        write(file, || show::json(&merged), || page(&merged))?;
    }
    let shown = match wanted.format {
        Format::Json => Output::Lines(show::json(&merged)),
        Format::Html => Output::Exact(page(&merged).into_bytes()),
        Format::Text | Format::Csv => Output::Lines(merged.text(wanted.language)),
    };
    let count = merged.disagreements.len();
    if count == 0 {
        return Ok(shown);
    }
    let message = wanted.language.pick(
        format!("双方の報告に食い違いが {count} 件あります"),
        format!("the two halves disagree in {count} places"),
    );
    Ok(Output::Bad { shown: Box::new(shown), code: 1, message })
}

/// Shows how the device is.
async fn health(socket: &Path, wanted: Wanted) -> Result<Output, CommandError> {
    let health: Health = client::get(socket, HEALTH).await?;
    let shown = Output::Lines(match wanted.format {
        Format::Json => show::json(&health),
        Format::Text | Format::Csv | Format::Html => health::text(&health, wanted.language),
    });
    if health.level == Level::Ok {
        return Ok(shown);
    }
    let message = words::level(health.level, wanted.language).to_owned();
    Ok(Output::Bad { shown: Box::new(shown), code: health::exit_code(health.level), message })
}

async fn test(
    socket: &Path,
    arguments: &SelfTest,
    wanted: Wanted,
) -> Result<SelfTestReport, CommandError> {
    let wish = wish(arguments);
    let disturbance = disturbance(&wish);
    if disturbance > 0 && !arguments.leave.yes {
        agreed(disturbance, wanted.language)?;
    }
    let mut events = client::post_lines::<SelfTestEvent>(socket, SELF_TEST, &wish).await?;
    let mut ticker = (wanted.format != Format::Json).then(|| Ticker::new(wanted.language));
    loop {
        let next = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
        let Ok(event) = next else {
            if let Some(ticker) = &ticker {
                ticker.tick();
            }
            continue;
        };
        match event? {
            Some(SelfTestEvent::Finished { report }) => return Ok(*report),
            Some(event) => {
                if let Some(ticker) = &mut ticker {
                    ticker.take(&event);
                }
            }
            None => {
                let broken = "the test broke off before its end";
                return Err(ClientError::Garbled(broken.into()).into());
            }
        }
    }
}

fn wish(arguments: &SelfTest) -> SelfTestWish {
    let stages = arguments.stages.iter().copied().map(Stage::from).collect();
    let wish = SelfTestWish {
        stages,
        only: arguments.only.clone(),
        disturb: arguments.leave.disturb,
        test_number: arguments.test_number.clone(),
    };
    // Whoever names load wants it; he is asked all the same.
    SelfTestWish { disturb: wish.disturb || load(&wish), ..wish }
}

fn load(wish: &SelfTestWish) -> bool {
    let only = |id: &String| id.starts_with("load.");
    wish.stages.contains(&Stage::Load) || wish.only.iter().any(only)
}

/// For how many seconds a test disturbs traffic; 0 where it doesn't.
fn disturbance(wish: &SelfTestWish) -> u64 {
    let tunnel = wish.stages.is_empty() || wish.stages.contains(&Stage::Tunnel);
    let load = if load(wish) { 2 * u64::from(LOAD_SECONDS) } else { 0 };
    let fail_over = if wish.disturb && tunnel { u64::from(FAIL_OVER_SECONDS) } else { 0 };
    load + fail_over
}

fn agreed(seconds: u64, language: Language) -> Result<(), NoTest> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(NoTest::NobodyToAsk(seconds));
    }
    let question = language.pick(
        format!("業務の通信を最大 {seconds} 秒乱します。続けますか（はい＝y）: "),
        format!("this disturbs traffic for up to {seconds} s: go on? [y/N] "),
    );
    let mut stderr = io::stderr();
    let mut answer = String::new();
    let asked = stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush());
    let read = asked.and_then(|()| io::stdin().read_line(&mut answer));
    let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "ｙ" | "はい");
    if read.is_ok() && yes { Ok(()) } else { Err(NoTest::NotAgreed) }
}

/// What standard error says of a test that didn't come out well.
fn complaint(report: &SelfTestReport, language: Language) -> Option<String> {
    match report.verdict {
        Verdict::Passed | Verdict::Warned => None,
        Verdict::NotRun => {
            Some(language.pick("実施できた確認がありません", "no check could be run").to_owned())
        }
        Verdict::Failed => Some(match &report.first_cause {
            Some(first) => {
                let title = words::plain(first.title.get(language));
                let why = words::plain(first.cause.why.get(language));
                language.pick(
                    format!("不合格の確認があります。まず直すところ：{title}（{why}）"),
                    format!("a check failed; to mend first: {title}: {why}"),
                )
            }
            None => language.pick("不合格の確認があります", "a check failed").to_owned(),
        }),
    }
}

/// Writes a report whole or not at all.
fn write(
    file: &ReportFile,
    json: impl FnOnce() -> String,
    html: impl FnOnce() -> String,
) -> Result<(), CommandError> {
    let (path, text) = match file {
        ReportFile::Json(path) => (path, json() + "\n"),
        ReportFile::Html(path) => (path, html()),
    };
    Ok(rewrite::write_as(path, text.as_bytes(), REPORT_MODE)?)
}
