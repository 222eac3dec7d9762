//! Between whom and us the way is interrupted.

/// Who is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// The relay, or the way to it.
    Relay,
    /// The user's computer, or its way to the relay.
    Agent,
}

impl Away {
    /// In events.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Agent => "agent",
        }
    }
}
