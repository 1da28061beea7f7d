//! Any words get an answer from the parser of a trace's question, and any question that it takes gets one from the trace.
//!
//! The input is a source address and a target, with a space between them.

#![no_main]

use std::{net::Ipv4Addr, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use sekisho_design::Design;
use sekisho_fuzz::{PROFILE, SITE, check_pair, signed};
use sekisho_plan::trace::{Question, Side, Target, TraceError, Tracer};

static DESIGN: LazyLock<Design> = LazyLock::new(|| {
    check_pair(SITE.as_bytes(), signed(PROFILE).as_bytes()).expect("the base is valid").design
});

fuzz_target!(|words: &str| {
    let (from, to) = words.split_once(' ').unwrap_or(("192.168.1.100", words));
    let (Ok(from), Ok(Target { address: to, opening })) = (from.parse::<Ipv4Addr>(), to.parse())
    else {
        return;
    };
    let Ok(side) = Side::of(&DESIGN, from) else { return };
    let tracer = Tracer::new(&DESIGN).expect("a design that keeps every rule has a table");
    match tracer.trace(&Question { side, from, to, opening }) {
        Ok(_) | Err(TraceError::NotAHost(_)) => {}
        Err(error) => panic!("{words}: {error}"),
    }
});
