//! What auditors are told of recordings without a byte of them: which there are, and who had what
//! done with one. Both come in pages.

use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{
    Access, AccessList, Accesses, Recording, RecordingList, Recordings, Refused, signal::Kind,
};

use crate::service::Service;
use crate::store::{AccessRow, Listed, SessionRow};
use crate::talk::trouble;

/// Recordings of one answer.
const MAX_LISTED: u32 = 500;
/// Accesses of one answer: each has a reason of at most 1,024 bytes, and a signal 256 KiB.
const MAX_ACCESSES: u32 = 64;

/// Recordings that fit, the newest first.
pub(super) async fn list(service: &Service, wanted: RecordingList) -> Result<Kind, Refused> {
    let store = service.relay.node.store();
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let (ticket, technician) = (given(wanted.ticket), given(wanted.technician));
    let behind = match wanted.behind.as_ref() {
        [] => None,
        session => Some(known(service, session).await?),
    };
    let listed = Listed {
        ticket: ticket.as_deref(),
        technician: technician.as_deref(),
        // The database counts to 2^63: whatever is later than that is never.
        from: wanted.from.min(i64::MAX.unsigned_abs()),
        to: Some(wanted.to).filter(|to| (1..=i64::MAX.unsigned_abs()).contains(to)),
        behind: behind.as_ref(),
    };
    let rows = store.recordings(listed, MAX_LISTED).await.map_err(|error| trouble(&error))?;
    let missing = service.relay.archive.missing(&rows).await;
    let missing = missing.map_err(|error| trouble(&error))?;
    let recordings = missing.into_iter().zip(rows);
    let recordings = recordings.map(|(missing, row)| recording(missing, row)).collect();
    Ok(Kind::Recordings(Recordings { recordings }))
}

async fn known(service: &Service, session: &[u8]) -> Result<SessionRow, Refused> {
    let text = "there is no recording of that session".to_owned();
    let missing = || Refused { code: Code::NotFound as i32, text };
    let Ok(session) = <[u8; 16]>::try_from(session) else { return Err(missing()) };
    let row = service.relay.node.store().session(&session).await;
    row.map_err(|error| trouble(&error))?.ok_or_else(missing)
}

fn recording(missing: bool, row: SessionRow) -> Recording {
    Recording {
        held: row.held,
        shredded: row.shredded_at.is_some(),
        missing,
        session: row.session.to_vec().into(),
        ticket: row.ticket,
        technician: row.technician,
        opened: row.opened_at,
        closed: row.closed_at.unwrap_or(0),
        bytes: row.bytes,
        hash: row.hash.map(|hash| hash.to_vec().into()).unwrap_or_default(),
    }
}

/// Who had a recording handed out, held or released, and why. Of a session that is not known: nobody.
pub(super) async fn accesses(service: &Service, wanted: AccessList) -> Result<Kind, Refused> {
    let Ok(session) = <[u8; 16]>::try_from(wanted.session.as_ref()) else {
        let text = "a session's id has 16 bytes".to_owned();
        return Err(Refused { code: Code::BadRequest as i32, text });
    };
    let behind = wanted.behind.min(i64::MAX.unsigned_abs());
    let rows = service.relay.node.store().accesses(&session, behind, MAX_ACCESSES).await;
    let rows = rows.map_err(|error| trouble(&error))?;
    let accesses = rows.into_iter().map(access).collect();
    Ok(Kind::Accesses(Accesses { accesses }))
}

fn access(row: AccessRow) -> Access {
    Access {
        number: row.number,
        time: row.at,
        kind: row.kind,
        login: row.login,
        reason: row.reason,
        salt: row.salt.map(|salt| salt.to_vec().into()).unwrap_or_default(),
    }
}
