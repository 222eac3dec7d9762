//! The lease: what is granted now, and what of it survives this process. A machine without I/O; the
//! gate locks it.

use std::collections::BTreeMap;

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::refusal::Cause;
use tokio_util::sync::CancellationToken;

use super::ends::{Ends, Moment};
use super::{MAX_REFUSALS, Refusal, Scope, Term};

/// How it stands with one grant.
pub(super) enum Standing {
    /// Granted: the token ends with the grant.
    Held(CancellationToken),
    /// Answered by `--allow`, and not granted yet.
    Beforehand,
    /// The user is to be asked; so often he refused it already.
    Ask { refusals: u32 },
    /// Out of the question.
    Never(Refusal),
}

/// What is known of a lease after this process: enough that nothing which is held is asked again,
/// and nothing that was taken back or refused comes back by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The session's first question was answered.
    pub opened: bool,
    /// What is granted for the session. What was granted for one action ends with this process.
    pub held: GrantSet,
    /// When what is held ends by itself, in seconds since the epoch; what is not in here holds for
    /// the session.
    pub ends: BTreeMap<Grant, u64>,
    /// What was taken back: no `--allow` answers it any more.
    pub taken_back: GrantSet,
    /// How often the user refused.
    pub refusals: BTreeMap<Grant, u32>,
    /// What the organisation's policy has ceased to allow since the pairing.
    pub forbidden: GrantSet,
    /// Nothing is granted any more.
    pub stopped: bool,
}

/// What is granted, and what may be.
#[derive(Debug)]
pub(super) struct Lease {
    policy: GrantSet,
    /// What was in it once.
    forbidden: GrantSet,
    beforehand: GrantSet,
    /// Each grant that is held: at most as many as there are grants.
    held: BTreeMap<Grant, Held>,
    /// Actions that were allowed one by one: at most as many as streams work at once.
    once: BTreeMap<Alone, CancellationToken>,
    /// Counts them.
    alone: u64,
    refusals: BTreeMap<Grant, u32>,
    taken_back: GrantSet,
    opened: bool,
    stopped: bool,
    /// Requests that wait for the user.
    pub(super) waiting: usize,
}

/// A grant that is held: whatever acts under it has the token.
#[derive(Debug)]
struct Held {
    token: CancellationToken,
    /// `None`: with the session.
    ends: Option<Ends>,
}

/// An action that was allowed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alone {
    grant: Grant,
    number: u64,
}

impl Lease {
    /// The lease of a record, which may be that of nothing at all. `beforehand` is what this
    /// process was told to allow; it answers nothing that the user took back, and nothing whose end
    /// has passed meanwhile.
    pub(super) fn new(
        policy: GrantSet,
        beforehand: GrantSet,
        record: &Record,
        now: Moment,
    ) -> Self {
        let passed: GrantSet = record
            .ends
            .iter()
            .filter_map(|(grant, ends)| Ends::kept(*ends, now).is_none().then_some(*grant))
            .collect();
        let passed = passed.intersection(record.held);
        let taken_back = record.taken_back.union(passed);
        let policy = policy.without(record.forbidden);
        let mut lease = Self {
            policy,
            forbidden: record.forbidden,
            beforehand: beforehand.intersection(policy).without(taken_back),
            held: BTreeMap::new(),
            once: BTreeMap::new(),
            alone: 0,
            refusals: record.refusals.clone(),
            taken_back,
            opened: record.opened,
            stopped: record.stopped,
            waiting: 0,
        };
        for grant in record.held.without(passed).iter() {
            let ends = record.ends.get(&grant).and_then(|ends| Ends::kept(*ends, now));
            lease.grant(grant.into(), ends);
        }
        lease
    }

    /// What survives this process.
    pub(super) fn record(&self) -> Record {
        Record {
            opened: self.opened,
            held: self.held(),
            ends: self
                .held
                .iter()
                .filter_map(|(grant, held)| Some((*grant, held.ends?.unix)))
                .collect(),
            taken_back: self.taken_back,
            refusals: self.refusals.clone(),
            forbidden: self.forbidden,
            stopped: self.stopped,
        }
    }

    pub(super) fn held(&self) -> GrantSet {
        self.held.keys().copied().collect()
    }

    /// All that is in force, each with its scope and end.
    pub(super) fn terms(&self, now: Moment) -> Vec<Term> {
        let held = self.held.iter().map(|(grant, held)| Term {
            grant: *grant,
            scope: Scope::Session,
            ends_in: held.ends.map(|ends| ends.left(now)),
        });
        let once = self.running_alone().without(self.held());
        let once = once.iter().map(|grant| Term { grant, scope: Scope::Once, ends_in: None });
        held.chain(once).collect()
    }

    /// Grants under which something runs that was allowed alone.
    fn running_alone(&self) -> GrantSet {
        self.once.keys().map(|alone| alone.grant).collect()
    }

    pub(super) fn standing(&self, grant: Grant) -> Standing {
        let never = |cause, text| Standing::Never(Refusal::new(cause, grant, text));
        let refusals = self.refusals.get(&grant).copied().unwrap_or(0);
        if self.stopped {
            never(Cause::UserRefused, "the user stopped the session".to_owned())
        } else if let Some(held) = self.held.get(&grant) {
            Standing::Held(held.token.clone())
        } else if !self.policy.contains(grant) {
            never(Cause::Policy, format!("only {} can be asked for", self.policy))
        } else if refusals >= MAX_REFUSALS {
            Standing::Never(no(grant, refusals))
        } else if self.beforehand.contains(grant) {
            Standing::Beforehand
        } else {
            Standing::Ask { refusals }
        }
    }

