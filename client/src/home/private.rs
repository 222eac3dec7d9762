//! Owner-only folders and files. A file is written beside its place and renamed, so that a crash
//! leaves the old one or the new one, never half of either.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use deskside_protocol::exit::Exit;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The largest file of the configuration folder, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What other users of this computer may do with a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Read and list it; its files are closed to them.
    MayLook,
    /// Nothing at all.
    KeepOut,
}

/// Makes `folder` (0700) where it is missing, and refuses one that is not this user's own or that
/// lets others do more than `others` says.
///
/// # Errors
/// Exit 1 with what to do about it.
pub fn folder(folder: &Path, others: Others) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    guarded(folder, others)
}

#[cfg(unix)]
fn guarded(folder: &Path, others: Others) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    // A symbolic link is fine for a home; in a shared temporary folder it would be a trap.
    let is = match others {
        Others::MayLook => std::fs::metadata(folder),
        Others::KeepOut => std::fs::symlink_metadata(folder),
    };
    let is = is.with_context(|| format!("look at the folder {}", folder.display()))?;
    let name = folder.display();
    let forbidden = match others {
        Others::MayLook => 0o022,
        Others::KeepOut => 0o077,
    };
    let fault = if !is.is_dir() {
        format!("{name} is not a folder")
    } else if is.uid() != rustix::process::geteuid().as_raw() {
        format!("{name} belongs to another user: set DESKSIDE_HOME to a folder of your own")
    } else if is.mode() & forbidden != 0 {
        format!("{name} is open to other users: run chmod 700 {name}")
    } else {
        return Ok(());
    };
    Err(Failure::new(Exit::Other, fault).into())
}

/// Elsewhere the profile folder's own access list keeps others out.
#[cfg(not(unix))]
fn guarded(_: &Path, _: Others) -> anyhow::Result<()> {
    Ok(())
}

/// A whole file, or `None` where there is none.
///
/// # Errors
/// What the disk says, or a file over the maximum.
pub fn read(path: &Path) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
    read_up_to(path, MAX_FILE)
}

/// As [`read`], for a file of at most `maximum` bytes.
///
/// # Errors
/// As [`read`].
pub fn read_up_to(path: &Path, maximum: u64) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
    let context = || format!("read {}", path.display());
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(context),
    };
    // Sized beforehand: a buffer that grows leaves copies of what may be a secret behind.
    let size = file.metadata().with_context(context)?.len().min(maximum);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.take(maximum + 1).read_to_end(&mut bytes).with_context(context)?;
    if bytes.len() as u64 > maximum {
        anyhow::bail!("{} is too large to be a file of ours", path.display());
    }
    Ok(Some(bytes))
}

/// Writes a whole file (0600): beside its place, to the disk, then renamed.
///
/// # Errors
/// What the disk says; the old file then stands as it was.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("find the folder of a file")?;
    let keep = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_folder(folder)
    };
    keep().with_context(|| format!("write {}", path.display()))
}

/// Brings a rename itself to the disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("open");
        folder(&path, Others::MayLook).unwrap();
        for (mode, look, keep_out) in
            [(0o700, true, true), (0o755, true, false), (0o775, false, false)]
        {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(folder(&path, Others::MayLook).is_ok(), look, "{mode:o}");
            assert_eq!(folder(&path, Others::KeepOut).is_ok(), keep_out, "{mode:o}");
        }
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("file");
        write(&path, b"a longer first text").unwrap();
        write(&path, b"short").unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_slice(), b"short");
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 1);
        assert!(read(&base.path().join("none")).unwrap().is_none());
    }
}
