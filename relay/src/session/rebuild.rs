//! After a crash: the sessions that a relay did not close go on, each as soon as its recording was
//! walked. Its ends may come back at once; they wait at the door meanwhile.

use std::sync::Arc;
use std::time::Duration;

use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::label::Label;
use deskside_protocol::policy::{FileBodies, Policy, PolicyError, Recording as Rule};
use deskside_protocol::recording::{Binding, Kind as Block};
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::wire::record::{Event, Reason, event};
use prost::Message as _;
use thiserror::Error;
use tokio::sync::Semaphore;

use super::line::{Beginning, Current, FIRST_LINE};
use super::live::Live;
use super::presence::Presence;
use super::terms::{Bounds, Session};
use super::{closing, opening};
use crate::chain;
use crate::recorder::{RecordError, Recording, ResumeError, Resumed};
use crate::rules;
use crate::service::Service;
use crate::sessions::{Door, Registered};
use crate::standing::Tenure;
use crate::store::{Back, LineRow, SessionRow, StoreError, Unfinished};

/// Recordings that are walked at once. Each takes some 10 MiB meanwhile, and a disk is not made
/// faster by more.
const MAX_WALKS: usize = 4;

/// A session that cannot go on.
#[derive(Debug, Error)]
enum RebuildError {
    /// Nothing is wrong with it: the next start tries again.
    #[error("the relay is ending")]
    Ending,
    #[error(transparent)]
    Resume(#[from] ResumeError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("the recording is another session's")]
    AnotherSession,
    #[error("the node key that it was recorded under is gone")]
    NoKey,
}

/// A session that waits to be rebuilt. Its ends find it already.
pub(crate) struct Rebuild {
    service: Arc<Service>,
    place: Registered,
    row: SessionRow,
    back: Back,
    stay: Tenure,
    /// Of its last line.
    number: u16,
    labels: Ends<Label>,
    walks: Arc<Semaphore>,
}

/// Registers every session that was not closed. One of a version that had no way back is closed.
pub(crate) async fn unfinished(service: &Arc<Service>) -> Result<Vec<Rebuild>, StoreError> {
    let walks = Arc::new(Semaphore::new(MAX_WALKS));
    let mut rebuilds = Vec::new();
    let store = service.relay.node.store();
    for Unfinished { row, back, serial } in store.unfinished_sessions().await? {
        let who = store.technician_of(serial.unwrap_or_default()).await?;

        let session = SessionId::from_bytes(row.session);
        let whole = back.and_then(|(back, line)| Some((back, line, read_labels(&line)?, who?)));
        match whole {
            Some((back, line, labels, who)) => {
                let stay = service.standing.stay(&who);
                let keys = Ends {
                    agent: PublicKey::from_bytes(back.keys.agent),
                    technician: PublicKey::from_bytes(back.keys.technician),
                };
                let place =
                    service.sessions.register(back.tokens, Door::new(session, keys, labels));
                let (service, walks) = (service.clone(), walks.clone());
                let number = line.number;
                rebuilds.push(Rebuild { service, place, row, back, stay, number, labels, walks });
            }
            None => {
                let bytes = size(service, &row).await;
                closing::write_down(service, session, Reason::RelayStopped, bytes, None).await;
            }
        }
    }
    Ok(rebuilds)
}

fn read_labels(line: &LineRow) -> Option<Ends<Label>> {
    Some(Ends {
        agent: Label::from_bytes(&line.labels.agent)?,
        technician: Label::from_bytes(&line.labels.technician)?,
    })
}

/// Bytes of a session's file, where it has one.
async fn size(service: &Service, row: &SessionRow) -> u64 {
    if row.recording.is_empty() {
        return 0;
    }
    let file = service.relay.node.places().recordings.join(&row.recording);
    match tokio::fs::metadata(&file).await {
        Ok(found) => found.len(),
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "a recording is missing");
            0
        }
    }
}

