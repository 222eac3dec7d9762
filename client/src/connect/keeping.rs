//! Keeps an open session on the disk, so that a restart of this program does not lose it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use deskside_protocol::reattach::TOKEN;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::tally::Tally;
use crate::failure::sentence_of;
use crate::home::{Claim, Kept};
use crate::output::now;

/// How often it is looked at; then it is written where something happened meanwhile.
const LOOK: Duration = Duration::from_secs(2);
/// Looks until it is written all the same: its end date moves on with it, by ten seconds.
const AT_LEAST: u32 = 5;

/// The keeper of one session.
pub(super) struct Keeper {
    claim: Arc<Claim>,
    kept: Kept,
    looks: Interval,
    /// Looks since it was last written.
    idle: u32,
    /// The tally's version that was last written.
    version: u64,
    writing: JoinSet<anyhow::Result<()>>,
}

impl Keeper {
    pub(super) fn new(claim: Claim, kept: Kept) -> Self {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (claim, writing) = (Arc::new(claim), JoinSet::new());
        Self { claim, kept, looks, idle: 0, version: 0, writing }
    }

    /// Waits until it is time for [`Keeper::look`]. Dropping the future loses nothing.
    pub(super) async fn due(&mut self) {
        self.looks.tick().await;
    }

    /// Writes the session where something happened. A slow disk holds nothing up.
    pub(super) fn look(&mut self, tally: &Tally) {
        while let Some(done) = self.writing.try_join_next() {
            tell(done.context("write a file").flatten());
        }
        let version = tally.version();
        self.idle += 1;
        if !self.writing.is_empty() || (version == self.version && self.idle < AT_LEAST) {
            return;
        }
        (self.idle, self.version) = (0, version);
        let (claim, kept) = (self.claim.clone(), self.now(tally));
        self.writing.spawn_blocking(move || claim.write(&kept));
    }

    /// The relay finds the session by this from here on.
    pub(super) fn found_at(&mut self, token: [u8; TOKEN]) {
        self.kept.token = token;
        self.idle = AT_LEAST;
    }

    /// Writes the session as it is, and waits for it.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) async fn keep(&mut self, tally: &Tally) -> anyhow::Result<()> {
        self.settle().await;
        let (claim, kept) = (self.claim.clone(), self.now(tally));
        self.version = tally.version();
        let written = tokio::task::spawn_blocking(move || claim.write(&kept)).await;
        written.context("write a file")?
    }

    /// The session is over, and its note is written: nothing of it stays.
    pub(super) async fn remove(mut self) {
        self.settle().await;
        // Whoever wrote is done: this is the last hand on the claim.
        tell(Arc::into_inner(self.claim).map_or(Ok(()), Claim::remove));
    }

    async fn settle(&mut self) {
        while let Some(done) = self.writing.join_next().await {
            tell(done.context("write a file").flatten());
        }
    }

    fn now(&self, tally: &Tally) -> Kept {
        Kept { alive: now(), record: tally.record(), ..self.kept.clone() }
    }
}

/// Not being able to keep a session is no reason to end it.
fn tell(done: anyhow::Result<()>) {
    if let Err(error) = done {
        tracing::warn!(error = sentence_of(&error), "a restart would lose this session");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::tests::{home_in, kept};
    use crate::note::Record;

    #[tokio::test(start_paused = true)]
    async fn a_session_is_rewritten_when_something_happened_and_goes_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = home_in(folder.path()).kept_sessions().unwrap();
        let id = kept().session.to_string();
        let claim = sessions.claim(&id).unwrap().unwrap();
        let mut keeper = Keeper::new(claim, kept());
        let tally = Tally::new(Record::default());
        keeper.keep(&tally).await.unwrap();
        assert_eq!(sessions.ids().unwrap(), [id]);
        assert!(keeper.claim.read().unwrap().unwrap().alive > kept().alive);

        keeper.look(&tally);
        assert!(keeper.writing.is_empty(), "nothing happened");
        tally.agent_restarted();
        keeper.look(&tally);
        keeper.settle().await;
        assert_eq!(keeper.claim.read().unwrap().unwrap().record.restarts.agent, 1);
        for _ in 0..AT_LEAST {
            assert!(keeper.writing.is_empty());
            keeper.due().await;
            keeper.look(&tally);
        }
        assert_eq!(keeper.writing.len(), 1, "its end date moves on");
        keeper.remove().await;
        assert!(sessions.ids().unwrap().is_empty());
    }
}
