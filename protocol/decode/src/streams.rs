//! All streams of one line: their halves while they live, what is left of them afterwards, and the
//! memory that they share.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use bytes::Bytes;
use deskside_protocol::session::End;

use crate::finding::Party;
use crate::half::{HalfStream, Readable, lean};
use crate::statement::{Agreement, Claim, Half, Tally};

/// Halves that live at once: 64 streams of each kind and direction make 256 of them or more, and a
/// closed one lives until its last bytes were acknowledged, so sixteen times that.
const MAX_LIVE: usize = 4_096;
/// Bytes that wait for gaps to close, of all streams: twice a line's window of 16 MiB.
const MAX_AHEAD: usize = 32 * 1024 * 1024;
/// Pieces that wait for gaps to close: [`MAX_AHEAD`] in packets of 1 KiB.
const MAX_AHEAD_PIECES: usize = MAX_AHEAD / 1024;
/// Bytes that stay in memory after they were read, of all streams, for what is sent twice and for
/// statements about them: two windows of a line.
const MAX_RECENT: usize = 32 * 1024 * 1024;
/// Pieces of [`MAX_RECENT`], likewise.
const MAX_RECENT_PIECES: usize = MAX_RECENT / 1024;
/// Halves that ended and whose size and hash are kept: 72 bytes each.
const MAX_ENDED: usize = 65_536;

/// What is left of a half that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ended {
    /// Bytes that came through.
    delivered: u64,
    /// Bytes in all, by its end.
    size: u64,
    /// BLAKE3 of what came through.
    hash: Option<[u8; 32]>,
}

/// What a frame did to a stream.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) readable: Vec<Readable>,
    /// The stream's size, where it became whole by this, and when.
    pub(crate) whole: Option<(u64, u64)>,
    /// Where it differs from what was sent before.
    pub(crate) differs: Option<u64>,
    /// It has two ends.
    pub(crate) two_ends: bool,
    /// There is no room for it.
    pub(crate) no_room: bool,
    /// Claims that could be compared now and are different.
    pub(crate) disputed: Vec<Claim>,
}

/// The streams of a line.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    live: BTreeMap<Half, HalfStream>,
    ended: BTreeMap<Half, Ended>,
    /// Of each kind of stream and sender the highest that ended and was forgotten.
    forgotten: BTreeMap<(u64, End), u64>,
    /// Whose bytes are in memory, in the order in which they were read.
    recent: VecDeque<Half>,
    recent_bytes: usize,
    ahead_bytes: usize,
    ahead_pieces: usize,
    /// Halves that were ever seen.
    pub(crate) count: u64,
    pub(crate) tally: Tally,
}

impl Streams {
    /// A piece of `half`, out of a packet of `whole` bytes.
    pub(crate) fn data(
        &mut self,
        half: Half,
        (offset, bytes, fin): (u64, Bytes, bool),
        whole: usize,
        time_us: u64,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let behind = offset + bytes.len() as u64;
        if let ControlFlow::Break(()) = self.enter(half, behind, fin, &mut outcome) {
            return outcome;
        }
        let Some(stream) = self.live.get_mut(&half) else { return outcome };
        if fin {
            outcome.two_ends =
                stream.size.is_some_and(|size| size != behind) || stream.reach() > behind;
            stream.size = stream.size.or(Some(behind));
        } else {
            outcome.two_ends = stream.size.is_some_and(|size| behind > size);
        }
        if outcome.two_ends {
            return outcome;
        }
        let before = stream.ahead();
        let taken = stream.take(offset, lean(bytes, whole), time_us);
        let after = stream.ahead();
        self.ahead_bytes = self.ahead_bytes + after.0 - before.0;
        self.ahead_pieces = self.ahead_pieces + after.1 - before.1;
        let due = stream.due();
        let whole_at = stream.is_whole().then(|| (stream.next(), stream.whole_at(time_us)));
        outcome.differs = taken.differs;
        for part in &taken.readable {
            self.recent_bytes += part.bytes.len();
            self.recent.push_back(half);
        }
        outcome.readable = taken.readable;
        for claim in due {
            if matches!(self.settle(half, &claim), Agreement::Disputed(_)) {
                outcome.disputed.push(claim);
            }
        }
        if let Some((size, _)) = whole_at {
            outcome.whole = whole_at;
            self.end(half, size);
        }
        self.forget_some();
        outcome
    }

