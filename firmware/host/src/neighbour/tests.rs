use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::{
    wire::{FRAME, objection, request},
    *,
};

const OWN: Mac = Mac([2, 0, 0, 0, 0, 1]);
const SIBLING: Mac = Mac([2, 0, 0, 0, 0, 2]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 0xff]);

const WANTED: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
const ASKED: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 9);

fn heard(frame: &[u8]) -> Option<(Ipv4Addr, Mac)> {
    objection(frame, OWN, &[OWN, SIBLING].into())
}

#[test]
fn probing_takes_two_seconds_at_most() {
    assert_eq!(PROBE_WAITS.iter().sum::<Duration>(), Duration::from_millis(800));
}

#[test]
fn a_request_is_what_the_rfc_draws() {
    let mut expected = vec![0xff; 6];
    expected.extend(OWN.0);
    expected.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
    expected.extend(OWN.0);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([192, 168, 1, 1]);
    assert_eq!(request(OWN, Ipv4Addr::UNSPECIFIED, WANTED)[..], expected, "a probe");
    expected[28..32].copy_from_slice(&[192, 168, 1, 1]);
    assert_eq!(request(OWN, WANTED, WANTED)[..], expected, "an announcement");
}

#[test]
fn who_has_an_address_or_probes_for_it_objects() {
    let none = Ipv4Addr::UNSPECIFIED;
    let cases = [
        (OTHER, WANTED, ASKED, Some((WANTED, OTHER)), "whatever he asks for"),
        (OTHER, WANTED, WANTED, Some((WANTED, OTHER)), "an announcement"),
        (OTHER, none, WANTED, Some((WANTED, OTHER)), "a probe at the same time"),
        (OWN, none, WANTED, None, "our own probe, thrown back"),
        (SIBLING, none, WANTED, None, "the same by another port on the same switch"),
        (SIBLING, WANTED, ASKED, Some((WANTED, SIBLING)), "another port of ours has it"),
    ];
    for (from, sender, target, expected, case) in cases {
        assert_eq!(heard(&request(from, sender, target)), expected, "{case}");
    }
}

#[test]
fn an_answer_objects_and_an_answer_without_sender_does_not() {
    let mut answer = request(OTHER, WANTED, Ipv4Addr::UNSPECIFIED);
    answer[21] = 2;
    assert_eq!(heard(&answer), Some((WANTED, OTHER)));
    let mut nobody = request(OTHER, Ipv4Addr::UNSPECIFIED, WANTED);
    nobody[21] = 2;
    assert_eq!(heard(&nobody), None);
}

#[test]
fn other_frames_say_nothing() {
    let good = request(OTHER, WANTED, ASKED);
    let mut padded = good.to_vec();
    padded.resize(60, 0);
    assert_eq!(heard(&padded), Some((WANTED, OTHER)));
    assert_eq!(heard(&good[..41]), None, "cut");
    // Ethernet's type, ARP's hardware, protocol, and both lengths.
    for at in [13, 15, 16, 18, 19] {
        let mut strange = good;
        strange[at] = 99;
        assert_eq!(heard(&strange), None, "byte {at}");
    }
}

#[test]
fn a_holder_reads_as_people_write_it() {
    let mac = Mac([0, 0x1b, 0x21, 0xaf, 9, 0xff]);
    let address = Address { link: "port1".parse().unwrap(), address: WANTED, prefix: 24 };
    assert_eq!(
        Holder { address, mac }.to_string(),
        "192.168.1.1 is in use on 'port1' by the host 00:1b:21:af:09:ff"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = heard(&bytes);
    }

    #[test]
    fn any_message_is_read_without_panic(
        bytes in prop::collection::vec(any::<u8>(), FRAME),
        head in prop::sample::select(vec![12_usize, 14, 16, 18, 20]),
    ) {
        let mut frame = request(OTHER, WANTED, ASKED).to_vec();
        frame[head..].copy_from_slice(&bytes[head..]);
        let _ = heard(&frame);
    }
}
