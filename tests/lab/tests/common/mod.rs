//! How a whole-system test program runs: inside the lab's namespaces, one test after another.

use libtest_mimic::{Arguments, Failed, Trial};
use sekisho_lab::enter;

/// A test by its name.
pub(crate) type Test = (&'static str, fn() -> anyhow::Result<()>);

/// Enters the lab and runs the tests. Names that begin with `long_` take minutes and run only where ignored tests are
/// asked for.
pub(crate) fn run(tests: &[Test]) -> ! {
    enter();
    let mut arguments = Arguments::from_args();
    // Each test has the names of the hosts to itself.
    arguments.test_threads = Some(1);
    let trial = |&(name, test): &Test| {
        let run = move || test().map_err(|error| Failed::from(format!("{error:#}")));
        Trial::test(name, run).with_ignored_flag(name.starts_with("long_"))
    };
    libtest_mimic::run(&arguments, tests.iter().map(trial).collect()).exit()
}
