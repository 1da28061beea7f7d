//! Questions with bytes changed, cut off or added, by the tens of thousands.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use hickory_proto::rr::RecordType;
use libtest_mimic::Trial;
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng},
};
use sekisho_design::{Lan, Method};
use sekisho_names::{Limits, Setup};

use crate::{
    messages::{WEB, addresses_of, query, query_edns},
    running::{Running, client, receive, until},
    server::Server,
    site::{EAST, TERMINAL, blocking, design},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        blocking("fifty_thousand_mutated_questions_do_no_harm", fifty_thousand),
        blocking("long_a_million_mutated_questions_do_no_harm", million).with_ignored_flag(true),
    ]
}

fn fifty_thousand() {
    mutated(50_000);
}

/// The memory is the whole process's: it says something only here, where no other test runs any more.
fn million() {
    let grown = mutated(1_000_000);
    assert!(grown < 8 << 10, "grown by {grown} KiB over the second half");
}

/// Sends them to the running service, whose server answers oddly, too. Returns by how many KiB the process has grown over
/// the second half.
fn mutated(count: usize) -> u64 {
    let turn = AtomicUsize::new(0);
    let _east = Server::start(EAST, move |question, _| {
        let mut answer = question.to_vec();
        answer[2] |= 0x80;
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        if turn.is_multiple_of(3) {
            let at = turn % answer.len();
            answer[at] ^= 1 << (turn % 8);
        }
        vec![answer]
    });
    let limits = Limits { per_client: u32::MAX / 4_000, cache_entries: 500, ..Limits::default() };
    let running = Running::with(limits, Setup::of(&design(Method::Device)), None);
    let [socket, asking] = [(); 2].map(|()| client(Lan::HeadOffice, TERMINAL));
    let mut sound = query("juki.city.example.", RecordType::A);
    let seeds = seeds();
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut before = 0;
    for turn in 0..count {
        let question = mutate(&seeds[random.random_range(0..seeds.len())], &mut random);
        socket.send(&question).unwrap();
        if turn % 100 == 0 {
            // A sound question between the others is answered, whatever came before. It has a socket of its own: the
            // other's overflows where five hundred that waited for the server are answered at once.
            sound.metadata.id = u16::try_from(turn / 100 % 65_536).unwrap();
            asking.send(&sound.to_vec().unwrap()).unwrap();
            let answered = receive(&asking).is_some_and(|answer| {
                answer.metadata.id == sound.metadata.id && addresses_of(&answer) == ["192.168.1.10"]
            });
            assert!(answered, "silent after {turn}");
        }
        if turn == count / 2 {
            before = resident();
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(running.count(Lan::HeadOffice, "malformed") > 0);
    // Each is counted when it ends; some still wait for the server.
    let all = u64::try_from(count + count / 100).unwrap();
    until("every question to be counted", || {
        running.0.status().counts.values().sum::<u64>() >= all
    });
    assert!(running.0.status().cached.0 <= 500);
    grown
}

fn seeds() -> Vec<Vec<u8>> {
    let names = ["juki.city.example.", "portal.city.example.", WEB, "10.1.168.192.in-addr.arpa."];
    let kinds = [RecordType::A, RecordType::PTR, RecordType::ANY];
    let both = |text: &str, kind| [query(text, kind), query_edns(text, kind, 4096, true)];
    let all = names.iter().flat_map(|text| kinds.iter().flat_map(|kind| both(text, *kind)));
    all.map(|message| message.to_vec().unwrap()).collect()
}

fn mutate(seed: &[u8], random: &mut TestRng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(0..6) {
        match random.random_range(0..4) {
            0 => bytes.truncate(random.random_range(0..=bytes.len())),
            1 => bytes.push(random.random()),
            _ if bytes.is_empty() => {}
            _ => {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
        }
    }
    bytes
}

/// Memory of this process in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
