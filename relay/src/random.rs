//! The system's random generator.

use deskside_protocol::random::Random;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The system's random generator, through ring.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Random for System {
    /// # Panics
    /// Where the operating system has no randomness to give: nothing safe can be done then.
    #[allow(clippy::panic, reason = "no key may ever be made of what is not random")]
    fn fill(&mut self, out: &mut [u8]) {
        if SystemRandom::new().fill(out).is_err() {
            panic!("the operating system gives no random numbers");
        }
    }
}
