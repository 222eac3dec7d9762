//! A session closes: nothing is forwarded any more, the chain is signed by the node and by each end
//! that is there, and both are told why. One that is away learns it when it comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::recording::{Closer, Kind as Block};
use deskside_protocol::session::{End, Ends, SessionId};
use deskside_protocol::wire::record::{Close, Closing, Event, Reason, event};
use deskside_protocol::wire::signal::{CloseProposal, Closed, signal::Kind};
use prost::Message as _;

use super::evidence;
use super::line::FIRST_LINE;
use super::live::Live;
use super::terms::Session;
use crate::desk::DESK;
use crate::recorder::{RecordError, Recording};
use crate::service::Service;
use crate::sessions::Visit;
use crate::store::{SessionEnd, SessionRow};
use crate::talk::Talk;
use crate::{chain, clock};

/// An end has this long to sign the closing.
const SIGNING: Duration = Duration::from_secs(3);

/// The last signal of a session.
pub(super) fn closed(reason: i32, hash: Option<[u8; 32]>) -> Kind {
    let recording_hash = hash.map(|hash| Bytes::copy_from_slice(&hash)).unwrap_or_default();
    Kind::Closed(Closed { reason, recording_hash })
}

/// Closes recording and session, and tells both ends.
pub(super) async fn close(live: Live, reason: Reason) {
    let Live { session, mut talks, mut line, recorded, .. } = live;
    line.disconnect();
    finish(session, &mut talks, recorded, reason).await;
}

/// As [`close`], of a session that has no line.
pub(super) async fn finish(
    session: Session,
    talks: &mut Ends<Option<Talk>>,
    recorded: bool,
    reason: Reason,
) {
    let id = session.id();
    let hash = match session.recording.as_ref().filter(|_| recorded) {
        Some(recording) => match seal_off(&session, talks, recording, reason).await {
            Ok(hash) => Some(hash),
            Err(error) => {
                tracing::error!(session = %id, error = chain(&error), "a recording could not be closed");
                None
            }
        },
        None => None,
    };
    let bytes = session.recording.as_ref().map_or(0, |recording| recording.length());
    write_down(&session.service, id, reason, bytes, hash).await;
    let last = closed(reason as i32, hash);
    // Whoever came back meanwhile is told too; the next one finds it in the database.
    let Session { place, stay, .. } = session;
    let Ends { agent, technician } = place.door().shut();
    drop(place);
    tokio::join!(
        say_last(talks.agent.as_mut(), &last),
        say_last(talks.technician.as_mut(), &last),
        say_last_to(agent, &last),
        say_last_to(technician, &last),
    );
    // The leg of a technician who has to go is closed behind his last word.
    drop(stay);
}

/// Writes down that a session has ended.
pub(super) async fn write_down(
    service: &Service,
    session: SessionId,
    reason: Reason,
    bytes: u64,
    hash: Option<[u8; 32]>,
) {
    let end = SessionEnd { closed_at: clock::seconds(), reason: reason as i32, bytes, hash };
    let stored = service.relay.node.store().close_session(session.as_bytes(), end).await;
    match stored {
        // Behind the database, and once: what a kill or the disk leaves out here, the next start
        // writes from there.
        Ok(true) => {
            if let Err(error) = service.relay.book.close(session, hash, reason as i32).await {
                tracing::error!(%session, error = chain(&error), "the end of a session is not in the log");
            }
        }
        Ok(false) => {}
        Err(error) => {
            tracing::error!(%session, error = chain(&error), "the end of a session cannot be written down");
        }
    }
    service.relay.archive.ended();
    tracing::info!(%session, ?reason, bytes, "a session ended");
    if reason == Reason::NotAsked {
        // Rare and large: an idle session does not carry it.
        Box::pin(report_not_asked(service, session)).await;
    }
}

