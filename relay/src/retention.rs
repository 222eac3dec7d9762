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
use crate::store::{SessionRow, StoreError};
use crate::{chain, clock};

/// Between two sweeps.
const PERIOD: Duration = Duration::from_secs(24 * 60 * 60);
/// Recordings of one sweep: of 100 MiB each that is half an hour of a disk's time.
const MOST: u32 = 1_000;
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
    let mut count = 0;
    for row in relay.node.store().to_shred(before, MOST).await? {
        let session = SessionId::from_bytes(row.session);
        match one(relay, &row, now).await {
            Ok(true) => {
                count += 1;
                tracing::info!(%session, ticket = row.ticket, "the seals of a recording are destroyed: its time is over");
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%session, error = chain(&error), "the seals of a recording stay although its time is over");
            }
        }
    }
    Ok(count)
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

/// `false` where it is held meanwhile.
async fn one(relay: &Relay, row: &SessionRow, now: u64) -> Result<bool, SweepError> {
    let store = relay.node.store();
    if row.shredded_at.is_none() && !store.shred(&row.session, now).await? {
        return Ok(false);
    }
    let session = SessionId::from_bytes(row.session);
    relay.book.shred(session, row.hash).await.map_err(BookError::from)?;
    // Nobody carries it over meanwhile; it may have been before.
    let _claim = relay.archive.claim(row).await;
    let row = &store.session(&row.session).await?.unwrap_or_else(|| row.clone());
    let archive = |source| SweepError::Archive { recording: row.recording.clone(), source };
    match relay.archive.bring_back(store, row).await {
        Ok(()) => {}
        Err(fault) if fault.is_missing() => {}
        Err(fault) => return Err(archive(fault)),
    }
    let path = relay.node.places().recordings.join(&row.recording);
    let file = path.clone();
    let shredded = tokio::task::spawn_blocking(move || shred(&file)).await;
    let bytes = match shredded.map_err(|_| SweepError::Ending)? {
        Ok(bytes) => {
            relay.archive.write_anew(store, row).await.map_err(archive)?;
            bytes
        }
        // Nothing is left to shred.
        Err(ResumeError::Missing) => {
            tracing::error!(%session, file = %path.display(), "a recording is missing");
            0
        }
        Err(source) => return Err(SweepError::File { path, source }),
    };
    store.shredded(&row.session, bytes).await?;
    Ok(true)
}
