//! The command line `sekisho`.
//!
//! `check`, `trace`, `diff`, `ledger`, `sheet`, `format` and `import` work from files alone; the other commands, and `trace --live`, ask the daemon. Results go to
//! standard output, problems and errors to standard error; with `--format json` everything goes to standard output as one
//! JSON value.

mod backup;
mod care;
mod change;
mod client;
mod diff;
mod export;
mod flows;
mod format;
mod identity;
mod import;
mod ledger;
mod names;
mod nightly;
mod rewrite;
mod selftest;
mod sheet;
mod show;
mod snmp;
mod status;
mod top;
mod trace;
mod update;
mod why_refused;

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum, error::ErrorKind};
use sekisho_control::{Failure, FailureKind, File, NightlyFault, STATUS, Status};
use sekisho_design::{
    Accepted, LARGEST_FILE, Lan, Language, Problem, Problems, PublicKey, Report, Source, Sources,
    Trust, check,
};

use self::client::ClientError;

/// Design, apply and watch a Sekisho gateway.
///
/// A site is two files: the site design, written by the organisation, and the platform profile, signed by the operator.
/// `sekisho check` finds every problem in them without a device. `sekisho plan` says what would change on this device,
/// `sekisho apply` changes it; whatever fails on the way is taken back.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The daemon's control socket
    #[arg(long, global = true, env = "SEKISHO_SOCKET", value_name = "PATH")]
    #[arg(default_value = "/run/sekisho/control.sock")]
    socket: PathBuf,
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    /// Language of sentences; Japanese where the locale of the environment is
    #[arg(long, global = true, value_enum)]
    lang: Option<Lang>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find every problem of a design, without a device
    ///
    /// Shows each problem with its code, file, line, column, what is wrong and how to mend it. A design with warnings
    /// only is accepted.
    Check(SignedFiles),
    /// Show what would happen to a packet, from the design alone or by what the device holds now
    ///
    /// Rule by rule, with translation, route and the answer's way, and what to declare where it is refused. With --live
    /// the device looks into its kernel and names what it holds otherwise than the design in force says; nothing is sent.
    Trace(trace::Packet),
    /// Say what is different between two designs
    ///
    /// A design is a folder, a site design with its profile beside it, or the number of one of the device's generations.
    /// The order of rows doesn't count. The exit code is 0, different or not.
    Diff(diff::Pair),
    /// Show who holds each global address, and which the operator must still assign
    ///
    /// The site may use addresses that the platform profile doesn't hold yet; everything else must be right.
    Ledger(SignedFiles),
    /// Make a sheet for spreadsheets and paper: address translation, flows, firewall request
    Sheet(sheet::SheetOf),
    /// Put site designs in canonical form: order of tables and keys, spaces, quotes, line ends
    ///
    /// The design stays the same and every comment is kept. Files are written anew only where that changes them, and
    /// none where one of them isn't TOML. The platform profile is signed and never written anew.
    Format(format::Forms),
    /// Put the rows of a spreadsheet into the site design
    ///
    /// A table is CSV with the columns of 'sekisho sheet translation': rows with a known name take over LAN, addresses
    /// and environment and keep everything else, other rows are new. The site is checked whole, and written only if it
    /// keeps every rule.
    Import(import::Import),
    /// Show what applying a design would change, and change nothing
    ///
    /// The difference to the design in force, in the words of the design.
    Plan {
        #[command(flatten)]
        files: ProposedFiles,
        /// Show each step in the kernel as well
        #[arg(long)]
        steps: bool,
    },
    /// Put a design in force and keep it
    ///
    /// The daemon checks it whole, carries out the difference to what the kernel holds, reads the kernel again and
    /// compares, and keeps the design for the next start. If a step fails, all steps before it are taken back. With
    /// --confirm-within it is kept only once `sekisho confirm` is given; without that, and whatever happens to the device
    /// in between, the design before comes back.
    Apply {
        #[command(flatten)]
        files: ProposedFiles,
        #[command(flatten)]
        terms: change::Terms,
    },
    /// Keep the change that awaits confirmation
    ///
    /// Where the change touches the way that its user came by, everybody but root has to show the token that `sekisho apply`
    /// was answered with, at the address that it named.
    Confirm(change::Confirm),
    /// Take back the change that awaits confirmation
    Rollback(change::Which),
    /// List the generations of the design: who, when, why, and what became of each
    History,
    /// Put the site design of an earlier generation in force again, as a new generation
    ///
    /// The platform profile stays the one in force: it is the operator's and never goes back.
    Restore(change::Earlier),
    #[command(flatten)]
    Care(care::Care),
    /// Show the site in force, the tunnel and what was refused
    Status,
    /// Say what was refused last, why, and what would let it pass
    ///
    /// Packets of one flow that one rule refused are one entry, the latest first: when, from which row to where, the
    /// addresses before and after translation, the reason, and the change of the design that would let it pass, or why
    /// none can. Nothing is changed. The device remembers the last 1,000 packets since its start; its counters, in
    /// 'sekisho status', know of all.
    WhyRefused(why_refused::Last),
    /// Show which rows and hosts send and get how much: traffic, connections opened, refusals
    ///
    /// On a terminal the table is live, with rates since the look before; q or Ctrl-C ends it. Rows hold what policies admitted
    /// for their hosts; policies are counted apart as well.
    Top(top::Top),
    /// Show the flows that the device has logged: who spoke with whom, when, and how much
    #[command(after_long_help = flows::LONG_HELP)]
    Flows(flows::Flows),
    #[command(flatten)]
    Examine(selftest::Examine),
    /// Make files that other machines take
    #[command(subcommand)]
    Export(export::Export),
    /// Show how the device resolves names: zones, whom it asks, what it remembers, how queries ended
    Names(names::NamesOf),
    #[command(flatten)]
    Who(identity::Who),
    /// Have the device answer by SNMP: make the user's passphrases, see whether it answers
    #[command(subcommand)]
    Snmp(snmp::SnmpOf),
    /// Update the firmware of the box: install, see how it goes
    #[command(subcommand)]
    Update(update::Update),
}

