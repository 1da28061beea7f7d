//! The ledger holds every address of the pool once, and names what the pool lacks (R63 R82).

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;
use proptest::prelude::*;
use sekisho_design::{
    Global, Holder, Lan, Language, Ledger, Problem, Totals, ledger, without_signature,
};

use crate::{keys, sample};

fn of(site: &str, profile: &str) -> Result<Ledger, Vec<Problem>> {
    ledger(&sample::sources(site, profile), &sample::trust()).map_err(|problems| problems.0)
}

fn kinds(ledger: &Ledger) -> Vec<String> {
    let kind = |holder: &Holder| match holder {
        Holder::Device => "device".to_owned(),
        Holder::Server { name, .. } => name.to_string(),
        Holder::Terminals { rows, .. } => format!("{} rows", rows.len()),
        Holder::Free => "free".to_owned(),
    };
    let entry = |holding: &sekisho_design::Holding| {
        format!("{}+{} {}", holding.first, holding.count(), kind(&holding.holder))
    };
    ledger.pool.iter().map(entry).collect()
}

#[test]
fn a_pool_is_told_address_by_address_and_its_free_ranges_in_one() {
    let (site, profile) = sample::texts("1-office");
    let ledger = of(&site, &profile).unwrap();
    let expected = [
        "100.64.10.0+1 free",
        "100.64.10.1+1 device",
        "100.64.10.2+9 free",
        "100.64.10.11+1 juki",
        "100.64.10.12+1 atena",
        "100.64.10.13+17 free",
        "100.64.10.30+1 1 rows",
        "100.64.10.31+1 1 rows",
        "100.64.10.32+224 free",
    ];
    assert_eq!(kinds(&ledger), expected);
    let totals = Totals { pool: 256, device: 1, server: 2, terminals: 2, free: 251, to_apply: 0 };
    assert_eq!((ledger.totals, ledger.to_apply.len()), (totals, 0));
}

#[test]
fn addresses_outside_the_pool_are_to_apply_for_and_the_pool_is_told_all_the_same() {
    let (site, profile) = sample::texts("1-office");
    let site = site.replace("100.64.10.12", "100.64.11.12").replace("100.64.10.31", "100.64.9.1");
    let ledger = of(&site, &profile).unwrap();
    let holder = |at: usize| (ledger.to_apply[at].first.to_string(), &ledger.to_apply[at].holder);
    let Holder::Terminals { lan: Lan::EducationBoard, rows } = holder(0).1 else { panic!() };
    assert_eq!((holder(0).0.as_str(), rows[0].as_str()), ("100.64.9.1", "school"));
    let Holder::Server { name, .. } = holder(1).1 else { panic!() };
    assert_eq!((holder(1).0.as_str(), name.as_str()), ("100.64.11.12", "atena"));
    let totals = Totals { pool: 256, device: 1, server: 1, terminals: 1, free: 253, to_apply: 2 };
    assert_eq!(ledger.totals, totals);

    let sheet = ledger.sheet(Language::Japanese);
    assert!(sheet.rows[0][1].starts_with("申請が必要") && sheet.notes.len() == 1);
    assert_eq!(sheet.rows.iter().filter(|row| row[1].starts_with("申請が必要")).count(), 2);

    // The operator assigns more.
    let assigned = "pool = [\"100.64.9.0/31\", \"100.64.10.0/24\", \"100.64.11.0/28\"]";
    let profile = without_signature(&profile).replace("pool = [\"100.64.10.0/24\"]", assigned);
    let ledger = of(&site, &keys::signed(&profile)).unwrap();
    let totals = Totals { pool: 274, device: 1, server: 2, terminals: 2, free: 269, to_apply: 0 };
    assert_eq!((ledger.totals, ledger.to_apply.len()), (totals, 0));
}

#[test]
fn any_other_error_refuses_and_is_told_with_the_rest() {
    let (site, profile) = sample::texts("1-office");
    let site = site.replace("100.64.10.12", "100.64.11.12");
    for (old, new) in [
        // A row that can't be read would be missing from the ledger.
        ("private = \"192.168.1.10\"", "private = \"192.168.1.\""),
        // An address with two holders has no line of its own.
        ("100.64.10.30", "100.64.10.11"),
    ] {
        let problems = of(&site.replace(old, new), &profile).unwrap_err();
        assert!(problems.iter().any(|problem| problem.code() == "POOL-01"), "{problems:?}");
        assert!(problems.len() > 1, "{problems:?}");
    }
    let forged = profile.replace("100.64.10.0/24", "100.64.0.0/16");
    let problems = of(&site, &forged).unwrap_err();
    assert!(problems.iter().any(|problem| problem.code() == "SIGN-03"), "{problems:?}");
}

