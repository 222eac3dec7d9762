//! The signed policies: the newest holds, older ones stay for old recordings.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Store, StoreError, number, signed};

/// A policy as the authority signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPolicy {
    /// Grows with every change.
    pub serial: u64,
    /// Encoded `Signed`.
    pub signed: Vec<u8>,
}

impl Store {
    /// The policy that holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn policy(&self) -> Result<Option<StoredPolicy>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        latest(&mut connection).await
    }

    /// The policy of a serial, whether it still holds or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn policy_of(&self, serial: u64) -> Result<Option<StoredPolicy>, StoreError> {
        let row = sqlx::query("SELECT serial, signed FROM policies WHERE serial = $1")
            .bind(signed(serial)?)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(policy).transpose()
    }

    /// Puts a policy in force. `false`, and nothing changed, where its serial is not above that of
    /// the policy in force.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_policy(&self, policy: &StoredPolicy, now: u64) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        let grew = insert(&mut writing, policy, now).await?;
        writing.commit().await?;
        self.watch.changed();
        Ok(grew)
    }
}

pub(super) async fn latest(
    connection: &mut SqliteConnection,
) -> Result<Option<StoredPolicy>, StoreError> {
    let row = sqlx::query("SELECT serial, signed FROM policies ORDER BY serial DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(policy).transpose()
}

fn policy(row: &SqliteRow) -> Result<StoredPolicy, StoreError> {
    Ok(StoredPolicy { serial: number(row, "serial")?, signed: row.try_get("signed")? })
}

/// Whether the serial grew; only then it is written.
pub(super) async fn insert(
    writing: &mut SqliteConnection,
    policy: &StoredPolicy,
    now: u64,
) -> Result<bool, StoreError> {
    if latest(writing).await?.is_some_and(|held| held.serial >= policy.serial) {
        return Ok(false);
    }
    sqlx::query("INSERT INTO policies (serial, signed, set_at) VALUES ($1, $2, $3)")
        .bind(signed(policy.serial)?)
        .bind(&policy.signed)
        .bind(signed(now)?)
        .execute(writing)
        .await?;
    Ok(true)
}
