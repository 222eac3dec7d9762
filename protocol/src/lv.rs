//! Length-prefixed transcripts: every field as a 32-bit big-endian length and its bytes.
//!
//! All hashes and signatures of the protocol are taken over such lists, so that no two different
//! lists of fields have the same encoding.

use thiserror::Error;

/// A transcript could not be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a length-prefixed list is cut off or has the wrong number of fields")]
pub struct Malformed;

/// Encodes `fields` one after the other, each behind its length.
///
/// # Panics
/// Never for fields below 4 GiB, which every named maximum of this crate is far below.
#[must_use]
pub fn encode(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(fields.iter().map(|field| 4 + field.len()).sum());
    for field in fields {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

/// Takes exactly `N` fields out of `bytes`, with nothing left over.
///
/// # Errors
/// [`Malformed`] where there are fewer or more, or a length points past the end.
pub fn decode<const N: usize>(mut bytes: &[u8]) -> Result<[&[u8]; N], Malformed> {
    let mut fields = [&[][..]; N];
    for field in &mut fields {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Malformed)?;
        (*field, bytes) = rest.split_at_checked(length).ok_or(Malformed)?;
    }
    if bytes.is_empty() { Ok(fields) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_decodes_encodes_again() {
        let bytes = encode(&[b"a", b"", b"xyz"]);
        assert_eq!(bytes, b"\0\0\0\x01a\0\0\0\0\0\0\0\x03xyz");
        let fields: [&[u8]; 3] = decode(&bytes).unwrap();
        assert_eq!(encode(&fields), bytes);
        assert_eq!(decode::<2>(&bytes), Err(Malformed));
        assert_eq!(decode::<4>(&bytes), Err(Malformed));
    }

    #[test]
    fn every_truncation_fails() {
        let bytes = encode(&[b"nameplate", b"nonce"]);
        for end in 0..bytes.len() {
            assert_eq!(decode::<2>(&bytes[..end]), Err(Malformed));
        }
    }

    proptest! {
        /// Lists of fields in another order are another list.
        #[test]
        fn lists_differ_where_their_fields_do(
            one in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 3),
            two in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 3),
        ) {
            let of = |fields: &[Vec<u8>]| encode(&fields.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(of(&one) == of(&two), one == two);
            let swapped = [one[1].clone(), one[0].clone(), one[2].clone()];
            prop_assert_eq!(of(&one) == of(&swapped), one[0] == one[1]);
        }
    }
}
