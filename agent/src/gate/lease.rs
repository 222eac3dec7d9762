//! The lease: what is granted now. A machine without I/O; the gate locks it.

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

/// What is granted, and what may be.
#[derive(Debug)]
pub(super) struct Lease {
    policy: GrantSet,
    beforehand: GrantSet,
    /// One token for each grant that is held: at most as many as there are grants.
    held: BTreeMap<Grant, CancellationToken>,
    refusals: BTreeMap<Grant, u32>,
    stopped: bool,
    /// Requests that wait for the user.
    pub(super) waiting: usize,
}

impl Lease {
    pub(super) fn new(policy: GrantSet, beforehand: GrantSet) -> Self {
        Self {
            policy,
            beforehand: beforehand.intersection(policy),
            held: BTreeMap::new(),
            refusals: BTreeMap::new(),
            stopped: false,
            waiting: 0,
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
            never(Cause::Policy, format!("the organisation's policy does not allow {grant}"))
        } else if refusals >= MAX_REFUSALS {
            let text = format!("the user refused {grant} {refusals} times and is not asked again");
            never(Cause::UserRefused, text)
        } else if self.beforehand.contains(grant) {
            Standing::Beforehand
        } else {
            Standing::Ask { refusals }
        }
    }

    /// Of what was requested: what was answered beforehand, and what the user is to be asked.
    pub(super) fn split(&self, requested: GrantSet) -> (GrantSet, GrantSet) {
        if self.stopped {
            return (GrantSet::NONE, GrantSet::NONE);
        }
        let possible = requested.intersection(self.policy);
        (possible.intersection(self.beforehand), possible.without(self.beforehand))
    }

    /// Grants what the policy allows of `grants`; returns what is new.
    pub(super) fn grant(&mut self, grants: GrantSet) -> GrantSet {
        if self.stopped {
            return GrantSet::NONE;
        }
        let new = grants.intersection(self.policy).without(self.held());
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
