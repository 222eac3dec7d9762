//! When a grant ends by itself. Two clocks judge it: the one that nobody can set and that stands
//! still while the computer sleeps, and the one that goes on and can be set. Whichever is first ends
//! it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The longest that a grant can be given for: a day. Far longer than any session.
pub const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Now, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Seconds since the epoch.
    pub(super) unix: u64,
    pub(super) instant: Instant,
}

impl Moment {
    pub(super) fn now() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { unix, instant: Instant::now() }
    }
}

/// The end of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    /// Seconds since the epoch.
    pub(super) unix: u64,
    pub(super) instant: Instant,
}

impl Ends {
    /// In so much time, [`MAX_TIME`] at most.
    pub(super) fn after(time: Duration, now: Moment) -> Self {
        let time = time.min(MAX_TIME);
        // Up to a second early, and never late.
        Self { unix: now.unix.saturating_add(time.as_secs()), instant: now.instant + time }
    }

    /// As it was kept by an earlier process; `None` where it has passed.
    pub(super) fn kept(unix: u64, now: Moment) -> Option<Self> {
        let left = unix.checked_sub(now.unix).filter(|left| *left > 0)?;
        Some(Self { unix, instant: now.instant + Duration::from_secs(left).min(MAX_TIME) })
    }

    pub(super) fn has_passed(&self, now: Moment) -> bool {
        self.unix <= now.unix || self.instant <= now.instant
    }

    /// How long it is until then.
    pub(super) fn left(&self, now: Moment) -> Duration {
        let by_date = Duration::from_secs(self.unix.saturating_sub(now.unix));
        self.instant.saturating_duration_since(now.instant).min(by_date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_clock_is_first_ends_it() {
        let now = Moment { unix: 1_000, instant: Instant::now() };
        let later =
            |unix, seconds| Moment { unix, instant: now.instant + Duration::from_secs(seconds) };
        let ends = Ends::after(Duration::from_secs(600), now);
        assert!(!ends.has_passed(later(1_599, 599)));
        // The computer slept; somebody set the clock back.
        assert!(ends.has_passed(later(1_600, 1)) && ends.has_passed(later(0, 600)));
        assert_eq!(ends.left(later(1_100, 10)), Duration::from_secs(500));
        assert_eq!(ends.left(later(1_700, 10)), Duration::ZERO);
    }

    #[test]
    fn what_has_passed_is_not_kept_and_nothing_lasts_longer_than_a_day() {
        let now = Moment { unix: 1_000, instant: Instant::now() };
        assert_eq!(Ends::kept(1_000, now), None);
        assert_eq!(Ends::kept(0, now), None);
        let ends = Ends::kept(1_060, now).unwrap();
        assert_eq!(ends.left(now), Duration::from_secs(60));
        let ends = Ends::kept(u64::MAX, now).unwrap();
        assert_eq!(ends.left(now), MAX_TIME);
        assert_eq!(Ends::after(Duration::MAX, now).left(now), MAX_TIME);
    }
}
