//! One direction of one stream, put together from acknowledged pieces: what is readable, what waits
//! for a gap to close, and the hash of it at any place that is still in memory.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf as _, Bytes};

use crate::digest::Digest;
use crate::statement::Claim;

/// Claims that wait for the bytes to come, for each direction of a stream: both ends state every
/// 10 s, and a claim waits for a round trip.
const MAX_CLAIMS: usize = 16;

/// A stretch that became readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Readable {
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
    pub(crate) time_us: u64,
}

/// What a piece did.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) readable: Vec<Readable>,
    /// Where it first differs from what was there.
    pub(crate) differs: Option<u64>,
}

/// What waits ahead of a gap.
#[derive(Debug)]
struct Ahead {
    bytes: Bytes,
    time_us: u64,
}

#[derive(Debug, Default)]
pub(crate) struct HalfStream {
    /// Everything below it is readable.
    next: u64,
    /// When that became so.
    time_us: u64,
    ahead: BTreeMap<u64, Ahead>,
    ahead_bytes: usize,
    /// Where the stream ends, once that was said.
    pub(crate) size: Option<u64>,
    /// It has two ends.
    pub(crate) unclear: bool,
    /// Of everything before `recent`.
    hasher: Digest,
    /// What became readable last, without a gap up to `next`.
    recent: VecDeque<(u64, Bytes)>,
    claims: Vec<(Claim, u64)>,
}

impl HalfStream {
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Bytes and pieces that wait for a gap to close.
    pub(crate) fn ahead(&self) -> (usize, usize) {
        (self.ahead_bytes, self.ahead.len())
    }

    /// The gap before what waits: its end, and when the first piece behind it came.
    pub(crate) fn gap(&self) -> Option<(u64, u64)> {
        let (at, first) = self.ahead.first_key_value()?;
        Some((*at, first.time_us))
    }

    /// Whether it ended and is whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.size == Some(self.next)
    }

    /// Time at which all up to the end was readable, where the end itself came at `time_us`.
    pub(crate) fn whole_at(&self, time_us: u64) -> u64 {
        self.time_us.max(time_us)
    }

    /// Where it is known to reach: its readable bytes and those ahead.
    pub(crate) fn reach(&self) -> u64 {
        let last = self.ahead.last_key_value();
        last.map_or(self.next, |(at, piece)| end(*at, &piece.bytes)).max(self.next)
    }

    pub(crate) fn take(&mut self, mut offset: u64, mut bytes: Bytes, time_us: u64) -> Taken {
        let mut taken = Taken::default();
        if offset < self.next {
            taken.differs = self.differs_from_recent(offset, &bytes);
            let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX);
            bytes.advance(known.min(bytes.len()));
            offset = self.next;
        }
        if bytes.is_empty() {
            return taken;
        }
        if offset == self.next && self.ahead.is_empty() {
            taken.readable.push(self.read(bytes, time_us));
            return taken;
        }
        let differs = self.wait(offset, bytes, time_us);
        taken.differs = taken.differs.or(differs);
        while let Some(first) = self.ahead.first_entry()
            && *first.key() == self.next
        {
            let Ahead { bytes, time_us } = first.remove();
            self.ahead_bytes -= bytes.len();
            taken.readable.push(self.read(bytes, time_us));
        }
        taken
    }

    fn read(&mut self, bytes: Bytes, time_us: u64) -> Readable {
        let offset = self.next;
        self.next = end(offset, &bytes);
        self.time_us = self.time_us.max(time_us);
        self.recent.push_back((offset, bytes.clone()));
        Readable { offset, bytes, time_us: self.time_us }
    }

    /// Puts a piece behind a gap, where nothing is yet.
    fn wait(&mut self, mut offset: u64, mut bytes: Bytes, time_us: u64) -> Option<u64> {
        let whole = bytes.len();
        let mut differs = None;
        if let Some((at, before)) = self.ahead.range(..offset).next_back()
            && end(*at, &before.bytes) > offset
        {
            let skip = usize::try_from(offset - at).unwrap_or(usize::MAX);
            let known = before.bytes.get(skip..).unwrap_or_default();
            differs = difference(known, &bytes).map(|at| offset + at);
            let overlap = known.len().min(bytes.len());
            offset += overlap as u64;
            bytes.advance(overlap);
        }
        while !bytes.is_empty() {
            let following = self.ahead.range(offset..end(offset, &bytes)).next();
            let following = following.map(|(at, piece)| (*at, piece.bytes.clone()));
            let room = following.as_ref().map_or(u64::MAX, |(at, _)| at - offset);
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            if room > 0 {
                let piece = lean(bytes.split_to(room), whole);
                self.ahead_bytes += piece.len();
                self.ahead.insert(offset, Ahead { bytes: piece, time_us });
                offset += room as u64;
            }
            let Some((_, known)) = following else { break };
            differs = differs.or(difference(&known, &bytes).map(|at| offset + at));
            let overlap = known.len().min(bytes.len());
            offset += overlap as u64;
            bytes.advance(overlap);
        }
        differs
    }

    /// Compares with what was read before, as far as that is in memory.
    fn differs_from_recent(&self, offset: u64, bytes: &[u8]) -> Option<u64> {
        let first = self.recent.partition_point(|(at, piece)| end(*at, piece) <= offset);
        let behind = end(offset, bytes);
        let touched = self.recent.iter().skip(first).take_while(|(at, _)| *at < behind);
        touched.into_iter().find_map(|(at, piece)| {
            let start = (*at).max(offset);
            let known = piece.get(usize::try_from(start - at).ok()?..)?;
            let again = bytes.get(usize::try_from(start - offset).ok()?..)?;
            difference(known, again).map(|at| start + at)
        })
    }

    /// Forgets the oldest piece that is in memory, but for its hash: how many bytes it had.
    pub(crate) fn forget(&mut self) -> usize {
        let Some((_, oldest)) = self.recent.pop_front() else { return 0 };
        self.hasher.update(&oldest);
        oldest.len()
    }

    /// No more comes: what waits for it is let go.
    pub(crate) fn end(&mut self) {
        self.ahead.clear();
        self.ahead_bytes = 0;
        self.claims = Vec::new();
        self.recent.shrink_to_fit();
    }

    /// Bytes that were read and are still in memory.
    pub(crate) fn in_memory(&self) -> usize {
        self.recent.iter().map(|(_, piece)| piece.len()).sum()
    }

    /// The hash of the first `offset` bytes; `None` where these are not readable, or gone.
    pub(crate) fn hash_at(&self, offset: u64) -> Option<[u8; 32]> {
        if offset > self.next || offset < self.hasher.count() {
            return None;
        }
        let mut hasher = self.hasher.clone();
        for (at, piece) in self.recent.iter().take_while(|(at, _)| *at < offset) {
            let wanted = usize::try_from(offset - at).unwrap_or(usize::MAX).min(piece.len());
            hasher.update(piece.get(..wanted).unwrap_or_default());
        }
        Some(hasher.finish())
    }

    /// Compares what was claimed at this time later, when the bytes are there.
    pub(crate) fn await_bytes(&mut self, claim: Claim, time_us: u64) {
        if self.claims.len() < MAX_CLAIMS {
            self.claims.push((claim, time_us));
        }
    }

    /// The claims whose bytes are there now, and when they were made.
    pub(crate) fn due(&mut self) -> Vec<(Claim, u64)> {
        let next = self.next;
        if self.claims.iter().all(|(claim, _)| claim.offset > next) {
            return Vec::new();
        }
        self.claims.extract_if(.., |(claim, _)| claim.offset <= next).collect()
    }
}

