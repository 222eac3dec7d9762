//! The decoder against real QUIC on both sides, through a relay that is honest or not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test has sockets and a clock; the crate itself has none"
)]

mod findings;
mod forged;
mod forwarder;
mod lines;
mod peers;
mod tape;
mod whole;
