//! Packet numbers of one direction and number space: which are in the recording, which the other
//! end acknowledged, and what of that does not go together.

use crate::opening::TAG;
use crate::ranges::Ranges;

/// Of so many last numbers the tags are kept, to tell a repeated packet from another one of its
/// number: 24 bytes each, 2 s at 30 Mbit/s.
const RECENT: u64 = 4_096;

/// What a packet's number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// For the first time.
    First,
    /// For the first time, and the other end had acknowledged it before.
    Late,
    /// Once more, the same packet or one that is too old to compare.
    Again,
    /// Once more, with another content.
    Rewritten,
}

/// What an acknowledgement says that was not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Acknowledged for the first time.
    pub(crate) ranges: Vec<(u64, u64)>,
    /// Those of them that are not in the recording.
    pub(crate) missing: Vec<(u64, u64)>,
}

#[derive(Debug, Default)]
pub(crate) struct Numbers {
    seen: Ranges,
    acknowledged: Ranges,
    /// Number and tag, in the place of the number modulo the length.
    recent: Vec<Option<(u64, [u8; TAG])>>,
    /// What a crash of the relay may have cost: from behind the last packet before it to the first
    /// one after it.
    crash: Option<(u64, u64)>,
}

impl Numbers {
    /// The number that comes next, as far as packets were seen.
    pub(crate) fn expected(&self) -> u64 {
        self.seen.largest().map_or(0, |largest| largest.saturating_add(1))
    }

    /// The same as the other end has it, where that is ahead: behind packets that are missing here.
    pub(crate) fn expected_there(&self) -> Option<u64> {
        let there = self.acknowledged.largest()?.saturating_add(1);
        (there > self.expected()).then_some(there)
    }

    pub(crate) fn largest_acknowledged(&self) -> Option<u64> {
        self.acknowledged.largest()
    }

    pub(crate) fn acknowledged(&self) -> Vec<(u64, u64)> {
        self.acknowledged.all()
    }

    pub(crate) fn see(&mut self, number: u64, tag: &[u8; TAG]) -> Seen {
        let known = self.seen.has(number);
        let last = self.recall(number).replace((number, *tag));
        if known {
            return match last {
                Some((same, other)) if same == number && other != *tag => Seen::Rewritten,
                _ => Seen::Again,
            };
        }
        if let Some((first, end)) = &mut self.crash
            && *end == u64::MAX
        {
            *end = number.max(*first);
        }
        self.seen.insert(number, number);
        if self.acknowledged.has(number) { Seen::Late } else { Seen::First }
    }

    /// The place of a number's tag; it grows with the numbers, up to [`RECENT`].
    fn recall(&mut self, number: u64) -> &mut Option<(u64, [u8; TAG])> {
        let place = usize::try_from(number % RECENT).unwrap_or_default();
        if self.recent.len() <= place {
            self.recent.resize(place + 1, None);
        }
        // Resized to hold it above.
        #[allow(clippy::indexing_slicing, reason = "resized to hold it above")]
        &mut self.recent[place]
    }

    pub(crate) fn acknowledge(&mut self, first: u64, last: u64) -> News {
        let ranges = self.acknowledged.missing(first, last);
        if ranges.is_empty() {
            return News::default();
        }
        self.acknowledged.insert(first, last);
        let missing = ranges.iter().flat_map(|(first, last)| self.seen.missing(*first, *last));
        let missing = missing.collect();
        News { ranges, missing }
    }

    /// Numbers below the largest that are neither here nor acknowledged.
    pub(crate) fn unseen(&self) -> u64 {
        let Some(largest) = self.seen.largest() else { return 0 };
        let gaps = self.seen.missing(0, largest);
        let open = gaps.iter().flat_map(|(first, last)| self.acknowledged.missing(*first, *last));
        open.map(|(first, last)| last - first + 1).sum()
    }

    /// The relay says that it crashed here.
    pub(crate) fn crashed(&mut self) {
        self.crash = Some((self.expected(), u64::MAX));
    }

    /// Whether the relay's own crash explains that these are missing.
    pub(crate) fn is_excused(&self, first: u64, last: u64) -> bool {
        self.crash.is_some_and(|(from, to)| first >= from && last < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart_by_number_and_tag() {
        let mut numbers = Numbers::default();
        let (one, other) = ([1; TAG], [2; TAG]);
        assert_eq!(numbers.see(5, &one), Seen::First);
        assert_eq!(numbers.see(5, &one), Seen::Again);
        assert_eq!(numbers.see(5, &other), Seen::Rewritten);
        assert_eq!(numbers.acknowledge(4, 6).missing, [(4, 4), (6, 6)]);
        assert_eq!(numbers.acknowledge(4, 6), News::default());
        assert_eq!(numbers.see(6, &one), Seen::Late);
        assert_eq!(numbers.see(5 + RECENT, &other), Seen::First);
        assert_eq!(numbers.see(5, &other), Seen::Again, "too old to compare");
        assert_eq!(numbers.recent.len(), 7);
    }

    #[test]
    fn what_is_acknowledged_tells_where_the_numbers_are() {
        let mut numbers = Numbers::default();
        assert_eq!((numbers.expected(), numbers.expected_there()), (0, None));
        numbers.see(9, &[0; TAG]);
        numbers.acknowledge(0, 9);
        assert_eq!((numbers.expected(), numbers.expected_there()), (10, None));
        numbers.acknowledge(700, 900);
        assert_eq!(numbers.expected_there(), Some(901));
        numbers.see(12, &[0; TAG]);
        assert_eq!(numbers.unseen(), 2, "10 and 11")
    }

    #[test]
    fn a_crash_explains_what_lies_in_its_hole() {
        let mut numbers = Numbers::default();
        numbers.see(9, &[0; TAG]);
        assert!(!numbers.is_excused(10, 10));
        numbers.crashed();
        numbers.see(20, &[0; TAG]);
        assert!(numbers.is_excused(10, 19));
        assert!(!numbers.is_excused(9, 12) && !numbers.is_excused(15, 20));
    }
}
