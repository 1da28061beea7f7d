//! Questions at the ports, asked of real hosts: each test in its own network namespace, inside a user namespace where the
//! caller is not root.

mod links;
#[path = "../../../host/tests/kernel/namespace.rs"]
mod namespace;
mod net;
mod routers;
mod sockets;
mod straight;

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
    trials.extend(links::trials());
    trials.extend(straight::trials());
    trials.extend(routers::trials());
    trials.extend(sockets::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}