    /// The sender gives `half` up: how many bytes came through before; `None` where it had ended.
    pub(crate) fn reset(&mut self, half: Half, size: u64) -> (Option<u64>, Outcome) {
        let mut outcome = Outcome::default();
        if let ControlFlow::Break(()) = self.enter(half, size, true, &mut outcome) {
            return (None, outcome);
        }
        let Some(stream) = self.live.get(&half) else { return (None, outcome) };
        outcome.two_ends = stream.size.is_some_and(|known| known != size) || stream.reach() > size;
        let delivered = stream.next();
        self.end(half, size);
        (Some(delivered), outcome)
    }

    /// Makes sure that `half` lives; breaks where it has ended, or where there is no room.
    fn enter(
        &mut self,
        half: Half,
        behind: u64,
        ends: bool,
        outcome: &mut Outcome,
    ) -> ControlFlow<()> {
        if self.live.contains_key(&half) {
            outcome.no_room = self.ahead_bytes > MAX_AHEAD || self.ahead_pieces > MAX_AHEAD_PIECES;
        } else if let Some(ended) = self.ended.get(&half) {
            outcome.two_ends = behind > ended.size || (ends && behind != ended.size);
            return ControlFlow::Break(());
        } else if self.forgotten.get(&kind(half)).is_some_and(|highest| half.stream <= *highest) {
            return ControlFlow::Break(());
        } else if self.live.len() < MAX_LIVE {
            self.live.insert(half, HalfStream::default());
            self.count += 1;
        } else {
            outcome.no_room = true;
        }
        if outcome.no_room { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn end(&mut self, half: Half, size: u64) {
        let Some(stream) = self.live.remove(&half) else { return };
        let (bytes, pieces) = stream.ahead();
        self.ahead_bytes -= bytes;
        self.ahead_pieces -= pieces;
        let delivered = stream.next();
        self.ended.insert(half, Ended { delivered, size, hash: stream.hash_at(delivered) });
        self.recent_bytes -= stream.in_memory();
        if self.ended.len() > MAX_ENDED
            && let Some((lowest, _)) = self.ended.pop_first()
        {
            self.forgotten.insert(kind(lowest), lowest.stream);
        }
    }

    /// Lets go of what was read longest ago.
    fn forget_some(&mut self) {
        while self.recent_bytes > MAX_RECENT || self.recent.len() > MAX_RECENT_PIECES {
            let Some(half) = self.recent.pop_front() else { return };
            if let Some(stream) = self.live.get_mut(&half) {
                self.recent_bytes -= stream.forget();
            }
        }
    }

    /// Compares what an end states of `half` with what came through, now or when it has.
    pub(crate) fn compare(&mut self, half: Half, claim: &Claim) -> Agreement {
        match self.live.get_mut(&half) {
            Some(stream) if claim.offset > stream.next() => {
                stream.await_bytes(*claim);
                Agreement::Consistent
            }
            _ => self.settle(half, claim),
        }
    }

    fn settle(&mut self, half: Half, claim: &Claim) -> Agreement {
        let hash = match (self.live.get(&half), self.ended.get(&half)) {
            (Some(stream), _) => stream.hash_at(claim.offset),
            (None, Some(ended)) if ended.delivered == claim.offset => ended.hash,
            (None, _) => None,
        };
        let (agreement, count) = match hash {
            None => (Agreement::Consistent, &mut self.tally.consistent),
            Some(hash) if hash == claim.hash => (Agreement::Proven, &mut self.tally.proven),
            Some(_) => (Agreement::Disputed(Party::Secrets(claim.by)), &mut self.tally.disputed),
        };
        *count += 1;
        agreement
    }

    /// The gaps that are left: whose, from where to where, and when the first bytes behind came.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = (Half, (u64, u64), u64)> {
        self.live.iter().filter_map(|(half, stream)| {
            let (end, time_us) = stream.gap()?;
            Some((*half, (stream.next(), end), time_us))
        })
    }

    /// Halves of `from` that have not ended.
    pub(crate) fn open(&self, from: End) -> u64 {
        self.live.keys().filter(|half| half.from == from).count() as u64
    }
}

/// The kind of a stream (RFC 9000 section 2.1) and its sender.
const fn kind(half: Half) -> (u64, End) {
    (half.stream & 3, half.from)
}

#[cfg(test)]
mod tests {
    use deskside_protocol::session::End;

    use super::*;

    const HALF: Half = Half { stream: 4, from: End::Agent };

    fn piece(offset: u64, bytes: &'static [u8], fin: bool) -> (u64, Bytes, bool) {
        (offset, Bytes::from_static(bytes), fin)
    }

