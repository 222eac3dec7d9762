//! How long recordings are kept, as the database sees it.

use super::session::session_row;
use super::{SessionRow, Store, StoreError, signed};

impl Store {
    /// Has a recording kept beyond its time, or no longer. `false` where there is no such session,
    /// or its seals go already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hold(&self, session: &[u8; 16], held: bool) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        let done =
            sqlx::query("UPDATE sessions SET held = $1 WHERE session = $2 AND shredded_at IS NULL")
                .bind(i64::from(held))
                .bind(session.as_slice())
                .execute(&mut *writing)
                .await?;
        writing.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Recordings of sessions that ended before `ended_before` (seconds) and are not held, and those
    /// whose seals were about to go when the relay was stopped: the oldest first, at most `most`, behind
    /// the one that ended at the time and has the id in `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn to_shred(
        &self,
        ended_before: u64,
        after: (u64, [u8; 16]),
        most: u32,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM sessions WHERE shredded = 0 AND recording <> '' AND closed_at < $1 \
             AND (held = 0 OR shredded_at IS NOT NULL) AND (closed_at, session) > ($2, $3) \
             ORDER BY closed_at, session LIMIT $4",
        )
        .bind(signed(ended_before)?)
        .bind(signed(after.0)?)
        .bind(after.1.as_slice())
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(session_row).collect()
    }

    /// Writes down that the seals of a recording go now: from here on there is no holding it.
    /// `false` where it is held, or they go already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn shred(&self, session: &[u8; 16], now: u64) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        let done = sqlx::query(
            "UPDATE sessions SET shredded_at = $1 \
             WHERE session = $2 AND held = 0 AND shredded_at IS NULL",
        )
        .bind(signed(now)?)
        .bind(session.as_slice())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// The seals of a recording are gone; it has this length now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn shredded(&self, session: &[u8; 16], bytes: u64) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        sqlx::query("UPDATE sessions SET shredded = 1, bytes = $1 WHERE session = $2")
            .bind(signed(bytes)?)
            .bind(session.as_slice())
            .execute(&mut *writing)
            .await?;
        Ok(writing.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SessionEnd;
    use super::super::leaves::tests::{session, with_session};

    #[tokio::test]
    async fn what_is_held_or_young_or_open_stays() {
        let (store, _folder) = with_session(1).await;
        for id in [2, 3, 4] {
            store.open_session(session(id)).await.unwrap();
        }
        for (id, closed_at) in [(1, 300), (2, 200), (3, 500)] {
            let end = SessionEnd { closed_at, reason: 1, bytes: 9, hash: None };
            assert!(store.close_session(&[id; 16], end).await.unwrap());
        }
        let due = async || {
            let rows = store.to_shred(500, (0, [0; 16]), 9).await.unwrap();
            rows.iter().map(|row| row.session[0]).collect::<Vec<_>>()
        };
        assert_eq!(due().await, [2, 1]);
        let page = store.to_shred(500, (200, [2; 16]), 1).await.unwrap();
        assert_eq!(page.iter().map(|row| row.session[0]).collect::<Vec<_>>(), [1]);
        assert!(store.hold(&[1; 16], true).await.unwrap());
        assert!(!store.hold(&[9; 16], true).await.unwrap());
        assert_eq!(due().await, [2]);
        assert!(!store.shred(&[1; 16], 600).await.unwrap(), "it is held");
        assert!(store.shred(&[2; 16], 600).await.unwrap());
        assert!(!store.shred(&[2; 16], 601).await.unwrap(), "once is enough");
        assert_eq!(due().await, [2], "it is not done yet");
        assert!(!store.hold(&[2; 16], true).await.unwrap(), "it is too late");
        store.shredded(&[2; 16], 5).await.unwrap();
        let row = store.session(&[2; 16]).await.unwrap().unwrap();
        assert_eq!((row.held, row.shredded_at, row.bytes), (false, Some(600), 5));
        assert!(store.hold(&[1; 16], false).await.unwrap());
        assert_eq!(due().await, [1]);
    }
}
