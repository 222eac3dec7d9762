//! The grid: tiles of 64 pixels, in which changes are looked for, and blocks of 16, of which frames
//! speak. Tiles and blocks at the right and lower edge are what is left there.

use crate::{Rect, Size};

/// Pixels of a tile's side.
pub const TILE: usize = 64;
/// Pixels of a block's side.
pub const BLOCK: usize = 16;
/// Blocks of a tile's side.
pub(crate) const PER_TILE: usize = TILE / BLOCK;

/// The grid of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    size: Size,
}

impl Grid {
    pub(crate) const fn new(size: Size) -> Self {
        Self { size }
    }

    pub(crate) const fn size(self) -> Size {
        self.size
    }

    /// Tiles in a row.
    pub(crate) const fn tiles_across(self) -> usize {
        self.size.width().div_ceil(TILE)
    }

    /// All tiles.
    pub(crate) const fn tiles(self) -> usize {
        self.tiles_across() * self.size.height().div_ceil(TILE)
    }

    /// Blocks in a row.
    pub(crate) const fn across(self) -> usize {
        self.size.width().div_ceil(BLOCK)
    }

    /// Rows of blocks.
    pub(crate) const fn down(self) -> usize {
        self.size.height().div_ceil(BLOCK)
    }

    /// All blocks.
    pub(crate) const fn blocks(self) -> usize {
        self.across() * self.down()
    }

    pub(crate) fn tile(self, index: usize) -> Rect {
        let (x, y) = (index % self.tiles_across() * TILE, index / self.tiles_across() * TILE);
        self.clip(x, y, TILE)
    }

    pub(crate) fn block(self, index: usize) -> Rect {
        let (x, y) = (index % self.across() * BLOCK, index / self.across() * BLOCK);
        self.clip(x, y, BLOCK)
    }

    fn clip(self, x: usize, y: usize, side: usize) -> Rect {
        let width = side.min(self.size.width().saturating_sub(x));
        let height = side.min(self.size.height().saturating_sub(y));
        Rect { x, y, width, height }
    }

    /// The blocks of a tile, row by row.
    pub(crate) fn of_tile(self, tile: usize) -> impl Iterator<Item = usize> {
        let (column, row) = (tile % self.tiles_across(), tile / self.tiles_across());
        let rows = row * PER_TILE..((row + 1) * PER_TILE).min(self.down());
        let columns = column * PER_TILE..((column + 1) * PER_TILE).min(self.across());
        rows.flat_map(move |row| columns.clone().map(move |column| row * self.across() + column))
    }

    /// The tile that a block is part of.
    pub(crate) const fn tile_under(self, block: usize) -> usize {
        let (column, row) = (block % self.across(), block / self.across());
        row / PER_TILE * self.tiles_across() + column / PER_TILE
    }

    /// The tiles that a rectangle touches, row by row.
    pub(crate) fn touched(self, rect: Rect) -> impl Iterator<Item = usize> {
        let right = rect.x.saturating_add(rect.width).min(self.size.width());
        let bottom = rect.y.saturating_add(rect.height).min(self.size.height());
        let rows = rect.y / TILE..bottom.div_ceil(TILE);
        let columns = rect.x / TILE..right.div_ceil(TILE);
        rows.flat_map(move |row| {
            columns.clone().map(move |column| row * self.tiles_across() + column)
        })
    }

    /// Whether a rectangle is some of the blocks, and nothing more.
    pub(crate) fn is_blocks(self, rect: Rect) -> bool {
        let whole = |start: usize, length: usize, side: usize| {
            let end = start + length;
            start.is_multiple_of(BLOCK) && (end.is_multiple_of(BLOCK) || end == side)
        };
        rect.fits(self.size)
            && whole(rect.x, rect.width, self.size.width())
            && whole(rect.y, rect.height, self.size.height())
    }

    /// The blocks that a rectangle inside touches.
    pub(crate) fn under(self, rect: Rect) -> impl Iterator<Item = usize> {
        let rows = rect.y / BLOCK..(rect.y + rect.height).div_ceil(BLOCK).min(self.down());
        let columns = rect.x / BLOCK..(rect.x + rect.width).div_ceil(BLOCK).min(self.across());
        rows.flat_map(move |row| columns.clone().map(move |column| row * self.across() + column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(width: usize, height: usize) -> Grid {
        Grid::new(Size::new(width, height).unwrap())
    }

    #[test]
    fn every_pixel_is_in_one_tile_and_one_block() {
        for (width, height) in [(1, 1), (16, 64), (65, 17), (200, 130), (64, 64)] {
            let grid = grid(width, height);
            let tiles: usize = (0..grid.tiles()).map(|tile| grid.tile(tile).pixels()).sum();
            let blocks: usize = (0..grid.blocks()).map(|block| grid.block(block).pixels()).sum();
            assert_eq!((tiles, blocks), (width * height, width * height));
            for tile in 0..grid.tiles() {
                assert!(grid.of_tile(tile).all(|block| grid.tile_under(block) == tile));
            }
            let mut of_tiles: Vec<_> = (0..grid.tiles()).flat_map(|it| grid.of_tile(it)).collect();
            of_tiles.sort_unstable();
            assert_eq!(of_tiles, (0..grid.blocks()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_rectangle_touches_what_it_overlaps() {
        let grid = grid(200, 130);
        let touched =
            |x, y, width, height| grid.touched(Rect { x, y, width, height }).collect::<Vec<_>>();
        assert_eq!(touched(0, 0, 1, 1), [0]);
        assert_eq!(touched(63, 63, 2, 2), [0, 1, 4, 5]);
        assert_eq!(touched(190, 129, 500, 500), [10, 11]);
        assert_eq!(touched(500, 0, 10, 10), []);
        assert_eq!(
            grid.under(Rect { x: 15, y: 0, width: 2, height: 1 }).collect::<Vec<_>>(),
            [0, 1]
        );
        let blocks = |x, y, width, height| grid.is_blocks(Rect { x, y, width, height });
        assert!(blocks(16, 32, 32, 16) && blocks(192, 128, 8, 2) && blocks(0, 0, 200, 130));
        assert!(!blocks(15, 0, 16, 16) && !blocks(0, 15, 16, 16), "they begin in a block");
        assert!(!blocks(0, 0, 17, 16) && !blocks(0, 0, 16, 17), "they end in one");
        assert!(!blocks(192, 0, 16, 16) && !blocks(0, 128, 16, 16), "they end outside");
    }
}
