//! Sessions and their recordings.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use deskside_protocol::session::Ends;

use super::writer::Write;
use super::{Place, Store, StoreError, array, maybe_number, number};

/// What brings the ends of a session back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Back {
    /// The session keys, by which an end proves itself.
    pub keys: Ends<[u8; 32]>,
    /// The reattach tokens, which say which session is meant.
    pub tokens: Ends<[u8; 16]>,
    /// Hash of the pairing's transcript, to which every signature is bound.
    pub transcript: [u8; 32],
    /// Serial of the policy in force when it began.
    pub policy: u64,
}

/// A line of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRow {
    /// Its number, from 0.
    pub number: u16,
    /// The labels that were given out for it.
    pub labels: Ends<[u8; 8]>,
}

/// The files line of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilesRow {
    /// Number of the line beside which it is.
    pub line: u16,
    /// Its own beside that line, from 1.
    pub number: u32,
    /// The labels that were given out for it.
    pub labels: Ends<[u8; 8]>,
}

/// A session without an end, as a start finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What is kept of every session.
    pub row: SessionRow,
    /// What brings its ends back, and its last line; `None` for one of a version that had no way
    /// back.
    pub back: Option<(Back, LineRow)>,
    /// Of the certificate that let the technician in, where it is known.
    pub serial: Option<u64>,
}

/// A session that begins.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub session: [u8; 16],
    /// The ticket it is linked to.
    pub ticket: String,
    /// Login of the technician.
    pub technician: String,
    /// Of the certificate that let the technician in.
    pub serial: u64,
    /// The public part of its code.
    pub nameplate: String,
    /// Seconds.
    pub opened_at: u64,
    /// The recording's file, relative to the data folder; empty where nothing is recorded.
    pub recording: String,
    /// What brings its ends back.
    pub back: Back,
    /// Its first line.
    pub line: LineRow,
}

/// How a session ended.
#[derive(Debug, Clone)]
pub struct SessionEnd {
    /// Seconds.
    pub closed_at: u64,
    /// Number of `record::Reason`.
    pub reason: i32,
    /// Size of the recording.
    pub bytes: u64,
    /// Chain hash of its CLOSE block, where there is one.
    pub hash: Option<[u8; 32]>,
}

/// A session as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub session: [u8; 16],
    /// The ticket it is linked to.
    pub ticket: String,
    /// Login of the technician.
    pub technician: String,
    /// The public part of its code.
    pub nameplate: String,
    /// Seconds.
    pub opened_at: u64,
    /// Seconds; `None` while it runs.
    pub closed_at: Option<u64>,
    /// Number of `record::Reason`; 0 while it runs.
    pub reason: i32,
    /// The recording's file, relative to the data folder; empty where nothing was recorded.
    pub recording: String,
    /// Size of the recording; 0 while it runs.
    pub bytes: u64,
    /// Chain hash of its CLOSE block.
    pub hash: Option<[u8; 32]>,
    /// Kept beyond its time.
    pub held: bool,
    /// Since when its seals are being destroyed, in seconds.
    pub shredded_at: Option<u64>,
    /// They are gone, from every copy that the relay has.
    pub shredded: bool,
    /// Where the recording is, once it is finished.
    pub place: Place,
}

