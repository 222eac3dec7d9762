//! A session's id, and which of its two ends is meant.

use data_encoding::HEXLOWER;
use thiserror::Error;

use crate::random::{self, Random};
use crate::wire::record;

/// Names one session everywhere: signals, recordings, notes. Chosen at random by the relay; it is
/// no secret and no credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

/// A text or some bytes that are not a session id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a session id has 32 lowercase hexadecimal digits")]
pub struct NotASessionId;

impl SessionId {
    /// A new id.
    pub fn generate(random: &mut dyn Random) -> Self {
        Self(random::bytes(random))
    }

    /// The id of these bytes. Every 16 bytes are one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl TryFrom<&[u8]> for SessionId {
    type Error = NotASessionId;

    fn try_from(bytes: &[u8]) -> Result<Self, NotASessionId> {
        Ok(Self(bytes.try_into().map_err(|_| NotASessionId)?))
    }
}

impl std::str::FromStr for SessionId {
    type Err = NotASessionId;

    fn from_str(text: &str) -> Result<Self, NotASessionId> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotASessionId)?;
        Self::try_from(bytes.as_slice())
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// One of the two ends of a session; the numbers are those of [`record::End`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum End {
    /// On the user's computer.
    Agent = 1,
    /// At the technician's.
    Technician = 2,
}

impl End {
    /// The byte that is signed.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Agent => 1,
            Self::Technician => 2,
        }
    }

    /// The end at the other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Agent => Self::Technician,
            Self::Technician => Self::Agent,
        }
    }

    /// The end of a protobuf field, where it names one.
    #[must_use]
    pub fn from_wire(end: i32) -> Option<Self> {
        match record::End::try_from(end) {
            Ok(record::End::Agent) => Some(Self::Agent),
            Ok(record::End::Technician) => Some(Self::Technician),
            Ok(record::End::Unspecified) | Err(_) => None,
        }
    }

    /// The value of a protobuf field.
    #[must_use]
    pub const fn to_wire(self) -> i32 {
        match self {
            Self::Agent => record::End::Agent as i32,
            Self::Technician => record::End::Technician as i32,
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::Technician => "technician",
        })
    }
}

/// One value for each end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends<T> {
    /// The agent's.
    pub agent: T,
    /// The technician's.
    pub technician: T,
}

impl<T> Ends<T> {
    /// The value of `end`.
    pub const fn of(&self, end: End) -> &T {
        match end {
            End::Agent => &self.agent,
            End::Technician => &self.technician,
        }
    }

    /// The value of `end`, to change it.
    pub const fn of_mut(&mut self, end: End) -> &mut T {
        match end {
            End::Agent => &mut self.agent,
            End::Technician => &mut self.technician,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_is_written() {
        let id = SessionId::from_bytes(*b"\x00\x01\xfe\xff0123456789ab");
        assert_eq!(id.to_string(), "0001feff303132333435363738396162");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(SessionId::try_from(&id.as_bytes()[..]), Ok(id));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in
            ["", "00", "0001FEFF303132333435363738396162", "zz01feff303132333435363738396162"]
        {
            assert_eq!(text.parse::<SessionId>(), Err(NotASessionId));
        }
    }

    #[test]
    fn an_end_has_its_number_on_the_wire() {
        for end in [End::Agent, End::Technician] {
            assert_eq!(i32::from(end.byte()), end.to_wire());
            assert_eq!(End::from_wire(end.to_wire()), Some(end));
        }
        assert_eq!(End::from_wire(0), None);
        assert_eq!(End::from_wire(3), None);
    }
}
