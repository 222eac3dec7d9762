//! Where things stand, and for how long still.

use std::time::Duration;

use deskside_protocol::wire::record::Reason;
use zeroize::Zeroizing;

use crate::events::Gone;

/// Where things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Nowhere is a join link: the user has to paste one. Set where what he pasted is none.
    Join {
        /// What was pasted last is no join link.
        bad: bool,
    },
    /// The relay is looked for, or a technician is at the door and has not said a word yet.
    Starting,
    /// A code is on the screen.
    Code(Code),
    /// After several failures the next code waits for the user.
    Next,
    /// Somebody is here.
    Here,
    /// It is over.
    Over(Ending),
}

/// A code on the screen.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// Twelve digits, in three groups of four.
    pub grouped: Zeroizing<String>,
    /// Since when it is there.
    pub since: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What became of the one before it.
    pub before: Option<Before>,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code").field("before", &self.before).finish_non_exhaustive()
    }
}

impl Code {
    /// How long it is still good for.
    #[must_use]
    pub fn left(&self, now: Duration) -> Duration {
        (self.since + self.lasts).saturating_sub(now)
    }
}

/// What became of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Its time was up.
    Expired,
    /// Somebody tried with other digits.
    Mistyped,
    /// Somebody tried and failed; why, made safe.
    Failed(String),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// For this reason.
    Ended(Reason),
    /// There was no session; why, made safe.
    Failed(String),
}

/// An interrupted connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub cause: Gone,
    /// Since when.
    pub since: Duration,
    /// How long it may last.
    pub grace: Duration,
}

impl Gap {
    /// How long the session still waits.
    #[must_use]
    pub fn left(&self, now: Duration) -> Duration {
        (self.since + self.grace).saturating_sub(now)
    }
}

/// How the window stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pose {
    /// In the middle, as any other.
    Page,
    /// In front of all others: a question.
    Prompt,
    /// At the edge, above all others.
    Banner,
    /// As the banner, and no taller than it must be.
    Slim,
}
