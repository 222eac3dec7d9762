//! Files between the two ends: read, hashed, sent, received, checked, and renamed into place. The
//! agent stays beneath the one folder that its user has allowed; the technician's program works on
//! the paths that the technician names. The way a file goes is the same in both directions.
//!
//! ```text
//! Source ── reader thread ──► queue ──► send()  ═══ Speak / Hear ═══  receive() ──► queue ──► writer thread ── Landing
//!           reads, hashes                                                                     hashes, writes, renames
//! ```
//!
//! - Nothing beneath a folder is opened by a path: each component is opened from the handle of the
//!   one before it, and never through a link. A folder that is swapped for a link on the way is
//!   therefore refused, whenever that happens.
//! - A file arrives under a name of its own (`.NAME.deskside-part`), which only its owner can read.
//!   It takes its name once both hashes fit, and replaces a file of that name in one step.
//! - Every queue is bounded: [`PIECES`] pieces of at most [`PIECE`] bytes on each side.
//! - Dropping the future of [`send`] or [`receive`] stops the transfer; a part that has begun stays
//!   for a later one that asks to resume.
//!
//! It knows no QUIC: [`Speak`] and [`Hear`] are the two halves of whatever carries the messages. The
//! order of the messages is checked by [`deskside_protocol::file`].

mod blocking;
mod error;
mod folder;
mod hashes;
mod landing;
mod os;
mod pipe;
mod progress;
mod receive;
mod report;
mod send;
mod size;
mod source;

pub use error::{FileError, TransferError};
pub use folder::Folder;
pub use landing::Landing;
pub use pipe::{Hear, PipeError, Speak, request};
pub use progress::Progress;
pub use receive::receive;
pub use report::{FileReport, Report, Skipped};
pub use send::send;
pub use size::Size;
pub use source::Source;

pub use deskside_protocol::file::{
    Announced, Breach, Component, Destination, Entry, Expected, Fault, NameError, RelativePath,
};

/// Bytes of one piece: the longest body frame. Large enough that a system call and a frame cost
/// little beside hashing it, small enough to stay in a core's second-level cache for both hashes.
pub const PIECE: usize = deskside_protocol::file::MAX_BODY;
/// Pieces that wait between a thread and the stream: 2 MiB in each direction of a transfer.
pub const PIECES: usize = 8;
