//! `sekisho-ports`: names of the box's ports.

use std::process::ExitCode;

fn main() -> ExitCode {
    sekisho_gateway::ports::main()
}
