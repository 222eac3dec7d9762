//! Work that waits for a disk, off the async threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::error::FileError;

/// Ends the work of whoever holds a [`Stopped`] when it is dropped.
#[derive(Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

/// Asked between two steps of work.
#[derive(Debug, Clone)]
pub(crate) struct Stopped(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    pub(crate) fn stopped(&self) -> Stopped {
        Stopped(Arc::clone(&self.0))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Stopped {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Runs `work` on a thread of its own that ends with it.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), FileError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(FileError::Thread)
}

/// Runs `work` on a blocking thread; it is told to stop when the caller goes away.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce(&Stopped) -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let stop = Stop::new();
    let stopped = stop.stopped();
    let done = tokio::task::spawn_blocking(move || work(&stopped)).await;
    drop(stop);
    done.map_err(|died| FileError::Thread(std::io::Error::other(died)))?
}
