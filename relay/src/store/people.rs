//! Who works here: invitations that are good once, and the keys that were enrolled with them.

use std::sync::Arc;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::watch::Watch;
use super::{Store, StoreError, StoredPolicy, Writing, array, maybe_number, next, number, signed};

/// Roles as kept: their words, joined by commas.
pub type RolesText = String;

/// An invitation to write down. Of the secret only the hash is kept.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// SHA-256 of the token's secret.
    pub secret_sha256: [u8; 32],
    /// Empty where whoever enrols chooses it (the first person).
    pub login: String,
    /// Likewise.
    pub name: String,
    /// What the person may do.
    pub roles: RolesText,
    /// Seconds.
    pub created_at: u64,
    /// Seconds; from then on it is as good as used.
    pub expires_at: u64,
    /// How long the certificate will be good, where that is not the usual time.
    pub valid_seconds: Option<u64>,
}

/// What an invitation promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Empty where whoever enrols chooses it.
    pub login: String,
    /// Likewise.
    pub name: String,
    /// What the person may do.
    pub roles: RolesText,
    /// Seconds.
    pub expires_at: u64,
    /// How long the certificate will be good, where that is not the usual time.
    pub valid_seconds: Option<u64>,
}

/// How a certificate gets a later end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Its holder's program asks for it.
    ByItself,
    /// Its holder signs in again.
    BySignIn,
    /// It ends when it ends.
    Never,
}

const RENEWALS: [(Renewal, u64); 3] =
    [(Renewal::ByItself, 0), (Renewal::BySignIn, 1), (Renewal::Never, 2)];

impl Renewal {
    fn number(self) -> u64 {
        RENEWALS.iter().find(|(known, _)| *known == self).map_or(2, |(_, number)| *number)
    }

    fn of(number: u64) -> Result<Self, StoreError> {
        let known = RENEWALS.iter().find(|(_, known)| *known == number);
        known.map(|(renewal, _)| *renewal).ok_or(StoreError::Value("renewal"))
    }
}

/// An enrolled key and its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Technician {
    /// Of the certificate.
    pub serial: u64,
    /// Short name, unique per person.
    pub login: String,
    /// As users see it.
    pub name: String,
    /// What the person may do.
    pub roles: RolesText,
    /// The long-term key.
    pub public_key: [u8; 32],
    /// Encoded `Signed` of the certificate.
    pub certificate: Vec<u8>,
    /// Seconds.
    pub enrolled_at: u64,
    /// Seconds.
    pub expires_at: u64,
    /// Seconds, where it no longer counts.
    pub revoked_at: Option<u64>,
    /// Seconds, to the minute; `None` where nobody was ever seen with it.
    pub seen_at: Option<u64>,
    /// How it gets a later end.
    pub renewal: Renewal,
    /// Issuer and subject at the provider, where somebody signed in.
    pub subject: Option<String>,
    /// age recipient that came with an auditor's enrolment; empty where none did, or where that was
    /// before it was written down.
    pub recipient: String,
}

/// An enrolment under way: the invitation is spent in here, and nowhere else until [`Self::finish`].
/// Dropped, it never happened.
#[derive(Debug)]
pub struct Enrolling {
    pub(super) writing: Writing,
    watch: Arc<Watch>,
    /// What the invitation promised.
    pub invitation: Invitation,
    /// The serial that the certificate must carry.
    pub serial: u64,
    /// The policy of now.
    pub policy: Option<StoredPolicy>,
}

