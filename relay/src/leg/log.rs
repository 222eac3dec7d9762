//! What is asked of the log of sessions: its head by whoever is enrolled, proofs and tiles by
//! auditors. Making a proof reads files, so all of it happens off the async threads.

use std::sync::Arc;

use bytes::Bytes;
use deskside_protocol::log::evidence::MAX_LEAVES;
use deskside_protocol::log::{SignedHead, TilePath};
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::record::{LogProof, Signed};
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{
    LogHead, LogHeadAsk, LogProofAsk, LogTile, LogTileAsk, RecordingHeld, RecordingHold, Refused,
    signal::Kind,
};

use prost::Message as _;

use super::download::reason;
use crate::log::book::Because;
use crate::log::{Log, LogError};
use crate::service::Service;
use crate::store::Technician;
use crate::talk::trouble;

fn refuse(code: Code, text: &str) -> Refused {
    Refused { code: code as i32, text: text.to_owned() }
}

/// Reads the log where waiting for a disk holds nobody up.
async fn read<T: Send + 'static>(
    service: &Service,
    work: impl FnOnce(&Log, &SignedHead) -> Result<T, LogError> + Send + 'static,
) -> Result<T, Refused> {
    let log = service.relay.book.log().clone();
    let head: Arc<SignedHead> = log.head();
    let done = tokio::task::spawn_blocking(move || work(&log, &head)).await;
    done.map_err(|error| trouble(&error))?.map_err(|error| trouble(&error))
}

pub(super) async fn head(service: &Service, ask: LogHeadAsk) -> Result<Kind, Refused> {
    let answer = read(service, move |log, head| {
        let consistency = log.files().consistency(ask.size, &head.head)?;
        Ok(LogHead { note: head.encode(), consistency })
    });
    answer.await.map(Kind::LogHead)
}

pub(super) async fn proof(service: &Service, ask: LogProofAsk) -> Result<Kind, Refused> {
    let missing = || refuse(Code::NotFound, "the log knows no such session");
    let session: [u8; 16] = ask.session.as_ref().try_into().map_err(|_| missing())?;
    let store = service.relay.node.store();
    service.relay.book.index(store).await.map_err(|error| trouble(&error))?;
    let most = u32::try_from(MAX_LEAVES).unwrap_or(u32::MAX);
    let numbers = store.leaves_of(&session, most).await.map_err(|error| trouble(&error))?;
    let proof = read(service, move |log, head| {
        let mut leaves = Vec::with_capacity(numbers.len());
        for number in numbers {
            leaves.extend(log.files().inclusion(number, &head.head)?);
        }
        Ok(LogProof { head: head.encode(), leaves, note: None })
    });
    let proof = LogProof { note: note(service, &session).await?, ..proof.await? };
    if proof.leaves.is_empty() { Err(missing()) } else { Ok(Kind::LogProof(proof)) }
}

/// The note that the session's technician signed, where its ticket has it.
async fn note(service: &Service, session: &[u8; 16]) -> Result<Option<Signed>, Refused> {
    let kept = service.relay.node.store().session_note(session).await;
    let kept = kept.map_err(|error| trouble(&error))?;
    kept.map(|(_, signed)| Signed::decode(signed.as_slice()).map_err(|error| trouble(&error)))
        .transpose()
}

pub(super) async fn tile(service: &Service, ask: LogTileAsk) -> Result<Kind, Refused> {
    let missing = || refuse(Code::NotFound, "the log has no such tile");
    let path: TilePath = ask.path.parse().map_err(|_| missing())?;
    let content = read(service, move |log, _| log.tile(&path)).await?.ok_or_else(missing)?;
    Ok(Kind::LogTile(LogTile { content: Bytes::from(content) }))
}

/// Has a recording kept beyond its time, or no longer: in the log before it counts, so that nobody
/// is told of a hold that nothing proves.
pub(super) async fn hold(
    service: &Service,
    who: &Technician,
    wish: RecordingHold,
) -> Result<Kind, Refused> {
    let reason = reason(&wish.reason)?;
    let missing = || refuse(Code::NotFound, "there is no recording of that session");
    let session: [u8; 16] = wish.session.as_ref().try_into().map_err(|_| missing())?;
    let (store, held) = (service.relay.node.store(), !wish.release);
    let row = store.session(&session).await.map_err(|error| trouble(&error))?;
    let row = row.filter(|row| !row.recording.is_empty()).ok_or_else(missing)?;
    let text = "it is too late: the seals of that recording are destroyed, nobody can read it";
    let late = || refuse(Code::NotFound, text);
    if row.shredded_at.is_some() {
        return Err(late());
    }
    let id = SessionId::from_bytes(session);
    let because = Because { login: &who.login, reason };
    let booked = service.relay.book.hold(store, id, held, because).await;
    booked.map_err(|error| trouble(&error))?;
    if !store.hold(&session, held).await.map_err(|error| trouble(&error))? {
        return Err(late());
    }
    tracing::warn!(session = %id, held, by = who.login, "a recording's hold was changed");
    Ok(Kind::RecordingHeld(RecordingHeld { held }))
}