/// The user says that he did not ask for this: a technician who calls people up, or one whose key
/// somebody else has. His organisation finds it in the log, in the metrics and on the ticket.
async fn report_not_asked(service: &Service, session: SessionId) {
    let node = &service.relay.node;
    service.relay.metrics.not_asked_for();
    let row = match node.store().session(session.as_bytes()).await {
        Ok(Some(row)) => row,
        Ok(None) => return,
        Err(error) => {
            tracing::error!(%session, error = chain(&error), "a report of a user's is not on its ticket");
            return;
        }
    };
    let SessionRow { ticket, technician, .. } = row;
    tracing::warn!(%session, technician, ticket, "the user says that he did not ask for this session");
    let text = format!(
        "The user says that he did not ask for help, and ended session {session} of {technician}. \
         Please find out who called whom."
    );
    let noted = node.desk().note(&ticket, DESK, &text, false, clock::seconds()).await;
    if let Err(error) = noted {
        tracing::error!(%session, error = chain(&error), "a report of a user's is not on its ticket");
    }
}

async fn say_last(talk: Option<&mut Talk>, last: &Kind) {
    if let Some(talk) = talk {
        talk.say_last(last.clone()).await;
    }
}

/// The last word to an end that stands at the door.
pub(super) async fn say_last_to(visit: Option<Box<Visit>>, last: &Kind) {
    if let Some(mut visit) = visit {
        visit.talk.say_last(last.clone()).await;
    }
}

/// The last checkpoint, the signatures, the CLOSE. Gives the hash of its block.
async fn seal_off(
    session: &Session,
    talks: &mut Ends<Option<Talk>>,
    recording: &Arc<Recording>,
    reason: Reason,
) -> Result<[u8; 32], RecordError> {
    note_losses(recording).await?;
    // Behind every batch that waited: nothing is recorded after it but the CLOSE.
    evidence::checkpoint(session, recording).await?;
    let (state, time) = (recording.state(), clock::micros());
    let closing = Closing {
        session: Bytes::copy_from_slice(session.id().as_bytes()),
        reason: reason as i32,
        totals: Some(recording.totals()),
        seq: state.seq(),
        previous: Bytes::copy_from_slice(state.hash()),
        time,
    }
    .encode_to_vec();
    let node_signature = session.binding.close(&session.node_key, Closer::Node, &closing);
    let proposal = CloseProposal {
        closing: closing.clone().into(),
        node_signature: Bytes::copy_from_slice(&node_signature),
    };
    let sign = |end| Signer { end, session, proposal: &proposal };
    let (by_agent, by_technician) = (sign(End::Agent), sign(End::Technician));
    let (agent_signature, technician_signature) = tokio::join!(
        by_agent.ask(talks.agent.as_mut()),
        by_technician.ask(talks.technician.as_mut())
    );
    let close = Close {
        closing: closing.into(),
        node_signature: proposal.node_signature.clone(),
        agent_signature,
        technician_signature,
    };
    let state = recording.append_at(Block::Close, FIRST_LINE, time, close.encode_to_vec()).await?;
    Ok(*state.hash())
}

async fn note_losses(recording: &Arc<Recording>) -> Result<(), RecordError> {
    let count = recording.totals().packets_dropped;
    if count > 0 {
        let event = Event { kind: event::Kind::Dropped as i32, count, ..Event::default() };
        recording.append(Block::Event, FIRST_LINE, event.encode_to_vec()).await?;
    }
    Ok(())
}

/// One end that is asked to sign.
struct Signer<'a> {
    end: End,
    session: &'a Session,
    proposal: &'a CloseProposal,
}

impl Signer<'_> {
    /// The end's signature; empty where it is not there, is slow, or signs something else.
    async fn ask(&self, talk: Option<&mut Talk>) -> Bytes {
        let signed = match talk {
            Some(talk) => tokio::time::timeout(SIGNING, self.exchange(talk)).await.ok().flatten(),
            None => None,
        };
        signed.unwrap_or_else(|| {
            tracing::info!(session = %self.session.id(), end = ?self.end, "an end did not sign the closing");
            Bytes::new()
        })
    }

    async fn exchange(&self, talk: &mut Talk) -> Option<Bytes> {
        talk.send(Kind::CloseProposal(self.proposal.clone())).await.ok()?;
        loop {
            // What was on its way before, a seal or a signature over a checkpoint, is late.
            if let Kind::CloseSignature(signed) = talk.receive().await.ok()? {
                let closer = Closer::End(self.end);
                let closing = &self.proposal.closing;
                let verified = self.session.binding.verify_close(
                    &self.session.key(self.end),
                    closer,
                    closing,
                    &signed.signature,
                );
                return verified.is_ok().then_some(signed.signature);
            }
        }
    }
}
