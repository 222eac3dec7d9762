//! A small object that says "this is the archive". Whoever deletes what an archive has as well has to be
//! sure that it is that archive: the folder of a disk that is not mounted takes everything and has
//! nothing, and so does another bucket of the same name.

use object_store::path::Path;
use object_store::{Error, ObjectStoreExt as _, PutPayload};

use super::fault::Fault;
use super::objects::Objects;
use crate::store::Store;

/// What it is called, beside the recordings.
pub(super) const NAME: &str = "deskside-archive";
/// For whoever looks into it.
const BYTES: &[u8] =
    b"Recordings of a Deskside relay are here. It looks for this object: leave it.\n";
/// Under which address it was put last, in the database.
const MARKED: &str = "archive-marked";

fn path(objects: &Objects) -> Path {
    objects.path(NAME)
}

/// Whether it was put under this address once.
async fn was_put(objects: &Objects, store: &Store) -> Result<bool, Fault> {
    Ok(store.setting(MARKED).await?.is_some_and(|name| name == objects.name.as_bytes()))
}

/// Makes sure that this is the archive of before. One that is used for the first time gets its marker.
pub(super) async fn check(objects: &Objects, store: &Store) -> Result<(), Fault> {
    if look(objects, store).await? {
        return Ok(());
    }
    objects.objects.put(&path(objects), PutPayload::from_static(BYTES)).await?;
    Ok(store.set_setting(MARKED, objects.name.as_bytes()).await?)
}

/// As [`check`], and puts nothing: `false` where nothing was put under this address yet.
pub(super) async fn look(objects: &Objects, store: &Store) -> Result<bool, Fault> {
    if !was_put(objects, store).await? {
        return Ok(false);
    }
    match objects.objects.head(&path(objects)).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. }) => Err(Fault::Unmarked(objects.name.clone())),
        Err(error) => Err(error.into()),
    }
}