impl Store {
    /// Writes down that a session begins; on disk when this returns. Sessions that begin at the same
    /// time share a commit.
    ///
    /// # Errors
    /// [`StoreError`], also where the id exists.
    pub async fn open_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.writer.write(Write::Open(Box::new(new))).await.map(drop)
    }

    /// Writes down the next line of a session; on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`], also where the session has a line of that number.
    pub async fn add_line(&self, session: &[u8; 16], line: LineRow) -> Result<(), StoreError> {
        self.writer.write(Write::Line { session: *session, line }).await.map(drop)
    }

    /// Writes down the files line of a session, in the place of the one before; on disk when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`], also where there is no such session.
    pub async fn keep_files_line(
        &self,
        session: &[u8; 16],
        beside: FilesRow,
    ) -> Result<(), StoreError> {
        self.writer.write(Write::FilesLine { session: *session, beside }).await.map(drop)
    }

    /// The last files line of a session, where it ever had one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn files_line(&self, session: &[u8; 16]) -> Result<Option<FilesRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM files_lines WHERE session = $1")
            .bind(session.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(files_row).transpose()
    }

    /// Writes down how a session ended. `false` where it is unknown or had ended before: the first
    /// end stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close_session(
        &self,
        session: &[u8; 16],
        end: SessionEnd,
    ) -> Result<bool, StoreError> {
        self.writer.write(Write::Close { session: *session, end }).await
    }

    /// The session of a reattach token, whichever end's it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session_by_token(
        &self,
        token: &[u8; 16],
    ) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM sessions WHERE agent_token = $1 \
             UNION ALL SELECT * FROM sessions WHERE technician_token = $1",
        )
        .bind(token.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(session_row).transpose()
    }

    /// One session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(&self, session: &[u8; 16]) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM sessions WHERE session = $1")
            .bind(session.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(session_row).transpose()
    }

    /// Sessions without an end: at a start these are what a crash left behind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unfinished_sessions(&self) -> Result<Vec<Unfinished>, StoreError> {
        let rows = sqlx::query(
            "SELECT sessions.*, lines.number AS line, lines.agent_label, lines.technician_label \
             FROM sessions LEFT JOIN lines ON lines.session = sessions.session \
             AND lines.number = \
             (SELECT MAX(number) FROM lines WHERE lines.session = sessions.session) \
             WHERE closed_at IS NULL ORDER BY opened_at",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(unfinished).collect()
    }
}

pub(super) fn session_row(row: &SqliteRow) -> Result<SessionRow, StoreError> {
    let reason: i64 = row.try_get("reason")?;
    let hash: Option<Vec<u8>> = row.try_get("hash")?;
    Ok(SessionRow {
        session: array(row, "session")?,
        ticket: row.try_get("ticket")?,
        technician: row.try_get("technician")?,
        nameplate: row.try_get("nameplate")?,
        opened_at: number(row, "opened_at")?,
        closed_at: maybe_number(row, "closed_at")?,
        reason: i32::try_from(reason).map_err(|_| StoreError::Value("reason"))?,
        recording: row.try_get("recording")?,
        bytes: number(row, "bytes")?,
        hash: hash
            .map(|hash| hash.try_into().map_err(|_| StoreError::Value("hash")))
            .transpose()?,
        held: row.try_get("held")?,
        shredded_at: maybe_number(row, "shredded_at")?,
        shredded: row.try_get("shredded")?,
        place: Place::from_number(row.try_get("place")?).ok_or(StoreError::Value("place"))?,
    })
}

fn unfinished(row: &SqliteRow) -> Result<Unfinished, StoreError> {
    let (serial, line) = (maybe_number(row, "policy")?, maybe_number(row, "line")?);
    let back = match (serial, line) {
        (Some(policy), Some(line)) => Some((back(row, policy)?, line_row(row, line)?)),
        _ => None,
    };
    let serial = maybe_number(row, "technician_serial")?;
    Ok(Unfinished { row: session_row(row)?, back, serial })
}

fn back(row: &SqliteRow, policy: u64) -> Result<Back, StoreError> {
    Ok(Back {
        keys: Ends { agent: array(row, "agent_key")?, technician: array(row, "technician_key")? },
        tokens: Ends {
            agent: array(row, "agent_token")?,
            technician: array(row, "technician_token")?,
        },
        transcript: array(row, "transcript")?,
        policy,
    })
}

fn line_row(row: &SqliteRow, number: u64) -> Result<LineRow, StoreError> {
    Ok(LineRow {
        number: u16::try_from(number).map_err(|_| StoreError::Value("line"))?,
        labels: Ends {
            agent: array(row, "agent_label")?,
            technician: array(row, "technician_label")?,
        },
    })
}

fn files_row(row: &SqliteRow) -> Result<FilesRow, StoreError> {
    let LineRow { number: line, labels } = line_row(row, number(row, "line")?)?;
    let number = u32::try_from(number(row, "number")?).map_err(|_| StoreError::Value("number"))?;
    Ok(FilesRow { line, number, labels })
}

#[cfg(test)]
mod tests;
