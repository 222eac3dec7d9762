//! What is told of scripted entries.
#![allow(
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test with small numbers"
)]

mod files;
mod film;
mod properties;
mod script;
mod story;
mod watches;
