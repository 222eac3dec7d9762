//! A clock that is told the time, so that the limits stay a pure machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};

/// A limiter with one allowance for each key.
pub(super) type Keyed = RateLimiter<u64, HashMapStateStore<u64>, Told, NoOpMiddleware<Nanos>>;
/// A limiter with one allowance for all.
pub(super) type Direct = RateLimiter<NotKeyed, InMemoryState, Told, NoOpMiddleware<Nanos>>;

/// The time that was told last, since any fixed moment. It never steps back.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<AtomicU64>);

impl Told {
    pub(super) fn tell(&self, now: Duration) {
        // 584 years of nanoseconds fit.
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_max(now, Ordering::Relaxed);
    }
}

impl Clock for Told {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.load(Ordering::Relaxed).into()
    }
}
