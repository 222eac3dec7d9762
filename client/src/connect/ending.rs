//! A session ends: the recording is closed, the note is signed and written to the ticket, and
//! whoever waits for the end is told.

use bytes::Bytes;
use deskside_link::attend::{AttendError, Attendance, CLOSE_TIMEOUT};
use deskside_link::leg::LegError;
use deskside_link::statements::Statements;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::key::PublicKey;
use deskside_protocol::log::SignedHead;
use deskside_protocol::note as signing;
use deskside_protocol::policy::NoteContents;
use deskside_protocol::session::{self, SessionId};
use deskside_protocol::text::visible;
use deskside_protocol::transcript::HASH;
use deskside_protocol::wire::record::{self, Reason};
use deskside_protocol::wire::signal::{Closed, TicketNote, signal::Kind};
use prost::Message as _;
use serde_json::json;

use super::keeping::Keeper;
use super::over::{How, Over};
use super::telling::Telling;
use super::{Technician, pictures};
use crate::control::EndRequest;
use crate::failure::{Failure, exit_of, sentence_of};
use crate::ledger::Watch;
use crate::note::{self, LogAtEnd};
use crate::output::now;
use crate::relay::{self, unanswered};
use crate::ticket::number;

/// What the ending needs.
pub(super) struct End<'a> {
    pub(super) technician: &'a Technician<'a>,
    pub(super) note: NoteContents,
    pub(super) telling: Telling<'a>,
    pub(super) keeper: Keeper,
    pub(super) statements: Statements,
}

/// How the relay closed the session.
struct Final {
    reason: Reason,
    recording_hash: Vec<u8>,
    /// Whether the relay itself is gone.
    relay_lost: bool,
}

impl Final {
    /// Whether it ended because the technician may not be there any more.
    const fn is_expelled(&self) -> bool {
        matches!(self.reason, Reason::TechnicianRevoked | Reason::TechnicianExpired)
    }

    fn of(closed: Result<Closed, AttendError>) -> Self {
        match closed {
            Ok(closed) => Self {
                reason: Reason::try_from(closed.reason).unwrap_or(Reason::Unspecified),
                recording_hash: closed.recording_hash.to_vec(),
                relay_lost: false,
            },
            Err(error) => {
                tracing::debug!(%error, "the relay did not close the session");
                let reason = match error {
                    AttendError::PeerAway => Reason::AgentLost,
                    AttendError::Leg(_)
                    | AttendError::Witness(_)
                    | AttendError::TimedOut
                    | AttendError::Unexpected
                    | AttendError::RelayAway
                    | AttendError::Gone
                    | AttendError::NoFilesLine
                    | AttendError::Superseded
                    | AttendError::Unrecorded
                    | AttendError::Over => Reason::RelayStopped,
                };
                Self { reason, recording_hash: Vec::new(), relay_lost: true }
            }
        }
    }
}

/// A refusal is an answer.
fn answered(answer: Result<Kind, LegError>) -> anyhow::Result<Kind> {
    match answer {
        Err(LegError::Refused(refused)) => Ok(Kind::Refused(refused)),
        answer => answer.map_err(unanswered),
    }
}

async fn close(attendance: &mut Attendance, how: How) -> Result<Closed, AttendError> {
    match how {
        How::Here(reason) => attendance.end(reason).await,
        How::Refused => match tokio::time::timeout(CLOSE_TIMEOUT, attendance.closed()).await {
            Ok(closed) => closed,
            Err(_slow) => attendance.end(Reason::UserRefused).await,
        },
        How::Closed(closed) => closed,
    }
}

