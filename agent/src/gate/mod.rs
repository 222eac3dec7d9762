//! The gate: the one place that every channel passes before it acts on this computer.
//!
//! A channel asks the gate for a [`Permit`]; whatever acts (a command, a picture of the screen)
//! takes one as an argument, and only this room can make one: a way past the gate does not compile.
//! The gate knows what the user has granted, what the policy forbids and whom to ask. It asks one
//! question at a time, and when a grant is taken back, everything that holds its permit hears it at
//! once. It does no I/O of its own: a [`Keep`] has each change of the lease on the disk before anybody
//! is told of it, so that no restart of this program brings back what was taken back.

mod acting;
mod asking;
mod doing;
mod ends;
mod lease;
mod masking;
mod own;
mod permit;
mod refusal;
mod talk;
mod terms;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use deskside_protocol::grant::GrantSet;
use deskside_protocol::text;
use deskside_protocol::wire::message::refusal::Cause;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::acting::{Answers, Heard, Unheard, listen};
use self::asking::About;
use self::doing::Doing;
pub use self::ends::MAX_TIME;
use self::ends::Moment;
pub use self::lease::Record;
use self::lease::{Lease, Standing};
pub use self::masking::Masks;
pub use self::permit::{Clipboard, Command, Control, File, Kind, Permit, Reboot, Shell, View};
pub use self::refusal::{Refusal, TurnedDown};
pub use self::terms::{Forget, Keep, Scope, Term, Terms};
use crate::consent::{Answer, Asker, Listing, Question, Visitor};
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
    /// Whether a question to the user stands.
    asking: watch::Sender<bool>,
    may_mask: bool,
    /// Whether the user wants what is typed masked.
    masks: watch::Sender<bool>,
    /// Counts actions.
    actions: AtomicU64,
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
        let Terms { policy, masking, beforehand, visitor, record } = terms;
        let lease = Lease::new(policy, beforehand, &record, Moment::now());
        let changes = watch::Sender::new(lease.held());
        let shared = Shared {
            visitor,
            lease: Mutex::new(lease),
            keeper,
            keeping: Mutex::new(()),
            turn: tokio::sync::Mutex::new(()),
            asker,
            show,
            changes,
            asking: watch::Sender::new(false),
            may_mask: masking,
            masks: watch::Sender::new(false),
            actions: AtomicU64::new(0),
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
        if self.shared.locked(|lease| lease.is_opened()) {
            return Ok(self.lease());
        }
        let (given, rest) = self.shared.locked(|lease| lease.split(requested));
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
            Some(Answer::Allow | Answer::Always) => self.grant(rest, By::User),
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
        self.shared.locked(Lease::open);
        self.keep();
        Ok(self.lease())
    }

    /// Lets a channel act, asking the user where he was not asked yet. `what` says in plain words
    /// or as it was typed what the technician wants to do; the user sees it.
    ///
    /// # Errors
    /// [`Refusal`], an ordinary answer for the technician.
    pub async fn admit<K: Kind>(&self, what: &str) -> Result<Permit<K>, Refusal> {
        let what = shown(what);
        self.permit(About::Action(&what), &what).await
    }

    /// Lets a transfer of files begin, asking the user about these files where he has not allowed
    /// all of them. `what` says the same in plain words.
    ///
    /// # Errors
    /// [`Refusal`], an ordinary answer for the technician.
    pub async fn admit_files(&self, files: &Listing, what: &str) -> Result<Permit<File>, Refusal> {
        self.permit(About::Files(files), &shown(what)).await
    }

    async fn permit<K: Kind>(&self, about: About<'_>, what: &str) -> Result<Permit<K>, Refusal> {
        let passed = self.pass(K::GRANT, about).await?;
        let doing = Doing::begin(Arc::clone(&self.shared), K::GRANT, what, passed.alone);
        Ok(Permit::new(passed.revoked, doing))
    }

    /// A permit where the user has allowed `K` for the session already. He is never asked by this.
    #[must_use]
    pub fn granted<K: Kind>(&self, what: &str) -> Option<Permit<K>> {
        let Standing::Held(revoked) = self.shared.locked(|lease| lease.standing(K::GRANT)) else {
            return None;
        };
        let doing = Doing::begin(Arc::clone(&self.shared), K::GRANT, &shown(what), None);
        Some(Permit::new(revoked, doing))
    }

    /// Whether a question to the user stands, and each change of it: meanwhile mouse and keyboard
    /// are his alone.
    #[must_use]
    pub fn asking(&self) -> watch::Receiver<bool> {
        self.shared.asking.subscribe()
    }

    /// Why the user would not even be asked: for whatever has to look before it can ask.
    #[must_use]
    pub fn rules_out<K: Kind>(&self) -> Option<Refusal> {
        match self.shared.locked(|lease| lease.standing(K::GRANT)) {
            Standing::Never(refusal) => Some(refusal),
            Standing::Held(_) | Standing::Beforehand | Standing::Ask { .. } => None,
        }
    }

    /// What to say to whoever acted under `K` when it was taken back.
    #[must_use]
    pub fn taken_back<K: Kind>(&self) -> Refusal {
        match self.rules_out::<K>() {
            Some(refusal) if refusal.cause == Cause::Policy => Refusal {
                text: format!("the organisation's policy changed: {}", refusal.text),
                ..refusal
            },
            Some(_) | None => Refusal::new(Cause::NotGranted, K::GRANT, "the user stopped it"),
        }
    }

    /// Asks for grants without doing anything yet. Returns the lease.
    ///
    /// # Errors
    /// [`Refusal`] of the first grant that was not given; those before it stay.
    pub async fn request(&self, grants: GrantSet, why: &str) -> Result<GrantSet, Refusal> {
        let why = shown(why);
        for grant in grants.iter() {
            self.pass(grant, About::Grant(&why)).await?;
        }
        Ok(self.lease())
    }

    /// What the technician may do now and for the rest of the session, without another question.
    #[must_use]
    pub fn lease(&self) -> GrantSet {
        self.shared.locked(|lease| lease.held())
    }

    /// All that is in force now, with scope and end.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        self.shared.locked(|lease| lease.terms(Moment::now()))
    }

    /// Each change of the lease, of a scope or of an end.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<GrantSet> {
        self.shared.changes.subscribe()
    }

    /// Has the lease kept as it stands now.
    fn keep(&self) {
        let _keeping = self.shared.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let record = self.shared.locked(|lease| lease.record());
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

    fn grant(&self, grants: GrantSet, by: By) {
        let new = self.shared.locked(|lease| lease.grant(grants, None));
        if !new.is_empty() {
            self.keep();
            self.shared.announce();
            let event = Event::Granted { grants: new, lease: self.lease(), by, ends_in: None };
            self.shared.show.tell(&event);
        }
    }

    fn note_refusal(&self, grants: GrantSet) {
        self.shared.locked(|lease| lease.refuse(grants));
        self.keep();
        self.shared.show.tell(&Event::Refused { grants });
    }
}

impl Shared {
    /// The lock ends with the closure: no answer of the lease's is looked at while it is held.
    fn locked<T>(&self, look: impl FnOnce(&mut Lease) -> T) -> T {
        look(&mut self.lease.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whoever follows the lease looks at it again.
    fn announce(&self) {
        self.changes.send_replace(self.locked(|lease| lease.held()));
    }

    fn next_action(&self) -> u64 {
        self.actions.fetch_add(1, Ordering::Relaxed)
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
