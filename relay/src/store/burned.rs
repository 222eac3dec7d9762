//! Codes that were spent on a wrong guess: who, on which ticket, when. Nothing of the code itself.

use sqlx::Row as _;

use super::{Store, StoreError, number, signed};

/// One such code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burned {
    /// The ticket that it was tried for.
    pub ticket: String,
    /// Seconds.
    pub at: u64,
}

/// Rows of one person that are looked at, the newest: more than lock anybody.
const MAX_READ: u32 = 64;

impl Store {
    /// What a login has burned since a time, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn burned(&self, login: &str, since: u64) -> Result<Vec<Burned>, StoreError> {
        let rows = sqlx::query(
            "SELECT ticket, at FROM burned WHERE login = $1 AND at >= $2 ORDER BY at DESC LIMIT $3",
        )
        .bind(login)
        .bind(signed(since)?)
        .bind(MAX_READ)
        .fetch_all(&self.pool)
        .await?;
        let read =
            |row| Ok(Burned { ticket: sqlx::Row::try_get(row, "ticket")?, at: number(row, "at")? });
        rows.iter().map(read).collect()
    }

    /// Writes one down, and forgets everybody's from before `forget`. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn burn(
        &self,
        login: &str,
        ticket: &str,
        now: u64,
        forget: u64,
    ) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        sqlx::query("DELETE FROM burned WHERE at < $1")
            .bind(signed(forget)?)
            .execute(&mut *writing)
            .await?;
        sqlx::query("INSERT INTO burned (login, ticket, at) VALUES ($1, $2, $3)")
            .bind(login)
            .bind(ticket)
            .bind(signed(now)?)
            .execute(&mut *writing)
            .await?;
        Ok(writing.commit().await?)
    }

    /// Forgets what a login has burned, on one ticket or on all. Gives how many; `None` where nobody
    /// has that login.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forgive(
        &self,
        login: &str,
        ticket: Option<&str>,
    ) -> Result<Option<u64>, StoreError> {
        let mut writing = self.writing().await?;
        let known = sqlx::query("SELECT COUNT(*) AS known FROM technicians WHERE login = $1")
            .bind(login)
            .fetch_one(&mut *writing)
            .await?;
        if known.try_get::<i64, _>("known")? == 0 {
            return Ok(None);
        }
        let gone =
            sqlx::query("DELETE FROM burned WHERE login = $1 AND ($2 IS NULL OR ticket = $2)")
                .bind(login)
                .bind(ticket)
                .execute(&mut *writing)
                .await?;
        writing.commit().await?;
        Ok(Some(gone.rows_affected()))
    }
}
