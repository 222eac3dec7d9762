//! How long an archive that fails is left alone: longer and longer.

use std::time::Duration;

use tokio::time::Instant;

/// After the first failure of the archive, and twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// How long the archive is left alone.
#[derive(Debug, Default)]
pub(super) struct Pause {
    failures: u32,
    until: Option<Instant>,
}

impl Pause {
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Whether the last that was tried failed.
    pub(super) const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// `true` for the first failure.
    pub(super) fn fail(&mut self, now: Instant) -> bool {
        // 1 s doubled nine times is more than the longest pause.
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(9)).min(LAST_PAUSE);
        self.until = Some(now + pause);
        self.failures = self.failures.saturating_add(1);
        self.failures == 1
    }

    /// `true` where it had failed before.
    pub(super) fn succeed(&mut self) -> bool {
        std::mem::take(self).failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end() {
        let (mut pause, begin) = (Pause::default(), Instant::now());
        assert!(pause.is_over(begin) && !pause.succeed());
        let lengths = (0..12).map(|number| {
            assert_eq!(pause.fail(begin), number == 0);
            pause.until.unwrap().duration_since(begin).as_secs()
        });
        let lengths: Vec<_> = lengths.collect();
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert!(!pause.is_over(begin + Duration::from_secs(299)));
        assert!(pause.is_over(begin + Duration::from_secs(300)));
        assert!(pause.succeed() && pause.is_over(begin));
    }
}
