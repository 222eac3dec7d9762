//! Statements: what each end signs, while a session lives, of what it has sent and delivered. So an
//! auditor who decodes a recording can say of every byte that both ends stood by it, or whose word
//! differs.
//!
//! `ledger` counts, `form` is the signed body, `exchange` makes an end's own statements and checks
//! the other's against the ledger. Bytes and time are arguments; who writes and reads is
//! `deskside-link`'s.

mod difference;
mod exchange;
mod form;
mod hash;
mod held;
mod ledger;
mod tail;

use std::time::Duration;

pub use difference::Difference;
pub use exchange::{Exchange, Parties, Said};
pub use form::{Datagrams, Heard, State, Statement, StatementError, Stream, Tally, Way, open};
pub use ledger::{Key, Ledger};
pub use tail::{MAX_TAIL, Tail, TailError};

use crate::transcript::{HASH, sha256};
use crate::wire::record::Signed;

/// The most directions of streams in one statement; more go into the next ones, sent at once.
/// 1,024 of them at 64 bytes (numbers of at most 10 bytes each, a hash, their tags) are 64 KiB.
pub const MAX_STREAMS: usize = 1024;
/// The longest body of a statement, in bytes: [`MAX_STREAMS`] and 1 KiB for all else, doubled.
pub const MAX_STATEMENT: usize = 2 * (MAX_STREAMS * 64 + 1024);
/// A statement is due so long after the one before, where anything changed meanwhile.
pub const EVERY: Duration = Duration::from_secs(10);
/// A statement is due after so many bytes in both directions together.
pub const EVERY_BYTES: u64 = 64 * 1024 * 1024;
/// A statement is due when so many directions of streams have changed: 8 KiB of them at once, which
/// hold up a picture on a slow line less than the 64 KiB that fit.
pub const EVERY_STREAMS: usize = 128;
/// An end that has made its last statement waits so long for the other's.
pub const LAST_WAIT: Duration = Duration::from_secs(2);

/// By what a statement is named: SHA-256 of its body.
#[must_use]
pub fn name(signed: &Signed) -> [u8; HASH] {
    sha256(&signed.body)
}

#[cfg(test)]
mod tests;
