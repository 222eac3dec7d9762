//! Handing a recording to an auditor: the reason is written down before the first byte leaves.

use deskside_protocol::log::leaf::Access;
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{RecordingFetch, RecordingFollows, Refused, signal::Kind};

use crate::archive::{Fault, Reading};
use crate::chain;
use crate::log::book::Because;
use crate::service::Service;
use crate::store::Technician;
use crate::talk::{Gone, Talk, trouble};

/// The longest reason, in bytes.
const MAX_REASON: usize = 1024;

/// Sends one finished recording.
pub(super) async fn serve(
    service: &Service,
    mut talk: Talk,
    who: Technician,
    fetch: RecordingFetch,
) {
    let reading = match open(service, &who, &fetch).await {
        Ok(reading) => reading,
        Err(refused) => return talk.refuse_with(refused).await,
    };
    if let Err(gone) = send(&mut talk, reading).await {
        tracing::debug!(%gone, "a download broke off");
    }
}

async fn open<'a>(
    service: &'a Service,
    who: &Technician,
    fetch: &RecordingFetch,
) -> Result<Reading<'a>, Refused> {
    let reason = reason(&fetch.reason)?;
    let refuse = |code: Code, text: &str| Refused { code: code as i32, text: text.to_owned() };
    let kind = Access::from_wire(fetch.kind.max(1));
    let unknown = || refuse(Code::BadRequest, "the relay is too old for what this is asked for");
    let kind = kind.ok_or_else(unknown)?;
    let missing = || refuse(Code::NotFound, "there is no finished recording of that session");
    let session: [u8; 16] = fetch.session.as_ref().try_into().map_err(|_| missing())?;
    let node = &service.relay.node;
    let row = node.store().session(&session).await.map_err(|error| trouble(&error))?;
    let row = row.filter(|row| row.closed_at.is_some() && !row.recording.is_empty());
    let row = row.ok_or_else(missing)?;
    let because = Because { login: &who.login, reason };
    let id = SessionId::from_bytes(session);
    let logged = service.relay.book.access(node.store(), id, kind, because).await;
    logged.map_err(|error| trouble(&error))?;
    service.relay.archive.read(&row).await.map_err(|fault| {
        // Two that are nobody's fault and need nobody to look at a log.
        if matches!(fault, Fault::Busy) {
            refuse(Code::Busy, &fault.to_string())
        } else if matches!(fault, Fault::Shredding) {
            refuse(Code::NotFound, &fault.to_string())
        } else {
            trouble(&fault)
        }
    })
}

/// Why somebody wants something, as it is written down.
pub(super) fn reason(said: &str) -> Result<&str, Refused> {
    let reason = said.trim();
    if (1..=MAX_REASON).contains(&reason.len()) {
        return Ok(reason);
    }
    let text = "this needs a reason of at most 1024 bytes".to_owned();
    Err(Refused { code: Code::BadRequest as i32, text })
}

async fn send(talk: &mut Talk, mut reading: Reading<'_>) -> Result<(), Gone> {
    talk.send(Kind::RecordingFollows(RecordingFollows { bytes: reading.length() })).await?;
    loop {
        match reading.next().await {
            Ok(Some(piece)) => talk.send_raw(piece).await?,
            Ok(None) => break,
            Err(fault) => {
                tracing::error!(error = chain(&fault), "a recording cannot be read");
                return Err(Gone::Left);
            }
        }
    }
    talk.finish().await;
    Ok(())
}
