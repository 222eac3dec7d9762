//! What a receiver may hear, and when. Nothing is written before this has taken it.

use thiserror::Error;

use super::name::NameError;
use super::path::RelativePath;
use super::resume::Have;
use super::{Fault, MAX_BODY, MAX_ENTRIES, MAX_LISTED, MAX_PATHS};
use crate::wire::message::{FileEnd, FileEntry, FileListed, FilePut, FileReady, message::Kind};

/// BLAKE3 or SHA-256.
pub type Hash = [u8; 32];

/// How the other side broke the order of a transfer, or its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Breach {
    /// A message that does not belong here.
    #[error("the other side sent what does not belong here")]
    Unexpected,
    /// A hash of another length, or fields that contradict each other.
    #[error("the other side sent a malformed message")]
    Malformed,
    /// A path that is none.
    #[error("the other side sent a name that is not taken: {0}")]
    Name(#[from] NameError),
    /// More than was announced, or than is allowed at all.
    #[error(
        "the other side sent more files than it had announced, or more than one transfer holds"
    )]
    TooMany,
    /// A file that was not among those that the user was asked about.
    #[error("the other side sent another file than it had named")]
    NotListed,
    /// More bytes than were announced.
    #[error("the other side sent more bytes than it had announced")]
    TooMuch,
    /// Fewer bytes than were announced, and no word about it.
    #[error("the other side sent fewer bytes than it had announced")]
    TooLittle,
    /// A body frame over [`MAX_BODY`].
    #[error("the other side sent too long a piece")]
    LongPiece,
    /// The stream ended before the transfer did.
    #[error("the other side stopped in the middle")]
    CutOff,
}

/// What the first messages said would come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Files.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Whether parts are asked for.
    pub resume: bool,
}

impl Announced {
    /// What the technician says that it will send.
    #[must_use]
    pub const fn by_put(put: &FilePut) -> Self {
        Self { files: put.files, bytes: put.bytes, resume: put.resume }
    }

    /// What the agent says that it will send, in answer to a `FileGet` with this `resume`.
    #[must_use]
    pub const fn by_ready(ready: &FileReady, resume: bool) -> Self {
        Self { files: ready.files, bytes: ready.bytes, resume }
    }
}

/// What a sender is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    announced: Announced,
    listed: Vec<(RelativePath, u64)>,
}

impl Expected {
    /// What the technician says that it will send, with the files that he names: at most
    /// [`MAX_LISTED`], and those that he does not name are the rest of the announced.
    ///
    /// # Errors
    /// [`Breach::Name`], or [`Breach::Malformed`] where more are named than are announced.
    pub fn by_put(put: &FilePut) -> Result<Self, Breach> {
        let announced = Announced::by_put(put);
        let listed: Vec<_> =
            put.listed.iter().take(MAX_LISTED + 1).map(read_listed).collect::<Result<_, _>>()?;
        let count = u64::try_from(listed.len()).map_err(|_| Breach::Malformed)?;
        let bytes = listed.iter().try_fold(0_u64, |sum, (_, size)| sum.checked_add(*size));
        let fits = bytes.is_some_and(|bytes| bytes <= announced.bytes);
        if listed.len() > MAX_LISTED || count > announced.files || !fits {
            return Err(Breach::Malformed);
        }
        Ok(Self { announced, listed })
    }

    /// What was announced of all of it.
    #[must_use]
    pub const fn announced(&self) -> Announced {
        self.announced
    }

    /// The files that were named, with their bytes.
    #[must_use]
    pub fn listed(&self) -> &[(RelativePath, u64)] {
        &self.listed
    }
}

impl From<Announced> for Expected {
    fn from(announced: Announced) -> Self {
        Self { announced, listed: Vec::new() }
    }
}

fn read_listed(listed: &FileListed) -> Result<(RelativePath, u64), Breach> {
    let path = RelativePath::from_wire(&listed.path)?;
    if path.is_empty() {
        return Err(Breach::Name(NameError::Empty));
    }
    Ok((path, listed.size))
}

