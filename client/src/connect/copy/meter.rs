//! How far a copy is: counted while it goes, told to the command ten times a second at most.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use deskside_files::{FileReport, Progress};
use deskside_protocol::exit::Exit;
use deskside_protocol::file::{Entry, Fault, RelativePath};
use tokio::io::AsyncWrite;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::super::tally::Tally;
use crate::control::{self, Copied, CopyNews, CopyWay, Teller};
use crate::failure::{Failure, refusal_exit};
use crate::note::{File, Way};
use crate::output::now;

/// How often a command is told.
const EVERY: Duration = Duration::from_millis(100);

/// What is known of a copy.
pub(super) struct Meter {
    way: Way,
    tally: Tally,
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// Of the transfers before this one: files and bytes.
    before: (u64, u64),
    progress: control::Progress,
    /// Whether `progress` was told as it is.
    told: bool,
    /// What waits to be told: an entry of a transfer is in it once, so that
    /// [`deskside_protocol::file::MAX_ENTRIES`] bounds it.
    news: Vec<CopyNews>,
    /// What has arrived or was left out: a transfer that goes on over another line sends it again.
    seen: HashSet<String>,
    over: bool,
}

impl Meter {
    pub(super) fn new(way: Way, tally: Tally) -> Self {
        Self { way, tally, state: Mutex::default(), ended: Notify::new() }
    }

    /// A transfer begins, perhaps once more.
    pub(super) fn announced(&self, files: u64, bytes: u64) {
        let mut state = self.lock();
        let (files_before, bytes_before) = state.before;
        state.progress.done = files_before;
        state.progress.files = files_before + files;
        state.progress.bytes = bytes_before;
        state.progress.total = bytes_before + bytes;
        state.told = false;
    }

    /// The line died.
    pub(super) fn broken(&self, why: &str) {
        self.lock().news.push(CopyNews::Broken { why: why.to_owned() });
    }

    /// One of several things that were asked for does not come at all.
    pub(super) fn left_out(&self, way: &CopyWay, number: usize, why: Failure) {
        let name = match way {
            CopyWay::Get { paths, .. } => paths.get(number).map(|path| path.join("/")),
            CopyWay::Put { .. } => None,
        };
        let (name, exit) = (name.unwrap_or_default(), why.exit.code());
        self.lock().news.push(CopyNews::Skipped { name, exit, error: why.sentence });
    }

    /// The transfer of the moment is over, and another may begin.
    pub(super) fn next(&self) {
        let mut state = self.lock();
        state.before = (state.progress.done, state.progress.bytes);
        // Another transfer may bring files of the same names.
        state.seen.clear();
    }

    /// The whole copy is over.
    pub(super) fn over(&self, outcome: Result<(), Failure>) {
        let mut state = self.lock();
        state.news.push(match outcome {
            Ok(()) => CopyNews::Done,
            Err(Failure { exit, sentence }) => {
                CopyNews::Failed { exit: exit.code(), error: sentence }
            }
        });
        state.over = true;
        self.ended.notify_one();
    }

    /// Tells the command until the copy is over.
    pub(super) async fn tell<W: AsyncWrite + Unpin>(
        &self,
        teller: &mut Teller<W>,
    ) -> anyhow::Result<()> {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.ended.notified() => {}
            }
            let (news, over) = self.take();
            for news in news {
                teller.tell(&news).await?;
            }
            if over {
                return Ok(());
            }
        }
    }

    /// What is to be told now, and whether that is the end.
    fn take(&self) -> (Vec<CopyNews>, bool) {
        let mut state = self.lock();
        let mut news = Vec::new();
        if !std::mem::replace(&mut state.told, true) {
            news.push(CopyNews::Progress(state.progress.clone()));
        }
        news.append(&mut state.news);
        (news, state.over)
    }

    fn change(&self, change: impl FnOnce(&mut control::Progress)) {
        let mut state = self.lock();
        change(&mut state.progress);
        state.told = false;
    }

    fn skip(&self, name: String, why: &Fault) {
        let mut state = self.lock();
        if state.seen.insert(name.clone()) {
            // That a link or a device is left out is nobody's wrong usage.
            let exit = refusal_exit(why.cause);
            let exit = if exit == Exit::Usage { Exit::Other } else { exit }.code();
            state.news.push(CopyNews::Skipped { name, exit, error: why.text.clone() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Meter {
    fn began(&self, entry: &Entry) {
        self.change(|progress| progress.name = entry.path.to_string());
    }

    fn resumed(&self, bytes: u64) {
        self.change(|progress| progress.bytes += bytes);
    }

    fn moved(&self, bytes: u64) {
        self.change(|progress| progress.bytes += bytes);
    }

    fn ended(&self, file: &FileReport) {
        let name = file.path.to_string();
        self.change(|progress| progress.done += 1);
        let sha256 = match (&file.failed, &file.sha256) {
            (None, Some(sha256)) => *sha256,
            (Some(why), _) => return self.skip(name, why),
            (None, None) => return,
        };
        let mut state = self.lock();
        if !state.seen.insert(name.clone()) {
            return;
        }
        state.news.push(CopyNews::Copied(Copied {
            name: name.clone(),
            bytes: file.bytes,
            sha256: HEXLOWER.encode(&sha256),
            resumed: file.resumed_from,
            seconds: (file.took.as_secs_f64() * 1000.0).round() / 1000.0,
        }));
        drop(state);
        let (time, way, bytes) = (now(), self.way, file.bytes);
        self.tally.copied(File { time, way, name, bytes, sha256: sha256.to_vec() });
    }

    fn skipped(&self, path: &RelativePath, why: &Fault) {
        self.skip(path.to_string(), why);
    }
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;
