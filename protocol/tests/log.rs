//! The log's tree against a naive one, which is RFC 6962's definitions word for word on another
//! hash library, and against the roots that other implementations of Certificate Transparency test
//! themselves with.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::convert::Infallible;

use data_encoding::HEXLOWER;
use deskside_protocol::log::proof::{
    Unproven, consistency, inclusion, root, verify_consistency, verify_inclusion,
};
use deskside_protocol::log::tile::{self, Content};
use deskside_protocol::log::tree::{fold, leaf_hash};
use deskside_protocol::log::{Frontier, Hash, TilePath};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("entry {number}").into_bytes()).collect()
}

/// MTH(D\[n\]) of section 2.1.
fn mth(entries: &[Vec<u8>]) -> Hash {
    match entries {
        [] => Sha256::digest([]).into(),
        [one] => Sha256::digest([&[0][..], one].concat()).into(),
        many => {
            let (left, right) = many.split_at(half(many.len()));
            Sha256::digest([&[1][..], &mth(left), &mth(right)].concat()).into()
        }
    }
}

/// The largest power of two below `count`.
fn half(count: usize) -> usize {
    let mut power = 1;
    while power * 2 < count {
        power *= 2;
    }
    power
}

/// PATH(m, D\[n\]) of section 2.1.1.
fn path(m: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    if entries.len() == 1 {
        return Vec::new();
    }
    let (left, right) = entries.split_at(half(entries.len()));
    if m < left.len() {
        [path(m, left), vec![mth(right)]].concat()
    } else {
        [path(m - left.len(), right), vec![mth(left)]].concat()
    }
}

/// SUBPROOF(m, D\[n\], b) of section 2.1.2.
fn subproof(m: usize, entries: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if m == entries.len() {
        return if whole { Vec::new() } else { vec![mth(entries)] };
    }
    let (left, right) = entries.split_at(half(entries.len()));
    if m <= left.len() {
        [subproof(m, left, whole), vec![mth(right)]].concat()
    } else {
        [subproof(m - left.len(), right, false), vec![mth(left)]].concat()
    }
}

/// The hash of a whole subtree, out of the tiles of a log of these leaves.
fn nodes(tiles: &Tiles) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> + '_ {
    |level, index| {
        let (of, number) = tile::holding(level, index).unwrap();
        Ok(tile::node(&tiles.0[usize::from(of)][usize::try_from(number).unwrap()], level, index)
            .unwrap())
    }
}

/// All tiles of a log, by level and number.
struct Tiles(Vec<Vec<Vec<u8>>>);

impl Tiles {
    fn of(entries: &[Vec<u8>]) -> Self {
        let mut hashes: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut levels = Vec::new();
        while !hashes.is_empty() {
            levels.push(hashes.chunks(256).map(<[Hash]>::concat).collect());
            hashes = hashes.chunks_exact(256).map(|tile| fold(tile).unwrap()).collect();
        }
        Self(levels)
    }
}

#[test]
fn roots_are_those_that_others_test_with() {
    let entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    assert_eq!(HEXLOWER.encode(&frontier.root()), roots[0]);
    for (entry, root) in entries.iter().zip(&roots[1..]) {
        frontier.push(leaf_hash(&HEXLOWER.decode(entry.as_bytes()).unwrap()));
        assert_eq!(HEXLOWER.encode(&frontier.root()), *root);
    }
}

#[test]
fn every_leaf_of_every_size_has_the_proof_of_the_definition() {
    let all = entries(300);
    let tiles = Tiles::of(&all);
    let mut frontier = Frontier::default();
    for size in 0..=all.len() {
        let (some, count) = (&all[..size], size as u64);
        let whole = mth(some);
        assert_eq!((frontier.size(), frontier.root()), (count, whole));
        assert_eq!(root(count, &mut nodes(&tiles)), Ok(whole));
        assert_eq!(Frontier::of(count, &mut nodes(&tiles)).as_ref(), Ok(&frontier));
        // All indices of all sizes up to 140 and around a tile's width, some of the others.
        let step = if size <= 140 || (250..=262).contains(&size) { 1 } else { 37 };
        for index in (0..size).step_by(step) {
            let proof = inclusion(index as u64, count, &mut nodes(&tiles)).unwrap();
            assert_eq!(proof, path(index, some));
            let leaf = leaf_hash(&all[index]);
            assert_eq!(verify_inclusion(&leaf, index as u64, count, &proof, &whole), Ok(()));
        }
        if let Some(entry) = all.get(size) {
            frontier.push(leaf_hash(entry));
        }
    }
}

