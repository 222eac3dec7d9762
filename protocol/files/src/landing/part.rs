//! A file that is arriving, under a name of its own beside its place.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use cap_fs_ext::MetadataExt as _;
use cap_std::fs::Dir;
use deskside_protocol::file::{Entry, Have, MAX_COMPONENT, PART_PREFIX, PART_SUFFIX};

use super::Landing;
use crate::blocking::Stopped;
use crate::error::{FileError, shown};
use crate::folder::{self, Kind};
use crate::hashes::Hashes;
use crate::size::Size;
use crate::{PIECE, os};

/// How long a part may still be held by the thread of a transfer that was just stopped.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// A file that is arriving. Dropped, it stays for a later transfer, unless it is empty.
pub(super) struct Part {
    file: File,
    dir: std::sync::Arc<Dir>,
    name: OsString,
    shown: String,
    hashes: Hashes,
    written: u64,
}

impl Part {
    /// Opens the part of `entry`: what an earlier transfer left where `resume` is set, else a new
    /// one.
    pub(super) fn open(landing: &Landing, entry: &Entry, resume: bool) -> Result<Self, FileError> {
        let (dir, target) = landing.place(&entry.path)?;
        Landing::target(&dir, &target)?;
        let name = part_name(&target);
        let file = match create(&dir, &name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                reopen(&dir, &name, &target, resume)?
            }
            done => done.map_err(|error| FileError::io("write", &target, error))?,
        };
        lock(&file, &target)?;
        let shown = shown(&target);
        Ok(Self { file, dir, name, shown, hashes: Hashes::new(), written: 0 })
    }

    /// Hashes what is there, and says how much. `None` where the transfer was stopped meanwhile.
    pub(super) fn have(&mut self, stopped: &Stopped) -> Result<Option<Have>, FileError> {
        let mut piece = vec![0; PIECE];
        loop {
            if stopped.is_set() {
                return Ok(None);
            }
            match self.file.read(&mut piece) {
                Ok(0) => return Ok(Some(Have::new(self.written, self.hashes.blake3()))),
                Ok(length) => self.took(piece.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::io("read", self.shown.as_ref(), error)),
            }
        }
    }

    /// Goes on at `offset`: behind what is there, or at 0.
    pub(super) fn begin(&mut self, offset: u64) -> Result<(), FileError> {
        if offset != self.written {
            let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
            emptied.map_err(|error| FileError::io("write", self.shown.as_ref(), error))?;
            self.hashes = Hashes::new();
            self.written = 0;
        }
        Ok(())
    }

    /// Writes the next piece.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), FileError> {
        // What is hashed is what was written: a piece that did not fit ends the file.
        self.file.write_all(piece).map_err(|error| self.trouble(error))?;
        self.took(piece);
        Ok(())
    }

    pub(super) const fn hashes(&self) -> &Hashes {
        &self.hashes
    }

    /// Gives the file its name.
    pub(super) fn land(mut self, landing: &Landing, entry: &Entry) -> Result<(), FileError> {
        let done = self.rename(landing, entry);
        if done.is_ok() {
            // Nothing of it is left under its old name.
            self.name.clear();
        }
        done
    }

    /// Removes it: what arrived is not what was sent.
    pub(super) fn discard(mut self) -> Result<(), FileError> {
        let name = std::mem::take(&mut self.name);
        self.dir.remove_file(&name).map_err(|error| FileError::io("remove", &name, error))
    }

    fn took(&mut self, piece: &[u8]) {
        self.hashes.update(piece);
        self.written += u64::try_from(piece.len()).unwrap_or_default();
    }

    fn trouble(&self, error: io::Error) -> FileError {
        #[allow(clippy::wildcard_enum_match_arm, reason = "the others say nothing about room")]
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                // The beginning of the piece that did not fit may be there.
                let kept = self.file.metadata().map_or(self.written, |metadata| metadata.len());
                FileError::Full { name: self.shown.clone(), kept: Size(kept) }
            }
            _ => FileError::io("write", self.shown.as_ref(), error),
        }
    }

    fn rename(&self, landing: &Landing, entry: &Entry) -> Result<(), FileError> {
        // The way there is gone once more, from the root: should the folder have been moved out or
        // swapped for a link since, the part is not found there.
        let (dir, target) = landing.place(&entry.path)?;
        let replaced = Landing::target(&dir, &target)?;
        let trouble = |verb| move |error| FileError::io(verb, target_name(&self.shown), error);
        let own = self.file.metadata().map_err(trouble("look at"))?;
        let there = dir.symlink_metadata(&self.name);
        let is_there =
            there.is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino()));
        if !is_there {
            return Err(FileError::Moved { name: self.shown.clone() });
        }
        let executable = entry.executable && landing.origin.is_none();
        os::set_mode(&self.file, replaced, executable).map_err(trouble("write"))?;
        if let Some(origin) = &landing.origin {
            os::mark_origin(&self.file, origin).map_err(trouble("mark"))?;
        }
        let modified = UNIX_EPOCH.checked_add(Duration::from_secs(entry.modified));
        if let Some(modified) = modified.filter(|_| entry.modified > 0) {
            self.file.set_modified(modified).map_err(trouble("write"))?;
        }
        self.file.sync_data().map_err(|error| self.trouble(error))?;
        dir.rename(&self.name, &dir, &target).map_err(trouble("rename"))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let is_empty = || self.file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        if !self.name.is_empty()
            && is_empty()
            && let Err(error) = self.dir.remove_file(&self.name)
        {
            tracing::debug!(%error, "could not remove an empty part");
        }
    }
}

