//! A passage of typed text that is masked: who asked for it, and until when. The clock is an argument.

use std::time::Duration;

use deskside_protocol::wire::message::refusal::Cause;
use tokio::time::{Instant, sleep_until};

/// A passage ends by itself after this time: a password is typed in seconds, and what an auditor cannot
/// read should be short.
pub(super) const MAX_PASSAGE: Duration = Duration::from_secs(120);

/// What was on the way when the user ended a passage, or its time did, is taken still.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// Why something masked is not taken: a cause, and what to say.
pub(super) type Untaken = (Cause, &'static str);

/// Nothing masked is taken on this channel, or nothing of this kind.
pub(super) const NOT_HERE: Untaken =
    (Cause::BadRequest, "only typed text and arguments of commands are masked");
/// Where the policy says so.
pub(super) const FORBIDDEN: Untaken =
    (Cause::Policy, "the policy wants everything recorded, passwords too");

/// The passage of one stream.
#[derive(Debug, Default)]
pub(super) struct Passage {
    technician: bool,
    user: bool,
    ends: Option<Instant>,
    /// It is over here, and the technician may not have heard it before this.
    unheard: Option<Instant>,
}

impl Passage {
    /// The technician wants it, or no longer. Gives whether that is another state than before.
    pub(super) fn technician(&mut self, on: bool, now: Instant) -> bool {
        let changed = std::mem::replace(&mut self.technician, on) != on;
        self.lasts(changed && on, now);
        changed
    }

    /// The user does.
    pub(super) fn user(&mut self, on: bool, now: Instant) -> bool {
        let changed = std::mem::replace(&mut self.user, on) != on;
        self.lasts(changed && on, now);
        if changed && !on {
            self.unheard = Some(now + ON_ITS_WAY);
        }
        changed
    }

    fn lasts(&mut self, anew: bool, now: Instant) {
        if anew {
            self.ends = Some(now + MAX_PASSAGE);
        } else if !self.technician && !self.user {
            self.ends = None;
        }
    }

    /// When it ends by itself; `None` where there is none.
    pub(super) const fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// It lasted too long, whoever asked for it. Gives whether the user had.
    pub(super) fn over(&mut self, now: Instant) -> bool {
        (self.ends, self.technician) = (None, false);
        self.unheard = Some(now + ON_ITS_WAY);
        std::mem::take(&mut self.user)
    }

    /// Whether what is masked and comes now belongs to it.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.ends.is_some() || self.unheard.is_some_and(|end| now < end)
    }
}

/// Until then; for ever where it is not said when.
pub(super) async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_while_anybody_wants_it_and_no_longer_than_it_may() {
        let (mut passage, now) = (Passage::default(), Instant::now());
        assert!(!passage.is_open(now));
        assert!(passage.technician(true, now) && passage.is_open(now));
        assert!(!passage.technician(true, now + Duration::from_secs(9)), "nothing new");
        assert_eq!(passage.ends(), Some(now + MAX_PASSAGE));
        assert!(passage.technician(false, now) && !passage.is_open(now));
        passage.technician(true, now);
        let later = now + Duration::from_secs(10);
        assert!(passage.user(true, later));
        assert_eq!(passage.ends(), Some(later + MAX_PASSAGE));
        assert!(passage.technician(false, later) && passage.is_open(later), "the user wants it");
    }

    #[test]
    fn what_is_on_the_way_when_it_ends_here_is_taken() {
        let (mut passage, now) = (Passage::default(), Instant::now());
        passage.user(true, now);
        assert!(passage.user(false, now));
        assert!(passage.ends().is_none() && passage.is_open(now));
        assert!(!passage.is_open(now + ON_ITS_WAY));
        passage.user(true, now);
        let end = now + MAX_PASSAGE;
        assert!(passage.over(end));
        assert!(passage.is_open(end) && !passage.is_open(end + ON_ITS_WAY));
    }
}
