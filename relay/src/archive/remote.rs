//! What is not in the folder: the objects, and what is on its way to them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::objects::Objects;
use super::upload::Upload;
use crate::recorder::Recording;

/// Recordings that are read from the archive by people at once, each with 4 MiB in memory.
const MAX_READERS: usize = 8;
/// Objects that are looked for at once.
const MAX_LOOKS: usize = 16;

/// What is not in the folder.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) objects: Objects,
    /// Sessions that are being recorded, or whose recording waits with parts that were sent.
    live: Mutex<HashMap<[u8; 16], Live>>,
    /// Rung when a session has ended.
    pub(super) bell: Notify,
    pub(super) readers: Semaphore,
}

/// One session, as far as it is on its way.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) recording: Weak<Recording>,
    pub(super) name: String,
    /// `None` while somebody works on it.
    pub(super) upload: Option<Upload>,
    pub(super) rest: Rest,
}

/// How long a session that is on is left alone, after a part that did not go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Not at all.
    No,
    /// Until others had their turn: the archive refused it.
    Round,
    /// Until it has ended: something here is in the way, which a minute does not mend.
    End,
}

impl Live {
    pub(super) fn new(recording: Weak<Recording>, name: String) -> Self {
        Self { recording, name, upload: Some(Upload::default()), rest: Rest::No }
    }
}

impl Remote {
    pub(super) fn new(objects: Objects) -> Self {
        Self {
            objects,
            live: Mutex::default(),
            bell: Notify::new(),
            readers: Semaphore::new(MAX_READERS),
        }
    }

    pub(super) fn live(&self) -> MutexGuard<'_, HashMap<[u8; 16], Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets sessions that left without an end in the database, and of which nothing was sent.
    pub(super) fn forget_the_lost(&self) {
        self.live().retain(|_, live| {
            live.recording.strong_count() > 0 || live.upload.as_ref().is_none_or(Upload::is_begun)
        });
    }

    /// Whom the archive refused is asked for again.
    pub(super) fn begin_round(&self) {
        for live in self.live().values_mut().filter(|live| live.rest == Rest::Round) {
            live.rest = Rest::No;
        }
    }

    /// How far a recording has come, which from here on is the caller's to know.
    pub(super) fn forget(&self, session: &[u8; 16]) -> Upload {
        self.live().remove(session).and_then(|live| live.upload).unwrap_or_default()
    }

    /// Looks for these recordings, and marks what the archive does not have, one after the other: who
    /// stops waiting has what was said until then.
    pub(super) async fn look(&self, names: Vec<(usize, String)>, missing: &mut [bool]) {
        let (mut looks, mut names) = (JoinSet::new(), names.into_iter());
        loop {
            while looks.len() < MAX_LOOKS
                && let Some((at, name)) = names.next()
            {
                let (objects, path) = (self.objects.clone(), self.objects.path(&name));
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
