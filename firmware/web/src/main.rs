//! `sekisho-web`: the web page's server.

use std::{
    io::{IsTerminal as _, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use sekisho_web::{app::OPERATOR_KEY, audit, openapi, run};
use tracing_subscriber::EnvFilter;

/// The web page of a Sekisho gateway.
///
/// It serves the page over TLS and is a client of the daemon's control socket. SIGTERM or SIGINT ends it.
#[derive(Parser)]
#[expect(clippy::doc_markdown, reason = "clap shows these comments as they stand")]
#[command(version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    /// Where to listen, beside the socket that systemd hands over (LISTEN_FDS)
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where to tell figures (Prometheus), beside the second socket that systemd hands over
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
    /// The daemon's control socket
    #[arg(long, value_name = "SOCK", default_value = "/run/sekisho/control.sock")]
    control: PathBuf,
    /// Folder of users, certificate and audit trail; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "/var/lib/sekisho-web")]
    state: PathBuf,
    /// Folder of the page's files; those in the program where it is left out
    #[arg(long, value_name = "DIR")]
    assets: Option<PathBuf>,
    /// The operator's Ed25519 public key, base64: designs are checked with it while somebody types
    #[arg(long, value_name = "FILE", default_value = OPERATOR_KEY)]
    operator_key: PathBuf,
    /// Hash of admin's first password (argon2id, PHC string); taken whenever its content is another one
    #[arg(long, value_name = "FILE")]
    first_password_hash: Option<PathBuf>,
}

#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "clap shows these comments as they stand")]
enum Task {
    /// Tells whether an exported audit trail, or a segment of one, is whole
    VerifyAudit {
        /// The file
        file: PathBuf,
    },
    /// Prints the API's document (OpenAPI 3.1), the same that /api/openapi.json gives
    Openapi,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  ended by a signal; verify-audit: the trail is whole
  1  can't start, or can't read the file; the reason is on standard error
  2  wrong usage
  3  verify-audit: the trail is broken";

/// The audit trail is broken.
const BROKEN: u8 = 3;

/// Threads for work that takes milliseconds: passwords, designs, files. Each keeps some memory of its own.
const BESIDE: usize = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let outcome = match arguments.task {
        Some(Task::VerifyAudit { file }) => verify(&file),
        Some(Task::Openapi) => {
            // Whoever reads it may have enough.
            let _ = std::io::stdout().write_all(openapi::text().as_bytes());
            Ok(ExitCode::SUCCESS)
        }
        None => serve(arguments),
    };
    outcome.unwrap_or_else(|fault| {
        tracing::error!("{fault:#}");
        ExitCode::FAILURE
    })
}

fn serve(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments {
        task: _,
        listen,
        metrics,
        control,
        state,
        assets,
        operator_key,
        first_password_hash,
    } = arguments;
    let first_password = first_password_hash;
    let places =
        run::Places { listen, metrics, control, state, assets, operator_key, first_password };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(BESIDE).build()?;
    runtime.block_on(run::run(places))?;
    Ok(ExitCode::SUCCESS)
}

fn verify(file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let found = audit::verify_file(file)?;
    let message = found.message.unwrap_or_else(|| "none is missing at the end".to_owned());
    if found.intact {
        println!("whole: {} records; {message}", found.records);
        return Ok(ExitCode::SUCCESS);
    }
    println!("broken after {} records: {message}", found.records);
    Ok(ExitCode::from(BROKEN))
}
