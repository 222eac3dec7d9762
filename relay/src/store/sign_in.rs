//! A sign-in under way: what is known of the key, the login and the person, in the transaction that
//! writes the certificate.

use std::sync::Arc;

use sqlx::Row as _;

use super::people::finish;
use super::watch::Watch;
use super::{Store, StoreError, StoredPolicy, Technician, Writing, next, number};

/// A sign-in that has the write lock. Dropped, it never happened.
#[derive(Debug)]
pub struct SigningIn {
    writing: Writing,
    watch: Arc<Watch>,
    /// The serial that the certificate must carry: the one that this key has already, or the next.
    pub serial: u64,
    /// Whether this person, or this key, was revoked.
    pub revoked: bool,
    /// Whether the login is somebody else's.
    pub taken: bool,
    /// Whether the key is somebody else's.
    pub foreign_key: bool,
    /// The policy of now.
    pub policy: Option<StoredPolicy>,
}

impl Store {
    /// Begins to sign somebody in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sign_in(
        &self,
        key: &[u8; 32],
        login: &str,
        subject: &str,
    ) -> Result<SigningIn, StoreError> {
        let mut writing = self.writing().await?;
        let rows = sqlx::query(
            "SELECT serial, login, subject, revoked_at IS NOT NULL AS revoked, \
             public_key = $1 AS same_key FROM technicians \
             WHERE public_key = $1 OR login = $2 OR subject = $3",
        )
        .bind(key.as_slice())
        .bind(login)
        .bind(subject)
        .fetch_all(&mut *writing)
        .await?;
        let (mut held, mut revoked, mut taken, mut foreign_key) = (None, false, false, false);
        for row in &rows {
            let whose: Option<String> = row.try_get("subject")?;
            let own = whose.as_deref() == Some(subject);
            let same_key: bool = row.try_get("same_key")?;
            let same_login = row.try_get::<String, _>("login")? == login;
            revoked |= (own || same_key) && row.try_get::<bool, _>("revoked")?;
            taken |= same_login && !own;
            foreign_key |= same_key && !own;
            if same_key && own {
                held = Some(number(row, "serial")?);
            }
        }
        let serial = match held {
            Some(serial) => serial,
            None => next(&mut writing, "certificate").await?,
        };
        let policy = super::policy::latest(&mut writing).await?;
        let watch = self.watch.clone();
        Ok(SigningIn { writing, watch, serial, revoked, taken, foreign_key, policy })
    }
}

impl SigningIn {
    /// Writes the certificate, and the policy where it was signed anew, all or nothing. `false`
    /// where the policy's serial does not grow; then nothing happened.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish(
        self,
        who: &Technician,
        policy: Option<&StoredPolicy>,
    ) -> Result<bool, StoreError> {
        finish(self.writing, &self.watch, who, policy).await
    }
}
