//! One recording on its way into the archive: in parts while the session runs, the rest when it has
//! ended. The object counts when it was read back and is what the folder has; until then the file stays.

use std::path::Path;

use object_store::multipart::PartId;

use super::fault::{Fault, is_connection};
use super::marker;
use super::objects::{MAX_PARTS, Objects, hash_file, piece};
use crate::store::Store;

/// An upload whose parts are refused so often begins anew: not every store says that it has forgotten one.
const MAX_REFUSED: u32 = 2;

/// How far a recording has come. It lives as long as the process: after a kill it begins anew.
#[derive(Debug, Default)]
pub(super) struct Upload {
    id: Option<String>,
    parts: Vec<PartId>,
    /// Bytes that the archive has.
    sent: u64,
    /// How often the next part was refused, by an archive that answers.
    refused: u32,
}

/// What an upload needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Road<'a> {
    pub(super) objects: &'a Objects,
    pub(super) store: &'a Store,
    /// The file's name, in the folder as in the archive.
    pub(super) recording: &'a str,
    pub(super) file: &'a Path,
}

impl Upload {
    /// Whether a whole part of a file of this length is still to be sent.
    pub(super) const fn has_part(&self, length: u64, part: usize) -> bool {
        length.saturating_sub(self.sent) >= part as u64
    }

    /// Whether the archive has anything of it.
    pub(super) const fn is_begun(&self) -> bool {
        self.id.is_some()
    }

    /// Sends the next part, of what is in the file already.
    pub(super) async fn part(&mut self, road: Road<'_>) -> Result<(), Fault> {
        self.next_part(road).await.map(drop)
    }

    /// Sends what is left, and has the object stand and checked.
    pub(super) async fn finish(&mut self, road: Road<'_>) -> Result<u64, Fault> {
        let length = tokio::fs::metadata(road.file).await?.len();
        if length.div_ceil(road.objects.part as u64) > MAX_PARTS as u64 {
            self.discard(road).await;
            return Err(Fault::TooLarge);
        }
        while self.next_part(road).await? > 0 {}
        let id = self.id.take().ok_or(Fault::Empty)?;
        let (path, parts) = (road.objects.path(road.recording), std::mem::take(&mut self.parts));
        self.sent = 0;
        if let Err(error) = road.objects.complete(&path, &id, parts).await {
            abort(road, &id).await;
            return Err(error.into());
        }
        road.store.end_upload(&id).await?;
        compare(road).await?.ok_or(Fault::Differs)
    }

    /// Gives up what was sent.
    pub(super) async fn discard(&mut self, road: Road<'_>) {
        if let Some(id) = std::mem::take(self).id {
            abort(road, &id).await;
        }
    }

    /// Bytes that were sent; 0 at the end of the file.
    async fn next_part(&mut self, road: Road<'_>) -> Result<u64, Fault> {
        if self.parts.len() >= MAX_PARTS {
            return Err(Fault::TooLarge);
        }
        let bytes = piece(road.file.into(), self.sent, road.objects.part as u64).await?;
        let length = bytes.len() as u64;
        if length == 0 {
            return Ok(0);
        }
        let path = road.objects.path(road.recording);
        let id = match &self.id {
            Some(id) => id,
            None => {
                marker::check(road.objects, road.store).await?;
                let id = road.objects.begin(&path).await?;
                if let Err(error) = road.store.begin_upload(&id, road.recording).await {
                    // Nobody would know of it.
                    abort(road, &id).await;
                    return Err(error.into());
                }
                self.id.insert(id)
            }
        };
        match road.objects.put(&path, id, self.parts.len(), bytes).await {
            Ok(part) => self.parts.push(part),
            Err(error) => {
                self.refused += u32::from(!is_connection(&crate::chain(&error)));
                // The archive does not know the upload any more: it begins anew.
                let forgotten = matches!(error, object_store::Error::NotFound { .. });
                if forgotten || self.refused >= MAX_REFUSED {
                    self.discard(road).await;
                }
                return Err(error.into());
            }
        }
        (self.sent, self.refused) = (self.sent + length, 0);
        Ok(length)
    }
}

/// Reads the object of a recording back: its length where it is what the folder has, and stands where
/// it did before. A file that goes is not to be the last copy.
pub(super) async fn compare(road: Road<'_>) -> Result<Option<u64>, Fault> {
    let object = match road.objects.open(&road.objects.path(road.recording)).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        opened => opened?,
    };
    let (length, hash) = hash_file(road.file.into()).await?;
    if object.length() != length || object.hash().await? != hash {
        return Ok(None);
    }
    marker::check(road.objects, road.store).await?;
    Ok(Some(length))
}

/// Where it cannot be aborted now it stays in the database, and a start aborts it.
async fn abort(road: Road<'_>, id: &String) {
    let path = road.objects.path(road.recording);
    let aborted = match road.objects.abort(&path, id).await {
        Ok(()) => road.store.end_upload(id).await.map_err(Fault::from),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = aborted {
        tracing::debug!(error = crate::chain(&error), "an upload is aborted at the next start");
    }
}
