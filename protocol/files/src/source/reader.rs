//! The thread that reads: ahead of the stream by a bounded queue, hashing what it reads while it is
//! in the cache.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use deskside_protocol::file::{End, Entry, Fault, Have, RelativePath};
use tokio::sync::mpsc;

use super::{Item, Source, What};
use crate::blocking::{self, Stop, Stopped};
use crate::error::{FileError, shown};
use crate::folder;
use crate::hashes::Hashes;
use crate::{PIECE, PIECES, os};

/// What is to be said next.
#[derive(Debug)]
pub(crate) enum Found {
    Folder(Entry),
    Skipped(RelativePath, Fault),
    /// A file. Where parts are asked for, nothing follows before [`Reader::have`].
    File(Entry),
    From(u64),
    Piece(Bytes),
    End(End),
}

/// The thread's handle; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    found: mpsc::Receiver<Found>,
    control: Control,
    _stop: Stop,
}

/// What the thread is told.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    haves: mpsc::Sender<Have>,
    given_up: Arc<AtomicU64>,
}

impl Reader {
    pub(crate) fn start(source: Source, resume: bool) -> Result<Self, FileError> {
        let (found_to, found) = mpsc::channel(PIECES);
        let (haves, have_from) = mpsc::channel(1);
        let given_up = Arc::new(AtomicU64::new(0));
        let stop = Stop::new();
        let mut work = Work {
            found: found_to,
            haves: resume.then_some(have_from),
            given_up: Arc::clone(&given_up),
            stopped: stop.stopped(),
            files: 0,
        };
        blocking::start("deskside-read", move || {
            // The other side of the queue is gone: so is whoever wanted to know.
            let _gone = work.all(&source);
        })?;
        Ok(Self { found, control: Control { haves, given_up }, _stop: stop })
    }

    /// What is to be said next; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Found> {
        self.found.recv().await
    }

    pub(crate) fn control(&self) -> Control {
        self.control.clone()
    }
}

impl Control {
    /// The part of the current file that the receiver has.
    pub(crate) fn have(&self, have: Have) {
        // One for each file, and asked for: there is room, or the thread is gone.
        if self.haves.try_send(have).is_err() {
            tracing::debug!("nobody waits for what the receiver has");
        }
    }

    /// The receiver does not want the rest of the file with this number, counted from 1.
    pub(crate) fn give_up(&self, file: u64) {
        self.given_up.store(file, Ordering::Release);
    }
}

/// Nobody listens any more.
struct Gone;

struct Work {
    found: mpsc::Sender<Found>,
    haves: Option<mpsc::Receiver<Have>>,
    given_up: Arc<AtomicU64>,
    stopped: Stopped,
    /// Files whose entry was said.
    files: u64,
}

impl Work {
    fn all(&mut self, source: &Source) -> Result<(), Gone> {
        for Item { path, what } in &source.items {
            match what {
                What::Folder => self.say(Found::Folder(entry_of_folder(path)))?,
                What::Skipped(why) => self.say(Found::Skipped(path.clone(), why.clone()))?,
                What::File { root, steps, name, size } => {
                    let dir = source.roots.get(*root).ok_or(FileError::TooMany);
                    let opened = dir.and_then(|root| {
                        let file = folder::read(&*root.walk(steps)?, name)?;
                        Open::new(file, shown(name), path, *size)
                    });
                    match opened {
                        Ok(open) => self.file(open)?,
                        Err(error) => {
                            self.say(Found::Skipped(path.clone(), Fault::from(&error)))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn say(&self, found: Found) -> Result<(), Gone> {
        if self.stopped.is_set() {
            return Err(Gone);
        }
        self.found.blocking_send(found).map_err(|_| Gone)
    }

    fn file(&mut self, mut open: Open) -> Result<(), Gone> {
        self.files += 1;
        self.say(Found::File(open.entry.clone()))?;
        let mut hashes = Hashes::new();
        let mut left = open.entry.size;
        if let Some(haves) = &mut self.haves {
            let have = haves.blocking_recv().ok_or(Gone)?;
            let from = match self.prefix(&mut open, &have, &mut hashes)? {
                Ok(from) => from,
                Err(error) => {
                    self.say(Found::From(0))?;
                    return self.say(Found::End(End::Failed(Fault::from(&error))));
                }
            };
            self.say(Found::From(from))?;
            left -= from;
        }
        let end = match self.body(&mut open, left, &mut hashes)? {
            Ok(()) => hashes.end(),
            Err(error) => End::Failed(Fault::from(&error)),
        };
        self.say(Found::End(end))
    }

    /// Hashes as much as the receiver says that it has, and says where the body begins.
    fn prefix(
        &self,
        open: &mut Open,
        have: &Have,
        hashes: &mut Hashes,
    ) -> Result<Result<u64, FileError>, Gone> {
        let mut left = have.prefix(open.entry.size);
        while left > 0 {
            if self.stopped.is_set() {
                return Err(Gone);
            }
            match open.piece(left) {
                Ok(piece) => {
                    hashes.update(&piece);
                    left -= length(&piece);
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        let begin = have.begin(open.entry.size, &hashes.blake3());
        if begin == 0 {
            *hashes = Hashes::new();
            if let Err(error) = open.file.seek(SeekFrom::Start(0)) {
                return Ok(Err(FileError::io("read", open.name.as_ref(), error)));
            }
        }
        Ok(Ok(begin))
    }

    fn body(
        &self,
        open: &mut Open,
        mut left: u64,
        hashes: &mut Hashes,
    ) -> Result<Result<(), FileError>, Gone> {
        while left > 0 {
            if self.given_up.load(Ordering::Acquire) >= self.files {
                return Ok(Err(FileError::Changed { name: open.name.clone() }));
            }
            match open.piece(left) {
                Ok(piece) => {
                    hashes.update(&piece);
                    left -= length(&piece);
                    self.say(Found::Piece(piece.into()))?;
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(open.unchanged())
    }
}

/// A file that is being read.
struct Open {
    file: File,
    name: String,
    entry: Entry,
    modified: Option<SystemTime>,
}

impl Open {
    fn new(file: File, name: String, path: &RelativePath, counted: u64) -> Result<Self, FileError> {
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| FileError::io("look at", name.as_ref(), error))?;
        // The receiver holds the sender to what was announced.
        if metadata.len() > counted {
            return Err(FileError::Grew { name });
        }
        let modified = metadata.modified().ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let entry = Entry {
            path: path.clone(),
            size: metadata.len(),
            modified: since.map_or(0, |since| since.as_secs()),
            folder: false,
            executable: os::is_executable(&metadata),
        };
        Ok(Self { file, name, entry, modified })
    }

    /// The next bytes: a whole piece where so many are left.
    fn piece(&mut self, left: u64) -> Result<Vec<u8>, FileError> {
        let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
        match self.file.read_exact(&mut piece) {
            Ok(()) => Ok(piece),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(FileError::Changed { name: self.name.clone() })
            }
            Err(error) => Err(FileError::io("read", self.name.as_ref(), error)),
        }
    }

    /// Whether the file is still what it was when its entry was said.
    fn unchanged(&self) -> Result<(), FileError> {
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(|e| FileError::io("look at", self.name.as_ref(), e))?;
        if metadata.len() != self.entry.size || metadata.modified().ok() != self.modified {
            return Err(FileError::Changed { name: self.name.clone() });
        }
        Ok(())
    }
}

fn length(piece: &[u8]) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

fn entry_of_folder(path: &RelativePath) -> Entry {
    Entry { path: path.clone(), size: 0, modified: 0, folder: true, executable: false }
}