/// A file or folder that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it belongs beneath the destination; never empty.
    pub path: RelativePath,
    /// Bytes; 0 for a folder.
    pub size: u64,
    /// Seconds since 1970-01-01 UTC; 0 where unknown.
    pub modified: u64,
    /// Whether it is a folder.
    pub folder: bool,
    /// Whether it may be run.
    pub executable: bool,
}

impl Entry {
    /// As a sender says it.
    ///
    /// # Errors
    /// [`Breach::Name`] or [`Breach::Malformed`].
    pub fn from_wire(entry: &FileEntry) -> Result<Self, Breach> {
        let path = RelativePath::from_wire(&entry.path)?;
        if path.is_empty() {
            return Err(Breach::Name(NameError::Empty));
        }
        if entry.folder && entry.size > 0 {
            return Err(Breach::Malformed);
        }
        let FileEntry { size, modified, folder, executable, .. } = *entry;
        Ok(Self { path, size, modified, folder, executable })
    }

    /// As it travels.
    #[must_use]
    pub fn to_wire(&self) -> FileEntry {
        let Self { size, modified, folder, executable, .. } = *self;
        FileEntry { path: self.path.to_wire(), size, modified, folder, executable }
    }
}

/// What stands behind a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The whole file's hashes.
    Whole {
        /// What the receiver checks before it renames.
        blake3: Hash,
        /// For the record; checked too.
        sha256: Hash,
    },
    /// The sender could not read it to its end: nothing is kept.
    Failed(Fault),
}

impl End {
    fn from_wire(end: &FileEnd) -> Result<Self, Breach> {
        if let Some(refusal) = &end.failed {
            return Ok(Self::Failed(Fault::from_wire(refusal)));
        }
        let hash = |bytes: &bytes::Bytes| bytes.as_ref().try_into().map_err(|_| Breach::Malformed);
        Ok(Self::Whole { blake3: hash(&end.blake3)?, sha256: hash(&end.sha256)? })
    }

    /// As it travels.
    #[must_use]
    pub fn to_wire(&self) -> FileEnd {
        match self {
            Self::Whole { blake3, sha256 } => FileEnd {
                blake3: blake3.to_vec().into(),
                sha256: sha256.to_vec().into(),
                failed: None,
            },
            Self::Failed(fault) => FileEnd { failed: Some(fault.to_wire()), ..FileEnd::default() },
        }
    }
}

/// What a message meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A folder: make it.
    Folder(Entry),
    /// A file. With resume, say what is there ([`Incoming::said`]); the sender then says where it
    /// begins.
    File(Entry),
    /// The body begins here: 0, or what [`Incoming::said`] named.
    From(u64),
    /// The file's end.
    End(End),
    /// Something that does not come. The path may be that of the folder that it lies in.
    Skipped(RelativePath, Fault),
    /// Everything was said.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    /// The receiver has to say what it has, or has said it.
    Asked {
        size: u64,
        said: Option<u64>,
    },
    Body {
        left: u64,
    },
    /// The body is over; `left` bytes of it did not come.
    Ending {
        left: u64,
    },
    Over,
}

/// A receiver's view of one transfer, from `FileReady` on.
#[derive(Debug)]
pub struct Incoming {
    state: State,
    announced: Announced,
    /// Files that were named and have not come yet.
    listed: Vec<(RelativePath, u64)>,
    /// How many others may come.
    others: u64,
    files: u64,
    bytes: u64,
    entries: u64,
    paths: usize,
}

impl Incoming {
    /// A transfer of which this was announced.
    #[must_use]
    pub fn new(expected: impl Into<Expected>) -> Self {
        let Expected { announced, listed } = expected.into();
        let named = u64::try_from(listed.len()).unwrap_or(u64::MAX);
        Self {
            state: State::Between,
            announced,
            listed,
            others: announced.files.saturating_sub(named),
            files: 0,
            bytes: 0,
            entries: 0,
            paths: 0,
        }
    }

    /// Whether the next frame is a piece of a body, and no message.
    #[must_use]
    pub const fn wants_body(&self) -> bool {
        matches!(self.state, State::Body { .. })
    }

