//! Write, then forward: the relay's recorder.
//!
//! A receive batch becomes one block, is written, and only then are its packets sent on. What cannot
//! be written is not forwarded, which the ends take for loss. Whoever receives does all of that in
//! its turn as long as the disk is quick; where it is not, the batch goes to one of a few threads,
//! which wait for the disk in its place. A queue that is full drops the batch.
//!
//! The relay's own blocks go by these threads too. What the async side reads of a recording (where
//! its chain stands, its totals) is published after each write: it never waits for a disk.

mod batch;
mod counts;
mod disk;
mod recording;
mod resume;
mod shred;
mod spool;
mod sync;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use deskside_link::socket::Udp;
use deskside_protocol::policy::Recording as Rule;
use thiserror::Error;
use tokio::sync::{Semaphore, oneshot};

pub(crate) use batch::Batch;
use counts::Counts;
pub use recording::{Broken, Recording};
pub use resume::{ResumeError, Resumed};
pub(crate) use shred::shred;
use spool::Spool;
pub(crate) use spool::SpoolError;
use worker::Lane;

use crate::metrics::Metrics;

/// Threads at the most; more do not make a disk faster.
const MAX_THREADS: usize = 4;
/// Files that are created or walked at once: a disk that stalls holds up so many of tokio's 512
/// blocking threads and leaves the others alone.
const MAX_OPENINGS: usize = 8;
/// A new file has to be there by then: twice what a busy hard disk takes to spin up.
const OPENING: Duration = Duration::from_secs(10);

/// A block did not reach the recording.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The spool cannot be written.
    #[error("the recording cannot be written")]
    Spool(#[from] SpoolError),
    /// A write failed before, and the session goes on unrecorded: nothing is appended any more.
    #[error("the recording is over: it could not be written before")]
    Over,
    /// The disk does not answer.
    #[error("the disk of the recordings does not answer")]
    Stalled,
    /// The relay is ending.
    #[error("the recorder has ended")]
    Ended,
}

impl From<std::io::Error> for RecordError {
    fn from(error: std::io::Error) -> Self {
        Self::Spool(error.into())
    }
}

/// The recorder's threads.
#[derive(Debug)]
pub struct Recorder {
    lanes: Vec<Lane>,
    threads: Vec<JoinHandle<()>>,
    sync: sync::Sync,
    next: AtomicUsize,
    openings: Arc<Semaphore>,
}

impl Recorder {
    /// Starts the threads, which send through `port`.
    ///
    /// # Errors
    /// Where the operating system has no thread to give.
    pub fn start(port: &Arc<Udp>, metrics: &Metrics) -> std::io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        Self::with_threads(port, metrics, count)
    }

    fn with_threads(port: &Arc<Udp>, metrics: &Metrics, count: usize) -> std::io::Result<Self> {
        let mut lanes = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let (lane, worker) = worker::pair(port.clone(), metrics.clone());
            let thread = std::thread::Builder::new().name(format!("recorder-{number}"));
            threads.push(thread.spawn(move || worker.run())?);
            lanes.push(lane);
        }
        Ok(Self {
            lanes,
            threads,
            sync: sync::Sync::start()?,
            next: AtomicUsize::new(0),
            openings: Arc::new(Semaphore::new(MAX_OPENINGS)),
        })
    }

    /// Begins a recording in a new file at `path`. `rule` says what follows where it cannot be
    /// written: see [`Recording::broken`].
    ///
    /// # Errors
    /// [`RecordError::Spool`]; [`RecordError::Stalled`] where the disk does not answer within 10 s.
    pub async fn create(&self, path: &Path, rule: Rule) -> Result<Arc<Recording>, RecordError> {
        let (reply, made) = oneshot::channel();
        let create = move |path: &Path| {
            // Nobody waits any more: the file would be nobody's.
            if let Err(Ok(_)) = reply.send(Spool::create(path))
                && let Err(error) = std::fs::remove_file(path)
            {
                tracing::warn!(%error, "a recording that never began cannot be removed");
            }
        };
        let made = async {
            self.off_thread(path, create).await?;
            made.await.ok()
        };
        let spool = tokio::time::timeout(OPENING, made).await.map_err(|_| RecordError::Stalled)?;
        let spool = spool.ok_or(RecordError::Ended)??;
        self.begin(spool, rule, Counts::default()).ok_or(RecordError::Ended)
    }

    /// Goes on with a recording that a relay did not close: walks the file, which may be large, off
    /// the async threads; cuts a torn tail off; appends nothing itself. It takes as long as it
    /// takes to read the file.
    ///
    /// # Errors
    /// [`ResumeError`]; the file is then as it was.
    pub async fn resume(&self, path: &Path, rule: Rule) -> Result<Resumed, ResumeError> {
        let walked = self.off_thread(path, resume::walk).await.ok_or(ResumeError::Ended)??;
        let recording = self.begin(walked.spool, rule, walked.totals.into());
        Ok(Resumed {
            recording: recording.ok_or(ResumeError::Ended)?,
            cut: walked.cut,
            sealed: walked.sealed,
            header: walked.header,
            closed: walked.closed,
            reason: walked.reason,
        })
    }

    /// Works on a file where a stalled disk stops nobody else. `None` where the relay ends.
    async fn off_thread<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> Option<T> {
        let permit = self.openings.clone().acquire_owned().await.ok()?;
        let path = path.to_owned();
        let working = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&path)
        });
        working.await.ok()
    }

    /// Gives the recording to the next thread.
    fn begin(&self, spool: Spool, rule: Rule, counts: Counts) -> Option<Arc<Recording>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.lanes.len())?;
        let lane = self.lanes.get(turn)?.clone();
        Some(Recording::start(spool, rule, counts, lane, self.sync.due()))
    }

    /// Lets the threads finish what waits, forces it to the disk, and ends them.
    pub fn end(mut self) {
        self.lanes.clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a recorder thread broke down");
            }
        }
        self.sync.end();
    }
}

#[cfg(test)]
mod tests;
