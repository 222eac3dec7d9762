//! What the relay says in a session, other than that it is closed: each signal is answered, or
//! handed to whoever waits for it, and what does not belong here ends the attendance.

use deskside_protocol::label::Label;
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::{Challenge, FilesLine, Session, signal::Kind};
use tokio::time::Instant;

use super::attended::Attended;
use super::back;
use super::given::FilesSaid;
use super::{AttendError, Given, News};

impl Attended {
    /// The relay said this.
    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    pub(super) fn heard(&mut self, said: Kind) -> Result<(), AttendError> {
        match said {
            Kind::Receipt(receipt) => {
                self.receipt(&receipt);
                Ok(())
            }
            Kind::Checkpoint(checkpoint) => {
                let signed = self.witness.checkpoint(&checkpoint.note)?;
                self.checkpoint.send_replace(Some(checkpoint.note.into()));
                self.say(Kind::EndSignature(signed))
            }
            Kind::CloseProposal(proposal) => {
                let signed = self.witness.close(&proposal)?;
                self.say(Kind::CloseSignature(signed))
            }
            Kind::Peer(peer) => {
                self.presence.handle_peer(Instant::now(), peer.present);
                Ok(())
            }
            Kind::Challenge(challenge) => self.challenged(&challenge),
            Kind::Session(session) => self.session(&session),
            Kind::FilesLine(line) => self.files(&line),
            Kind::Unrecorded(_) => {
                self.unrecorded();
                Ok(())
            }
            Kind::PolicyNow(now) => {
                self.told.push_back(News::Policy(Box::new(now)));
                Ok(())
            }
            _ => Err(AttendError::Unexpected),
        }
    }

    /// A seal that was said again may have two receipts.
    fn receipt(&mut self, receipt: &Signed) {
        if self.asked.receipt_due().is_some() {
            let checked = self.witness.receipt(receipt).map_err(AttendError::from);
            if checked.is_ok() {
                self.presence.handle_sealed();
            }
            self.asked.answer(checked);
        }
    }

    /// Our address changed as the relay sees it.
    fn challenged(&mut self, challenge: &Challenge) -> Result<(), AttendError> {
        let label = Label::from_bytes(&challenge.label).ok_or(AttendError::Unexpected)?;
        if label != self.given.own {
            return Err(AttendError::Unexpected);
        }
        let proof = back::prove(&self.leg.borrow(), &self.attendee, label, challenge)?;
        self.say(proof)
    }

    fn session(&mut self, session: &Session) -> Result<(), AttendError> {
        let given = Given::read(session)?;
        if !given.follows(&self.given) {
            return Err(AttendError::Unexpected);
        }
        self.take(given);
        Ok(())
    }

    /// A files line beside the line of the moment. What is said of another comes too late.
    fn files(&mut self, line: &FilesLine) -> Result<(), AttendError> {
        match FilesSaid::read(line)? {
            FilesSaid::Given(given) if given.line == self.given.line => {
                if !self.asked.files_given(given) {
                    self.told.push_back(News::Files(given));
                }
            }
            FilesSaid::Refused(line) if line == self.given.line => {
                self.asked.answer_files(Err(AttendError::NoFilesLine));
            }
            FilesSaid::Given(_) | FilesSaid::Refused(_) => {}
        }
        Ok(())
    }
}
