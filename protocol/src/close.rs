//! Why a QUIC connection was closed: one table of numbers, each with who is to blame and the
//! sentence that a person sees.

/// Application close codes of legs and lines. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum CloseCode {
    /// Everything was said.
    Done = 0,
    /// The peer sent what the protocol does not allow.
    Misbehaved = 1,
    /// The versions differ.
    Version = 2,
    /// Something took longer than its limit.
    TimedOut = 3,
    /// A named limit was reached.
    Busy = 4,
    /// The program is ending in order.
    GoingAway = 5,
    /// The session has ended.
    SessionEnded = 6,
    /// The user refused.
    Refused = 7,
    /// A fault of our own.
    Trouble = 8,
    /// The line's secrets could not be sealed or their receipt did not come.
    NotSealed = 9,
    /// The end's enrolment was revoked or has expired.
    NotPermitted = 10,
    /// A files line carried what is no body of a file.
    NotABody = 11,
}

/// One row a code.
const TABLE: [(CloseCode, &str); 12] = [
    (CloseCode::Done, "everything was said"),
    (CloseCode::Misbehaved, "the other side broke the protocol"),
    (CloseCode::Version, "the two programs are of versions that do not fit: upgrade the older one"),
    (CloseCode::TimedOut, "the other side took too long"),
    (CloseCode::Busy, "too much at once: try again in a minute"),
    (CloseCode::GoingAway, "the other side is shutting down"),
    (CloseCode::SessionEnded, "the session has ended"),
    (CloseCode::Refused, "the user refused"),
    (CloseCode::Trouble, "the other side had a fault of its own"),
    (CloseCode::NotSealed, "the session could not be recorded as the policy requires"),
    (CloseCode::NotPermitted, "the enrolment was revoked or has expired"),
    (CloseCode::NotABody, "what is no body of a file was sent where it would not be recorded"),
];

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The code of a number; `None` for one that this version does not know.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        TABLE.iter().map(|(code, _)| *code).find(|code| u64::from(code.number()) == number)
    }

    /// The sentence that a person sees.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        TABLE.iter().find(|(code, _)| *code == self).map_or("", |(_, sentence)| sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_pinned_and_come_back() {
        for (number, (code, _)) in (0u64..).zip(TABLE) {
            assert_eq!(CloseCode::from_number(number), Some(code));
            assert!(!code.sentence().is_empty());
        }
        assert_eq!(CloseCode::from_number(12), None);
    }
}
