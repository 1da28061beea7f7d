use proptest::prelude::*;
use sekisho_design::Method;

use super::*;
use crate::sample::{addresses, design, entry, name};

/// The first of April 2026, nine o'clock in Japan.
const DATED: Timestamp = Timestamp::constant(1_775_001_600, 0);

const HEAD_OFFICE: &str = "\
# 見本市役所 首長部局業務系LAN hosts
# 2026-04-01 09:00 (JST)
127.0.0.1\tlocalhost
192.168.1.10\tin.platform.example
192.168.1.10\tjuki.city.example
192.168.1.11\town.city.example
100.72.0.79\tportal.city.example
100.72.0.80\tportal.city.example
100.72.0.79\tweb.platform.example
100.72.0.80\tweb.platform.example
192.168.1.10\twww.city.example
";

fn named() -> Design {
    let mut design = design(Method::Hosts);
    let (both, head_office) = (&Lan::ALL, &[Lan::HeadOffice]);
    let alias = |text: &str| NameTarget::Alias(name(text));
    design.names.as_mut().unwrap().entries = vec![
        entry("juki.city.example", both, addresses(&["192.168.1.10"])),
        // The second is the global address of the first.
        entry("own.city.example", head_office, addresses(&["192.168.1.11", "100.64.10.12"])),
        entry("www.city.example", both, alias("juki.city.example")),
        entry("portal.city.example", both, alias("web.platform.example")),
        entry("lost.city.example", both, alias("nowhere.platform.example")),
        entry("a.loop.example", both, alias("b.loop.example")),
        entry("b.loop.example", both, alias("a.loop.example")),
    ];
    design
}

fn platform() -> BTreeMap<DnsName, Vec<Ipv4Addr>> {
    let row = |text: &str, addresses: &[&str]| {
        (name(text), addresses.iter().map(|address| address.parse().unwrap()).collect())
    };
    BTreeMap::from([
        row("web.platform.example", &["100.72.0.80", "100.72.0.79", "100.72.0.80"]),
        row("in.platform.example", &["100.64.10.11"]),
        // What the design says comes first.
        row("juki.city.example", &["100.72.6.6"]),
    ])
}

#[test]
fn a_file_is_entries_aliases_and_the_platforms_names() {
    let design = named();
    let written =
        |encoding| file(&design, Some(Lan::HeadOffice), &platform(), DATED, encoding).unwrap();
    let utf8 = String::from_utf8(written(Encoding::Utf8)).unwrap();
    assert!(utf8 == HEAD_OFFICE, "{utf8}");
    assert_eq!(written(Encoding::Utf8), utf8.as_bytes(), "the same every time");
    let bytes = written(Encoding::Cp932);
    let (text, _, is_broken) = encoding_rs::SHIFT_JIS.decode(&bytes);
    assert!(!is_broken);
    assert_eq!(text, utf8.replace('\n', "\r\n"));
}

#[test]
fn own_servers_keep_their_global_addresses_where_the_design_says_so() {
    let mut design = named();
    design.names.as_mut().unwrap().rewrite_own = false;
    let bytes = file(&design, Some(Lan::HeadOffice), &platform(), DATED, Encoding::Utf8).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("100.64.10.11\tin.platform.example\n"), "{text}");
    assert!(text.contains("100.64.10.12\town.city.example\n192.168.1.11\town.city.example\n"));
}

#[test]
fn one_file_for_both_lans_takes_agreement() {
    let mut design = named();
    let both = |design: &Design| file(design, None, &platform(), DATED, Encoding::Utf8);
    let differs = |text: &str| Err(HostsError::Differs(name(text)));
    assert_eq!(both(&design), differs("in.platform.example"), "private on one");
    design.names.as_mut().unwrap().rewrite_own = false;
    assert_eq!(both(&design), differs("own.city.example"), "on one only");
    design.names.as_mut().unwrap().entries.retain(|entry| entry.lans.len() == 2);
    let text = String::from_utf8(both(&design).unwrap()).unwrap();
    assert!(
        text.starts_with("# 見本市役所 首長部局業務系LAN・教育委員会業務系LAN hosts\n"),
        "{text}"
    );
}

#[test]
fn without_names_or_the_lan_there_is_no_file() {
    let mut design = named();
    let of = |design: &Design, lan| file(design, lan, &platform(), DATED, Encoding::Utf8);
    design.lans.remove(&Lan::EducationBoard);
    let lan = Some(Lan::EducationBoard);
    assert_eq!(of(&design, lan), Err(HostsError::NoLan(Lan::EducationBoard)));
    design.names = None;
    assert_eq!(of(&design, None), Err(HostsError::NoNames));
}

proptest! {
    #[test]
    fn a_sites_name_stays_in_its_comment(site in any::<String>(), cp932 in any::<bool>()) {
        let mut design = named();
        design.site.name = site;
        let encoding = if cp932 { Encoding::Cp932 } else { Encoding::Utf8 };
        let bytes = file(&design, Some(Lan::HeadOffice), &platform(), DATED, encoding).unwrap();
        let end = if cp932 { "\r\n" } else { "\n" };
        let rows = HEAD_OFFICE.split_once('\n').unwrap().1.replace('\n', end);
        let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
        prop_assert!(lines[0].starts_with(b"# "));
        prop_assert!(bytes.ends_with(rows.as_bytes()));
        prop_assert_eq!(lines.len(), HEAD_OFFICE.lines().count() + 1);
        let inner = &lines[0][..lines[0].len() - usize::from(cp932)];
        prop_assert!(!inner.iter().any(u8::is_ascii_control));
    }
}
