//! What a user may allow: grants, and sets of them.

use thiserror::Error;

use crate::wire::message;

/// One permission of the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grant {
    /// See the screen.
    View,
    /// Use mouse and keyboard.
    Control,
    /// Run single commands.
    Command,
    /// Open a shell.
    Shell,
    /// Send and fetch files.
    File,
    /// Read and set the clipboard.
    Clipboard,
    /// Restart the computer and come back.
    Reboot,
}

/// One row a grant: number on the wire and in bit sets, word on the command line.
const TABLE: [(Grant, message::Grant, &str); 7] = [
    (Grant::View, message::Grant::View, "view"),
    (Grant::Control, message::Grant::Control, "control"),
    (Grant::Command, message::Grant::Command, "command"),
    (Grant::Shell, message::Grant::Shell, "shell"),
    (Grant::File, message::Grant::File, "file"),
    (Grant::Clipboard, message::Grant::Clipboard, "clipboard"),
    (Grant::Reboot, message::Grant::Reboot, "reboot"),
];

impl Grant {
    /// Every grant, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(grant, _, _)| *grant)
    }

    /// The number on the wire.
    #[must_use]
    pub fn to_wire(self) -> message::Grant {
        row(self).map_or(message::Grant::Unspecified, |(_, wire, _)| *wire)
    }

    /// The grant of a number on the wire; `None` for one that this version does not know.
    #[must_use]
    pub fn from_wire(number: i32) -> Option<Self> {
        let known = message::Grant::try_from(number).ok()?;
        TABLE.iter().find(|(_, wire, _)| *wire == known).map(|(grant, _, _)| *grant)
    }

    /// The word on the command line and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        row(self).map_or("", |(_, _, word)| word)
    }

    fn bit(self) -> u32 {
        u32::try_from(self.to_wire() as i32).map_or(0, |number| 1 << number)
    }
}

fn row(grant: Grant) -> Option<&'static (Grant, message::Grant, &'static str)> {
    TABLE.iter().find(|(known, _, _)| *known == grant)
}

impl std::fmt::Display for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no grant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{word:?} is not one of view, control, command, shell, file, clipboard, reboot")]
pub struct UnknownGrant {
    /// What was written.
    pub word: String,
}

impl std::str::FromStr for Grant {
    type Err = UnknownGrant;

    fn from_str(word: &str) -> Result<Self, UnknownGrant> {
        TABLE
            .iter()
            .find(|(_, _, known)| *known == word)
            .map(|(grant, _, _)| *grant)
            .ok_or_else(|| UnknownGrant { word: word.to_owned() })
    }
}

/// A set of grants. Bit n stands for the grant with number n on the wire.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct GrantSet(u32);

impl GrantSet {
    /// No grant.
    pub const NONE: Self = Self(0);

    /// Every grant of this version.
    #[must_use]
    pub fn all() -> Self {
        Grant::all().collect()
    }

    /// Reads a comma-separated list; an empty text is no grant.
    ///
    /// # Errors
    /// [`UnknownGrant`].
    pub fn parse(list: &str) -> Result<Self, UnknownGrant> {
        list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::parse).collect()
    }

    /// The bits, as they stand in a pairing's transcript.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set of these bits; those that this version does not know are dropped.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        Self(bits & Self::all().0)
    }

    /// The set of these wire numbers; those that this version does not know are skipped.
    #[must_use]
    pub fn from_wire(numbers: &[i32]) -> Self {
        numbers.iter().copied().filter_map(Grant::from_wire).collect()
    }

    /// The wire numbers of its members.
    #[must_use]
    pub fn to_wire(self) -> Vec<i32> {
        self.iter().map(|grant| grant.to_wire() as i32).collect()
    }

    /// Whether `grant` is in the set.
    #[must_use]
    pub fn contains(self, grant: Grant) -> bool {
        self.0 & grant.bit() != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The members, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Grant> {
        Grant::all().filter(move |grant| self.contains(*grant))
    }

    /// The members' words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        self.iter().map(Grant::word).collect()
    }
}

impl FromIterator<Grant> for GrantSet {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        Self(grants.into_iter().fold(0, |bits, grant| bits | grant.bit()))
    }
}

impl From<Grant> for GrantSet {
    fn from(grant: Grant) -> Self {
        Self(grant.bit())
    }
}

impl std::str::FromStr for GrantSet {
    type Err = UnknownGrant;

    fn from_str(list: &str) -> Result<Self, UnknownGrant> {
        Self::parse(list)
    }
}

impl std::fmt::Display for GrantSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words().join(", "))
    }
}

impl std::fmt::Debug for GrantSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wire_numbers_and_bits_agree() {
        for grant in Grant::all() {
            assert_eq!(grant.word().parse(), Ok(grant));
            assert_eq!(Grant::from_wire(grant.to_wire() as i32), Some(grant));
            assert_eq!(GrantSet::from_bits(GrantSet::from(grant).bits()), grant.into());
        }
    }

    #[test]
    fn unknown_numbers_are_skipped_and_unknown_words_named() {
        assert_eq!(GrantSet::from_wire(&[1, 99, 0]), Grant::View.into());
        assert_eq!(GrantSet::from_bits(u32::MAX), GrantSet::all());
        let error = GrantSet::parse("view, camera").unwrap_err();
        assert_eq!(error.word, "camera");
    }
}
