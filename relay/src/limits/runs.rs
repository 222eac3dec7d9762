//! Codes that a technician is trying on a ticket just now: each is one guess that may still fail, so
//! those under way count together with those that failed.

use std::collections::HashMap;
use std::sync::Arc;

use super::Limits;

/// Who tries on which ticket.
type Key = (String, String);

/// Runs under way: at most one for each leg.
#[derive(Debug, Default)]
pub(crate) struct Runs(HashMap<Key, u32>);

impl Runs {
    /// How many a technician has under way: on this ticket, and on any.
    fn of(&self, technician: &str, ticket: &str) -> (u32, u32) {
        let own = self.0.iter().filter(|((who, _), _)| who == technician);
        own.fold((0, 0), |(here, all), ((_, on), count)| {
            (if on == ticket { here + count } else { here }, all + count)
        })
    }
}

/// A run under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Run {
    limits: Arc<Limits>,
    key: Key,
}

impl Run {
    /// Begins one where `may`, given how many are under way on this ticket and on any, says so.
    pub(crate) fn begin(
        limits: &Arc<Limits>,
        technician: &str,
        ticket: &str,
        may: impl FnOnce(u32, u32) -> bool,
    ) -> Option<Self> {
        let mut runs = limits.runs();
        let (here, all) = runs.of(technician, ticket);
        if !may(here, all) {
            return None;
        }
        let key = (technician.to_owned(), ticket.to_owned());
        *runs.0.entry(key.clone()).or_insert(0) += 1;
        drop(runs);
        Some(Self { limits: limits.clone(), key })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut runs = self.limits.runs();
        if let Some(count) = runs.0.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                runs.0.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_ticket_and_technician_and_leave_nothing() {
        let limits = Arc::new(Limits::new(Vec::new()));
        let begin = |who, ticket| Run::begin(&limits, who, ticket, |here, all| here < 2 && all < 3);
        let first = begin("alice", "1").unwrap();
        let second = begin("alice", "1").unwrap();
        assert!(begin("alice", "1").is_none());
        let third = begin("alice", "2").unwrap();
        assert!(begin("alice", "3").is_none());
        let other = begin("bob", "1").unwrap();
        drop(first);
        assert!(begin("alice", "1").is_some());
        drop((second, third, other));
        assert!(limits.runs().0.is_empty());
    }
}
