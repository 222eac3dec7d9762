//! Proofs that an entry is in a tree, and that a tree is the beginning of a larger one: made from
//! the hashes of whole subtrees as RFC 6962 section 2.1 defines them, and checked as RFC 9162
//! sections 2.1.3.2 and 2.1.4.2 do.

use thiserror::Error;

use super::tree::{Hash, empty_root, node_hash};

/// Hashes of a proof at most: a tree of more than 2^63 leaves does not fit a machine.
pub const MAX_PROOF: usize = 64;

/// A proof does not prove what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the proof does not hold")]
pub struct Unproven;

/// Where hashes of whole subtrees come from: `node(level, index)` is the root over the leaves from
/// `index * 2^level` to below `(index + 1) * 2^level`, all of which are in the tree.
pub trait Nodes {
    /// Why there is none.
    type Error;

    /// The hash of one whole subtree.
    ///
    /// # Errors
    /// The source's own.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

impl<E, F: FnMut(u32, u64) -> Result<Hash, E>> Nodes for F {
    type Error = E;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, E> {
        self(level, index)
    }
}

/// The root of the first `size` leaves.
///
/// # Errors
/// Those of `nodes`.
pub fn root<N: Nodes>(size: u64, nodes: &mut N) -> Result<Hash, N::Error> {
    if size == 0 { Ok(empty_root()) } else { range(0, size, nodes) }
}

/// The path of leaf `index` in the tree of the first `size` leaves, from the leaf upwards; empty
/// where there is no such leaf.
///
/// # Errors
/// Those of `nodes`.
pub fn inclusion<N: Nodes>(index: u64, size: u64, nodes: &mut N) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end) = (0, size);
    let mut path = Vec::new();
    while index < size && end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(range(middle, end, nodes)?);
            end = middle;
        } else {
            path.push(range(begin, middle, nodes)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of the first `old` leaves is the beginning of that of the first `size`;
/// empty where nothing is to be proved or can be.
///
/// # Errors
/// Those of `nodes`.
pub fn consistency<N: Nodes>(old: u64, size: u64, nodes: &mut N) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if old == 0 || old >= size {
        return Ok(path);
    }
    let (mut begin, mut end) = (0, size);
    while old != end {
        let middle = begin + split(end - begin);
        if old <= middle {
            path.push(range(middle, end, nodes)?);
            end = middle;
        } else {
            path.push(range(begin, middle, nodes)?);
            begin = middle;
        }
    }
    // Where the old tree is one whole subtree, whoever checks has its root already.
    if begin != 0 {
        path.push(range(begin, end, nodes)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that the entry with the hash `leaf` is number `index` of the `size` under `root`.
///
/// # Errors
/// [`Unproven`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), Unproven> {
    if index >= size || path.len() > MAX_PROOF {
        return Err(Unproven);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(Unproven);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            let whole = climb(node);
            (node, last) = (node >> whole, last >> whole);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(Unproven) }
}

/// Checks that the tree of `old` leaves under `old_root` is the beginning of that of `size` under
/// `root`.
///
/// # Errors
/// [`Unproven`], also where `old` is above `size`.
pub fn verify_consistency(
    (old, old_root): (u64, &Hash),
    (size, root): (u64, &Hash),
    path: &[Hash],
) -> Result<(), Unproven> {
    if old == 0 || old >= size {
        let fits = if old == 0 { *old_root == empty_root() } else { old_root == root };
        return if old <= size && fits && path.is_empty() { Ok(()) } else { Err(Unproven) };
    }
    // A whole subtree is its own first hash.
    let (first, rest) = match path.split_first() {
        _ if old.is_power_of_two() => (old_root, path),
        Some(parts) => parts,
        None => return Err(Unproven),
    };
    if path.is_empty() || path.len() > MAX_PROOF {
        return Err(Unproven);
    }
    let whole = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> whole, (size - 1) >> whole);
    let (mut old_hash, mut hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(Unproven);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            hash = node_hash(sibling, &hash);
            let whole = climb(node);
            (node, last) = (node >> whole, last >> whole);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    let holds = last == 0 && old_hash == *old_root && hash == *root;
    if holds { Ok(()) } else { Err(Unproven) }
}

/// How far up a node stays the last one that has no sibling to its right.
const fn climb(node: u64) -> u32 {
    if node == 0 { 0 } else { node.trailing_zeros() }
}

/// The largest power of two below `width`, which is at least 2.
const fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// The root over leaves from `begin` to below `end`. In all calls `begin` is a multiple of the
/// largest power of two that is at most the width, so that every part is a whole subtree.
fn range<N: Nodes>(begin: u64, end: u64, nodes: &mut N) -> Result<Hash, N::Error> {
    // Whole subtrees from the left, each smaller than the one before; at most 64.
    let mut parts = Vec::new();
    let mut at = begin;
    while at < end {
        let level = (end - at).ilog2();
        parts.push(nodes.node(level, at >> level)?);
        at += 1 << level;
    }
    let whole = parts.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
    Ok(whole.unwrap_or_else(empty_root))
}
