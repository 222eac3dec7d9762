//! The gate: the one place that every channel passes before it acts on this computer.
//!
//! A channel asks the gate for a [`Permit`]; whatever acts (a command, a picture of the screen)
//! takes one as an argument, and only this room can make one: a way past the gate does not compile.
//! The gate knows what the user has granted, what the policy forbids and whom to ask. It asks one
//! question at a time, and when a grant is taken back, everything that holds its permit hears it at
//! once. It does no I/O of its own: a [`Keep`] has each change of the lease on the disk before anybody
//! is told of it, so that no restart of this program brings back what was taken back.

mod acting;
mod lease;
mod permit;
mod refusal;
mod terms;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::text;
use deskside_protocol::wire::message::refusal::Cause;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::acting::{Answers, Heard, Unheard, listen};
pub use self::lease::Record;
use self::lease::{Lease, Standing, no};
pub use self::permit::{Clipboard, Command, Control, File, Kind, Permit, Reboot, Shell, View};
pub use self::refusal::{Refusal, TurnedDown};
pub use self::terms::{Forget, Keep, Terms};
use crate::consent::{Answer, Asker, Question, Visitor};
use crate::events::{By, Event, Show};

/// Requests that may wait for the user at once: far more than one technician makes.
pub const MAX_WAITING: usize = 16;
/// A grant that the user refused this often is not asked for again in this session.
pub const MAX_REFUSALS: u32 = 3;
/// Characters of what a technician wants to do that are shown.
pub const MAX_WHAT: usize = 400;

/// The gate of one session. A clone is the same gate.
#[derive(Clone)]
pub struct Gate {
    shared: Arc<Shared>,
}

struct Shared {
    visitor: Visitor,
    lease: Mutex<Lease>,
    keeper: Arc<dyn Keep>,
    /// Whoever holds it may write the lease: an older one never replaces a newer one.
    keeping: Mutex<()>,
    /// Whoever holds it may ask the user; the others wait in the order of their arrival.
    turn: tokio::sync::Mutex<()>,
    asker: Arc<dyn Asker>,
    show: Arc<Show>,
    changes: watch::Sender<GrantSet>,
    stopped: CancellationToken,
    not_asked: CancellationToken,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("lease", &self.lease()).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate with nothing granted but what the record holds.
    #[must_use]
    pub fn new(
        terms: Terms,
        keeper: Arc<dyn Keep>,
        asker: Arc<dyn Asker>,
        show: Arc<Show>,
    ) -> Self {
        let lease = Lease::new(terms.policy, terms.beforehand, &terms.record);
        let changes = watch::Sender::new(lease.held());
        let shared = Shared {
            visitor: terms.visitor,
            lease: Mutex::new(lease),
            keeper,
            keeping: Mutex::new(()),
            turn: tokio::sync::Mutex::new(()),
            asker,
            show,
            changes,
            stopped: CancellationToken::new(),
            not_asked: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The session's first question: everything that the technician wishes for and does not have, at
    /// once. What was answered beforehand is granted without it. The question is put once in a
    /// session. Returns the lease.
    ///
    /// # Errors
    /// [`TurnedDown`] where nothing was granted.
    pub async fn open(&self, requested: GrantSet) -> Result<GrantSet, TurnedDown> {
        if self.is_stopped() {
            return Err(TurnedDown::Stopped);
        }
        if self.locked(|lease| lease.is_opened()) {
            return Ok(self.lease());
        }
        let (given, rest) = self.locked(|lease| lease.split(requested));
        self.grant(given, By::Beforehand);
        if rest.is_empty() {
            return match self.lease() {
                lease if lease.is_empty() && !requested.is_empty() => Err(TurnedDown::Policy),
                _ => self.opened(),
            };
        }
        let _turn = self.shared.turn.lock().await;
        let question = Question::Opening { visitor: &self.shared.visitor, grants: rest };
        match self.ask(&question).await {
            None => return Err(TurnedDown::Stopped),
            Some(Answer::Allow) => self.grant(rest, By::User),
            Some(Answer::NotAsked) => return Err(TurnedDown::NotAsked),
            Some(Answer::Refuse) => self.note_refusal(rest),
        }
        match self.lease() {
            _ if self.is_stopped() => Err(TurnedDown::Stopped),
            lease if lease.is_empty() => Err(TurnedDown::Refused),
            _ => self.opened(),
        }
    }

    fn opened(&self) -> Result<GrantSet, TurnedDown> {
        self.locked(Lease::open);
        self.keep();
        Ok(self.lease())
    }

    /// Lets a channel act, asking the user where he was not asked yet. `what` says in plain words
    /// or as it was typed what the technician wants to do; the user sees it.
    ///
    /// # Errors
    /// [`Refusal`], an ordinary answer for the technician.
    pub async fn admit<K: Kind>(&self, what: &str) -> Result<Permit<K>, Refusal> {
        let revoked = self.token_for(K::GRANT, what).await?;
        let technician = &self.shared.visitor.name;
        self.shared.show.tell(&Event::Action { technician, grant: K::GRANT, what: &shown(what) });
        Ok(Permit::new(revoked))
    }

    /// Why the user would not even be asked: for whatever has to look before it can ask.
    #[must_use]
    pub fn rules_out<K: Kind>(&self) -> Option<Refusal> {
        match self.locked(|lease| lease.standing(K::GRANT)) {
            Standing::Never(refusal) => Some(refusal),
            Standing::Held(_) | Standing::Beforehand | Standing::Ask { .. } => None,
        }
    }

    /// Asks for grants without doing anything yet. Returns the lease.
    ///
    /// # Errors
    /// [`Refusal`] of the first grant that was not given; those before it stay.
    pub async fn request(&self, grants: GrantSet, why: &str) -> Result<GrantSet, Refusal> {
        for grant in grants.iter() {
            self.token_for(grant, why).await?;
        }
        Ok(self.lease())
    }

    /// What the technician may do now.
    #[must_use]
    pub fn lease(&self) -> GrantSet {
        self.locked(|lease| lease.held())
    }

    /// Each change of the lease.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<GrantSet> {
        self.shared.changes.subscribe()
    }

    /// Takes grants back; everything that runs under them hears it at once. It is on the disk before
    /// anybody is told. Returns those that were there.
    pub fn revoke(&self, grants: GrantSet) -> GrantSet {
        let gone = self.locked(|lease| lease.revoke(grants));
        self.keep();
        self.announce_gone(gone);
        gone
    }

    /// Stops the session: takes everything back and answers every waiting and later request with a
    /// refusal. It is on the disk before anybody is told.
    pub fn stop(&self) {
        let gone = self.locked(|lease| {
            lease.stop();
            lease.revoke(GrantSet::all())
        });
        self.keep();
        self.shared.stopped.cancel();
        self.announce_gone(gone);
    }

    fn announce_gone(&self, gone: GrantSet) {
        if !gone.is_empty() {
            self.shared.changes.send_replace(self.lease());
            self.shared.show.tell(&Event::Revoked { grants: gone });
        }
    }

    /// Has the lease kept as it stands now.
    fn keep(&self) {
        let _keeping = self.shared.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let record = self.locked(|lease| lease.record());
        self.shared.keeper.keep(&record);
    }

    /// Ends once the session was stopped here.
    pub async fn stopped(&self) {
        self.shared.stopped.cancelled().await;
    }

    /// Whether the session was stopped here.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.stopped.is_cancelled()
    }

