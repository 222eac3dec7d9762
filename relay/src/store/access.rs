//! Who was handed which recording, who had one kept, and why: what the log of sessions has a
//! commitment to, and nothing more.

use super::{Store, StoreError, next, signed};

/// What somebody did with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Act {
    /// Took a copy.
    Download = 1,
    /// Looked at it.
    Replay = 2,
    /// Turned it into something else.
    Export = 3,
    /// Verified it.
    Verification = 4,
    /// Had it kept beyond its time.
    Hold = 10,
    /// Had it kept no longer.
    Release = 11,
}

/// One such act.
#[derive(Debug, Clone)]
pub struct NewAccess<'a> {
    /// Whose recording.
    pub session: &'a [u8; 16],
    /// What.
    pub act: Act,
    /// Who.
    pub login: &'a str,
    /// Why.
    pub reason: &'a str,
    /// What hides both in the log.
    pub salt: &'a [u8; 32],
    /// Seconds.
    pub at: u64,
}

impl Store {
    /// Writes down who does what with a recording and why; on disk when this returns. Call it
    /// before it is done.
    ///
    /// # Errors
    /// [`StoreError`]; then do nothing.
    pub async fn log_access(&self, new: &NewAccess<'_>) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        let number = next(&mut writing, "access").await?;
        sqlx::query(
            "INSERT INTO accesses (number, session, login, at, reason, kind, salt) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(signed(number)?)
        .bind(new.session.as_slice())
        .bind(new.login)
        .bind(signed(new.at)?)
        .bind(new.reason)
        .bind(i64::from(new.act as u8))
        .bind(new.salt.as_slice())
        .execute(&mut *writing)
        .await?;
        Ok(writing.commit().await?)
    }

    /// Who did what with a recording: login, seconds, reason, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accesses(
        &self,
        session: &[u8; 16],
    ) -> Result<Vec<(String, u64, String)>, StoreError> {
        use sqlx::Row as _;
        let rows = sqlx::query(
            "SELECT login, at, reason FROM accesses WHERE session = $1 ORDER BY number",
        )
        .bind(session.as_slice())
        .fetch_all(&self.pool)
        .await?;
        let row = |row| {
            let at = super::number(row, "at")?;
            Ok((row.try_get("login")?, at, row.try_get("reason")?))
        };
        rows.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::leaves::tests::with_session;

    #[tokio::test]
    async fn accesses_are_kept_in_order() {
        let (store, _folder) = with_session(1).await;
        for (act, reason, at) in [(Act::Download, "complaint 7", 5), (Act::Hold, "court order", 6)]
        {
            let (session, salt) = (&[1; 16], &[9; 32]);
            let new = NewAccess { session, act, login: "mona", reason, salt, at };
            store.log_access(&new).await.unwrap();
        }
        let expected = vec![
            ("mona".into(), 5, "complaint 7".into()),
            ("mona".into(), 6, "court order".into()),
        ];
        assert_eq!(store.accesses(&[1; 16]).await.unwrap(), expected);
    }
}
