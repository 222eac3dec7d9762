//! What really changed: damage is coarse, so its tiles are compared.

use crate::blocks::Grid;
use crate::picture::colour;
use crate::{Picture, Rect, View};

/// The tiles in `damage` that differ, in order.
pub(crate) fn dirty(old: &Picture, new: &View<'_>, grid: Grid, damage: &[Rect]) -> Vec<usize> {
    let mut looked = vec![false; grid.tiles()];
    for rect in damage {
        for tile in grid.touched(*rect) {
            if let Some(looked) = looked.get_mut(tile) {
                *looked = true;
            }
        }
    }
    let damaged = looked.iter().enumerate().filter(|(_, looked)| **looked).map(|(tile, _)| tile);
    damaged.filter(|tile| differs(old, new, grid.tile(*tile))).collect()
}

fn differs(old: &Picture, new: &View<'_>, tile: Rect) -> bool {
    (tile.y..tile.y + tile.height).any(|y| {
        let new = new.row(tile.x, y, tile.width).as_chunks::<4>().0;
        let old = old.row(tile.x, y, tile.width);
        // Without a branch for each pixel, so that it becomes vector code.
        old.iter().zip(new).fold(0, |all, (old, new)| all | (old ^ colour(*new))) != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

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
        assert_eq!(dirty(&old, &new, grid, &[size.rect()]), [0, 5]);
        let part = Rect { x: 70, y: 0, width: 60, height: 70 };
        assert_eq!(dirty(&old, &new, grid, &[part, part]), [5]);
        assert_eq!(dirty(&old, &new, grid, &[]), []);
    }
}
