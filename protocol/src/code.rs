//! The twelve digits that a user reads aloud: five of nameplate, six of secret, one check digit.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::random::{self, Random};

/// Digits of a nameplate.
pub const NAMEPLATE_DIGITS: usize = 5;
/// Digits of a secret.
pub const SECRET_DIGITS: usize = 6;
/// Digits of a whole code: nameplate, secret, check digit.
pub const CODE_DIGITS: usize = NAMEPLATE_DIGITS + SECRET_DIGITS + 1;
/// Nameplates that exist at all.
pub const NAMEPLATES: u32 = 100_000;
/// A code lives this long, in seconds.
pub const LIFETIME_SECONDS: u32 = 600;
/// A nameplate rests this long after its code ended, in seconds.
pub const REST_SECONDS: u32 = 600;

/// What a person typed is not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodeError {
    /// Not twelve digits.
    #[error("a code has 12 digits, this has {digits}: ask the user to read it again")]
    Length {
        /// How many digits there were.
        digits: usize,
    },
    /// Something other than digits, spaces and dashes.
    #[error("a code has only digits: ask the user to read it again")]
    NotDigits,
    /// The check digit does not fit.
    #[error("that code has a typing mistake: ask the user to read it again")]
    CheckDigit,
}

/// The public part of a code, by which the relay finds the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nameplate(u32);

impl Nameplate {
    /// A nameplate from its number, below [`NAMEPLATES`].
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number < NAMEPLATES { Some(Self(number)) } else { None }
    }

    /// A nameplate at random.
    pub fn random(random: &mut dyn Random) -> Self {
        Self(random::below(random, NAMEPLATES))
    }

    /// Reads exactly five digits.
    ///
    /// # Errors
    /// [`CodeError::NotDigits`] or [`CodeError::Length`].
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CodeError::NotDigits);
        }
        if text.len() != NAMEPLATE_DIGITS {
            return Err(CodeError::Length { digits: text.len() });
        }
        text.parse().map(Self).map_err(|_| CodeError::NotDigits)
    }
}

impl std::fmt::Display for Nameplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:05}", self.0)
    }
}

/// A whole code. It is a secret: it is wiped when dropped and has no `Debug`.
#[allow(missing_debug_implementations, reason = "a secret never reaches a log")]
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<[u8; CODE_DIGITS]>);

impl Code {
    /// A code for `nameplate` with a secret from `random`.
    pub fn generate(nameplate: Nameplate, random: &mut dyn Random) -> Self {
        let secret = Zeroizing::new(random::below(random, 1_000_000));
        let text = Zeroizing::new(format!("{nameplate}{:06}", *secret));
        let mut digits = Zeroizing::new([b'0'; CODE_DIGITS]);
        for (digit, byte) in digits.iter_mut().zip(text.bytes()) {
            *digit = byte;
        }
        if let Some((last, body)) = digits.split_last_mut() {
            *last = b'0' + damm(body.iter().map(|byte| byte - b'0'));
        }
        Self(digits)
    }

    /// Reads what a person typed: digits with any spaces and dashes between them.
    ///
    /// # Errors
    /// [`CodeError`], before anything is sent.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let mut digits = Zeroizing::new([0; CODE_DIGITS]);
        let mut count = 0;
        for character in text.chars() {
            match character {
                '0'..='9' => {
                    if let Some(slot) = digits.get_mut(count) {
                        *slot = u8::try_from(character).unwrap_or(b'0');
                    }
                    count += 1;
                }
                c if c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}') => {}
                _ => return Err(CodeError::NotDigits),
            }
        }
        if count != CODE_DIGITS {
            return Err(CodeError::Length { digits: count });
        }
        if damm(digits.iter().map(|byte| byte - b'0')) != 0 {
            return Err(CodeError::CheckDigit);
        }
        Ok(Self(digits))
    }

    /// The public part.
    #[must_use]
    pub fn nameplate(&self) -> Nameplate {
        let number = self.0.iter().take(NAMEPLATE_DIGITS);
        Nameplate(number.fold(0, |number, byte| number * 10 + u32::from(byte - b'0')))
    }

    /// The twelve ASCII digits: the password of the pairing.
    #[must_use]
    pub fn digits(&self) -> &[u8; CODE_DIGITS] {
        &self.0
    }

    /// As shown to the user: `4821 9302 7568`.
    #[must_use]
    pub fn grouped(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(CODE_DIGITS + 2));
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push(' ');
            }
            text.push(char::from(*byte));
        }
        text
    }
}

/// Damm's check digit over a quasigroup of order 10 (H. M. Damm, 2004): catches every single wrong
/// digit and every swap of neighbours. 0 over digits that end with their own check digit.
#[allow(clippy::indexing_slicing, reason = "a 10 by 10 table with digits below 10")]
fn damm(digits: impl Iterator<Item = u8>) -> u8 {
    const TABLE: [[u8; 10]; 10] = [
        [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
        [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
        [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
        [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
        [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
        [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
        [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
        [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
        [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
        [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
    ];
    digits.fold(0, |state, digit| TABLE[usize::from(state)][usize::from(digit % 10)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn damm_of_572_is_4() {
        assert_eq!(damm([5, 7, 2].into_iter()), 4);
        assert_eq!(damm([5, 7, 2, 4].into_iter()), 0);
    }

    #[test]
    fn any_grouping_is_read() {
        let digits = format!("48219302756{}", damm([4, 8, 2, 1, 9, 3, 0, 2, 7, 5, 6].into_iter()));
        let plain = Code::parse(&digits).ok().unwrap();
        let spaced = Code::parse(&plain.grouped()).ok().unwrap();
        let dashed = Code::parse(&format!(" {}-{} ", &digits[..7], &digits[7..])).ok().unwrap();
        assert!(plain == spaced && plain == dashed);
        assert_eq!(plain.nameplate().to_string(), "48219");
    }

    #[test]
    fn a_wrong_length_says_how_many() {
        assert_eq!(Code::parse("123").err(), Some(CodeError::Length { digits: 3 }));
        assert_eq!(Code::parse("4821x93027568").err(), Some(CodeError::NotDigits));
    }

    struct Seeded(u64);
    impl Random for Seeded {
        fn fill(&mut self, out: &mut [u8]) {
            for byte in out {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (self.0 >> 33).to_le_bytes()[0];
            }
        }
    }

    proptest! {
        #[test]
        fn every_slip_is_caught(number in 0..NAMEPLATES, seed: u64, at in 0..CODE_DIGITS, by in 1..10u8) {
            let code = Code::generate(Nameplate(number), &mut Seeded(seed));
            prop_assert_eq!(code.nameplate(), Nameplate(number));
            let mut slipped = *code.digits();
            slipped[at] = b'0' + (slipped[at] - b'0' + by) % 10;
            let text = std::str::from_utf8(&slipped).unwrap();
            prop_assert_eq!(Code::parse(text).err(), Some(CodeError::CheckDigit));

            let mut swapped = *code.digits();
            let next = (at + 1).min(CODE_DIGITS - 1);
            swapped.swap(at, next);
            if swapped != *code.digits() {
                let text = std::str::from_utf8(&swapped).unwrap();
                prop_assert_eq!(Code::parse(text).err(), Some(CodeError::CheckDigit));
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _code = Code::parse(&text);
        }
    }
}
