//! The relay's log, in which a session that was deleted whole still shows: a Merkle tree on disk,
//! as the protocol's `log` has it, with a head that the node signs.
//!
//! One thread appends. What comes while it waits for the disk shares the next wait, so that a
//! hundred sessions that begin together cost two waits and not a hundred. Whoever appends goes on
//! once the entry is on the disk, and not before. Reading needs nobody: a tile only ever grows.
//!
//! [`book`] is what the rest of the relay writes, `files` knows where a tile lies, `shelf` writes, all of a batch or nothing, and finds its
//! feet again after a crash, `writer` is the thread, `proofs` makes proofs from tiles.

pub mod book;
mod files;
mod proofs;
mod shelf;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use deskside_protocol::key::SigningKey;
use deskside_protocol::log::{Leaf, SignedHead, TilePath, proof};
use thiserror::Error;

pub use book::Book;
pub use files::Files;
use shelf::Shelf;
use writer::Writer;

/// Why nothing is appended, or nothing read.
#[derive(Debug, Clone, Error)]
pub enum LogError {
    /// The disk refuses. Nothing of the batch is in the log.
    #[error("the log of sessions cannot be written or read ({})", path.display())]
    Disk {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// What lies there is not what this relay signed.
    #[error("the log of sessions in {} is damaged: {what}", folder.display())]
    Damaged {
        /// Where it lies.
        folder: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// A batch could neither be written nor taken back: until the next start nothing is appended.
    #[error("the log of sessions is closed since a write to it could not be taken back")]
    Broken,
    /// The relay is ending.
    #[error("the log of sessions has ended")]
    Ended,
}

impl LogError {
    fn disk(path: &Path, source: io::Error) -> Self {
        Self::Disk { path: path.into(), source: Arc::new(source) }
    }
}

/// Looks at the log in `folder`, beside whoever writes it, and changes nothing: gives its size by its
/// own head, 0 where none was begun. Waits for the disk.
///
/// # Errors
/// [`LogError::Disk`]; [`LogError::Damaged`] where the tiles are not those of the head.
pub fn look(folder: &Path) -> Result<u64, LogError> {
    let files = Files::at(folder);
    let Some(head) = shelf::known_head(&files)? else { return Ok(0) };
    if proof::root(head.size, &mut files.nodes())? == head.root {
        Ok(head.size)
    } else {
        Err(files.damaged("its tiles are not those of its own head")())
    }
}

/// The log of one node.
#[derive(Debug)]
pub struct Log {
    files: Files,
    head: Arc<RwLock<Arc<SignedHead>>>,
    writer: Writer,
}

impl Log {
    /// Opens the log in `folder`, or begins one, and signs its head anew. Waits for the disk, and
    /// for another process that has the log open to let go of it.
    ///
    /// # Errors
    /// [`LogError::Disk`]; [`LogError::Damaged`] where the log is not as long, or not the same, as
    /// the head that lies beside it says.
    pub fn open(folder: &Path, node: &SigningKey) -> Result<Self, LogError> {
        let files = Files::at(folder);
        let (shelf, head) = Shelf::open(files.clone(), node.clone())?;
        let head = Arc::new(RwLock::new(Arc::new(head)));
        let writer = Writer::start(shelf, head.clone());
        let writer = writer.map_err(|source| LogError::disk(folder, source))?;
        Ok(Self { files, head, writer })
    }

    /// Appends an entry and waits until it is on the disk. Whoever gives up waiting loses nothing.
    /// Gives its number.
    ///
    /// # Errors
    /// [`LogError`]; then it is not in the log.
    pub async fn append(&self, leaf: Leaf) -> Result<u64, LogError> {
        self.writer.append(leaf.encode()).await
    }

    /// The head of now. Everything that it covers is on the disk.
    #[must_use]
    pub fn head(&self) -> Arc<SignedHead> {
        self.head.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A tile, as far as the head of now covers it; `None` beyond. Waits for the disk.
    ///
    /// # Errors
    /// [`LogError::Disk`].
    pub fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LogError> {
        // Not what was written a moment ago and is not signed yet.
        let most = TilePath::of(path.content, path.index, self.head().head.size);
        match most.filter(|most| path.width <= most.width) {
            Some(_) => self.files.read(path),
            None => Ok(None),
        }
    }

    /// Where its tiles are read.
    #[must_use]
    pub const fn files(&self) -> &Files {
        &self.files
    }
}

#[cfg(test)]
mod tests;
