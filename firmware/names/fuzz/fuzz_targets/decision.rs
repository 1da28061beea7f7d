//! Any name on the wire is decided, and names of the platform's zone never go to the office.
//!
//! The input is a type in two bytes and a name.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sekisho_names::{Setup, fuzzing::decision};
use sekisho_names_fuzz::{OFFICE, TERMINAL, setup};

static SETUP: LazyLock<Setup> = LazyLock::new(setup);

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, name)) = bytes.split_first_chunk() else { return };
    for client in [TERMINAL, OFFICE] {
        let kind = u16::from_be_bytes(*kind);
        let Some((rule, labels)) = decision(&SETUP, client, name, kind) else { return };
        let own = labels.ends_with(&[b"platform".to_vec(), b"example".to_vec()]);
        match rule {
            "static" | "refused-kind" => {}
            "platform" => {
                assert!(own || labels.ends_with(&[b"in-addr".to_vec(), b"arpa".to_vec()]))
            }
            "office" => assert!(!own && client == TERMINAL),
            "refused-loop" => assert!(!own && client == OFFICE),
            other => panic!("{other}"),
        }
    }
});
