//! Who was handed which recording, who had one kept, and why: what the log of sessions has a
//! commitment to, and nothing more.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, next, number, signed};

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

/// An act as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRow {
    /// From 1, in the order in which they were written down.
    pub number: u64,
    /// Number of an [`Act`].
    pub kind: u32,
    /// Who.
    pub login: String,
    /// Why.
    pub reason: String,
    /// What hides both in the log; `None` in rows of before there was one.
    pub salt: Option<[u8; 32]>,
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

    /// Who did what with a recording, in the order of their numbers: at most `most` of those behind
    /// number `behind`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accesses(
        &self,
        session: &[u8; 16],
        behind: u64,
        most: u32,
    ) -> Result<Vec<AccessRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, kind, login, reason, salt, at FROM accesses \
             WHERE session = $1 AND number > $2 ORDER BY number LIMIT $3",
        )
        .bind(session.as_slice())
        .bind(signed(behind)?)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(access_row).collect()
    }
}

fn access_row(row: &SqliteRow) -> Result<AccessRow, StoreError> {
    let kind = u32::try_from(number(row, "kind")?).map_err(|_| StoreError::Value("kind"))?;
    let salt: Option<Vec<u8>> = row.try_get("salt")?;
    let salt = salt.map(|salt| salt.try_into().map_err(|_| StoreError::Value("salt")));
    Ok(AccessRow {
        number: number(row, "number")?,
        kind,
        login: row.try_get("login")?,
        reason: row.try_get("reason")?,
        salt: salt.transpose()?,
        at: number(row, "at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::leaves::tests::with_session;

    #[tokio::test]
    async fn accesses_are_kept_in_order_and_come_in_pages() {
        let (store, _folder) = with_session(1).await;
        for (id, act, reason, at) in [
            (1, Act::Download, "complaint 7", 5),
            (2, Act::Replay, "another recording", 6),
            (1, Act::Hold, "court order", 7),
        ] {
            let (session, salt) = (&[id; 16], &[9; 32]);
            let new = NewAccess { session, act, login: "mona", reason, salt, at };
            store.log_access(&new).await.unwrap();
        }
        sqlx::query("UPDATE accesses SET salt = NULL WHERE number = 1")
            .execute(&store.pool)
            .await
            .unwrap();
        let row = |number, kind, reason: &str, salt, at| AccessRow {
            number,
            kind,
            login: "mona".into(),
            reason: reason.into(),
            salt,
            at,
        };
        let [first, last] =
            [row(1, 1, "complaint 7", None, 5), row(3, 10, "court order", Some([9; 32]), 7)];
        let page = async |behind, most| store.accesses(&[1; 16], behind, most).await.unwrap();
        assert_eq!(page(0, 9).await, [first.clone(), last.clone()]);
        assert_eq!(page(0, 1).await, [first]);
        assert_eq!(page(1, 9).await, [last]);
        assert_eq!(page(3, 9).await, []);
    }
}
