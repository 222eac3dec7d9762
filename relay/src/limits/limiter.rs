//! One rule's counters: bounded, whoever comes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::Quota;
use governor::state::keyed::HashMapStateStore;

use super::table::{MAX_KEYS, OVERFLOW, Rule, SWEEP};
use super::told::{Direct, Keyed, Told};

/// A rule, and how much of it each key has used.
#[derive(Debug)]
pub(super) struct Limiter {
    rule: Rule,
    keyed: Keyed,
    /// For whom there is no room.
    others: Direct,
    /// When stale keys were last looked for.
    swept: Mutex<Option<Duration>>,
}

impl Limiter {
    pub(super) fn new(rule: Rule, clock: &Told) -> Self {
        let each = Quota::with_period(rule.every).unwrap_or(Quota::per_second(rule.burst));
        let of_others = Quota::with_period(rule.every / OVERFLOW).unwrap_or(each);
        let many =
            rule.burst.saturating_mul(std::num::NonZeroU32::MIN.saturating_add(OVERFLOW - 1));
        Self {
            rule,
            keyed: Keyed::new(
                each.allow_burst(rule.burst),
                HashMapStateStore::default(),
                clock.clone(),
            ),
            others: Direct::direct_with_clock(of_others.allow_burst(many), clock.clone()),
            swept: Mutex::new(None),
        }
    }

    pub(super) const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Counts one more for a key. The clock has been told `now`.
    pub(super) fn admits(&self, key: u64, now: Duration) -> bool {
        if self.keyed.len() >= MAX_KEYS && !self.sweep(now) {
            return self.others.check().is_ok();
        }
        self.keyed.check_key(&key).is_ok()
    }

    /// Forgets keys that are as good as new. Whether there is room then.
    fn sweep(&self, now: Duration) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.is_some_and(|at| now < at + SWEEP) {
            return false;
        }
        *swept = Some(now);
        self.keyed.retain_recent();
        self.keyed.len() < MAX_KEYS
    }

    /// Keys that are remembered.
    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.keyed.len()
    }
}
