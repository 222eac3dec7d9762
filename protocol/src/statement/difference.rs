//! What may be wrong with the other end's word. Each ends the session: either that end lies, or
//! bytes changed on a line that nobody else should be able to write on.

use thiserror::Error;

use super::form::{StatementError, Way};

/// How the other end's statement differs from what this end knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Difference {
    /// Not a statement, or not signed by the other end's session key.
    #[error(transparent)]
    Unsound(#[from] StatementError),
    /// Of another session, end or line.
    #[error("it is of another session, end or line")]
    Misplaced,
    /// It names other secrets of the line: somebody is in the middle.
    #[error("it names other secrets of the encrypted connection")]
    Secrets,
    /// Its number or the hash of the one before it does not follow.
    #[error("it does not follow the statement before it")]
    Chain,
    /// Something was stated behind the last one.
    #[error("it stands behind the last one")]
    AfterLast,
    /// It names a statement of ours that we never made.
    #[error("it names a statement of this side that was never made")]
    Heard,
    /// It takes back what it said before of this stream.
    #[error("of stream {id} it takes back what was {way} before")]
    Backwards {
        /// The stream.
        id: u64,
        /// From that end's side.
        way: Way,
    },
    /// More of this stream was delivered there than was sent here, or less was sent there than was
    /// delivered here.
    #[error("of stream {id} more was delivered than sent")]
    Amount {
        /// The stream.
        id: u64,
    },
    /// The stream ended there as it cannot have.
    #[error("stream {id} did not end as it says")]
    Ended {
        /// The stream.
        id: u64,
    },
    /// Other bytes were delivered than were sent.
    #[error("of stream {id} other bytes were delivered than were sent")]
    Content {
        /// The stream.
        id: u64,
    },
    /// Datagrams: more were delivered than sent, others, or fewer than before.
    #[error("the datagrams differ")]
    Datagrams,
}
