//! The disk image in the device's place. Every test is ignored unless asked for, since each needs an image and minutes:
//! `make test-image-quick` runs those that begin with `quick_`, `make test-image` all.
//!
//! The quick ones share one machine: it boots once, and each test begins with a snapshot.

mod bench;
mod boot;
mod chatter;
mod cuts;
mod erase;
mod faults;
mod installer;
mod keys;
mod lynis;
mod nightly;
mod page_updates;
mod quick;
mod replacement;
mod rollout;
mod service;
mod update_cuts;
mod updates;

use libtest_mimic::{Arguments, Failed, Trial};

type Test = (&'static str, fn() -> anyhow::Result<()>);

const TESTS: [Test; 40] = [
    ("quick_closed_and_silent_from_power_on", quick::closed_and_silent_from_power_on),
    ("quick_ports_lie_in_their_slots", quick::ports_lie_in_their_slots),
    ("quick_first_contact_leases_one_address", quick::first_contact_leases_one_address),
    ("quick_the_wizard_brings_the_site_in", quick::the_wizard_brings_the_site_in),
    ("quick_traffic_goes_both_ways", quick::traffic_goes_both_ways),
    ("quick_the_cipher_runs_without_avx2", quick::the_cipher_runs_without_avx2),
    ("quick_no_unit_failed", quick::no_unit_failed),
    ("quick_time_comes_from_the_profiles_servers", quick::time_comes_from_the_profiles_servers),
    ("quick_snmp_answers_the_named_source", quick::snmp_answers_the_named_source),
    ("quick_the_self_test_passes", quick::the_self_test_passes),
    ("quick_memory_in_service", quick::memory_in_service),
    ("quick_the_sandbox_is_tight", quick::the_sandbox_is_tight),
    ("quick_the_page_answers_the_clerk_alone", quick::the_page_answers_the_clerk_alone),
    ("long_speed_and_duplex_are_fixed", service::speed_and_duplex_are_fixed),
    ("long_an_idle_box_writes_little", service::an_idle_box_writes_little),
    ("long_a_full_disk_stops_nothing", faults::a_full_disk_stops_nothing),
    ("long_a_hang_ends_by_the_watchdog", faults::a_hang_ends_by_the_watchdog),
    ("long_a_panic_ends_by_a_restart", faults::a_panic_ends_by_a_restart),
    ("long_a_dead_battery_stops_nothing", faults::a_dead_battery_stops_nothing),
    (
        "long_a_daemon_that_never_starts_leaves_it_closed",
        faults::a_daemon_that_never_starts_leaves_it_closed,
    ),
    ("long_a_dead_data_partition_keeps_it_closed", faults::a_dead_data_partition_keeps_it_closed),
    ("long_a_factory_reset_erases_everything", erase::a_factory_reset_erases_everything),
    ("long_lynis_counts_enough", lynis::lynis_counts_enough),
    ("long_the_boot_loader_counts_and_says_so", updates::the_boot_loader_counts_and_says_so),
    ("long_a_good_update_stays", updates::a_good_update_stays),
    ("long_an_update_that_is_not_well_goes_back", updates::an_update_that_is_not_well_goes_back),
    (
        "long_bad_updates_are_refused_and_a_dead_one_goes_back",
        updates::bad_updates_are_refused_and_a_dead_one_goes_back,
    ),
    ("long_an_update_sent_to_the_page_stays", page_updates::an_update_sent_to_the_page_stays),
    ("long_keys_roll_over_in_two_steps", keys::keys_roll_over_in_two_steps),
    (
        "long_power_cuts_during_updates_leave_a_box_that_starts",
        update_cuts::a_cut_leaves_a_box_that_starts,
    ),
    ("long_the_installer_writes_an_empty_disk", installer::the_installer_writes_an_empty_disk),
    (
        "long_a_box_with_two_bad_slots_is_written_anew",
        installer::a_box_with_two_bad_slots_is_written_anew,
    ),
    (
        "long_a_spare_box_takes_the_old_ones_place",
        replacement::a_spare_box_takes_the_old_ones_place,
    ),
    (
        "long_a_spare_box_without_the_identity_is_born_anew",
        replacement::a_spare_box_without_the_identity_is_born_anew,
    ),
    (
        "long_an_old_box_is_silent_beside_its_successor",
        replacement::an_old_box_is_silent_beside_its_successor,
    ),
    ("long_a_night_writes_a_capsule_to_the_stick", nightly::a_night_writes_a_capsule_to_the_stick),
    ("long_a_fleet_roll_out_by_hawkbit", rollout::a_fleet_roll_out_by_hawkbit),
    ("long_boots_by_uefi", boot::boots_by_uefi),
    ("long_power_cuts_leave_a_whole_state", cuts::power_cuts_leave_a_whole_state),
    ("long_up_nearly_as_fast_as_a_bare_debian", boot::up_nearly_as_fast_as_a_bare_debian),
];

fn main() {
    sekisho_lab::enter();
    let mut arguments = Arguments::from_args();
    // One machine and one lab at a time.
    arguments.test_threads = Some(1);
    let trial = |(name, test): Test| {
        let run = move || test().map_err(|error| Failed::from(format!("{error:#}")));
        Trial::test(name, run).with_ignored_flag(true)
    };
    let conclusion = libtest_mimic::run(&arguments, TESTS.into_iter().map(trial).collect());
    bench::clear();
    conclusion.exit();
}
