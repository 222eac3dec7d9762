//! Sets of packet numbers, as ranges.

use std::collections::BTreeMap;

/// Ranges that one set holds. A line under way loses packets one by one; so many gaps are as many
/// losses that no acknowledgement ever closed, 24 bytes each.
const MAX_RANGES: usize = 65_536;

/// Numbers, as ranges that neither overlap nor touch: first to last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranges {
    ranges: BTreeMap<u64, u64>,
    /// Numbers below it were forgotten: they count as being in the set.
    floor: u64,
}

impl Ranges {
    pub(crate) fn has(&self, number: u64) -> bool {
        let before = self.ranges.range(..=number).next_back();
        number < self.floor || before.is_some_and(|(_, last)| *last >= number)
    }

    pub(crate) fn largest(&self) -> Option<u64> {
        self.ranges.last_key_value().map(|(_, last)| *last)
    }

    /// The whole set, in order.
    pub(crate) fn all(&self) -> Vec<(u64, u64)> {
        let forgotten = self.floor.checked_sub(1).map(|last| (0, last));
        forgotten
            .into_iter()
            .chain(self.ranges.iter().map(|(first, last)| (*first, *last)))
            .collect()
    }

    /// What of `first..=last` is not in the set, in order.
    pub(crate) fn missing(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut next = first.max(self.floor);
        if let Some((_, end)) = self.ranges.range(..=next).next_back()
            && *end >= next
        {
            next = end.saturating_add(1);
        }
        if next > last {
            return gaps;
        }
        for (start, end) in self.ranges.range(next..=last) {
            if *start > next {
                gaps.push((next, start - 1));
            }
            next = end.saturating_add(1);
        }
        if next <= last {
            gaps.push((next, last));
        }
        gaps
    }

    pub(crate) fn insert(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first.max(self.floor), last);
        if first > last {
            return;
        }
        if let Some((start, end)) = self.ranges.range_mut(..=first).next_back()
            && end.saturating_add(1) >= first
        {
            if *end >= last {
                return;
            }
            first = *start;
        }
        while let Some((start, end)) = self.ranges.range(first..=last.saturating_add(1)).next() {
            let (start, end) = (*start, *end);
            last = last.max(end);
            self.ranges.remove(&start);
        }
        self.ranges.insert(first, last);
        if self.ranges.len() > MAX_RANGES
            && let Some((_, end)) = self.ranges.pop_first()
        {
            self.floor = end.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_a_set(inserted in prop::collection::vec((0u64..200, 0u64..9), 0..60)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (first, more) in inserted {
                let gaps = ranges.missing(first, first + more);
                let gaps: Vec<u64> = gaps.into_iter().flat_map(|(low, high)| low..=high).collect();
                let fresh = (first..=first + more).filter(|number| !set.contains(number));
                prop_assert_eq!(gaps, fresh.collect::<Vec<_>>());
                ranges.insert(first, first + more);
                set.extend(first..=first + more);
                prop_assert_eq!(ranges.largest(), set.last().copied());
            }
            let all = ranges.all().into_iter().flat_map(|(first, last)| first..=last);
            prop_assert_eq!(all.collect::<BTreeSet<_>>(), set.clone());
            for number in 0..210 {
                prop_assert_eq!(ranges.has(number), set.contains(&number));
            }
            let apart = ranges.ranges.iter().zip(ranges.ranges.iter().skip(1));
            prop_assert!(apart.into_iter().all(|((_, end), (next, _))| end + 1 < *next));
        }
    }

    #[test]
    fn the_lowest_are_forgotten_first_and_the_end_of_numbers_holds() {
        let mut ranges = Ranges::default();
        for number in 0..=MAX_RANGES as u64 {
            ranges.insert(2 * number + 1, 2 * number + 1);
        }
        assert_eq!(ranges.ranges.len(), MAX_RANGES);
        assert_eq!(ranges.all()[..2], [(0, 1), (3, 3)], "what was forgotten counts");
        assert!(ranges.has(0) && ranges.has(1) && !ranges.has(2) && ranges.has(3));
        let mut ranges = Ranges::default();
        let last = (1 << 62) - 1;
        ranges.insert(last - 1, last);
        ranges.insert(0, last);
        assert_eq!((ranges.missing(0, last), ranges.ranges.len()), (vec![], 1));
    }
}
