//! Blocks made into rectangles: the same way at both ends, so that nobody has to say how.

use std::ops::Range;

use crate::blocks::{BLOCK, Grid};
use crate::{Rect, Size};

/// The rectangles that cover exactly those tiles of a picture of this size that are set, as they are
/// numbered, row by row.
#[must_use]
pub fn rects_of_tiles(size: Size, set: &[bool]) -> Vec<Rect> {
    let grid = Grid::new(size);
    let of_tile = |block: usize| set.get(grid.tile_under(block)).is_some_and(|set| *set);
    rects(grid, 0..grid.down(), usize::MAX, of_tile)
}

/// The rectangles that cover exactly the blocks of these rows for which `set` holds: runs of a row of
/// blocks, and equal runs below each other as one; ordered by their upper left corners, row by row.
/// None is wider or higher than `most` pixels, a multiple of a block's side.
pub(crate) fn rects(
    grid: Grid,
    rows: Range<usize>,
    most: usize,
    set: impl Fn(usize) -> bool,
) -> Vec<Rect> {
    let mut all: Vec<Rect> = Vec::new();
    // Those that reach down to the row above, from left to right.
    let (mut open, mut next) = (Vec::new(), Vec::new());
    for row in rows {
        let mut above = open.drain(..).peekable();
        for run in runs(grid, row, most, &set) {
            while above
                .next_if(|index: &usize| all.get(*index).is_some_and(|it| it.x < run.x))
                .is_some()
            {}
            let like = |index: &usize| {
                all.get(*index).is_some_and(|it| {
                    it.x == run.x && it.width == run.width && it.height + run.height <= most
                })
            };
            if let Some(index) = above.next_if(like) {
                if let Some(rect) = all.get_mut(index) {
                    rect.height += run.height;
                }
                next.push(index);
            } else {
                next.push(all.len());
                all.push(run);
            }
        }
        drop(above);
        std::mem::swap(&mut open, &mut next);
    }
    all
}

/// The runs of set blocks in one row.
fn runs(
    grid: Grid,
    row: usize,
    most: usize,
    set: &impl Fn(usize) -> bool,
) -> impl Iterator<Item = Rect> {
    let across = grid.across();
    let mut column = 0;
    std::iter::from_fn(move || {
        while column < across && !set(row * across + column) {
            column += 1;
        }
        if column == across {
            return None;
        }
        let first = grid.block(row * across + column);
        let mut run = first;
        column += 1;
        while column < across && run.width + BLOCK <= most && set(row * across + column) {
            run.width += grid.block(row * across + column).width;
            column += 1;
        }
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;
    use proptest::prelude::*;

    fn of(grid: Grid, most: usize, map: &[&str]) -> Vec<(usize, usize, usize, usize)> {
        let set: Vec<bool> = map.concat().chars().map(|it| it == '#').collect();
        rects(grid, 0..grid.down(), most, |block| set[block])
            .iter()
            .map(|it| (it.x, it.y, it.width, it.height))
            .collect()
    }

    #[test]
    fn runs_and_what_is_alike_below() {
        let grid = Grid::new(Size::new(80, 60).unwrap());
        let map = ["##.#.", "##.##", "..#..", "##..#"];
        assert_eq!(
            of(grid, 1_024, &map),
            [
                (0, 0, 32, 32),
                (48, 0, 16, 16),
                (48, 16, 32, 16),
                (32, 32, 16, 16),
                (0, 48, 32, 12),
                (64, 48, 16, 12)
            ]
        );
        let all = ["#####", "#####", "#####", "#####"];
        assert_eq!(of(grid, 1_024, &all), [(0, 0, 80, 60)]);
        assert_eq!(of(grid, 32, &all[..1].repeat(4)).len(), 6);
    }

    #[test]
    fn tiles_are_rectangles_too() {
        let size = Size::new(150, 100).unwrap();
        let parts = |set: [bool; 6]| rects_of_tiles(size, &set);
        assert_eq!(parts([false; 6]), []);
        assert_eq!(parts([true; 6]), [size.rect()]);
        let right = Rect { x: 128, y: 0, width: 22, height: 100 };
        let middle = Rect { x: 64, y: 64, width: 64, height: 36 };
        assert_eq!(parts([false, false, true, false, false, true]), [right]);
        assert_eq!(parts([false, false, false, false, true, false]), [middle]);
    }

    proptest! {
        #[test]
        fn every_block_is_covered_once(bits in proptest::collection::vec(any::<bool>(), 7 * 5)) {
            let grid = Grid::new(Size::new(7 * 16 - 3, 5 * 16 - 9).unwrap());
            let mut covered = vec![0; grid.blocks()];
            for rect in rects(grid, 0..grid.down(), 48, |block| bits[block]) {
                prop_assert!(rect.fits(grid.size()) && rect.width <= 48 && rect.height <= 48);
                for block in grid.under(rect) {
                    covered[block] += 1;
                }
            }
            let expected: Vec<i32> = bits.iter().map(|bit| i32::from(*bit)).collect();
            prop_assert_eq!(covered, expected);
        }
    }
}
