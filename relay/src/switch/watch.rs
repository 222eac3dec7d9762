//! Watches over writes: says when a thread may write in its turn, and has the other one wake to
//! stand in for it where the disk holds it up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Switch;
use super::baton::{Baton, PATIENCE, Side};
use super::thread::Colleague;

/// How often the thread that stands by looks while something is written.
const LOOK: Duration = PATIENCE.checked_div(4).unwrap();

/// The baton, and whoever stands by.
#[derive(Debug)]
pub(super) struct Watch {
    switch: Arc<Switch>,
    baton: Baton,
    threads: [OnceLock<Colleague>; 2],
    /// Whoever stands by waits to be woken.
    asleep: AtomicBool,
    ended: AtomicBool,
}

impl Watch {
    pub(super) fn new(switch: Arc<Switch>) -> Self {
        Self {
            switch,
            baton: Baton::default(),
            threads: [const { OnceLock::new() }; 2],
            asleep: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// The calling thread is that of `side`.
    pub(super) fn enter(&self, side: Side) {
        // Each side enters once.
        let _known = self.thread(side).set(Colleague::current());
    }

    /// Whether `side` receives.
    pub(super) fn is_held_by(&self, side: Side) -> bool {
        self.baton.is_held_by(side)
    }

    /// Writes in the turn of `side`; `None` where that may not be now.
    pub(super) fn writing<T>(&self, side: Side, write: impl FnOnce() -> T) -> Option<T> {
        if !self.baton.begin(side, self.now()) {
            return None;
        }
        if self.asleep.load(Ordering::SeqCst) {
            self.wake(side.other());
        }
        let written = write();
        self.baton.end(side, self.now());
        Some(written)
    }

    /// Stands by until this side receives or all ends.
    pub(super) fn stand_by(&self, side: Side) {
        while !self.has_ended() && !self.is_held_by(side) {
            if self.baton.hangs(side, self.now())
                && self.thread(side.other()).get().is_none_or(Colleague::waits)
                && self.baton.take_over(side, self.now())
            {
                self.switch.metrics.disk_stalled();
                tracing::warn!("the disk of the recordings holds up a write");
            } else if self.baton.is_quiet(self.now()) {
                self.asleep.store(true, Ordering::SeqCst);
                // Whoever began to write before that has not seen it.
                if self.baton.is_quiet(self.now()) && !self.has_ended() {
                    std::thread::park();
                }
                self.asleep.store(false, Ordering::SeqCst);
            } else {
                std::thread::park_timeout(LOOK);
            }
        }
    }

    /// Ends both sides.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.wake(Side::One);
        self.wake(Side::Two);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn wake(&self, side: Side) {
        if let Some(thread) = self.thread(side).get() {
            thread.wake();
        }
    }

    const fn thread(&self, side: Side) -> &OnceLock<Colleague> {
        let [one, two] = &self.threads;
        match side {
            Side::One => one,
            Side::Two => two,
        }
    }

    fn now(&self) -> Duration {
        self.switch.began.elapsed()
    }
}
