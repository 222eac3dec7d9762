//! Reads QUIC's integers off the front of bytes that a stranger wrote.

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A variable-length integer (RFC 9000 section 16), at most 2^62 - 1.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = (1_usize << (first >> 6)) - 1;
        let value = u64::from(first & 0x3f);
        Some(self.take(more)?.iter().fold(value, |all, byte| all << 8 | u64::from(*byte)))
    }

    /// So many bytes as the integer in front of them says.
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        self.take(count)
    }

    /// Skips bytes that are 0.
    pub(crate) fn skip_zeros(&mut self) {
        let zeros = self.0.iter().take_while(|byte| **byte == 0).count();
        self.0 = self.0.get(zeros..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 9000 appendix A.1.
    #[test]
    fn integers_are_read_as_the_standard_shows_them() {
        let examples: [(&[u8], u64); 5] = [
            (b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c", 151_288_809_941_952_652),
            (b"\x9d\x7f\x3e\x7d", 494_878_333),
            (b"\x7b\xbd", 15_293),
            (b"\x25", 37),
            (b"\x40\x25", 37),
        ];
        for (bytes, value) in examples {
            let mut cursor = Cursor::new(bytes);
            assert_eq!((cursor.number(), cursor.is_empty()), (Some(value), true));
            assert_eq!(Cursor::new(&bytes[..bytes.len() - 1]).number(), None);
        }
    }
}
