//! The system's random generator, for the pure crates that take randomness as an argument.

use deskside_protocol::random::Random;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The operating system's generator.
#[derive(Debug, Clone)]
pub struct System(SystemRandom);

impl System {
    /// The generator. Costs nothing: it holds no state of its own.
    #[must_use]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for System {
    /// # Panics
    /// Where the operating system has no randomness to give: nothing could be safe then.
    #[allow(clippy::panic, reason = "without randomness no key may be made")]
    fn fill(&mut self, out: &mut [u8]) {
        if self.0.fill(out).is_err() {
            panic!("the operating system gives no random numbers");
        }
    }
}
