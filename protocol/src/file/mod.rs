//! Files, as far as nothing is read or written: names and paths, what an entry says, how far a
//! broken transfer goes on, and the order in which the two sides of a transfer speak.
//!
//! Both ends use it: what one checks before it writes, the other checks before it sends, so that a
//! name which would be refused is told before anything moves.

mod fault;
mod incoming;
mod name;
mod outgoing;
mod path;
mod resume;

pub use fault::{Fault, MAX_FAULT};
pub use incoming::{Announced, Breach, End, Entry, Expected, Hash, Incoming, Step};
pub use name::{Component, MAX_COMPONENT, NameError, PART_PREFIX, PART_SUFFIX};
pub use outgoing::{Heard, MAX_OUTSTANDING, Outgoing};
pub use path::{Destination, MAX_COMPONENTS, MAX_PATH, RelativePath};
pub use resume::Have;

use crate::frame::MAX_MESSAGE;

/// The longest frame of a body, in bytes: what a frame may hold at all.
pub const MAX_BODY: usize = MAX_MESSAGE;
/// Entries of one transfer at most (files, folders, and what is skipped): a large source tree.
pub const MAX_ENTRIES: u64 = 100_000;
/// Files that are named before a transfer begins: as many as a person reads before he answers. With
/// paths of 4 KiB they fill a third of a message.
pub const MAX_LISTED: usize = 20;
/// Bytes of all paths of one transfer at most, and of the sentences about what is skipped, so that a
/// receiver can keep them: with [`MAX_ENTRIES`] 167 bytes for each. As many again are the sentences
/// about what failed.
pub const MAX_PATHS: usize = 16 * 1024 * 1024;
