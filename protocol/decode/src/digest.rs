//! BLAKE3 of bytes that come in packets: gathered first, since it is fastest on several of its
//! chunks at once.

use blake3::Hasher;

/// Bytes that are hashed at once: eight chunks of 1 KiB, which AVX2 takes side by side.
const GATHERED: usize = 8 * 1024;

#[derive(Debug, Clone, Default)]
pub(crate) struct Digest {
    hasher: Hasher,
    gathered: Vec<u8>,
}

impl Digest {
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = GATHERED - self.gathered.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.gathered.extend_from_slice(now);
            if self.gathered.len() == GATHERED {
                self.hasher.update(&self.gathered);
                self.gathered.clear();
            }
            bytes = later;
        }
    }

    /// Bytes that it has taken.
    pub(crate) fn count(&self) -> u64 {
        self.hasher.count() + self.gathered.len() as u64
    }

    pub(crate) fn finish(mut self) -> [u8; 32] {
        *self.hasher.update(&self.gathered).finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_or_not_it_is_the_same_hash() {
        let bytes: Vec<u8> = (0..=250).cycle().take(3 * GATHERED + 5).collect();
        for piece in [1, 7, 1_350, GATHERED, 2 * GATHERED + 1] {
            let mut digest = Digest::default();
            bytes.chunks(piece).for_each(|piece| digest.update(piece));
            assert_eq!(digest.count(), bytes.len() as u64);
            assert_eq!(digest.finish(), *blake3::hash(&bytes).as_bytes());
        }
    }
}
