//! From a request to a permit or a refusal: what the lease says, and where it says nothing, the
//! user. One question at a time; who waits for one is counted.

use std::sync::PoisonError;

use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::refusal::Cause;
use tokio_util::sync::CancellationToken;

use super::lease::{Alone, Standing, no};
use super::{Gate, MAX_WAITING, Refusal, Shared};
use crate::consent::{Answer, Listing, Question, is_asked_each_time};
use crate::events::By;

/// What a grant is needed for. Its texts are safe to show.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// One action, in words.
    Action(&'a str),
    /// One transfer.
    Files(&'a Listing),
    /// Nothing yet: the technician asks for the grant itself.
    Grant(&'a str),
}

/// What lets an action pass.
pub(super) struct Passed {
    pub(super) revoked: CancellationToken,
    /// Where it was allowed alone.
    pub(super) alone: Option<Alone>,
}

impl Passed {
    const fn by_lease(revoked: CancellationToken) -> Self {
        Self { revoked, alone: None }
    }
}

impl Gate {
    /// Whether `grant` may be used for this, asking the user where that is not said yet.
    pub(super) async fn pass(&self, grant: Grant, about: About<'_>) -> Result<Passed, Refusal> {
        let waiting = match self.shared.locked(|lease| lease.standing(grant)) {
            Standing::Held(token) => return Ok(Passed::by_lease(token)),
            Standing::Beforehand => {
                self.grant(grant.into(), By::Beforehand);
                return self.held(grant);
            }
            Standing::Never(refusal) => return Err(refusal),
            Standing::Ask { refusals } => Waiting::start(&self.shared, grant, refusals)?,
        };
        let _turn = self.shared.turn.lock().await;
        // Meanwhile the same question may have been answered for someone else.
        match self.shared.locked(|lease| lease.standing(grant)) {
            Standing::Held(token) => return Ok(Passed::by_lease(token)),
            Standing::Never(refusal) => return Err(refusal),
            Standing::Ask { refusals } if refusals > waiting.refusals => {
                return Err(no(grant, refusals));
            }
            Standing::Ask { .. } | Standing::Beforehand => {}
        }
        let once = is_asked_each_time(grant) && !matches!(about, About::Grant(_));
        let visitor = &self.shared.visitor;
        let question = match about {
            About::Action(what) | About::Grant(what) => {
                Question::More { visitor, grant, what, once }
            }
            About::Files(files) => Question::Files { visitor, files },
        };
        match self.ask(&question).await {
            Some(Answer::Allow) if once => {
                let allowed = self.shared.locked(|lease| lease.once(grant));
                if let Some((alone, revoked)) = allowed {
                    self.shared.announce();
                    return Ok(Passed { revoked, alone: Some(alone) });
                }
            }
            Some(Answer::Allow | Answer::Always) => self.grant(grant.into(), By::User),
            Some(Answer::Refuse) => self.note_refusal(grant.into()),
            Some(Answer::NotAsked) | None => {}
        }
        self.held(grant)
    }

    /// The user's answer; `None` where the session was stopped first.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Option<Answer> {
        let _asking = Open::of(&self.shared);
        let answer = tokio::select! {
            biased;
            () = self.stopped() => return None,
            answer = self.shared.asker.ask(question) => answer,
        };
        if answer == Answer::NotAsked {
            self.shared.not_asked.cancel();
            self.stop();
        }
        Some(answer)
    }

    fn held(&self, grant: Grant) -> Result<Passed, Refusal> {
        match self.shared.locked(|lease| lease.standing(grant)) {
            Standing::Held(token) => Ok(Passed::by_lease(token)),
            Standing::Never(refusal) => Err(refusal),
            Standing::Ask { refusals } => Err(no(grant, refusals)),
            Standing::Beforehand => Err(no(grant, 0)),
        }
    }
}

/// A question that stands, as long as this lives: one at a time, since the gate asks so.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn of(shared: &'a Shared) -> Self {
        shared.asking.send_replace(true);
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.asking.send_replace(false);
    }
}

/// One request that waits for the user; it counts as long as it lives.
struct Waiting<'a> {
    shared: &'a Shared,
    /// Refusals of this grant when it began to wait.
    refusals: u32,
}

impl<'a> Waiting<'a> {
    fn start(shared: &'a Shared, grant: Grant, refusals: u32) -> Result<Self, Refusal> {
        let mut lease = shared.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if lease.waiting >= MAX_WAITING {
            let text = "too many requests wait for the user already";
            return Err(Refusal::new(Cause::NotGranted, grant, text));
        }
        lease.waiting += 1;
        Ok(Self { shared, refusals })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.locked(|lease| lease.waiting = lease.waiting.saturating_sub(1));
    }
}
