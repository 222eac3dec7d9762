//! Hashes of the tree, as RFC 6962 section 2.1 has them: SHA-256, with a byte in front that tells a
//! leaf from a node.

use super::proof::Nodes;
use crate::transcript::{HASH, sha256};

/// A hash of the tree.
pub type Hash = [u8; HASH];

const LEAF: u8 = 0x00;
const NODE: u8 = 0x01;

/// The hash of an entry.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[LEAF], entry].concat())
}

/// The hash over two subtrees.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[NODE], &left[..], &right[..]].concat())
}

/// The root of a tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(b"")
}

/// The root over hashes that are the leaves of a whole subtree: their number is a power of two.
/// `None` for any other number.
#[must_use]
pub fn fold(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        let (pairs, _none_left) = level.as_chunks::<2>();
        level = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    level.first().copied()
}

/// A tree that grows at its right side, by the roots of its whole subtrees alone: at most 64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The largest subtree first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree of the first `size` leaves, from the hashes of its whole subtrees.
    ///
    /// # Errors
    /// Those of `nodes`.
    pub fn of<N: Nodes>(size: u64, nodes: &mut N) -> Result<Self, N::Error> {
        let (mut peaks, mut at) = (Vec::new(), 0);
        while at < size {
            let level = (size - at).ilog2();
            peaks.push(nodes.node(level, at >> level)?);
            at += 1 << level;
        }
        Ok(Self { size, peaks })
    }

    /// Appends the hash of an entry.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each one bit at the end of the size is a whole subtree that the new one completes.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root of what is there.
    #[must_use]
    pub fn root(&self) -> Hash {
        let peaks = self.peaks.iter().rev().copied();
        peaks.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_subtrees_fold() {
        let hashes = [[1; 32], [2; 32], [3; 32], [4; 32]];
        assert_eq!(fold(&hashes[..1]), Some([1; 32]));
        let (left, right) = (node_hash(&[1; 32], &[2; 32]), node_hash(&[3; 32], &[4; 32]));
        assert_eq!(fold(&hashes), Some(node_hash(&left, &right)));
        assert_eq!((fold(&hashes[..3]), fold(&[])), (None, None));
    }

    #[test]
    fn a_leaf_is_never_a_node() {
        let both = [[1; 32], [2; 32]].concat();
        assert_ne!(leaf_hash(&both), node_hash(&[1; 32], &[2; 32]));
    }
}
