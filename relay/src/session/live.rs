//! A session while it lives: seals become receipts, the chain is signed now and then, and whatever
//! ends it gets a reason.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::key::{Context, PublicKey};
use deskside_protocol::recording::checkpoint::{Checkpoint, Note};
use deskside_protocol::recording::format::MAX_AGE;
use deskside_protocol::recording::{Kind as Block, State};
use deskside_protocol::session::End;
use deskside_protocol::signed;
use deskside_protocol::transcript::sha256;
use deskside_protocol::wire::record::{EndSignature, Reason, Receipt, Seal};
use deskside_protocol::wire::signal::{Checkpoint as Signed, signal::Kind};
use prost::Message as _;
use tokio::time::{Instant, MissedTickBehavior};

use super::Ends;
use super::opening::{MAIN_LINE, Session};
use crate::clock;
use crate::recorder::{Broken, RecordError, Recording};
use crate::service::Service;
use crate::talk::Gone;

/// Both seals have to be on disk by then.
const SEALING: Duration = Duration::from_secs(30);
/// A checkpoint is due this long after the last one, where anything was recorded since.
const CHECKPOINT_TIME: Duration = Duration::from_secs(10);
/// And after this many bytes.
const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;
/// How often it is looked whether a checkpoint is due.
const TICK: Duration = Duration::from_secs(1);

/// Watches over a session until something ends it.
pub(super) async fn run(service: &Service, ends: &mut Ends<'_>, session: &Session) -> Reason {
    let mut watch = Watch { service, session, sealed: [false; 2], last: None };
    watch.run(ends).await
}

/// The last checkpoint.
struct Last {
    note: [u8; 32],
    state: State,
    length: u64,
    at: Instant,
    signed: [bool; 2],
}

struct Watch<'a> {
    service: &'a Service,
    session: &'a Session,
    sealed: [bool; 2],
    last: Option<Last>,
}

const fn slot(end: End) -> usize {
    match end {
        End::Agent => 0,
        End::Technician => 1,
    }
}

const fn lost(end: End) -> Reason {
    match end {
        End::Agent => Reason::AgentLost,
        End::Technician => Reason::TechnicianLost,
    }
}

