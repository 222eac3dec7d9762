//! The archive: where finished recordings go when they are not to stay in the relay's folder, an
//! object store or a folder elsewhere.
//!
//! A session writes to the folder as ever and knows nothing of this room. The keeper looks at what was
//! written and carries it over, in parts while a session runs, so that little is left when it ends. An
//! archive that is slow, full or away makes recordings wait in the folder and does nothing else. A file
//! leaves the folder only after its object was read back and is the same. Without `--archive` the
//! folder is the archive, and nothing is copied.

mod address;
mod carry;
mod claims;
mod credentials;
mod fault;
mod folder;
mod keeper;
mod marker;
mod objects;
mod pause;
mod reading;
mod remote;
mod upload;

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deskside_protocol::session::SessionId;

pub use address::{Address, NotAnAddress, Settings, SetupError};
pub(crate) use claims::Claim;
use claims::Claims;
pub use credentials::CredentialsError;
pub use fault::Fault;
pub(crate) use keeper::keep;
pub(crate) use reading::Reading;
use reading::in_folder;
use remote::{Live, Remote};
use upload::{Road, Upload};

use crate::node::Places;
use crate::recorder::Recording;
use crate::store::{Place, SessionRow, Store};

/// Whoever wants a recording while eight others read waits so long for one of them to end.
const QUEUEING: Duration = Duration::from_secs(5);
/// A list does not wait longer for an archive that does not answer.
const LOOKING: Duration = Duration::from_secs(5);

/// Where finished recordings are.
#[derive(Debug)]
pub struct Archive {
    folder: PathBuf,
    claims: Arc<Claims>,
    remote: Option<Remote>,
}

