//! One session's recording, as the rest of the relay holds it. Nothing here waits for a disk but
//! what says so and is async.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use deskside_protocol::policy::Recording as Rule;
use deskside_protocol::recording::{Kind, State};
use deskside_protocol::wire::record::Totals;
use tokio::sync::{oneshot, watch};

use super::counts::Counts;
use super::spool::{Spool, SpoolError, Unsynced};
use super::sync::Due;
use super::worker::{Job, Lane};
use super::{Batch, RecordError};
use crate::clock;

/// Bytes of one recording that wait for the disk: 40 ms at 1.6 Gbit/s.
pub(super) const MAX_WAITING: usize = 8 * 1024 * 1024;
/// Bytes of all recordings of one thread that wait for the disk.
pub(super) const MAX_LANE: usize = 64 * 1024 * 1024;

/// A recording that could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The session goes on and is not recorded any more. Else it has to end.
    pub best_effort: bool,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is in the recording.
    Recorded,
    /// The recording is over, and the session goes on without it.
    Unrecorded,
    /// It is not in a recording that is required.
    Refused,
}

/// Where the file stands.
#[derive(Debug, Clone, Copy)]
struct Standing {
    state: State,
    length: u64,
}

impl Standing {
    const fn of(spool: &Spool) -> Self {
        Self { state: *spool.state(), length: spool.length() }
    }
}

/// One session's recording.
#[derive(Debug)]
pub struct Recording {
    rule: Rule,
    file: Arc<Unsynced>,
    /// Locked for as long as a write takes, by the recorder's thread or by whoever receives, who does
    /// not wait for it; by nobody else.
    spool: Mutex<Spool>,
    /// What was published last. Locked for a copy, never while anybody writes.
    standing: Mutex<Standing>,
    lane: Lane,
    /// Bytes of this recording that wait in the lane.
    waiting: AtomicUsize,
    due: Arc<Due>,
    /// The sync threads know that something is to be forced to the disk.
    announced: AtomicBool,
    counts: Counts,
    failed: AtomicBool,
    broken: watch::Sender<bool>,
}

impl Recording {
    pub(super) fn start(
        spool: Spool,
        rule: Rule,
        counts: Counts,
        lane: Lane,
        due: Arc<Due>,
    ) -> Arc<Self> {
        Arc::new(Self {
            rule,
            file: spool.file(),
            standing: Mutex::new(Standing::of(&spool)),
            spool: Mutex::new(spool),
            lane,
            waiting: AtomicUsize::new(0),
            due,
            announced: AtomicBool::new(false),
            counts,
            failed: AtomicBool::new(false),
            broken: watch::channel(false).0,
        })
    }

