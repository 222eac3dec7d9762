//! Wakes a thread that waits for its display, from another thread.

#[cfg(unix)]
use std::io::{ErrorKind, Read as _, Write as _};
#[cfg(unix)]
use std::os::unix::net::UnixStream;

/// Whoever rings.
#[derive(Debug)]
pub(super) struct Ringer(
    #[cfg(unix)] UnixStream,
    #[cfg(not(unix))] std::sync::mpsc::SyncSender<()>,
);

/// Whoever is woken. A ring that came before the waiting began ends it at once.
#[derive(Debug)]
pub(super) struct Bell(#[cfg(unix)] UnixStream, #[cfg(not(unix))] std::sync::mpsc::Receiver<()>);

#[cfg(unix)]
pub(super) fn bell() -> std::io::Result<(Ringer, Bell)> {
    let (ringer, bell) = UnixStream::pair()?;
    ringer.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    Ok((Ringer(ringer), Bell(bell)))
}

#[cfg(not(unix))]
pub(super) fn bell() -> std::io::Result<(Ringer, Bell)> {
    let (ringer, bell) = std::sync::mpsc::sync_channel(1);
    Ok((Ringer(ringer), Bell(bell)))
}

impl Ringer {
    #[cfg(unix)]
    pub(super) fn ring(&self) {
        // Full is rung already; closed is nobody to wake.
        if let Err(error) = (&self.0).write(&[0]) {
            tracing::trace!(%error, "the bell was not rung");
        }
    }

    #[cfg(not(unix))]
    pub(super) fn ring(&self) {
        if let Err(error) = self.0.try_send(()) {
            tracing::trace!(%error, "the bell was not rung");
        }
    }
}

impl Bell {
    /// Waits for a ring, for so long at the most.
    #[cfg(unix)]
    pub(super) fn wait(&self, most: std::time::Duration) -> std::io::Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let most = Timespec::try_from(most).ok();
        let mut rings = [PollFd::from_borrowed_fd(self.descriptor(), PollFlags::IN)];
        match poll(&mut rings, most.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.silence();
        Ok(())
    }

    /// Waits for a ring, for so long at the most.
    #[cfg(not(unix))]
    pub(super) fn wait(&self, most: std::time::Duration) -> std::io::Result<()> {
        // Nobody there to ring is as good as a ring: the orders have ended then.
        drop(self.0.recv_timeout(most));
        Ok(())
    }
}

#[cfg(unix)]
impl Bell {
    /// For waiting for something else as well.
    pub(super) fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.0)
    }

    /// Takes the rings that there were.
    pub(super) fn silence(&self) {
        let mut rings = [0; 64];
        loop {
            match (&self.0).read(&mut rings) {
                Ok(64) => {}
                Ok(_) => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}
