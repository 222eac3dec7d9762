//! The lease: what is granted now, and what of it survives this process. A machine without I/O; the
//! gate locks it.

use std::collections::BTreeMap;

use deskside_protocol::grant::{Grant, GrantSet};
use deskside_protocol::wire::message::refusal::Cause;
use tokio_util::sync::CancellationToken;

use super::{MAX_REFUSALS, Refusal};

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
    /// What is granted.
    pub held: GrantSet,
    /// What was taken back: no `--allow` answers it any more.
    pub taken_back: GrantSet,
    /// How often the user refused.
    pub refusals: BTreeMap<Grant, u32>,
    /// Nothing is granted any more.
    pub stopped: bool,
}

/// What is granted, and what may be.
#[derive(Debug)]
pub(super) struct Lease {
    policy: GrantSet,
    beforehand: GrantSet,
    /// One token for each grant that is held: at most as many as there are grants.
    held: BTreeMap<Grant, CancellationToken>,
    refusals: BTreeMap<Grant, u32>,
    taken_back: GrantSet,
    opened: bool,
    stopped: bool,
    /// Requests that wait for the user.
    pub(super) waiting: usize,
}

impl Lease {
    /// The lease of a record, which may be that of nothing at all. `beforehand` is what this
    /// process was told to allow; it answers nothing that the user took back.
    pub(super) fn new(policy: GrantSet, beforehand: GrantSet, record: &Record) -> Self {
        let mut lease = Self {
            policy,
            beforehand: beforehand.intersection(policy).without(record.taken_back),
            held: BTreeMap::new(),
            refusals: record.refusals.clone(),
            taken_back: record.taken_back,
            opened: record.opened,
            stopped: record.stopped,
            waiting: 0,
        };
        lease.grant(record.held);
        lease
    }

    /// What survives this process.
    pub(super) fn record(&self) -> Record {
        Record {
            opened: self.opened,
            held: self.held(),
            taken_back: self.taken_back,
            refusals: self.refusals.clone(),
            stopped: self.stopped,
        }
    }

    pub(super) fn held(&self) -> GrantSet {
        self.held.keys().copied().collect()
    }

    pub(super) fn standing(&self, grant: Grant) -> Standing {
        let never = |cause, text| Standing::Never(Refusal::new(cause, grant, text));
        let refusals = self.refusals.get(&grant).copied().unwrap_or(0);
        if self.stopped {
            never(Cause::UserRefused, "the user stopped the session".to_owned())
        } else if let Some(token) = self.held.get(&grant) {
            Standing::Held(token.clone())
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

    /// Grants what the policy allows of `grants`; returns what is new.
    pub(super) fn grant(&mut self, grants: GrantSet) -> GrantSet {
        if self.stopped {
            return GrantSet::NONE;
        }
        let new = grants.intersection(self.policy).without(self.held());
        self.taken_back = self.taken_back.without(new);
        self.held.extend(new.iter().map(|grant| (grant, CancellationToken::new())));
        new
    }

    pub(super) fn refuse(&mut self, grants: GrantSet) {
        for grant in grants.iter() {
            *self.refusals.entry(grant).or_default() += 1;
        }
    }

    /// Takes grants back, also those that were answered beforehand; returns what was held.
    pub(super) fn revoke(&mut self, grants: GrantSet) -> GrantSet {
        self.beforehand = self.beforehand.without(grants);
        self.taken_back = self.taken_back.union(grants);
        let gone = self.held().intersection(grants);
        for grant in gone.iter() {
            if let Some(token) = self.held.remove(&grant) {
                token.cancel();
            }
        }
        gone
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grants() -> impl Strategy<Value = GrantSet> {
        any::<u32>().prop_map(GrantSet::from_bits)
    }

    #[derive(Debug, Clone)]
    enum Step {
        Grant(GrantSet),
        Refuse(GrantSet),
        Revoke(GrantSet),
        Stop,
        Restart { beforehand: GrantSet },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => grants().prop_map(Step::Grant),
            3 => grants().prop_map(Step::Refuse),
            4 => grants().prop_map(Step::Revoke),
            1 => Just(Step::Stop),
            4 => grants().prop_map(|beforehand| Step::Restart { beforehand }),
        ]
    }

    /// How wide a standing is, and what it would take to act.
    fn width(standing: &Standing) -> (u8, u32) {
        match standing {
            Standing::Never(_) => (0, 0),
            Standing::Ask { refusals } => (1, MAX_REFUSALS - refusals),
            Standing::Beforehand => (2, 0),
            Standing::Held(_) => (3, 0),
        }
    }

    proptest! {
        /// Whatever happened: the next process holds what was held, asks for what was not, and
        /// `--allow` answers what it would have answered, but nothing that the user took back.
        #[test]
        fn a_restart_never_widens(
            policy in grants(),
            beforehand in grants(),
            steps in proptest::collection::vec(step(), 0..24),
        ) {
            let mut lease = Lease::new(policy, beforehand, &Record::default());
            let mut taken_back = GrantSet::NONE;
            let mut stopped = false;
            for step in steps {
                match step {
                    Step::Grant(grants) => {
                        taken_back = taken_back.without(lease.grant(grants));
                    }
                    Step::Refuse(grants) => lease.refuse(grants),
                    Step::Revoke(grants) => {
                        lease.revoke(grants);
                        taken_back = taken_back.union(grants);
                    }
                    Step::Stop => {
                        lease.stop();
                        lease.revoke(GrantSet::all());
                        stopped = true;
                    }
                    Step::Restart { beforehand } => {
                        let next = Lease::new(policy, beforehand, &lease.record());
                        prop_assert_eq!(next.held(), lease.held());
                        for grant in Grant::all() {
                            let (old, new) = (lease.standing(grant), next.standing(grant));
                            if matches!(new, Standing::Beforehand) {
                                prop_assert!(beforehand.contains(grant));
                                prop_assert!(!taken_back.contains(grant), "{} is back", grant);
                                prop_assert!(!matches!(old, Standing::Never(_)));
                            } else {
                                prop_assert!(width(&new) <= width(&old), "{} is wider", grant);
                            }
                            prop_assert!(!stopped || matches!(new, Standing::Never(_)));
                        }
                        lease = next;
                    }
                }
            }
        }
    }
}