fn target_name(shown: &str) -> &OsStr {
    shown.as_ref()
}

fn create(dir: &Dir, name: &OsStr) -> io::Result<File> {
    let mut options = folder::careful();
    options.write(true).create_new(true);
    os::make_private(&mut options);
    Ok(dir.open_with(name, &options)?.into_std())
}

/// Opens what has the part's name already: a part of ours to go on with, or anything else, which is
/// taken away. Only a name is ever taken away: what a link leads to, or another name of the same
/// file, is not touched.
fn reopen(dir: &Dir, name: &OsStr, target: &OsStr, resume: bool) -> Result<File, FileError> {
    let trouble = |error| FileError::io("write", target, error);
    match folder::kind(dir, name)? {
        Some(Kind::Folder) => return Err(FileError::FolderInTheWay { name: shown(name) }),
        Some(Kind::File) => {
            let mut options = folder::careful();
            options.write(true);
            let opened = dir.open_with(name, &options).map(cap_std::fs::File::into_std);
            if let Ok(file) = opened
                && file.metadata().is_ok_and(|metadata| os::is_only_ours(&metadata))
            {
                lock(&file, target)?;
                if resume {
                    return Ok(file);
                }
            }
        }
        Some(Kind::Link | Kind::Special) | None => {}
    }
    match dir.remove_file(name) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(trouble(error)),
        Ok(()) | Err(_) => create(dir, name).map_err(trouble),
    }
}

/// Two transfers never write one part.
fn lock(file: &File, target: &OsStr) -> Result<(), FileError> {
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                thread::sleep(PAUSE);
                waited += PAUSE;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(FileError::Busy { name: shown(target) });
            }
            // A file system without locks: the check before the rename still holds.
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, "this file system has no locks");
                return Ok(());
            }
        }
    }
}

/// `.NAME.deskside-part`; of a long name its beginning, and a hash of the whole.
pub(super) fn part_name(target: &OsStr) -> OsString {
    let whole = target.len() + PART_PREFIX.len() + PART_SUFFIX.len() <= MAX_COMPONENT;
    let mut name = OsString::from(PART_PREFIX);
    if whole {
        name.push(target);
    } else {
        let hash = blake3::hash(target.as_encoded_bytes()).to_hex();
        let text = target.to_string_lossy();
        let beginning = text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= BEGINNING);
        name.push(beginning.map(|(_, c)| c).collect::<String>());
        name.push("~");
        name.push(hash.get(..SHORT_HASH).unwrap_or_default());
    }
    name.push(PART_SUFFIX);
    name
}

/// Digits of the hash in the part's name of a file with a long name.
const SHORT_HASH: usize = 16;
/// Bytes of the name's beginning in it: with prefix, tilde, hash and suffix at most 255.
const BEGINNING: usize = MAX_COMPONENT - 1 - 1 - SHORT_HASH - PART_SUFFIX.len();
