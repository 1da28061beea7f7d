//! Sealing and opening single packets, and whole batches with their system calls over loopback.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sekisho_tunnel_benches::{BATCH, Counted, Pair, Path, packet};

/// Lengths of packets: an answer, one of a voice call, and the longest that an MTU of 1,420 bytes lets through.
const LENGTHS: [usize; 3] = [64, 200, 1_420];

fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    for length in LENGTHS {
        let (mut pair, packet) = (Pair::new(), packet(length));
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_with_input(BenchmarkId::from_parameter(length), &packet, |bencher, packet| {
            let mut counted = Counted::default();
            bencher.iter(|| pair.ends[0].seal(pair.now, packet, &mut counted));
        });
    }
    group.finish();
}

/// A datagram opens once, so they are sealed beforehand, without being measured.
fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for length in LENGTHS {
        let (mut pair, packet) = (Pair::new(), packet(length));
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_with_input(BenchmarkId::from_parameter(length), &packet, |bencher, packet| {
            bencher.iter_custom(|iterations| {
                let (mut left, mut took) = (iterations, Duration::ZERO);
                let mut counted = Counted::default();
                while left > 0 {
                    let count = left.min(BATCH as u64);
                    left -= count;
                    let sealed = pair.sealed(packet, usize::try_from(count).expect("a batch"));
                    let begun = Instant::now();
                    sealed.iter().for_each(|datagram| pair.open(datagram, &mut counted));
                    took += begun.elapsed();
                }
                assert_eq!(counted.0 as u64, iterations * packet.len() as u64);
                took
            });
        });
    }
    group.finish();
}

/// Each of both threads' work on [`BATCH`] packets, measured by itself.
fn batch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batch");
    for length in LENGTHS {
        for up in [true, false] {
            let (mut path, packet) = (Path::new(), packet(length));
            group.throughput(Throughput::Elements(BATCH as u64));
            let id = BenchmarkId::new(if up { "up" } else { "down" }, length);
            group.bench_with_input(id, &packet, |bencher, packet| {
                bencher.iter_custom(|iterations| {
                    let mut took = Duration::ZERO;
                    for _ in 0..iterations {
                        path.clear();
                        let begun = Instant::now();
                        path.up(packet);
                        let between = Instant::now();
                        path.down();
                        took += if up { between - begun } else { between.elapsed() };
                    }
                    took
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, seal, open, batch);
criterion_main!(benches);
