//! Running hashes: BLAKE3 over a stream from its first byte, and sums over datagrams, which come in
//! any order or not at all.

use super::form::Tally;

/// Bytes that are gathered before they are hashed: below some 16 KiB at once BLAKE3 cannot use its
/// lanes, and a packet brings 1.2 KiB.
const GATHER: usize = 64 * 1024;

/// A BLAKE3 over all bytes so far.
#[derive(Debug, Default)]
pub(super) struct Running {
    hasher: Box<blake3::Hasher>,
    gathered: Vec<u8>,
}

impl Running {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.gathered.is_empty() && bytes.len() >= GATHER {
            self.hasher.update(bytes);
            return;
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHER {
            self.flush();
        }
    }

    /// The hash of all so far; it goes on from there.
    pub(super) fn now(&mut self) -> [u8; 32] {
        self.flush();
        *self.hasher.finalize().as_bytes()
    }

    fn flush(&mut self) {
        self.hasher.update(&self.gathered);
        self.gathered.clear();
    }
}

impl Tally {
    /// Adds a datagram: the sum is, modulo 2^256, that of BLAKE3 keyed by the line's secrets' hash
    /// ([`LineSecrets::sha256`](crate::seal::LineSecrets::sha256)).
    pub fn add(&mut self, secrets: &[u8; 32], datagram: &[u8]) {
        self.count += 1;
        let hash = blake3::keyed_hash(secrets, datagram);
        let mut carry = 0;
        for (digit, more) in self.sum.iter_mut().zip(hash.as_bytes()).rev() {
            let sum = u16::from(*digit) + u16::from(*more) + carry;
            let [high, low] = sum.to_be_bytes();
            (*digit, carry) = (low, u16::from(high));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_hash_of_the_whole(
            sizes in proptest::collection::vec(0usize..100_000, 0..8),
            looks in proptest::collection::vec(any::<bool>(), 8),
        ) {
            let (mut running, mut all) = (Running::default(), Vec::new());
            for (number, size) in sizes.into_iter().enumerate() {
                let piece = vec![u8::try_from(number).unwrap(); size];
                running.push(&piece);
                all.extend_from_slice(&piece);
                if looks[number] {
                    prop_assert_eq!(running.now(), *blake3::hash(&all).as_bytes());
                }
            }
            prop_assert_eq!(running.now(), *blake3::hash(&all).as_bytes());
        }
    }

    #[test]
    fn a_sum_knows_no_order_and_carries_to_the_front() {
        let key = [7; 32];
        let tally = |datagrams: &[&[u8]]| {
            let mut tally = Tally::default();
            datagrams.iter().for_each(|datagram| tally.add(&key, datagram));
            tally
        };
        assert_eq!(tally(&[b"a", b"b", b"c"]), tally(&[b"c", b"a", b"b"]));
        assert_ne!(tally(&[b"a", b"a"]), tally(&[b"a", b"b"]));
        let mut full = Tally { count: 0, sum: [0xff; 32] };
        full.add(&key, b"a");
        let mut one = *blake3::keyed_hash(&key, b"a").as_bytes();
        // 2^256 - 1 and a hash are that hash less 1.
        assert_ne!(one[31], 0, "else the borrow goes further");
        one[31] -= 1;
        assert_eq!(full.sum, one);
    }
}
