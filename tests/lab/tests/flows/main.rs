//! The log of flows and the office's collector, between real hosts (R77 R68).

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod echo;
mod office;
mod strict;
mod told;

fn main() {
    common::run(&[
        (
            "flows_are_logged_and_reach_the_collector_by_every_transport",
            told::flows_are_logged_and_reach_the_collector_by_every_transport,
        ),
        (
            "what_the_collector_gets_is_rfc_5424_to_the_letter",
            strict::what_the_collector_gets_is_rfc_5424_to_the_letter,
        ),
        ("a_full_disk_costs_flows_and_no_traffic", disk::a_full_disk_costs_flows_and_no_traffic),
    ]);
}
