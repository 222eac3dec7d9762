//! What an end has asked of the relay and waits for: a receipt for its seal, a files line, the
//! closing of the session. All are said again on each new leg.

use deskside_protocol::wire::record::{Reason, Seal};
use deskside_protocol::wire::signal::{EndSession, FilesLineAsk, signal::Kind};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{AttendError, CLOSE_TIMEOUT, END_AWAY, FILES_TIMEOUT, FilesGiven, RECEIPT_TIMEOUT};

/// Whoever waits for a receipt.
pub(super) type Waiting = oneshot::Sender<Result<(), AttendError>>;
/// Whoever waits for a files line.
pub(super) type WaitingForFiles = oneshot::Sender<Result<FilesGiven, AttendError>>;

struct Sealing {
    seal: Seal,
    done: Waiting,
    until: Instant,
}

struct Filing {
    ask: FilesLineAsk,
    done: WaitingForFiles,
    until: Instant,
}

struct Ending {
    reason: Reason,
    until: Instant,
}

/// What waits.
#[derive(Default)]
pub(super) struct Asked {
    sealing: Option<Sealing>,
    filing: Option<Filing>,
    ending: Option<Ending>,
}

impl Asked {
    /// A receipt is waited for. One that was waited for before is not any more.
    pub(super) fn seal(&mut self, now: Instant, seal: Seal, done: Waiting) {
        self.answer(Err(AttendError::Superseded));
        self.sealing = Some(Sealing { seal, done, until: now + RECEIPT_TIMEOUT });
    }

    /// A files line is waited for. One that was waited for before is not any more.
    pub(super) fn files(&mut self, now: Instant, ask: FilesLineAsk, done: WaitingForFiles) {
        self.answer_files(Err(AttendError::Superseded));
        self.filing = Some(Filing { ask, done, until: now + FILES_TIMEOUT });
    }

    /// The closing is waited for, longer where we are `away`.
    pub(super) fn end(&mut self, now: Instant, reason: Reason, away: bool) {
        let patience = if away { END_AWAY } else { CLOSE_TIMEOUT };
        self.ending = Some(Ending { reason, until: now + patience });
    }

    /// What is to be said on a new leg.
    pub(super) fn again(&self) -> Vec<Kind> {
        let seal = self.sealing.as_ref().map(|sealing| Kind::Seal(sealing.seal.clone()));
        let files = self.filing.as_ref().map(|filing| Kind::FilesLineAsk(filing.ask));
        let end = self
            .ending
            .as_ref()
            .map(|ending| Kind::EndSession(EndSession { reason: ending.reason as i32 }));
        seal.into_iter().chain(files).chain(end).collect()
    }

    /// The leg went away: coming back takes its time.
    pub(super) fn handle_away(&mut self, now: Instant) {
        if let Some(ending) = &mut self.ending {
            ending.until = now + END_AWAY;
        }
    }

    /// The relay is there again and has its time to answer from now.
    pub(super) fn handle_back(&mut self, now: Instant) {
        if let Some(sealing) = &mut self.sealing {
            sealing.until = now + RECEIPT_TIMEOUT;
        }
        if let Some(filing) = &mut self.filing {
            filing.until = now + FILES_TIMEOUT;
        }
        if let Some(ending) = &mut self.ending {
            ending.until = now + CLOSE_TIMEOUT;
        }
    }

    /// When a receipt is late.
    pub(super) fn receipt_due(&self) -> Option<Instant> {
        self.sealing.as_ref().map(|sealing| sealing.until)
    }

    /// When a files line is late.
    pub(super) fn files_due(&self) -> Option<Instant> {
        self.filing.as_ref().map(|filing| filing.until)
    }

    /// Gives it to whoever waits for it; `false` where nobody does. What is told again is not what
    /// was asked for.
    pub(super) fn files_given(&mut self, given: FilesGiven) -> bool {
        let wanted = self.filing.as_ref().is_some_and(|filing| given.number > filing.ask.after);
        wanted && self.answer_files(Ok(given))
    }

    /// Tells whoever waits for a files line; `false` where nobody does.
    pub(super) fn answer_files(&mut self, result: Result<FilesGiven, AttendError>) -> bool {
        let Some(filing) = self.filing.take() else { return false };
        if filing.done.send(result).is_err() {
            tracing::debug!("nobody waits for the files line any more");
        }
        true
    }

    /// When the closing is late.
    pub(super) fn closing_due(&self) -> Option<Instant> {
        self.ending.as_ref().map(|ending| ending.until)
    }

    /// Tells whoever waits for the receipt, if anybody does.
    pub(super) fn answer(&mut self, result: Result<(), AttendError>) {
        if let Some(sealing) = self.sealing.take() {
            answer(sealing.done, result);
        }
    }
}

/// Tells somebody who waits for a receipt.
pub(super) fn answer(waiting: Waiting, result: Result<(), AttendError>) {
    if waiting.send(result).is_err() {
        tracing::debug!("nobody waits for the receipt any more");
    }
}
