//! The embedded help desk, as far as linking a session to a ticket needs it.
//!
//! It knows what a ticket may hold and which ones count as open; the rows are the store's. Whoever
//! calls has already found out who asks, and may he. Times are seconds since 1970.

mod attachments;

pub use attachments::Wanted;

use deskside_protocol::key::PublicKey;
use deskside_protocol::note::{self as signing, NoteError};
use deskside_protocol::wire::record::Signed;
use deskside_protocol::wire::signal::refused::Code;
use deskside_protocol::wire::signal::{Note, Refused, Status, Ticket, TicketNew};
use prost::Message as _;
use thiserror::Error;

use crate::store::{NewNote, NewTicket, NoteRow, Store, StoreError, TicketRow};

/// The author of what the relay itself notes; no technician's login, since those have an account.
pub const DESK: &str = "desk";
/// The longest subject, in bytes.
pub const MAX_SUBJECT: usize = 400;
/// The longest requester's name, in bytes.
pub const MAX_REQUESTER: usize = 200;
/// The longest contact, in bytes.
pub const MAX_CONTACT: usize = 200;
/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 16 * 1024;
/// The longest note, in bytes.
pub const MAX_NOTE: usize = 16 * 1024;
/// The most tickets in one list: without descriptions at most 250 x 0.9 KiB, below the 256 KiB of
/// a signal.
pub const MAX_LISTED: u32 = 250;
/// The most notes of one ticket that are shown, the newest.
pub const MAX_SHOWN: u32 = 500;
/// Bytes of notes that are shown: with the description and the list of files below the 256 KiB of a
/// signal.
pub const MAX_SHOWN_BYTES: usize = 192 * 1024;

/// Why the desk says no.
#[derive(Debug, Error)]
pub enum DeskError {
    /// No such ticket.
    #[error("there is no ticket {0}")]
    NotFound(String),
    /// A field is empty that must not be.
    #[error("a ticket needs a {0}")]
    Missing(&'static str),
    /// A field is longer than its maximum.
    #[error("the {field} is too long: at most {most} bytes")]
    TooLong {
        /// Which.
        field: &'static str,
        /// Bytes.
        most: usize,
    },
    /// A field holds control characters.
    #[error("the {0} holds control characters")]
    Control(&'static str),
    /// A file that may not be kept.
    #[error("the file cannot be attached: {0}")]
    File(String),
    /// There is no such file on the ticket.
    #[error("ticket {0} has no attachment {1}")]
    NoFile(String, u64),
    /// Not a status of this desk.
    #[error("that is not a status: new, open, waiting, resolved or closed")]
    Status,
    /// A session's note is not signed by who hands it in, or does not belong where it should go.
    #[error("the session's note does not belong here: {0}")]
    SessionNote(&'static str),
    /// The database's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeskError {
    /// What the end is told.
    #[must_use]
    pub fn refusal(&self) -> Refused {
        let code = match self {
            Self::NotFound(_) => Code::TicketNotFound,
            Self::NoFile(..) => Code::NotFound,
            Self::Missing(_)
            | Self::TooLong { .. }
            | Self::Control(_)
            | Self::File(_)
            | Self::Status => Code::BadRequest,
            Self::SessionNote(_) => Code::NotPermitted,
            Self::Store(_) => Code::Trouble,
        };
        Refused { code: code as i32, text: self.to_string() }
    }
}

/// What a session needs to know of its ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// One line.
    pub subject: String,
    /// Whether work may be done on it: New, Open or Waiting.
    pub open: bool,
    /// For the sentence that says why not.
    pub status: Status,
}

/// The tickets in a store. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Desk {
    store: Store,
}

const OPEN: [Status; 3] = [Status::New, Status::Open, Status::Waiting];

impl Desk {
    /// The desk over this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Opens a ticket.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn open(&self, new: &TicketNew, now: u64) -> Result<Ticket, DeskError> {
        let subject = line("subject", &new.subject, MAX_SUBJECT)?;
        if subject.is_empty() {
            return Err(DeskError::Missing("subject"));
        }
        let row = NewTicket {
            subject,
            requester: line("requester", &new.requester, MAX_REQUESTER)?,
            contact: line("contact", &new.contact, MAX_CONTACT)?,
            description: lines("description", &new.description, MAX_DESCRIPTION)?,
            status: Status::New as i32,
        };
        let number = self.store.new_ticket(&row, now).await?;
        self.row(&number.to_string()).await.map(ticket)
    }

    /// Tickets, open ones first and the last changed on top, without descriptions; `all` adds
    /// resolved and closed ones.
    ///
    /// # Errors
    /// [`DeskError::Store`].
    pub async fn list(&self, all: bool) -> Result<Vec<Ticket>, DeskError> {
        let open = OPEN.map(|status| status as i32);
        let rows = self.store.tickets(open, all, MAX_LISTED).await?;
        Ok(rows
            .into_iter()
            .map(|row| Ticket { description: String::new(), ..ticket(row) })
            .collect())
    }

