//! `sekisho`: the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    sekisho_gateway::cli::main()
}
