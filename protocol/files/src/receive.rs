//! The receiver's side of a transfer.

use bytes::Bytes;
use deskside_protocol::file::{Breach, Expected, Fault, Have, Incoming, Step};
use deskside_protocol::wire::message::{FileDone, message::Kind};
use tokio::sync::mpsc;

use crate::error::{FileError, TransferError};
use crate::landing::{Job, Landing, Outcome, Writer};
use crate::pipe::{Hear, Speak, told};
use crate::progress::Progress;
use crate::report::{Report, Skipped};

/// Receives into `landing`, from behind `FileReady` on. `expected` is what `FilePut` or `FileReady`
/// said: the sender is held to it. Dropping it stops it.
///
/// # Errors
/// [`TransferError`]. A file that fails alone is no error: it is in the report.
pub async fn receive(
    landing: Landing,
    expected: impl Into<Expected>,
    speak: &mut impl Speak,
    hear: &mut impl Hear,
    progress: &impl Progress,
) -> Result<Report, TransferError> {
    let done = transfer(landing, expected.into(), speak, hear, progress).await;
    match done {
        Ok(report) => Ok(report),
        Err(error) => Err(told(error, speak).await),
    }
}

async fn transfer(
    landing: Landing,
    expected: Expected,
    speak: &mut impl Speak,
    hear: &mut impl Hear,
    progress: &impl Progress,
) -> Result<Report, TransferError> {
    let Writer { jobs, outcomes, stop: _stop } =
        Writer::start(landing, expected.announced().resume)?;
    let (have_to, haves) = mpsc::channel(1);
    let hearing =
        Hearing { incoming: Incoming::new(expected), jobs, haves, progress, skipped: Vec::new() };
    let (skipped, mut report) =
        tokio::try_join!(hearing.all(hear), saying(outcomes, have_to, speak, progress))?;
    report.skipped.extend(skipped);
    Ok(report)
}

/// From the stream to the writer.
struct Hearing<'a, P> {
    incoming: Incoming,
    jobs: mpsc::Sender<Job>,
    haves: mpsc::Receiver<Have>,
    progress: &'a P,
    skipped: Vec<Skipped>,
}

impl<P: Progress> Hearing<'_, P> {
    /// Until everything was sent; then the writer's queue ends.
    async fn all(mut self, hear: &mut impl Hear) -> Result<Vec<Skipped>, TransferError> {
        loop {
            if self.incoming.wants_body() {
                let piece = hear.body().await?.ok_or(Breach::CutOff)?;
                self.piece(piece).await?;
                continue;
            }
            let kind = hear.hear().await?.ok_or(Breach::CutOff)?;
            if let Kind::Refusal(refusal) = &kind {
                return Err(TransferError::Refused(Fault::from_wire(refusal)));
            }
            match self.incoming.message(&kind)? {
                Step::Folder(entry) => self.job(Job::Folder(entry)).await?,
                Step::File(entry) => {
                    self.progress.began(&entry);
                    self.job(Job::File(entry)).await?;
                    if !self.incoming.wants_body() {
                        let have = self.haves.recv().await.ok_or_else(died)?;
                        self.incoming.said(&have);
                    }
                }
                Step::From(offset) => {
                    self.progress.resumed(offset);
                    self.job(Job::From(offset)).await?;
                }
                Step::End(end) => self.job(Job::End(end)).await?,
                Step::Skipped(path, why) => {
                    self.progress.skipped(&path, &why);
                    self.skipped.push(Skipped { path, why });
                }
                Step::Over => return Ok(self.skipped),
            }
        }
    }

    async fn piece(&mut self, piece: Bytes) -> Result<(), TransferError> {
        if self.incoming.body(piece.len())? {
            self.progress.moved(u64::try_from(piece.len()).unwrap_or_default());
            self.job(Job::Piece(piece)).await?;
        }
        Ok(())
    }

    async fn job(&self, job: Job) -> Result<(), TransferError> {
        self.jobs.send(job).await.map_err(|_| died())
    }
}

/// From the writer to the stream.
async fn saying(
    mut outcomes: mpsc::Receiver<Outcome>,
    haves: mpsc::Sender<Have>,
    speak: &mut impl Speak,
    progress: &impl Progress,
) -> Result<Report, TransferError> {
    let mut report = Report::default();
    while let Some(outcome) = outcomes.recv().await {
        match outcome {
            Outcome::Skipped(skipped) => {
                progress.skipped(&skipped.path, &skipped.why);
                report.skipped.push(skipped);
            }
            Outcome::Have(have) => {
                speak.say(Kind::FileHave(have.to_wire())).await?;
                // One for each file, and waited for.
                haves.send(have).await.map_err(|_| died())?;
            }
            Outcome::Done(file) => {
                let failed = file.failed.as_ref().map(Fault::to_wire);
                let sha256 = file.sha256.map(|hash| hash.to_vec().into()).unwrap_or_default();
                progress.ended(&file);
                report.files.push(file);
                speak.say(Kind::FileDone(FileDone { sha256, failed })).await?;
            }
        }
    }
    speak.finish().await?;
    Ok(report)
}

/// The writer's thread ended before its time.
fn died() -> TransferError {
    FileError::Thread(std::io::Error::other("it ended too early")).into()
}
