//! A full line: online before bulk, bulk held back after an outage (R35 R49 R59 R72).

mod classes;
#[path = "../common/mod.rs"]
mod common;
mod load;
mod outage;
mod site;
mod speed;

fn main() {
    common::run(&[
        ("datagrams_bear_their_class", classes::datagrams_bear_their_class),
        ("online_is_quick_while_bulk_fills_the_line", speed::online_is_quick),
        ("bulk_is_held_back_after_an_outage", outage::bulk_is_held_back),
        ("long_online_is_quick_while_bulk_fills_the_line", speed::online_is_quick_for_long),
    ]);
}