#[test]
fn terminal_rows_that_share_an_address_stand_in_one_line() {
    let (mut site, profile) = sample::texts("1-office");
    site += "\n[[terminals]]\nname = \"annex\"\ninterface = \"head-office\"\n\
             from = [\"192.168.1.101\"]\nglobal = \"100.64.10.30\"\n";
    let ledger = of(&site, &profile).unwrap();
    let shared = ledger.pool.iter().find(|held| held.first.to_string() == "100.64.10.30").unwrap();
    let Holder::Terminals { lan: Lan::HeadOffice, rows } = &shared.holder else { panic!() };
    assert_eq!(
        rows.iter().map(sekisho_design::Name::as_str).collect::<Vec<_>>(),
        ["counter", "annex"]
    );
    assert_eq!(ledger.totals.terminals, 2);
}

#[test]
fn what_some_destinations_see_is_in_use_and_may_be_to_apply_for() {
    let (site, profile) = sample::texts("1-office");
    let seen = "global-for = [\n\
         { to = [\"100.72.1.10\"], global = \"100.64.10.40\" },\n\
         { to = [\"100.72.1.11\"], global = \"100.64.10.30\" },\n\
         { to = [\"100.72.1.12\"], global = \"100.64.11.40\" },\n]\n";
    let site = ["juki", "counter"].into_iter().fold(site, |site, row| {
        site.replace(&format!("name = \"{row}\"\n"), &format!("name = \"{row}\"\n{seen}"))
    });
    let ledger = of(&site, &profile).unwrap();
    let rows = |holdings: &[sekisho_design::Holding], address: &str| {
        let held = holdings.iter().find(|held| held.first.to_string() == address).unwrap();
        let Holder::Terminals { lan: Lan::HeadOffice, rows } = &held.holder else { panic!() };
        rows.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(rows(&ledger.pool, "100.64.10.40"), ["juki", "counter"]);
    assert_eq!(rows(&ledger.pool, "100.64.10.30"), ["counter", "juki"]);
    assert_eq!(rows(&ledger.to_apply, "100.64.11.40"), ["juki", "counter"]);
    let totals = Totals { pool: 256, device: 1, server: 2, terminals: 3, free: 250, to_apply: 1 };
    assert_eq!(ledger.totals, totals);
}

fn address(number: u32) -> Ipv4Addr {
    (0x6440_0000 + number).into()
}

proptest! {
    /// Pools of several prefixes, the ends of the address space among them, against a plain look at each address.
    #[test]
    fn each_address_of_the_pool_stands_there_once(
        blocks in prop::collection::btree_set(0u32..8, 1..5),
        globals in prop::collection::btree_set(0u32..160, 1..5),
    ) {
        let mut design = sample::design("1-office");
        let prefix = |block: u32| Ipv4Net::new(address(block * 16), 28).unwrap();
        // Not in order, and one at the very end of the address space.
        design.profile.pool = blocks.iter().rev().map(|block| prefix(*block)).collect();
        design.profile.pool.push("255.255.255.240/28".parse().unwrap());
        let mut globals = globals.into_iter().map(|number| Global::new(address(number)));
        design.profile.device_address = globals.next().unwrap();
        design.servers.truncate(globals.len().min(2));
        for (server, global) in design.servers.iter_mut().zip(globals) {
            server.global = global;
        }
        design.terminals.clear();

        let ledger = Ledger::of(&design);
        let mut told = BTreeMap::new();
        for holding in &ledger.pool {
            for number in u32::from(holding.first.get())..=u32::from(holding.last.get()) {
                prop_assert_eq!(told.insert(Ipv4Addr::from(number), &holding.holder), None);
            }
        }
        let in_pool: Vec<Ipv4Addr> = design.profile.pool.iter().flat_map(|prefix| {
            (u32::from(prefix.network())..=u32::from(prefix.broadcast())).map(Ipv4Addr::from)
        }).collect();
        prop_assert_eq!(told.len(), in_pool.len());
        prop_assert!(in_pool.iter().all(|address| told.contains_key(address)));
        prop_assert!(ledger.pool.is_sorted_by_key(|holding| holding.first));

        let to_apply: Vec<_> = ledger.to_apply.iter().map(|holding| holding.first.get()).collect();
        let held = design.servers.iter().map(|server| server.global);
        for global in held.chain([design.profile.device_address]) {
            match told.get(&global.get()) {
                Some(holder) => prop_assert!(**holder != Holder::Free),
                None => prop_assert!(to_apply.contains(&global.get())),
            }
        }
        let Totals { pool, device, server, terminals, free, to_apply } = ledger.totals;
        prop_assert_eq!(pool, in_pool.len() as u64);
        prop_assert_eq!(device + server + terminals + free, pool);
        prop_assert_eq!(device + server + to_apply, 1 + design.servers.len() as u64);
    }
}
