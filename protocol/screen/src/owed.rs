//! Pieces that nobody has seen yet: their pixels are owed to the picture. Of a video that is skimmed
//! all but the last are painted over before anybody looks, and never decoded.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::Piece;
use crate::blocks::Grid;

/// Bytes of pieces that are owed at the most; then the oldest are decoded.
const MAX_OWED_BYTES: usize = 32 * 1024 * 1024;

/// What is owed to one picture.
pub(crate) struct Owed {
    debts: BTreeMap<u64, Debt>,
    /// By block: the number of the debt whose pixels belong there; 0 is none.
    blocks: Vec<u64>,
    bytes: usize,
    /// The last debt's number.
    number: u64,
}

struct Debt {
    piece: Piece,
    /// Blocks that are still owed.
    blocks: usize,
}

impl Owed {
    /// Nothing, to a picture of so many blocks.
    pub(crate) fn new(blocks: usize) -> Self {
        Self { debts: BTreeMap::new(), blocks: vec![0; blocks], bytes: 0, number: 0 }
    }

    /// These blocks are to have the piece's pixels.
    pub(crate) fn owe(&mut self, piece: &Piece, blocks: &[usize]) {
        self.number += 1;
        // What it was read from may be much larger.
        let piece = Piece { jpeg: Bytes::copy_from_slice(&piece.jpeg), ..piece.clone() };
        self.bytes += piece.jpeg.len();
        for block in blocks {
            self.forget(*block);
            if let Some(slot) = self.blocks.get_mut(*block) {
                *slot = self.number;
            }
        }
        self.debts.insert(self.number, Debt { piece, blocks: blocks.len() });
    }

    /// A block has other pixels now.
    pub(crate) fn forget(&mut self, block: usize) {
        let number = self.blocks.get_mut(block).map_or(0, std::mem::take);
        let Some(debt) = self.debts.get_mut(&number) else { return };
        debt.blocks -= 1;
        if debt.blocks == 0 {
            self.drop(number);
        }
    }

    fn drop(&mut self, number: u64) -> Option<Piece> {
        let debt = self.debts.remove(&number)?;
        self.bytes -= debt.piece.jpeg.len();
        Some(debt.piece)
    }

    /// The oldest one's number.
    pub(crate) fn first(&self) -> Option<u64> {
        self.debts.first_key_value().map(|(number, _)| *number)
    }

    pub(crate) const fn is_too_much(&self) -> bool {
        self.bytes > MAX_OWED_BYTES
    }

    /// The numbers of what is owed to any of these blocks.
    pub(crate) fn under(&self, blocks: impl Iterator<Item = usize>) -> Vec<u64> {
        if self.debts.is_empty() {
            return Vec::new();
        }
        let numbers = blocks.filter_map(|block| self.blocks.get(block).copied());
        let mut numbers: Vec<u64> = numbers.filter(|number| *number != 0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// A piece, and the blocks that are still owed its pixels: they are not any longer.
    pub(crate) fn take(&mut self, number: u64, grid: Grid) -> Option<(Piece, Vec<usize>)> {
        let piece = self.drop(number)?;
        let mut blocks: Vec<usize> = grid.under(piece.rect).collect();
        blocks.retain(|block| match self.blocks.get_mut(*block) {
            Some(slot) if *slot == number => {
                *slot = 0;
                true
            }
            Some(_) | None => false,
        });
        Some((piece, blocks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rect, Size};

    const SIDE: usize = 64;

    fn piece(bytes: usize) -> Piece {
        let rect = Rect { x: 0, y: 0, width: 32, height: 16 };
        Piece { frame: 1, rect, jpeg: vec![0; bytes].into() }
    }

    #[test]
    fn what_is_painted_over_is_not_owed() {
        let grid = Grid::new(Size::new(SIDE, SIDE).unwrap());
        let mut owed = Owed::new(grid.blocks());
        owed.owe(&piece(5), &[0, 1]);
        owed.owe(&piece(7), &[1]);
        assert_eq!((owed.first(), owed.bytes), (Some(1), 12));
        assert_eq!(owed.under([0, 1, 1, 2, 99].into_iter()), [1, 2]);
        owed.forget(1);
        assert_eq!((owed.under(0..4), owed.bytes), (vec![1], 5));
        let (taken, blocks) = owed.take(1, grid).unwrap();
        assert_eq!((taken.jpeg.len(), blocks), (5, vec![0]));
        assert!(owed.take(1, grid).is_none() && owed.first().is_none());
        assert_eq!((owed.bytes, owed.blocks.iter().sum::<u64>()), (0, 0));
    }

    #[test]
    fn debts_have_a_bound() {
        let mut owed = Owed::new(16);
        owed.owe(&piece(MAX_OWED_BYTES), &[0]);
        assert!(!owed.is_too_much());
        owed.owe(&piece(1), &[1]);
        assert!(owed.is_too_much());
    }
}