    fn claim(offset: u64, bytes: &[u8]) -> Claim {
        Claim { by: End::Technician, offset, hash: *blake3::hash(bytes).as_bytes() }
    }

    #[test]
    fn a_stream_has_one_end() {
        let mut streams = Streams::default();
        assert!(!streams.data(HALF, piece(0, b"abc", false), 3, 1).two_ends);
        assert!(streams.data(HALF, piece(0, b"ab", true), 2, 1).two_ends);
        let mut streams = Streams::default();
        streams.data(HALF, piece(3, b"d", true), 1, 5);
        assert!(streams.data(HALF, piece(3, b"de", false), 2, 6).two_ends);
        let whole = streams.data(HALF, piece(0, b"abc", false), 3, 7);
        assert_eq!(whole.whole, Some((4, 7)));
        assert!(streams.data(HALF, piece(2, b"cde", false), 3, 8).two_ends, "after its end too");
        assert!(!streams.data(HALF, piece(2, b"cd", true), 2, 9).two_ends);
        assert_eq!(streams.reset(HALF, 9).0, None);
    }

    #[test]
    fn what_was_given_up_ends_where_it_was() {
        let mut streams = Streams::default();
        streams.data(HALF, piece(0, b"abc", false), 3, 1);
        streams.data(HALF, piece(5, b"f", false), 1, 2);
        assert_eq!(streams.gaps().collect::<Vec<_>>(), [(HALF, (3, 5), 2)]);
        let (delivered, outcome) = streams.reset(HALF, 9);
        assert_eq!((delivered, outcome.two_ends), (Some(3), false));
        assert_eq!(
            (streams.ahead_bytes, streams.recent_bytes, streams.open(End::Agent)),
            (0, 0, 0)
        );
        assert_eq!(streams.compare(HALF, &claim(3, b"abc")), Agreement::Proven);
    }

    #[test]
    fn claims_are_compared_before_at_and_after_their_place() {
        let mut streams = Streams::default();
        streams.data(HALF, piece(0, b"abc", false), 3, 1);
        assert_eq!(streams.compare(HALF, &claim(2, b"ab")), Agreement::Proven);
        let disputed = Agreement::Disputed(Party::Secrets(End::Technician));
        assert_eq!(streams.compare(HALF, &claim(3, b"abX")), disputed);
        assert_eq!(streams.compare(HALF, &claim(5, b"abcde")), Agreement::Consistent);
        assert_eq!(streams.compare(HALF, &claim(4, b"abcX")), Agreement::Consistent);
        let outcome = streams.data(HALF, piece(3, b"def", true), 3, 2);
        assert_eq!(outcome.disputed, [claim(4, b"abcX")]);
        assert_eq!(streams.compare(HALF, &claim(6, b"abcdef")), Agreement::Proven);
        assert_eq!(streams.tally, Tally { proven: 3, consistent: 0, disputed: 2 });
    }

    #[test]
    fn a_stream_that_was_forgotten_does_not_begin_again() {
        let mut streams = Streams::default();
        for stream in 0..=MAX_ENDED as u64 {
            let half = Half { stream: 4 * stream, from: End::Agent };
            assert!(streams.data(half, piece(0, b"", true), 0, 0).whole.is_some());
        }
        let first = Half { stream: 0, from: End::Agent };
        streams.data(first, piece(7, b"again", false), 5, 0);
        assert_eq!((streams.gaps().count(), streams.ended.len()), (0, MAX_ENDED));
        let others = Half { stream: 0, from: End::Technician };
        assert_eq!(streams.data(others, piece(0, b"new", false), 3, 0).readable.len(), 1);
    }

    #[test]
    fn memory_has_its_bounds() {
        let mut streams = Streams::default();
        let megabyte = Bytes::from(vec![7; 1024 * 1024]);
        for at in 0..40 {
            streams.data(HALF, (at << 20, megabyte.clone(), false), megabyte.len(), 0);
        }
        assert_eq!((streams.recent_bytes, streams.recent.len()), (MAX_RECENT, 32));
        for at in 100..140 {
            streams.data(HALF, (at << 20, megabyte.clone(), false), megabyte.len(), 0);
        }
        assert_eq!(streams.ahead_bytes, MAX_AHEAD + megabyte.len());
        for stream in 0..MAX_LIVE as u64 {
            let half = Half { stream, from: End::Technician };
            let outcome = streams.data(half, piece(0, b"", false), 0, 0);
            assert_eq!(outcome.no_room, stream == MAX_LIVE as u64 - 1);
        }
    }
}
