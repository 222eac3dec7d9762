//! Sessions and their recordings, and who was handed which.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, array, maybe_number, next, number, signed};

/// A session that begins.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub session: [u8; 16],
    /// The ticket it is linked to.
    pub ticket: String,
    /// Login of the technician.
    pub technician: String,
    /// The public part of its code.
    pub nameplate: String,
    /// Seconds.
    pub opened_at: u64,
    /// The recording's file, relative to the data folder; empty where nothing is recorded.
    pub recording: String,
}

/// How a session ended.
#[derive(Debug, Clone)]
pub struct SessionEnd {
    /// Seconds.
    pub closed_at: u64,
    /// Number of `record::Reason`.
    pub reason: i32,
    /// Size of the recording.
    pub bytes: u64,
    /// Chain hash of its CLOSE block, where there is one.
    pub hash: Option<[u8; 32]>,
}

/// A session as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub session: [u8; 16],
    /// The ticket it is linked to.
    pub ticket: String,
    /// Login of the technician.
    pub technician: String,
    /// The public part of its code.
    pub nameplate: String,
    /// Seconds.
    pub opened_at: u64,
    /// Seconds; `None` while it runs.
    pub closed_at: Option<u64>,
    /// Number of `record::Reason`; 0 while it runs.
    pub reason: i32,
    /// The recording's file, relative to the data folder; empty where nothing was recorded.
    pub recording: String,
    /// Size of the recording; 0 while it runs.
    pub bytes: u64,
    /// Chain hash of its CLOSE block.
    pub hash: Option<[u8; 32]>,
}

impl Store {
    /// Writes down that a session begins.
    ///
    /// # Errors
    /// [`StoreError`], also where the id exists.
    pub async fn open_session(&self, new: &NewSession) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (session, ticket, technician, nameplate, opened_at, recording) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(new.session.as_slice())
        .bind(&new.ticket)
        .bind(&new.technician)
        .bind(&new.nameplate)
        .bind(signed(new.opened_at)?)
        .bind(&new.recording)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Writes down how a session ended. `false` where it is unknown or had ended before: the first
    /// end stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close_session(
        &self,
        session: &[u8; 16],
        end: &SessionEnd,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE sessions SET closed_at = $1, reason = $2, bytes = $3, hash = $4 \
             WHERE session = $5 AND closed_at IS NULL",
        )
        .bind(signed(end.closed_at)?)
        .bind(i64::from(end.reason))
        .bind(signed(end.bytes)?)
        .bind(end.hash.as_ref().map(<[u8; 32]>::as_slice))
        .bind(session.as_slice())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// One session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(&self, session: &[u8; 16]) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM sessions WHERE session = $1")
            .bind(session.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(session_row).transpose()
    }

    /// The newest sessions first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions(&self, limit: u32) -> Result<Vec<SessionRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM sessions ORDER BY opened_at DESC, session LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(session_row).collect()
    }

    /// Sessions without an end: at a start these are what a crash left behind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unfinished_sessions(&self) -> Result<Vec<SessionRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM sessions WHERE closed_at IS NULL ORDER BY opened_at")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(session_row).collect()
    }

    /// Writes down who is handed which recording and why; on disk when this returns. Call it
    /// before the first byte leaves.
    ///
    /// # Errors
    /// [`StoreError`]; then hand out nothing.
    pub async fn log_access(
        &self,
        session: &[u8; 16],
        login: &str,
        reason: &str,
        now: u64,
    ) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        let number = next(&mut writing, "access").await?;
        sqlx::query(
            "INSERT INTO accesses (number, session, login, at, reason) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(signed(number)?)
        .bind(session.as_slice())
        .bind(login)
        .bind(signed(now)?)
        .bind(reason)
        .execute(&mut *writing)
        .await?;
        Ok(writing.commit().await?)
    }

    /// Who was handed a recording: login, seconds, reason, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accesses(
        &self,
        session: &[u8; 16],
    ) -> Result<Vec<(String, u64, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT login, at, reason FROM accesses WHERE session = $1 ORDER BY number",
        )
        .bind(session.as_slice())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("login")?, number(row, "at")?, row.try_get("reason")?)))
            .collect()
    }
}

fn session_row(row: &SqliteRow) -> Result<SessionRow, StoreError> {
    let reason: i64 = row.try_get("reason")?;
    let hash: Option<Vec<u8>> = row.try_get("hash")?;
    Ok(SessionRow {
        session: array(row, "session")?,
        ticket: row.try_get("ticket")?,
        technician: row.try_get("technician")?,
        nameplate: row.try_get("nameplate")?,
        opened_at: number(row, "opened_at")?,
        closed_at: maybe_number(row, "closed_at")?,
        reason: i32::try_from(reason).map_err(|_| StoreError::Value("reason"))?,
        recording: row.try_get("recording")?,
        bytes: number(row, "bytes")?,
        hash: hash
            .map(|hash| hash.try_into().map_err(|_| StoreError::Value("hash")))
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(id: u8) -> NewSession {
        NewSession {
            session: [id; 16],
            ticket: "1001".into(),
            technician: "alice".into(),
            nameplate: "48219".into(),
            opened_at: 100 + u64::from(id),
            recording: "recordings/x.dsr".into(),
        }
    }

    #[tokio::test]
    async fn a_session_ends_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
        store.open_session(&new(1)).await.unwrap();
        store.open_session(&new(2)).await.unwrap();
        assert!(store.open_session(&new(1)).await.is_err());
        let end = SessionEnd { closed_at: 200, reason: 2, bytes: 12, hash: Some([9; 32]) };
        assert!(store.close_session(&[1; 16], &end).await.unwrap());
        let later = SessionEnd { closed_at: 300, reason: 3, bytes: 0, hash: None };
        assert!(!store.close_session(&[1; 16], &later).await.unwrap());
        assert!(!store.close_session(&[7; 16], &later).await.unwrap());
        let row = store.session(&[1; 16]).await.unwrap().unwrap();
        assert_eq!((row.closed_at, row.reason, row.hash), (Some(200), 2, Some([9; 32])));
        let ids = |rows: Vec<SessionRow>| rows.iter().map(|row| row.session[0]).collect::<Vec<_>>();
        assert_eq!(ids(store.sessions(10).await.unwrap()), [2, 1]);
        assert_eq!(ids(store.sessions(1).await.unwrap()), [2]);
        assert_eq!(ids(store.unfinished_sessions().await.unwrap()), [2]);
    }

    #[tokio::test]
    async fn accesses_are_kept_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
        store.log_access(&[1; 16], "mona", "complaint 7", 5).await.unwrap();
        store.log_access(&[1; 16], "mona", "court order", 6).await.unwrap();
        let expected =
            [("mona".into(), 5, "complaint 7".into()), ("mona".into(), 6, "court order".into())];
        assert_eq!(store.accesses(&[1; 16]).await.unwrap(), expected);
    }
}
