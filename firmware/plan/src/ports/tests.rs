use proptest::prelude::*;

use super::*;

fn name(text: &str) -> PortName {
    text.parse().unwrap()
}

fn slot(number: u8) -> Slot {
    format!("pci-0000:{number:02x}:00.0").parse().unwrap()
}

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

fn found(link: &str, at: u8, address: u8) -> Found {
    Found { link: name(link), slot: slot(at), mac: Some(mac(address)) }
}

fn place(at: u8, address: u8) -> Place {
    Place { slot: slot(at), mac: Some(mac(address)) }
}

fn board(ports: u8) -> Board {
    (1..=ports).map(|number| (name(&format!("port{number}")), slot(number))).collect()
}

fn names(assignment: &Assignment) -> Vec<(&str, &str)> {
    assignment.names.iter().map(|(link, name)| (link.as_str(), name.as_str())).collect()
}

#[test]
fn names_follow_the_slots_of_the_board_not_the_kernel() {
    let ports = [found("eth0", 3, 30), found("eth1", 1, 10), found("eth2", 2, 20)];
    let assignment = assign(&ports, &board(3), &Kept::new());
    assert_eq!(names(&assignment), [("eth0", "port3"), ("eth1", "port1"), ("eth2", "port2")]);
    assert_eq!(assignment.remarks, []);
    let kept = keep(&ports, &assignment.names);
    assert_eq!(kept[&name("port1")], place(1, 10));
}

#[test]
fn what_is_kept_counts_more_than_the_board() {
    let kept = [(name("port2"), place(1, 10)), (name("port1"), place(2, 20))].into();
    let ports = [found("eth0", 1, 10), found("eth1", 2, 20), found("eth2", 3, 30)];
    let assignment = assign(&ports, &board(3), &kept);
    assert_eq!(names(&assignment), [("eth0", "port2"), ("eth1", "port1"), ("eth2", "port3")]);
    assert_eq!(assignment.remarks, []);
}

/// A card in the slot counts more than the same address elsewhere; that one counts where the slot is empty.
#[test]
fn slot_first_address_second() {
    let kept = [(name("port1"), place(1, 10)), (name("port2"), place(2, 20))].into();
    let moved = [found("eth0", 7, 10), found("eth1", 2, 20)];
    let assignment = assign(&moved, &board(2), &kept);
    assert_eq!(names(&assignment), [("eth0", "port1"), ("eth1", "port2")]);
    let from_to = Remark::Moved { name: name("port1"), from: slot(1), to: slot(7) };
    assert_eq!(assignment.remarks, [from_to]);

    let swapped = [found("eth0", 1, 20), found("eth1", 2, 10)];
    let assignment = assign(&swapped, &board(2), &kept);
    assert_eq!(names(&assignment), [("eth0", "port1"), ("eth1", "port2")]);
    let replaced = |number, before, now| Remark::Replaced {
        name: name(&format!("port{number}")),
        slot: slot(number),
        before: mac(before),
        now: mac(now),
    };
    assert_eq!(assignment.remarks, [replaced(1, 10, 20), replaced(2, 20, 10)]);
}

/// A USB adapter does not become the port whose card died.
#[test]
fn names_of_missing_ports_stay_free() {
    let ports = [found("eth0", 1, 10), found("usb0", 9, 90)];
    let remarks = [
        Remark::Missing { name: name("port2"), slot: slot(2) },
        Remark::Additional { name: name("port3"), slot: slot(9) },
    ];
    let assignment = assign(&ports, &board(2), &Kept::new());
    assert_eq!(names(&assignment), [("eth0", "port1"), ("usb0", "port3")]);
    assert_eq!(assignment.remarks, remarks);
    let kept = [(name("port1"), place(1, 10)), (name("port2"), place(2, 20))].into();
    assert_eq!(assign(&ports, &Board::new(), &kept), assignment);
    assert_eq!(assign(&ports, &board(2), &kept), assignment);
}

