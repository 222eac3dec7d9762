//! What benches with a clock of their own share, brought in by `#[path]`.

use std::time::{Duration, Instant};

/// Whether it is to be measured. `cargo test --benches` passes no `--bench`: then one quick round shows
/// that it runs.
pub(crate) fn is_measured() -> bool {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    has("--bench") && !has("--test")
}

/// How long it takes.
pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The one in the middle, in seconds.
pub(crate) fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
}
