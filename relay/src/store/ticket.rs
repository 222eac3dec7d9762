//! Tickets and their notes, as rows. What may stand in them, the desk decides.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, next, number, signed};

/// A ticket to write down; its number comes from the counter.
#[derive(Debug, Clone)]
pub struct NewTicket {
    /// One line.
    pub subject: String,
    /// Who asked.
    pub requester: String,
    /// How to reach them.
    pub contact: String,
    /// What is wrong.
    pub description: String,
    /// Number of `signal::Status`.
    pub status: i32,
}

/// A ticket as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// Unique, ascending from 1001.
    pub number: u64,
    /// One line.
    pub subject: String,
    /// Who asked.
    pub requester: String,
    /// How to reach them.
    pub contact: String,
    /// What is wrong.
    pub description: String,
    /// Number of `signal::Status`.
    pub status: i32,
    /// Seconds.
    pub created_at: u64,
    /// Seconds.
    pub changed_at: u64,
}

/// A note to write down.
#[derive(Debug, Clone)]
pub struct NewNote {
    /// The ticket's number.
    pub ticket: u64,
    /// Login.
    pub author: String,
    /// What it says.
    pub text: String,
    /// Whether the requester may read it.
    pub public: bool,
    /// A session's note: the session and the encoded `Signed`.
    pub session: Option<([u8; 16], Vec<u8>)>,
}

/// A note as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteRow {
    /// Login.
    pub author: String,
    /// Seconds.
    pub at: u64,
    /// What it says.
    pub text: String,
    /// Whether the requester may read it.
    pub public: bool,
    /// Encoded `Signed` of a session's note.
    pub signed: Option<Vec<u8>>,
}

impl Store {
    /// Writes a ticket down and gives its number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn new_ticket(&self, new: &NewTicket, now: u64) -> Result<u64, StoreError> {
        let mut writing = self.writing().await?;
        let number = next(&mut writing, "ticket").await?;
        sqlx::query(
            "INSERT INTO tickets (number, subject, requester, contact, description, status, \
             created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        )
        .bind(signed(number)?)
        .bind(&new.subject)
        .bind(&new.requester)
        .bind(&new.contact)
        .bind(&new.description)
        .bind(i64::from(new.status))
        .bind(signed(now)?)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(number)
    }

    /// One ticket.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ticket(&self, number: u64) -> Result<Option<TicketRow>, StoreError> {
        let Ok(number) = signed(number) else { return Ok(None) };
        let row = sqlx::query("SELECT * FROM tickets WHERE number = $1")
            .bind(number)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(ticket_row).transpose()
    }

    /// Tickets whose status is one of `first` before all others, within each the last changed
    /// first; with `all` unset only those. At most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tickets(
        &self,
        first: [i32; 3],
        all: bool,
        limit: u32,
    ) -> Result<Vec<TicketRow>, StoreError> {
        let [a, b, c] = first.map(i64::from);
        let rows = sqlx::query(
            "SELECT * FROM tickets WHERE $4 = 1 OR status IN ($1, $2, $3) \
             ORDER BY CASE WHEN status IN ($1, $2, $3) THEN 0 ELSE 1 END, \
             changed_at DESC, number DESC LIMIT $5",
        )
        .bind(a)
        .bind(b)
        .bind(c)
        .bind(i64::from(all))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(ticket_row).collect()
    }

    /// Sets a ticket's status. `false` where there is no such ticket.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_status(&self, number: u64, status: i32, now: u64) -> Result<bool, StoreError> {
        let Ok(number) = signed(number) else { return Ok(false) };
        let done = sqlx::query("UPDATE tickets SET status = $1, changed_at = $2 WHERE number = $3")
            .bind(i64::from(status))
            .bind(signed(now)?)
            .bind(number)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Appends a note to a ticket that exists. `false`, and nothing changed, where the session has
    /// its note already.
    ///
    /// # Errors
    /// [`StoreError`], also where there is no such ticket.
    pub async fn append_note(&self, new: &NewNote, now: u64) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        let session = new.session.as_ref().map(|(session, _)| session.as_slice());
        let blob = new.session.as_ref().map(|(_, blob)| blob.as_slice());
        let done = sqlx::query(
            "INSERT INTO notes (ticket, number, author, at, text, public, session, signed) \
             VALUES ($1, (SELECT COUNT(*) FROM notes WHERE ticket = $1), $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (session) DO NOTHING",
        )
        .bind(signed(new.ticket)?)
        .bind(&new.author)
        .bind(signed(now)?)
        .bind(&new.text)
        .bind(i64::from(new.public))
        .bind(session)
        .bind(blob)
        .execute(&mut *writing)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("UPDATE tickets SET changed_at = $1 WHERE number = $2")
            .bind(signed(now)?)
            .bind(signed(new.ticket)?)
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(true)
    }

    /// A ticket's newest notes, at most `limit`, newest first, and how many there are in all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notes(&self, ticket: u64, limit: u32) -> Result<(Vec<NoteRow>, u64), StoreError> {
        let count = sqlx::query("SELECT COUNT(*) AS count FROM notes WHERE ticket = $1")
            .bind(signed(ticket)?)
            .fetch_one(&self.pool)
            .await?;
        let rows =
            sqlx::query("SELECT * FROM notes WHERE ticket = $1 ORDER BY number DESC LIMIT $2")
                .bind(signed(ticket)?)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
        let notes = rows.iter().map(note_row).collect::<Result<_, _>>()?;
        Ok((notes, number(&count, "count")?))
    }

    /// The signed note of a session, and the number of the ticket that it stands on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session_note(
        &self,
        session: &[u8; 16],
    ) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let row = sqlx::query("SELECT ticket, signed FROM notes WHERE session = $1")
            .bind(session.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok((number(&row, "ticket")?, row.try_get("signed")?))).transpose()
    }
}

fn ticket_row(row: &SqliteRow) -> Result<TicketRow, StoreError> {
    let status: i64 = row.try_get("status")?;
    Ok(TicketRow {
        number: number(row, "number")?,
        subject: row.try_get("subject")?,
        requester: row.try_get("requester")?,
        contact: row.try_get("contact")?,
        description: row.try_get("description")?,
        status: i32::try_from(status).map_err(|_| StoreError::Value("status"))?,
        created_at: number(row, "created_at")?,
        changed_at: number(row, "changed_at")?,
    })
}

fn note_row(row: &SqliteRow) -> Result<NoteRow, StoreError> {
    Ok(NoteRow {
        author: row.try_get("author")?,
        at: number(row, "at")?,
        text: row.try_get("text")?,
        public: row.try_get::<i64, _>("public")? != 0,
        signed: row.try_get("signed")?,
    })
}
