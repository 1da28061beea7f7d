//! The local page under load, beside a data plane that carries half of what it can: neither disturbs the other.
//!
//! Figures count of programs built for release (`make bench-page`); of others the page's CPU and memory may be more. Clients,
//! senders and both ends of the tunnel are on the same cores as the box.

mod browser;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod page;
mod plane;
mod visits;

fn main() {
    common::run(&[
        ("slow_clients_keep_nobody_out", page::slow_clients_keep_nobody_out),
        ("long_a_loaded_page_costs_no_packet", page::a_loaded_page_costs_no_packet),
    ]);
}
