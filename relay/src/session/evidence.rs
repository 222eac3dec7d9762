//! What a session leaves in its recording: seals, the relay's own events, signed checkpoints and
//! the ends' signatures over them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::key::Context;
use deskside_protocol::recording::checkpoint::{Checkpoint, Note};
use deskside_protocol::recording::format::MAX_AGE;
use deskside_protocol::recording::{Kind as Block, State};
use deskside_protocol::session::{End, Ends};
use deskside_protocol::signed;
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::record::{EndSignature, Event, Reason, Receipt, Seal, event};
use deskside_protocol::wire::signal::{Checkpoint as Signed, signal::Kind};
use prost::Message as _;
use tokio::time::Instant;

use super::line::{FIRST_LINE, Sealed};
use super::live::Live;
use super::terms::{BOTH, Session, without};
use crate::recorder::{RecordError, Recording};
use crate::{chain, clock};

/// A checkpoint is due this long after the last one, where anything was recorded since.
const CHECKPOINT_TIME: Duration = Duration::from_secs(10);
/// And after this many bytes.
const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// The last checkpoint.
pub(super) struct Last {
    note: [u8; 32],
    state: State,
    length: u64,
    at: Instant,
    signed: Ends<bool>,
}

impl Live {
    /// The recording, while it goes on.
    pub(super) fn recording(&self) -> Option<&Arc<Recording>> {
        self.session.recording.as_ref().filter(|_| self.recorded)
    }

    /// Keeps a seal and answers with the node's receipt. The second one opens the line. A seal that
    /// comes again, since its receipt was lost, gets another receipt.
    pub(super) async fn seal(&mut self, from: End, seal: Seal) -> Result<(), Reason> {
        let line = u32::from(self.line.number());
        if self.session.recording.is_none() {
            return Err(without(from));
        }
        // Of a line that is over, or behind the recording's end: the end will hear of it.
        if seal.line < line || !self.recorded {
            return Ok(());
        }
        let (binding, key) = (&self.session.binding, self.session.key(from));
        let sound = seal.end == from.to_wire()
            && seal.line == line
            && seal.age.len() <= MAX_AGE
            && binding.verify_seal(&key, &seal).is_ok();
        let age_sha256 = sha256(&seal.age);
        match self.line.sealed(from) {
            _ if !sound => return Err(self.unsound(from)),
            Sealed::No => {
                // No receipt for what is not on the disk; the end hears that nothing is recorded.
                if !self.append(Block::Seal, self.line.number(), seal.encode_to_vec()).await? {
                    return Ok(());
                }
                self.line.seal(from, age_sha256);
            }
            Sealed::By(known) if known == age_sha256 => {}
            Sealed::By(_) => return Err(self.unsound(from)),
            // Which file that was is on the disk, and not worth a walk: another line is as good.
            Sealed::Before => return self.begin_fresh_line(from).await,
        }
        let receipt = Receipt {
            session: Bytes::copy_from_slice(self.session.id().as_bytes()),
            line: seal.line,
            end: seal.end,
            age_sha256: Bytes::copy_from_slice(&age_sha256),
            time: clock::micros(),
        };
        let key = &self.session.node_key;
        let receipt = signed::sign_message(key, Context::Receipt, &receipt);
        self.say(from, Kind::Receipt(receipt)).await;
        Ok(())
    }

    fn unsound(&self, from: End) -> Reason {
        tracing::warn!(session = %self.session.id(), %from, "a seal is not sound");
        Reason::NotSealed
    }

    /// Keeps an end's signature over the last checkpoint; a late or second one is dropped.
    pub(super) async fn end_signature(
        &mut self,
        from: End,
        signed: &EndSignature,
    ) -> Result<(), Reason> {
        let (binding, key) = (&self.session.binding, self.session.key(from));
        let Some(last) = &mut self.last else { return Ok(()) };
        let seen = last.signed.of_mut(from);
        let sound = signed.end == from.to_wire()
            && signed.checkpoint_sha256.as_ref() == last.note
            && binding.verify_end(&key, signed).is_ok();
        if *seen || !sound {
            return Ok(());
        }
        *seen = true;
        self.append(Block::EndSignature, FIRST_LINE, signed.encode_to_vec()).await.map(drop)
    }

