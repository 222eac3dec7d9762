//! An excerpt: a part of a recording, decoded, for somebody who is not to have the rest. It is signed
//! by an auditor, names the recording by its first and last block and the relay's log, and takes along
//! what both ends signed while the session lived. So what it holds of a stream from its first byte on
//! is proven by the ends themselves; the rest is the auditor's word, and told as that.
//!
//! The secrets of a line are not in it, and open nothing of it.

mod form;
mod judge;

use thiserror::Error;

pub use form::{Half, decode, encode};
pub use judge::{Closed, Judged, Known, Proven, judge};

use crate::identity::certificate::CertificateError;
use crate::log::evidence;
use crate::recording::verify;
use crate::session::End;

/// What an excerpt begins with.
pub const MAGIC: [u8; 8] = *b"DSX1\r\n\x1a\n";
/// The version of the format.
pub const VERSION: u16 = 1;
/// Bytes of an excerpt at the most: it is held in memory as a whole.
pub const MAX_EXCERPT: usize = 256 * 1024 * 1024;
/// Statements in it at the most: both ends' of an hour at one every 10 s, 90 times.
pub const MAX_STATEMENTS: usize = 65_536;
/// Directions of streams in it at the most, and times of each: 8 bytes of each packet of a hundred.
pub const MAX_HALVES: usize = 65_536;
/// Single messages in it at the most.
pub const MAX_ENTRIES: usize = 1_048_576;

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
    /// Bytes of a stream are not those that an end stated.
    #[error(
        "line {line}, stream {stream}, from the {from}: not the bytes that the {by} signed for"
    )]
    Bytes {
        /// The line.
        line: u16,
        /// The stream.
        stream: u64,
        /// Who sent them.
        from: End,
        /// Whose signature says otherwise.
        by: End,
    },
}