    /// Whether it was stopped by the answer "I did not ask for this".
    #[must_use]
    pub fn was_not_asked_for(&self) -> bool {
        self.shared.not_asked.is_cancelled()
    }

    async fn token_for(&self, grant: Grant, what: &str) -> Result<CancellationToken, Refusal> {
        let waiting = match self.locked(|lease| lease.standing(grant)) {
            Standing::Held(token) => return Ok(token),
            Standing::Beforehand => {
                self.grant(grant.into(), By::Beforehand);
                return self.held(grant);
            }
            Standing::Never(refusal) => return Err(refusal),
            Standing::Ask { refusals } => Waiting::start(&self.shared, grant, refusals)?,
        };
        let _turn = self.shared.turn.lock().await;
        // Meanwhile the same question may have been answered for someone else.
        match self.locked(|lease| lease.standing(grant)) {
            Standing::Held(token) => return Ok(token),
            Standing::Never(refusal) => return Err(refusal),
            Standing::Ask { refusals } if refusals != waiting.refusals => {
                return Err(no(grant, refusals));
            }
            Standing::Ask { .. } | Standing::Beforehand => {}
        }
        let what = shown(what);
        let question = Question::More { visitor: &self.shared.visitor, grant, what: &what };
        match self.ask(&question).await {
            Some(Answer::Allow) => self.grant(grant.into(), By::User),
            Some(Answer::Refuse) => self.note_refusal(grant.into()),
            Some(Answer::NotAsked) | None => {}
        }
        self.held(grant)
    }

    /// The user's answer; `None` where the session was stopped first.
    async fn ask(&self, question: &Question<'_>) -> Option<Answer> {
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

    fn held(&self, grant: Grant) -> Result<CancellationToken, Refusal> {
        match self.locked(|lease| lease.standing(grant)) {
            Standing::Held(token) => Ok(token),
            Standing::Never(refusal) => Err(refusal),
            Standing::Ask { refusals } => Err(no(grant, refusals)),
            Standing::Beforehand => Err(no(grant, 0)),
        }
    }

    fn grant(&self, grants: GrantSet, by: By) {
        let new = self.locked(|lease| lease.grant(grants));
        if !new.is_empty() {
            self.keep();
            let lease = self.lease();
            self.shared.changes.send_replace(lease);
            self.shared.show.tell(&Event::Granted { grants: new, lease, by });
        }
    }

    fn note_refusal(&self, grants: GrantSet) {
        self.locked(|lease| lease.refuse(grants));
        self.keep();
        self.shared.show.tell(&Event::Refused { grants });
    }

    /// The lock ends with the closure: no answer of the lease's is looked at while it is held.
    fn locked<T>(&self, look: impl FnOnce(&mut Lease) -> T) -> T {
        look(&mut self.shared.lease.lock().unwrap_or_else(PoisonError::into_inner))
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
        let mut lease = self.shared.lease.lock().unwrap_or_else(PoisonError::into_inner);
        lease.waiting = lease.waiting.saturating_sub(1);
    }
}

/// Peer text as it may be shown: made safe, and of bounded length.
fn shown(what: &str) -> String {
    let mut shown: String = text::visible(what).chars().take(MAX_WHAT).collect();
    if what.chars().nth(MAX_WHAT).is_some() {
        shown.push('…');
    }
    shown
}
