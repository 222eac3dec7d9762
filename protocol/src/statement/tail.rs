//! What an end keeps in a file of its own of how a session went: its last statement, the other end's
//! last one, the relay's last checkpoint. A recording that was cut is judged against it; a program
//! that was restarted goes on from it.

use prost::Message as _;
use thiserror::Error;

use super::{MAX_STATEMENT, name};
use crate::recording::checkpoint::MAX_NOTE;
use crate::session::{End, SessionId};
use crate::transcript::{HASH, sha256};
use crate::wire::record::{self, Signed};

/// The longest tail as encoded, in bytes: two statements with their signatures, a checkpoint, and
/// 1 KiB for all else.
pub const MAX_TAIL: usize = 2 * MAX_STATEMENT + MAX_NOTE + 1024;

/// Not a tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is not what an end keeps of a session")]
pub struct TailError;

/// The tail of one session at one end. Its statements were verified when they were put in.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail {
    /// Which session.
    pub session: SessionId,
    /// Whose it is.
    pub end: End,
    /// The last statement that this end made.
    pub own: Option<Signed>,
    /// The last one of the other end that this end heard and found true.
    pub other: Option<Signed>,
    /// The text of the relay's last checkpoint, which this end has signed.
    pub checkpoint: Option<String>,
}

impl Tail {
    /// Nothing yet.
    #[must_use]
    pub const fn new(session: SessionId, end: End) -> Self {
        Self { session, end, own: None, other: None, checkpoint: None }
    }

    /// The name of `end`'s last statement, as the session's note repeats it.
    #[must_use]
    pub fn statement_of(&self, end: End) -> Option<[u8; HASH]> {
        let signed = if end == self.end { &self.own } else { &self.other };
        signed.as_ref().map(name)
    }

    /// SHA-256 of the text of the relay's last checkpoint.
    #[must_use]
    pub fn checkpoint_sha256(&self) -> Option<[u8; HASH]> {
        self.checkpoint.as_ref().map(|text| sha256(text.as_bytes()))
    }

    /// As it is kept; `written` is in seconds since the epoch.
    #[must_use]
    pub fn encode(&self, written: u64) -> Vec<u8> {
        let tail = record::Tail {
            session: self.session.as_bytes().to_vec().into(),
            end: self.end.to_wire(),
            own: self.own.clone(),
            other: self.other.clone(),
            checkpoint: self.checkpoint.clone().unwrap_or_default(),
            written,
        };
        tail.encode_to_vec()
    }

    /// Reads what was kept. Whose signatures are in it is not looked at.
    ///
    /// # Errors
    /// [`TailError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, TailError> {
        let tail = if bytes.len() > MAX_TAIL { None } else { record::Tail::decode(bytes).ok() };
        let tail = tail.ok_or(TailError)?;
        Ok(Self {
            session: SessionId::try_from(tail.session.as_ref()).map_err(|_| TailError)?,
            end: End::from_wire(tail.end).ok_or(TailError)?,
            own: tail.own,
            other: tail.other,
            checkpoint: Some(tail.checkpoint).filter(|text| !text.is_empty()),
        })
    }
}
