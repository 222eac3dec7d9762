//! The contract's test vectors, for whoever implements it in another language: every wire format as
//! annotated hex, every text that people handle as a list, and for what must fail the failure that
//! is expected. Each test makes its file anew from fixed keys and randomness and compares the two
//! byte for byte; `DESKSIDE_BLESS=1` writes it instead.
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read the vectors; the crate itself reads no file"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod excerpt;
mod file;
mod identity;
mod input;
mod line;
mod log;
mod oracle;
mod page;
mod pairing;
mod reattach;
mod recording;
mod sheet;
mod statement;
mod texts;
mod witness;
