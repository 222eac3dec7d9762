//! Write, then forward: the relay's recorder.
//!
//! A few threads own the disk. A receive batch comes to the thread of its session as one block in
//! the making; the thread completes the block, writes it, and only then sends its packets on. What
//! cannot be written is not forwarded, which the ends take for loss. Nothing here waits on behalf
//! of the task that receives: a queue that is full drops the batch.
//!
//! What the async side reads of a recording (where its chain stands, its totals) is published by
//! the thread after each write: nobody but the thread waits for a disk.

mod disk;
mod recording;
mod resume;
mod spool;
mod sync;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use deskside_link::socket::Port;
use deskside_protocol::policy::Recording as Rule;
use thiserror::Error;
use tokio::sync::mpsc;

pub use recording::{Broken, Recording};
pub use resume::{ResumeError, Resumed};
use spool::Spool;
pub(crate) use spool::SpoolError;
use worker::Job;
pub(crate) use worker::{Batch, Send, forward};

use crate::metrics::Metrics;

/// Jobs that wait for one thread: 512 batches of 64 KiB are 32 MiB at the most.
const MAX_JOBS: usize = 512;
/// Bytes of one session that wait for the disk: 40 ms at 1.6 Gbit/s.
const MAX_WAITING: usize = 8 * 1024 * 1024;
/// Threads at the most; more do not make a disk faster.
const MAX_THREADS: usize = 4;

/// A block did not reach the recording.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The spool cannot be written.
    #[error("the recording cannot be written")]
    Spool(#[from] SpoolError),
    /// A write failed before, and the session goes on unrecorded: nothing is appended any more.
    #[error("the recording is over: it could not be written before")]
    Over,
    /// The relay is ending.
    #[error("the recorder has ended")]
    Ended,
}

/// The recorder's threads.
#[derive(Debug)]
pub struct Recorder {
    workers: Vec<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    sync: sync::Sync,
    next: AtomicUsize,
    metrics: Metrics,
}

impl Recorder {
    /// Starts the threads, which send through `port`.
    ///
    /// # Errors
    /// Where the operating system has no thread to give.
    pub fn start(port: &Arc<Port>, metrics: &Metrics) -> std::io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let mut workers = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let (sender, jobs) = mpsc::channel(MAX_JOBS);
            let worker = worker::Worker { port: port.clone(), metrics: metrics.clone() };
            let thread = std::thread::Builder::new().name(format!("recorder-{number}"));
            threads.push(thread.spawn(move || worker.run(jobs))?);
            workers.push(sender);
        }
        let (sync, next) = (sync::Sync::start()?, AtomicUsize::new(0));
        Ok(Self { workers, threads, sync, next, metrics: metrics.clone() })
    }

    /// Begins a recording in a new file at `path`. `rule` says what follows where it cannot be
    /// written: see [`Recording::broken`].
    ///
    /// # Errors
    /// [`RecordError::Spool`].
    pub async fn create(&self, path: &Path, rule: Rule) -> Result<Arc<Recording>, RecordError> {
        let path = path.to_owned();
        let spool = tokio::task::spawn_blocking(move || Spool::create(&path));
        let spool = spool.await.map_err(|_| RecordError::Ended)??;
        Recording::start(spool, rule, recording::Counts::default(), self)
    }

    /// Goes on with a recording that a relay did not close: walks the file, which may be large, off
    /// the async threads; cuts a torn tail off; appends nothing itself.
    ///
    /// # Errors
    /// [`ResumeError`]; the file is then as it was.
    pub async fn resume(&self, path: &Path, rule: Rule) -> Result<Resumed, ResumeError> {
        let path = path.to_owned();
        let walked = tokio::task::spawn_blocking(move || resume::walk(&path));
        let walked = walked.await.map_err(|_| ResumeError::Ended)??;
        let counts = walked.totals.into();
        let recording = Recording::start(walked.spool, rule, counts, self);
        let recording = recording.map_err(|_| ResumeError::Ended)?;
        Ok(Resumed {
            recording,
            cut: walked.cut,
            sealed: walked.sealed,
            header: walked.header,
            closed: walked.closed,
            reason: walked.reason,
        })
    }

    /// The thread of the next recording. There is at least one.
    fn worker(&self) -> Option<&mpsc::Sender<Job>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.workers.len())?;
        self.workers.get(turn)
    }

    /// Lets the threads finish what waits, and ends them.
    pub fn end(mut self) {
        self.workers.clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a recorder thread broke down");
            }
        }
    }
}
