//! Carries recordings over, a few at a time, for as long as the relay runs. What fails is tried again,
//! later and later; nothing here is waited for by a session.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use deskside_protocol::session::SessionId;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::fault::{Fault, sentence};
use super::upload::{Road, Upload};
use super::{Claim, Live, Remote, settle};
use crate::chain;
use crate::relay::Relay;
use crate::store::{Place, SessionRow, StoreError};

/// Recordings under way at once, each with a part of 16 MiB in memory: 64 MiB.
const MAX_UPLOADS: usize = 4;
/// Of these, parts of sessions that are on: what has ended waits for nobody.
const MAX_LIVE: usize = 2;
/// How often sessions that are on are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often all that waits is looked at again, also without a session that ends.
const ROUND: Duration = Duration::from_secs(60);
/// After the first failure of the archive, and twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// A probe may take so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Recordings of which it was told that they cannot be archived: who has more has one cause.
const MAX_TOLD: usize = 1_000;

/// Where a round begins.
const BEGINNING: (u64, [u8; 16]) = (0, [0; 16]);

/// Keeps the archive until `stop`. What is under way then begins anew at the next start.
pub(crate) async fn keep(relay: &Arc<Relay>, stop: CancellationToken) {
    let Some(remote) = &relay.archive.remote else { return look_behind(relay).await };
    let mut keeper = Keeper::new(relay, remote);
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = looks.tick() => keeper.tick().await,
            () = remote.bell.notified() => keeper.round = Some(BEGINNING),
            Some(done) = keeper.jobs.join_next(), if !keeper.jobs.is_empty() => keeper.handle(done),
        }
        tokio::select! {
            () = stop.cancelled() => break,
            filled = keeper.fill() => if let Err(error) = filled {
                tracing::error!(error = chain(&error), "what is to be archived cannot be read");
            }
        }
    }
    keeper.jobs.shutdown().await;
}

/// Without an archive: tells where one was forgotten.
async fn look_behind(relay: &Relay) {
    match relay.node.store().only_in_archive().await {
        Ok(0) => {}
        Ok(count) => tracing::error!(
            count,
            "recordings are in an archive, and this relay was started without --archive: they are shown as missing"
        ),
        Err(error) => tracing::error!(error = chain(&error), "where recordings are cannot be read"),
    }
}

/// What came of a job.
struct Done {
    session: [u8; 16],
    /// Bytes of a whole recording that is archived now; 0 for a part.
    result: Result<u64, Fault>,
    live: bool,
}

struct Keeper<'a> {
    relay: &'a Arc<Relay>,
    remote: &'a Remote,
    jobs: JoinSet<Done>,
    live_jobs: usize,
    /// Behind which recording the round goes on; `None` at its end.
    round: Option<(u64, [u8; 16])>,
    next_round: Instant,
    pause: Pause,
    /// What a kill left behind is gone.
    is_clean: bool,
    told: HashSet<[u8; 16]>,
}

impl<'a> Keeper<'a> {
    fn new(relay: &'a Arc<Relay>, remote: &'a Remote) -> Self {
        Self {
            relay,
            remote,
            jobs: JoinSet::new(),
            live_jobs: 0,
            round: None,
            next_round: Instant::now(),
            pause: Pause::default(),
            is_clean: false,
            told: HashSet::new(),
        }
    }

    /// Begins a round when it is time, and says how much waits.
    async fn tick(&mut self) {
        let now = Instant::now();
        if self.next_round <= now {
            self.next_round = now + ROUND;
            self.round = Some(BEGINNING);
            self.remote.forget_the_lost();
        }
        match self.relay.node.store().waiting_for_archive().await {
            Ok(waiting) => self.relay.metrics.set_archive_waiting(waiting.count, waiting.bytes),
            Err(error) => {
                tracing::error!(error = chain(&error), "what is to be archived cannot be counted");
            }
        }
    }

    /// Begins as much as may be under way.
    async fn fill(&mut self) -> Result<(), StoreError> {
        if !self.pause.is_over(Instant::now()) {
            return Ok(());
        }
        if !self.is_clean {
            self.clean().await?;
            if !self.is_clean {
                return Ok(());
            }
        }
        // After a failure one alone has to succeed first.
        let most = if self.pause.failures > 0 { 1 } else { MAX_UPLOADS };
        while self.jobs.len() < most {
            if self.live_jobs < MAX_LIVE && self.begin_part() {
                continue;
            }
            let Some(after) = self.round else { break };
            let Some(row) = self.relay.node.store().to_archive(after).await? else {
                self.round = None;
                break;
            };
            self.round = Some((row.closed_at.unwrap_or_default(), row.session));
            if let Some(claim) = self.remote.claims.try_claim(row.session) {
                let upload = self.remote.forget(&row.session);
                self.jobs.spawn(whole(self.relay.clone(), row, upload, claim));
            }
        }
        Ok(())
    }

    /// Has the archive answer, and aborts what a kill left behind.
    async fn clean(&mut self) -> Result<(), StoreError> {
        let (objects, store) = (&self.remote.objects, self.relay.node.store());
        let result = async {
            objects.probe().await?;
            for (upload, recording) in store.uploads().await? {
                objects.abort(&objects.path(&recording), &upload).await?;
                store.end_upload(&upload).await?;
            }
            Ok(())
        };
        let result = tokio::time::timeout(PATIENCE, result).await;
        match result
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
        {
            Ok(()) => {
                self.is_clean = true;
                self.succeeded();
            }
            Err(Fault::Store(error)) => return Err(error),
            Err(fault) => self.failed(&fault),
        }
        Ok(())
    }

