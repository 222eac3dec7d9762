//! Memory shared with the X server (MIT-SHM 1.2, AttachFd): the one place of the agent that maps
//! memory by hand.
//!
//! The memory is a sealed memfd, so that the other side cannot shrink it under us, and no reference
//! into it is ever made: the server may write at any time, so bytes are copied out by raw pointer.
#![allow(unsafe_code, reason = "mapping memory that another process writes has no safe form")]

use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use thiserror::Error;
use x11rb::connection::Connection as _;
use x11rb::cookie::Cookie;
use x11rb::errors::{ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::shm::{ConnectionExt as _, GetImageReply, Seg};
use x11rb::protocol::xproto::{ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

use super::wire;
use crate::desktop::Region;

/// Why memory could not be shared.
#[derive(Debug, Error)]
pub(super) enum ShareError {
    #[error("the display has no MIT-SHM 1.2")]
    TooOld,
    #[error(transparent)]
    Memory(#[from] rustix::io::Errno),
    #[error(transparent)]
    Display(#[from] ReplyOrIdError),
}

impl From<ReplyError> for ShareError {
    fn from(error: ReplyError) -> Self {
        Self::Display(error.into())
    }
}

impl From<ConnectionError> for ShareError {
    fn from(error: ConnectionError) -> Self {
        Self::Display(error.into())
    }
}

/// A mapping that ends with this value.
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone in this process and is not tied to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// New zeroed memory of `len` bytes, and the descriptor that names it.
    fn new(len: usize) -> rustix::io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memory = memfd_create("deskside-screen", flags)?;
        ftruncate(&memory, u64::try_from(len).unwrap_or(u64::MAX))?;
        fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice, of a file of exactly `len`
        // bytes that is sealed against shrinking; nothing else of this process is touched.
        let start = unsafe { mmap(ptr::null_mut(), len, protection, flags, &memory, 0)? };
        let start = NonNull::new(start.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok((Self { start, len }, memory))
    }

    /// A copy of the first `len` bytes.
    fn copy(&self, len: usize) -> Vec<u8> {
        let len = len.min(self.len);
        let mut bytes = Vec::with_capacity(len);
        // SAFETY: the source is mapped for `self.len >= len` bytes as long as `self` lives and
        // cannot shrink; the target has room for `len` and does not overlap it; after the copy
        // `len` bytes of the target are initialised. What the server writes meanwhile may tear the
        // picture, nothing else: any byte is a valid `u8`.
        unsafe {
            ptr::copy_nonoverlapping(self.start.as_ptr(), bytes.as_mut_ptr(), len);
            bytes.set_len(len);
        }
        bytes
    }
}

impl Mapping {
    /// Copies the bytes from `offset` on, as many as `to` has room for.
    fn copy_to(&self, offset: usize, to: &mut [u8]) {
        let Some(rest) = self.len.checked_sub(offset) else { return };
        let len = to.len().min(rest);
        // SAFETY: as in `copy`, from `offset <= self.len` on, behind which `rest >= len` bytes are
        // mapped; the target is a slice of at least `len` bytes of our own.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr().add(offset), to.as_mut_ptr(), len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `mmap` returned, once, and no reference into it was ever made.
        if let Err(error) = unsafe { munmap(self.start.as_ptr().cast(), self.len) } {
            tracing::debug!(%error, "cannot unmap the screen");
        }
    }
}

/// Memory that the server writes images into.
pub(super) struct Shared {
    mapping: Mapping,
    segment: Seg,
}

impl Shared {
    /// Shares `len` bytes with the server.
    pub(super) fn attach(connection: &RustConnection, len: usize) -> Result<Self, ShareError> {
        let version = connection.shm_query_version()?.reply()?;
        if (version.major_version, version.minor_version) < (1, 2) {
            return Err(ShareError::TooOld);
        }
        let (mapping, memory) = Mapping::new(len)?;
        let segment = connection.generate_id()?;
        connection.shm_attach_fd(segment, memory, false)?.check()?;
        Ok(Self { mapping, segment })
    }

    /// Takes the memory away from the server.
    pub(super) fn detach(self, connection: &RustConnection) -> Result<(), ConnectionError> {
        connection.shm_detach(self.segment)?.ignore_error();
        Ok(())
    }

    /// Bytes that fit.
    pub(super) const fn len(&self) -> usize {
        self.mapping.len
    }

    /// The image of `region` as the display lays it out, `len` bytes.
    pub(super) fn image(
        &self,
        connection: &RustConnection,
        root: Window,
        region: Region,
        len: usize,
    ) -> Result<Vec<u8>, ReplyError> {
        self.ask(connection, root, region, 0)?.reply()?;
        Ok(self.mapping.copy(len))
    }

    /// Copies what lies behind `offset` bytes.
    pub(super) fn copy(&self, offset: usize, to: &mut [u8]) {
        self.mapping.copy_to(offset, to);
    }

    /// Asks for the image of `region`, to be put behind `offset` bytes. It is there with the answer.
    pub(super) fn ask<'a>(
        &self,
        connection: &'a RustConnection,
        root: Window,
        region: Region,
        offset: usize,
    ) -> Result<Cookie<'a, RustConnection, GetImageReply>, ConnectionError> {
        let (x, y, width, height) = wire(region)?;
        let (format, segment) = (ImageFormat::Z_PIXMAP.into(), self.segment);
        let offset = u32::try_from(offset).map_err(|_| ConnectionError::InsufficientMemory)?;
        connection.shm_get_image(root, x, y, width, height, !0, format, segment, offset)
    }
}
