//! `sekishod`: the daemon.

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use sekisho_gateway::daemon::{Places, reasons, run};
use sekisho_host::HostError;
use tracing_subscriber::EnvFilter;

/// The daemon of a Sekisho gateway.
///
/// It puts the stored design in force, keeps the tunnel to the platform, and answers `sekisho` on its control socket.
/// Without a stored design nothing is forwarded until `sekisho apply` brings one. It needs CAP_NET_ADMIN, CAP_NET_RAW,
/// CAP_NET_BIND_SERVICE and /dev/net/tun. SIGTERM or SIGINT ends it; the rules stay in the kernel and forward nothing to a tunnel that nobody reads.
#[derive(Parser)]
#[expect(clippy::doc_markdown, reason = "clap shows these comments as they stand")]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    /// Folder of the design in force and of the tunnel's key; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "/var/lib/sekisho")]
    state: PathBuf,
    /// Folder of the control socket, control.sock; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "/run/sekisho")]
    run: PathBuf,
    /// The operator's Ed25519 public key, base64: platform profiles must be signed with it
    #[arg(long, value_name = "FILE", default_value = "/etc/sekisho/operator.pub")]
    operator_key: PathBuf,
    /// How log lines are written to standard error; RUST_LOG chooses what is logged
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// boringtun warns of every time-out that is daily life; the tunnel's own words are enough.
const USUAL_LOG: &str = "info,boringtun=off";

const EXIT_CODES: &str = "\
Exit codes:
  0  ended by a signal
  1  can't start: no permission, another daemon, an unreadable key; the reason is on standard error
  2  wrong usage";

fn main() -> ExitCode {
    let Arguments { state, run: run_folder, operator_key, log_format } = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL_LOG));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    let places = Places { state, run: run_folder, operator_key };
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(places)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let host = fault.chain().find_map(|cause| cause.downcast_ref::<HostError>());
            let way_out = host.and_then(HostError::way_out);
            let way_out = way_out.map(|words| format!("\n  {words}")).unwrap_or_default();
            tracing::error!("can't start: {}{way_out}", reasons(&fault));
            ExitCode::FAILURE
        }
    }
}