    /// Of what was requested and is not held: what was answered beforehand, and what the user is to
    /// be asked.
    pub(super) fn split(&self, requested: GrantSet) -> (GrantSet, GrantSet) {
        if self.stopped {
            return (GrantSet::NONE, GrantSet::NONE);
        }
        let possible = requested.intersection(self.policy).without(self.held());
        (possible.intersection(self.beforehand), possible.without(self.beforehand))
    }

    /// Whether the session's first question was answered.
    pub(super) const fn is_opened(&self) -> bool {
        self.opened
    }

    pub(super) const fn open(&mut self) {
        self.opened = true;
    }

    /// Grants what the policy allows of `grants`, for the session or until `ends`; returns what is
    /// new. What is held already stays as it is.
    pub(super) fn grant(&mut self, grants: GrantSet, ends: Option<Ends>) -> GrantSet {
        if self.stopped {
            return GrantSet::NONE;
        }
        let new = grants.intersection(self.policy).without(self.held());
        self.taken_back = self.taken_back.without(new);
        self.held.extend(new.iter().map(|grant| {
            let token = CancellationToken::new();
            (grant, Held { token, ends })
        }));
        new
    }

    /// The user gives `grants` of his own accord, once the session was opened: what he refused
    /// before counts no longer, and what is held has this end from now on. Returns what is held of
    /// them.
    pub(super) fn give(&mut self, grants: GrantSet, ends: Option<Ends>) -> GrantSet {
        if self.stopped || !self.opened {
            return GrantSet::NONE;
        }
        let given = grants.intersection(self.policy);
        self.grant(given, ends);
        for grant in given.iter() {
            self.refusals.remove(&grant);
            if let Some(held) = self.held.get_mut(&grant) {
                held.ends = ends;
            }
        }
        given
    }

    /// Allows one action; `None` where nothing is allowed any more.
    pub(super) fn once(&mut self, grant: Grant) -> Option<(Alone, CancellationToken)> {
        if self.stopped || !self.policy.contains(grant) {
            return None;
        }
        self.alone += 1;
        let (alone, token) = (Alone { grant, number: self.alone }, CancellationToken::new());
        self.once.insert(alone, token.clone());
        Some((alone, token))
    }

    /// An action that was allowed alone is over.
    pub(super) fn once_over(&mut self, alone: Alone) {
        self.once.remove(&alone);
    }

    /// Takes back what has reached its end, as [`Lease::revoke`] does; returns it.
    pub(super) fn expire(&mut self, now: Moment) -> GrantSet {
        let passed = |held: &Held| held.ends.is_some_and(|ends| ends.has_passed(now));
        let gone = self.held.iter().filter_map(|(grant, held)| passed(held).then_some(*grant));
        let gone: GrantSet = gone.collect();
        self.beforehand = self.beforehand.without(gone);
        self.taken_back = self.taken_back.union(gone);
        self.let_go(gone);
        gone
    }

    /// The time until the next end.
    pub(super) fn next_end(&self, now: Moment) -> Option<std::time::Duration> {
        self.held.values().filter_map(|held| Some(held.ends?.left(now))).min()
    }

    pub(super) fn refuse(&mut self, grants: GrantSet) {
        for grant in grants.iter() {
            *self.refusals.entry(grant).or_default() += 1;
        }
    }

    /// Takes grants back, also those that were answered beforehand, and ends what was allowed alone;
    /// returns what was there.
    pub(super) fn revoke(&mut self, grants: GrantSet) -> GrantSet {
        self.beforehand = self.beforehand.without(grants);
        self.taken_back = self.taken_back.union(grants);
        let there = self.running_alone().union(self.held()).intersection(grants);
        self.once.retain(|alone, token| {
            let stays = !grants.contains(alone.grant);
            if !stays {
                token.cancel();
            }
            stays
        });
        self.let_go(there);
        there
    }

    /// The policy allows only `policy` from now on: what is not in it is taken back, and can be had no
    /// more. What it allows anew stays forbidden. Returns what was lost, and what of it was there.
    pub(super) fn narrow(&mut self, policy: GrantSet) -> (GrantSet, GrantSet) {
        let lost = self.policy.without(policy);
        self.policy = self.policy.without(lost);
        self.forbidden = self.forbidden.union(lost);
        (lost, self.revoke(lost))
    }

    /// Ends what runs under grants of the session.
    fn let_go(&mut self, grants: GrantSet) {
        for grant in grants.iter() {
            if let Some(held) = self.held.remove(&grant) {
                held.token.cancel();
            }
        }
    }

    /// Nothing is granted from now on.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }
}

/// The user's no, with what the technician cannot know by himself.
pub(super) fn no(grant: Grant, refusals: u32) -> Refusal {
    let text = match MAX_REFUSALS.saturating_sub(refusals) {
        0 => "so often that it is not asked for again in this session".to_owned(),
        1 => "it can be asked for once more".to_owned(),
        left => format!("it can be asked for {left} more times"),
    };
    Refusal::new(Cause::UserRefused, grant, text)
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
