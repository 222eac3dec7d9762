//! Bounds what a power cut can take: threads that force to the disk what was written, 100 ms after
//! it was, or at once where somebody waits for it. They hold no lock of a recording meanwhile: it
//! is written on while it is forced.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Recording;

/// How old what was forwarded can be before it is forced to the disk.
const INTERVAL: Duration = Duration::from_millis(100);
/// Threads, so that a file that takes long does not keep the others waiting.
const THREADS: usize = 4;

/// What somebody waits for.
type Waiting = Box<dyn FnOnce(io::Result<()>) + Send>;

/// The threads. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Sync {
    due: Arc<Due>,
    threads: Vec<JoinHandle<()>>,
}

impl Sync {
    pub(super) fn start() -> io::Result<Self> {
        let mut sync = Self { due: Arc::default(), threads: Vec::with_capacity(THREADS) };
        for number in 0..THREADS {
            let due = sync.due.clone();
            let thread = std::thread::Builder::new().name(format!("recorder-sync-{number}"));
            sync.threads.push(thread.spawn(move || while due.work() {})?);
        }
        Ok(sync)
    }

    pub(super) fn due(&self) -> Arc<Due> {
        self.due.clone()
    }

    /// Forces all that was written and ends.
    pub(super) fn end(mut self) {
        self.due.end();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that syncs recordings broke down");
            }
        }
    }
}

impl Drop for Sync {
    fn drop(&mut self) {
        self.due.end();
    }
}

/// What is due, in order.
#[derive(Default)]
pub(super) struct Due {
    queue: Mutex<Queue>,
    news: Condvar,
}

#[derive(Default)]
struct Queue {
    /// At most one for each block that somebody waits for.
    now: VecDeque<(Arc<Recording>, Waiting)>,
    /// At most one for each recording. The delay is always the same, so the first is due first.
    later: VecDeque<(Instant, Arc<Recording>)>,
    ended: bool,
}

enum Next {
    Now(Arc<Recording>, Waiting),
    Due(Arc<Recording>),
    Wait(Option<Duration>),
    End,
}

impl Queue {
    fn next(&mut self) -> Next {
        if let Some((recording, waiting)) = self.now.pop_front() {
            return Next::Now(recording, waiting);
        }
        let left = self.later.front().map(|(at, _)| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero() || self.ended)
            && let Some((_, recording)) = self.later.pop_front()
        {
            return Next::Due(recording);
        }
        if self.ended { Next::End } else { Next::Wait(left) }
    }
}

impl Due {
    /// Forces `recording` at once, then says so to whoever waits.
    pub(super) fn now(&self, recording: Arc<Recording>, waiting: Waiting) {
        self.queue().now.push_back((recording, waiting));
        self.news.notify_one();
    }

    /// Forces `recording` within the interval. To be called once until that has begun.
    pub(super) fn later(&self, recording: Arc<Recording>) {
        self.queue().later.push_back((Instant::now() + INTERVAL, recording));
        self.news.notify_one();
    }

    fn end(&self) {
        self.queue().ended = true;
        self.news.notify_all();
    }

    /// One piece of work; `false` at the end.
    fn work(&self) -> bool {
        match self.wait() {
            Next::Now(recording, waiting) => waiting(recording.force()),
            Next::Due(recording) => {
                // Whatever is written from here on is due again.
                recording.begin_sync();
                // A failure is the recording's to tell: whoever watches over it hears of it.
                drop(recording.force());
            }
            Next::Wait(_) => {}
            Next::End => return false,
        }
        true
    }

    fn wait(&self) -> Next {
        let mut queue = self.queue();
        let next = queue.next();
        match next {
            Next::Wait(Some(left)) => {
                drop(self.news.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner));
            }
            Next::Wait(None) => {
                drop(self.news.wait(queue).unwrap_or_else(PoisonError::into_inner));
            }
            Next::Now(..) | Next::Due(_) | Next::End => {}
        }
        next
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Due").finish_non_exhaustive()
    }
}