/// As a best-effort policy wants it.
fn unrecorded(session: SessionId, error: &(dyn std::error::Error + 'static)) -> Found {
    tracing::error!(%session, error = chain(error), "a session goes on unrecorded");
    Found::Goes { signed: None, line: Line::GoesOn }
}

/// A recording, and the node key that signs it.
type Signed = (Arc<Recording>, SigningKey);

/// What is left of a session.
enum Found {
    /// It goes on, with or without a recording.
    Goes { signed: Option<Signed>, line: Line },
    /// Its recording had its last block before the relay was stopped.
    Closed { hash: [u8; 32], reason: i32, bytes: u64 },
    /// Nothing but a handshake had passed: there is nothing to come back to.
    Unsealed(Signed),
    /// Not even that.
    Nothing,
}

/// Whether the last line goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    GoesOn,
    /// It was not sealed by both ends.
    Afresh,
}

impl Rebuild {
    /// Goes on with the session until it ends.
    pub(crate) async fn run(self) {
        // Large, and soon over.
        if let Some(live) = Box::pin(self.rebuilt()).await {
            Box::new(live).run().await;
        }
    }

    /// The session as it was, both ends away; `None` where it has ended.
    async fn rebuilt(self) -> Option<Live> {
        let session = self.place.door().session();
        let found = async {
            let held = self.held().await?;
            Ok((self.resume(session, held.recording).await?, held))
        };
        match found.await {
            Ok((Found::Goes { signed, line }, held)) => self.go_on(signed, line, &held).await,
            Ok((Found::Closed { hash, reason, bytes }, _)) => {
                let reason = Reason::try_from(reason).unwrap_or(Reason::RelayStopped);
                self.end(reason, bytes, Some(hash)).await;
                None
            }
            Ok((Found::Unsealed(signed), held)) => {
                let session = self.session(Some(signed), &held);
                closing::finish(session, &mut Ends::default(), true, Reason::RelayStopped).await;
                None
            }
            Ok((Found::Nothing, _)) => {
                let bytes = size(&self.service, &self.row).await;
                self.end(Reason::RelayStopped, bytes, None).await;
                None
            }
            Err(RebuildError::Ending) => None,
            Err(error) => {
                tracing::error!(
                    %session, file = self.row.recording, error = chain(&error),
                    "A SESSION CANNOT GO ON. Its recording stays as it is: look at it before it is handed out"
                );
                let bytes = size(&self.service, &self.row).await;
                self.end(Reason::RecordingFailed, bytes, None).await;
                None
            }
        }
    }

    /// The policy in force when the session began.
    async fn held(&self) -> Result<Policy, RebuildError> {
        let node = &self.service.relay.node;
        let stored = node.store().policy_of(self.back.policy).await?;
        let stored = stored.ok_or(StoreError::Value("a session's policy is gone"))?;
        let signed = rules::decode(&stored)?;
        let by = |key: &PublicKey| Policy::open_at_any_time(&signed, key);
        // It may be of the time of an authority key before.
        let former = node.former_organisations();
        Ok(former
            .iter()
            .fold(by(&node.organisation()), |opened, key| opened.or_else(|_| by(key)))?)
    }