#[derive(Args, Debug)]
struct Files {
    /// The site design
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    site: PathBuf,
    /// The platform profile
    #[arg(long, value_name = "FILE", default_value = "platform-profile.toml")]
    profile: PathBuf,
}

/// Both files, and what the profile is measured by.
#[derive(Args, Debug)]
struct SignedFiles {
    #[command(flatten)]
    files: Files,
    /// The operator's Ed25519 public key, base64
    #[arg(long, value_name = "FILE", default_value = "/etc/sekisho/operator.pub")]
    operator_key: PathBuf,
}

#[derive(Args, Debug)]
struct ProposedFiles {
    /// The site design
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    site: PathBuf,
    /// Keep the site design in force: for a profile that the operator has issued again
    #[arg(long, conflicts_with = "site", requires = "profile")]
    site_in_force: bool,
    /// The platform profile; without it, the one in force
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Sentences and tables for people
    #[default]
    Text,
    /// One JSON value for programs
    Json,
    /// A table for spreadsheets, UTF-8 with a byte order mark; flows (without the mark), ledger and sheet only
    Csv,
    /// A page to print on A4; ledger, sheet and self-test only
    Html,
}

/// One of the two LANs.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LanName {
    /// 首長部局業務系LAN
    HeadOffice,
    /// 教育委員会業務系LAN
    EducationBoard,
}

