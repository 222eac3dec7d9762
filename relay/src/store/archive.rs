//! Where finished recordings are, as the database sees it, and which uploads have no end.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::session::session_row;
use super::{SessionRow, Store, StoreError, number, signed};

/// Where a finished recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    /// In the relay's folder. An object of it, where there is one, is out of date.
    Folder = 0,
    /// In the archive too: checked, and what is in the folder can go.
    Both = 1,
    /// In the archive alone.
    Archive = 2,
    /// Nowhere: somebody removed it when its seals were gone, and nobody waits for it.
    Gone = 3,
}

impl Place {
    pub(super) const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Folder),
            1 => Some(Self::Both),
            2 => Some(Self::Archive),
            3 => Some(Self::Gone),
            _ => None,
        }
    }
}

/// How much waits to be archived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Recordings.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An upload without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its id in the archive.
    pub upload: String,
    /// The recording's file.
    pub recording: String,
    /// Whose recording it is, where that is known.
    pub session: Option<[u8; 16]>,
}

impl Store {
    /// The finished recording that is to be archived next, behind the one that ended at the time and
    /// has the id in `after`: the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn to_archive(
        &self,
        after: (u64, [u8; 16]),
    ) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM sessions WHERE place < 2 AND recording <> '' \
             AND closed_at IS NOT NULL AND (closed_at, session) > ($1, $2) \
             ORDER BY closed_at, session LIMIT 1",
        )
        .bind(signed(after.0)?)
        .bind(after.1.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(session_row).transpose()
    }

    /// How much waits to be archived.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_for_archive(&self) -> Result<Waiting, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS waiting, COALESCE(SUM(bytes), 0) AS bytes FROM sessions \
             WHERE place < 2 AND recording <> '' AND closed_at IS NOT NULL",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Waiting { count: number(&row, "waiting")?, bytes: number(&row, "bytes")? })
    }

    /// How many recordings are in the archive alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn only_in_archive(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS archived FROM sessions WHERE place = 2")
            .fetch_one(&self.pool)
            .await?;
        number(&row, "archived")
    }

    /// Writes down where a finished recording is; on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_place(&self, session: &[u8; 16], place: Place) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        sqlx::query("UPDATE sessions SET place = $1 WHERE session = $2")
            .bind(i64::from(place as u8))
            .bind(session.as_slice())
            .execute(&mut *writing)
            .await?;
        Ok(writing.commit().await?)
    }

    /// Remembers an upload in parts, so that a start can abort what a kill left behind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_upload(&self, upload: &str, recording: &str) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        sqlx::query("INSERT INTO uploads (upload, recording) VALUES ($1, $2)")
            .bind(upload)
            .bind(recording)
            .execute(&mut *writing)
            .await?;
        Ok(writing.commit().await?)
    }

    /// Forgets an upload: its object stands, or it was aborted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_upload(&self, upload: &str) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        sqlx::query("DELETE FROM uploads WHERE upload = $1")
            .bind(upload)
            .execute(&mut *writing)
            .await?;
        Ok(writing.commit().await?)
    }

    /// Uploads without an end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn uploads(&self) -> Result<Vec<Left>, StoreError> {
        let rows = sqlx::query(
            "SELECT upload, uploads.recording, sessions.session FROM uploads \
             LEFT JOIN sessions ON sessions.recording = uploads.recording ORDER BY upload",
        )
        .fetch_all(&self.pool)
        .await?;
        let left = |row: &SqliteRow| {
            let session: Option<Vec<u8>> = row.try_get("session")?;
            let session = session.map(|id| id.try_into().map_err(|_| StoreError::Value("session")));
            Ok(Left {
                upload: row.try_get("upload")?,
                recording: row.try_get("recording")?,
                session: session.transpose()?,
            })
        };
        rows.iter().map(left).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SessionEnd;
    use super::super::leaves::tests::{session, with_session};
    use super::*;

    #[tokio::test]
    async fn the_oldest_come_first_and_what_is_archived_no_more() {
        let (store, _folder) = with_session(1).await;
        for id in [2, 3, 4] {
            store.open_session(session(id)).await.unwrap();
        }
        for (id, closed_at) in [(1, 300), (2, 200), (3, 300)] {
            let end = SessionEnd { closed_at, reason: 1, bytes: 9, hash: None };
            assert!(store.close_session(&[id; 16], end).await.unwrap());
        }
        let all = async || {
            let (mut after, mut found) = ((0, [0; 16]), Vec::new());
            while let Some(row) = store.to_archive(after).await.unwrap() {
                after = (row.closed_at.unwrap(), row.session);
                found.push((row.session[0], row.place));
            }
            found
        };
        assert_eq!(all().await, [(2, Place::Folder), (1, Place::Folder), (3, Place::Folder)]);
        store.set_place(&[1; 16], Place::Both).await.unwrap();
        store.set_place(&[2; 16], Place::Archive).await.unwrap();
        assert_eq!(all().await, [(1, Place::Both), (3, Place::Folder)]);
        assert_eq!(store.only_in_archive().await.unwrap(), 1);
        let waiting = store.waiting_for_archive().await.unwrap();
        assert_eq!(waiting, Waiting { count: 2, bytes: 18 });
    }

    #[tokio::test]
    async fn uploads_are_remembered_until_they_end() {
        let (store, _folder) = with_session(1).await;
        store.begin_upload("b", "2.dsr").await.unwrap();
        store.begin_upload("a", "1.dsr").await.unwrap();
        store.end_upload("b").await.unwrap();
        let left = |session| Left { upload: "a".into(), recording: "1.dsr".into(), session };
        assert_eq!(store.uploads().await.unwrap(), [left(Some([1; 16]))]);
    }
}
