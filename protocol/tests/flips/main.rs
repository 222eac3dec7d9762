//! Every wire format with each of its bits flipped and at each of its lengths: what is signed or
//! under a MAC is never taken for something else, what is not signed never panics and never reads
//! as the same twice.
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read the corpus; the crate itself reads no file"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod pairing;
mod signed;
#[path = "../support/mod.rs"]
mod support;
mod texts;

use deskside_protocol::session::SessionId;
use support::{START, STEP};

const NOW: u64 = START / STEP;
const SESSION: SessionId = SessionId::from_bytes([0x5e; 16]);
