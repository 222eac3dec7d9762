//! What the relay's rooms write into the log, and how they find it again: sessions that begin and
//! end, what is done with recordings, what a kill left open.

use std::sync::Arc;

use deskside_link::random::System;
use deskside_protocol::log::leaf::{Access, commitment};
use deskside_protocol::log::tile::{self, Content, WIDTH};
use deskside_protocol::log::{Leaf, TilePath, What};
use deskside_protocol::random;
use deskside_protocol::session::SessionId;
use deskside_protocol::wire::record::Reason;
use thiserror::Error;
use tokio::sync::Mutex;

use super::{Log, LogError};
use crate::clock;
use crate::store::{Act, LeafRow, NewAccess, Store, StoreError};

/// Why something is not in the log, or not found there.
#[derive(Debug, Error)]
pub enum BookError {
    /// The log itself.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The runtime is ending.
    #[error("the log of sessions has ended")]
    Ended,
}

/// The log, with the index over it.
#[derive(Debug)]
pub struct Book {
    log: Arc<Log>,
    /// One at a time brings the index up to date.
    indexing: Mutex<()>,
}

/// Who does something with a recording, and why.
#[derive(Debug, Clone, Copy)]
pub struct Because<'a> {
    /// Who.
    pub login: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl Book {
    /// The book of a log.
    #[must_use]
    pub fn new(log: Log) -> Self {
        Self { log: Arc::new(log), indexing: Mutex::default() }
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// A session begins, with this first block of its recording. Before a packet is forwarded.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn open(&self, session: SessionId, header: Option<[u8; 32]>) -> Result<(), LogError> {
        self.append(session, What::Open { header }).await
    }

    /// A session has ended.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn close(
        &self,
        session: SessionId,
        last: Option<[u8; 32]>,
        reason: i32,
    ) -> Result<(), LogError> {
        let reason = u32::try_from(reason).unwrap_or_default();
        self.append(session, What::Close { last, reason }).await
    }

    /// The seals of a recording are destroyed next.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn shred(&self, session: SessionId, last: Option<[u8; 32]>) -> Result<(), LogError> {
        self.append(session, What::Shred { last }).await
    }

    /// Somebody is handed a recording next. In the database first, so that the log never holds what
    /// nobody could open any more.
    ///
    /// # Errors
    /// [`BookError`]; then nothing is handed out.
    pub async fn access(
        &self,
        store: &Store,
        session: SessionId,
        kind: Access,
        because: Because<'_>,
    ) -> Result<(), BookError> {
        let act = match kind {
            Access::Download => Act::Download,
            Access::Replay => Act::Replay,
            Access::Export => Act::Export,
            Access::Verification => Act::Verification,
        };
        let commitment = self.commit(store, session, act, because).await?;
        Ok(self.append(session, What::Access { kind, commitment }).await?)
    }

    /// Somebody has a recording kept beyond its time, or no longer.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn hold(
        &self,
        store: &Store,
        session: SessionId,
        held: bool,
        because: Because<'_>,
    ) -> Result<(), BookError> {
        let act = if held { Act::Hold } else { Act::Release };
        let commitment = self.commit(store, session, act, because).await?;
        Ok(self.append(session, What::Hold { held, commitment }).await?)
    }

    async fn commit(
        &self,
        store: &Store,
        session: SessionId,
        act: Act,
        Because { login, reason }: Because<'_>,
    ) -> Result<[u8; 32], StoreError> {
        let salt: [u8; 32] = random::bytes(&mut System::new());
        let (session, at) = (session.as_bytes(), clock::seconds());
        store.log_access(&NewAccess { session, act, login, reason, salt: &salt, at }).await?;
        Ok(commitment(&salt, login, reason))
    }

    async fn append(&self, session: SessionId, what: What) -> Result<(), LogError> {
        let leaf = Leaf { session, what, time_us: clock::micros() };
        self.log.append(leaf).await.map(drop)
    }

    /// Brings the index up to the head of now: at most one bundle in memory at a time.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn index(&self, store: &Store) -> Result<(), BookError> {
        let _one = self.indexing.lock().await;
        let size = self.log.head().head.size;
        let mut at = store.indexed(size).await?;
        while at < size {
            let rows = self.rows(at, size).await?;
            store.index(&rows).await?;
            at = at.saturating_add(rows.len() as u64);
        }
        Ok(())
    }

    /// The entries from `at` to the end of their bundle.
    async fn rows(&self, at: u64, size: u64) -> Result<Vec<LeafRow>, BookError> {
        let bundle = TilePath::of(Content::Entries, at / WIDTH, size);
        let missing = self.log.files().damaged("a bundle of entries is missing");
        let Some(bundle) = bundle else { return Err(missing().into()) };
        let log = self.log.clone();
        let read = tokio::task::spawn_blocking(move || log.files().read(&bundle)).await;
        let Some(bytes) = read.map_err(|_| BookError::Ended)?? else {
            return Err(missing().into());
        };
        let (entries, _) = tile::entries(&bytes);
        let numbered = (at / WIDTH * WIDTH..).zip(entries).filter(|(number, _)| *number >= at);
        Ok(numbered.map(|(number, entry)| row(number, entry)).collect())
    }

    /// Writes the end of every session that a kill left without: of those that do not go on, in the
    /// words of the database where that knows one.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn settle(&self, store: &Store) -> Result<(), BookError> {
        self.index(store).await?;
        for session in store.unclosed_leaves().await? {
            let row = store.session(&session).await?;
            let (hash, reason) = match row {
                // It goes on, or is closed by whoever finds that it cannot.
                Some(row) if row.closed_at.is_none() => continue,
                Some(row) => (row.hash, row.reason),
                // Killed between the log and the database: nobody was told of it.
                None => (None, Reason::RelayStopped as i32),
            };
            let session = SessionId::from_bytes(session);
            self.close(session, hash, reason).await?;
            tracing::info!(%session, "the log says now that this session has ended");
        }
        self.index(store).await
    }
}

fn row(number: u64, entry: &[u8]) -> LeafRow {
    let Ok(leaf) = Leaf::decode(entry) else {
        return LeafRow { number, session: [0; 16], kind: 0 };
    };
    let kind = match leaf.what {
        What::Open { .. } => 1,
        What::Close { .. } => 2,
        What::Access { .. } => 3,
        What::Hold { .. } => 4,
        What::Shred { .. } => 5,
    };
    LeafRow { number, session: *leaf.session.as_bytes(), kind }
}
