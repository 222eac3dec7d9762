//! The archive: where finished recordings go when they are not to stay in the relay's folder, an
//! object store or a folder elsewhere.
//!
//! A session writes to the folder as ever and knows nothing of this room. The keeper looks at what was
//! written and carries it over, in parts while a session runs, so that little is left when it ends. An
//! archive that is slow, full or away makes recordings wait in the folder and does nothing else. A file
//! leaves the folder only after its object was read back and is the same. Without `--archive` the
//! folder is the archive, and nothing is copied.

mod address;
mod claims;
mod credentials;
mod fault;
mod folder;
mod keeper;
mod objects;
mod reading;
mod upload;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use deskside_protocol::session::SessionId;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

pub use address::{Address, NotAnAddress, Settings, SetupError};
pub(crate) use claims::Claim;
use claims::Claims;
pub use credentials::CredentialsError;
pub use fault::Fault;
pub(crate) use keeper::keep;
use objects::Objects;
pub(crate) use reading::Reading;
use reading::in_folder;
use upload::{Road, Upload};

use crate::node::Places;
use crate::recorder::Recording;
use crate::store::{Place, SessionRow, Store};

/// Recordings that are read from the archive at once, each with 4 MiB in memory.
const MAX_READERS: usize = 8;
/// Objects that are looked for at once.
const MAX_LOOKS: usize = 16;
/// A list does not wait longer for an archive that does not answer.
const LOOKING: Duration = Duration::from_secs(5);

/// Where finished recordings are.
#[derive(Debug)]
pub struct Archive {
    folder: PathBuf,
    remote: Option<Remote>,
}

/// What is not in the folder.
#[derive(Debug)]
struct Remote {
    objects: Objects,
    /// Sessions that are being recorded, or whose recording waits with parts that were sent.
    live: Mutex<HashMap<[u8; 16], Live>>,
    claims: Arc<Claims>,
    /// Rung when a session has ended.
    bell: Notify,
    readers: Semaphore,
}

/// One session, as far as it is on its way.
#[derive(Debug)]
struct Live {
    recording: Weak<Recording>,
    name: String,
    /// `None` while somebody works on it.
    upload: Option<Upload>,
}

impl Archive {
    /// The way to the archive of these places. Asks nothing of it, so that a relay starts without.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn open(places: &Places) -> Result<Self, SetupError> {
        let folder = places.recordings.clone();
        let settings = places.archive.as_ref().filter(|it| !is_folder(&it.address, &folder));
        let objects = settings.map(Settings::open).transpose()?;
        Ok(Self { folder, remote: objects.map(Remote::new) })
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
            let (recording, upload) = (Arc::downgrade(recording), Some(Upload::default()));
            let live = Live { recording, name: name.to_owned(), upload };
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
        // Never closed.
        let permit = remote.readers.acquire().await.map_err(io::Error::other)?;
        let object = remote.objects.open(&remote.objects.path(&row.recording)).await?;
        Ok(Reading::Archive { object: Box::new(object), _permit: permit })
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
            let looked = tokio::time::timeout(LOOKING, remote.look(rows, &mut missing)).await;
            if looked.is_err() {
                tracing::warn!("the archive does not say in time which recordings it has");
                missing.fill(false);
            }
        }
        Ok(missing)
    }

    /// Keeps the keeper's hands off a recording.
    pub(crate) async fn claim(&self, row: &SessionRow) -> Option<Claim> {
        let remote = self.remote.as_ref()?;
        Some(remote.claims.claim(row.session).await)
    }

    /// Has a recording in the folder, to be changed there: whatever the archive has of it is out of
    /// date from here on. Hold the claim. Where it was in the archive alone it is copied.
    pub(crate) async fn bring_back(&self, store: &Store, row: &SessionRow) -> Result<(), Fault> {
        if row.place == Place::Archive {
            let mut reading = self.read(row).await?;
            let file = self.folder.join(&row.recording);
            let fresh = file.with_extension("fetching");
            let copied = reading.copy_to(&fresh).await;
            if let Err(error) = copied {
                drop(tokio::fs::remove_file(&fresh).await);
                return Err(error);
            }
            tokio::fs::rename(&fresh, &file).await?;
        }
        if row.place != Place::Folder {
            store.set_place(&row.session, Place::Folder).await?;
        }
        Ok(())
    }

    /// Writes the object of a recording that was changed in the folder, at once. Hold the claim.
    pub(crate) async fn write_anew(&self, store: &Store, row: &SessionRow) -> Result<(), Fault> {
        let Some(remote) = &self.remote else { return Ok(()) };
        // What was sent before is of the recording as it was.
        let mut before = remote.forget(&row.session);
        let file = self.folder.join(&row.recording);
        let road = Road { objects: &remote.objects, store, recording: &row.recording, file: &file };
        before.discard(road).await;
        Upload::default().finish(road).await?;
        settle(store, row, &file).await
    }
}

/// The object stands: the file can go.
async fn settle(store: &Store, row: &SessionRow, file: &Path) -> Result<(), Fault> {
    store.set_place(&row.session, Place::Both).await?;
    match tokio::fs::remove_file(file).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    Ok(store.set_place(&row.session, Place::Archive).await?)
}

/// Whether the archive is the folder itself, however it is written.
fn is_folder(address: &Address, folder: &Path) -> bool {
    let Address::Folder(path) = address else { return false };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(path) == real(folder)
}

impl Remote {
    fn new(objects: Objects) -> Self {
        Self {
            objects,
            live: Mutex::default(),
            claims: Arc::default(),
            bell: Notify::new(),
            readers: Semaphore::new(MAX_READERS),
        }
    }

    fn live(&self) -> MutexGuard<'_, HashMap<[u8; 16], Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets sessions that left without an end in the database, and of which nothing was sent.
    fn forget_the_lost(&self) {
        self.live().retain(|_, live| {
            live.recording.strong_count() > 0 || live.upload.as_ref().is_none_or(Upload::is_begun)
        });
    }

    /// How far a recording has come, which from here on is the caller's to know.
    fn forget(&self, session: &[u8; 16]) -> Upload {
        self.live().remove(session).and_then(|live| live.upload).unwrap_or_default()
    }

    /// Looks for what is not in the folder.
    async fn look(&self, rows: &[SessionRow], missing: &mut [bool]) {
        let mut looks = JoinSet::new();
        let absent: Vec<_> = (0..rows.len()).filter(|at| missing.get(*at) == Some(&true)).collect();
        let mut absent = absent.into_iter();
        loop {
            while looks.len() < MAX_LOOKS
                && let Some((at, row)) = absent.next().and_then(|at| Some((at, rows.get(at)?)))
            {
                let (objects, path) = (self.objects.clone(), self.objects.path(&row.recording));
                looks.spawn(async move { (at, objects.open(&path).await) });
            }
            match looks.join_next().await {
                Some(Ok((at, found))) => {
                    if let Some(missing) = missing.get_mut(at) {
                        *missing = matches!(found, Err(object_store::Error::NotFound { .. }));
                    }
                }
                Some(Err(error)) => tracing::error!(%error, "a look into the archive broke down"),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
