//! Who waits for a certificate while the authority's key is away.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::people::put_technician;
use super::{
    Enrolling, RolesText, Store, StoreError, StoredPolicy, Technician, array, maybe_number, number,
    signed,
};

/// A certificate that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest {
    /// The serial that it must carry.
    pub serial: u64,
    /// SHA-256 of the token's secret; `None` where it follows one that its holder has.
    pub invitation: Option<[u8; 32]>,
    /// Short name.
    pub login: String,
    /// As users see it.
    pub name: String,
    /// What the person may do.
    pub roles: RolesText,
    /// The long-term key.
    pub public_key: [u8; 32],
    /// age recipient, for the role auditor; else empty.
    pub recipient: String,
    /// How long it will be good, where that is not the usual time.
    pub valid_seconds: Option<u64>,
    /// Seconds.
    pub asked_at: u64,
    /// Encoded `Signed`, once it was signed.
    pub certificate: Option<Vec<u8>>,
}

impl Store {
    /// What waits to be signed, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn requests(&self) -> Result<Vec<SigningRequest>, StoreError> {
        let rows = sqlx::query("SELECT * FROM requests WHERE certificate IS NULL ORDER BY serial")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(request).collect()
    }

    /// What waits for the holder of a token, signed or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn request_of(
        &self,
        invitation: &[u8; 32],
    ) -> Result<Option<SigningRequest>, StoreError> {
        let row = sqlx::query("SELECT * FROM requests WHERE invitation = $1")
            .bind(invitation.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(request).transpose()
    }

    /// Somebody who is enrolled needs a later end. Asking again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ask_renewal(&self, who: &Technician, now: u64) -> Result<(), StoreError> {
        let wish = SigningRequest {
            serial: who.serial,
            invitation: None,
            login: who.login.clone(),
            name: who.name.clone(),
            roles: who.roles.clone(),
            public_key: who.public_key,
            recipient: String::new(),
            valid_seconds: None,
            asked_at: now,
            certificate: None,
        };
        let mut writing = self.writing().await?;
        insert(&mut writing, &wish).await?;
        Ok(writing.commit().await?)
    }

    /// The holder of the token has the certificate: the token is spent for good.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_request(&self, serial: u64) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        forget(&mut writing, serial).await?;
        Ok(writing.commit().await?)
    }

    /// Writes certificates that were signed elsewhere, and the policy where it was signed anew, all
    /// or nothing. `false` where the policy's serial does not grow; then nothing happened.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn import(
        &self,
        rows: &[Technician],
        policy: Option<&StoredPolicy>,
        now: u64,
    ) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        if let Some(policy) = policy
            && !super::policy::insert(&mut writing, policy, now).await?
        {
            return Ok(false);
        }
        for row in rows {
            put_technician(&mut writing, row).await?;
            sqlx::query("UPDATE requests SET certificate = $1 WHERE serial = $2")
                .bind(&row.certificate)
                .bind(signed(row.serial)?)
                .execute(&mut *writing)
                .await?;
            // Whoever has one already gets the later one by asking for it.
            sqlx::query("DELETE FROM requests WHERE serial = $1 AND invitation IS NULL")
                .bind(signed(row.serial)?)
                .execute(&mut *writing)
                .await?;
        }
        writing.commit().await?;
        self.watch.changed();
        Ok(true)
    }
}

impl Enrolling {
    /// The invitation is spent for this request, which waits for the authority's key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wait(mut self, request: &SigningRequest) -> Result<(), StoreError> {
        insert(&mut self.writing, request).await?;
        Ok(self.writing.commit().await?)
    }
}

pub(super) async fn forget(writing: &mut SqliteConnection, serial: u64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM requests WHERE serial = $1")
        .bind(signed(serial)?)
        .execute(writing)
        .await?;
    Ok(())
}

async fn insert(writing: &mut SqliteConnection, new: &SigningRequest) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO requests (serial, invitation, login, name, roles, public_key, recipient, \
         valid_seconds, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (serial) DO NOTHING",
    )
    .bind(signed(new.serial)?)
    .bind(new.invitation.as_ref().map(<[u8; 32]>::as_slice))
    .bind(&new.login)
    .bind(&new.name)
    .bind(&new.roles)
    .bind(new.public_key.as_slice())
    .bind(&new.recipient)
    .bind(new.valid_seconds.map(signed).transpose()?)
    .bind(signed(new.asked_at)?)
    .execute(writing)
    .await?;
    Ok(())
}

fn request(row: &SqliteRow) -> Result<SigningRequest, StoreError> {
    let invitation: Option<Vec<u8>> = row.try_get("invitation")?;
    let invitation = invitation.map(|bytes| bytes.try_into()).transpose();
    Ok(SigningRequest {
        serial: number(row, "serial")?,
        invitation: invitation.map_err(|_| StoreError::Value("invitation"))?,
        login: row.try_get("login")?,
        name: row.try_get("name")?,
        roles: row.try_get("roles")?,
        public_key: array(row, "public_key")?,
        recipient: row.try_get("recipient")?,
        valid_seconds: maybe_number(row, "valid_seconds")?,
        asked_at: number(row, "asked_at")?,
        certificate: row.try_get("certificate")?,
    })
}
