//! The window without a display: each state is drawn to a PNG in the target folder, for people to
//! look at, and its accessibility tree is compared with a file; keys are pressed as a user would.
//!
//! `DESKSIDE_SNAPSHOTS=write` writes the trees anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod keyboard;
mod scenes;
mod sight;
mod stage;
mod trees;