    /// Walks the recording, in its turn.
    async fn resume(&self, session: SessionId, rule: Rule) -> Result<Found, RebuildError> {
        if self.row.recording.is_empty() {
            return Ok(Found::Goes { signed: None, line: Line::GoesOn });
        }
        let path = self.service.relay.node.places().recordings.join(&self.row.recording);
        let walk = async {
            let turn = self.walks.acquire().await;
            let resumed = self.service.recorder.resume(&path, rule).await;
            drop(turn);
            resumed
        };
        let resumed = tokio::select! {
            resumed = walk => resumed,
            () = self.service.stop.cancelled() => return Err(RebuildError::Ending),
        };
        match resumed {
            Ok(resumed) => self.judge(session, resumed, rule).await,
            Err(ResumeError::Ended) => Err(RebuildError::Ending),
            Err(ResumeError::NoHeader) => Ok(Found::Nothing),
            Err(error @ (ResumeError::Missing | ResumeError::Disk(_)))
                if rule == Rule::BestEffort =>
            {
                Ok(unrecorded(session, &error))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn judge(
        &self,
        session: SessionId,
        resumed: Resumed,
        rule: Rule,
    ) -> Result<Found, RebuildError> {
        let Resumed { recording, cut, sealed, header, closed, reason } = resumed;
        if header.session.as_ref() != session.as_bytes() {
            return Err(RebuildError::AnotherSession);
        }
        if let Some(hash) = closed {
            return Ok(Found::Closed { hash, reason, bytes: recording.length() });
        }
        let key = self.service.relay.node.key_of(&header.node_key);
        let key = key.ok_or(RebuildError::NoKey)?.clone();
        let both = |number| sealed.get(&number).is_some_and(|by| by.agent && by.technician);
        let detail = format!("cut {cut} bytes");
        let event = Event { kind: event::Kind::Recovered as i32, detail, ..Event::default() };
        match recording.append(Block::Event, FIRST_LINE, event.encode_to_vec()).await {
            Ok(_) => {}
            Err(RecordError::Ended) => return Err(RebuildError::Ending),
            Err(error) if rule == Rule::BestEffort => return Ok(unrecorded(session, &error)),
            Err(error) => return Err(error.into()),
        }
        if !both(FIRST_LINE) {
            return Ok(Found::Unsealed((recording, key)));
        }
        let line = if both(self.number) { Line::GoesOn } else { Line::Afresh };
        Ok(Found::Goes { signed: Some((recording, key)), line })
    }

    fn session(self, signed: Option<Signed>, held: &Policy) -> Session {
        let (recording, key) = signed.unzip();
        // Nothing is signed of a session that is not recorded.
        let node_key = key.unwrap_or_else(|| self.service.relay.node.key().clone());
        let transcript = self.back.transcript;
        let binding = Binding { session: self.place.door().session(), transcript };
        let Self { service, place, stay, .. } = self;
        let best_effort = held.recording == Rule::BestEffort;
        let (bounds, policy) = (Bounds::of(held), held.serial);
        let bodies_apart = held.file_bodies == FileBodies::HashOnly;
        Session {
            service,
            place,
            binding,
            node_key,
            recording,
            best_effort,
            bounds,
            bodies_apart,
            stay,
            policy,
        }
    }

    /// Connects the last line again, with both ends away, or another in its place.
    async fn go_on(self, signed: Option<Signed>, line: Line, held: &Policy) -> Option<Live> {
        let (number, labels) = (self.number, self.labels);
        let was_recorded = !self.row.recording.is_empty();
        let session = self.session(signed, held);
        let recording = session.recording.clone();
        if let Some(recording) = &recording {
            let name = opening::file_name(session.id());
            session.service.relay.archive.follow(session.id(), &name, recording);
        }
        let went_unrecorded = was_recorded && recording.is_none();
        let addresses = Ends::default();
        let bytes_per_second = session.bounds.bytes_per_second;
        let beginning = Beginning { number, labels, addresses, recording, bytes_per_second };
        let current = Current::begin(&session.service.switch, beginning);
        let presence = Presence::rebuilt(opening::grace(held), Duration::ZERO);
        let mut live = Live::new(session, Ends::default(), presence, current);
        live.went_unrecorded = went_unrecorded;
        if went_unrecorded {
            live.session.service.relay.metrics.went_unrecorded();
        }
        match line {
            Line::GoesOn => {
                live.line.go_on();
                live.files_line_goes_on().await;
            }
            Line::Afresh => {
                if let Err(reason) = live.begin_fresh_line(End::Agent).await {
                    closing::close(live, reason).await;
                    return None;
                }
            }
        }
        tracing::info!(session = %live.session.id(), line = live.line.number(), "a session goes on after a restart");
        Some(live)
    }

    /// The session has ended: whoever came back meanwhile is told.
    async fn end(self, reason: Reason, bytes: u64, hash: Option<[u8; 32]>) {
        let door = self.place.door();
        closing::write_down(&self.service, door.session(), reason, bytes, hash).await;
        let last = closing::closed(reason as i32, hash);
        let Ends { agent, technician } = door.shut();
        drop(self);
        tokio::join!(closing::say_last_to(agent, &last), closing::say_last_to(technician, &last));
    }
}
