//! A session closes: nothing is forwarded any more, the chain is signed by the node and by each end
//! that can be reached, and both are told why.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskside_protocol::key::PublicKey;
use deskside_protocol::recording::{Closer, Kind as Block};
use deskside_protocol::session::End;
use deskside_protocol::wire::record::{Close, Closing, Event, Reason, event};
use deskside_protocol::wire::signal::{CloseProposal, signal::Kind};
use prost::Message as _;

use super::opening::{MAIN_LINE, Session};
use super::{Ends, closed, live};
use crate::recorder::{RecordError, Recording};
use crate::service::Service;
use crate::store::SessionEnd;
use crate::talk::Talk;
use crate::{chain, clock};

/// An end has this long to sign the closing.
const SIGNING: Duration = Duration::from_secs(3);

/// Closes recording and session, and tells both ends.
pub(super) async fn close(service: &Service, ends: Ends<'_>, session: Session, reason: Reason) {
    let Ends { agent, technician } = ends;
    let mut both = Ends { agent, technician };
    let finished = finish(service, &mut both, session, reason).await;
    let end = SessionEnd {
        closed_at: clock::seconds(),
        reason: reason as i32,
        bytes: finished.bytes,
        hash: finished.hash,
    };
    let stored = service.relay.node.store().close_session(finished.id.as_bytes(), &end).await;
    if let Err(error) = stored {
        tracing::error!(error = chain(&error), "the end of a session cannot be written down");
    }
    tracing::info!(session = %finished.id, ?reason, bytes = finished.bytes, "a session ended");
    let last = closed(reason, finished.hash);
    tokio::join!(both.agent.say_last(last.clone()), both.technician.say_last(last));
}

/// What is left of a session.
struct Finished {
    id: deskside_protocol::session::SessionId,
    bytes: u64,
    hash: Option<[u8; 32]>,
}

async fn finish(
    service: &Service,
    ends: &mut Ends<'_>,
    session: Session,
    reason: Reason,
) -> Finished {
    let id = session.id;
    let Some(recording) = session.recording.clone() else {
        return Finished { id, bytes: 0, hash: None };
    };
    let hash = match seal_off(service, ends, session, &recording, reason).await {
        Ok(hash) => Some(hash),
        Err(error) => {
            tracing::error!(session = %id, error = chain(&error), "a recording could not be closed");
            None
        }
    };
    Finished { id, bytes: recording.length(), hash }
}

/// The last checkpoint, the signatures, the CLOSE. Gives the hash of its block.
async fn seal_off(
    service: &Service,
    ends: &mut Ends<'_>,
    mut session: Session,
    recording: &Arc<Recording>,
    reason: Reason,
) -> Result<[u8; 32], RecordError> {
    session.line.disconnect();
    note_losses(recording).await?;
    // Behind every batch that waited: nothing is recorded after it but the CLOSE.
    live::checkpoint(service, &session, recording).await?;
    let (state, time) = (recording.state(), clock::micros());
    let closing = Closing {
        session: Bytes::copy_from_slice(session.id.as_bytes()),
        reason: reason as i32,
        totals: Some(recording.totals()),
        seq: state.seq(),
        previous: Bytes::copy_from_slice(state.hash()),
        time,
    }
    .encode_to_vec();
    let binding = &session.binding;
    let node_signature = binding.close(service.relay.node.key(), Closer::Node, &closing);
    let proposal = CloseProposal {
        closing: closing.clone().into(),
        node_signature: Bytes::copy_from_slice(&node_signature),
    };
    let sign = |end, key| Signer { end, key, session: &session, proposal: &proposal };
    let (by_agent, by_technician) =
        (sign(End::Agent, session.keys.agent), sign(End::Technician, session.keys.technician));
    let (agent_signature, technician_signature) =
        tokio::join!(by_agent.ask(ends.agent), by_technician.ask(ends.technician));
    let close = Close {
        closing: closing.into(),
        node_signature: proposal.node_signature.clone(),
        agent_signature,
        technician_signature,
    };
    let state = recording.append_at(Block::Close, MAIN_LINE, time, close.encode_to_vec()).await?;
    Ok(*state.hash())
}

async fn note_losses(recording: &Arc<Recording>) -> Result<(), RecordError> {
    let count = recording.totals().packets_dropped;
    if count > 0 {
        let event = Event { kind: event::Kind::Dropped as i32, count, ..Event::default() };
        recording.append(Block::Event, MAIN_LINE, event.encode_to_vec()).await?;
    }
    Ok(())
}

/// One end that is asked to sign.
struct Signer<'a> {
    end: End,
    key: PublicKey,
    session: &'a Session,
    proposal: &'a CloseProposal,
}

impl Signer<'_> {
    /// The end's signature; empty where it cannot be reached, is slow, or signs something else.
    async fn ask(&self, talk: &mut Talk) -> Bytes {
        match tokio::time::timeout(SIGNING, self.exchange(talk)).await {
            Ok(Some(signature)) => signature,
            Ok(None) | Err(_) => {
                tracing::info!(session = %self.session.id, end = ?self.end, "an end did not sign the closing");
                Bytes::new()
            }
        }
    }

    async fn exchange(&self, talk: &mut Talk) -> Option<Bytes> {
        talk.send(Kind::CloseProposal(self.proposal.clone())).await.ok()?;
        loop {
            // What was on its way before, a seal or a signature over a checkpoint, is late.
            if let Kind::CloseSignature(signed) = talk.receive().await.ok()? {
                let closer = Closer::End(self.end);
                let closing = &self.proposal.closing;
                let verified = self.session.binding.verify_close(
                    &self.key,
                    closer,
                    closing,
                    &signed.signature,
                );
                return verified.is_ok().then_some(signed.signature);
            }
        }
    }
}
