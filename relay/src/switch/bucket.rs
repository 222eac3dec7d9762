//! Token buckets: how much may pass in a time, and how much at once. A generic cell rate algorithm
//! on one atomic number; time is an argument.
//!
//! Not `governor`: it counts the nanoseconds that one cell takes in whole numbers, so that a byte at
//! more than 1 GB/s takes none at all, and it reads a clock of its own for each call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a bucket lets pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// Bytes that flow in each second; at most 18 GB, so that a second's nanoseconds times this
    /// fit 64 bits.
    pub(super) per_second: u64,
    /// Bytes that it holds when full, as it is at first.
    pub(super) burst: u64,
}

/// A bucket, shared by threads.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    /// When the bucket is full again, on a clock that ticks once for each byte that flows in.
    full_at: AtomicU64,
}

impl Bucket {
    pub(super) const fn new(rate: Rate) -> Self {
        Self { rate, full_at: AtomicU64::new(0) }
    }

    /// Takes `bytes`, all or nothing. `now` is since any fixed moment, the same for all calls.
    pub(super) fn take(&self, bytes: u64, now: Duration) -> bool {
        let now = self.ticks(now);
        let taken = |full_at: u64| {
            let full_at = full_at.max(now).checked_add(bytes)?;
            (full_at - now <= self.rate.burst).then_some(full_at)
        };
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Bytes that flowed in since the fixed moment: 584 years of 1 GB/s fit.
    fn ticks(&self, now: Duration) -> u64 {
        let part = u64::from(now.subsec_nanos()).saturating_mul(self.rate.per_second);
        now.as_secs().saturating_mul(self.rate.per_second).saturating_add(part / 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_and_then_the_rate() {
        let bucket = Bucket::new(Rate { per_second: 100, burst: 1_000 });
        assert!(bucket.take(1_000, Duration::ZERO));
        assert!(!bucket.take(1, Duration::ZERO));
        assert!(!bucket.take(101, SECOND));
        assert!(bucket.take(100, SECOND));
        assert!(!bucket.take(1, SECOND));
    }

    #[test]
    fn what_flows_over_is_lost() {
        let bucket = Bucket::new(Rate { per_second: 100, burst: 1_000 });
        let later = SECOND * 86_400;
        assert!(!bucket.take(1_001, later));
        assert!(bucket.take(1_000, later));
        assert!(!bucket.take(1, later));
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let bucket = Bucket::new(Rate { per_second: 100, burst: 1_000 });
        assert!(bucket.take(1_000, SECOND * 9));
        assert!(!bucket.take(1, SECOND * 8));
        assert!(bucket.take(100, SECOND * 10));
    }

    #[test]
    fn more_than_a_gigabyte_a_second_is_exact() {
        let rate = Rate { per_second: 1_250_000_000, burst: 1_500 };
        let (bucket, mut passed) = (Bucket::new(rate), 0);
        // A packet of 1,500 bytes every 1.2 us is exactly the rate.
        for step in 0..1_000_000_u64 {
            passed += u64::from(bucket.take(1_500, Duration::from_nanos(step * 600)));
        }
        assert_eq!(passed, 500_000);
    }

    #[test]
    fn threads_share_one_bucket() {
        let bucket = Bucket::new(Rate { per_second: 1, burst: 10_000 });
        let take = || (0..10_000).filter(|_| bucket.take(1, Duration::ZERO)).count();
        let taken: usize = std::thread::scope(|scope| {
            let threads = [scope.spawn(take), scope.spawn(take), scope.spawn(take)];
            threads.map(|thread| thread.join().unwrap()).into_iter().sum()
        });
        assert_eq!(taken, 10_000);
    }
}
