//! The daemon without root: what it can do with the three capabilities that its service gives it.

#[path = "../common/mod.rs"]
mod common;
mod few;

fn main() {
    common::run(&[(
        "three_capabilities_are_enough_from_the_first_apply_to_a_restart",
        few::three_capabilities_are_enough_from_the_first_apply_to_a_restart,
    )]);
}
