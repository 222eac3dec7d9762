//! Carries recordings over, a few at a time, for as long as the relay runs. What fails is tried again,
//! later and later; nothing here is waited for by a session.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use deskside_protocol::session::SessionId;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::carry::{Done, next_part, whole};
use super::fault::{Fault, sentence};
use super::marker;
use super::pause::Pause;
use super::remote::{Remote, Rest};
use super::upload::Upload;
use crate::chain;
use crate::relay::Relay;
use crate::store::StoreError;

/// Recordings under way at once, each with a part of 16 MiB in memory: 64 MiB.
const MAX_UPLOADS: usize = 4;
/// Of these, parts of sessions that are on: what has ended waits for nobody.
const MAX_LIVE: usize = 2;
/// How often sessions that are on are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often all that waits is looked at again, also without a session that ends.
const ROUND: Duration = Duration::from_secs(60);
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
            () = remote.bell.notified() => keeper.is_wanted = true,
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

struct Keeper<'a> {
    relay: &'a Arc<Relay>,
    remote: &'a Remote,
    jobs: JoinSet<Done>,
    live_jobs: usize,
    /// Behind which recording the round goes on; `None` at its end. It goes on to its end whatever
    /// fails in it: a recording that the archive always refuses holds up no other.
    round: Option<(u64, [u8; 16])>,
    /// Another round is to begin behind this one.
    is_wanted: bool,
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
            is_wanted: true,
            next_round: Instant::now(),
            pause: Pause::default(),
            is_clean: false,
            told: HashSet::new(),
        }
    }

    /// Wants a round when it is time, and says how much waits.
    async fn tick(&mut self) {
        let now = Instant::now();
        if self.next_round <= now {
            self.next_round = now + ROUND;
            self.is_wanted = true;
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
        let most = if self.pause.is_failing() { 1 } else { MAX_UPLOADS };
        let mut is_new = false;
        while self.jobs.len() < most {
            if self.live_jobs < MAX_LIVE && self.begin_part() {
                continue;
            }
            if self.round.is_none() && !std::mem::replace(&mut is_new, true) {
                self.begin_round();
            }
            let Some(after) = self.round else { break };
            let Some(row) = self.relay.node.store().to_archive(after).await? else {
                self.round = None;
                continue;
            };
            self.round = Some((row.closed_at.unwrap_or_default(), row.session));
            if let Some(claim) = self.relay.archive.claims.try_claim(row.session) {
                let upload = self.remote.forget(&row.session);
                self.jobs.spawn(whole(self.relay.clone(), row, upload, claim));
            }
        }
        Ok(())
    }

    /// Where one is wanted. Of an archive that fails what waits is asked for again as soon as its pause
    /// is over.
    fn begin_round(&mut self) {
        if self.is_wanted || self.pause.is_failing() {
            (self.round, self.is_wanted) = (Some(BEGINNING), false);
            self.remote.begin_round();
        }
    }

    /// Has the archive answer, and aborts what a kill left behind.
    async fn clean(&mut self) -> Result<(), StoreError> {
        let (objects, store) = (&self.remote.objects, self.relay.node.store());
        let answer = async {
            marker::look(objects, store).await?;
            objects.probe().await?;
            marker::check(objects, store).await
        };
        match in_time(answer).await {
            Ok(()) => {}
            Err(Fault::Store(error)) => return Err(error),
            Err(fault) => {
                self.failed(&fault);
                return Ok(());
            }
        }
        if let Err(fault) = in_time(self.abort_left()).await {
            tracing::warn!(
                error = chain(&fault),
                "not every upload that a kill left behind is aborted"
            );
        }
        self.is_clean = true;
        self.succeeded();
        Ok(())
    }

    /// Of an upload that cannot be aborted the rest of the archive is none the worse: the next start
    /// tries it again.
    async fn abort_left(&self) -> Result<(), Fault> {
        let (objects, store) = (&self.remote.objects, self.relay.node.store());
        for left in store.uploads().await? {
            // The first sweep may be at work already: what it has begun is its own.
            let claim = left.session.map(|session| self.relay.archive.claims.try_claim(session));
            if matches!(claim, Some(None)) {
                continue;
            }
            match objects.abort(&objects.path(&left.recording), &left.upload).await {
                Ok(()) => store.end_upload(&left.upload).await?,
                Err(error) => tracing::warn!(
                    recording = left.recording,
                    error = sentence(objects, &error),
                    "an upload that a kill left behind cannot be aborted"
                ),
            }
        }
        Ok(())
    }

    /// Sends a part of a session that is on, where one has a whole part.
    fn begin_part(&mut self) -> bool {
        let part = self.remote.objects.part;
        let mut live = self.remote.live();
        for (session, it) in live.iter_mut() {
            let Some(recording) = it.recording.upgrade() else { continue };
            if it.rest != Rest::No {
                continue;
            }
            let has_part = |upload: &mut Upload| upload.has_part(recording.length(), part);
            if let Some(upload) = it.upload.take_if(has_part) {
                let Some(claim) = self.relay.archive.claims.try_claim(*session) else {
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
                if bytes > 0 {
                    self.told.remove(&session);
                    self.relay.metrics.archived();
                    tracing::info!(session = %id, bytes, "a recording is archived");
                }
            }
            Err(fault) if fault.is_of_the_archive() => self.failed(&fault),
            Err(fault) => {
                if self.told.len() < MAX_TOLD && self.told.insert(session) {
                    tracing::error!(session = %id, error = chain(&fault), "a recording cannot be archived, and stays where it is");
                }
            }
        }
    }

    fn succeeded(&mut self) {
        if self.pause.succeed() {
            // What it refused meanwhile does not wait for the next minute.
            self.is_wanted = true;
            self.relay.metrics.set_archive_failing(false);
            tracing::warn!(archive = self.remote.objects.name, "the archive is back");
        }
    }

    /// It is said once until it is over.
    fn failed(&mut self, fault: &Fault) {
        self.relay.metrics.archive_failed();
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

async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}
