//! Counts what an excerpt is made of before anything of it is decoded: an empty part is 2 bytes in the
//! file and up to a hundred in memory, and nobody has judged it yet.

use prost::encoding::{WireType, decode_key, decode_varint};

use super::{MAX_CHANNELS, MAX_ENTRIES, MAX_FINDINGS, MAX_HALVES, MAX_MARKS, MAX_STATEMENTS};
use crate::log::evidence::MAX_ENCODED;

/// Numbers of the fields of `Excerpt`, and of the one of `ExcerptHalf`, of which there may be many.
const LOG: u32 = 5;
const CHANNELS: u32 = 8;
const STATEMENTS: u32 = 9;
const HALVES: u32 = 10;
const ENTRIES: u32 = 11;
const LEFT_OUT: u32 = 12;
const FINDINGS: u32 = 13;
const MARKS: u32 = 6;

/// How many there are so far.
#[derive(Debug, Default)]
struct Census {
    /// Bytes: a proof that is there more than once is put together.
    log: usize,
    channels: usize,
    statements: usize,
    halves: usize,
    marks: usize,
    entries: usize,
    left_out: usize,
    findings: usize,
}

/// Whether an encoded `Excerpt` keeps to its maxima.
pub(super) fn is_bounded(excerpt: &[u8]) -> bool {
    let mut census = Census::default();
    Fields(excerpt).all(|field| field.is_some_and(|field| census.take(field).is_some()))
}

impl Census {
    fn take(&mut self, (number, value): (u32, &[u8])) -> Option<()> {
        match number {
            LOG => add(&mut self.log, value.len(), MAX_ENCODED),
            CHANNELS => add(&mut self.channels, varints(value), MAX_CHANNELS),
            STATEMENTS => add(&mut self.statements, 1, MAX_STATEMENTS),
            HALVES => {
                add(&mut self.halves, 1, MAX_HALVES)?;
                Fields(value).try_for_each(|field| match field?.0 {
                    MARKS => add(&mut self.marks, 1, MAX_MARKS),
                    _ => Some(()),
                })
            }
            ENTRIES => add(&mut self.entries, 1, MAX_ENTRIES),
            LEFT_OUT => add(&mut self.left_out, 1, MAX_CHANNELS),
            FINDINGS => add(&mut self.findings, 1, MAX_FINDINGS),
            _ => Some(()),
        }
    }
}

fn add(count: &mut usize, more: usize, maximum: usize) -> Option<()> {
    *count = count.saturating_add(more);
    (*count <= maximum).then_some(())
}

/// Numbers in a packed field, or in one that holds one of them: each ends with a byte below 128.
fn varints(packed: &[u8]) -> usize {
    packed.iter().filter(|byte| **byte < 0x80).count()
}

/// The fields of an encoded message: number and value. Ends behind one that cannot be told apart.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u32, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u32, &'a [u8])> {
        let (number, kind) = decode_key(&mut self.0).ok()?;
        let length = match kind {
            WireType::Varint => self.0.iter().position(|byte| *byte < 0x80)? + 1,
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => usize::try_from(decode_varint(&mut self.0).ok()?).ok()?,
            // No version of ours has had groups.
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        let (value, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((number, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of that number.
    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2];
        prost::encoding::encode_varint(value.len() as u64, &mut field);
        [&field[..], value].concat()
    }

    #[test]
    fn every_part_is_counted_before_it_is_decoded() {
        for (number, maximum) in [
            (STATEMENTS, MAX_STATEMENTS),
            (HALVES, MAX_HALVES),
            (ENTRIES, MAX_ENTRIES),
            (LEFT_OUT, MAX_CHANNELS),
            (FINDINGS, MAX_FINDINGS),
        ] {
            let one = field(u8::try_from(number).unwrap(), b"");
            assert!(is_bounded(&one.repeat(maximum)), "{number}");
            assert!(!is_bounded(&one.repeat(maximum + 1)), "{number}");
        }
        // Numbers packed and single, the last of them of two bytes.
        let channels = |packed: usize| [field(8, &vec![7; packed]), vec![0x40, 0x80, 1]].concat();
        assert!(is_bounded(&channels(MAX_CHANNELS - 1)));
        assert!(!is_bounded(&channels(MAX_CHANNELS)));
        // The times of all directions together.
        let half =
            |marks: usize| field(10, &[field(5, b"bytes"), b"\x32\0".repeat(marks)].concat());
        let halves = |marks| [half(MAX_MARKS / 2), half(marks)].concat();
        assert!(is_bounded(&halves(MAX_MARKS / 2)));
        assert!(!is_bounded(&halves(MAX_MARKS / 2 + 1)));
        // A proof in two pieces is one of both.
        let piece = field(5, &vec![0; MAX_ENCODED / 2]);
        assert!(is_bounded(&piece.repeat(2)));
        assert!(!is_bounded(&piece.repeat(3)));
    }

    #[test]
    fn what_cannot_be_told_apart_is_none() {
        for cut in [&b"\x4a"[..], b"\x4a\x05abcd", b"\x0b", b"\x09\0\0\0", b"\x10\x80", b"\x07"] {
            assert!(!is_bounded(cut), "{cut:?}");
        }
        assert!(is_bounded(b""));
        // Fields of a later version are passed over.
        assert!(is_bounded(b"\xf8\x07\x01\xf9\x07abcdefgh\xfd\x07abcd\xfa\x07\x01x"));
    }
}