    /// Signs the chain where that is due, and tells both ends.
    pub(super) async fn checkpoint_where_due(&mut self) -> Result<(), Reason> {
        let Some(recording) = self.recording().filter(|recording| self.is_due(recording)) else {
            return Ok(());
        };
        let recording = recording.clone();
        let note = match checkpoint(&self.session, &recording).await {
            Ok(note) => note,
            Err(error) => return self.unwritten(&error).map(drop),
        };
        self.last = Some(Last {
            note: note.sha256(),
            state: recording.state(),
            length: recording.length(),
            at: Instant::now(),
            signed: Ends::default(),
        });
        for end in BOTH {
            self.say(end, Kind::Checkpoint(Signed { note: note.encode() })).await;
        }
        Ok(())
    }

    fn is_due(&self, recording: &Recording) -> bool {
        let Some(last) = &self.last else { return self.line.is_sealed() };
        let grown = recording.length().saturating_sub(last.length);
        // The ends' two signatures over the last one are no reason for another.
        let news = recording.state().seq() > last.state.seq() + 2;
        grown >= CHECKPOINT_BYTES || (news && last.at.elapsed() >= CHECKPOINT_TIME)
    }

    pub(super) async fn record_lost(&self, end: End) -> Result<(), Reason> {
        self.record(event::Kind::LegLost, end, String::new()).await
    }

    pub(super) async fn record_back(&self, end: End, away: Duration) -> Result<(), Reason> {
        self.record(event::Kind::LegBack, end, format!("after {} ms", away.as_millis())).await
    }

    pub(super) async fn record_moved(&self, end: End) -> Result<(), Reason> {
        self.record(event::Kind::LegMoved, end, String::new()).await
    }

    /// From here on a road beside the recording is open.
    pub(super) async fn record_files_line(&self, number: u32) -> Result<(), Reason> {
        let event = Event {
            kind: event::Kind::FilesLine as i32,
            end: End::Technician.to_wire(),
            count: number.into(),
            detail: String::new(),
        };
        self.append(Block::Event, self.line.number(), event.encode_to_vec()).await.map(drop)
    }

    async fn record(&self, kind: event::Kind, end: End, detail: String) -> Result<(), Reason> {
        let event = Event { kind: kind as i32, end: end.to_wire(), count: 0, detail };
        self.append(Block::Event, self.line.number(), event.encode_to_vec()).await.map(drop)
    }

    /// Appends a block, where the recording goes on. `false` where it does not.
    async fn append(&self, kind: Block, line: u16, body: Vec<u8>) -> Result<bool, Reason> {
        let Some(recording) = self.recording() else { return Ok(false) };
        match recording.append(kind, line, body).await {
            Ok(_) => Ok(true),
            Err(error) => self.unwritten(&error),
        }
    }

    /// Ends the session, but where the policy lets it go on: then the recording says by itself that
    /// it is over.
    fn unwritten(&self, error: &RecordError) -> Result<bool, Reason> {
        tracing::error!(session = %self.session.id(), error = chain(error), "a block cannot be written");
        if self.session.best_effort { Ok(false) } else { Err(Reason::RecordingFailed) }
    }
}

/// Signs the chain as it stands and writes the note behind it.
pub(super) async fn checkpoint(
    session: &Session,
    recording: &Arc<Recording>,
) -> Result<Note, RecordError> {
    let (id, key) = (session.id(), session.node_key.clone());
    let make = move |state: &State, time_us| {
        let seq = state.seq().saturating_sub(1);
        let checkpoint = Checkpoint { session: id, seq, hash: *state.hash(), time_us };
        let note = checkpoint.sign(&key);
        (note.encode().into_bytes(), note)
    };
    let (_, note) = recording.append_with(Block::Checkpoint, FIRST_LINE, make).await?;
    Ok(note)
}
