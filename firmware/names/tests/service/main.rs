//! The service as its users see it, over real sockets: with servers that behave and others that don't, with clients of all
//! kinds. Each test has a network namespace of its own, so that servers can listen at the port that they always do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod keeping;
mod messages;
mod mutated;
#[path = "../../../host/tests/kernel/namespace.rs"]
mod namespace;
mod own;
mod running;
mod server;
mod servers;
mod site;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Before any thread is started: the kernel lets only a process of one thread into a user namespace.
    if let Err(reason) = namespace::enter() {
        eprintln!("these tests need a network namespace of their own: {reason}");
        return ExitCode::FAILURE;
    }
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(clients::trials());
    trials.extend(keeping::trials());
    trials.extend(mutated::trials());
    trials.extend(own::trials());
    trials.extend(servers::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}
