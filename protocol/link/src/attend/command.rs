//! What the session's handle asks for, and what is said to the relay of it.

use bytes::Bytes;
use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::{EndSession, FilesLineAsk, signal::Kind};
use tokio::time::Instant;

use super::AttendError;
use super::asked::{self, Waiting, WaitingForFiles};
use super::attended::Attended;

/// What the handle asks for.
pub(super) enum Command {
    Seal { line: u16, age: Vec<u8>, done: Waiting },
    Files { line: u16, after: u32, done: WaitingForFiles },
    End(Reason),
    Moved,
}

impl Attended {
    /// The handle asks for this.
    pub(super) fn command(&mut self, command: Command) -> Result<(), AttendError> {
        match command {
            // A seal of a line that is no more would pass for an unsound one.
            Command::Seal { line, done, .. } if line != self.given.line => {
                asked::answer(done, Err(AttendError::Superseded));
                Ok(())
            }
            Command::Seal { line, age, done } => {
                let seal = self.witness.seal(line, Bytes::from(age));
                self.asked.seal(Instant::now(), seal.clone(), done);
                self.say(Kind::Seal(seal))
            }
            Command::Files { line, done, .. } if line != self.given.line => {
                if done.send(Err(AttendError::Superseded)).is_err() {
                    tracing::debug!("nobody waits for the files line any more");
                }
                Ok(())
            }
            Command::Files { line, after, done } => {
                let ask = FilesLineAsk { line: line.into(), after };
                self.asked.files(Instant::now(), ask, done);
                self.say(Kind::FilesLineAsk(ask))
            }
            Command::End(reason) => {
                self.asked.end(Instant::now(), reason, self.presence.is_away());
                self.say(Kind::EndSession(EndSession { reason: reason as i32 }))
            }
            Command::Moved => {
                self.moved();
                Ok(())
            }
        }
    }
}
