//! An excerpt: a part of a recording, decoded, for somebody who is not to have the rest. It is signed
//! by an auditor, names the recording by its first and last block and the relay's log, and takes along
//! what both ends signed while the session lived. So what it holds of a stream from its first byte on
//! is proven by the ends themselves; the rest is the auditor's word, and told as that.
//!
//! The secrets of a line are not in it, and open nothing of it.

mod census;
mod form;
mod judge;
mod stated;

use thiserror::Error;

pub use form::{Half, decode, encode, opened_for, opener};
pub use judge::{Closed, Judged, Known, Proven, judge};
pub use stated::{Claim, Claims};

use crate::identity::certificate::CertificateError;
use crate::log::evidence;
use crate::recording::verify;

/// What an excerpt begins with.
pub const MAGIC: [u8; 8] = *b"DSX1\r\n\x1a\n";
/// The version of the format.
pub const VERSION: u16 = 1;
/// Bytes of an excerpt at the most: it is held in memory as a whole.
pub const MAX_EXCERPT: usize = 256 * 1024 * 1024;
/// Statements in it at the most: both ends' of an hour at one every 10 s, 90 times.
pub const MAX_STATEMENTS: usize = 65_536;
/// Directions of streams in it at the most: 32,768 commands.
pub const MAX_HALVES: usize = 65_536;
/// Times of all directions at the most: of each 64 bytes of [`MAX_EXCERPT`], at 16 bytes in memory.
pub const MAX_MARKS: usize = 4_194_304;
/// Single messages in it at the most: at 120 bytes each 126 MB in memory.
pub const MAX_ENTRIES: usize = 1_048_576;
/// Channels that it names at the most, and of which it says what is left out: there are 9.
pub const MAX_CHANNELS: usize = 256;
/// Sentences on what speaks against the recording at the most.
pub const MAX_FINDINGS: usize = 64;

/// What is wrong with an excerpt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Not an excerpt, cut, or over a maximum.
    #[error("it is not a whole excerpt")]
    Malformed,
    /// Made by a later version.
    #[error("it is of a later version of the format, {0}")]
    Version(u16),
    /// The certificate in it does not count.
    #[error("{0}")]
    Certificate(CertificateError),
    /// Altered, or signed by another key than the certificate's.
    #[error("the auditor of the certificate did not sign it as it is")]
    Signature,
    /// The recording's first block is not what it should be.
    #[error("the recording's first block: {0}")]
    Header(verify::Flaw),
    /// The recording's last block is not this recording's, or not signed by the relay.
    #[error("the recording's last block is not what relay and ends signed")]
    Close,
    /// The relay's log says otherwise.
    #[error("{0}")]
    Log(evidence::Flaw),
    /// A statement is not signed by the end that it names, or is of another session.
    #[error("a statement in it is not of this session's ends")]
    Statement,
}
