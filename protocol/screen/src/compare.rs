//! What really changed: damage is coarse, so its tiles are compared.

use crate::blocks::{Grid, TILE};
use crate::{Picture, Rect, Source};

/// Bytes of a tile.
const TILE_BYTES: usize = TILE * TILE * 4;

/// Takes the tiles in `damage` that differ from `old` into `new`. Gives which they are, in order.
pub(crate) fn take_changed(
    old: &Picture,
    new: &mut Picture,
    source: &(impl Source + ?Sized),
    grid: Grid,
    damage: &[Rect],
) -> Vec<usize> {
    let mut looked = vec![false; grid.tiles()];
    for rect in damage {
        for tile in grid.touched(*rect) {
            if let Some(looked) = looked.get_mut(tile) {
                *looked = true;
            }
        }
    }
    let damaged = looked.iter().enumerate().filter(|(_, looked)| **looked).map(|(tile, _)| tile);
    let mut bytes = [0; TILE_BYTES];
    let changed = damaged.filter(|tile| {
        let rect = grid.tile(*tile);
        let bgrx = bytes.get_mut(..rect.pixels() * 4).unwrap_or_default();
        source.copy(rect, bgrx);
        let differs = old.differs(bgrx, rect);
        if differs {
            new.take(bgrx, rect);
        }
        differs
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Size, View};

    #[test]
    fn only_tiles_that_differ_in_the_damage_count() {
        let size = Size::new(130, 70).unwrap();
        let mut bytes = vec![0; size.pixels() * 4];
        let old = Picture::new(size);
        // The fourth byte, the first tile, the last tile.
        bytes[3] = 255;
        bytes[4 * (130 * 5 + 6)] = 1;
        bytes[4 * (130 * 69 + 129) + 2] = 1;
        let new = View::new(size, 130 * 4, &bytes).unwrap();
        let grid = Grid::new(size);
        let take = |damage: &[Rect]| {
            let mut taken = old.clone();
            let tiles = take_changed(&old, &mut taken, &new, grid, damage);
            (tiles, taken)
        };
        assert_eq!(take(&[size.rect()]), (vec![0, 5], Picture::of(&new)));
        let part = Rect { x: 70, y: 0, width: 60, height: 70 };
        let (tiles, taken) = take(&[part, part]);
        assert_eq!(tiles, [5]);
        assert_eq!((taken.row(6, 5, 1), taken.row(129, 69, 1)), (&[0][..], &[0x01_0000][..]));
        assert_eq!(take(&[]), (vec![], old.clone()));
    }
}