#[test]
fn every_size_is_the_beginning_of_every_larger_one() {
    let all = entries(270);
    let tiles = Tiles::of(&all);
    let roots: Vec<Hash> = (0..=all.len()).map(|size| mth(&all[..size])).collect();
    for size in (0..=100).chain(254..=270) {
        for old in 0..=size {
            let proof = consistency(old as u64, size as u64, &mut nodes(&tiles)).unwrap();
            if old > 0 {
                assert_eq!(proof, subproof(old, &all[..size], true));
            }
            let (before, now) = ((old as u64, &roots[old]), (size as u64, &roots[size]));
            assert_eq!(verify_consistency(before, now, &proof), Ok(()), "{old} of {size}");
        }
    }
}

fn flips(proof: &[Hash]) -> impl Iterator<Item = Vec<Hash>> + '_ {
    (0..proof.len() * 32).map(|at| {
        let mut other = proof.to_vec();
        other[at / 32][at % 32] ^= 1 << (at % 8);
        other
    })
}

/// One hash less, one more, two exchanged.
fn reshaped(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[[7; 32]]].concat(), [&[[7; 32]], proof].concat()];
    for at in 0..proof.len() {
        let mut less = proof.to_vec();
        less.remove(at);
        all.push(less);
        if at > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(at - 1, at);
            all.push(swapped);
        }
    }
    all
}

#[test]
fn every_flip_of_a_proof_of_inclusion_is_refused() {
    let all = entries(40);
    let tiles = Tiles::of(&all);
    for size in 1..=all.len() {
        let whole = mth(&all[..size]);
        for (index, entry) in all.iter().enumerate().take(size) {
            let proof = inclusion(index as u64, size as u64, &mut nodes(&tiles)).unwrap();
            let leaf = leaf_hash(entry);
            let holds = |index: usize, size: usize, proof: &[Hash]| {
                verify_inclusion(&leaf, index as u64, size as u64, proof, &whole).is_ok()
            };
            assert!(!flips(&proof).chain(reshaped(&proof)).any(|other| holds(index, size, &other)));
            assert!(!(0..size + 2).any(|other| other != index && holds(other, size, &proof)));
            assert!(!holds(index, index, &proof));
        }
    }
}

#[test]
fn every_flip_of_a_proof_of_consistency_is_refused() {
    let all = entries(40);
    let tiles = Tiles::of(&all);
    let roots: Vec<Hash> = (0..=all.len()).map(|size| mth(&all[..size])).collect();
    for size in 1..=all.len() {
        for old in 1..=size {
            let proof = consistency(old as u64, size as u64, &mut nodes(&tiles)).unwrap();
            let holds = |old_root: &Hash, root: &Hash, proof: &[Hash]| {
                verify_consistency((old as u64, old_root), (size as u64, root), proof).is_ok()
            };
            let (before, now) = (&roots[old], &roots[size]);
            let others = || flips(&proof).chain(reshaped(&proof));
            assert!(!others().any(|other| holds(before, now, &other)), "{old} of {size}");
            let forged = |root: &Hash| std::array::from_fn(|at| root[at] ^ u8::from(at == 9));
            assert!(!holds(&forged(before), now, &proof) && !holds(before, &forged(now), &proof));
        }
    }
}

#[test]
fn a_log_that_was_cut_back_has_no_proof() {
    let (old, new) = ((9, &[1; 32]), (8, &[1; 32]));
    assert_eq!(verify_consistency(old, new, &[]), Err(Unproven));
    assert_eq!(verify_consistency((0, &[1; 32]), new, &[]), Err(Unproven));
}

proptest! {
    /// Of some hundreds, and of more than a tile of tiles holds.
    #[test]
    fn any_leaf_of_any_size_is_proven_from_tiles(size in 1..70_000_usize, at: prop::sample::Index) {
        static ALL: std::sync::LazyLock<(Vec<Vec<u8>>, Tiles)> = std::sync::LazyLock::new(|| {
            let all = entries(70_000);
            let tiles = Tiles::of(&all);
            (all, tiles)
        });
        let (all, tiles) = &*ALL;
        let (index, count) = (at.index(size), size as u64);
        let whole = root(count, &mut nodes(tiles)).unwrap();
        let proof = inclusion(index as u64, count, &mut nodes(tiles)).unwrap();
        let leaf = leaf_hash(&all[index]);
        prop_assert_eq!(verify_inclusion(&leaf, index as u64, count, &proof, &whole), Ok(()));
        let old = index as u64 + 1;
        let before = root(old, &mut nodes(tiles)).unwrap();
        let proof = consistency(old, count, &mut nodes(tiles)).unwrap();
        prop_assert_eq!(verify_consistency((old, &before), (count, &whole), &proof), Ok(()));
        let held = TilePath::of(Content::Hashes(0), index as u64 / 256, count).unwrap();
        prop_assert!(u64::from(held.width) > index as u64 % 256);
    }
}
