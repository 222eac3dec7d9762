//! The exit codes that all three programs share.

/// How a program ends. Scripts rely on these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Anything that has no number of its own: a full disk, a folder in use.
    Other = 1,
    /// Wrong usage.
    Usage = 2,
    /// Refused by the user or by policy, or a closed ticket.
    Refused = 3,
    /// A mistyped, wrong, used or expired code or token.
    Code = 4,
    /// Not found.
    NotFound = 5,
    /// Could not connect.
    NoConnection = 6,
    /// Verification failed: a recording, a relay that is not the one in the join link, or the other
    /// side's word of what went over the line.
    Verification = 7,
    /// Ended by the other side.
    EndedByPeer = 8,
}

impl Exit {
    /// The number for the operating system.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
