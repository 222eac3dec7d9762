//! The sender's side of a transfer.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use deskside_protocol::file::{Breach, End, Entry, Fault, Hash, Heard, MAX_OUTSTANDING, Outgoing};
use deskside_protocol::wire::message::{FileFrom, FileSkipped, FilesSent, message::Kind};
use tokio::sync::Notify;

use crate::error::TransferError;
use crate::pipe::{Hear, Speak, told};
use crate::progress::Progress;
use crate::report::{FileReport, Report, Skipped};
use crate::source::{Control, Found, Reader, Source};

/// Sends everything of `source`, from behind `FileReady` on, and waits until the receiver has
/// answered for each file. `resume` is what `FilePut` or `FileGet` said. Dropping it stops it.
///
/// # Errors
/// [`TransferError`]. A file that fails alone is no error: it is in the report.
pub async fn send(
    source: Source,
    resume: bool,
    speak: &mut impl Speak,
    hear: &mut impl Hear,
    progress: &impl Progress,
) -> Result<Report, TransferError> {
    let done = transfer(source, resume, speak, hear, progress).await;
    match done {
        Ok(report) => Ok(report),
        Err(error) => Err(told(error, speak).await),
    }
}

async fn transfer(
    source: Source,
    resume: bool,
    speak: &mut impl Speak,
    hear: &mut impl Hear,
    progress: &impl Progress,
) -> Result<Report, TransferError> {
    let mut reader = Reader::start(source, resume)?;
    let sending = Sending {
        ledger: Mutex::new(Ledger {
            outgoing: Outgoing::new(resume),
            open: VecDeque::new(),
            answered: 0,
            report: Report::default(),
        }),
        answered: Notify::new(),
        control: reader.control(),
        progress,
    };
    tokio::try_join!(sending.speaking(&mut reader, speak), sending.hearing(hear))?;
    let ledger = sending.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(ledger.report)
}

/// What both directions of the stream share.
struct Sending<'a, P> {
    ledger: Mutex<Ledger>,
    answered: Notify,
    control: Control,
    progress: &'a P,
}

struct Ledger {
    outgoing: Outgoing,
    /// Files that nothing was heard of, the oldest first.
    open: VecDeque<Open>,
    /// Files that something was heard of.
    answered: u64,
    report: Report,
}

struct Open {
    entry: Entry,
    since: Instant,
    resumed_from: u64,
    /// How it was sent, once it was.
    end: Option<End>,
}

impl<P: Progress> Sending<'_, P> {
    async fn speaking(
        &self,
        reader: &mut Reader,
        speak: &mut impl Speak,
    ) -> Result<(), TransferError> {
        while let Some(found) = reader.next().await {
            match found {
                Found::Folder(entry) => speak.say(Kind::FileEntry(entry.to_wire())).await?,
                Found::Skipped(path, why) => {
                    self.progress.skipped(&path, &why);
                    let (wire, refusal) = (path.to_wire(), Some(why.to_wire()));
                    self.ledger().report.skipped.push(Skipped { path, why });
                    speak.say(Kind::FileSkipped(FileSkipped { path: wire, why: refusal })).await?;
                }
                Found::File(entry) => {
                    self.room().await;
                    self.progress.began(&entry);
                    let wire = entry.to_wire();
                    self.ledger().entry(entry);
                    speak.say(Kind::FileEntry(wire)).await?;
                }
                Found::From(offset) => {
                    self.progress.resumed(offset);
                    self.ledger().from(offset);
                    speak.say(Kind::FileFrom(FileFrom { offset })).await?;
                }
                Found::Piece(piece) => {
                    let length = u64::try_from(piece.len()).unwrap_or_default();
                    speak.body(piece).await?;
                    self.progress.moved(length);
                }
                Found::End(end) => {
                    speak.body(bytes::Bytes::new()).await?;
                    let wire = end.to_wire();
                    self.ledger().end(end);
                    speak.say(Kind::FileEnd(wire)).await?;
                }
            }
        }
        self.ledger().outgoing.over();
        speak.say(Kind::FilesSent(FilesSent {})).await?;
        Ok(speak.finish().await?)
    }

    async fn hearing(&self, hear: &mut impl Hear) -> Result<(), TransferError> {
        while let Some(kind) = hear.hear().await? {
            if let Kind::Refusal(refusal) = &kind {
                return Err(TransferError::Refused(Fault::from_wire(refusal)));
            }
            let heard = self.ledger().outgoing.message(&kind)?;
            match heard {
                Heard::Have(have) => self.control.have(have),
                Heard::Landed(sha256) => self.answer(None, Some(sha256))?,
                Heard::Failed(why) => self.answer(Some(why), None)?,
            }
        }
        Ok(self.ledger().outgoing.finish()?)
    }

    /// Waits while too many files are outstanding.
    async fn room(&self) {
        loop {
            let answered = self.answered.notified();
            let outstanding = self.ledger().open.len();
            if outstanding < MAX_OUTSTANDING {
                return;
            }
            answered.await;
        }
    }

    /// What became of the oldest file.
    fn answer(&self, failed: Option<Fault>, sha256: Option<Hash>) -> Result<(), Breach> {
        let mut ledger = self.ledger();
        let open = ledger.open.pop_front().ok_or(Breach::Unexpected)?;
        ledger.answered += 1;
        match &open.end {
            // It failed before it was sent to its end: nobody needs the rest.
            None => self.control.give_up(ledger.answered),
            Some(End::Whole { sha256: own, .. }) if sha256.is_some_and(|theirs| theirs != *own) => {
                return Err(Breach::Malformed);
            }
            // What was not sent whole cannot have landed.
            Some(End::Failed(_)) if failed.is_none() => return Err(Breach::Malformed),
            Some(End::Whole { .. } | End::Failed(_)) => {}
        }
        let report = FileReport {
            path: open.entry.path,
            bytes: open.entry.size,
            sha256,
            resumed_from: open.resumed_from,
            took: open.since.elapsed(),
            failed,
        };
        self.progress.ended(&report);
        ledger.report.files.push(report);
        self.answered.notify_one();
        Ok(())
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn entry(&mut self, entry: Entry) {
        self.outgoing.entry();
        self.open.push_back(Open { entry, since: Instant::now(), resumed_from: 0, end: None });
    }

    fn from(&mut self, offset: u64) {
        if let Some(open) = self.open.back_mut() {
            open.resumed_from = offset;
        }
    }

    fn end(&mut self, end: End) {
        self.outgoing.end();
        // A file that failed early was answered for already: then none is open.
        if let Some(open) = self.open.back_mut().filter(|open| open.end.is_none()) {
            open.end = Some(end);
        }
    }
}
