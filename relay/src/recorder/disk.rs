//! What the recorder wants of a file, so that a test can put one there that stalls or refuses.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A file that is written at given places.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Sets room aside from `from` to `to`, behind the end of the file, which stays where it is.
    fn reserve(&self, from: u64, to: u64) -> io::Result<()>;
    /// Cuts the file off behind `length` bytes, with what was set aside.
    fn cut(&self, length: u64) -> io::Result<()>;
    /// Forces what was written to the medium.
    fn sync(&self) -> io::Result<()>;
}

impl Disk for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    #[cfg(target_os = "linux")]
    fn reserve(&self, from: u64, to: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        Ok(fallocate(self, FallocateFlags::KEEP_SIZE, from, to.saturating_sub(from))?)
    }

    #[cfg(not(target_os = "linux"))]
    fn reserve(&self, _from: u64, _to: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