impl Store {
    /// Writes an invitation down.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invite(&self, new: &NewInvitation) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        insert_invitation(&mut writing, new).await?;
        Ok(writing.commit().await?)
    }

    /// Invitations that can still be used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invitations(&self, now: u64) -> Result<Vec<Invitation>, StoreError> {
        let rows = sqlx::query(
            "SELECT login, name, roles, expires_at, valid_seconds FROM invitations \
             WHERE used_at IS NULL AND expires_at > $1 ORDER BY created_at, login",
        )
        .bind(signed(now)?)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(invitation).collect()
    }

    /// Spends an invitation: `None` where it is unknown, used or expired. One statement decides,
    /// so two that come at once cannot both win.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrol(
        &self,
        secret_sha256: &[u8; 32],
        now: u64,
    ) -> Result<Option<Enrolling>, StoreError> {
        let mut writing = self.writing().await?;
        let row = sqlx::query(
            "UPDATE invitations SET used_at = $1 \
             WHERE secret_sha256 = $2 AND used_at IS NULL AND expires_at > $1 \
             RETURNING login, name, roles, expires_at, valid_seconds",
        )
        .bind(signed(now)?)
        .bind(secret_sha256.as_slice())
        .fetch_optional(&mut *writing)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let invitation = invitation(&row)?;
        let serial = next(&mut writing, "certificate").await?;
        let policy = super::policy::latest(&mut writing).await?;
        let watch = self.watch.clone();
        Ok(Some(Enrolling { writing, watch, invitation, serial, policy }))
    }

    /// Everybody who was ever enrolled, by login.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn technicians(&self) -> Result<Vec<Technician>, StoreError> {
        let rows = sqlx::query("SELECT * FROM technicians ORDER BY login, serial")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(technician).collect()
    }

    /// Whom a key belongs to, revoked or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn technician(&self, key: &[u8; 32]) -> Result<Option<Technician>, StoreError> {
        let row = sqlx::query("SELECT * FROM technicians WHERE public_key = $1")
            .bind(key.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(technician).transpose()
    }

    /// Whose a certificate is, revoked or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn technician_of(&self, serial: u64) -> Result<Option<Technician>, StoreError> {
        let row = sqlx::query("SELECT * FROM technicians WHERE serial = $1")
            .bind(signed(serial)?)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(technician).transpose()
    }

    /// A certificate has a later end. `false`, and nothing changed, where it was revoked meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew(
        &self,
        serial: u64,
        certificate: &[u8],
        expires_at: u64,
    ) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        let done = sqlx::query(
            "UPDATE technicians SET certificate = $1, expires_at = $2 \
             WHERE serial = $3 AND revoked_at IS NULL",
        )
        .bind(certificate)
        .bind(signed(expires_at)?)
        .bind(signed(serial)?)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        self.watch.changed();
        Ok(done.rows_affected() == 1)
    }

    /// Writes down when the holders of these certificates were here: serial and seconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_seen(&self, seen: &[(u64, u64)]) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        for (serial, at) in seen {
            sqlx::query("UPDATE technicians SET seen_at = $1 WHERE serial = $2")
                .bind(signed(*at)?)
                .bind(signed(*serial)?)
                .execute(&mut *writing)
                .await?;
        }
        Ok(writing.commit().await?)
    }

    /// Revokes every certificate of a login and every invitation that waits for it. Gives the
    /// serials that counted until now, and whether the login is known at all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(&self, login: &str, now: u64) -> Result<Option<Vec<u64>>, StoreError> {
        let mut writing = self.writing().await?;
        let known = sqlx::query(
            "SELECT login FROM technicians WHERE login = $1 \
             UNION SELECT login FROM invitations WHERE login = $1 AND used_at IS NULL",
        )
        .bind(login)
        .fetch_optional(&mut *writing)
        .await?;
        if known.is_none() {
            return Ok(None);
        }
        let rows = sqlx::query(
            "UPDATE technicians SET revoked_at = $1 \
             WHERE login = $2 AND revoked_at IS NULL RETURNING serial",
        )
        .bind(signed(now)?)
        .bind(login)
        .fetch_all(&mut *writing)
        .await?;
        sqlx::query("UPDATE invitations SET used_at = $1 WHERE login = $2 AND used_at IS NULL")
            .bind(signed(now)?)
            .bind(login)
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        self.watch.changed();
        rows.iter().map(|row| number(row, "serial")).collect::<Result<_, _>>().map(Some)
    }

    /// Serials of revoked certificates that have not run out by themselves, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoked(&self, now: u64) -> Result<Vec<u64>, StoreError> {
        let rows = sqlx::query(
            "SELECT serial FROM technicians \
             WHERE revoked_at IS NOT NULL AND expires_at > $1 ORDER BY serial",
        )
        .bind(signed(now)?)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| number(row, "serial")).collect()
    }
}