    /// Takes a message.
    ///
    /// # Errors
    /// [`Breach`]; nothing more may be taken then.
    pub fn message(&mut self, kind: &Kind) -> Result<Step, Breach> {
        #[allow(clippy::wildcard_enum_match_arm, reason = "every other message is out of place")]
        match (self.state, kind) {
            (State::Between, Kind::FileEntry(entry)) => self.entry(entry),
            (State::Between, Kind::FileSkipped(skipped)) => {
                let path = RelativePath::from_wire(&skipped.path)?;
                let why = Fault::from_wire(skipped.why.as_ref().ok_or(Breach::Malformed)?);
                self.count(path.len() + why.text.len())?;
                Ok(Step::Skipped(path, why))
            }
            (State::Between, Kind::FilesSent(_)) => {
                self.state = State::Over;
                Ok(Step::Over)
            }
            (State::Asked { size, said: Some(have) }, Kind::FileFrom(from)) => {
                if from.offset != 0 && from.offset != have {
                    return Err(Breach::Malformed);
                }
                // `have` is at most `size`, or the sender would have to begin at 0.
                let left = size.checked_sub(from.offset).ok_or(Breach::Malformed)?;
                self.state = State::Body { left };
                Ok(Step::From(from.offset))
            }
            (State::Ending { left }, Kind::FileEnd(end)) => {
                let end = End::from_wire(end)?;
                if left > 0 && matches!(end, End::Whole { .. }) {
                    return Err(Breach::TooLittle);
                }
                self.state = State::Between;
                Ok(Step::End(end))
            }
            _ => Err(Breach::Unexpected),
        }
    }

    /// Takes the length of a body frame; says whether the body goes on.
    ///
    /// # Errors
    /// As [`Incoming::message`].
    pub fn body(&mut self, length: usize) -> Result<bool, Breach> {
        let State::Body { left } = self.state else { return Err(Breach::Unexpected) };
        if length > MAX_BODY {
            return Err(Breach::LongPiece);
        }
        if length == 0 {
            self.state = State::Ending { left };
            return Ok(false);
        }
        let taken = u64::try_from(length).map_err(|_| Breach::LongPiece)?;
        let left = left.checked_sub(taken).ok_or(Breach::TooMuch)?;
        self.state = State::Body { left };
        Ok(true)
    }

    /// Notes what the receiver says that it has, in answer to [`Step::File`].
    pub const fn said(&mut self, have: &Have) {
        if let State::Asked { size, said: None } = self.state {
            self.state = State::Asked { size, said: Some(have.bytes()) };
        }
    }

    /// To be asked when the stream ended.
    ///
    /// # Errors
    /// [`Breach::CutOff`] where the transfer had not.
    pub fn finish(&self) -> Result<(), Breach> {
        if self.state == State::Over { Ok(()) } else { Err(Breach::CutOff) }
    }

    fn entry(&mut self, entry: &FileEntry) -> Result<Step, Breach> {
        let entry = Entry::from_wire(entry)?;
        self.count(entry.path.len())?;
        if entry.folder {
            return Ok(Step::Folder(entry));
        }
        self.files += 1;
        self.bytes = self.bytes.checked_add(entry.size).ok_or(Breach::TooMuch)?;
        if self.files > self.announced.files {
            return Err(Breach::TooMany);
        }
        if self.bytes > self.announced.bytes {
            return Err(Breach::TooMuch);
        }
        self.is_expected(&entry)?;
        self.state = if self.announced.resume {
            State::Asked { size: entry.size, said: None }
        } else {
            State::Body { left: entry.size }
        };
        Ok(Step::File(entry))
    }

    /// Whether it is a file that was named, and not larger than was said; or one of those that were
    /// only counted.
    fn is_expected(&mut self, entry: &Entry) -> Result<(), Breach> {
        let named = |(path, size): &(RelativePath, u64)| *path == entry.path && entry.size <= *size;
        if let Some(index) = self.listed.iter().position(named) {
            self.listed.swap_remove(index);
            return Ok(());
        }
        self.others = self.others.checked_sub(1).ok_or(Breach::NotListed)?;
        Ok(())
    }

    /// Counts an entry, and the bytes that are kept of it.
    fn count(&mut self, bytes: usize) -> Result<(), Breach> {
        self.entries += 1;
        self.paths = self.paths.saturating_add(bytes);
        if self.entries > MAX_ENTRIES || self.paths > MAX_PATHS {
            return Err(Breach::TooMany);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
