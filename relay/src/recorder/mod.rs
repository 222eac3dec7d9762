//! Write, then forward: the relay's recorder.
//!
//! A few threads own the disk. A receive batch comes to the thread of its session as one block in
//! the making; the thread completes the block, writes it, and only then sends its packets on. What
//! cannot be written is not forwarded, which the ends take for loss. Nothing here waits on behalf
//! of the task that receives: a queue that is full drops the batch.

mod spool;
mod sync;
mod worker;

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use deskside_link::socket::Port;
use deskside_protocol::recording::{Kind, State};
use deskside_protocol::session::End;
use deskside_protocol::wire::record::Totals;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use spool::Spool;
pub(crate) use spool::SpoolError;
use worker::Job;
pub(crate) use worker::{Batch, Send, forward};

use crate::clock;
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
        Ok(Self { workers, threads, sync: sync::Sync::start()?, next: AtomicUsize::new(0) })
    }

    /// Begins a recording in a new file at `path`.
    ///
    /// # Errors
    /// [`RecordError::Spool`].
    pub async fn create(&self, path: &Path) -> Result<Arc<Recording>, RecordError> {
        let path = path.to_owned();
        let spool = tokio::task::spawn_blocking(move || Spool::create(&path));
        let spool = spool.await.map_err(|_| RecordError::Ended)??;
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.workers.len());
        let worker = turn.and_then(|turn| self.workers.get(turn)).ok_or(RecordError::Ended)?;
        let recording = Arc::new(Recording {
            file: spool.file(),
            spool: Mutex::new(spool),
            worker: worker.clone(),
            waiting: AtomicUsize::new(0),
            counts: Counts::default(),
            broken: watch::channel(false).0,
        });
        self.sync.watch(&recording);
        Ok(recording)
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

/// What was recorded and dropped, counted where it happens.
#[derive(Debug, Default)]
struct Counts {
    packets: [AtomicU64; 2],
    bytes: [AtomicU64; 2],
    dropped: AtomicU64,
}

const fn index(end: End) -> usize {
    match end {
        End::Agent => 0,
        End::Technician => 1,
    }
}

/// One session's recording.
#[derive(Debug)]
pub struct Recording {
    file: Arc<spool::Unsynced>,
    spool: Mutex<Spool>,
    worker: mpsc::Sender<Job>,
    waiting: AtomicUsize,
    counts: Counts,
    broken: watch::Sender<bool>,
}

impl Recording {
    /// Appends one block and waits until it is on disk. Gives the chain's state behind it.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn append(
        self: &Arc<Self>,
        kind: Kind,
        line: u16,
        body: Vec<u8>,
    ) -> Result<State, RecordError> {
        let (state, ()) = self.append_with(kind, line, move |_, _| (body, ())).await?;
        Ok(state)
    }

    /// As [`Self::append`], at a time that was signed before: a CLOSE.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn append_at(
        self: &Arc<Self>,
        kind: Kind,
        line: u16,
        time_us: u64,
        body: Vec<u8>,
    ) -> Result<State, RecordError> {
        let (state, ()) = self.run(kind, line, move |_, _| (time_us, body, ())).await?;
        Ok(state)
    }

    /// As [`Self::append`], with a body that is made of the chain's state before it and the time in
    /// microseconds: nothing comes between.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn append_with<T: std::marker::Send + 'static>(
        self: &Arc<Self>,
        kind: Kind,
        line: u16,
        make: impl FnOnce(&State, u64) -> (Vec<u8>, T) + std::marker::Send + 'static,
    ) -> Result<(State, T), RecordError> {
        let made = move |state: &State, now| {
            let (body, extra) = make(state, now);
            (now, body, extra)
        };
        self.run(kind, line, made).await
    }

    /// Makes and appends a block in its turn on the recorder's thread. `make` gives time, body and
    /// what the caller wants to know of it.
    async fn run<T: std::marker::Send + 'static>(
        self: &Arc<Self>,
        kind: Kind,
        line: u16,
        make: impl FnOnce(&State, u64) -> (u64, Vec<u8>, T) + std::marker::Send + 'static,
    ) -> Result<(State, T), RecordError> {
        let (reply, done) = oneshot::channel();
        let recording = self.clone();
        let append = move || {
            let mut spool = recording.spool();
            let (time_us, body, extra) = make(spool.state(), clock::micros());
            let appended = spool.append(kind, line, time_us, &body);
            if appended.is_err() {
                recording.broken.send_replace(true);
            }
            // Whoever asked may have given up; the block is written all the same.
            drop(reply.send(appended.map(|state| (state, extra))));
        };
        let sent = self.worker.send(Job::Append(Box::new(append))).await;
        sent.map_err(|_| RecordError::Ended)?;
        Ok(done.await.map_err(|_| RecordError::Ended)??)
    }

    /// Hands a batch to the recorder, or drops it where too much waits already.
    pub(crate) fn submit(self: &Arc<Self>, batch: Batch) {
        let bytes = batch.bytes();
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let job = Job::Packets(self.clone(), batch);
        if waiting + bytes > MAX_WAITING {
            self.dropped(job);
        } else if let Err(refused) = self.worker.try_send(job) {
            self.dropped(refused.into_inner());
        }
    }

    fn dropped(&self, job: Job) {
        if let Job::Packets(_, batch) = job {
            self.waiting.fetch_sub(batch.bytes(), Ordering::Relaxed);
            self.count_dropped(batch.packets());
        }
    }

    /// Packets that were not forwarded, for whatever reason.
    pub(crate) fn count_dropped(&self, packets: u64) {
        self.counts.dropped.fetch_add(packets, Ordering::Relaxed);
    }

    fn count(&self, from: End, packets: u64, bytes: u64) {
        let end = index(from);
        let add = |counters: &[AtomicU64; 2], by| {
            if let Some(counter) = counters.get(end) {
                counter.fetch_add(by, Ordering::Relaxed);
            }
        };
        add(&self.counts.packets, packets);
        add(&self.counts.bytes, bytes);
    }

    /// What was recorded so far, and what was dropped.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let of = |counters: &[AtomicU64; 2], end| {
            counters.get(index(end)).map_or(0, |counter| counter.load(Ordering::Relaxed))
        };
        Totals {
            packets_from_agent: of(&self.counts.packets, End::Agent),
            bytes_from_agent: of(&self.counts.bytes, End::Agent),
            packets_from_technician: of(&self.counts.packets, End::Technician),
            bytes_from_technician: of(&self.counts.bytes, End::Technician),
            packets_dropped: self.counts.dropped.load(Ordering::Relaxed),
        }
    }

    /// Where the chain stands on disk.
    #[must_use]
    pub fn state(&self) -> State {
        *self.spool().state()
    }

    /// Bytes of the file.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.spool().length()
    }

    /// Waits until a write failed.
    pub async fn broken(&self) {
        let mut broken = self.broken.subscribe();
        // The sender lives as long as we do.
        if broken.wait_for(|broken| *broken).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
