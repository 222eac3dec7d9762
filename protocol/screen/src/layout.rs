//! What a frame says before its pixels: vectors, the tiles that changed, and what each of their
//! blocks is. These bytes and the exact pixels behind them are one stretch of the zstd stream.
//!
//! ```text
//! vectors   count u8 (at most 4), then for each: dx i16, dy i16, little-endian
//! tiles     runs, then for each: tiles to skip, tiles that changed; LEB128 numbers
//! codes     for each tile that changed: a nibble for each block, row by row, the lower half of a
//!           byte first; a tile begins a new byte
//! pixels    for each rectangle of exact blocks, row by row: blue, green, red, 0
//! ```

use std::ops::Range;

use crate::blocks::{Grid, PER_TILE};
use crate::rects::rects;
use crate::{DecodeError, Rect};

/// Vectors of one frame at the most.
pub(crate) const MAX_VECTORS: usize = 4;

/// From where a block is copied, relative to itself, in the picture of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Vector {
    pub(crate) dx: i16,
    pub(crate) dy: i16,
}

impl Vector {
    /// Where (`x`, `y`) comes from; `None` where that is left of or above the picture.
    pub(crate) fn from(self, x: usize, y: usize) -> Option<(usize, usize)> {
        Some((x.checked_add_signed(self.dx.into())?, y.checked_add_signed(self.dy.into())?))
    }
}

/// What a block of a tile that changed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// As before.
    Same,
    /// Copied by the vector of this index.
    Moved(u8),
    /// Among the exact pixels.
    Exact,
    /// Part of a piece, which comes by itself.
    Piece,
    /// Among the residuals: made exact.
    Residual,
}

impl Code {
    const fn nibble(self) -> u8 {
        match self {
            Self::Same => 0,
            Self::Moved(index) => 1 + index,
            Self::Exact => 8,
            Self::Piece => 9,
            Self::Residual => 10,
        }
    }

    fn of_nibble(nibble: u8, vectors: usize) -> Result<Self, DecodeError> {
        match nibble {
            0 => Ok(Self::Same),
            1..=4 if usize::from(nibble) <= vectors => Ok(Self::Moved(nibble - 1)),
            8 => Ok(Self::Exact),
            9 => Ok(Self::Piece),
            10 => Ok(Self::Residual),
            _ => Err(DecodeError::Malformed),
        }
    }
}

/// What a frame says of its blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) vectors: Vec<Vector>,
    /// Tiles that changed, in order.
    pub(crate) tiles: Vec<usize>,
    /// For every block of the picture; those of other tiles are the same.
    pub(crate) codes: Vec<Code>,
}

impl Layout {
    pub(crate) fn new(grid: Grid, tiles: Vec<usize>) -> Self {
        Self { vectors: Vec::new(), tiles, codes: vec![Code::Same; grid.blocks()] }
    }

    pub(crate) fn code(&self, block: usize) -> Code {
        self.codes.get(block).copied().unwrap_or(Code::Same)
    }

    pub(crate) fn set(&mut self, block: usize, code: Code) {
        if let Some(slot) = self.codes.get_mut(block) {
            *slot = code;
        }
    }

    /// The blocks of tiles that changed.
    pub(crate) fn blocks(&self, grid: Grid) -> impl Iterator<Item = (usize, Code)> {
        let blocks = self.tiles.iter().flat_map(move |tile| grid.of_tile(*tile));
        blocks.map(|block| (block, self.code(block)))
    }

    /// The rectangles of the blocks of one code, none wider or higher than `most` pixels.
    pub(crate) fn rects(&self, grid: Grid, most: usize, code: Code) -> Vec<Rect> {
        rects(grid, self.rows(grid), most, |block| self.code(block) == code)
    }

    /// The rows of blocks from the first to the last of its tiles.
    fn rows(&self, grid: Grid) -> Range<usize> {
        let row = |tile: &usize| tile / grid.tiles_across() * PER_TILE;
        let (Some(first), Some(last)) = (self.tiles.first(), self.tiles.last()) else {
            return 0..0;
        };
        row(first)..(row(last) + PER_TILE).min(grid.down())
    }

