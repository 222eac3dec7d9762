//! All streams of one line: their halves while they live, what is left of them afterwards, and the
//! memory that they share.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use bytes::Bytes;
use deskside_protocol::session::End;

use crate::endings::{Course, Endings, Stated};
use crate::finding::Party;
use crate::half::{HalfStream, Readable, lean};
use crate::statement::{Agreement, Claim, Half, Tally};
use crate::stretch::Stretches;

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
/// Halves that ended and whose size, hash and end are kept: 96 bytes each.
const MAX_ENDED: usize = 65_536;

/// What is left of a half that ended.
#[derive(Debug)]
struct Ended {
    /// Bytes that came through.
    delivered: u64,
    /// Bytes in all, by its end.
    size: u64,
    /// BLAKE3 of what came through.
    hash: Option<[u8; 32]>,
    course: Course,
    /// What is still in memory of it: a receiver that read no further may state so after the end.
    rest: Option<Box<HalfStream>>,
}

impl Ended {
    fn hash_at(&self, offset: u64) -> Option<[u8; 32]> {
        if offset == self.delivered {
            return self.hash;
        }
        self.rest.as_ref().and_then(|rest| rest.hash_at(offset))
    }
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
    /// It has ended otherwise than was stated.
    pub(crate) misstated: Vec<Stated>,
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
    endings: Endings,
    pub(crate) tally: Tally,
    pub(crate) stretches: Stretches,
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
            stream.unclear = true;
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
        for (claim, stated_us) in due {
            self.stretches.arrived(claim.by, stated_us);
            if matches!(self.settle(half, &claim, stated_us), Agreement::Disputed(_)) {
                outcome.disputed.push(claim);
            }
        }
        if let Some((size, _)) = whole_at {
            outcome.whole = whole_at;
            outcome.misstated = self.end(half, size, Course::Finished(size));
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
        let Some(stream) = self.live.get_mut(&half) else { return (None, outcome) };
        outcome.two_ends = stream.size.is_some_and(|known| known != size) || stream.reach() > size;
        stream.unclear |= outcome.two_ends;
        let delivered = stream.next();
        let finished = stream.size.is_some();
        let course = if finished { Course::Finished(size) } else { Course::Reset(size) };
        outcome.misstated = self.end(half, size, course);
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
        } else if let Some(ended) = self.ended.get_mut(&half) {
            outcome.two_ends = behind > ended.size || (ends && behind != ended.size);
            if outcome.two_ends {
                ended.course = Course::Unclear;
            }
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

    /// Gives what was stated of it otherwise.
    fn end(&mut self, half: Half, size: u64, course: Course) -> Vec<Stated> {
        let Some(mut stream) = self.live.remove(&half) else { return Vec::new() };
        let course = if stream.unclear { Course::Unclear } else { course };
        let (bytes, pieces) = stream.ahead();
        self.ahead_bytes -= bytes;
        self.ahead_pieces -= pieces;
        let delivered = stream.next();
        let hash = stream.hash_at(delivered);
        stream.end();
        let rest = (stream.in_memory() > 0).then(|| Box::new(stream));
        self.ended.insert(half, Ended { delivered, size, hash, course, rest });
        if self.ended.len() > MAX_ENDED
            && let Some((lowest, ended)) = self.ended.pop_first()
        {
            self.recent_bytes -= ended.rest.map_or(0, |rest| rest.in_memory());
            self.forgotten.insert(kind(lowest), lowest.stream);
        }
        let stated = self.endings.ended(half);
        stated.filter(|stated| stated.differs(half.from, course)).collect()
    }

    /// Holds how an end states that `half` stands against how it ended, now or when it has. Gives
    /// whether that takes back what it stated before, and what cannot be true.
    pub(crate) fn state(&mut self, half: Half, stated: Stated) -> (bool, Vec<(Half, Stated)>) {
        if let Some(ended) = self.ended.get(&half) {
            let differs = stated.differs(half.from, ended.course);
            return (false, differs.then_some((half, stated)).into_iter().collect());
        }
        let (taken_back, left) = self.endings.keep(half, stated);
        (taken_back, left.into_iter().filter(|(half, it)| self.differs(*half, it)).collect())
    }

    /// The line is over: what cannot be true of the streams that did not end.
    pub(crate) fn rest(&mut self) -> Vec<(Half, Stated)> {
        let left: Vec<_> = self.endings.rest().collect();
        left.into_iter().filter(|(half, stated)| self.differs(*half, stated)).collect()
    }

    fn differs(&self, half: Half, stated: &Stated) -> bool {
        self.live.get(&half).is_some_and(|stream| {
            let course = match stream.size {
                _ if stream.unclear => Course::Unclear,
                Some(size) => Course::Finished(size),
                None => Course::Open(stream.reach()),
            };
            stated.differs(half.from, course)
        })
    }

    /// Lets go of what was read longest ago.
    fn forget_some(&mut self) {
        while self.recent_bytes > MAX_RECENT || self.recent.len() > MAX_RECENT_PIECES {
            let Some(half) = self.recent.pop_front() else { return };
            self.recent_bytes -= match self.live.get_mut(&half) {
                Some(stream) => stream.forget(),
                // Nothing reads on there: what is left of it goes at once, and need not be hashed.
                None => {
                    let rest = self.ended.get_mut(&half).and_then(|ended| ended.rest.take());
                    rest.map_or(0, |rest| rest.in_memory())
                }
            };
        }
    }

    /// Compares what an end states of `half` at this time with what came through, now or when it has.
    pub(crate) fn compare(&mut self, half: Half, claim: &Claim, time_us: u64) -> Agreement {
        match self.live.get_mut(&half) {
            Some(stream) if claim.offset > stream.next() => {
                stream.await_bytes(*claim, time_us);
                self.stretches.awaits(claim.by, time_us);
                Agreement::Consistent
            }
            _ => self.settle(half, claim, time_us),
        }
    }

    fn settle(&mut self, half: Half, claim: &Claim, time_us: u64) -> Agreement {
        let hash = match (self.live.get(&half), self.ended.get(&half)) {
            (Some(stream), _) => stream.hash_at(claim.offset),
            (None, Some(ended)) => ended.hash_at(claim.offset),
            (None, None) => None,
        };
        let agreement = match hash {
            None => Agreement::Consistent,
            Some(hash) if hash == claim.hash => Agreement::Proven,
            Some(_) => Agreement::Disputed(Party::Secrets(claim.by)),
        };
        self.tally.add(agreement);
        self.stretches.came_out(claim.by, time_us, agreement);
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
mod tests;