/// A small part of a packet does not keep all of it in memory.
pub(crate) fn lean(part: Bytes, whole: usize) -> Bytes {
    if part.len() < whole / 4 { Bytes::copy_from_slice(&part) } else { part }
}

const fn end(offset: u64, bytes: &[u8]) -> u64 {
    offset + bytes.len() as u64
}

/// Where two pieces that begin at one place differ first.
fn difference(one: &[u8], other: &[u8]) -> Option<u64> {
    let common = one.len().min(other.len());
    if one.get(..common) == other.get(..common) {
        return None;
    }
    one.iter().zip(other).position(|(one, other)| one != other).map(|at| at as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    #[test]
    fn a_byte_is_readable_when_all_before_it_are() {
        let mut half = HalfStream::default();
        assert!(half.take(3, text(b"def"), 10).readable.is_empty());
        assert_eq!(half.ahead(), (3, 1));
        let taken = half.take(0, text(b"abcd"), 20);
        let times: Vec<_> = taken.readable.iter().map(|read| (read.offset, read.time_us)).collect();
        assert_eq!((times, taken.differs), (vec![(0, 20), (3, 20)], None));
        assert_eq!((half.next(), half.ahead()), (6, (0, 0)));
        let late = half.take(6, text(b"g"), 15);
        assert_eq!(late.readable[0].time_us, 20, "time does not fall");
    }

    #[test]
    fn other_bytes_in_one_place_are_found_wherever_they_are() {
        let mut half = HalfStream::default();
        half.take(0, text(b"abcdef"), 1);
        assert_eq!(half.take(2, text(b"cdXf"), 2).differs, Some(4));
        half.take(10, text(b"klm"), 3);
        assert_eq!(half.take(12, text(b"Mno"), 4).differs, Some(12));
        assert_eq!(half.take(8, text(b"ijkL"), 5).differs, Some(11));
        let filled = half.take(6, text(b"ghijk"), 6);
        assert_eq!(filled.differs, None);
        let read: Vec<u8> = filled.readable.iter().flat_map(|read| read.bytes.to_vec()).collect();
        assert_eq!(read, b"ghijklmno", "what came first counts");
        while half.forget() > 0 {}
        assert_eq!(half.take(0, text(b"Xbc"), 7).differs, None, "no longer in memory");
    }

    proptest! {
        #[test]
        fn pieces_in_any_order_give_the_whole_and_its_hashes(
            whole in prop::collection::vec(any::<u8>(), 1..300),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 1usize..90), 0..40),
            forget in 0usize..5,
        ) {
            let mut half = HalfStream::default();
            let mut read = Vec::new();
            let pieces = cuts.iter().map(|(start, length)| (start.index(whole.len()), *length));
            for (start, length) in pieces.chain([(0, whole.len())]) {
                let piece = &whole[start..whole.len().min(start + length)];
                let taken = half.take(start as u64, text(piece), 0);
                prop_assert_eq!(taken.differs, None);
                for part in taken.readable {
                    prop_assert_eq!(part.offset, read.len() as u64);
                    read.extend_from_slice(&part.bytes);
                }
                prop_assert!(half.reach() >= half.next());
            }
            prop_assert_eq!(&read, &whole);
            prop_assert_eq!(half.ahead(), (0, 0));
            let gone: usize = (0..forget).map(|_| half.forget()).sum();
            for offset in 0..=whole.len() {
                let hash = (offset >= gone).then(|| *blake3::hash(&whole[..offset]).as_bytes());
                prop_assert_eq!(half.hash_at(offset as u64), hash);
            }
        }
    }
}