impl Watch<'_> {
    async fn run(&mut self, ends: &mut Ends<'_>) -> Reason {
        let deadline = Instant::now() + SEALING;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                said = ends.agent.receive() => self.heard(ends, End::Agent, said).await,
                said = ends.technician.receive() => self.heard(ends, End::Technician, said).await,
                _ = ticks.tick() => self.tick(ends).await,
                _ = broken(self.session.recording.as_ref()) => Err(Reason::RecordingFailed),
                () = self.service.stop.cancelled() => Err(Reason::RelayStopped),
                () = tokio::time::sleep_until(deadline), if !self.is_sealed() => {
                    Err(Reason::NotSealed)
                }
            };
            if let Err(reason) = step {
                return reason;
            }
        }
    }

    fn is_sealed(&self) -> bool {
        self.session.recording.is_none() || self.sealed == [true; 2]
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes does not belong here")]
    async fn heard(
        &mut self,
        ends: &mut Ends<'_>,
        from: End,
        said: Result<Kind, Gone>,
    ) -> Result<(), Reason> {
        let said = said.map_err(|gone| {
            tracing::debug!(session = %self.session.id, ?from, %gone, "an end was lost");
            lost(from)
        })?;
        match said {
            Kind::Seal(seal) => self.seal(ends, from, seal).await,
            Kind::EndSignature(signature) => self.end_signature(from, &signature).await,
            Kind::EndSession(end) => Err(claimed(from, end.reason)),
            // Signals of a newer version's are skipped before they come here.
            _ => Err(lost(from)),
        }
    }

    /// Keeps a seal and answers with the node's receipt. The second one opens the line.
    async fn seal(&mut self, ends: &mut Ends<'_>, from: End, seal: Seal) -> Result<(), Reason> {
        let Some(recording) = &self.session.recording else { return Err(lost(from)) };
        let known = self.sealed.get(slot(from)).copied().unwrap_or(true);
        let key = self.key(from);
        let sound = seal.end == from.to_wire()
            && seal.line == u32::from(MAIN_LINE)
            && seal.age.len() <= MAX_AGE
            && self.session.binding.verify_seal(&key, &seal).is_ok();
        if known || !sound {
            tracing::warn!(session = %self.session.id, ?from, "a seal is not sound");
            return Err(Reason::NotSealed);
        }
        let age_sha256 = Bytes::copy_from_slice(&sha256(&seal.age));
        append(recording, Block::Seal, seal.encode_to_vec()).await?;
        if let Some(sealed) = self.sealed.get_mut(slot(from)) {
            *sealed = true;
        }
        if self.is_sealed() {
            self.session.line.line().open();
        }
        let receipt = Receipt {
            session: Bytes::copy_from_slice(self.session.id.as_bytes()),
            line: seal.line,
            end: seal.end,
            age_sha256,
            time: clock::micros(),
        };
        let receipt =
            signed::sign_message(self.service.relay.node.key(), Context::Receipt, &receipt);
        let talk = match from {
            End::Agent => &mut *ends.agent,
            End::Technician => &mut *ends.technician,
        };
        talk.send(Kind::Receipt(receipt)).await.map_err(|_| lost(from))
    }

    /// Keeps an end's signature over the last checkpoint; a late or second one is dropped.
    async fn end_signature(&mut self, from: End, signed: &EndSignature) -> Result<(), Reason> {
        let key = self.key(from);
        let (Some(recording), Some(last)) = (&self.session.recording, &mut self.last) else {
            return Ok(());
        };
        let Some(seen) = last.signed.get_mut(slot(from)) else { return Ok(()) };
        let sound = signed.end == from.to_wire()
            && signed.checkpoint_sha256.as_ref() == last.note
            && self.session.binding.verify_end(&key, signed).is_ok();
        if *seen || !sound {
            return Ok(());
        }
        *seen = true;
        append(recording, Block::EndSignature, signed.encode_to_vec()).await
    }

    const fn key(&self, end: End) -> PublicKey {
        match end {
            End::Agent => self.session.keys.agent,
            End::Technician => self.session.keys.technician,
        }
    }

    /// Signs the chain where that is due, and tells both ends.
    async fn tick(&mut self, ends: &mut Ends<'_>) -> Result<(), Reason> {
        let Some(recording) = &self.session.recording else { return Ok(()) };
        if !self.is_due(recording) {
            return Ok(());
        }
        let note = checkpoint(self.service, self.session, recording).await.map_err(|error| {
            tracing::error!(session = %self.session.id, %error, "no checkpoint could be written");
            Reason::RecordingFailed
        })?;
        self.last = Some(Last {
            note: note.sha256(),
            state: recording.state(),
            length: recording.length(),
            at: Instant::now(),
            signed: [false; 2],
        });
        let told = Kind::Checkpoint(Signed { note: note.encode() });
        ends.agent.send(told.clone()).await.map_err(|_| lost(End::Agent))?;
        ends.technician.send(told).await.map_err(|_| lost(End::Technician))
    }

    fn is_due(&self, recording: &Recording) -> bool {
        let Some(last) = &self.last else { return self.is_sealed() };
        let grown = recording.length().saturating_sub(last.length);
        // The ends' two signatures over the last one are no reason for another.
        let news = recording.state().seq() > last.state.seq() + 2;
        grown >= CHECKPOINT_BYTES || (news && last.at.elapsed() >= CHECKPOINT_TIME)
    }
}

/// An end may say that it ends the session, not that somebody else did.
fn claimed(from: End, reason: i32) -> Reason {
    match (from, Reason::try_from(reason)) {
        (End::Agent, Ok(Reason::UserRefused)) => Reason::UserRefused,
        (_, Ok(Reason::NotSealed)) => Reason::NotSealed,
        (End::Agent, _) => Reason::UserEnded,
        (End::Technician, _) => Reason::TechnicianEnded,
    }
}

async fn broken(recording: Option<&Arc<Recording>>) -> Broken {
    match recording {
        Some(recording) => recording.broken().await,
        None => std::future::pending().await,
    }
}

async fn append(recording: &Arc<Recording>, kind: Block, body: Vec<u8>) -> Result<(), Reason> {
    match recording.append(kind, MAIN_LINE, body).await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(%error, "a block cannot be written");
            Err(Reason::RecordingFailed)
        }
    }
}

/// Signs the chain as it stands and writes the note behind it.
pub(super) async fn checkpoint(
    service: &Service,
    session: &Session,
    recording: &Arc<Recording>,
) -> Result<Note, RecordError> {
    let (id, key) = (session.id, service.relay.node.key().clone());
    let make = move |state: &State, time_us| {
        let seq = state.seq().saturating_sub(1);
        let checkpoint = Checkpoint { session: id, seq, hash: *state.hash(), time_us };
        let note = checkpoint.sign(&key);
        (note.encode().into_bytes(), note)
    };
    let (_, note) = recording.append_with(Block::Checkpoint, MAIN_LINE, make).await?;
    Ok(note)
}
