//! No, as an ordinary answer: to a channel, and to a whole session.

use deskside_protocol::grant::Grant;
use deskside_protocol::wire::message::{self, refusal::Cause};
use thiserror::Error;

/// Why a channel may not act. Its text is for the technician.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct Refusal {
    /// For programs.
    pub cause: Cause,
    /// What was missing.
    pub grant: Grant,
    /// For people.
    pub text: String,
}

impl Refusal {
    pub(super) fn new(cause: Cause, grant: Grant, text: impl Into<String>) -> Self {
        Self { cause, grant, text: text.into() }
    }

    /// As it goes over the line.
    #[must_use]
    pub fn to_wire(&self) -> message::Refusal {
        message::Refusal {
            cause: self.cause.into(),
            grant: self.grant.to_wire().into(),
            text: self.text.clone(),
        }
    }
}

/// The user turned the whole session down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TurnedDown {
    /// "Refuse", or no answer in time.
    #[error("the user refused")]
    Refused,
    /// "I did not ask for this".
    #[error("the user did not ask for help")]
    NotAsked,
    /// Nothing that was asked for is allowed by the policy.
    #[error("the policy allows nothing of what was asked for")]
    Policy,
    /// The session was stopped while the question stood.
    #[error("the session was stopped")]
    Stopped,
}
