//! How the relay is reached while a session lasts: the steps of coming back to it by another leg, and
//! what silence and another network say of the leg of the moment.

use deskside_protocol::wire::signal::Closed;
use tokio::time::Instant;

use super::attended::Attended;
use super::back::{Returned, Step};
use super::presence::Traffic;
use super::talk::Talk;
use super::whereabouts::Whereabouts;
use super::{AttendError, ResumeError};

impl Attended {
    /// Coming back went on by a step. Gives how the session was closed meanwhile, where it was.
    pub(super) fn stepped(&mut self, step: Step) -> Result<Option<Closed>, AttendError> {
        match step {
            Step::Reached => self.presence.handle_proving(true),
            Step::Unreached(error) => tracing::debug!(%error, "the relay was not reached"),
            Step::Returned(returned) => self.returned(*returned)?,
            Step::Failed(ResumeError::Ended(closed)) => return Ok(Some(closed)),
            Step::Failed(ResumeError::Gone) => return Err(AttendError::Gone),
            Step::Failed(ResumeError::Attend(AttendError::Unexpected)) => {
                return Err(AttendError::Unexpected);
            }
            Step::Failed(error) => {
                tracing::debug!(%error, "the session was not found again");
                self.presence.handle_proving(false);
            }
        }
        Ok(None)
    }

    /// The session goes on by a new leg.
    fn returned(&mut self, returned: Returned) -> Result<(), AttendError> {
        let Returned { leg, signals, given } = returned;
        let relay = leg.remote();
        leg.dialler().socket.aim(relay);
        self.talk = Some(Talk::new(signals));
        self.leg.send_replace(leg);
        self.whereabouts = Whereabouts::now(relay);
        self.presence.handle_returned(Instant::now(), self.traffic());
        self.take(given);
        self.asked.again().into_iter().try_for_each(|kind| self.say(kind))
    }

    /// Looks whether anything comes, and where we are.
    pub(super) fn look(&mut self) {
        if self.talk.is_some() {
            self.presence.handle_traffic(Instant::now(), self.traffic());
        }
        let silent = self.presence.is_silent() || self.presence.is_away();
        let relay = self.leg.borrow().dialler().socket.relay();
        if self.whereabouts.moved(relay, silent) {
            self.moved();
        }
    }

    fn traffic(&self) -> Traffic {
        let leg = self.leg.borrow();
        let (sent, received) = leg.traffic();
        let (line_sent, line_received) = leg.dialler().socket.traffic();
        Traffic {
            sent: sent + line_sent,
            received: received + line_received,
            of_lines: line_received,
        }
    }

    /// A fresh port, and something to be heard from it at once.
    pub(super) fn moved(&mut self) {
        let socket = self.leg.borrow().dialler().socket.clone();
        if let Err(error) = socket.exchange(socket.relay()) {
            tracing::debug!(%error, "there is no other port; the old one has to do");
        }
        self.presence.handle_moved(Instant::now());
    }
}