impl Enrolling {
    /// Whether somebody holds this login already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn login_taken(&mut self, login: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT serial FROM technicians WHERE login = $1 LIMIT 1")
            .bind(login)
            .fetch_optional(&mut *self.writing)
            .await?;
        Ok(row.is_some())
    }

    /// Whether this key was enrolled before: a key has one certificate.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_taken(&mut self, key: &[u8; 32]) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT serial FROM technicians WHERE public_key = $1")
            .bind(key.as_slice())
            .fetch_optional(&mut *self.writing)
            .await?;
        Ok(row.is_some())
    }

    /// Writes the new key, and the policy where it was signed anew, all or nothing. `false` where
    /// the policy's serial does not grow; then nothing happened.
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

/// The end of an enrolment or a sign-in.
pub(super) async fn finish(
    mut writing: Writing,
    watch: &Watch,
    who: &Technician,
    policy: Option<&StoredPolicy>,
) -> Result<bool, StoreError> {
    put_technician(&mut writing, who).await?;
    if let Some(policy) = policy
        && !super::policy::insert(&mut writing, policy, who.enrolled_at).await?
    {
        return Ok(false);
    }
    writing.commit().await?;
    watch.changed();
    Ok(true)
}

pub(super) async fn insert_invitation(
    writing: &mut Writing,
    new: &NewInvitation,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO invitations \
         (secret_sha256, login, name, roles, created_at, expires_at, valid_seconds) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.secret_sha256.as_slice())
    .bind(&new.login)
    .bind(&new.name)
    .bind(&new.roles)
    .bind(signed(new.created_at)?)
    .bind(signed(new.expires_at)?)
    .bind(new.valid_seconds.map(signed).transpose()?)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Writes a key and its certificate, or the next certificate of the same serial.
pub(super) async fn put_technician(
    writing: &mut Writing,
    who: &Technician,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO technicians \
         (serial, login, name, roles, public_key, certificate, enrolled_at, expires_at, \
         renewal, subject, recipient) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (serial) DO UPDATE SET login = $2, name = $3, roles = $4, certificate = $6, \
         expires_at = $8, renewal = $9, subject = $10, \
         recipient = CASE WHEN $11 = '' THEN recipient ELSE $11 END",
    )
    .bind(signed(who.serial)?)
    .bind(&who.login)
    .bind(&who.name)
    .bind(&who.roles)
    .bind(who.public_key.as_slice())
    .bind(&who.certificate)
    .bind(signed(who.enrolled_at)?)
    .bind(signed(who.expires_at)?)
    .bind(signed(who.renewal.number())?)
    .bind(&who.subject)
    .bind(&who.recipient)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

fn invitation(row: &SqliteRow) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        login: row.try_get("login")?,
        name: row.try_get("name")?,
        roles: row.try_get("roles")?,
        expires_at: number(row, "expires_at")?,
        valid_seconds: maybe_number(row, "valid_seconds")?,
    })
}

fn technician(row: &SqliteRow) -> Result<Technician, StoreError> {
    Ok(Technician {
        serial: number(row, "serial")?,
        login: row.try_get("login")?,
        name: row.try_get("name")?,
        roles: row.try_get("roles")?,
        public_key: array(row, "public_key")?,
        certificate: row.try_get("certificate")?,
        enrolled_at: number(row, "enrolled_at")?,
        expires_at: number(row, "expires_at")?,
        revoked_at: maybe_number(row, "revoked_at")?,
        seen_at: maybe_number(row, "seen_at")?,
        renewal: Renewal::of(number(row, "renewal")?)?,
        subject: row.try_get("subject")?,
        recipient: row.try_get("recipient")?,
    })
}
