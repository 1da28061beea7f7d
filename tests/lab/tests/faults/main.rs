//! Bad input and a bad environment: whatever goes wrong is said with the way out, and nothing stays half-applied.
//!
//! Each test compares the whole network state of the device's namespace before and after.

#[path = "../common/mod.rs"]
mod common;
mod environment;
mod expect;
mod files;
mod input;
mod meddling;
mod snapshot;
mod start;
mod store;

fn main() {
    common::run(&[
        ("bad_files_change_nothing", input::bad_files_change_nothing),
        ("the_api_refuses_what_is_no_proposal", input::the_api_refuses_what_is_no_proposal),
        ("nft_missing", environment::nft_missing),
        ("nft_refuses", environment::nft_refuses),
        ("nft_refuses_the_way_back", environment::nft_refuses_the_way_back),
        ("no_tun_device", environment::no_tun_device),
        ("the_tunnel_port_is_taken", environment::the_tunnel_port_is_taken),
        ("no_permission", start::no_permission),
        ("another_daemon_runs", start::another_daemon_runs),
        ("the_daemon_does_not_run", start::the_daemon_does_not_run),
        ("unusable_keys_keep_the_daemon_down", start::unusable_keys_keep_the_daemon_down),
        ("the_disk_is_full", store::the_disk_is_full),
        ("a_damaged_store_is_told_and_mended", store::a_damaged_store_is_told_and_mended),
        ("applying_again_repairs_the_kernel", meddling::applying_again_repairs_the_kernel),
        ("the_daemon_ends_when_told", meddling::the_daemon_ends_when_told),
    ]);
}
