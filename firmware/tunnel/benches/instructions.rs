//! Work to be counted by callgrind: so many batches of packets of a length pass, both threads' work, after so many new
//! keys.

use sekisho_tunnel_benches::{Path, Segments, packet};

fn main() {
    let numbers: Vec<usize> =
        std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [batches, length, renewals] = numbers[..] else {
        eprintln!("instructions BATCHES LENGTH RENEWALS");
        std::process::exit(2);
    };
    let (mut path, packet, mut segments) =
        (Path::new(), packet(length), Segments::new(length.max(64)));
    (0..renewals).for_each(|_| path.renew());
    for _ in 0..batches {
        path.clear();
        path.up(&packet);
        path.down();
        segments.fill();
        assert_eq!(segments.cut(), Segments::OF_SUPERPACKET);
        segments.join();
        assert!(segments.longest() > 40 * length.min(1_000), "nothing was joined");
    }
}