    /// Appends one block and waits until it is on disk, for as long as a disk may stall. Whoever
    /// gives up waiting loses nothing: the block is written all the same. Gives the chain's state
    /// behind it.
    ///
    /// # Errors
    /// [`RecordError`]; it is [`RecordError::Over`] for all blocks once a best-effort recording
    /// could not be written.
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
    pub async fn append_with<T: Send + 'static>(
        self: &Arc<Self>,
        kind: Kind,
        line: u16,
        make: impl FnOnce(&State, u64) -> (Vec<u8>, T) + Send + 'static,
    ) -> Result<(State, T), RecordError> {
        let made = move |state: &State, now| {
            let (body, extra) = make(state, now);
            (now, body, extra)
        };
        self.run(kind, line, made).await
    }

    /// Makes and appends a block in its turn on the recorder's thread. `make` gives time, body and
    /// what the caller wants to know of it.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        kind: Kind,
        line: u16,
        make: impl FnOnce(&State, u64) -> (u64, Vec<u8>, T) + Send + 'static,
    ) -> Result<(State, T), RecordError> {
        let (reply, done) = oneshot::channel();
        let recording = self.clone();
        let append = move || {
            let appended = recording.write(&mut recording.spool_lock(), |spool| {
                let (time_us, body, extra) = make(spool.state(), clock::micros());
                Ok((spool.append(kind, line, time_us, &body)?, extra))
            });
            // Whoever asked may have given up; the block is written all the same.
            let answer = move |appended| drop(reply.send(appended));
            match appended {
                Ok(done) => recording.due.clone().now(
                    recording,
                    Box::new(move |synced| {
                        answer(synced.map(|()| done).map_err(RecordError::from))
                    }),
                ),
                Err(error) => answer(Err(error)),
            }
        };
        let sent = self.lane.jobs.send(Job::Append(Box::new(append))).await;
        sent.map_err(|_| RecordError::Ended)?;
        done.await.map_err(|_| RecordError::Ended)?
    }

    /// Passes a batch on in the turn of whoever received it. `false`: others come first, or hold the
    /// file, and it is to be submitted.
    pub(crate) fn pass_now(self: &Arc<Self>, batch: &mut Batch) -> bool {
        if self.waiting.load(Ordering::Acquire) > 0 {
            return false;
        }
        let spool = match self.spool.try_lock() {
            Ok(spool) => spool,
            Err(TryLockError::Poisoned(broken)) => broken.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        self.pass_with(spool, batch);
        true
    }

    /// Passes on a batch that waited, on the recorder's thread.
    pub(super) fn pass(self: &Arc<Self>, batch: &mut Batch) {
        let bytes = batch.bytes();
        self.pass_with(self.spool_lock(), batch);
        // Not before: one that came later would overtake it.
        self.taken(bytes);
    }

    /// Writes, then forwards. What was not written is not forwarded (invariant 4) as long as the
    /// session counts as recorded.
    fn pass_with(self: &Arc<Self>, spool: MutexGuard<'_, Spool>, batch: &mut Batch) {
        let fate = self.packets(spool, batch);
        if fate == Fate::Refused {
            return self.count_dropped(batch.packets());
        }
        for (from, onward, contents) in batch.runs() {
            let packets = onward.packets(contents.len());
            if fate == Fate::Recorded {
                self.counts.recorded(from, packets, contents.len() as u64);
            } else {
                self.count_unrecorded(packets);
            }
            onward.send(&self.lane.port, &self.lane.metrics, contents);
        }
    }

    /// Writes a batch.
    fn packets(self: &Arc<Self>, mut spool: MutexGuard<'_, Spool>, batch: &mut Batch) -> Fate {
        let packets = |spool: &mut Spool| spool.packets(batch.block());
        if !self.has_failed() && self.write(&mut spool, packets).is_ok() {
            self.announce();
            return Fate::Recorded;
        }
        // What a required recording could not hold ends the session: nothing comes after a gap.
        if self.is_over() { Fate::Unrecorded } else { Fate::Refused }
    }

    /// One write: what follows from it is published.
    fn write<T>(
        &self,
        spool: &mut Spool,
        work: impl FnOnce(&mut Spool) -> Result<T, SpoolError>,
    ) -> Result<T, RecordError> {
        if self.is_over() {
            return Err(RecordError::Over);
        }
        let written = work(spool);
        // A block that cannot be made is somebody's misuse and no failure of the disk.
        if let Err(error @ SpoolError::Disk(_)) = &written {
            self.fail(error);
            if self.is_over() {
                spool.release();
            }
        }
        *self.standing_lock() = Standing::of(spool);
        Ok(written?)
    }

    /// Packets were written: they are forced to the disk in a moment.
    fn announce(self: &Arc<Self>) {
        if !self.announced.swap(true, Ordering::AcqRel) {
            self.due.later(self.clone());
        }
    }

    /// What is written from here on has to be announced again.
    pub(super) fn begin_sync(&self) {
        // Not a store: what was written before the last announcement has to be seen by who forces it.
        self.announced.swap(false, Ordering::AcqRel);
    }

    /// Forces what was written to the disk.
    pub(super) fn force(&self) -> io::Result<()> {
        self.file.sync().inspect_err(|error| self.fail(error))
    }

    /// The first failure counts.
    fn fail(&self, error: &(dyn std::error::Error + 'static)) {
        if !self.failed.swap(true, Ordering::AcqRel) {
            tracing::error!(error = crate::chain(error), "a recording cannot be written");
            self.broken.send_replace(true);
        }
    }

    /// Whether the session goes on without this recording, to which nothing is appended any more.
    pub(crate) fn is_over(&self) -> bool {
        self.rule == Rule::BestEffort && self.has_failed()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Bytes that wait for the disk.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Hands a batch to the recorder, or drops it where too much waits already.
    pub(crate) fn submit(self: &Arc<Self>, batch: Batch) {
        let bytes = batch.bytes();
        let own = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let all = self.lane.waiting.fetch_add(bytes, Ordering::Relaxed);
        let job = Job::Packets(self.clone(), batch);
        if own + bytes > MAX_WAITING || all + bytes > MAX_LANE {
            self.refused(&job);
        } else if let Err(refused) = self.lane.jobs.try_send(job) {
            self.refused(&refused.into_inner());
        }
    }

    fn refused(&self, job: &Job) {
        if let Job::Packets(_, batch) = job {
            self.taken(batch.bytes());
            self.count_dropped(batch.packets());
        }
    }

    /// The thread has taken a batch of so many bytes.
    fn taken(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        self.lane.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Packets that were not forwarded, for whatever reason.
    pub(crate) fn count_dropped(&self, packets: u64) {
        self.counts.dropped(packets);
        self.lane.metrics.dropped(packets);
    }

    /// Packets that were forwarded after the recording was over.
    pub(crate) fn count_unrecorded(&self, packets: u64) {
        self.counts.passed_unrecorded(packets);
    }

    /// What was recorded so far, and what was dropped.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.counts.totals()
    }

    /// Packets that were forwarded since the recording was over.
    #[must_use]
    pub fn unrecorded(&self) -> u64 {
        self.counts.unrecorded()
    }

    /// Where the chain stands in the file. Never waits for a write.
    #[must_use]
    pub fn state(&self) -> State {
        self.standing_lock().state
    }

    /// Bytes of the file. Never waits for a write.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.standing_lock().length
    }

    /// Waits until a write failed. A recording that is required refuses all packets from then on,
    /// so the session has to end (its last blocks are still tried); of a best-effort one nothing is
    /// appended any more and the packets pass unrecorded.
    pub async fn broken(&self) -> Broken {
        let mut broken = self.broken.subscribe();
        // The sender lives as long as we do.
        if broken.wait_for(|broken| *broken).await.is_err() {
            std::future::pending::<()>().await;
        }
        Broken { best_effort: self.rule == Rule::BestEffort }
    }

    fn spool_lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing_lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
