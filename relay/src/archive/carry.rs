//! What the keeper has others do: send a part of a session that is on, or carry a whole recording over.

use std::io;
use std::sync::{Arc, Weak};

use super::fault::Fault;
use super::remote::{Live, Rest};
use super::upload::{Road, Upload, compare};
use super::{Claim, Remote, marker, settle};
use crate::relay::Relay;
use crate::store::{Place, SessionRow};

/// What came of a job.
pub(super) struct Done {
    pub(super) session: [u8; 16],
    /// Bytes of a whole recording that is archived now; 0 for a part, and where there was nothing to do.
    pub(super) result: Result<u64, Fault>,
    pub(super) live: bool,
}

/// One part of a session that is on.
pub(super) async fn next_part(
    relay: Arc<Relay>,
    session: [u8; 16],
    name: String,
    mut upload: Upload,
    claim: Claim,
) -> Done {
    let Some(remote) = &relay.archive.remote else {
        return Done { session, result: Err(Fault::NoArchive), live: true };
    };
    let file = relay.archive.folder.join(&name);
    let (objects, store) = (&remote.objects, relay.node.store());
    let sent = upload.part(Road { objects, store, recording: &name, file: &file }).await;
    if let Some(live) = remote.live().get_mut(&session) {
        live.upload = Some(upload);
        live.rest = match &sent {
            Ok(()) => Rest::No,
            Err(fault) if fault.is_of_the_archive() => Rest::Round,
            Err(_) => Rest::End,
        };
    }
    drop(claim);
    if sent.is_ok() {
        // Where the session has ended meanwhile its turn was missed.
        remote.bell.notify_one();
    }
    Done { session, result: sent.map(|()| 0), live: true }
}

/// A recording that is finished.
pub(super) async fn whole(
    relay: Arc<Relay>,
    row: SessionRow,
    mut upload: Upload,
    claim: Claim,
) -> Done {
    let session = row.session;
    let result = carry(&relay, &row, &mut upload, &claim).await;
    if result.is_err()
        && upload.is_begun()
        && let Some(remote) = &relay.archive.remote
    {
        let live = Live { upload: Some(upload), ..Live::new(Weak::new(), row.recording) };
        remote.live().insert(session, live);
    }
    drop(claim);
    Done { session, result, live: false }
}

async fn carry(
    relay: &Relay,
    row: &SessionRow,
    upload: &mut Upload,
    claim: &Claim,
) -> Result<u64, Fault> {
    let store = relay.node.store();
    let remote = relay.archive.remote.as_ref().ok_or(Fault::NoArchive)?;
    // Somebody may have had it before.
    let Some(row) = store.session(&row.session).await? else { return Ok(0) };
    if matches!(row.place, Place::Archive | Place::Gone) {
        return Ok(0);
    }
    let file = relay.archive.folder.join(&row.recording);
    let road = Road { objects: &remote.objects, store, recording: &row.recording, file: &file };
    if !tokio::fs::try_exists(&file).await? {
        return without_file(remote, road, &row, claim).await;
    }
    // Of a relay that was killed or had no archive for a while it may be another one than it was.
    let known = if row.place == Place::Both { compare(road).await? } else { None };
    let bytes = match known {
        Some(bytes) => bytes,
        None => {
            if row.shredded_at.is_some() {
                // What was sent before may hold its seals.
                upload.discard(road).await;
            }
            upload.finish(road).await?
        }
    };
    settle(store, &row, &file, claim).await?;
    Ok(bytes)
}

/// It is not in the folder: it went over, and a kill or a database of before forgot that; or somebody
/// removed it, which makes nothing wait where its seals were gone.
async fn without_file(
    remote: &Remote,
    road: Road<'_>,
    row: &SessionRow,
    claim: &Claim,
) -> Result<u64, Fault> {
    marker::check(road.objects, road.store).await?;
    match remote.objects.open(&remote.objects.path(road.recording)).await {
        Ok(object)
            if row.place == Place::Both
                || (row.shredded_at.is_none() && object.length() == row.bytes) =>
        {
            settle(road.store, row, road.file, claim).await?;
            Ok(object.length())
        }
        Err(object_store::Error::NotFound { .. }) if row.shredded => {
            road.store.set_place(&row.session, Place::Gone).await?;
            tracing::warn!(
                recording = road.recording,
                "a recording without seals is neither in the folder nor in the archive: somebody removed it"
            );
            Ok(0)
        }
        Ok(_) | Err(object_store::Error::NotFound { .. }) => {
            Err(io::Error::from(io::ErrorKind::NotFound).into())
        }
        Err(error) => Err(error.into()),
    }
}
