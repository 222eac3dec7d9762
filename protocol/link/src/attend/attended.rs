//! A session that is attended: what is known of it, the leg of the moment, and the one place from
//! which anything is said on that. What is done about it is for the rooms above.

use std::collections::VecDeque;
use std::sync::Arc;

use deskside_protocol::wire::signal::signal::Kind;
use deskside_protocol::witness::Witness;
use tokio::sync::watch;
use tokio::time::Instant;

use super::asked::Asked;
use super::back::Return;
use super::presence::Presence;
use super::talk::Talk;
use super::whereabouts::Whereabouts;
use super::{AttendError, Attendee, Given, News};
use crate::leg::{Leg, LegError, Signals};
use crate::stream::StreamError;

/// A session while its end attends it.
pub(super) struct Attended {
    pub(super) attendee: Arc<Attendee>,
    pub(super) given: Given,
    pub(super) witness: Witness,
    pub(super) presence: Presence,
    pub(super) back: Return,
    pub(super) leg: watch::Sender<Leg>,
    /// `None` once the leg was lost.
    pub(super) talk: Option<Talk>,
    pub(super) asked: Asked,
    pub(super) whereabouts: Whereabouts,
    pub(super) told: VecDeque<News>,
    /// The last checkpoint that was signed.
    pub(super) checkpoint: watch::Sender<Option<Arc<str>>>,
}

impl Attended {
    /// Attends on `leg`. A session that `returns` may lose it from the beginning.
    pub(super) fn new(
        leg: watch::Sender<Leg>,
        signals: Signals,
        attendee: Arc<Attendee>,
        given: Given,
        returns: bool,
        checkpoint: watch::Sender<Option<Arc<str>>>,
    ) -> Self {
        let key = attendee.session_key.clone();
        let relay = leg.borrow().remote();
        Self {
            witness: Witness::new(attendee.end, key, attendee.node, attendee.binding),
            presence: Presence::here(attendee.grace, returns || !given.recorded),
            back: Return::new(attendee.clone(), false),
            talk: Some(Talk::new(signals)),
            asked: Asked::default(),
            whereabouts: Whereabouts::now(relay),
            told: VecDeque::new(),
            checkpoint,
            attendee,
            given,
            leg,
        }
    }

    /// Says something on the leg of the moment. Where there is none nobody hears it; what matters
    /// is said again on the next.
    pub(super) fn say(&mut self, kind: Kind) -> Result<(), AttendError> {
        match self.talk.as_ref().map(|talk| talk.say(kind)) {
            Some(Err(error)) => self.lost(error),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// The leg is gone, or the stream on it: the session comes back, where it may, to another one.
    pub(super) fn lost(&mut self, error: LegError) -> Result<(), AttendError> {
        let ends = matches!(error, LegError::Refused(_) | LegError::Lost(StreamError::Frame(_)));
        if ends || !self.presence.returns() {
            return Err(error.into());
        }
        tracing::debug!(%error, "the leg was lost");
        self.talk = None;
        self.presence.handle_lost(Instant::now());
        Ok(())
    }

    /// What the relay gives now, in the place of what it gave before.
    pub(super) fn take(&mut self, given: Given) {
        let before = std::mem::replace(&mut self.given, given);
        if given.line != before.line {
            self.asked.answer(Err(AttendError::Superseded));
            self.asked.answer_files(Err(AttendError::Superseded));
            self.told.push_back(News::Line(given));
        } else if before.recorded && !given.recorded {
            self.given.recorded = true;
            self.unrecorded();
        }
    }

    /// From here on nothing is recorded. Told once.
    pub(super) fn unrecorded(&mut self) {
        if std::mem::replace(&mut self.given.recorded, false) {
            self.presence.handle_sealed();
            self.told.push_back(News::Unrecorded);
            // Nobody keeps seals any more. Whether to go on is for the policy to say.
            self.asked.answer(Err(AttendError::Unrecorded));
        }
    }
}
