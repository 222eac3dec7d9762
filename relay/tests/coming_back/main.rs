//! Ends that come back, over real legs: to the same relay, to a restarted one, and in vain.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it expects")]

mod attended;
mod house;
mod idle;
mod lines;
mod pairing;
mod proofs;
mod restart;