    /// Bytes that the longest one of `grid` takes, its pixels included: the bound of what a frame
    /// can unpack to.
    pub(crate) const fn most(grid: Grid) -> usize {
        let vectors = 1 + 4 * MAX_VECTORS;
        // A run has two numbers of up to 4 bytes (2^28 is above any count of tiles).
        let tiles = grid.tiles() * (8 + PER_TILE * PER_TILE / 2) + 4;
        vectors + tiles + 4 * grid.size().pixels()
    }

    pub(crate) fn encode(&self, grid: Grid, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.vectors.len()).unwrap_or(u8::MAX));
        for vector in &self.vectors {
            out.extend_from_slice(&vector.dx.to_le_bytes());
            out.extend_from_slice(&vector.dy.to_le_bytes());
        }
        let runs: Vec<&[usize]> = self.tiles.chunk_by(|one, next| one + 1 == *next).collect();
        number(runs.len(), out);
        let mut end = 0;
        for run in runs {
            let first = run.first().copied().unwrap_or(end);
            number(first - end, out);
            number(run.len(), out);
            end = first + run.len();
        }
        for tile in &self.tiles {
            let nibbles: Vec<u8> = grid.of_tile(*tile).map(|it| self.code(it).nibble()).collect();
            out.extend(nibbles.chunks(2).map(|pair| match pair {
                [low, high] => low | high << 4,
                [low] => *low,
                _ => 0,
            }));
        }
    }

    /// Reads one and leaves the pixels in `bytes`.
    pub(crate) fn decode(grid: Grid, bytes: &mut &[u8]) -> Result<Self, DecodeError> {
        let count = usize::from(byte(bytes)?);
        if count > MAX_VECTORS {
            return Err(DecodeError::Malformed);
        }
        let mut vectors = Vec::with_capacity(count);
        for _ in 0..count {
            vectors.push(Vector { dx: short(bytes)?, dy: short(bytes)? });
        }
        let mut layout = Self::new(grid, tiles(grid, bytes)?);
        for tile in 0..layout.tiles.len() {
            let Some(tile) = layout.tiles.get(tile).copied() else { break };
            let blocks: Vec<usize> = grid.of_tile(tile).collect();
            for pair in blocks.chunks(2) {
                let both = byte(bytes)?;
                for (block, nibble) in pair.iter().zip([both & 15, both >> 4]) {
                    layout.set(*block, Code::of_nibble(nibble, count)?);
                }
                if pair.len() == 1 && both >> 4 != 0 {
                    return Err(DecodeError::Malformed);
                }
            }
        }
        layout.vectors = vectors;
        Ok(layout)
    }
}

fn tiles(grid: Grid, bytes: &mut &[u8]) -> Result<Vec<usize>, DecodeError> {
    let runs = read_number(bytes)?;
    if runs > grid.tiles() {
        return Err(DecodeError::Malformed);
    }
    let (mut tiles, mut end) = (Vec::new(), 0);
    for run in 0..runs {
        let (skip, count) = (read_number(bytes)?, read_number(bytes)?);
        let first = end + skip;
        // Runs that touch would be one.
        if count == 0 || (run > 0 && skip == 0) || first + count > grid.tiles() {
            return Err(DecodeError::Malformed);
        }
        end = first + count;
        tiles.extend(first..end);
    }
    Ok(tiles)
}

/// LEB128, seven bits a byte, the lowest first.
fn number(mut value: usize, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value));
}

fn low_bits(value: usize) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or_default()
}

/// A number of at most four bytes, which is the shortest way to write it.
fn read_number(bytes: &mut &[u8]) -> Result<usize, DecodeError> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let next = byte(bytes)?;
        value |= usize::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            let shortest = shift == 0 || next != 0;
            return if shortest { Ok(value) } else { Err(DecodeError::Malformed) };
        }
    }
    Err(DecodeError::Malformed)
}

