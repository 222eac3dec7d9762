//! Where a broken transfer goes on.

use super::incoming::{Breach, Hash};
use crate::wire::message::FileHave;

/// The part of a file that a receiver holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Have {
    /// How many bytes, from the file's beginning.
    bytes: u64,
    /// Their BLAKE3; of nothing where there are none.
    blake3: Hash,
}

impl Have {
    /// Nothing yet.
    pub const NOTHING: Self = Self { bytes: 0, blake3: [0; 32] };

    /// So many bytes with this BLAKE3.
    #[must_use]
    pub const fn new(bytes: u64, blake3: Hash) -> Self {
        if bytes == 0 { Self::NOTHING } else { Self { bytes, blake3 } }
    }

    /// As a receiver sends it.
    ///
    /// # Errors
    /// [`Breach::Malformed`] where there are bytes without a hash, or a hash of another length.
    pub fn from_wire(have: &FileHave) -> Result<Self, Breach> {
        if have.bytes == 0 {
            return Ok(Self::NOTHING);
        }
        let blake3 = have.blake3.as_ref().try_into().map_err(|_| Breach::Malformed)?;
        Ok(Self { bytes: have.bytes, blake3 })
    }

    /// As it travels.
    #[must_use]
    pub fn to_wire(&self) -> FileHave {
        let blake3 = if self.bytes == 0 { Vec::new() } else { self.blake3.to_vec() };
        FileHave { bytes: self.bytes, blake3: blake3.into() }
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How much of its file, of `size` bytes, a sender has to hash before it can say
    /// [`Have::begin`]: 0 where the part cannot be of this file.
    #[must_use]
    pub const fn prefix(&self, size: u64) -> u64 {
        if self.bytes <= size { self.bytes } else { 0 }
    }

    /// Where the body begins, if `prefix` is the BLAKE3 of the file's first [`Have::prefix`] bytes:
    /// behind the part where it is the same, else at 0.
    #[must_use]
    pub fn begin(&self, size: u64, prefix: &Hash) -> u64 {
        if self.bytes <= size && self.blake3 == *prefix { self.bytes } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_same_beginning_is_kept() {
        let have = Have::new(10, [1; 32]);
        assert_eq!((have.prefix(20), have.begin(20, &[1; 32])), (10, 10));
        assert_eq!((have.prefix(10), have.begin(10, &[1; 32])), (10, 10));
        assert_eq!(have.begin(20, &[2; 32]), 0);
        assert_eq!((have.prefix(9), have.begin(9, &[1; 32])), (0, 0));
        assert_eq!(Have::NOTHING.begin(20, &[0; 32]), 0);
        assert_eq!(Have::new(0, [3; 32]), Have::NOTHING);
    }

    #[test]
    fn bytes_come_with_their_hash() {
        for have in [Have::NOTHING, Have::new(7, [7; 32])] {
            assert_eq!(Have::from_wire(&have.to_wire()), Ok(have));
        }
        let short = FileHave { bytes: 1, blake3: vec![0; 31].into() };
        assert_eq!(Have::from_wire(&short), Err(Breach::Malformed));
        let none = FileHave { bytes: 1, blake3: bytes::Bytes::new() };
        assert_eq!(Have::from_wire(&none), Err(Breach::Malformed));
    }
}
