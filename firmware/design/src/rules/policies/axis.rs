//! Sets of numbers that are compared with each other in no time.

use std::ops::Range;

/// Numbers, cut into pieces wherever one of some ranges begins or ends.
pub(super) struct Axis(Vec<u64>);

/// Some pieces of an axis.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Pieces(Vec<u64>);

impl Axis {
    /// The axis of ranges, both ends included.
    pub(super) fn new(ranges: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let ends = ranges.into_iter().flat_map(|(first, last)| [first, last + 1]);
        let mut cuts: Vec<_> = ends.collect();
        cuts.sort_unstable();
        cuts.dedup();
        Self(cuts)
    }

    /// The pieces that make up ranges of the axis.
    pub(super) fn pieces(&self, ranges: impl IntoIterator<Item = (u64, u64)>) -> Pieces {
        let mut pieces = Pieces(vec![0; self.0.len().div_ceil(64)]);
        let at = |number: u64| self.0.partition_point(|cut| *cut < number);
        for (first, last) in ranges {
            pieces.set(at(first)..at(last + 1));
        }
        pieces
    }
}

impl Pieces {
    fn set(&mut self, run: Range<usize>) {
        let mut at = run.start;
        while at < run.end {
            let (word, bit) = (at / 64, at % 64);
            let end = (64 - bit).min(run.end - at);
            self.0[word] |= (u64::MAX >> (64 - end)) << bit;
            at += end;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(one, other)| one & !other == 0)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one & other).collect())
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one & !other).collect())
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (one, other) in self.0.iter_mut().zip(&other.0) {
            *one |= other;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Ranges = Vec<(u64, u64)>;

    fn ranges() -> impl Strategy<Value = Ranges> {
        let range = (0..400_u64, 0..40_u64).prop_map(|(first, more)| (first, first + more));
        prop::collection::vec(range, 0..80)
    }

    fn numbers(ranges: &Ranges) -> std::collections::BTreeSet<u64> {
        ranges.iter().flat_map(|(first, last)| *first..=*last).collect()
    }

    proptest! {
        #[test]
        fn pieces_agree_with_plain_sets(one in ranges(), two in ranges()) {
            let axis = Axis::new(one.iter().chain(&two).copied());
            let pieces = |ranges: &Ranges| axis.pieces(ranges.iter().copied());
            let (a, b) = (pieces(&one), pieces(&two));
            let (x, y) = (numbers(&one), numbers(&two));
            prop_assert_eq!(a.is_empty(), x.is_empty());
            prop_assert_eq!(a.meets(&b), !x.is_disjoint(&y));
            prop_assert_eq!(a.is_within(&b), x.is_subset(&y));
            prop_assert_eq!(a.and(&b).is_empty(), x.is_disjoint(&y));
            prop_assert_eq!(a.without(&b).is_empty(), x.is_subset(&y));
            let mut both = a.clone();
            both.add(&b);
            prop_assert!(a.is_within(&both) && b.is_within(&both));
            prop_assert_eq!(both.without(&a), b.without(&a));
        }
    }
}
