//! Randomness as an argument: this crate never reaches for the system's generator itself.

/// A cryptographic random generator. `deskside-link` has the system's.
pub trait Random {
    /// Fills `out` with uniform bytes.
    fn fill(&mut self, out: &mut [u8]);
}

/// `N` random bytes.
pub fn bytes<const N: usize>(random: &mut dyn Random) -> [u8; N] {
    let mut out = [0; N];
    random.fill(&mut out);
    out
}

/// A uniform number below `bound`, by rejection, so that no value is likelier than another.
///
/// # Panics
/// Never; a `bound` of 0 gives 0.
pub fn below(random: &mut dyn Random, bound: u32) -> u32 {
    let Some(zone) = u32::MAX.checked_sub(u32::MAX.checked_rem(bound).unwrap_or(0)) else {
        return 0;
    };
    loop {
        let value = u32::from_be_bytes(bytes(random));
        if value < zone {
            return value.checked_rem(bound).unwrap_or(0);
        }
    }
}
