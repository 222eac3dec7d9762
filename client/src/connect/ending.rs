//! A session ends: the line and the recording are closed, the note is signed and written to the
//! ticket, and whoever waits for the end is told.

use deskside_link::Line;
use deskside_link::attend::{Attendance, CLOSE_TIMEOUT};
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::note as signing;
use deskside_protocol::policy::Policy;
use deskside_protocol::session::SessionId;
use deskside_protocol::text::visible;
use deskside_protocol::wire::record::{self, Reason};
use deskside_protocol::wire::signal::{TicketNote, signal::Kind};
use prost::Message as _;
use serde_json::json;

use super::Technician;
use super::over::{How, Over};
use super::tally::{About, Tally};
use crate::failure::{Failure, exit_of, sentence_of};
use crate::note::{self, Record};
use crate::output::{Output, now};
use crate::relay::unanswered;
use crate::ticket::number;

/// What the ending needs.
pub(super) struct End<'a> {
    pub(super) technician: &'a Technician<'a>,
    pub(super) line: &'a Line,
    pub(super) policy: &'a Policy,
    pub(super) about: &'a About,
}

/// How the relay closed the session.
struct Final {
    reason: Reason,
    recording_hash: Vec<u8>,
    /// Whether the relay itself is gone.
    relay_lost: bool,
}

impl End<'_> {
    /// Closes everything in order and tells everybody.
    pub(super) async fn run(
        &self,
        attendance: &mut Attendance,
        over: Over,
        tally: &Tally,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let Over { how, text, asked } = over;
        let last = self.close(attendance, how).await;
        let mut record = tally.record();
        record.ended = now();
        record.reason = last.reason;
        record.recording_hash.clone_from(&last.recording_hash);
        record.work_note = asked.as_ref().and_then(|asked| asked.note.clone());
        let noted = self.note(attendance, &record, &last).await;
        self.tell(&last, noted.is_ok(), text.as_deref(), output)?;
        if let Some(asked) = asked {
            match &noted {
                Ok(()) => asked.done().await,
                Err(error) => asked.failed(&Failure::new(exit_of(error), sentence_of(error))).await,
            }
        }
        noted?;
        outcome(&last, text)
    }

    async fn close(&self, attendance: &mut Attendance, how: How) -> Final {
        let closed = match how {
            How::Here(reason) => {
                self.line.close(CloseCode::SessionEnded);
                self.line.drained().await;
                attendance.end(reason).await
            }
            How::Refused => {
                self.line.close(CloseCode::SessionEnded);
                match tokio::time::timeout(CLOSE_TIMEOUT, attendance.closed()).await {
                    Ok(closed) => closed,
                    Err(_slow) => attendance.end(Reason::UserRefused).await,
                }
            }
            How::Closed(closed) => {
                self.line.close(CloseCode::SessionEnded);
                closed
            }
            How::LineGone(_) => attendance.end(Reason::AgentLost).await,
        };
        match closed {
            Ok(closed) => Final {
                reason: Reason::try_from(closed.reason).unwrap_or(Reason::Unspecified),
                recording_hash: closed.recording_hash.to_vec(),
                relay_lost: false,
            },
            Err(error) => {
                tracing::debug!(%error, "the relay did not close the session");
                Final { reason: Reason::RelayStopped, recording_hash: Vec::new(), relay_lost: true }
            }
        }
    }

    /// Signs the note and writes it to the ticket; where that fails it is kept in a file.
    async fn note(
        &self,
        attendance: &Attendance,
        record: &Record,
        last: &Final,
    ) -> anyhow::Result<()> {
        let text = note::compose(record, self.policy.note);
        let written = if last.relay_lost {
            Err(Failure::new(Exit::NoConnection, "the relay was lost").into())
        } else {
            self.write(attendance, &text, last).await
        };
        written.map_err(|error| match self.technician.home.keep_note(&self.about.session, &text) {
            Ok(path) => {
                let sentence = format!(
                    "the note could not be written to the ticket ({}); it is kept in {}",
                    sentence_of(&error),
                    path.display()
                );
                Failure::new(exit_of(&error), sentence).into()
            }
            Err(kept) => kept,
        })
    }

    async fn write(&self, attendance: &Attendance, text: &str, last: &Final) -> anyhow::Result<()> {
        let session: SessionId = self.about.session.parse()?;
        let note = record::Note {
            session: session.as_bytes().to_vec().into(),
            ticket: self.about.ticket.clone(),
            text: text.to_owned(),
            recording_hash: last.recording_hash.clone().into(),
            time: now(),
            certificate: self.technician.account.certificate.encode_to_vec().into(),
        };
        let signed = signing::sign(&self.technician.key, note);
        let note = TicketNote {
            ticket: self.about.ticket.clone(),
            session_note: Some(signed),
            ..TicketNote::default()
        };
        attendance.request(Kind::TicketNote(note)).await.map_err(unanswered)?;
        Ok(())
    }

    fn tell(
        &self,
        last: &Final,
        noted: bool,
        said: Option<&str>,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let name = last.reason.as_str_name();
        let event = json!({
            "event": "ended",
            "session": self.about.session,
            "ticket": number(&self.about.ticket),
            "reason": name.strip_prefix("REASON_").unwrap_or(name).to_lowercase(),
            "recording": data_encoding::HEXLOWER.encode(&last.recording_hash),
            "noted": noted,
        });
        let said = said.map(|said| format!(" ({})", visible(said))).unwrap_or_default();
        let note = if noted { " The note is on the ticket." } else { "" };
        let text = format!("The session is over: {}{said}.{note}", in_words(last.reason));
        output.show(&event, &text)
    }
}

const fn in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::TechnicianEnded => "you ended it",
        Reason::UserEnded => "the user ended it",
        Reason::UserRefused => "the user refused",
        Reason::TechnicianLost => "this computer could not be reached any more",
        Reason::AgentLost => "the user's computer could not be reached any more",
        Reason::RelayStopped => "the relay was stopped or lost",
        Reason::RecordingFailed => "the recording failed, and the policy requires one",
        Reason::NotSealed => "the recording could not be sealed, and the policy requires it",
        Reason::Unspecified => "it ended",
    }
}

/// What the program ends with.
fn outcome(last: &Final, said: Option<String>) -> anyhow::Result<()> {
    let exit = match last.reason {
        Reason::TechnicianEnded => return Ok(()),
        Reason::UserRefused | Reason::NotSealed => Exit::Refused,
        Reason::RelayStopped if last.relay_lost => Exit::NoConnection,
        Reason::UserEnded
        | Reason::TechnicianLost
        | Reason::AgentLost
        | Reason::RelayStopped
        | Reason::RecordingFailed
        | Reason::Unspecified => Exit::EndedByPeer,
    };
    let sentence = said.unwrap_or_else(|| in_words(last.reason).to_owned());
    Err(Failure::new(exit, sentence).into())
}
