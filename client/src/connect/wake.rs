//! A computer that slept is noticed by its clocks: the monotonic one stands still meanwhile
//! (`CLOCK_MONOTONIC` in clock_gettime(2)), that of the wall goes on.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// What the clocks differ by after a sleep at least; a clock that is set by the network moves less,
/// and to be wrong costs one round trip.
const SLEPT: Duration = Duration::from_secs(3);

/// Both clocks, as they were looked at last.
pub(super) struct Clocks {
    wall: SystemTime,
    steady: Instant,
}

impl Clocks {
    pub(super) fn now() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// Whether the computer slept between `self` and `later`.
    pub(super) fn slept(&self, later: &Self) -> bool {
        let wall = later.wall.duration_since(self.wall).unwrap_or_default();
        let steady = later.steady.duration_since(self.steady);
        wall.saturating_sub(steady) >= SLEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_told_from_a_wait_and_from_a_clock_that_is_set_back() {
        let before = Clocks::now();
        let after = |wall: u64, steady: u64| Clocks {
            wall: before.wall + Duration::from_secs(wall),
            steady: before.steady + Duration::from_secs(steady),
        };
        assert!(before.slept(&after(600, 1)));
        assert!(!before.slept(&after(600, 600)));
        assert!(!before.slept(&after(2, 1)));
        let back = Clocks { wall: before.wall - Duration::from_secs(60), steady: before.steady };
        assert!(!before.slept(&back));
    }
}
