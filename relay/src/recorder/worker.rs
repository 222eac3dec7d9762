//! One thread of the recorder: completes blocks, writes them, and forwards what was written.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use deskside_link::socket::Port;
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
}

/// A thread's means.
pub(super) struct Worker {
    port: Arc<Port>,
    metrics: Metrics,
    jobs: mpsc::Receiver<Job>,
}

/// A thread-to-be and the way to it.
pub(super) fn pair(port: Arc<Port>, metrics: Metrics) -> (Lane, Worker) {
    let (sender, jobs) = mpsc::channel(MAX_JOBS);
    let lane = Lane { jobs: sender, waiting: Arc::default(), metrics: metrics.clone() };
    (lane, Worker { port, metrics, jobs })
}

impl Worker {
    /// Works until every sender is gone.
    pub(super) fn run(mut self) {
        while let Some(job) = self.jobs.blocking_recv() {
            match job {
                Job::Packets(recording, batch) => self.packets(&recording, batch),
                Job::Append(append) => append(),
            }
        }
    }

    /// Writes, then forwards. What was not written is not forwarded (invariant 4) as long as the
    /// session counts as recorded.
    fn packets(&self, recording: &Arc<Recording>, mut batch: Batch) {
        let Ok(recorded) = recording.packets(&mut batch) else {
            return recording.count_dropped(batch.packets());
        };
        for (from, onward, contents) in batch.runs() {
            let packets = onward.packets(contents.len());
            if recorded {
                recording.count_recorded(from, packets, contents.len() as u64);
            } else {
                recording.count_unrecorded(packets);
            }
            onward.send(&self.port, &self.metrics, contents);
        }
    }
}
