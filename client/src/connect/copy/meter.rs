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
mod tests {
    use super::*;
    use crate::control::Copying;
    use crate::note::Record;
    use deskside_protocol::wire::message::refusal::Cause;

    fn meter() -> Meter {
        Meter::new(Way::Sent, Tally::new(Record::default()))
    }

    fn report(name: &str, failed: Option<Fault>) -> FileReport {
        FileReport {
            path: RelativePath::parse(name).unwrap(),
            bytes: 1000,
            sha256: failed.is_none().then_some([7; 32]),
            resumed_from: 0,
            took: Duration::from_millis(1234),
            failed,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_copy_is_told_of_ten_times_a_second() {
        let meter = meter();
        let (ours, theirs) = tokio::io::duplex(8);
        let copy = async {
            meter.announced(1, 100_000);
            for _ in 0..1000 {
                meter.moved(100);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            meter.over(Ok(()));
        };
        let told = async {
            let mut teller = Teller::new(theirs);
            meter.tell(&mut teller).await
        };
        let heard = async {
            let (mut copying, mut news) = (Copying::new(ours), Vec::new());
            loop {
                let next = copying.next().await.unwrap();
                if next == CopyNews::Done {
                    return news;
                }
                news.push(next);
            }
        };
        let ((), told, heard) = tokio::join!(copy, told, heard);
        told.unwrap();
        // Two seconds, and what is told at their beginning and end.
        assert!((15..=22).contains(&heard.len()), "{}", heard.len());
        let last =
            control::Progress { files: 1, bytes: 100_000, total: 100_000, ..Default::default() };
        assert_eq!(heard.last(), Some(&CopyNews::Progress(last)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_copy_says_nothing_again() {
        let meter = meter();
        meter.announced(0, 0);
        assert_eq!(meter.take().0.len(), 1);
        assert_eq!(meter.take(), (Vec::new(), false));
        meter.broken("x");
        meter.over(Err(Failure::new(Exit::NotFound, "gone")));
        let (news, over) = meter.take();
        let failed = CopyNews::Failed { exit: Exit::NotFound.code(), error: "gone".into() };
        assert_eq!(news, [CopyNews::Broken { why: "x".into() }, failed]);
        assert!(over);
    }

    #[test]
    fn what_comes_again_over_another_line_is_told_and_noted_once() {
        let meter = meter();
        meter.announced(2, 2000);
        meter.moved(1000);
        meter.ended(&report("a/b", None));
        let denied = Fault::new(Cause::BadRequest, "c is a link, and links are not followed");
        meter.skipped(&RelativePath::parse("c").unwrap(), &denied);
        // The line dies, and the transfer begins anew.
        meter.announced(2, 2000);
        meter.resumed(500);
        meter.moved(500);
        meter.ended(&report("a/b", None));
        meter.skipped(&RelativePath::parse("c").unwrap(), &denied);
        meter.moved(1000);
        meter.ended(&report("d", Some(denied)));
        let (news, _) = meter.take();
        let expected =
            control::Progress { name: String::new(), done: 2, files: 2, bytes: 2000, total: 2000 };
        assert_eq!(news[0], CopyNews::Progress(expected));
        let word = |news: &CopyNews| match news {
            CopyNews::Copied(file) => (file.name.clone(), 0),
            CopyNews::Skipped { name, exit, .. } => (name.clone(), *exit),
            CopyNews::Progress(_)
            | CopyNews::Broken { .. }
            | CopyNews::Done
            | CopyNews::Failed { .. } => panic!("{news:?}"),
        };
        let words: Vec<_> = news[1..].iter().map(word).collect();
        let words: Vec<_> = words.iter().map(|(name, exit)| (name.as_str(), *exit)).collect();
        assert_eq!(words, [("a/b", 0), ("c", 1), ("d", 1)]);
        let files = meter.tally.record().files;
        assert_eq!((files.len(), files[0].name.as_str()), (1, "a/b"));

        meter.next();
        meter.announced(1, 50);
        meter.ended(&report("a/b", None));
        let (news, _) = meter.take();
        let CopyNews::Progress(progress) = &news[0] else { panic!("{news:?}") };
        assert_eq!((progress.done, progress.files, progress.total), (3, 3, 2050));
        assert_eq!(meter.tally.record().files.len(), 2);
    }
}