impl End<'_> {
    /// Closes everything in order and tells everybody. The line is closed already. Where there
    /// never was one, nothing happened that a note could tell.
    pub(super) async fn run(
        self,
        mut attendance: Attendance,
        over: Over,
        began: bool,
    ) -> anyhow::Result<()> {
        let Over { how, text, asked, error } = over;
        let last = Final::of(close(&mut attendance, how).await);
        if !began {
            self.keeper.remove().await;
            attendance.leave(CloseCode::Done).await;
            return error.map_or_else(|| outcome(&last, text), Err);
        }
        let work = asked.as_ref().and_then(|asked| asked.note.clone());
        self.telling.tally.ended(now(), work);
        let node = attendance.node();
        let ask = async |kind, content| match last.relay_lost {
            true => Err(Failure::new(Exit::NoConnection, "the relay was lost").into()),
            false => answered(attendance.hand_in(kind, content).await),
        };
        let done = self.conclude(&last, text, asked, (node, ask)).await;
        attendance.leave(CloseCode::Done).await;
        error.map_or(done, Err)
    }

    /// As [`End::run`], for a session that ended while this program was away.
    pub(super) async fn late(self, ended: u64, closed: Closed) -> anyhow::Result<()> {
        let last = Final::of(Ok(closed));
        self.telling.tally.ended(ended, None);
        let technician = self.technician;
        let leg = relay::dial(&technician.account.join, &technician.key).await;
        let node = leg.as_ref().map_or(technician.account.join.node, |leg| leg.link().node);
        let ask = async |kind, content| match &leg {
            Ok(leg) => answered(leg.hand_in(kind, content).await),
            Err(error) => Err(Failure::new(exit_of(error), sentence_of(error)).into()),
        };
        let done = self.conclude(&last, None, None, (node, ask)).await;
        if let Ok(leg) = leg {
            leg.close(CloseCode::Done).await;
        }
        done
    }

    /// Writes the note and tells everybody.
    async fn conclude(
        mut self,
        last: &Final,
        text: Option<String>,
        asked: Option<EndRequest>,
        (node, hand_in): (PublicKey, impl AsyncFn(Kind, Bytes) -> anyhow::Result<Kind>),
    ) -> anyhow::Result<()> {
        self.statements.keep();
        let ask = async |kind| hand_in(kind, Bytes::new()).await;
        let mut record = self.telling.tally.record();
        record.reason = last.reason;
        record.recording_hash.clone_from(&last.recording_hash);
        // The relay takes nothing more from somebody who may not be there any more.
        let asked_log = if last.is_expelled() { Ok(None) } else { self.log(node, &ask).await };
        let (head, broken) = match asked_log {
            Ok(head) => (head, None),
            Err(error) if exit_of(&error) == Exit::Verification => (None, Some(error)),
            Err(error) => {
                tracing::debug!(error = sentence_of(&error), "the relay's log was not seen");
                (None, None)
            }
        };
        record.log = match (&head, &broken) {
            (_, Some(_)) => LogAtEnd::Broken,
            (Some(SignedHead { head, .. }), None) => LogAtEnd::At(head.size, head.root),
            (None, None) => LogAtEnd::Unknown,
        };
        let troubles = match self.note.pictures && !last.is_expelled() {
            true => pictures::attach(&mut record, &self.telling.about.ticket, &hand_in).await,
            false => Vec::new(),
        };
        let note = note::compose(&record, self.note);
        let written = match self.signed(&note, last, head) {
            Ok(_) if last.is_expelled() => {
                Err(Failure::new(Exit::Refused, in_words(last.reason)).into())
            }
            Ok(signed) => match ask(signed).await {
                Ok(Kind::Refused(refused)) => Err(Failure::from(&refused).into()),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let told = self.tell(last, written.is_ok(), text.as_deref());
        // Where the relay is out of reach both are done later.
        if !matches!(&written, Err(error) if exit_of(error) == Exit::NoConnection) {
            troubles.iter().try_for_each(|trouble| self.telling.text(trouble))?;
        }
        let noted = match written {
            Ok(()) => {
                self.keeper.remove().await;
                let about = &self.telling.about;
                if let Err(error) = self.technician.home.forget_note(&about.session) {
                    tracing::warn!(error = sentence_of(&error), "an old note stays");
                }
                Ok(())
            }
            Err(error) => Err(self.put_aside(&error, &note).await),
        };
        if let Some(asked) = asked {
            match &noted {
                Ok(()) => asked.done().await,
                Err(error) => asked.failed(&Failure::new(exit_of(error), sentence_of(error))).await,
            }
        }
        told?;
        noted?;
        // The note says it too; nothing that went wrong otherwise is more than this.
        broken.map_or_else(|| outcome(last, text), Err)
    }

    /// Where the relay's log stands now that the session is over.
    async fn log(
        &self,
        node: PublicKey,
        ask: &impl AsyncFn(Kind) -> anyhow::Result<Kind>,
    ) -> anyhow::Result<Option<SignedHead>> {
        let watch = Watch::begin(self.technician.home)?;
        let answer = ask(watch.question()).await?;
        watch.judge(answer, &node)
    }

    /// The note, signed, as it goes to the ticket.
    fn signed(&self, text: &str, last: &Final, head: Option<SignedHead>) -> anyhow::Result<Kind> {
        let about = &self.telling.about;
        let session: SessionId = about.session.parse()?;
        let tail = self.statements.tail();
        let named = |name: Option<[u8; HASH]>| name.map(Vec::from).unwrap_or_default().into();
        let note = record::Note {
            session: session.as_bytes().to_vec().into(),
            ticket: about.ticket.clone(),
            text: text.to_owned(),
            recording_hash: last.recording_hash.clone().into(),
            time: now(),
            certificate: self.technician.account.certificate.encode_to_vec().into(),
            technician_statement: named(tail.statement_of(session::End::Technician)),
            agent_statement: named(tail.statement_of(session::End::Agent)),
            checkpoint: named(tail.checkpoint_sha256()),
            log_head: head.map(|head| head.encode()).unwrap_or_default(),
        };
        let signed = signing::sign(&self.technician.key, note);
        Ok(Kind::TicketNote(TicketNote {
            ticket: about.ticket.clone(),
            session_note: Some(signed),
            ..TicketNote::default()
        }))
    }

    /// A note that could not be written is kept in a file; where the relay was only out of reach,
    /// the session is kept too, so that `resume` can write it. Gives what to say.
    async fn put_aside(mut self, error: &anyhow::Error, note: &str) -> anyhow::Error {
        let kept = self.technician.home.keep_note(&self.telling.about.session, note);
        let unreached = exit_of(error) == Exit::NoConnection;
        let later = match unreached {
            true => self.keeper.keep(&self.telling.tally).await.is_ok(),
            false => {
                self.keeper.remove().await;
                false
            }
        };
        let path = match kept {
            Ok(path) => path,
            Err(error) => return error,
        };
        let later = match later {
            true => "; deskside resume writes it once the relay can be reached",
            false => "",
        };
        let sentence = format!(
            "the note could not be written to the ticket ({}); it is kept in {}{later}",
            sentence_of(error),
            path.display()
        );
        Failure::new(exit_of(error), sentence).into()
    }

    fn tell(&mut self, last: &Final, noted: bool, said: Option<&str>) -> anyhow::Result<()> {
        let name = last.reason.as_str_name();
        let about = &self.telling.about;
        let event = json!({
            "event": "ended",
            "session": about.session,
            "ticket": number(&about.ticket),
            "reason": name.strip_prefix("REASON_").unwrap_or(name).to_lowercase(),
            "recording": data_encoding::HEXLOWER.encode(&last.recording_hash),
            "noted": noted,
        });
        let said = said.map(|said| format!(" ({})", visible(said))).unwrap_or_default();
        let note = if noted { " The note is on the ticket." } else { "" };
        let text = format!("The session is over: {}{said}.{note}", in_words(last.reason));
        self.telling.show(&event, &text)
    }
}

const fn in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::TechnicianEnded => "you ended it",
        Reason::UserEnded => "the user ended it",
        Reason::UserRefused => "the user refused",
        Reason::NotAsked => "the user says that he did not ask for help; it is on the ticket",
        Reason::TechnicianLost => "this computer could not be reached any more",
        Reason::AgentLost => "the user's computer could not be reached any more",
        Reason::RelayStopped => "the relay was stopped or lost",
        Reason::RecordingFailed => "the recording failed, and the policy requires one",
        Reason::NotSealed => "the recording could not be sealed, and the policy requires it",
        Reason::Disputed => "the two ends disagree on what went between them",
        Reason::RecordingFull => "the recording is as long as the policy lets it become",
        Reason::TechnicianRevoked => "your enrolment was revoked: ask whoever runs the relay",
        Reason::TechnicianExpired => {
            "your certificate has expired: run deskside enroll again, with a new token or with \
             --sign-in"
        }
        Reason::Unspecified => "it ended",
    }
}

/// What the program ends with.
fn outcome(last: &Final, said: Option<String>) -> anyhow::Result<()> {
    let exit = match last.reason {
        Reason::TechnicianEnded => return Ok(()),
        Reason::UserRefused | Reason::NotAsked | Reason::NotSealed => Exit::Refused,
        Reason::TechnicianRevoked | Reason::TechnicianExpired => Exit::Refused,
        Reason::Disputed => Exit::Verification,
        Reason::RelayStopped if last.relay_lost => Exit::NoConnection,
        Reason::UserEnded
        | Reason::TechnicianLost
        | Reason::AgentLost
        | Reason::RelayStopped
        | Reason::RecordingFailed
        | Reason::RecordingFull
        | Reason::Unspecified => Exit::EndedByPeer,
    };
    let sentence = said.unwrap_or_else(|| in_words(last.reason).to_owned());
    Err(Failure::new(exit, sentence).into())
}