    /// Sends a part of a session that is on, where one has a whole part.
    fn begin_part(&mut self) -> bool {
        let part = self.remote.objects.part;
        let mut live = self.remote.live();
        for (session, it) in live.iter_mut() {
            let Some(recording) = it.recording.upgrade() else { continue };
            let has_part = |upload: &mut Upload| upload.has_part(recording.length(), part);
            if let Some(upload) = it.upload.take_if(has_part) {
                let Some(claim) = self.remote.claims.try_claim(*session) else {
                    it.upload = Some(upload);
                    continue;
                };
                let next = next_part(self.relay.clone(), *session, it.name.clone(), upload, claim);
                self.jobs.spawn(next);
                self.live_jobs += 1;
                return true;
            }
        }
        false
    }

    fn handle(&mut self, done: Result<Done, JoinError>) {
        let Done { session, result, live } = match done {
            Ok(done) => done,
            Err(error) => {
                // A panic: the count of live jobs may be off by one, on the safe side.
                tracing::error!(%error, "a recording's way into the archive broke down");
                return;
            }
        };
        self.live_jobs -= usize::from(live);
        let id = SessionId::from_bytes(session);
        match result {
            Ok(bytes) => {
                self.succeeded();
                if !live {
                    self.told.remove(&session);
                    self.relay.metrics.archived();
                    tracing::info!(session = %id, bytes, "a recording is archived");
                }
            }
            Err(fault) if fault.is_of_the_archive() => self.failed(&fault),
            Err(fault) => {
                if self.told.len() >= MAX_TOLD {
                    self.told.clear();
                }
                if self.told.insert(session) {
                    tracing::error!(session = %id, error = chain(&fault), "a recording cannot be archived, and stays where it is");
                }
            }
        }
    }

    fn succeeded(&mut self) {
        if self.pause.succeed() {
            self.relay.metrics.set_archive_failing(false);
            tracing::warn!(archive = self.remote.objects.name, "the archive is back");
        }
    }

    /// It is said once until it is over.
    fn failed(&mut self, fault: &Fault) {
        self.relay.metrics.archive_failed();
        self.round = Some(BEGINNING);
        let first = self.pause.fail(Instant::now());
        let text = if let Fault::Archive(error) = fault {
            sentence(&self.remote.objects, error)
        } else {
            chain(fault)
        };
        if first {
            self.relay.metrics.set_archive_failing(true);
            let folder = self.relay.archive.folder.display();
            tracing::error!("recordings wait in {folder}: {text}");
        } else {
            tracing::debug!(text, "the archive fails again");
        }
    }
}

/// How long the archive is left alone.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
    until: Option<Instant>,
}

impl Pause {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// `true` for the first failure.
    fn fail(&mut self, now: Instant) -> bool {
        // 1 s doubled nine times is more than the longest pause.
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(9)).min(LAST_PAUSE);
        self.until = Some(now + pause);
        self.failures = self.failures.saturating_add(1);
        self.failures == 1
    }

    /// `true` where it had failed before.
    fn succeed(&mut self) -> bool {
        std::mem::take(self).failures > 0
    }
}

/// One part of a session that is on.
async fn next_part(
    relay: Arc<Relay>,
    session: [u8; 16],
    name: String,
    mut upload: Upload,
    claim: Claim,
) -> Done {
    let result = match &relay.archive.remote {
        Some(remote) => {
            let file = relay.archive.folder.join(&name);
            let (objects, store) = (&remote.objects, relay.node.store());
            let sent = upload.part(Road { objects, store, recording: &name, file: &file }).await;
            if let Some(live) = remote.live().get_mut(&session) {
                live.upload = Some(upload);
            }
            // Where the session has ended meanwhile its turn was missed.
            drop(claim);
            remote.bell.notify_one();
            sent.map(|()| 0)
        }
        None => Err(Fault::NoArchive),
    };
    Done { session, result, live: true }
}

/// A recording that is finished.
async fn whole(relay: Arc<Relay>, row: SessionRow, mut upload: Upload, claim: Claim) -> Done {
    let session = row.session;
    let result = carry(&relay, &row, &mut upload).await;
    if result.is_err()
        && upload.is_begun()
        && let Some(remote) = &relay.archive.remote
    {
        let (recording, name) = (Weak::new(), row.recording);
        remote.live().insert(session, Live { recording, name, upload: Some(upload) });
    }
    drop(claim);
    Done { session, result, live: false }
}

async fn carry(relay: &Relay, row: &SessionRow, upload: &mut Upload) -> Result<u64, Fault> {
    let store = relay.node.store();
    let remote = relay.archive.remote.as_ref().ok_or(Fault::NoArchive)?;
    // Somebody may have had it before.
    let Some(row) = store.session(&row.session).await? else { return Ok(0) };
    let file = relay.archive.folder.join(&row.recording);
    let road = Road { objects: &remote.objects, store, recording: &row.recording, file: &file };
    let bytes = match row.place {
        Place::Folder => {
            if row.shredded_at.is_some() {
                // What was sent before may hold its seals.
                upload.discard(road).await;
            }
            upload.finish(road).await?
        }
        Place::Both => row.bytes,
        Place::Archive => return Ok(0),
    };
    settle(store, &row, &file).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end() {
        let (mut pause, begin) = (Pause::default(), Instant::now());
        assert!(pause.is_over(begin) && !pause.succeed());
        let lengths = (0..12).map(|number| {
            assert_eq!(pause.fail(begin), number == 0);
            pause.until.unwrap().duration_since(begin).as_secs()
        });
        let lengths: Vec<_> = lengths.collect();
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert!(!pause.is_over(begin + Duration::from_secs(299)));
        assert!(pause.is_over(begin + Duration::from_secs(300)));
        assert!(pause.succeed() && pause.is_over(begin));
    }
}
