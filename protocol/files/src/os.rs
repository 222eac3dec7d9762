//! What differs between systems: free space, whose a file is, permissions, marks.

use std::fs::{File, Metadata};
use std::io;

/// Permissions of what arrives: the owner's alone, as nobody else was asked.
#[cfg(unix)]
const PRIVATE_FILE: u32 = 0o600;
/// As [`PRIVATE_FILE`], for folders.
#[cfg(unix)]
const PRIVATE_FOLDER: u32 = 0o700;

/// What is created with these options is its owner's alone.
#[cfg(unix)]
pub(crate) fn make_private(options: &mut cap_std::fs::OpenOptions) {
    use cap_std::fs::OpenOptionsExt as _;
    options.mode(PRIVATE_FILE);
}

/// As [`make_private`], for a folder.
#[cfg(unix)]
pub(crate) fn make_private_folder(options: &mut cap_std::fs::DirBuilder) {
    use cap_std::fs::DirBuilderExt as _;
    options.mode(PRIVATE_FOLDER);
}

/// Permissions of a file that may be replaced, for [`set_mode`].
#[cfg(unix)]
pub(crate) fn mode(metadata: &cap_std::fs::Metadata) -> u32 {
    use cap_std::fs::MetadataExt as _;
    metadata.mode()
}

/// Bytes that are free for this user on the disk of an open file or folder.
#[cfg(unix)]
pub(crate) fn free(of: &impl std::os::fd::AsFd) -> io::Result<u64> {
    let space = rustix::fs::fstatvfs(of)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Whether an open file is this user's own and has no second name: what is written to it is then
/// seen nowhere else.
#[cfg(unix)]
pub(crate) fn is_only_ours(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.is_file()
        && metadata.nlink() == 1
        && metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Whether a file may be run by its owner.
#[cfg(unix)]
pub(crate) fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o100 != 0
}

/// Gives a file that landed its permissions: those of the file that it replaces, or the owner's
/// alone; whoever may read it may run it where it is executable.
#[cfg(unix)]
pub(crate) fn set_mode(file: &File, replaced: Option<u32>, executable: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let readable = replaced.unwrap_or(PRIVATE_FILE) & 0o666;
    let mode = if executable { readable | (readable & 0o444) >> 2 } else { readable };
    let current = file.metadata()?.permissions().mode();
    if current & 0o7777 == mode {
        return Ok(());
    }
    match file.set_permissions(std::fs::Permissions::from_mode(mode)) {
        // A file system without permissions, as on most sticks.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) => {
            tracing::debug!(%error, "this file system keeps no permissions");
            Ok(())
        }
        done => done,
    }
}

/// Notes on an open file where it comes from, as browsers and download tools do: the extended
/// attribute `user.xdg.origin.url` (freedesktop.org, "Guidelines for extended attributes"). A file
/// system without extended attributes keeps none.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn mark_origin(file: &File, origin: &str) -> io::Result<()> {
    use rustix::fs::{XattrFlags, fsetxattr};
    use rustix::io::Errno;
    match fsetxattr(file, "user.xdg.origin.url", origin.as_bytes(), XattrFlags::empty()) {
        // No such attributes here, or no room for one: the file is as good without.
        Err(error @ (Errno::NOTSUP | Errno::PERM | Errno::NOSPC | Errno::DQUOT)) => {
            tracing::debug!(%error, "this file system keeps no mark of where a file is from");
            Ok(())
        }
        done => Ok(done?),
    }
}

/// Other systems have marks of their own, which nothing here writes yet.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn mark_origin(_file: &File, _origin: &str) -> io::Result<()> {
    Ok(())
}
