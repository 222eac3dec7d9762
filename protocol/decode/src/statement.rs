//! What an end states of a stream, or of the datagrams, held against what the packets say.

use deskside_protocol::session::End;
use deskside_protocol::statement::{Datagrams, State};

use crate::finding::Party;

/// One direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Half {
    /// The stream.
    pub stream: u64,
    /// Who sends on it.
    pub from: End,
}

/// What an end states: where its own hash of a stream stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Who states it: the sender of what it sent, the receiver of what it delivered.
    pub by: End,
    /// Bytes from the stream's start.
    pub offset: u64,
    /// BLAKE3 of these bytes.
    pub hash: [u8; 32],
    /// Whether more may come.
    pub state: State,
}

/// What an end states of a line's datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatagramClaim {
    /// Who states it.
    pub by: End,
    /// The hash of the line's secrets, which is in the sums.
    pub secrets: [u8; 32],
    /// All so far; `None` where there were no more than it said before.
    pub datagrams: Option<Datagrams>,
    /// It sends and delivers nothing more.
    pub is_last: bool,
}

/// What comes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// The acknowledged bytes of the recording have this hash.
    Proven,
    /// Nothing speaks against it: the recording does not reach as far yet, or the bytes are gone
    /// from memory. In the first case it is compared as soon as it does.
    Consistent,
    /// The bytes have another hash.
    Disputed(Party),
}

/// How many claims came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Equal.
    pub proven: u64,
    /// Not comparable.
    pub consistent: u64,
    /// Different.
    pub disputed: u64,
}

impl Tally {
    /// One more.
    pub(crate) const fn add(&mut self, agreement: Agreement) {
        match agreement {
            Agreement::Proven => self.proven += 1,
            Agreement::Consistent => self.consistent += 1,
            Agreement::Disputed(_) => self.disputed += 1,
        }
    }
}
