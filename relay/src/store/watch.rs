//! Whether the database has changed: what is read for every stream is kept in memory until it has.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::sync::Mutex;

use super::{Store, StoreError};

/// A connection that never writes, so that SQLite counts every commit of anybody's for it.
#[derive(Debug)]
pub(super) struct Watch {
    connection: Mutex<SqliteConnection>,
    own: AtomicU64,
}

impl Watch {
    pub(super) async fn open(options: &SqliteConnectOptions) -> Result<Self, StoreError> {
        Ok(Self { connection: Mutex::new(options.connect().await?), own: AtomicU64::new(0) })
    }

    /// This process has just committed a change of people or policy.
    pub(super) fn changed(&self) {
        self.own.fetch_add(1, Ordering::Release);
    }
}

impl Store {
    /// Grows with each change of people or policy that was made through this handle or a clone.
    #[must_use]
    pub fn own_changes(&self) -> u64 {
        self.watch.own.load(Ordering::Acquire)
    }

    /// A number that is another one after every commit, also one of another process.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn version(&self) -> Result<i64, StoreError> {
        let mut connection = self.watch.connection.lock().await;
        let row = sqlx::query("PRAGMA data_version").fetch_one(&mut *connection).await?;
        Ok(row.try_get(0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_shows_whoever_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.db");
        let (one, other) = (Store::open(&path).await.unwrap(), Store::open(&path).await.unwrap());
        let first = one.version().await.unwrap();
        assert_eq!(one.version().await.unwrap(), first);
        other.set_setting("x", b"1").await.unwrap();
        let second = one.version().await.unwrap();
        assert_ne!(second, first);
        one.set_setting("x", b"2").await.unwrap();
        assert_ne!(one.version().await.unwrap(), second);
    }
}