impl Archive {
    /// The way to the archive of these places. Asks nothing of it, so that a relay starts without.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn open(places: &Places) -> Result<Self, SetupError> {
        let folder = places.recordings.clone();
        // Before the two are compared: of a folder that is not there nobody knows which it is.
        crate::keyfile::make_folder(&folder)
            .map_err(|source| SetupError::Recordings { path: folder.clone(), source })?;
        let settings = places.archive.as_ref().filter(|it| !is_folder(&it.address, &folder));
        let objects = settings.map(Settings::open).transpose()?;
        Ok(Self { folder, claims: Arc::default(), remote: objects.map(Remote::new) })
    }

    /// What people call it; `None` where the folder is the archive.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.remote.as_ref().map(|remote| remote.objects.name.as_str())
    }

    /// Puts, gets and deletes a probe object. `None` where the folder is the archive.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and what to do.
    pub async fn probe(&self) -> Option<Result<(), String>> {
        let remote = self.remote.as_ref()?;
        let probed = tokio::time::timeout(keeper::PATIENCE, remote.objects.probe()).await;
        Some(match probed {
            Ok(probed) => probed.map_err(|error| fault::sentence(&remote.objects, &error)),
            Err(_elapsed) => {
                Err(format!("{} does not answer within a minute", remote.objects.name))
            }
        })
    }

    /// A session is being recorded under this name in the folder.
    pub(crate) fn follow(&self, session: SessionId, name: &str, recording: &Arc<Recording>) {
        if let Some(remote) = &self.remote {
            let live = Live::new(Arc::downgrade(recording), name.to_owned());
            remote.live().insert(*session.as_bytes(), live);
        }
    }

    /// A session has ended, and the database has it.
    pub(crate) fn ended(&self) {
        if let Some(remote) = &self.remote {
            remote.bell.notify_one();
        }
    }

    /// A finished recording, wherever it is.
    pub(crate) async fn read(&self, row: &SessionRow) -> Result<Reading<'_>, Fault> {
        if row.place != Place::Archive {
            match in_folder(&self.folder.join(&row.recording)).await {
                // It went over meanwhile. Of one without seals the archive may have another state.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && self.remote.is_some()
                        && row.shredded_at.is_none() => {}
                opened => return Ok(opened?),
            }
        }
        let remote = self.remote.as_ref().ok_or(Fault::NoArchive)?;
        if row.shredded_at.is_some() && !row.shredded {
            // The sweep did not get to its object yet.
            return Err(Fault::Shredding);
        }
        let permit = tokio::time::timeout(QUEUEING, remote.readers.acquire()).await;
        // Never closed.
        let permit = permit.map_err(|_| Fault::Busy)?.map_err(io::Error::other)?;
        let object = remote.objects.open(&remote.objects.path(&row.recording)).await?;
        Ok(Reading::Archive { object: Box::new(object), _permit: Some(permit) })
    }

    /// Which of these recordings are neither in the folder nor in the archive, as far as that is
    /// known: what an archive does not say within 5 s is not missing.
    pub(crate) async fn missing(&self, rows: &[SessionRow]) -> io::Result<Vec<bool>> {
        let folder = self.folder.clone();
        let names: Vec<_> = rows.iter().map(|row| row.recording.clone()).collect();
        // Looking at 500 names takes a disk some milliseconds: not here.
        let looked = move || names.iter().map(|name| !folder.join(name).exists()).collect();
        let mut missing: Vec<bool> = tokio::task::spawn_blocking(looked).await?;
        if let Some(remote) = &self.remote {
            let absent: Vec<_> = rows
                .iter()
                .enumerate()
                .zip(&mut missing)
                .filter_map(|((at, row), missing)| {
                    std::mem::take(missing).then(|| (at, row.recording.clone()))
                })
                .collect();
            let looked = tokio::time::timeout(LOOKING, remote.look(absent, &mut missing)).await;
            if looked.is_err() {
                tracing::warn!("the archive does not say in time which recordings it has");
            }
        }
        Ok(missing)
    }

    /// What is wrong where this may be another archive than before; puts nothing there.
    pub(crate) async fn is_another(&self, store: &Store) -> Option<String> {
        let remote = self.remote.as_ref()?;
        let looked = tokio::time::timeout(LOOKING, marker::look(&remote.objects, store)).await;
        // What else may be wrong the probe says.
        looked
            .ok()?
            .err()
            .filter(|fault| matches!(fault, Fault::Unmarked(_)))
            .map(|it| it.to_string())
    }

    /// Keeps the keeper's hands off a recording.
    pub(crate) async fn claim(&self, row: &SessionRow) -> Claim {
        self.claims.claim(row.session).await
    }

    /// Has a recording in the folder, to be changed there: whatever the archive has of it is out of
    /// date from here on. Hold its claim. Where the file is not there it is copied from the archive,
    /// wherever the database thinks it is; where that has none either it is a [`Fault`], since it may
    /// be away, or another archive, and what is sealed in it would stay for good.
    pub(crate) async fn bring_back(&self, store: &Store, row: &SessionRow) -> Result<(), Fault> {
        let file = self.folder.join(&row.recording);
        let is_there = tokio::fs::try_exists(&file).await?;
        let Some(remote) = &self.remote else {
            let is_elsewhere = !is_there && row.place != Place::Folder;
            return if is_elsewhere { Err(Fault::NoArchive) } else { Ok(()) };
        };
        if !is_there {
            let object = remote.objects.open(&remote.objects.path(&row.recording)).await?;
            let mut reading = Reading::Archive { object: Box::new(object), _permit: None };
            let fresh = file.with_extension("fetching");
            let copied = reading.copy_to(&fresh).await;
            if let Err(error) = copied {
                drop(tokio::fs::remove_file(&fresh).await);
                return Err(error);
            }
            let folder = self.folder.clone();
            let rename = move || {
                std::fs::rename(&fresh, &file)?;
                sync_folder(&folder)
            };
            tokio::task::spawn_blocking(rename).await.map_err(io::Error::other)??;
        }
        if row.place != Place::Folder {
            store.set_place(&row.session, Place::Folder).await?;
        }
        Ok(())
    }

    /// Writes the object of a recording that was changed in the folder, at once.
    pub(crate) async fn write_anew(
        &self,
        store: &Store,
        row: &SessionRow,
        claim: &Claim,
    ) -> Result<(), Fault> {
        let Some(remote) = &self.remote else {
            // What an archive of before has of it has its seals.
            return if row.place == Place::Folder { Ok(()) } else { Err(Fault::NoArchive) };
        };
        // What was sent before is of the recording as it was.
        let mut before = remote.forget(&row.session);
        let file = self.folder.join(&row.recording);
        let road = Road { objects: &remote.objects, store, recording: &row.recording, file: &file };
        before.discard(road).await;
        Upload::default().finish(road).await?;
        settle(store, row, &file, claim).await
    }
}

/// The object stands: the file can go.
async fn settle(store: &Store, row: &SessionRow, file: &Path, claim: &Claim) -> Result<(), Fault> {
    store.set_place(&row.session, Place::Both).await?;
    let (file, claim) = (file.to_owned(), claim.clone());
    let remove = move || {
        // Where nobody waits for this any more the file goes all the same, and until then the recording
        // is nobody else's.
        let _claim = claim;
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => file.parent().map_or(Ok(()), sync_folder),
        }
    };
    tokio::task::spawn_blocking(remove).await.map_err(io::Error::other)??;
    Ok(store.set_place(&row.session, Place::Archive).await?)
}

/// Names in a folder are on the disk when this returns.
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Whether the archive is the folder itself, however it is written and whatever leads there. Both are
/// compared as they are on the disk; an archive's folder that is not there yet is another one.
fn is_folder(address: &Address, folder: &Path) -> bool {
    let Address::Folder(path) = address else { return false };
    let known = |path: &Path| path.metadata().map(|about| (about.dev(), about.ino())).ok();
    known(path).is_some_and(|archive| known(folder) == Some(archive))
}

#[cfg(test)]
mod tests;