#[test]
fn another_box_has_its_ports_numbered_by_slot() {
    let ports = [found("eth0", 0x21, 1), found("eth1", 0x20, 2)];
    let numbered = [("eth0", "port2"), ("eth1", "port1")];
    let assignment = assign(&ports, &board(4), &Kept::new());
    assert_eq!(names(&assignment), numbered);
    assert_eq!(assignment.remarks, [Remark::OtherBoard]);
    let kept = [(name("port1"), place(1, 10))].into();
    let assignment = assign(&ports, &board(4), &kept);
    assert_eq!(names(&assignment), numbered);
    assert_eq!(assignment.remarks, [Remark::OtherBoard, Remark::OtherBox]);
    assert_eq!(names(&assign(&ports, &Board::new(), &Kept::new())), numbered);
    assert_eq!(assign(&[], &board(1), &Kept::new()).remarks, [Remark::NoPorts]);
}

#[test]
fn who_is_chosen_gets_the_name_and_who_had_it_the_next_free_one() {
    let ports = [found("port1", 1, 10), found("port2", 2, 20), found("port3", 3, 30)];
    let kept = keep(&ports, &assign(&ports, &board(3), &Kept::new()).names);
    let chosen = [(name("port1"), &ports[2])].into();
    let after = choose(&ports, &board(3), &kept, &chosen);
    let wanted = [
        (name("port1"), place(3, 30)),
        (name("port2"), place(2, 20)),
        (name("port3"), place(1, 10)),
    ];
    assert_eq!(after, wanted.into());
    // Who isn't there keeps what was kept for it.
    let after = choose(&ports[..2], &board(3), &kept, &[(name("port1"), &ports[1])].into());
    assert_eq!(after[&name("port3")], place(3, 30));
    assert_eq!(after[&name("port2")], place(1, 10));
}

#[test]
fn remarks_are_sentences() {
    let (port1, first, second) = (name("port1"), slot(1), slot(2));
    let cases = [
        (
            Remark::Missing { name: port1.clone(), slot: first.clone() },
            "port1 is missing (pci-0000:01:00.0).",
        ),
        (
            Remark::Additional { name: port1.clone(), slot: first.clone() },
            "an additional port is called port1 (pci-0000:01:00.0).",
        ),
        (
            Remark::Moved { name: port1.clone(), from: first.clone(), to: second },
            "port1 has moved from pci-0000:01:00.0 to pci-0000:02:00.0.",
        ),
        (
            Remark::Replaced { name: port1, slot: first, before: mac(1), now: mac(2) },
            "port1 (pci-0000:01:00.0) is another card than before (MAC 02:00:00:00:00:01, now 02:00:00:00:00:02).",
        ),
        (
            Remark::OtherBoard,
            "none of the slots of this board has a port; ports are numbered in the order of their slots.",
        ),
        (Remark::OtherBox, "the kept assignment of ports is another box's and isn't used."),
        (Remark::NoPorts, "there is no port at all."),
    ];
    for (remark, en) in cases {
        let sentences = remark.sentences();
        assert_eq!(&*sentences.en, en);
        assert!(sentences.ja.ends_with('。'));
    }
}

#[test]
fn slots_and_addresses_are_read_or_refused() {
    for text in ["", "pci 1", "pci-\n"] {
        assert!(text.parse::<Slot>().is_err(), "{text:?}");
    }
    assert_eq!("02:00:00:00:0a:FF".parse::<Mac>().unwrap().to_string(), "02:00:00:00:0a:ff");
    for text in ["", "02:00:00:00:00", "02:00:00:00:00:00:00", "2:0:0:0:0:0", "02:00:00:00:00:+1"] {
        assert!(text.parse::<Mac>().is_err(), "{text:?}");
    }
}

/// Ports in some slots, each under some name of the kernel: its own or one that another is to have.
fn ports() -> impl Strategy<Value = Vec<Found>> {
    let links: Vec<String> =
        (0..4).map(|n| format!("eth{n}")).chain((1..=6).map(|n| format!("port{n}"))).collect();
    let slots = prop::sample::subsequence((1..=9_u8).collect::<Vec<_>>(), 0..=8).prop_shuffle();
    (slots, Just(links).prop_shuffle(), prop::collection::vec(prop::option::of(1..=12_u8), 8))
        .prop_map(|(slots, links, macs)| {
            let one = |((at, link), address): ((u8, String), Option<u8>)| Found {
                link: name(&link),
                slot: slot(at),
                mac: address.map(mac),
            };
            slots.into_iter().zip(links).zip(macs).map(one).collect()
        })
}

