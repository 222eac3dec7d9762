//! A session, from the moment a technician stands at an agent's code to the closing of its
//! recording.
//!
//! It runs in the task of the agent's stream and owns both streams: pairing passes through, then
//! the line is opened once both seals are on disk, then the relay watches and signs checkpoints,
//! then it closes. Each phase is a file.

mod closing;
mod live;
mod opening;
mod pairing;

use deskside_protocol::wire::record::Reason;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Closed, Park, signal::Kind};

use crate::clock;
use crate::hall::{Handle, SPENT, Visitor};
use crate::lobby::Slot;
use crate::node::Node;
use crate::service::Service;
use crate::store::{SessionEnd, StoreError};
use crate::talk::{Gone, Talk, trouble};

/// What became of a technician's visit.
pub(crate) enum Outcome {
    /// Nothing was offered to the agent: its code is as good as before.
    Unused(Handle),
    /// The code is spent, whatever came of it.
    Ended,
}

/// Both ends of a session.
struct Ends<'a> {
    agent: &'a mut Talk,
    technician: &'a mut Talk,
}

/// Lets a technician and an agent meet.
pub(crate) async fn host(
    service: &Service,
    agent: &mut Talk,
    park: &mut Park,
    slot: Slot,
    mut visitor: Visitor,
) -> Outcome {
    if let Err(gone) = pairing::renew(service, agent, park).await {
        tracing::debug!(%gone, "an agent did not follow a change of policy");
        visitor.talk.refuse(Code::CodeSpent, SPENT).await;
        return Outcome::Ended;
    }
    let ends = Ends { agent, technician: &mut visitor.talk };
    let joined = pairing::Joining { park, subject: &visitor.summary.subject, slot };
    let pairing = match joined.run(service, ends).await {
        Ok(pairing) => pairing,
        Err(pairing::Failed::Unused) => return Outcome::Unused(visitor.handle),
        Err(pairing::Failed::Spent(gone)) => {
            tracing::debug!(%gone, "a pairing failed");
            return Outcome::Ended;
        }
    };
    service.relay.metrics.session_began();
    let about = opening::About {
        pairing: &pairing,
        ticket: &visitor.ticket,
        technician: &visitor.who.login,
        nameplate: slot.nameplate(),
    };
    let mut ends = Ends { agent, technician: &mut visitor.talk };
    match opening::open(service, &mut ends, &about).await {
        Ok(session) => {
            let reason = live::run(service, &mut ends, &session).await;
            closing::close(service, ends, session, reason).await;
        }
        Err(error) => fail(ends, &error).await,
    }
    service.relay.metrics.session_ended();
    Outcome::Ended
}

/// The session could not begin: both ends are told.
async fn fail(ends: Ends<'_>, error: &opening::OpeningError) {
    let refused = trouble(error);
    let told = Kind::Refused(refused);
    tokio::join!(ends.agent.say_last(told.clone()), ends.technician.say_last(told));
}

/// Sessions that a crash left behind did not survive it. Their recordings stay as they are: `verify`
/// says that their tail is unproven.
pub(crate) async fn forget_unfinished(node: &Node) -> Result<(), StoreError> {
    for row in node.store().unfinished_sessions().await? {
        let file = node.places().recordings.join(&row.recording);
        let bytes = match std::fs::metadata(&file) {
            Ok(file) => {
                if row.recording.is_empty() {
                    0
                } else {
                    file.len()
                }
            }
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "a recording is missing");
                0
            }
        };
        let closed_at = clock::seconds();
        let end = SessionEnd { closed_at, reason: Reason::RelayStopped as i32, bytes, hash: None };
        node.store().close_session(&row.session, &end).await?;
    }
    Ok(())
}

/// The last signal of a session.
fn closed(reason: Reason, hash: Option<[u8; 32]>) -> Kind {
    let recording_hash = hash.map(|hash| hash.to_vec().into()).unwrap_or_default();
    Kind::Closed(Closed { reason: reason as i32, recording_hash })
}

/// An end said what does not belong here.
async fn misplaced(talk: &mut Talk) -> Gone {
    talk.refuse(Code::BadRequest, "that signal does not belong here: upgrade the older program")
        .await;
    Gone::Unexpected
}
