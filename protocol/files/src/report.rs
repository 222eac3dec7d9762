//! What became of each file.

use std::time::Duration;

use deskside_protocol::file::{Fault, Hash, RelativePath};

/// One file of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its path beneath the destination, as it travelled.
    pub path: RelativePath,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, which both sides computed; `None` where it did not land.
    pub sha256: Option<Hash>,
    /// Bytes that were there already.
    pub resumed_from: u64,
    /// From its entry to its landing, as this side saw it.
    pub took: Duration,
    /// Why it did not land.
    pub failed: Option<Fault>,
}

/// Something that was not sent, or a folder that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its path, or that of the folder that it lies in where its name cannot travel.
    pub path: RelativePath,
    /// Why.
    pub why: Fault,
}

/// A transfer that ran to its end. At most [`deskside_protocol::file::MAX_ENTRIES`] lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Every file, in the order in which they went.
    pub files: Vec<FileReport>,
    /// What did not go.
    pub skipped: Vec<Skipped>,
}

impl Report {
    /// Files that landed.
    pub fn landed(&self) -> impl Iterator<Item = &FileReport> {
        self.files.iter().filter(|file| file.failed.is_none())
    }

    /// Bytes of the files that landed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.landed().map(|file| file.bytes).sum()
    }

    /// Whether everything landed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.skipped.is_empty() && self.files.iter().all(|file| file.failed.is_none())
    }
}
