//! The self-test between real hosts (R19 R20 R22 R23 R92): a healthy site, each kind of trouble, reports and health.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod healthy;
mod office;
mod platform;
mod rehearsal;
mod running;
mod site;
mod uplink;

fn main() {
    common::run(&[
        ("a_healthy_site_passes_quickly_and_undisturbed", healthy::a_healthy_site_passes),
        ("each_trouble_is_named_first_and_rightly", cases::each_trouble_is_named_first),
        ("the_far_end_and_the_device_sign_one_report", healthy::both_halves_are_one_report),
        ("what_disturbs_is_asked_for_and_measured", healthy::what_disturbs_is_measured),
        ("the_health_level_follows_the_tunnel", healthy::the_level_follows_the_tunnel),
        ("a_support_bundle_tells_no_secret", healthy::a_bundle_tells_no_secret),
        (
            "a_rehearsal_on_a_laptop_passes_the_whole_tree",
            rehearsal::a_laptop_passes_the_whole_tree,
        ),
        ("tests_run_one_at_a_time_and_are_kept", running::tests_run_one_at_a_time_and_are_kept),
        ("long_every_sample_passes", healthy::every_sample_passes),
    ]);
}
