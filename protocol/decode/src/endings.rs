//! How the ends state that streams ended, held against how these ended by their packets. What an end
//! says of a direction that has not ended yet waits until it has, or until the line is over.

use std::collections::BTreeMap;

use deskside_protocol::session::{End, Ends};
use deskside_protocol::statement::State;

use crate::statement::{Claim, Half};

/// Directions of which something was stated, and which have not ended by their packets: twice those
/// that live at once.
const MAX_WAITING: usize = 8_192;

/// Where one direction of a stream stands by its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// No end of it came through, and it reaches as far as this.
    Open(u64),
    /// It was finished, and has so many bytes.
    Finished(u64),
    /// Its sender broke it off, and counts so many bytes.
    Reset(u64),
    /// It has two ends, and which one an end saw first nobody knows.
    Unclear,
}

/// What an end states of how far a direction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) by: End,
    pub(crate) offset: u64,
    pub(crate) state: State,
    /// When that was read: microseconds since 1970-01-01 UTC.
    pub(crate) time_us: u64,
}

impl Stated {
    pub(crate) const fn of(claim: &Claim, time_us: u64) -> Self {
        Self { by: claim.by, offset: claim.offset, state: claim.state, time_us }
    }

    /// Whether it cannot be true of what came from `from`. Bytes that a sender breaks off may never
    /// have left it, so that more may be stated than the packets have; and what a receiver says of an
    /// end that did not come through nobody can tell.
    pub(crate) fn differs(&self, from: End, course: Course) -> bool {
        let Self { by, offset, state, .. } = *self;
        let sent = by == from;
        let ended = state == State::Finished || (sent && state == State::Reset);
        match course {
            Course::Finished(size) if ended => offset != size,
            Course::Finished(size) => offset > size,
            Course::Reset(size) if sent => ended && offset < size,
            Course::Reset(size) => offset > size,
            Course::Open(reach) => sent && ended && offset < reach,
            Course::Unclear => false,
        }
    }

    /// Whether the same end may say `next` behind it: a stream goes on until it has ended, and one that
    /// was finished may be broken off yet.
    fn allows(&self, from: End, next: &Self) -> bool {
        match self.state {
            State::Open => next.offset >= self.offset,
            State::Finished if self.by == from => {
                next.state == State::Reset && next.offset == self.offset
            }
            State::Finished | State::Reset | State::Stopped => false,
        }
    }
}

/// What waits to be held against a line's streams.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    waiting: BTreeMap<Half, Ends<Option<Stated>>>,
}

impl Endings {
    /// Keeps what was stated last. Gives whether that takes back what the same end said before, and
    /// what no longer has room.
    pub(crate) fn keep(&mut self, half: Half, stated: Stated) -> (bool, Vec<(Half, Stated)>) {
        let place = self.waiting.entry(half).or_default().of_mut(stated.by);
        let before = place.replace(stated);
        let taken_back = before.is_some_and(|before| !before.allows(half.from, &stated));
        let mut left = Vec::new();
        if self.waiting.len() > MAX_WAITING
            && let Some((half, ends)) = self.waiting.pop_first()
        {
            left.extend(both(ends).map(|stated| (half, stated)));
        }
        (taken_back, left)
    }

    /// What was stated of a direction, which has ended now.
    pub(crate) fn ended(&mut self, half: Half) -> impl Iterator<Item = Stated> {
        both(self.waiting.remove(&half).unwrap_or_default())
    }

    /// The line is over: all that still waits.
    pub(crate) fn rest(&mut self) -> impl Iterator<Item = (Half, Stated)> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().flat_map(|(half, ends)| both(ends).map(move |stated| (half, stated)))
    }
}

fn both(ends: Ends<Option<Stated>>) -> impl Iterator<Item = Stated> {
    [ends.agent, ends.technician].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Half = Half { stream: 4, from: End::Agent };

    fn stated(by: End, offset: u64, state: State) -> Stated {
        Stated { by, offset, state, time_us: 1 }
    }

    /// Of a direction of the agent's with 5 bytes: which of the offsets 4, 5 and 6 cannot be true.
    #[test]
    fn what_can_be_true_of_each_end() {
        use Course::{Finished, Open, Reset, Unclear};
        let (sent, delivered) = (End::Agent, End::Technician);
        for (course, by, state, wrong) in [
            (Finished(5), sent, State::Open, [false, false, true]),
            (Finished(5), sent, State::Finished, [true, false, true]),
            (Finished(5), sent, State::Reset, [true, false, true]),
            (Finished(5), delivered, State::Open, [false, false, true]),
            (Finished(5), delivered, State::Finished, [true, false, true]),
            (Finished(5), delivered, State::Reset, [false, false, true]),
            (Finished(5), delivered, State::Stopped, [false, false, true]),
            (Reset(5), sent, State::Open, [false, false, false]),
            (Reset(5), sent, State::Finished, [true, false, false]),
            (Reset(5), sent, State::Reset, [true, false, false]),
            (Reset(5), delivered, State::Finished, [false, false, true]),
            (Reset(5), delivered, State::Reset, [false, false, true]),
            (Open(5), sent, State::Open, [false, false, false]),
            (Open(5), sent, State::Finished, [true, false, false]),
            (Open(5), sent, State::Reset, [true, false, false]),
            (Open(5), delivered, State::Finished, [false, false, false]),
            (Open(5), delivered, State::Reset, [false, false, false]),
            (Unclear, sent, State::Finished, [false, false, false]),
        ] {
            let differs = [4, 5, 6].map(|at| stated(by, at, state).differs(End::Agent, course));
            assert_eq!(differs, wrong, "{course:?}, {state:?} by the {by}");
        }
    }

    #[test]
    fn what_was_said_stays_said() {
        for (by, first, then, back) in [
            (End::Agent, (5, State::Open), (5, State::Finished), false),
            (End::Agent, (5, State::Open), (4, State::Open), true),
            (End::Agent, (5, State::Finished), (5, State::Reset), false),
            (End::Agent, (5, State::Finished), (6, State::Reset), true),
            (End::Agent, (5, State::Reset), (5, State::Finished), true),
            (End::Technician, (5, State::Finished), (5, State::Reset), true),
            (End::Technician, (5, State::Stopped), (6, State::Open), true),
        ] {
            let mut endings = Endings::default();
            assert!(!endings.keep(HALF, stated(by, first.0, first.1)).0);
            let (taken_back, left) = endings.keep(HALF, stated(by, then.0, then.1));
            assert_eq!((taken_back, left.len()), (back, 0), "{first:?}, {then:?}");
        }
    }

    #[test]
    fn what_waits_has_its_bound_and_is_not_lost() {
        let mut endings = Endings::default();
        let mut left = 0;
        for stream in 0..=MAX_WAITING as u64 {
            let half = Half { stream, from: End::Agent };
            left += endings.keep(half, stated(End::Agent, 0, State::Open)).1.len();
        }
        assert_eq!((left, endings.rest().count()), (1, MAX_WAITING));
    }
}
