//! The thread that writes: behind the stream by a bounded queue, hashing what it writes while it is
//! in the cache.

use std::time::Instant;

use bytes::Bytes;
use deskside_protocol::file::{End, Entry, Fault, Have, MAX_OUTSTANDING};
use tokio::sync::mpsc;

use super::Landing;
use super::part::Part;
use crate::PIECES;
use crate::blocking::{self, Stop, Stopped};
use crate::error::FileError;
use crate::report::{FileReport, Skipped};

/// What the stream said, in its order.
#[derive(Debug)]
pub(crate) enum Job {
    Folder(Entry),
    File(Entry),
    From(u64),
    Piece(Bytes),
    End(End),
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A folder could not be made.
    Skipped(Skipped),
    Have(Have),
    Done(FileReport),
}

/// The thread's handle; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) outcomes: mpsc::Receiver<Outcome>,
    pub(crate) stop: Stop,
}

impl Writer {
    pub(crate) fn start(landing: Landing, resume: bool) -> Result<Self, FileError> {
        let (jobs, job_from) = mpsc::channel(PIECES);
        // A sender waits with so many files outstanding, so that the queue never fills.
        let (outcome_to, outcomes) = mpsc::channel(MAX_OUTSTANDING);
        let stop = Stop::new();
        let stopped = stop.stopped();
        let mut work = Work { landing, resume, stopped, outcomes: outcome_to, file: None };
        blocking::start("deskside-write", move || work.all(job_from))?;
        Ok(Self { jobs, outcomes, stop })
    }
}

struct Work {
    landing: Landing,
    resume: bool,
    stopped: Stopped,
    outcomes: mpsc::Sender<Outcome>,
    file: Option<Arriving>,
}

/// The file of the moment.
struct Arriving {
    entry: Entry,
    since: Instant,
    resumed_from: u64,
    /// `None` once it failed and that was said.
    part: Option<Part>,
}

/// Nobody listens any more.
struct Gone;

impl Work {
    fn all(&mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            if self.stopped.is_set() || self.job(job).is_err() {
                break;
            }
        }
    }

    fn job(&mut self, job: Job) -> Result<(), Gone> {
        match job {
            Job::Folder(entry) => match self.landing.make_folder(&entry.path) {
                Ok(()) => Ok(()),
                Err(error) => {
                    let why = Fault::from(&error);
                    self.say(Outcome::Skipped(Skipped { path: entry.path, why }))
                }
            },
            Job::File(entry) => self.begin(entry),
            Job::From(offset) => self.with_part(|file, part| {
                part.begin(offset)?;
                file.resumed_from = offset;
                Ok(())
            }),
            Job::Piece(piece) => self.with_part(|_, part| part.write(&piece)),
            Job::End(end) => self.end(&end),
        }
    }

    fn begin(&mut self, entry: Entry) -> Result<(), Gone> {
        let opened = self.open(&entry);
        let file = Arriving { entry, since: Instant::now(), resumed_from: 0, part: None };
        let file = self.file.insert(file);
        match opened {
            Ok(None) => Err(Gone),
            Ok(Some((part, have))) => {
                file.part = Some(part);
                if self.resume { self.say(Outcome::Have(have)) } else { Ok(()) }
            }
            Err(error) => {
                if self.resume {
                    self.say(Outcome::Have(Have::NOTHING))?;
                }
                self.fail(Fault::from(&error))
            }
        }
    }

    /// The part, and how much of it is there; `None` where the transfer was stopped meanwhile.
    fn open(&self, entry: &Entry) -> Result<Option<(Part, Have)>, FileError> {
        let mut part = Part::open(&self.landing, entry, self.resume)?;
        let have = if self.resume { part.have(&self.stopped)? } else { Some(Have::NOTHING) };
        let Some(have) = have else { return Ok(None) };
        self.landing.room_for(entry.size.saturating_sub(have.bytes()))?;
        Ok(Some((part, have)))
    }

    /// Does something with the part, unless the file has failed; if this fails, so has the file.
    fn with_part(
        &mut self,
        work: impl FnOnce(&mut Arriving, &mut Part) -> Result<(), FileError>,
    ) -> Result<(), Gone> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let Some(mut part) = file.part.take() else { return Ok(()) };
        match work(file, &mut part) {
            Ok(()) => {
                file.part = Some(part);
                Ok(())
            }
            Err(error) => self.fail(Fault::from(&error)),
        }
    }

    fn end(&mut self, end: &End) -> Result<(), Gone> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        // Where there is no part the failure was said.
        let Some(part) = file.part.take() else { return Ok(()) };
        let sha256 = part.hashes().sha256();
        let failed = match end {
            _ if self.stopped.is_set() => return Err(Gone),
            End::Failed(why) => part.discard().err().map_or_else(|| Some(why.clone()), fault),
            whole if part.hashes().end() == *whole => {
                part.land(&self.landing, &file.entry).err().and_then(fault)
            }
            End::Whole { .. } => {
                let corrupt = FileError::Corrupt { name: file.entry.path.to_string() };
                fault(part.discard().err().unwrap_or(corrupt))
            }
        };
        self.say(Outcome::Done(file.report(failed, sha256)))
    }

    fn fail(&self, fault: Fault) -> Result<(), Gone> {
        let Some(file) = &self.file else { return Ok(()) };
        self.say(Outcome::Done(file.report(Some(fault), [0; 32])))
    }

    fn say(&self, outcome: Outcome) -> Result<(), Gone> {
        self.outcomes.blocking_send(outcome).map_err(|_| Gone)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "stands where an error is turned into a fault")]
#[allow(clippy::unnecessary_wraps, reason = "a fault is what may be there in a report")]
fn fault(error: FileError) -> Option<Fault> {
    Some(Fault::from(&error))
}

impl Arriving {
    fn report(&self, failed: Option<Fault>, sha256: [u8; 32]) -> FileReport {
        FileReport {
            path: self.entry.path.clone(),
            bytes: self.entry.size,
            sha256: failed.is_none().then_some(sha256),
            resumed_from: self.resumed_from,
            took: self.since.elapsed(),
            failed,
        }
    }
}
