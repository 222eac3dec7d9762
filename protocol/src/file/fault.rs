//! Why a file did not go: a cause for programs and a sentence for people.

use std::fmt;

use super::name::NameError;
use crate::text;
use crate::wire::message::{self, refusal::Cause};

/// Characters of a fault's sentence that are kept.
pub const MAX_FAULT: usize = 400;

/// Why a file, or a whole transfer, was turned down or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// For programs.
    pub cause: Cause,
    /// For people; nothing in it moves a cursor.
    pub text: String,
}

impl Fault {
    /// A fault with its sentence, made safe to show and cut to [`MAX_FAULT`].
    #[must_use]
    pub fn new(cause: Cause, sentence: impl AsRef<str>) -> Self {
        // Cut first: a peer's sentence may be as long as a message.
        let cut: String = sentence.as_ref().chars().take(MAX_FAULT).collect();
        Self { cause, text: text::visible(&cut).into_owned() }
    }

    /// As a peer sends it; an unknown cause is [`Cause::Unspecified`].
    #[must_use]
    pub fn from_wire(refusal: &message::Refusal) -> Self {
        Self::new(refusal.cause(), &refusal.text)
    }

    /// As it travels.
    #[must_use]
    pub fn to_wire(&self) -> message::Refusal {
        message::Refusal { cause: self.cause.into(), grant: 0, text: self.text.clone() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        Self::new(Cause::BadRequest, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_sentence_is_short_and_safe() {
        let refusal = message::Refusal { cause: 99, grant: 0, text: "\x1b[2J".repeat(1_000) };
        let fault = Fault::from_wire(&refusal);
        assert_eq!(fault.cause, Cause::Unspecified);
        assert_eq!(fault.text.chars().count(), MAX_FAULT);
        assert!(!fault.text.contains('\x1b'));
        assert_eq!(Fault::from_wire(&fault.to_wire()), fault);
    }
}
