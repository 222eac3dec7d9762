//! Handing a recording to an auditor: the reason is written down before the first byte leaves.

use std::io;
use std::path::Path;

use bytes::Bytes;
use deskside_protocol::log::leaf::Access;
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{RecordingFetch, RecordingFollows, Refused, signal::Kind};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::log::book::Because;
use crate::service::Service;
use crate::store::Technician;
use crate::talk::{Gone, Talk, trouble};

/// Bytes of one read and one write.
const PIECE: usize = 64 * 1024;
/// The longest reason, in bytes.
const MAX_REASON: usize = 1024;

/// Sends one finished recording.
pub(super) async fn serve(
    service: &Service,
    mut talk: Talk,
    who: Technician,
    fetch: RecordingFetch,
) {
    let (file, length) = match open(service, &who, &fetch).await {
        Ok(opened) => opened,
        Err(refused) => return talk.refuse_with(refused).await,
    };
    if let Err(gone) = send(&mut talk, file, length).await {
        tracing::debug!(%gone, "a download broke off");
    }
}

async fn open(
    service: &Service,
    who: &Technician,
    fetch: &RecordingFetch,
) -> Result<(File, u64), Refused> {
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
    let path = node.places().recordings.join(&row.recording);
    opened(&path).await.map_err(|error| trouble(&error))
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

async fn opened(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path).await?;
    let length = file.metadata().await?.len();
    Ok((file, length))
}

async fn send(talk: &mut Talk, file: File, length: u64) -> Result<(), Gone> {
    talk.send(Kind::RecordingFollows(RecordingFollows { bytes: length })).await?;
    let mut file = file.take(length);
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        match (&mut file).take(PIECE as u64).read_to_end(&mut piece).await {
            Ok(0) => break,
            Ok(_) => talk.send_raw(Bytes::from(piece)).await?,
            Err(error) => {
                tracing::error!(%error, "a recording cannot be read");
                return Err(Gone::Left);
            }
        }
    }
    talk.finish().await;
    Ok(())
}
