//! An end's own folder: files for the owner only, each replaced as a whole, so that a crash at
//! any step leaves the old one or the new one and nothing of what it holds lies elsewhere.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Replaces the file at `path` by way of `next`, a name in the same folder that nobody else writes
/// at the time; it is on the disk when this returns. Folder and file are for the owner only.
///
/// # Errors
/// What the system says. The old content is there still, unless only the last step failed.
pub fn replace(path: &Path, next: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    make(folder)?;
    let written = write_next(next, bytes).and_then(|()| std::fs::rename(next, path));
    if let Err(error) = written {
        return Err(cleared(next).err().unwrap_or(error));
    }
    sync(folder)
}

/// Removes files of one folder; it is on the disk when this returns. A missing one is removed
/// already.
///
/// # Errors
/// What the system says.
pub fn remove<const N: usize>(paths: [&Path; N]) -> io::Result<()> {
    for path in paths {
        if cleared(path)? {
            sync(folder_of(path))?;
        }
    }
    Ok(())
}

/// Makes the folder, for the owner only, where it is missing.
///
/// # Errors
/// What the system says.
pub fn make(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// As [`replace`], but a power cut soon after may leave the old content. A crash of the program does
/// not.
///
/// # Errors
/// What the system says.
pub fn replace_soon(path: &Path, next: &Path, bytes: &[u8]) -> io::Result<()> {
    let write = || {
        cleared(next)?;
        owner_only().create_new(true).open(next)?.write_all(bytes)?;
        std::fs::rename(next, path)
    };
    write().map_err(|error| cleared(next).err().unwrap_or(error))
}

/// Options that make a file for the owner only.
#[must_use]
pub fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true);
    options
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn write_next(next: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a crash left may have been made by somebody else: never written into.
    cleared(next)?;
    let mut file = owner_only().create_new(true).open(next)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Whether there was one.
fn cleared(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A rename or a removal lasts once its folder is on the disk.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems write the folder with the file.
#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_at_any_step_leaves_the_old_or_the_new_and_the_next_write_works() {
        let home = tempfile::tempdir().unwrap();
        let (path, next) = (home.path().join("agent/file"), home.path().join("agent/next"));
        replace(&path, &next, b"old").unwrap();
        // What a crash leaves before the rename: any beginning of the next content.
        for length in 0..=3 {
            std::fs::write(&next, &b"new"[..length]).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
            replace(&path, &next, b"old").unwrap();
            assert!(!next.exists());
        }
        std::fs::write(&next, b"new").unwrap();
        remove([&path, &next]).unwrap();
        assert!(!path.exists() && !next.exists());
        remove([&path, &next]).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_somebody_put_in_the_way_is_not_written_into() {
        let home = tempfile::tempdir().unwrap();
        let [path, next, other] = ["file", "next", "other"].map(|name| home.path().join(name));
        std::fs::write(&other, b"untouched").unwrap();
        std::os::unix::fs::symlink(&other, &next).unwrap();
        replace(&path, &next, b"mine").unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"untouched");
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_and_no_trace() {
        let home = tempfile::tempdir().unwrap();
        let (path, next) = (home.path().join("file"), home.path().join("next"));
        std::fs::create_dir(&path).unwrap();
        assert!(replace(&path, &next, b"new").is_err());
        assert!(path.is_dir() && !next.exists());
    }
}
