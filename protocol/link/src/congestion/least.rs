//! The least round trip of late.

use std::time::{Duration, Instant};

/// The least is that of so much time, twice at the most: a path may become longer.
const SPAN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Default)]
pub(super) struct Least {
    since: Option<Instant>,
    now: Option<Duration>,
    before: Option<Duration>,
}

impl Least {
    pub(super) fn take(&mut self, trip: Duration, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) > SPAN {
            self.since = Some(now);
            self.before = self.now.take();
        }
        self.now = Some(self.now.map_or(trip, |least| least.min(trip)));
    }

    pub(super) fn get(&self) -> Option<Duration> {
        match (self.now, self.before) {
            (Some(now), Some(before)) => Some(now.min(before)),
            (now, before) => now.or(before),
        }
    }
}