fn kept() -> impl Strategy<Value = Kept> {
    let place = (1..=9_u8, prop::option::of(1..=12_u8))
        .prop_map(|(at, address)| Place { slot: slot(at), mac: address.map(mac) });
    prop::collection::btree_map((1..=6_u8).prop_map(|n| name(&format!("port{n}"))), place, 0..=5)
}

fn by_slot(ports: &[Found], names: &BTreeMap<PortName, PortName>) -> BTreeMap<Slot, PortName> {
    ports.iter().map(|port| (port.slot.clone(), names[&port.link].clone())).collect()
}

proptest! {
    #[test]
    fn every_port_has_one_name_whatever_the_kernel_calls_it(
        ports in ports(),
        kept in kept(),
        slots in 0..=5_u8,
        turn in 0..8_usize,
    ) {
        let board = board(slots);
        let assignment = assign(&ports, &board, &kept);
        let given: BTreeSet<_> = assignment.names.values().collect();
        prop_assert_eq!(given.len(), ports.len());
        prop_assert_eq!(assignment.names.len(), ports.len());

        // The same ports in another order and under names that have moved on by some.
        let mut other = ports.clone();
        let turn = turn.min(ports.len());
        let links = ports.iter().map(|port| port.link.clone());
        let mut links: Vec<_> = links.collect();
        links.rotate_left(turn);
        for (port, link) in other.iter_mut().zip(links) {
            port.link = link;
        }
        other.reverse();
        let again = assign(&other, &board, &kept);
        prop_assert_eq!(by_slot(&other, &again.names), by_slot(&ports, &assignment.names));
        prop_assert_eq!(again.remarks, assignment.remarks);
    }

    #[test]
    fn a_second_start_changes_nothing(ports in ports(), kept in kept(), slots in 0..=5_u8) {
        let board = board(slots);
        let assignment = assign(&ports, &board, &kept);
        let mut renamed = ports.clone();
        for port in &mut renamed {
            port.link = assignment.names[&port.link].clone();
        }
        let again = assign(&renamed, &board, &kept);
        prop_assert!(again.names.iter().all(|(link, name)| link == name), "{:?}", again.names);
        let all = keep(&renamed, &again.names);
        let third = assign(&renamed, &board, &all);
        prop_assert!(third.names.iter().all(|(link, name)| link == name), "{:?}", third.names);
    }

    #[test]
    fn whoever_is_chosen_has_the_name(
        ports in ports(),
        kept in kept(),
        slots in 0..=5_u8,
        wishes in prop::sample::subsequence((1..=6_u8).collect::<Vec<_>>(), 0..=6).prop_shuffle(),
    ) {
        let board = board(slots);
        let wishes = wishes.into_iter().map(|number| name(&format!("port{number}")));
        let chosen: BTreeMap<_, _> = wishes.zip(&ports).collect();
        let kept = choose(&ports, &board, &kept, &chosen);
        let assignment = assign(&ports, &board, &kept);
        for (name, port) in &chosen {
            prop_assert_eq!(&assignment.names[&port.link], name);
        }
        for port in &ports {
            prop_assert_eq!(&kept[&assignment.names[&port.link]], &port.place());
        }
    }

    #[test]
    fn no_link_gets_a_name_that_another_has(ports in ports(), kept in kept(), aside in 0..3_u8) {
        let assignment = assign(&ports, &board(4), &kept);
        let others = (1..=aside).map(|number| name(&format!("aside{number}")));
        let mut links: BTreeMap<PortName, Option<Slot>> = others.map(|link| (link, None)).collect();
        links.extend(ports.iter().map(|port| (port.link.clone(), Some(port.slot.clone()))));
        let moves = renames(&assignment.names, &links.keys().cloned().collect());
        prop_assert!(moves.len() <= 2 * ports.len());
        for (from, to) in moves {
            let link = links.remove(&from).expect("a link of this name");
            prop_assert!(links.insert(to, link).is_none());
        }
        for port in &ports {
            prop_assert_eq!(&links[&assignment.names[&port.link]], &Some(port.slot.clone()));
        }
    }
}
