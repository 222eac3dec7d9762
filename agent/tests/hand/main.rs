//! Mouse and keyboard of real X servers: what other programs see of a technician's hand. Each test
//! starts an Xvfb of its own and stops it by its id.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod laser;
mod own;
mod recorder;
mod stage;
mod touching;
mod typing;
mod user;
