//! What a rule could refuse by going too far: each of these changes to the base is fine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/keys.rs"]
mod keys;
#[path = "common/pair.rs"]
mod pair;

use std::net::Ipv4Addr;

use sekisho_design::{Accepted, Environment, Service, stamp};

fn replaced(text: String, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text, |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        text.replace(old, new)
    })
}

fn accepted(site: &[(&str, &str)], profile: &[(&str, &str)]) -> Accepted {
    let site = replaced(pair::base("site.toml"), site);
    let profile = keys::signed(&replaced(pair::base("profile.toml"), profile));
    let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes());
    accepted.unwrap_or_else(|problems| panic!("{site}\n{problems}"))
}

#[test]
fn defaults_are_ethernet_production_and_web() {
    let design = accepted(&[("mtu = 1500\ndns = [\"198.18.2.53\"]\n", "")], &[]).design;
    assert_eq!((design.lgwan.mtu, design.lgwan.dns.len()), (1500, 0));
    assert_eq!(design.servers[0].environment, Environment::Production);
    assert_eq!(design.servers[1].environment, Environment::Test);
    assert_eq!(design.servers[1].services, Service::WEB);
    assert_eq!(design.terminals[0].services, Service::WEB);
    assert_eq!(design.terminals[0].environment, Environment::Production);
}

#[test]
fn the_two_lans_may_share_ranges_addresses_and_routes() {
    let education = "port = \"port3\"\naddress = \"192.168.2.1/24\"";
    let shared = "port = \"port3\"\naddress = \"192.168.1.1/24\"\n\
                  routes = [{ to = \"10.20.0.0/16\", via = \"192.168.1.254\" }]";
    let terminals = ("from = [\"192.168.2.100\"]", "from = [\"192.168.1.96/27\"]");
    accepted(&[(education, shared), terminals], &[]);
}

#[test]
fn rows_of_one_lan_may_share_an_address_and_overlap() {
    let more = "[[terminals]]\nname = \"more\"\ninterface = \"head-office\"\n\
                from = [\"192.168.1.100\"]\nglobal = \"100.64.10.30\"\nservices = [\"icmp-echo\"]\n\n";
    let school = "[[terminals]]\nname = \"school\"";
    let design = accepted(&[(school, &(more.to_owned() + school))], &[]).design;
    assert_eq!(design.terminals[0].global, design.terminals[1].global);
}

#[test]
fn a_server_may_only_answer_or_only_ask() {
    let only_answers = ("services = [\"https\"]\nallow", "services = []\nallow");
    assert_eq!(accepted(&[only_answers], &[]).design.servers[0].services, []);
    let allow =
        "allow-from-platform = [\n  { from = \"100.73.1.10\", services = [\"tcp/8443\"] },\n]\n";
    assert_eq!(accepted(&[(allow, "")], &[]).design.servers[1].allow_from_platform, []);
}

#[test]
fn limits_are_inside() {
    for mtu in ["mtu = 1280", "mtu = 9000"] {
        accepted(&[("mtu = 1500", mtu)], &[]);
    }
    let smallest = ("address = \"192.168.254.1/24\"", "address = \"192.168.254.2/30\"");
    accepted(&[smallest, ("192.168.1.96/27", "192.168.1.96/32")], &[]);
    let whole = ("pool = [\"100.64.10.0/24\"]", "pool = [\"100.64.10.0/27\", \"100.64.10.32/27\"]");
    let device = ("device-address = \"100.64.10.1\"", "device-address = \"100.64.10.63\"");
    accepted(&[], &[whole, device]);
}

#[test]
fn the_profile_in_force_is_accepted_again_whatever_its_time_zone() {
    let again = [
        ("serial = 8", "serial = 7"),
        ("issued = 2026-04-01T09:00:00+09:00", "issued = 2026-03-01T09:00:00+09:00"),
    ];
    assert_eq!(accepted(&[], &again).design.profile.stamp.serial, 7);
}

#[test]
fn a_newer_serial_of_the_same_moment_is_accepted() {
    accepted(&[], &[("issued = 2026-04-01T09:00:00+09:00", "issued = 2026-03-01T00:00:00Z")]);
}

#[test]
fn centres_stand_in_order_of_preference() {
    let design = accepted(&[], &[("preference = 1", "preference = 3")]).design;
    let names: Vec<_> = design.profile.centres.iter().map(|centre| centre.name.as_str()).collect();
    assert_eq!(names, ["west", "east"]);
    assert_eq!(design.profile.centres[0].probe, Ipv4Addr::new(100, 72, 250, 2));
}

#[test]
fn an_editor_on_windows_changes_nothing() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let site = pair::base("site.toml").replace('\n', "\r\n");
    for site in [site.clone(), format!("\u{feff}{site}")] {
        let accepted = pair::check_pair(site.as_bytes(), profile.as_bytes()).unwrap();
        assert_eq!(accepted.design.site.name, "見本市");
    }
}

#[test]
fn a_signed_profile_has_its_stamp_whatever_the_site_is() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let operator = keys::key("operator.pub").parse().unwrap();
    let found = stamp(profile.as_bytes(), &operator).unwrap();
    assert_eq!(found, accepted(&[], &[]).design.profile.stamp);

    let forged = profile.replace("serial = ", "serial = 1");
    assert_eq!(stamp(forged.as_bytes(), &operator), None);
    assert_eq!(stamp(pair::base("profile.toml").as_bytes(), &operator), None);
    assert_eq!(stamp(b"\xff", &operator), None);
}
