//! Who of two threads receives, as a machine in one atomic number; time is an argument.
//!
//! The holder receives, writes and forwards. Where a disk holds it up in a write, the other takes
//! the baton over and receives on. It writes nothing itself as long as the first hangs and a while
//! longer: what is to be recorded goes through the recorder's queues meanwhile. So a disk that
//! stalls costs the packets of others one pause of [`PATIENCE`], and no second one follows at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A write that takes longer holds up what it need not: twenty times what one of a full receive
/// takes (0.5 MB at 0.5 GB/s), and as long as a frame or two of a picture.
pub(super) const PATIENCE: Duration = Duration::from_millis(20);
/// After a stall the queues are used for this long: one that lasts comes in bursts.
const COOL: Duration = Duration::from_millis(500);
/// Nobody watches over writes that do not happen.
const QUIET: Duration = Duration::from_secs(1);

/// The thread that is held up has not come back yet.
const STUCK: u64 = 2;
/// Time is counted in units of four microseconds above two bits: 146,000 years.
const TIME: u64 = 4;

/// One of the two threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    One,
    Two,
}

impl Side {
    const fn bit(self) -> u64 {
        self as u64
    }

    /// The one that stands by while this one receives.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::One => Self::Two,
            Self::Two => Self::One,
        }
    }
}

/// The baton.
#[derive(Debug, Default)]
pub(super) struct Baton {
    /// The holder's side (bit 0), [`STUCK`], and since when he writes; time 0: he does not.
    state: AtomicU64,
    /// When the last write began.
    last: AtomicU64,
    /// Until when nobody writes.
    cool: AtomicU64,
}

/// Never 0, which means "not at all".
fn units(time: Duration) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    (micros & !(TIME - 1)).max(TIME)
}

impl Baton {
    /// Whether `side` holds it.
    pub(super) fn is_held_by(&self, side: Side) -> bool {
        self.state.load(Ordering::Acquire) & 1 == side.bit()
    }

    /// The holder wants to write. `false`: not now, by the recorder's queues.
    pub(super) fn begin(&self, side: Side, now: Duration) -> bool {
        let now = units(now);
        if self.state.load(Ordering::Acquire) != side.bit()
            || now < self.cool.load(Ordering::Relaxed)
        {
            return false;
        }
        self.last.store(now, Ordering::SeqCst);
        // Only the holder writes here while nobody is written in as writing.
        self.state.store(now | side.bit(), Ordering::Release);
        true
    }

    /// The write that was begun is over. `false`: it took so long that the other side receives now.
    pub(super) fn end(&self, side: Side, now: Duration) -> bool {
        let writing = self.state.load(Ordering::Acquire);
        let (order, seen) = (Ordering::AcqRel, Ordering::Acquire);
        let held = writing & 1 == side.bit()
            && self.state.compare_exchange(writing, side.bit(), order, seen).is_ok();
        if !held {
            self.cool.store(units(now + COOL), Ordering::Relaxed);
            self.state.fetch_and(!STUCK, Ordering::AcqRel);
        }
        held
    }

    /// Whether the side that is not `side` has been writing for too long.
    pub(super) fn hangs(&self, side: Side, now: Duration) -> bool {
        Self::overdue(self.state.load(Ordering::Acquire), side, now)
    }

    /// Takes it from the other side, where that hangs in a write.
    pub(super) fn take_over(&self, side: Side, now: Duration) -> bool {
        let (order, seen) = (Ordering::AcqRel, Ordering::Acquire);
        let state = self.state.load(seen);
        Self::overdue(state, side, now)
            && self.state.compare_exchange(state, side.bit() | STUCK, order, seen).is_ok()
    }

    fn overdue(state: u64, side: Side, now: Duration) -> bool {
        let since = state & !(TIME - 1);
        state & 1 != side.bit() && since != 0 && units(now).saturating_sub(since) > units(PATIENCE)
    }

    /// Whether nothing was written for a while, and nothing is.
    pub(super) fn is_quiet(&self, now: Duration) -> bool {
        let last = self.last.load(Ordering::SeqCst);
        self.state.load(Ordering::Acquire) & !(TIME - 1) == 0
            && units(now).saturating_sub(last) > units(QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::Side::{One, Two};
    use super::*;

    const fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn whoever_writes_quickly_keeps_it() {
        let baton = Baton::default();
        for time in [0, 5, 9] {
            assert!(baton.is_held_by(One));
            assert!(baton.begin(One, at(time)));
            assert!(!baton.take_over(Two, at(time + 1)));
            assert!(baton.end(One, at(time + 1)));
        }
        assert!(!baton.take_over(Two, at(5_000)));
    }

    #[test]
    fn whoever_hangs_loses_it_and_the_other_writes_only_after_a_while() {
        let baton = Baton::default();
        assert!(baton.begin(One, at(100)));
        assert!(!baton.take_over(Two, at(120)));
        assert!(baton.take_over(Two, at(121)));
        assert!(baton.is_held_by(Two));
        assert!(!baton.begin(Two, at(130)), "the first hangs");
        assert!(!baton.take_over(One, at(900)), "nobody writes");
        assert!(!baton.end(One, at(1_000)));
        assert!(!baton.begin(Two, at(1_001)), "it cools down");
        assert!(baton.begin(Two, at(1_500)));
        assert!(!baton.begin(One, at(1_500)), "it is not his");
        assert!(baton.take_over(One, at(1_521)));
        assert!(!baton.end(Two, at(1_600)));
        assert!(baton.is_held_by(One));
        assert!(baton.begin(One, at(2_100)));
        assert!(baton.end(One, at(2_101)));
    }

    #[test]
    fn a_write_that_ends_in_the_last_moment_keeps_it() {
        let baton = Baton::default();
        for round in 1..200 {
            let began = at(round * 1_000);
            assert!(baton.begin(One, began));
            let late = began + PATIENCE * 2;
            let (ended, taken) = std::thread::scope(|scope| {
                let ending = scope.spawn(|| baton.end(One, late));
                let taking = scope.spawn(|| baton.take_over(Two, late));
                (ending.join().unwrap(), taking.join().unwrap())
            });
            assert_ne!(ended, taken, "one of them has it");
            if taken {
                let back = at(round * 1_000 + 900);
                assert!(baton.begin(Two, back));
                assert!(baton.take_over(One, back + PATIENCE * 2));
                assert!(!baton.end(Two, late));
            }
        }
    }

    #[test]
    fn quiet_is_a_while_without_writes() {
        let baton = Baton::default();
        assert!(baton.begin(One, at(0)));
        assert!(!baton.is_quiet(at(5_000)));
        assert!(baton.end(One, at(5_000)));
        assert!(baton.is_quiet(at(5_000)));
        assert!(baton.begin(One, at(6_000)));
        assert!(baton.end(One, at(6_000)));
        assert!(!baton.is_quiet(at(7_000)));
        assert!(baton.is_quiet(at(7_001)));
    }
}
