//! A folder, opened once; everything beneath it is reached from its handle, one component at a
//! time and never through a link. A path that is swapped for something else between two steps
//! fails at the next step, or leads to a file of the folder still.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};
use deskside_protocol::file::RelativePath;

use crate::error::{FileError, shown};

/// A folder that files are read from or land in. A clone is the same folder.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: Arc<Dir>,
    path: PathBuf,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    Special,
}

impl Folder {
    /// Opens a folder by its path, links included: whoever names it means what stands there now.
    /// It stays this very folder, wherever it is moved to.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let trouble = |error| FileError::io("open", path.as_os_str(), error);
        if !path.metadata().map_err(trouble)?.is_dir() {
            return Err(FileError::NotFolder { name: shown(path) });
        }
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(trouble)?;
        Ok(Self { dir: Arc::new(dir), path: path.to_owned() })
    }

    /// The path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are free for this user.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn free(&self) -> Result<u64, FileError> {
        crate::os::free(&*self.dir)
            .map_err(|error| FileError::io("measure", self.path.as_os_str(), error))
    }

    /// The folder that `steps` lead to.
    pub(crate) fn walk(&self, steps: &[OsString]) -> Result<Arc<Dir>, FileError> {
        let mut dir = Arc::clone(&self.dir);
        for name in steps {
            dir = Arc::new(step(&dir, name)?);
        }
        Ok(dir)
    }
}

/// The names of a path, for [`Folder::walk`].
pub(crate) fn steps(path: &RelativePath) -> Vec<OsString> {
    path.components().iter().map(|component| component.as_str().into()).collect()
}

/// One folder deeper.
pub(crate) fn step(dir: &Dir, name: &OsStr) -> Result<Dir, FileError> {
    dir.open_dir_nofollow(name).map_err(|error| match kind(dir, name) {
        Ok(Some(Kind::Link)) => FileError::Link { name: shown(name) },
        Ok(Some(Kind::File | Kind::Special)) => FileError::NotFolder { name: shown(name) },
        Ok(Some(Kind::Folder) | None) | Err(_) => FileError::io("open", name, error),
    })
}

/// What a name stands for, links not followed; `None` where there is nothing.
pub(crate) fn kind(dir: &Dir, name: &OsStr) -> Result<Option<Kind>, FileError> {
    match dir.symlink_metadata(name) {
        Ok(metadata) => Ok(Some(kind_of(&metadata))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::io("look at", name, error)),
    }
}

pub(crate) fn kind_of(metadata: &Metadata) -> Kind {
    let kind = metadata.file_type();
    if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Folder
    } else if kind.is_symlink() {
        Kind::Link
    } else {
        Kind::Special
    }
}

/// Options under which no open ever follows a link or waits for the other end of a FIFO.
pub(crate) fn careful() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    options
}

/// Opens a regular file for reading. A device is not even opened: opening some of them acts.
pub(crate) fn read(dir: &Dir, name: &OsStr) -> Result<File, FileError> {
    let check = |kind| match kind {
        Kind::File => Ok(()),
        Kind::Folder => Err(FileError::IsFolder { name: shown(name) }),
        Kind::Link => Err(FileError::Link { name: shown(name) }),
        Kind::Special => Err(FileError::Special { name: shown(name) }),
    };
    check(kind(dir, name)?.ok_or_else(|| FileError::NotFound { name: shown(name) })?)?;
    let trouble = |error| FileError::io("open", name, error);
    let file = dir.open_with(name, &careful()).map_err(trouble)?;
    // It may have been swapped since: what counts is what was opened.
    check(kind_of(&file.metadata().map_err(trouble)?))?;
    Ok(file.into_std())
}
