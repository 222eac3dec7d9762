//! The relay's database: all SQL of this crate lives in this room, behind types of its own.
//!
//! SQLite through sqlx, one file, write-ahead log, every commit synced to disk: the relay writes a
//! few rows a session, so safety costs nothing that anybody would feel. The statements keep to
//! what Postgres reads too (numbered placeholders, `RETURNING`, counters in a table); the pragmas
//! and `BEGIN IMMEDIATE` stand in this file alone. Times are arguments, in seconds since 1970.

mod access;
mod archive;
mod attachment;
mod authority;
mod burned;
mod founding;
mod leaves;
mod listing;
mod people;
mod policy;
mod request;
mod retention;
mod session;
mod sign_in;
mod ticket;
mod watch;
mod writer;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row as _, Sqlite, SqliteConnection, Transaction};
use thiserror::Error;

pub use access::{AccessRow, Act, NewAccess};
pub use archive::{Left, Place, Waiting};
pub use attachment::{AttachmentRow, Most, NewAttachment};
pub use authority::NewAuthority;
pub use burned::Burned;
pub use leaves::LeafRow;
#[cfg(test)]
pub(crate) use leaves::tests::session as new_session;
pub use listing::Listed;
pub use people::{Enrolling, Invitation, NewInvitation, Renewal, RolesText, Technician};
pub use policy::StoredPolicy;
pub use request::SigningRequest;
pub use session::{Back, FilesRow, LineRow, NewSession, SessionEnd, SessionRow, Unfinished};
pub use sign_in::SigningIn;
pub use ticket::{NewNote, NewTicket, NoteRow, TicketRow};
use watch::Watch;

/// Connections at once: one writes, some read.
pub const CONNECTIONS: u32 = 4;
/// A writer waits this long for another (a command beside a running serve) before it gives up.
pub const BUSY: Duration = Duration::from_secs(10);

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// What can go wrong with the database itself; what is merely absent is `None` or `false`.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A query failed, or no connection came in time.
    #[error("the database does not answer")]
    Query(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("the database's tables cannot be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database file could not be made.
    #[error("the database file {} cannot be made", path.display())]
    File {
        /// Where it should stand.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A number too large for the database, or a row that holds what it never should.
    #[error("the database holds or was given an impossible value: {0}")]
    Value(&'static str),
}

/// The database, shared by everything in the relay. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    watch: Arc<Watch>,
    writer: Arc<writer::Writer>,
}

/// A transaction that has the write lock from its beginning.
type Writing = Transaction<'static, Sqlite>;

impl Store {
    /// Opens the database file, makes it (owner-only) where it is missing, and brings its tables
    /// up to date.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        make_owner_only(path).map_err(|source| StoreError::File { path: path.into(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS);
        let pool = pool.connect_with(options.clone()).await?;
        MIGRATIONS.run(&pool).await?;
        let watch = Arc::new(Watch::open(&options).await?);
        let writer = Arc::new(writer::Writer::start(pool.clone()));
        Ok(Self { pool, watch, writer })
    }

    /// Whether the database answers a query.
    ///
    /// # Errors
    /// [`StoreError::Query`] where it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT value FROM counters WHERE name = $1")
            .bind("ticket")
            .fetch_one(&self.pool)
            .await?;
        Ok(())
    }

    /// Writes everything back into the one file and closes it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A small fact by its name.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn setting(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get("value")).transpose()?)
    }

    /// Sets a small fact.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn set_setting(&self, name: &'static str, value: &[u8]) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        put_setting(&mut writing, name, value).await?;
        Ok(writing.commit().await?)
    }

    /// A write transaction: it waits for its turn here, never half-way.
    async fn writing(&self) -> Result<Writing, StoreError> {
        begin(&self.pool).await
    }
}

async fn begin(pool: &SqlitePool) -> Result<Writing, StoreError> {
    Ok(pool.begin_with("BEGIN IMMEDIATE").await?)
}

async fn put_setting(
    writing: &mut SqliteConnection,
    name: &'static str,
    value: &[u8],
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO settings (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(writing)
    .await?;
    Ok(())
}

/// The next number of a counter.
async fn next(writing: &mut SqliteConnection, counter: &'static str) -> Result<u64, StoreError> {
    let row = sqlx::query("UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value")
        .bind(counter)
        .fetch_one(writing)
        .await?;
    number(&row, "value")
}

/// The database's integers are signed, all of ours are not.
fn signed(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Value("a number above 2^63"))
}

fn number(row: &SqliteRow, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Value(column))
}

fn maybe_number(row: &SqliteRow, column: &'static str) -> Result<Option<u64>, StoreError> {
    row.try_get::<Option<i64>, _>(column)?
        .map(|value| u64::try_from(value).map_err(|_| StoreError::Value(column)))
        .transpose()
}

fn array<const N: usize>(row: &SqliteRow, column: &'static str) -> Result<[u8; N], StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Value(column))
}

/// SQLite gives its log and index the permissions of the main file.
fn make_owner_only(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn settings_survive_and_the_file_is_the_owners() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.db");
        let store = Store::open(&path).await.unwrap();
        assert_eq!(store.setting("x").await.unwrap(), None);
        store.set_setting("x", b"1").await.unwrap();
        store.set_setting("x", b"2").await.unwrap();
        store.close().await;
        let again = Store::open(&path).await.unwrap();
        assert_eq!(again.setting("x").await.unwrap(), Some(b"2".to_vec()));
        again.ping().await.unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_closed_database_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
        store.close().await;
        assert!(store.ping().await.is_err());
    }

    #[tokio::test]
    async fn two_handles_write_beside_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.db");
        let (one, two) = (Store::open(&path).await.unwrap(), Store::open(&path).await.unwrap());
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..20_u8 {
            let store = if index % 2 == 0 { one.clone() } else { two.clone() };
            tasks.spawn(async move { store.set_setting("x", &[index]).await });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap().unwrap();
        }
    }
}
