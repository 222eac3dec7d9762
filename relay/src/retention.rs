//! How long recordings can be read: as long as the policy in force says, and longer where somebody
//! has them held. Then their seals are destroyed, which nobody can undo; file, chain and signatures
//! stay, so that it still shows that nothing else was changed, and so does the log of sessions, which
//! is told first.

use std::path::PathBuf;
use std::time::Duration;

use deskside_protocol::session::SessionId;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::archive::Fault;
use crate::log::book::BookError;
use crate::policy::{self, ChangeError};
use crate::recorder::{ResumeError, shred};
use crate::relay::Relay;
use crate::store::{Place, SessionRow, StoreError};
use crate::{chain, clock};

/// Between two sweeps.
const PERIOD: Duration = Duration::from_secs(24 * 60 * 60);
/// Recordings of one sweep: of 100 MiB each that is half an hour of a disk's time. What fails does not
/// count, so that nothing stays behind it.
const MOST: usize = 1_000;
/// Rows that are asked of the database at once.
const PAGE: u32 = 1_000;
/// Recordings of one sweep of which it is told that their seals stay: who has more has one cause.
const MAX_TOLD: usize = 100;
const DAY: u64 = 24 * 60 * 60;
/// A clock that is so much later than at the last sweep may be wrong. What is destroyed does not come
/// back, so the next sweep comes first, and somebody can read of it in the log meanwhile.
const JUMP: u64 = 7 * DAY;
/// When the last sweep was, in the database.
const SWEPT: &str = "swept-at";

/// Why the seals of recordings stay although their time is over.
#[derive(Debug, Error)]
pub enum SweepError {
    /// The policy cannot be read.
    #[error(transparent)]
    Policy(#[from] ChangeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log of sessions.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The archive.
    #[error("the recording {} cannot be shredded in the archive", .recording)]
    Archive {
        /// Which.
        recording: String,
        /// Why.
        source: Fault,
    },
    /// The file.
    #[error("the recording {} cannot be shredded", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ResumeError,
    },
    /// The archive failed for another recording just now.
    #[error("the recording {} waits for the archive to be shredded there", .0)]
    Away(String),
    /// The relay is ending.
    #[error("the relay is ending")]
    Ending,
}

/// Sweeps now and every day until `stop`.
pub(crate) async fn keep(relay: &Relay, stop: CancellationToken) {
    let mut days = tokio::time::interval(PERIOD);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = days.tick() => {}
        }
        let swept = tokio::select! {
            () = stop.cancelled() => return,
            swept = sweep(relay, clock::seconds()) => swept,
        };
        if let Err(error) = swept {
            tracing::error!(error = chain(&error), "recordings could not be swept");
        }
    }
}

/// Destroys the seals of the recordings whose time was over at `now` (seconds). One that cannot be
/// shredded is told in the log and tried again at the next sweep; so is everything where the last
/// sweep was more than a week before `now`, or never. Gives how many were.
///
/// # Errors
/// [`SweepError`] where it cannot be known which they are.
pub async fn sweep(relay: &Relay, now: u64) -> Result<usize, SweepError> {
    let days = u64::from(policy::current(&relay.node).await?.retention_days);
    let before = now.saturating_sub(days.saturating_mul(DAY));
    if !is_believed(relay, now).await? {
        return Ok(0);
    }
    let (mut swept, mut after) = (Swept::default(), (0, [0; 16]));
    loop {
        let rows = relay.node.store().to_shred(before, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = (last.closed_at.unwrap_or_default(), last.session);
        for row in rows {
            let done = one(relay, &row, now, swept.is_away).await;
            swept.count(&row, done);
            if swept.shredded >= MOST {
                break;
            }
        }
        if swept.shredded >= MOST {
            break;
        }
    }
    if swept.stay > 0 {
        let count = swept.stay;
        tracing::error!(count, "the seals of recordings stay although their time is over");
    }
    Ok(swept.shredded)
}

/// What came of a sweep.
#[derive(Debug, Default)]
struct Swept {
    shredded: usize,
    stay: usize,
    /// The archive failed: it is not asked for every other one too.
    is_away: bool,
}

impl Swept {
    fn count(&mut self, row: &SessionRow, done: Result<bool, SweepError>) {
        let session = SessionId::from_bytes(row.session);
        match done {
            Ok(true) => {
                self.shredded += 1;
                tracing::info!(%session, ticket = row.ticket, "the seals of a recording are destroyed: its time is over");
            }
            Ok(false) => {}
            Err(error) => {
                self.stay += 1;
                self.is_away |= error.is_of_the_archive();
                if self.stay <= MAX_TOLD {
                    tracing::error!(%session, error = chain(&error), "the seals of a recording stay although its time is over");
                }
            }
        }
    }
}

impl SweepError {
    /// Whether the archive is in the way of every recording. That it lacks one is about that one.
    fn is_of_the_archive(&self) -> bool {
        matches!(self, Self::Archive { source, .. } if source.is_of_the_archive() && !source.is_missing())
    }
}

/// Whether the clock can be what it says, as far as that shows; and remembers it.
async fn is_believed(relay: &Relay, now: u64) -> Result<bool, StoreError> {
    let store = relay.node.store();
    let last = store.setting(SWEPT).await?.and_then(|bytes| bytes.try_into().ok());
    let last = last.map(u64::from_be_bytes);
    store.set_setting(SWEPT, &now.to_be_bytes()).await?;
    let believed = last.is_some_and(|last| now <= last.saturating_add(JUMP));
    if !believed && let Some(last) = last {
        tracing::warn!(
            now,
            last,
            "the clock is more than a week later than at the last sweep of recordings: is it right? Nothing is destroyed today"
        );
    }
    Ok(believed)
}

/// `false` where it is held meanwhile. Of an archive that `is_away` nothing is asked: what is in the
/// folder loses its seals there, and stays open.
async fn one(relay: &Relay, row: &SessionRow, now: u64, is_away: bool) -> Result<bool, SweepError> {
    let store = relay.node.store();
    if row.shredded_at.is_none() && !store.shred(&row.session, now).await? {
        return Ok(false);
    }
    // Nobody carries it over meanwhile; it may have been before.
    let claim = relay.archive.claim(row).await;
    let row = &store.session(&row.session).await?.unwrap_or_else(|| row.clone());
    let archive = |source| SweepError::Archive { recording: row.recording.clone(), source };
    let path = relay.node.places().recordings.join(&row.recording);
    let away = || SweepError::Away(row.recording.clone());
    if is_away && row.place == Place::Archive {
        return Err(away());
    }
    relay.archive.bring_back(store, row).await.map_err(archive)?;
    let session = SessionId::from_bytes(row.session);
    relay.book.shred(session, row.hash).await.map_err(BookError::from)?;
    let (file, mine) = (path.clone(), claim.clone());
    let work = move || {
        let _mine = mine;
        shred(&file)
    };
    let shredded = tokio::task::spawn_blocking(work).await;
    let bytes = match shredded.map_err(|_| SweepError::Ending)? {
        Ok(_) if is_away => return Err(away()),
        Ok(bytes) => {
            relay.archive.write_anew(store, row, &claim).await.map_err(archive)?;
            bytes
        }
        // Nothing is left to shred: it was never anywhere else.
        Err(ResumeError::Missing) if relay.archive.name().is_none() => {
            tracing::error!(%session, file = %path.display(), "a recording is missing");
            0
        }
        Err(source) => return Err(SweepError::File { path, source }),
    };
    store.shredded(&row.session, bytes).await?;
    Ok(true)
}
