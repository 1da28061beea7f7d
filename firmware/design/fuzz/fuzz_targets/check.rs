//! Any two files get an answer that makes sense, and a design that is accepted reads the same after it is printed.
//!
//! The input is a site, or a profile where it names a device address, or both with a byte 0xFF between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_design::{Language, Problem, Severity, print_site};
use sekisho_fuzz::{PROFILE, SITE, check_pair, signed};

fuzz_target!(|input: &[u8]| {
    let (site, profile) = match input.iter().position(|byte| *byte == 0xFF) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None if input.windows(14).any(|word| word == b"device-address") => (SITE.as_bytes(), input),
        None => (input, PROFILE.as_bytes()),
    };
    // Without a good signature no profile would be accepted.
    let resigned = str::from_utf8(profile).map(signed);
    let profile = resigned.as_ref().map_or(profile, String::as_bytes);
    match check_pair(site, profile) {
        Ok(accepted) => {
            speaks(&accepted.warnings);
            let printed = print_site(&accepted.design);
            let again = check_pair(printed.as_bytes(), profile).expect(&printed);
            assert_eq!(again.design, accepted.design, "{printed}");
        }
        Err(problems) => {
            assert!(problems.0.iter().any(|problem| problem.severity() == Severity::Error));
            speaks(&problems.0);
        }
    }
});

fn speaks(problems: &[Problem]) {
    for problem in problems {
        assert!(problem.line > 0 && problem.column > 0);
        for language in [Language::Japanese, Language::English] {
            let sentence = problem.sentence(language);
            assert!(!sentence.is_empty() && !sentence.contains(char::is_control), "{sentence:?}");
            assert!(!problem.mend(language).is_empty());
        }
    }
}
