//! How the time of a check grows with the site. What it is on a good machine, `make bench-desk` measures.

#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

#[path = "common/sites.rs"]
mod sites;

use self::sites::{Site, check_takes, design, median, sample};

#[test]
fn generated_sites_are_accepted_and_as_large_as_asked() {
    let site = Site::with_servers(600);
    assert!(check_takes(site.folder()).as_nanos() > 0);
    assert_eq!(design(site.folder()).servers.len(), 600);
    assert_eq!(design(&sample("large")).servers.len(), 500);
}

/// Twice the servers may take little more than twice the time: growth like n², four times, is out.
#[test]
#[ignore = "measures for a minute: make test-long"]
fn long_twice_the_servers_take_at_most_three_times_as_long() {
    let counts = [625, 1_250, 2_500, 5_000];
    let sites = counts.map(Site::with_servers);
    // Another program may take the machine for one round; of three rounds the best speaks.
    let rounds =
        (0..3).map(|_| sites.each_ref().map(|site| median(5, || check_takes(site.folder()))));
    let rounds: Vec<_> = rounds.collect();
    println!("{counts:?} servers: {rounds:?}");
    for doubled in 1..counts.len() {
        let ratio = |round: &[std::time::Duration; 4]| {
            round[doubled].as_secs_f64() / round[doubled - 1].as_secs_f64()
        };
        let best = rounds.iter().map(ratio).fold(f64::INFINITY, f64::min);
        let (few, many) = (counts[doubled - 1], counts[doubled]);
        assert!(best <= 3.0, "{few} to {many} servers: {best:.2} times as long, {rounds:?}");
    }
}
