//! The question that stands, and from when on it may be answered how.

use std::time::Duration;

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::text::visible;

use super::shown;
use crate::consent::{ANSWER_TIME, Answer, Listing, Question, Visitor};

/// Allow can be pressed after this time: who is being rushed gets to read (the scam warning is two
/// sentences), and nobody is held up who has read it.
pub const ALLOW_AFTER: Duration = Duration::from_millis(2500);
/// Whatever else is an answer can be pressed after this time: a question comes to the front under a
/// pointer and a keyboard that were busy with something else.
pub const SETTLE: Duration = Duration::from_millis(600);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Everything that the technician wishes for at first.
    Opening {
        /// What.
        grants: GrantSet,
    },
    /// One grant more.
    More {
        /// Which.
        grant: Grant,
        /// What it is needed for.
        what: String,
        /// Whether yes means this once.
        once: bool,
    },
    /// Files.
    Files(Listing),
}

/// A question that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Counts up: an answer to another number is none.
    pub number: u64,
    /// Who asks, made safe.
    pub visitor: Visitor,
    /// What.
    pub request: Request,
    /// Since when it stands.
    pub since: Duration,
}

impl Asked {
    pub(super) fn new(number: u64, question: &Question<'_>, now: Duration) -> Self {
        let (visitor, request) = match question {
            Question::Opening { visitor, grants } => {
                (visitor, Request::Opening { grants: *grants })
            }
            Question::More { visitor, grant, what, once } => {
                let what = visible(what).into_owned();
                (visitor, Request::More { grant: *grant, what, once: *once })
            }
            Question::Files { visitor, files } => (visitor, Request::Files((*files).clone())),
        };
        Self { number, visitor: shown(visitor), request, since: now }
    }

    /// How long until it is refused.
    #[must_use]
    pub fn left(&self, now: Duration) -> Duration {
        (self.since + ANSWER_TIME).saturating_sub(now)
    }

    /// How long until this answer counts.
    #[must_use]
    pub fn wait(&self, answer: Answer, now: Duration) -> Duration {
        let after = match answer {
            Answer::Allow | Answer::Always => ALLOW_AFTER,
            Answer::Refuse | Answer::NotAsked => SETTLE,
        };
        (self.since + after).saturating_sub(now)
    }

    /// Whether there is a yes for the whole session beside the one for this once.
    #[must_use]
    pub const fn has_always(&self) -> bool {
        match self.request {
            Request::Opening { .. } => false,
            Request::More { once, .. } => once,
            Request::Files(_) => true,
        }
    }
}
