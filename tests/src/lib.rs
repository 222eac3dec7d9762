//! Starts the three programs as real processes, talks to them as scripts do, and looks at them
//! from outside.
//!
//! Nothing here reaches into a program: what a test knows, it read from `--json`, from a file, or
//! from `/proc`. Every wait is for an event, with a deadline; every process is stopped by its own
//! id. `bin/demo`, `bin/bench` and `tests/` stand on the same rooms.

pub mod agent;
pub mod bench;
pub mod browser;
pub mod bucket;
pub mod clipboard;
pub mod devtools;
pub mod dice;
pub mod display;
pub mod forged;
pub mod gate;
pub mod hostile;
pub mod light;
pub mod memory;
pub mod person;
pub mod process;
pub mod programs;
pub mod recorded;
pub mod relay;
pub mod tap;
pub mod technician;
pub mod web;
pub mod xwd;
