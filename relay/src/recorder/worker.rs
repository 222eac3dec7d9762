//! One thread of the recorder: the relay's own blocks, and packets that could not be written in the
//! turn of whoever received them.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use deskside_link::socket::Udp;
use tokio::sync::mpsc;

use super::{Batch, Recording};
use crate::metrics::Metrics;

/// Jobs that wait for one thread: single packets of a hundred busy sessions for a second. Their bytes
/// have a bound of their own.
const MAX_JOBS: usize = 4_096;

/// What waits for a thread.
pub(super) enum Job {
    Packets(Arc<Recording>, Batch),
    /// A block of the relay's own, made and written by the closure.
    Append(Box<dyn FnOnce() + Send>),
}

/// The way to a thread, and what lies on it.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) jobs: mpsc::Sender<Job>,
    /// Bytes of batches.
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) metrics: Metrics,
    /// Where packets leave.
    pub(super) port: Arc<Udp>,
}

/// A thread's means.
pub(super) struct Worker {
    jobs: mpsc::Receiver<Job>,
}

/// A thread-to-be and the way to it.
pub(super) fn pair(port: Arc<Udp>, metrics: Metrics) -> (Lane, Worker) {
    let (sender, jobs) = mpsc::channel(MAX_JOBS);
    (Lane { jobs: sender, waiting: Arc::default(), metrics, port }, Worker { jobs })
}

impl Worker {
    /// Works until every sender is gone.
    pub(super) fn run(mut self) {
        while let Some(job) = self.jobs.blocking_recv() {
            match job {
                Job::Packets(recording, mut batch) => recording.pass(&mut batch),
                Job::Append(append) => append(),
            }
        }
    }
}
