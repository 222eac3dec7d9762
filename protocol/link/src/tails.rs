//! The tails of sessions, in a folder of this end's own: one owner-only file each, which outlives
//! the session. Old ones go when a new one begins.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deskside_protocol::session::SessionId;
use deskside_protocol::statement::{MAX_TAIL, Tail};

use crate::folder;

/// Tails that are kept: ten sessions a day for half a year and more.
const MAX_TAILS: usize = 2000;
/// And for how long: the year for which recordings are usually kept, and a month.
const MAX_AGE: Duration = Duration::from_secs(396 * 24 * 60 * 60);
/// Behind a session's id in a file's name.
const SUFFIX: &str = "tail";

/// A folder of tails.
#[derive(Debug, Clone)]
pub struct Tails(PathBuf);

impl Tails {
    /// Those in `folder`, which is made when there is something to keep.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// What was kept of a session; nothing where the file is none of ours.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self, session: SessionId) -> io::Result<Option<Tail>> {
        let path = self.path(session);
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() && found.len() <= MAX_TAIL as u64 => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Tail::decode(&std::fs::read(path)?).ok())
    }

    /// Keeps a tail in the place of the one before. It is there after a crash of this program; a
    /// power cut may take it.
    ///
    /// # Errors
    /// What the system says; then the one before may be there still.
    pub fn write(&self, tail: &Tail) -> io::Result<()> {
        folder::make(&self.0)?;
        let path = self.path(tail.session);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        folder::replace_soon(&path, &path.with_extension("next"), &tail.encode(now))
    }

    /// Removes those that are too old or too many.
    ///
    /// # Errors
    /// What the system says.
    pub fn prune(&self, now: SystemTime) -> io::Result<()> {
        let files = match std::fs::read_dir(&self.0) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut all = Vec::new();
        for file in files {
            let path = file?.path();
            if let Some(written) = written(&path)? {
                all.push((written, path));
            }
        }
        all.sort_unstable_by(|one, other| other.cmp(one));
        let oldest = now.checked_sub(MAX_AGE).unwrap_or(UNIX_EPOCH);
        let old = all.into_iter().enumerate();
        for (_, (_, path)) in old.filter(|(at, (written, _))| *at >= MAX_TAILS || *written < oldest)
        {
            folder::remove([&path])?;
        }
        Ok(())
    }

    fn path(&self, session: SessionId) -> PathBuf {
        self.0.join(format!("{session}.{SUFFIX}"))
    }
}

/// When a tail was written; `None` where it is none, or gone.
fn written(path: &Path) -> io::Result<Option<SystemTime>> {
    if path.extension().is_none_or(|suffix| suffix != SUFFIX) {
        return Ok(None);
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) => found.modified().map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_protocol::session::End;

    fn tail(byte: u8) -> Tail {
        let tail = Tail::new(SessionId::from_bytes([byte; 16]), End::Agent);
        Tail { checkpoint: Some("a checkpoint".to_owned()), ..tail }
    }

    #[test]
    fn a_tail_is_kept_for_its_owner_and_replaced() {
        let home = tempfile::tempdir().unwrap();
        let tails = Tails::in_folder(home.path().join("tails"));
        assert_eq!(tails.read(tail(1).session).unwrap(), None);
        tails.write(&tail(1)).unwrap();
        let newer = Tail { checkpoint: Some("another".to_owned()), ..tail(1) };
        tails.write(&newer).unwrap();
        assert_eq!(tails.read(newer.session).unwrap(), Some(newer));
        let files: Vec<_> = std::fs::read_dir(home.path().join("tails")).unwrap().collect();
        assert_eq!(files.len(), 1, "nothing lies beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = files[0].as_ref().unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(tails.path(tail(2).session), b"\xff").unwrap();
        assert_eq!(tails.read(tail(2).session).unwrap(), None, "a torn one is none");
    }

    #[test]
    fn old_and_surplus_ones_go() {
        let home = tempfile::tempdir().unwrap();
        let tails = Tails::in_folder(home.path().to_owned());
        let now = SystemTime::now();
        tails.prune(now).unwrap();
        for byte in 0..2 {
            tails.write(&tail(byte)).unwrap();
        }
        let aged = std::fs::File::options().write(true).open(tails.path(tail(0).session)).unwrap();
        aged.set_modified(now - MAX_AGE - Duration::from_secs(1)).unwrap();
        std::fs::write(home.path().join("other"), b"is not a tail").unwrap();
        tails.prune(now).unwrap();
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 2);
        assert!(tails.read(tail(1).session).unwrap().is_some());
        for number in 0..MAX_TAILS {
            std::fs::write(home.path().join(format!("{number}.{SUFFIX}")), b"").unwrap();
        }
        tails.prune(now + Duration::from_secs(1)).unwrap();
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), MAX_TAILS + 1);
    }
}
