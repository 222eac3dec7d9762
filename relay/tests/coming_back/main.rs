//! Ends that come back, over real legs: to the same relay, to a restarted one, and in vain; and
//! people who are let in by their role, or not at all, or no longer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it expects")]

mod attended;
mod files_lines;
mod house;
mod idle;
mod lines;
mod log;
mod pairing;
mod proofs;
mod restart;
mod roles;
mod standing;
