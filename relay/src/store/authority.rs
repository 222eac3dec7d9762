//! Another authority key, as the database sees it.

use super::{Store, StoreError, StoredPolicy, put_setting, signed};
use crate::node::ORGANISATION;
use crate::rotation::SETTING;

/// Everything that changes with the authority key.
#[derive(Debug, Clone)]
pub struct NewAuthority {
    /// The new key, public half.
    pub organisation: [u8; 32],
    /// What is told of keys from then on.
    pub rotations: Vec<u8>,
    /// Certificates under the new key, by serial, encoded `Signed`.
    pub certificates: Vec<(u64, Vec<u8>)>,
    /// The policy under the new key.
    pub policy: StoredPolicy,
}

impl Store {
    /// Puts another authority key in force, all or nothing. `false`, and nothing changed, where the
    /// policy's serial does not grow.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotate_authority(&self, new: &NewAuthority, now: u64) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        if !super::policy::insert(&mut writing, &new.policy, now).await? {
            return Ok(false);
        }
        put_setting(&mut writing, ORGANISATION, &new.organisation).await?;
        put_setting(&mut writing, SETTING, &new.rotations).await?;
        for (serial, certificate) in &new.certificates {
            // The second one lies ready for whoever has not fetched it yet.
            for update in [
                "UPDATE technicians SET certificate = $1 WHERE serial = $2",
                "UPDATE requests SET certificate = $1 \
                 WHERE serial = $2 AND certificate IS NOT NULL",
            ] {
                sqlx::query(update)
                    .bind(certificate)
                    .bind(signed(*serial)?)
                    .execute(&mut *writing)
                    .await?;
            }
        }
        writing.commit().await?;
        self.watch.changed();
        Ok(true)
    }
}
