//! The user's own hand: on mouse and keyboard from what he does until he has rested.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Mark;

/// The user has rested when nothing came of him for so long: longer than between two keys of
/// somebody who types, shorter than a technician waits with patience.
pub const REST: Duration = Duration::from_millis(700);
/// A key that the user holds down for longer no longer counts: its release may have been lost, or
/// something lies on the keyboard.
pub const MAX_HOLD: Duration = Duration::from_secs(10);

/// What was seen of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The pointer moved, a wheel turned, a screen was touched.
    Moved,
    /// A key or button went down.
    Down(Mark),
    /// And up.
    Up(Mark),
}

#[derive(Debug, Default)]
pub(super) struct User {
    on: Option<Instant>,
    /// What he holds down: at most as many as there are keys and buttons (512).
    holds: BTreeSet<Mark>,
}

impl User {
    pub(super) fn see(&mut self, seen: Seen, now: Instant) {
        self.on = Some(now);
        match seen {
            Seen::Moved => {}
            Seen::Down(mark) => drop(self.holds.insert(mark)),
            Seen::Up(mark) => drop(self.holds.remove(&mark)),
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// When he has rested, if nothing more comes.
    pub(super) fn due(&self) -> Option<Instant> {
        let time = if self.holds.is_empty() { REST } else { MAX_HOLD };
        self.on.map(|last| last + time)
    }

    pub(super) fn tick(&mut self, now: Instant) {
        if self.due().is_some_and(|due| due <= now) {
            self.on = None;
            self.holds.clear();
        }
    }
}
