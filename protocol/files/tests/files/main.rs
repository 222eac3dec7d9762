//! Files between two ends that share a pipe of a few bytes, on a real file system.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cancel;
mod copies;
mod full_disk;
mod hard;
mod lies;
mod places;
mod race;
mod resume;
mod support;
