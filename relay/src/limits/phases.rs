//! How long each phase of a leg may take. No phase is without an end.

use std::time::Duration;

use deskside_protocol::code::LIFETIME_SECONDS;

/// Time limits, in the order in which an end meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// From the first packet of a leg to the end of its TLS handshake.
    pub handshake: Duration,
    /// From the handshake to the first stream.
    pub first_stream: Duration,
    /// Without any stream after the first. Longer than a code lives: an agent that waits for its
    /// user to press a key has a leg and no stream.
    pub idle: Duration,
    /// For each signal that an end is expected to say: `Hello`, the first signal, `Park`,
    /// `PairingOffer`, `PairingAnswer`, `Confirmed`, `Proof`.
    pub answer: Duration,
    /// A code waits for a technician.
    pub code: Duration,
    /// From `Session` to both seals, while both ends are there.
    pub sealing: Duration,
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            first_stream: Duration::from_secs(30),
            idle: Duration::from_secs(15 * 60),
            answer: Duration::from_secs(30),
            code: Duration::from_secs(LIFETIME_SECONDS as u64),
            sealing: Duration::from_secs(30),
        }
    }
}
