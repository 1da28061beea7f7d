//! What the host room does to a real kernel: each test in its own network namespace, inside a user namespace where the
//! caller is not root.

mod aids;
mod conntrack;
mod files;
mod filter;
mod flows;
mod namespace;
mod neighbour;
mod net;
mod ports;
mod queue;
mod raw;
mod refusals;
mod watch;

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
    trials.extend(net::trials());
    trials.extend(ports::trials());
    trials.extend(queue::trials());
    trials.extend(filter::trials());
    trials.extend(raw::trials());
    trials.extend(refusals::trials());
    trials.extend(conntrack::trials());
    trials.extend(flows::trials());
    trials.extend(neighbour::trials());
    trials.extend(watch::trials());
    trials.extend(files::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}