fn byte(bytes: &mut &[u8]) -> Result<u8, DecodeError> {
    let (first, rest) = bytes.split_first().ok_or(DecodeError::Malformed)?;
    *bytes = rest;
    Ok(*first)
}

fn short(bytes: &mut &[u8]) -> Result<i16, DecodeError> {
    Ok(i16::from_le_bytes([byte(bytes)?, byte(bytes)?]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;
    use proptest::prelude::*;

    fn grid() -> Grid {
        Grid::new(Size::new(300, 150).unwrap())
    }

    #[test]
    fn byte_for_byte() {
        let grid = Grid::new(Size::new(130, 20).unwrap());
        let mut layout = Layout::new(grid, vec![0, 2]);
        layout.vectors.push(Vector { dx: -1, dy: 300 });
        layout.set(1, Code::Moved(0));
        layout.set(2, Code::Exact);
        layout.set(8, Code::Piece);
        let mut bytes = Vec::new();
        layout.encode(grid, &mut bytes);
        let expected = [
            &[1, 0xff, 0xff, 0x2c, 0x01][..], // a vector
            &[2, 0, 1, 1, 1],                 // tile 0, then one skipped, then tile 2
            &[0x10, 0x08, 0x00, 0x00],        // the first tile has 4 x 2 blocks
            &[0x09],                          // the last one 1 x 2
        ]
        .concat();
        assert_eq!(bytes, expected);
        let mut rest = bytes.as_slice();
        assert_eq!(Layout::decode(grid, &mut rest), Ok(layout));
        assert_eq!(rest, []);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let malformed = |bytes: &[u8]| Layout::decode(grid(), &mut &*bytes).is_err();
        assert!(malformed(&[]));
        assert!(malformed(&[5]), "too many vectors");
        assert!(malformed(&[0, 1, 0, 0]), "an empty run");
        assert!(malformed(&[0, 2, 0, 1, 0, 1]), "runs that touch");
        assert!(malformed(&[0, 1, 15, 1]), "a tile outside");
        assert!(malformed(&[0, 0x81, 0x00]), "a number the long way");
        assert!(malformed(&[0, 1, 0, 1, 0x01, 0, 0, 0, 0, 0, 0, 0]), "a vector that is not there");
        assert!(malformed(&[0, 1, 0, 1, 0x07, 0, 0, 0, 0, 0, 0, 0]), "a code that is none");
        assert!(!malformed(&[0, 1, 0, 1, 0xa8, 0, 0, 0, 0, 0, 0, 0]));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            changed in proptest::collection::vec(any::<bool>(), 15),
            nibbles in proptest::collection::vec(0..7_u8, 190),
            vectors in proptest::collection::vec((any::<i16>(), any::<i16>()), 2..=2),
        ) {
            let grid = grid();
            let tiles = (0..grid.tiles()).filter(|tile| changed[*tile]).collect();
            let mut layout = Layout::new(grid, tiles);
            layout.vectors = vectors.into_iter().map(|(dx, dy)| Vector { dx, dy }).collect();
            for tile in layout.tiles.clone() {
                for block in grid.of_tile(tile) {
                    let nibble = nibbles[block];
                    let code = if nibble < 3 { nibble } else { nibble + 4 };
                    layout.set(block, Code::of_nibble(code.min(10), 2).unwrap_or(Code::Same));
                }
            }
            let mut bytes = Vec::new();
            layout.encode(grid, &mut bytes);
            prop_assert!(bytes.len() <= Layout::most(grid));
            for length in 0..bytes.len() {
                prop_assert!(Layout::decode(grid, &mut &bytes[..length]).is_err());
            }
            bytes.extend_from_slice(b"pixels");
            let mut rest = bytes.as_slice();
            prop_assert_eq!(Layout::decode(grid, &mut rest), Ok(layout));
            prop_assert_eq!(rest, b"pixels");
        }
    }
}
