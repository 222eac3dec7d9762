//! The ledger: what this program itself did to mouse and keyboard and what the system tells back to
//! everybody. What is told back and does not stand here is somebody else's: the user's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What one touch is told back as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The pointer moved.
    Motion,
    /// A button, as the system numbers it, down or up.
    Button(u8, bool),
    /// A key, as the system numbers it, down or up.
    Key(u8, bool),
}

/// Marks that wait: a text of 1,024 bytes is at most 1,024 keys, each with two modifiers, down and
/// up: 6,144. Where there are more the oldest go, and then their echo counts as the user's.
pub const MAX_MARKS: usize = 8_192;
/// What was not told back by then never will be: the system drops what changes nothing.
const KEPT: Duration = Duration::from_secs(2);

/// What was done and not told back yet.
#[derive(Debug, Default)]
pub struct Ledger(VecDeque<(Mark, Instant)>);

impl Ledger {
    /// Before it is done.
    pub fn note(&mut self, mark: Mark, now: Instant) {
        while self.0.len() >= MAX_MARKS || self.0.front().is_some_and(|(_, at)| *at + KEPT < now) {
            self.0.pop_front();
        }
        self.0.push_back((mark, now));
    }

    /// Whether what is told was done here. Each mark explains one echo.
    pub fn explains(&mut self, mark: Mark, now: Instant) -> bool {
        let fresh = |(known, at): &(Mark, Instant)| *known == mark && *at + KEPT >= now;
        let place = self.0.iter().position(fresh);
        place.is_some_and(|place| self.0.remove(place).is_some())
    }
}
