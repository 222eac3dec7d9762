//! Whether a text is an age recipient: `age1` and 58 characters whose checksum fits.
//!
//! The relay never opens or makes a seal, so it does not link age. But a recipient with a slip in
//! it would stop every session of the organisation, so the checksum is looked at here (bech32,
//! BIP 173; the form is C2SP's age.md, "X25519 recipients").

use thiserror::Error;

/// Bytes of a recipient: `age1`, 52 characters of key, 6 of checksum.
pub const LENGTH: usize = 62;

const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const PREFIX: &str = "age1";

/// A text that is not an age recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("that is not an age recipient (age1 and 58 characters), or it has a typing mistake")]
pub struct NotARecipient;

/// Checks a recipient.
///
/// # Errors
/// [`NotARecipient`].
pub fn check(text: &str) -> Result<(), NotARecipient> {
    let data = text.strip_prefix(PREFIX).filter(|_| text.len() == LENGTH).ok_or(NotARecipient)?;
    // The prefix "age" spread out as BIP 173 says: high bits, 0, low bits.
    let mut sum = [3, 3, 3, 0, 1, 7, 5].into_iter().fold(1, step);
    for byte in data.bytes() {
        let value = CHARACTERS.iter().position(|known| *known == byte).ok_or(NotARecipient)?;
        sum = step(sum, u32::try_from(value).map_err(|_| NotARecipient)?);
    }
    if sum == 1 { Ok(()) } else { Err(NotARecipient) }
}

/// One step of BIP 173's polymod.
fn step(sum: u32, value: u32) -> u32 {
    const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = sum >> 25;
    let next = ((sum & 0x01ff_ffff) << 5) ^ value;
    let chosen = GENERATORS.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
    chosen.fold(next, |sum, (_, generator)| sum ^ generator)
}

#[cfg(test)]
pub(crate) const EXAMPLE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_age_manual_is_one() {
        assert_eq!(check(EXAMPLE), Ok(()));
    }

    #[test]
    fn every_slip_is_caught() {
        for at in 0..LENGTH {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'q' { b'p' } else { b'q' };
            assert!(check(std::str::from_utf8(&bytes).unwrap()).is_err());
            assert!(check(&EXAMPLE[..at]).is_err());
        }
        assert!(check(&EXAMPLE.to_uppercase()).is_err());
        assert!(check("").is_err());
    }
}
