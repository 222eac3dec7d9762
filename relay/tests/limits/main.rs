//! The relay's limits over real sockets: time for each phase, guesses, and what everybody is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail, and does so for whatever it does not expect"
)]

mod answers;
mod guesses;
mod house;
mod legs;
mod phases;
mod quota;
