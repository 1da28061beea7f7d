//! The time, between real chrony daemons (R62).
//!
//! None of them touches this machine's clock (`chronyd -x`).

#[path = "../common/mod.rs"]
mod common;
mod served;

fn main() {
    common::run(&[(
        "both_lans_get_lgwans_time_and_are_told_before_they_can",
        served::both_lans_get_lgwans_time_and_are_told_before_they_can,
    )]);
}
