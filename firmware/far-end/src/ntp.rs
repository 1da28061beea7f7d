//! Answers of a time server (SNTP, RFC 4330). Pure: the time comes with the question.

use std::time::Duration;

/// Bytes of a question and of its answer, without extensions.
pub const LENGTH: usize = 48;

/// NTP counts from 1900, Unix from 1970.
const UNIX_EPOCH: u64 = 2_208_988_800;

/// What a client's question is answered with at a time, counted from the beginning of 1970; `None` where it is no question
/// of a client. Whoever asks in a version that came later than 4 isn't understood.
pub fn answer(question: &[u8], now: Duration) -> Option<[u8; LENGTH]> {
    const CLIENT: u8 = 3;
    const SERVER: u8 = 4;
    let question: &[u8; LENGTH] = question.first_chunk()?;
    let (version, mode) = (question[0] >> 3 & 7, question[0] & 7);
    if mode != CLIENT || !(1..=4).contains(&version) {
        return None;
    }
    let mut answer = [0; LENGTH];
    answer[0] = version << 3 | SERVER;
    // Stratum 2; how often is asked stays the client's affair; a clock that is read to the microsecond.
    answer[1] = 2;
    answer[2] = question[2];
    answer[3] = (-20_i8).to_be_bytes()[0];
    // Where the time comes from, which at stratum 2 is an address: one of those for documentation (RFC 5737).
    answer[12..16].copy_from_slice(&[192, 0, 2, 123]);
    let now = stamp(now).to_be_bytes();
    answer[16..24].copy_from_slice(&now);
    // What the client sent along as its own time comes back, so that it knows the answer for its own.
    answer[24..32].copy_from_slice(&question[40..48]);
    answer[32..40].copy_from_slice(&now);
    answer[40..48].copy_from_slice(&now);
    Some(answer)
}

/// A time as NTP writes it: seconds, of which the first 32 bits are left out by whole eras of 136 years, and 2^-32 of one.
fn stamp(since_1970: Duration) -> u64 {
    let seconds = since_1970.as_secs().wrapping_add(UNIX_EPOCH) << 32;
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    seconds | fraction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn question(first: u8) -> [u8; LENGTH] {
        let mut question = [0; LENGTH];
        question[0] = first;
        question[40..48].copy_from_slice(b"a stamp!");
        question
    }

    #[test]
    fn a_client_is_told_the_time() {
        let now = Duration::new(1_700_000_000, 500_000_000);
        for version in 1..=4 {
            let answer = answer(&question(version << 3 | 3), now).unwrap();
            assert_eq!((answer[0], answer[1]), (version << 3 | 4, 2));
            assert_eq!(&answer[24..32], b"a stamp!");
            for at in [16, 32, 40] {
                let stamp = u64::from_be_bytes(*answer[at..].first_chunk().unwrap());
                assert_eq!(stamp >> 32, 1_700_000_000 + UNIX_EPOCH);
                assert_eq!(stamp << 32 >> 32, 1 << 31);
            }
        }
    }

    #[test]
    fn the_next_era_begins_at_nothing() {
        let era = (1 << 32) - UNIX_EPOCH;
        assert_eq!(stamp(Duration::from_secs(era)), 0);
        assert_eq!(stamp(Duration::from_secs(era - 1)), 0xffff_ffff << 32);
    }

    #[test]
    fn whoever_is_no_client_gets_no_answer() {
        let now = Duration::ZERO;
        for first in [4 << 3 | 4, 4 << 3 | 1, 4 << 3 | 6, 3, 5 << 3 | 3, 7 << 3 | 3] {
            assert_eq!(answer(&question(first), now), None, "{first}");
        }
        assert_eq!(answer(&question(4 << 3 | 3)[..47], now), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            seconds in any::<u64>(),
        ) {
            let _ = answer(&bytes, Duration::from_secs(seconds));
        }
    }
}
