//! What an agent needs to come back to its session after a restart: one owner-only file in the
//! agent's folder, held by one process at a time, there only while a session lives.
//!
//! It holds the session's key, so it has an end date: the grace time from the last moment at which
//! the session was alive. What the user takes back is in it before anybody is told.

mod form;
mod keeper;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use deskside_link::folder;
use deskside_protocol::grant::GrantSet;
use deskside_protocol::identity::link::JoinLink;
use deskside_protocol::key::{PublicKey, SigningKey};
use deskside_protocol::policy::MAX_GRACE;
use deskside_protocol::reattach::TOKEN;
use deskside_protocol::session::SessionId;
use deskside_protocol::transcript::HASH;
use deskside_protocol::wire::record::Signed;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::consent::Visitor;
use crate::gate::Record;

pub use self::keeper::Keeper;

/// Bytes of the file: a policy of 64 KiB in base64, certificate texts of 2 KiB and a subject of
/// 1 KiB, each of whose characters JSON may write as six.
pub const MAX_FILE: usize = 128 * 1024;
/// Clocks are set: a file from this many seconds ahead of us is still believed.
const CLOCK_SLACK: u64 = 60;

const FILE: &str = "session";
const NEXT: &str = "session.next";
const LOCK: &str = "session.lock";

/// A session as a restarted agent goes on with it.
#[allow(missing_debug_implementations, reason = "holds a secret key")]
#[derive(Clone)]
pub struct Kept {
    /// The join link of the relay.
    pub relay: JoinLink,
    /// Which session.
    pub session: SessionId,
    /// Our key for it.
    pub session_key: SigningKey,
    /// The technician's key for it.
    pub peer_key: PublicKey,
    /// The pairing's transcript hash.
    pub transcript: [u8; HASH],
    /// By which the relay finds the session.
    pub token: [u8; TOKEN],
    /// The policy under which it was paired, as it was signed.
    pub policy: Signed,
    /// Who is here.
    pub visitor: Visitor,
    /// What he signed to wish for.
    pub requested: GrantSet,
    /// What the user allowed, refused and took back.
    pub lease: Record,
    /// Seconds since the epoch: when the file was written.
    pub written: u64,
    /// Seconds since the epoch: when the session has ended if nobody came back.
    pub ends: u64,
}

/// A kept session that nobody goes on with. Its file was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unusable {
    /// Not what this program writes.
    #[error("what was kept of an earlier session is damaged")]
    Damaged,
    /// Of another user, readable by others, or of another help desk.
    #[error("what was kept of an earlier session is not this help desk's and this user's alone")]
    Foreign,
    /// Its time is up.
    #[error("an earlier session was interrupted for too long, and has ended")]
    Expired,
    /// It was being ended here.
    #[error("an earlier session was ended")]
    Stopped,
}

/// The folder could not be used.
#[derive(Debug, Error)]
#[error("cannot use {}", path.display())]
pub struct KeptError {
    /// What in it.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: io::Error,
}

/// The place of the one kept session, locked for this process.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    next: PathBuf,
    /// Held as long as it is open.
    _lock: File,
}

impl Store {
    /// Takes the place in `folder`; `None` where another process has it.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn open(folder: &Path) -> Result<Option<Self>, KeptError> {
        let path = folder.join(LOCK);
        let failed = |cause| KeptError { path: path.clone(), cause };
        folder::make(folder).map_err(failed)?;
        let lock = folder::owner_only().create(true).truncate(false).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        let store = Self { path: folder.join(FILE), next: folder.join(NEXT), _lock: lock };
        // A crash in the middle of a write leaves a copy of the secrets here.
        folder::remove([&store.next]).map_err(|cause| store.failed(cause))?;
        Ok(Some(store))
    }

    /// The session that an earlier process left, if there is one to go on with at `now` (seconds
    /// since the epoch) with the help desk of one of `organisations`: keys of one and the same. What
    /// is of no use is removed.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn load(
        &self,
        organisations: &[PublicKey],
        now: u64,
    ) -> Result<Option<Result<Kept, Unusable>>, KeptError> {
        let bytes = match read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(self.failed(cause)),
        };
        let usable = judge(bytes.as_ref().map(|bytes| bytes.as_slice()), organisations, now);
        if usable.is_err() {
            self.remove()?;
        }
        Ok(Some(usable))
    }

    /// Writes the session; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`KeptError`]; then an older content may be there still.
    pub fn write(&self, kept: &Kept) -> Result<(), KeptError> {
        let bytes =
            form::encode(kept).ok_or_else(|| self.failed(io::ErrorKind::FileTooLarge.into()));
        folder::replace(&self.path, &self.next, &bytes?).map_err(|cause| self.failed(cause))
    }

    /// Removes what is kept.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn remove(&self) -> Result<(), KeptError> {
        folder::remove([&self.path, &self.next]).map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: io::Error) -> KeptError {
        KeptError { path: self.path.clone(), cause }
    }
}

/// The file's bytes; `None` where it is not a file of this user's alone, or too long.
fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Neither through a link of somebody's nor waiting for the writer of a pipe.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
        Err(error) if is_link(path) => {
            tracing::debug!(%error, "the kept session is a link");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if !is_ours_alone(&file.metadata()?) {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE + 1));
    let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX) + 1;
    file.take(most).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_FILE).then_some(bytes))
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
}

#[cfg(unix)]
fn is_ours_alone(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let others = 0o077;
    metadata.is_file()
        && metadata.mode() & others == 0
        && metadata.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_ours_alone(metadata: &std::fs::Metadata) -> bool {
    metadata.is_file()
}

fn judge(bytes: Option<&[u8]>, organisations: &[PublicKey], now: u64) -> Result<Kept, Unusable> {
    let kept = form::decode(bytes.ok_or(Unusable::Foreign)?).map_err(|_| Unusable::Damaged)?;
    // Host and port may have changed, and the link may name an older node key.
    if !organisations.contains(&kept.relay.organisation) {
        return Err(Unusable::Foreign);
    }
    if kept.lease.stopped {
        return Err(Unusable::Stopped);
    }
    // A clock that was set back makes no session live longer than its grace.
    let longest = kept.written.saturating_add(MAX_GRACE.into());
    let ahead = now.saturating_add(CLOCK_SLACK);
    if kept.ends <= now || kept.ends > longest || kept.written > ahead {
        return Err(Unusable::Expired);
    }
    Ok(kept)
}
