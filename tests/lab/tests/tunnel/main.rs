//! The tunnel between real programs: the key, fail-over, restarts, bad lines and hostile datagrams.

mod clock;
#[path = "../common/mod.rs"]
mod common;
mod congestion;
mod copy;
mod failover;
mod go;
mod hostile;
mod key;
mod line;
mod path;
mod reissue;
mod renewal;
mod restart;
mod stepped;
mod traffic;

fn main() {
    common::run(&[
        ("the_private_key_stays_private", key::the_private_key_stays_private),
        ("a_key_is_renewed_in_two_steps", renewal::a_key_is_renewed_in_two_steps),
        ("a_key_is_renewed_in_one_step", renewal::a_key_is_renewed_in_one_step),
        ("a_key_that_nobody_registers", renewal::a_key_that_nobody_registers),
        ("a_renewal_survives_whatever_happens", renewal::a_renewal_survives_whatever_happens),
        ("new_centre_keys_come_with_a_profile", reissue::new_centre_keys_come_with_a_profile),
        ("the_other_centres_key_changes", reissue::the_other_centres_key_changes),
        ("a_new_pool_moves_the_addresses", reissue::a_new_pool_moves_the_addresses),
        ("long_a_renewal_to_its_end", renewal::a_renewal_to_its_end),
        ("both_centres_are_warm", failover::both_centres_are_warm),
        ("a_cut_centre_costs_no_connection", failover::a_cut_centre_costs_no_connection),
        ("a_far_end_dies_and_comes_back", failover::a_far_end_dies_and_comes_back),
        ("no_centre_refuses_at_once", failover::no_centre_refuses_at_once),
        ("a_transfer_outlives_the_daemon", restart::a_transfer_outlives_the_daemon),
        ("a_restart_needs_no_apply", restart::a_restart_needs_no_apply),
        (
            "a_restart_without_centres_refuses_at_once",
            restart::a_restart_without_centres_refuses_at_once,
        ),
        ("a_clock_that_is_put_back_costs_nothing", clock::a_clock_that_is_put_back_costs_nothing),
        (
            "a_clock_that_jumps_under_traffic_costs_nothing",
            stepped::a_clock_that_jumps_under_traffic_costs_nothing,
        ),
        (
            "a_clock_that_jumps_moves_no_time_to_confirm",
            stepped::a_clock_that_jumps_moves_no_time_to_confirm,
        ),
        ("a_start_with_a_clock_put_back", stepped::a_start_with_a_clock_put_back),
        (
            "a_start_with_a_clock_put_back_towards_wireguard_go",
            stepped::a_start_with_a_clock_put_back_towards_wireguard_go,
        ),
        ("a_bad_line_delivers_every_byte", line::a_bad_line_delivers_every_byte),
        (
            "a_congested_router_is_heard_at_both_ends",
            congestion::a_congested_router_is_heard_at_both_ends,
        ),
        (
            "a_narrow_way_is_found_and_everything_follows",
            path::a_narrow_way_is_found_and_everything_follows,
        ),
        ("hostile_datagrams_change_nothing", hostile::hostile_datagrams_change_nothing),
        ("long_a_million_hostile_datagrams", hostile::a_million_hostile_datagrams),
        ("long_a_stream_goes_on_at_once", failover::a_stream_goes_on_at_once),
        ("long_both_centres_are_away_for_long", failover::both_centres_are_away_for_long),
        ("long_a_full_line_switches_nothing", line::a_full_line_switches_nothing),
        (
            "long_a_full_line_with_a_long_queue_switches_nothing",
            line::a_full_line_with_a_long_queue_switches_nothing,
        ),
        (
            "long_a_clock_that_jumps_often_costs_nothing",
            stepped::a_clock_that_jumps_often_costs_nothing,
        ),
        ("long_rekeying_with_a_clock_that_jumps", stepped::rekeying_with_a_clock_that_jumps),
        ("long_a_copy_of_the_device_is_noticed", copy::a_copy_of_the_device_is_noticed),
    ]);
}
