//! A relay that lies to an honest agent and an honest technician.

#![allow(clippy::wildcard_enum_match_arm, reason = "a lie is about one signal; all others pass")]

mod log;
mod pairing;
mod policy;
mod sealing;
mod session;
