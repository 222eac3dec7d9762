//! Numbers that look random and are the same everywhere for the same seed.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`: its bias is nobody's concern here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    /// A number from `low` on and below `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low))
    }

    /// The bytes of a file that nothing compresses.
    pub fn bytes(&mut self, count: u64) -> Vec<u8> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(count.saturating_add(8));
        while bytes.len() < count {
            bytes.extend_from_slice(&self.roll().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_reference() {
        // From the reference implementation, seed 1234567.
        let mut dice = Dice(1_234_567);
        let first = [dice.roll(), dice.roll(), dice.roll()];
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn bounds_hold() {
        let mut dice = Dice(1);
        assert!((0..1000).all(|_| dice.below(7) < 7 && (3..9).contains(&dice.between(3, 9))));
        assert_eq!((dice.below(0), dice.bytes(13).len(), dice.bytes(0).len()), (0, 13, 0));
    }
}
