//! The one thread that appends to the log.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use deskside_protocol::log::SignedHead;
use tokio::sync::{mpsc, oneshot};

use super::LogError;
use super::shelf::Shelf;

/// Entries of one batch: as many as a bundle holds, so that a batch touches two at most.
const MAX_BATCH: usize = 256;

struct Job {
    entry: Vec<u8>,
    done: oneshot::Sender<Result<u64, LogError>>,
}

/// The way to the thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread, which says at `head` where the log stands after each batch.
    pub(super) fn start(shelf: Shelf, head: Arc<RwLock<Arc<SignedHead>>>) -> io::Result<Self> {
        let (jobs, arrivals) = mpsc::channel(MAX_BATCH);
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || run(shelf, arrivals, &head))?;
        Ok(Self { jobs })
    }

    pub(super) async fn append(&self, entry: Vec<u8>) -> Result<u64, LogError> {
        let (done, appended) = oneshot::channel();
        self.jobs.send(Job { entry, done }).await.map_err(|_| LogError::Ended)?;
        appended.await.map_err(|_| LogError::Ended)?
    }
}

fn run(mut shelf: Shelf, mut arrivals: mpsc::Receiver<Job>, head: &RwLock<Arc<SignedHead>>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while arrivals.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        let entries: Vec<&[u8]> = batch.iter().map(|job| job.entry.as_slice()).collect();
        let appended = shelf.append(&entries).map(|(first, signed)| {
            *head.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signed);
            first
        });
        for (number, job) in (0..).zip(batch.drain(..)) {
            // Whoever waited may have given up; the entry is there all the same.
            drop(job.done.send(appended.clone().map(|first| first + number)));
        }
    }
}