impl From<LanName> for Lan {
    fn from(name: LanName) -> Self {
        match name {
            LanName::HeadOffice => Self::HeadOffice,
            LanName::EducationBoard => Self::EducationBoard,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Lang {
    /// 日本語
    Ja,
    /// English
    En,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Ja => Self::Japanese,
            Lang::En => Self::English,
        }
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; the design is accepted
  1  the design breaks rules; nothing was changed
     'update install': the update may not be installed here
     'format --check': another form was found
     'self-test': a check failed; 'self-test merge': both sides disagree
  2  wrong usage, or a file that can't be read or written
  3  the daemon can't be reached or doesn't answer
  4  the device couldn't do it; everything is as before
  5  it failed half-way and couldn't be taken back: restart the device
  6  somebody else's change stands in the way; nothing was changed
  7  nobody has shown that the device is reached by its new address; nothing was changed
  8  'health': the device is degraded: it does its work, and something is to be mended
  9  'health': the device is down";

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("can't read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} holds no operator's key: {source}", path.display())]
    OperatorKey {
        path: PathBuf,
        #[source]
        source: sekisho_design::MalformedKey,
    },
    #[error("the design breaks rules")]
    Refused(Vec<Report>),
    #[error(transparent)]
    NoTrace(#[from] trace::NoTrace),
    #[error(transparent)]
    NoHosts(#[from] sekisho_names::hosts::HostsError),
    #[error("not in canonical form: {0}")]
    OtherForm(String),
    #[error(transparent)]
    NotImported(#[from] import::NotImported),
    #[error(transparent)]
    NoTest(#[from] selftest::NoTest),
    #[error(transparent)]
    Write(#[from] sekisho_host::HostError),
    #[error(transparent)]
    Update(#[from] update::UpdateError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("can't write {}: {source}", path.display())]
    NotWritten {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't look for the page's users at {}: {source}", path.display())]
    NoUsers {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the night has no backup: {}", nightly::why(*fault, detail))]
    NoNightly { fault: NightlyFault, detail: String },
    #[error("can't read the passphrase: {0}")]
    NoPassphrase(#[source] io::Error),
    #[error("can't use the terminal: {0}")]
    Terminal(#[source] io::Error),
    #[error("can't start: {0}")]
    Runtime(#[source] io::Error),
}

impl CommandError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::OtherForm(_) | Self::NotImported(_) => 1,
            Self::Read { .. }
            | Self::OperatorKey { .. }
            | Self::NoTrace(_)
            | Self::NoHosts(_)
            | Self::NoTest(_)
            | Self::Write(_)
            | Self::NotWritten { .. }
            | Self::NoUsers { .. }
            | Self::NoPassphrase(_)
            | Self::Terminal(_)
            | Self::Runtime(_) => 2,
            Self::NoNightly { .. } => 4,
            Self::Update(fault) => fault.exit_code(),
            Self::Client(ClientError::Failure(failure)) => match failure.kind {
                FailureKind::Refused => 1,
                FailureKind::Malformed => 2,
                FailureKind::Device | FailureKind::RolledBack | FailureKind::Elsewhere => 4,
                FailureKind::RollbackFailed => 5,
                FailureKind::Conflict => 6,
                FailureKind::Unproven => 7,
            },
            Self::Client(
                ClientError::Unreachable { .. } | ClientError::Garbled(_) | ClientError::Silent,
            ) => 3,
        }
    }

    fn way_out(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("name the file: see sekisho --help".to_owned())
            }
            Self::OperatorKey { .. } => {
                Some("give the file that came with the device: --operator-key FILE".to_owned())
            }
            Self::Client(ClientError::Unreachable { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("run it as root, or as a member of the socket's group".to_owned())
            }
            Self::Client(ClientError::Unreachable { .. }) => {
                Some("start sekishod, or name its socket: --socket PATH".to_owned())
            }
            Self::Client(ClientError::Silent | ClientError::Garbled(_)) => {
                Some("see the daemon's log".to_owned())
            }
            Self::Client(ClientError::Failure(failure)) => failure.way_out.clone(),
            Self::NoTrace(fault) => fault.way_out(),
            Self::NoHosts(fault) => Some(export::way_out(fault)),
            Self::OtherForm(_) => Some("have it written anew: sekisho format FILE".to_owned()),
            Self::NotImported(fault) => fault.way_out(),
            Self::NoTest(fault) => fault.way_out(),
            Self::Write(fault) => fault.way_out().map(str::to_owned),
            Self::NotWritten { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Some("give a name that isn't taken".to_owned())
            }
            Self::NoNightly { fault, .. } => Some(nightly::way_out(*fault).to_owned()),
            Self::NoUsers { .. } => {
                Some("run it as root, who may look into that folder".to_owned())
            }
            Self::NoPassphrase(_) => Some("give it in a file: --passphrase-file FILE".to_owned()),
            Self::Update(fault) => fault.way_out().map(str::to_owned),
            Self::Terminal(_) => Some("print it once: --once".to_owned()),
            Self::Read { .. } | Self::NotWritten { .. } | Self::Refused(_) | Self::Runtime(_) => {
                None
            }
        }
    }

    fn problems(&self) -> &[Report] {
        match self {
            Self::Refused(problems) => problems,
            Self::NotImported(fault) => fault.problems(),
            Self::Client(ClientError::Failure(failure)) => &failure.problems,
            Self::Read { .. }
            | Self::OperatorKey { .. }
            | Self::NoTrace(_)
            | Self::NoHosts(_)
            | Self::OtherForm(_)
            | Self::NoTest(_)
            | Self::Write(_)
            | Self::NotWritten { .. }
            | Self::NoUsers { .. }
            | Self::NoNightly { .. }
            | Self::NoPassphrase(_)
            | Self::Update(_)
            | Self::Terminal(_)
            | Self::Runtime(_)
            | Self::Client(_) => &[],
        }
    }

    /// The error as the JSON value that programs get: the daemon's own shape, whoever found it.
    fn into_failure(self) -> Failure {
        let kind = match self.exit_code() {
            1 => FailureKind::Refused,
            2 => FailureKind::Malformed,
            _ => FailureKind::Device,
        };
        let (message, way_out) = (self.to_string(), self.way_out());
        let problems = self.problems().to_vec();
        if let Self::Client(ClientError::Failure(failure)) = self {
            return failure;
        }
        Failure { kind, message, way_out, both: None, problems }
    }
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let table = match arguments.format {
        Format::Text | Format::Json => true,
        Format::Csv if matches!(arguments.command, Command::Flows(_)) => true,
        Format::Html if matches!(&arguments.command, Command::Examine(what) if what.has_pages()) => {
            true
        }
        Format::Csv | Format::Html => {
            matches!(arguments.command, Command::Ledger(_) | Command::Sheet(_))
        }
    };
    if !table {
        let reason = "only 'ledger' and 'sheet' have the formats csv and html; 'flows' has csv, 'self-test' html";
        let mut command = Arguments::command().bin_name("sekisho");
        command.error(ErrorKind::ArgumentConflict, reason).exit();
    }
    if let Command::Top(top) = &arguments.command
        && let Some(reason) = top.misuse()
    {
        let mut command = Arguments::command().bin_name("sekisho");
        command.error(ErrorKind::ArgumentConflict, reason).exit();
    }
    let language = arguments.lang.map_or_else(language_of_environment, Language::from);
    let (output, code): (Output, _) = match run(&arguments, language) {
        Ok(output) => (output, ExitCode::SUCCESS),
        Err(error) => {
            let code = ExitCode::from(error.exit_code());
            match arguments.format {
                Format::Json => (show::json(&error.into_failure()).into(), code),
                Format::Text | Format::Csv | Format::Html => {
                    eprintln!("{}", show::error(&error, language));
                    return code;
                }
            }
        }
    };
    // Whoever reads may have seen enough and gone away.
    drop(print(&output));
    match output {
        Output::Lines(_) | Output::Exact(_) => code,
        Output::Bad { code, message, .. } => {
            eprintln!("sekisho: {message}");
            ExitCode::from(code)
        }
    }
}

fn print(output: &Output) -> io::Result<()> {
    match output {
        Output::Lines(text) => writeln!(io::stdout(), "{}", text.trim_end()),
        Output::Exact(bytes) => io::stdout().write_all(bytes),
        Output::Bad { shown, .. } => print(shown),
    }
}

/// What a command prints.
enum Output {
    /// Text for a terminal or one JSON value, whose last line ends once.
    Lines(String),
    /// A file, to the byte.
    Exact(Vec<u8>),
    /// What was found isn't good, though the command did its work.
    Bad {
        /// What was found.
        shown: Box<Output>,
        /// The exit code that says so.
        code: u8,
        /// What standard error says.
        message: String,
    },
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Self::Lines(text)
    }
}

pub(crate) fn language_of_environment() -> Language {
    let value = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    if value.is_some_and(|value| value.starts_with("ja")) {
        Language::Japanese
    } else {
        Language::English
    }
}

fn run(arguments: &Arguments, language: Language) -> Result<Output, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::Runtime)?;
    let socket = &arguments.socket;
    let json = arguments.format == Format::Json;
    let paper = arguments.lang.map_or(Language::Japanese, Language::from);
    let wanted = selftest::Wanted { format: arguments.format, language, paper };
    let text = match &arguments.command {
        Command::Examine(what) => return runtime.block_on(selftest::run(socket, what, wanted)),
        Command::Export(export::Export::Hosts(hosts)) => {
            return runtime.block_on(export::hosts(socket, hosts, language));
        }
        Command::Check(SignedFiles { files, operator_key }) => {
            let warnings = reports(check_files(files, operator_key)?.warnings);
            if json { show::json(&warnings) } else { show::accepted(&warnings, language) }
        }
        Command::Trace(packet) if packet.live => {
            let (taken, live) = runtime.block_on(trace::ask(socket, packet))?;
            let said = trace::said(&taken, language);
            if json { show::json(&live) } else { said + &trace::text(&live, language) }
        }
        Command::Trace(packet) => {
            let SignedFiles { files, operator_key } = &packet.files;
            let design = check_files(files, operator_key)?.design;
            let (taken, trace) = trace::trace(&design, packet)?;
            let said = trace::said(&taken, language);
            if json { show::json(&trace) } else { said + &trace.text(language) }
        }
        Command::Diff(pair) => {
            let [before, after] =
                diff::sides(pair, |number| Ok(runtime.block_on(change::stored(socket, number))?))?;
            diff::run(&before, &after, arguments.format, language)
        }
        Command::Ledger(files) => ledger::run(files, arguments.format, language)?,
        Command::Sheet(sheet) => sheet::run(sheet, arguments.format, language)?,
        Command::Format(files) => format::run(files, arguments.format, language)?,
        Command::Import(tables) => import::run(tables, arguments.format, language)?,
        Command::Plan { files, steps } => {
            let plan = runtime.block_on(change::plan(socket, files))?;
            if json { show::json(&plan) } else { show::plan(&plan, *steps, language) }
        }
        Command::Apply { files, terms } => {
            let applied = runtime.block_on(change::apply(socket, files, terms))?;
            if json { show::json(&applied) } else { show::applied(&applied, language) }
        }
        Command::Restore(earlier) => {
            let applied = runtime.block_on(change::restore(socket, earlier))?;
            if json { show::json(&applied) } else { show::applied(&applied, language) }
        }
        Command::Confirm(confirm) => {
            let settled = runtime.block_on(change::confirm(socket, confirm))?;
            if json { show::json(&settled) } else { show::confirmed(settled, language) }
        }
        Command::Rollback(which) => {
            let settled = runtime.block_on(change::roll_back(socket, which))?;
            if json { show::json(&settled) } else { show::rolled_back(settled, language) }
        }
        Command::History => {
            let generations = runtime.block_on(change::history(socket))?;
            if json { show::json(&generations) } else { show::history(&generations, language) }
        }
        Command::Care(care) => runtime.block_on(care::run(socket, care, json, language))?,
        Command::Status => {
            let status: Status = runtime.block_on(client::get(socket, STATUS))?;
            if json { show::json(&status) } else { status::text(&status, language) }
        }
        Command::WhyRefused(last) => {
            let refused = runtime.block_on(why_refused::ask(socket, last))?;
            if json { show::json(&refused) } else { why_refused::text(&refused, language) }
        }
        Command::Top(top) => {
            let text = runtime.block_on(top::run(socket, top, arguments.format, language))?;
            if text.is_empty() {
                return Ok(Output::Exact(Vec::new()));
            }
            text
        }
        Command::Flows(flows) => {
            runtime.block_on(flows::run(socket, flows, arguments.format, language))?;
            return Ok(Output::Exact(Vec::new()));
        }
        Command::Names(names::NamesOf { query: None }) => {
            let status = runtime.block_on(names::status(socket))?;
            if json { show::json(&status) } else { names::text(&status, language) }
        }
        Command::Names(names::NamesOf { query: Some(names::Ask::Query(query)) }) => {
            let answer = runtime.block_on(names::query(socket, query))?;
            if json { show::json(&answer) } else { names::answer(&answer, language) }
        }
        Command::Who(who) => runtime.block_on(identity::run(socket, who, json, language))?,
        Command::Snmp(what) => runtime.block_on(snmp::run(socket, *what, json, language))?,
        Command::Update(what) => return Ok(runtime.block_on(update::run(socket, what, wanted))?),
    };
    Ok(match arguments.format {
        Format::Text | Format::Json => Output::Lines(text),
        Format::Csv | Format::Html => Output::Exact(text.into_bytes()),
    })
}

fn check_files(files: &Files, operator_key: &Path) -> Result<Accepted, CommandError> {
    with_files(files, operator_key, check)
}

/// Reads both files and hands them on; nothing is measured against a profile in force.
fn with_files<T>(
    files: &Files,
    operator_key: &Path,
    work: impl FnOnce(&Sources<'_>, &Trust) -> Result<T, Problems>,
) -> Result<T, CommandError> {
    with_site(&read(&files.site)?, files, operator_key, work)?
        .map_err(|Problems(problems)| CommandError::Refused(reports(problems)))
}

/// Hands on a site, whatever its file says by now, and the profile's file.
fn with_site<T>(
    site: &[u8],
    files: &Files,
    operator_key: &Path,
    work: impl FnOnce(&Sources<'_>, &Trust) -> Result<T, Problems>,
) -> Result<Result<T, Problems>, CommandError> {
    let operator = operator(operator_key)?;
    let profile = read(&files.profile)?;
    let (site_name, profile_name) = (files.site.to_string_lossy(), files.profile.to_string_lossy());
    let sources = Sources {
        site: Source { name: &site_name, bytes: site },
        profile: Source { name: &profile_name, bytes: &profile },
    };
    Ok(work(&sources, &Trust { operator, in_force: None }))
}

fn operator(path: &Path) -> Result<PublicKey, CommandError> {
    String::from_utf8_lossy(&read(path)?)
        .trim()
        .parse()
        .map_err(|source| CommandError::OperatorKey { path: path.to_owned(), source })
}

fn reports(problems: Vec<Problem>) -> Vec<Report> {
    problems.into_iter().map(Report::from).collect()
}

fn text_file(path: &Path) -> Result<File, CommandError> {
    let bytes = read(path)?;
    let name = path.to_string_lossy().into_owned();
    if bytes.len() > LARGEST_FILE {
        // Cut in the middle of a character, perhaps; it is too long all the same, and the daemon says so.
        return Ok(File { name, text: String::from_utf8_lossy(&bytes).into_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("byte {at} is not UTF-8; save the file as UTF-8");
        CommandError::Read { path: path.to_owned(), source: io::Error::other(message) }
    })?;
    Ok(File { name, text })
}

/// Reads a file of a design.
fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    read_up_to(path, LARGEST_FILE)
}

/// Reads a file, but never more than one byte over the limit, so that the rule about its size speaks.
fn read_up_to(path: &Path, limit: usize) -> Result<Vec<u8>, CommandError> {
    let fault = |source| CommandError::Read { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(fault)?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}