    /// A ticket with its notes, oldest first. Where they are too many the oldest are left out, and
    /// a first note says how many.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn show(&self, id: &str) -> Result<Ticket, DeskError> {
        let row = self.row(id).await?;
        let (rows, count) = self.store.notes(row.number, MAX_SHOWN).await?;
        let mut budget = MAX_SHOWN_BYTES;
        let mut notes = Vec::new();
        for row in rows {
            let note = note(row)?;
            let Some(left) = budget.checked_sub(note.encoded_len()) else { break };
            budget = left;
            notes.push(note);
        }
        let left_out = count.saturating_sub(u64::try_from(notes.len()).unwrap_or(u64::MAX));
        if left_out > 0 {
            notes.push(left_out_note(left_out, row.created_at));
        }
        notes.reverse();
        let attachments = self.attachments(row.number).await?;
        Ok(Ticket { notes, attachments, ..ticket(row) })
    }

    /// What a session needs to know of its ticket.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] or [`DeskError::Store`].
    pub async fn summary(&self, id: &str) -> Result<Summary, DeskError> {
        let row = self.row(id).await?;
        let status = Status::try_from(row.status).unwrap_or(Status::Unspecified);
        Ok(Summary { subject: row.subject, open: OPEN.contains(&status), status })
    }

    /// Appends a note to a ticket, whatever its status, and gives the ticket with its notes.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn note(
        &self,
        id: &str,
        author: &str,
        text: &str,
        public: bool,
        now: u64,
    ) -> Result<Ticket, DeskError> {
        let row = self.row(id).await?;
        let text = lines("note", text, MAX_NOTE)?;
        if text.is_empty() {
            return Err(DeskError::Missing("text for the note"));
        }
        let author = author.to_owned();
        let new = NewNote { ticket: row.number, author, text, public, session: None };
        self.store.append_note(&new, now).await?;
        self.show(id).await
    }

    /// Appends a session's note, which its technician signed. The session must be this relay's, of
    /// this technician (`author`) and on this ticket. Handed in twice it stands once.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn session_note(
        &self,
        id: &str,
        author: &str,
        key: &PublicKey,
        signed: &Signed,
        now: u64,
    ) -> Result<Ticket, DeskError> {
        let row = self.row(id).await?;
        let (session, text) = opened_note(id, key, signed)?;
        let known = self.store.session(&session).await?;
        let known = known.ok_or(DeskError::SessionNote("the relay knows no such session"))?;
        if known.technician != author || known.ticket != id {
            return Err(DeskError::SessionNote("the session is another's"));
        }
        let blob = signed.encode_to_vec();
        let new = NewNote {
            ticket: row.number,
            author: author.to_owned(),
            text,
            public: false,
            session: Some((session, blob.clone())),
        };
        if !self.store.append_note(&new, now).await?
            && self.store.session_note(&session).await? != Some((row.number, blob))
        {
            return Err(DeskError::SessionNote("the session has another note already"));
        }
        self.show(id).await
    }

    /// Sets a ticket's status; any may follow any, so that a closed ticket can be opened again.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn set_status(&self, id: &str, status: i32, now: u64) -> Result<Ticket, DeskError> {
        let row = self.row(id).await?;
        let known = Status::try_from(status).map_err(|_| DeskError::Status)?;
        if known == Status::Unspecified {
            return Err(DeskError::Status);
        }
        self.store.set_status(row.number, status, now).await?;
        self.show(id).await
    }

    async fn row(&self, id: &str) -> Result<TicketRow, DeskError> {
        let missing = || DeskError::NotFound(id.chars().take(20).collect());
        // Only the one way to write a number, so that "01001" is not a second name of 1001.
        let number: u64 = id.parse().map_err(|_| missing())?;
        if number.to_string() != id {
            return Err(missing());
        }
        self.store.ticket(number).await?.ok_or_else(missing)
    }
}

/// Session and text of a signed note, once it proved to be `key`'s and for ticket `id`.
fn opened_note(
    id: &str,
    key: &PublicKey,
    signed: &Signed,
) -> Result<([u8; 16], String), DeskError> {
    let note = signing::open_by(signed, key).map_err(|error| match error {
        NoteError::TooLong => {
            DeskError::TooLong { field: "session's note", most: signing::MAX_NOTE }
        }
        NoteError::Malformed => DeskError::SessionNote("it cannot be read"),
        NoteError::Certificate(_) | NoteError::Signature => {
            DeskError::SessionNote("it is not signed by its technician")
        }
    })?;
    if note.ticket != id {
        return Err(DeskError::SessionNote("it names another ticket"));
    }
    let session = note.session.as_ref().try_into();
    let session = session.map_err(|_| DeskError::SessionNote("it names no session"))?;
    Ok((session, lines("note", &note.text, MAX_NOTE)?))
}

/// One line of text, without the space around it.
fn line(field: &'static str, text: &str, most: usize) -> Result<String, DeskError> {
    bounded(field, text, most, |_| false)
}

/// Text with line breaks and tabs.
fn lines(field: &'static str, text: &str, most: usize) -> Result<String, DeskError> {
    bounded(field, text, most, |c| matches!(c, '\n' | '\r' | '\t'))
}

fn bounded(
    field: &'static str,
    text: &str,
    most: usize,
    allowed: fn(char) -> bool,
) -> Result<String, DeskError> {
    let text = text.trim();
    if text.len() > most {
        return Err(DeskError::TooLong { field, most });
    }
    if text.chars().any(|c| c.is_control() && !allowed(c)) {
        return Err(DeskError::Control(field));
    }
    Ok(text.to_owned())
}

fn ticket(row: TicketRow) -> Ticket {
    Ticket {
        ticket: row.number.to_string(),
        subject: row.subject,
        requester: row.requester,
        contact: row.contact,
        description: row.description,
        status: row.status,
        created: row.created_at,
        changed: row.changed_at,
        notes: Vec::new(),
        attachments: Vec::new(),
    }
}

fn note(row: NoteRow) -> Result<Note, DeskError> {
    let signed = row.signed.map(|blob| Signed::decode(blob.as_slice())).transpose();
    let signed = signed.map_err(|_| StoreError::Value("signed note"))?;
    Ok(Note { author: row.author, time: row.at, text: row.text, public: row.public, signed })
}

fn left_out_note(count: u64, time: u64) -> Note {
    let text = format!("{count} older notes are not shown here");
    Note { author: DESK.to_owned(), time, text, public: false, signed: None }
}

#[cfg(test)]
mod tests;
