//! Both hashes of a file in one pass.

use deskside_protocol::file::{End, Hash};
use ring::digest::{Context, SHA256};

/// BLAKE3 says whether a file arrived; SHA-256 names it in the record. Each piece goes through both
/// while it is in the cache.
#[derive(Clone)]
pub(crate) struct Hashes {
    blake3: blake3::Hasher,
    sha256: Context,
}

impl Hashes {
    pub(crate) fn new() -> Self {
        Self { blake3: blake3::Hasher::new(), sha256: Context::new(&SHA256) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.blake3.update(bytes);
        self.sha256.update(bytes);
    }

    /// The BLAKE3 of what has come so far.
    pub(crate) fn blake3(&self) -> Hash {
        *self.blake3.finalize().as_bytes()
    }

    /// The SHA-256 of what has come so far.
    pub(crate) fn sha256(&self) -> Hash {
        self.sha256.clone().finish().as_ref().try_into().unwrap_or_default()
    }

    pub(crate) fn end(&self) -> End {
        End::Whole { blake3: self.blake3(), sha256: self.sha256() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_the_standard_hashes() {
        let mut hashes = Hashes::new();
        hashes.update(b"ab");
        hashes.update(b"c");
        assert_eq!(hashes.blake3(), *blake3::hash(b"abc").as_bytes());
        // FIPS 180-2, appendix B.1.
        assert_eq!(hashes.sha256()[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
