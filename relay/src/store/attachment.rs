//! Files of tickets, as rows. What one may hold, the desk decides.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, number, signed};

/// A file to keep.
#[derive(Debug, Clone)]
pub struct NewAttachment<'a> {
    /// The ticket's number.
    pub ticket: u64,
    /// Login.
    pub author: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// SHA-256 of `content`.
    pub sha256: [u8; 32],
    /// The file.
    pub content: &'a [u8],
}

/// A file as kept, without what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentRow {
    /// In its ticket, from 1.
    pub number: u64,
    /// What it is called.
    pub name: String,
    /// Login.
    pub author: String,
    /// Seconds.
    pub at: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of what it holds.
    pub sha256: [u8; 32],
}

/// How much a ticket may have.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Files.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Store {
    /// Keeps a file with a ticket that exists; one of the same name and content stands once. `false`,
    /// and nothing changed, where it would be more than `most`.
    ///
    /// # Errors
    /// [`StoreError`], also where there is no such ticket.
    pub async fn attach(
        &self,
        new: &NewAttachment<'_>,
        most: Most,
        now: u64,
    ) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        let ticket = signed(new.ticket)?;
        let same = sqlx::query(
            "SELECT number FROM attachments WHERE ticket = $1 AND sha256 = $2 AND name = $3",
        )
        .bind(ticket)
        .bind(new.sha256.as_slice())
        .bind(new.name)
        .fetch_optional(&mut *writing)
        .await?;
        if same.is_some() {
            return Ok(true);
        }
        let held = sqlx::query(
            "SELECT COUNT(*) AS files, COALESCE(SUM(bytes), 0) AS bytes FROM attachments \
             WHERE ticket = $1",
        )
        .bind(ticket)
        .fetch_one(&mut *writing)
        .await?;
        let bytes = u64::try_from(new.content.len()).unwrap_or(u64::MAX);
        let files = number(&held, "files")?.saturating_add(1);
        if files > most.files || number(&held, "bytes")?.saturating_add(bytes) > most.bytes {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO attachments (ticket, number, name, author, at, bytes, sha256, content) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(ticket)
        .bind(signed(files)?)
        .bind(new.name)
        .bind(new.author)
        .bind(signed(now)?)
        .bind(signed(bytes)?)
        .bind(new.sha256.as_slice())
        .bind(new.content)
        .execute(&mut *writing)
        .await?;
        sqlx::query("UPDATE tickets SET changed_at = $1 WHERE number = $2")
            .bind(signed(now)?)
            .bind(ticket)
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(true)
    }

    /// A ticket's files, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attachments(&self, ticket: u64) -> Result<Vec<AttachmentRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, name, author, at, bytes, sha256 FROM attachments WHERE ticket = $1 \
             ORDER BY number",
        )
        .bind(signed(ticket)?)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(attachment_row).collect()
    }

    /// One file and what it holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attachment(
        &self,
        ticket: u64,
        number: u64,
    ) -> Result<Option<(AttachmentRow, Vec<u8>)>, StoreError> {
        let Ok(number) = signed(number) else { return Ok(None) };
        let row = sqlx::query("SELECT * FROM attachments WHERE ticket = $1 AND number = $2")
            .bind(signed(ticket)?)
            .bind(number)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok((attachment_row(&row)?, row.try_get("content")?))).transpose()
    }
}

fn attachment_row(row: &SqliteRow) -> Result<AttachmentRow, StoreError> {
    let sha256: Vec<u8> = row.try_get("sha256")?;
    Ok(AttachmentRow {
        number: number(row, "number")?,
        name: row.try_get("name")?,
        author: row.try_get("author")?,
        at: number(row, "at")?,
        bytes: number(row, "bytes")?,
        sha256: sha256.try_into().map_err(|_| StoreError::Value("sha256"))?,
    })
}
