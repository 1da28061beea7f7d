//! The name service between real programs (R17 R41 R85 R87): BIND on the platform, dnsmasq in the office, dig and drill as
//! clients.

mod ask;
mod clients;
#[path = "../common/mod.rs"]
mod common;
mod forward;
mod hosts;
mod moved;
mod outages;
mod peers;
mod proxy;
mod refused;
mod serving;
mod told;

fn main() {
    common::run(&[
        ("every_source_answers_its_own_names", clients::every_source_answers_its_own_names),
        ("a_lan_gets_its_own_entries_only", clients::a_lan_gets_its_own_entries_only),
        (
            "own_servers_are_given_by_their_private_address",
            clients::own_servers_are_given_by_their_private_address,
        ),
        ("both_lans_on_one_range_are_answered", clients::both_lans_on_one_range_are_answered),
        (
            "a_plain_program_reaches_the_platform_by_name",
            clients::a_plain_program_reaches_the_platform_by_name,
        ),
        (
            "a_change_of_the_names_is_in_force_with_the_apply",
            clients::a_change_of_the_names_is_in_force_with_the_apply,
        ),
        (
            "the_office_dns_forwards_and_nobody_else_is_answered",
            forward::the_office_dns_forwards_and_nobody_else_is_answered,
        ),
        ("a_loop_ends_at_once", forward::a_loop_ends_at_once),
        ("a_hosts_file_has_what_terminals_need", hosts::a_hosts_file_has_what_terminals_need),
        ("everything_passes_as_it_is", proxy::everything_passes_as_it_is),
        (
            "the_second_server_answers_for_the_first",
            outages::the_second_server_answers_for_the_first,
        ),
        ("a_dead_centre_costs_no_answer", outages::a_dead_centre_costs_no_answer),
        ("names_outlive_the_tunnel", outages::names_outlive_the_tunnel),
        ("other_sides_get_no_answer", refused::other_sides_get_no_answer),
        ("unregistered_hosts_are_refused", refused::unregistered_hosts_are_refused),
        (
            "answers_that_lead_elsewhere_are_not_believed",
            refused::answers_that_lead_elsewhere_are_not_believed,
        ),
        ("garbage_changes_nothing", refused::garbage_changes_nothing),
        ("the_last_good_address_is_kept", moved::the_last_good_address_is_kept),
        (
            "a_name_that_was_never_resolved_opens_nothing",
            moved::a_name_that_was_never_resolved_opens_nothing,
        ),
        ("a_centre_that_moves_is_followed", moved::a_centre_that_moves_is_followed),
        ("a_source_by_name_gets_in", moved::a_source_by_name_gets_in),
        ("a_taken_port_takes_nothing_else_down", serving::a_taken_port_takes_nothing_else_down),
        (
            "a_design_that_is_taken_back_is_served_no_longer",
            serving::a_design_that_is_taken_back_is_served_no_longer,
        ),
        ("a_query_is_explained", told::a_query_is_explained),
        ("a_trace_takes_names", told::a_trace_takes_names),
        (
            "queries_are_logged_where_the_design_says_so",
            told::queries_are_logged_where_the_design_says_so,
        ),
    ]);
}
