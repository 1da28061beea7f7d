//! Whatever bytes a client sends, it gets nothing or a whole message that fits: an answer to its own number.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sekisho_names::fuzzing::Bench;
use sekisho_names_fuzz::{OFFICE, TERMINAL, setup};

static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new(setup()).expect("a runtime"));

fuzz_target!(|bytes: &[u8]| {
    for (client, by_tcp) in [(TERMINAL, false), (TERMINAL, true), (OFFICE, false)] {
        let Some(answer) = BENCH.handle(bytes, client, by_tcp) else { continue };
        assert!(answer.len() >= 12 && (by_tcp || answer.len() <= 1232), "{answer:?}");
        assert_eq!(answer[..2], bytes[..2], "another number");
        assert!(answer[2] & 0x80 != 0, "no answer");
    }
});
