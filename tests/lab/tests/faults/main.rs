//! Bad input and a bad environment: whatever goes wrong is said with the way out, and nothing stays half-applied.
//!
//! Each test compares the whole network state of the device's namespace before and after.

mod backups;
mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod confirm;
mod connections;
mod counts;
mod environment;
mod every_call;
mod expect;
mod figures;
mod files;
mod input;
mod meddling;
mod neighbours;
mod policies;
mod proof;
mod restart;
mod snapshot;
mod start;
mod store;
mod streams;

fn main() {
    common::run(TESTS);
}

const TESTS: &[common::Test] = &[
    ("bad_files_change_nothing", input::bad_files_change_nothing),
    ("the_api_refuses_what_is_no_proposal", input::the_api_refuses_what_is_no_proposal),
    ("nft_missing", environment::nft_missing),
    ("nft_refuses", environment::nft_refuses),
    ("nft_refuses_the_way_back", environment::nft_refuses_the_way_back),
    ("a_start_that_failed_is_tried_again", environment::a_start_that_failed_is_tried_again),
    ("no_tun_device", environment::no_tun_device),
    ("the_tunnel_port_is_taken", environment::the_tunnel_port_is_taken),
    ("no_permission", start::no_permission),
    ("another_daemon_runs", start::another_daemon_runs),
    ("the_daemon_does_not_run", start::the_daemon_does_not_run),
    ("the_service_manager_is_told", start::the_service_manager_is_told),
    ("the_device_says_which_one_it_is", start::the_device_says_which_one_it_is),
    ("unusable_keys_keep_the_daemon_down", start::unusable_keys_keep_the_daemon_down),
    ("the_disk_is_full", store::the_disk_is_full),
    ("the_disk_is_read_only", store::the_disk_is_read_only),
    ("a_damaged_store_is_told_and_mended", store::a_damaged_store_is_told_and_mended),
    ("a_damaged_store_falls_back", store::a_damaged_store_falls_back),
    ("applying_again_repairs_the_kernel", meddling::applying_again_repairs_the_kernel),
    ("the_daemon_repairs_the_kernel", meddling::the_daemon_repairs_the_kernel),
    ("the_daemon_ends_when_told", meddling::the_daemon_ends_when_told),
    ("a_change_is_kept_once_it_is_confirmed", confirm::a_change_is_kept_once_it_is_confirmed),
    ("a_change_bears_the_pages_user", confirm::a_change_bears_the_pages_user),
    ("what_nobody_confirms_is_taken_back", confirm::what_nobody_confirms_is_taken_back),
    (
        "a_first_change_that_nobody_confirms_leaves_a_closed_box",
        confirm::a_first_change_that_nobody_confirms_leaves_a_closed_box,
    ),
    (
        "a_daemon_killed_during_an_apply_leaves_one_design_or_the_other",
        confirm::a_daemon_killed_during_an_apply_leaves_one_design_or_the_other,
    ),
    (
        "a_change_of_the_way_is_confirmed_by_who_reaches_the_device",
        proof::a_change_of_the_way_is_confirmed_by_who_reaches_the_device,
    ),
    ("the_web_pages_user_has_to_show_the_token", proof::the_web_pages_user_has_to_show_the_token),
    (
        "a_change_ends_its_own_connections_and_no_others",
        connections::a_change_ends_its_own_connections_and_no_others,
    ),
    (
        "traffic_is_counted_for_its_rows_and_hosts",
        counts::traffic_is_counted_for_its_rows_and_hosts,
    ),
    (
        "a_box_beside_its_successor_stays_silent",
        neighbours::a_box_beside_its_successor_stays_silent,
    ),
    (
        "an_address_that_somebody_has_is_refused",
        neighbours::an_address_that_somebody_has_is_refused,
    ),
    (
        "an_address_that_somebody_has_is_found_on_a_new_port_too",
        neighbours::an_address_that_somebody_has_is_found_on_a_new_port_too,
    ),
    (
        "the_hosts_of_a_lan_hear_of_a_new_address",
        neighbours::the_hosts_of_a_lan_hear_of_a_new_address,
    ),
    ("every_network_hears_of_a_new_box", neighbours::every_network_hears_of_a_new_box),
    ("a_design_comes_back_from_a_backup", backups::a_design_comes_back_from_a_backup),
    (
        "a_night_without_a_stick_is_said_and_stops_nothing",
        backups::a_night_without_a_stick_is_said_and_stops_nothing,
    ),
    (
        "a_running_page_takes_the_users_of_a_backup",
        backups::a_running_page_takes_the_users_of_a_backup,
    ),
    ("a_new_box_takes_the_old_ones_place", backups::a_new_box_takes_the_old_ones_place),
    ("what_is_no_backup_of_this_box_is_named", backups::what_is_no_backup_of_this_box_is_named),
    ("idle_connections_keep_nobody_out", bounds::idle_connections_keep_nobody_out),
    ("the_daemon_stays_as_small_as_it_was", bounds::the_daemon_stays_as_small_as_it_was),
    ("connections_outlive_the_daemon", restart::connections_outlive_the_daemon),
    ("long_the_daemon_stays_as_small_for_long", bounds::the_daemon_stays_as_small_for_long),
    ("long_figures_of_the_large_sample", figures::of_the_large_sample),
    (
        "long_a_daemon_killed_at_every_call_leaves_one_design_or_the_other",
        every_call::a_daemon_killed_at_every_call_leaves_one_design_or_the_other,
    ),
    (
        "long_a_start_killed_at_every_call_still_leads_back",
        every_call::a_start_killed_at_every_call_still_leads_back,
    ),
    (
        "long_a_refusal_of_every_call_leaves_one_design_or_the_other",
        every_call::a_refusal_of_every_call_leaves_one_design_or_the_other,
    ),
    ("long_throughput_with_many_pairs", figures::throughput_with_many_pairs),
    ("long_a_stream_across_changes_loses_nothing", figures::a_stream_across_changes),
    (
        "long_a_stream_across_changes_of_the_large_sample_loses_nothing",
        figures::a_stream_across_changes_of_the_large_sample,
    ),
    ("long_throughput_with_many_policies", policies::throughput_with_many_policies),
    (
        "long_a_stream_across_changes_of_many_policies_loses_nothing",
        policies::a_stream_across_changes_of_many_policies,
    ),
    ("long_an_outage_lasts_a_second_at_most", restart::an_outage_lasts_a_second_at_most),
];
