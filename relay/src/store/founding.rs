//! The first start of a relay, as the database sees it.

use super::people::insert_invitation;
use super::policy::insert;
use super::{NewInvitation, Store, StoreError, StoredPolicy, put_setting};

impl Store {
    /// The first start, all or nothing: facts, first policy and the first person's invitation.
    /// `false`, and nothing changed, where there was a first start before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn found(
        &self,
        facts: &[(&'static str, &[u8])],
        policy: &StoredPolicy,
        first: &NewInvitation,
    ) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        if !insert(&mut writing, policy, first.created_at).await? {
            return Ok(false);
        }
        for (name, value) in facts {
            put_setting(&mut writing, name, value).await?;
        }
        insert_invitation(&mut writing, first).await?;
        writing.commit().await?;
        Ok(true)
    }
}
