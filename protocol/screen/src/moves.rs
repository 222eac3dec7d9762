//! What moved on the screen: blocks that are copied from elsewhere in the picture, as it was before
//! any of them was.

use std::cmp::Reverse;

use crate::blocks::Grid;
use crate::layout::{Code, Layout, Vector};
use crate::{DecodeError, Picture, Rect, Size};

/// A rectangle that is copied; both places are inside the picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub(crate) from: Rect,
    pub(crate) to: Rect,
}

/// Where a block is copied from; `None` where that is not all inside.
pub(crate) fn source(rect: Rect, vector: Vector, size: Size) -> Option<Rect> {
    let (x, y) = vector.from(rect.x, rect.y)?;
    let source = Rect { x, y, ..rect };
    source.fits(size).then_some(source)
}

/// What a frame moves.
pub(crate) fn of(layout: &Layout, grid: Grid) -> Result<Vec<Move>, DecodeError> {
    let mut moves = Vec::new();
    for (index, vector) in (0..).zip(&layout.vectors) {
        for to in layout.rects(grid, usize::MAX, Code::Moved(index)) {
            let from = source(to, *vector, grid.size()).ok_or(DecodeError::Malformed)?;
            moves.push(Move { from, to });
        }
    }
    Ok(moves)
}

/// Copies what moves. Things of one direction need no room of their own: row by row, and down or up the
/// picture, none is painted over before it was copied itself. Only the few that come from the other
/// side are taken up before and put down behind, in `taken`, which is kept for its memory.
pub(crate) fn copy(picture: &mut Picture, moves: &[Move], taken: &mut Vec<u32>) {
    let (up, down): (Vec<&Move>, Vec<&Move>) = moves.iter().partition(|it| it.is_from_behind());
    let pixels = |moves: &[&Move]| moves.iter().map(|it| it.to.pixels()).sum::<usize>();
    let falls = pixels(&down) > pixels(&up);
    let (most, few) = if falls { (down, up) } else { (up, down) };
    taken.clear();
    for Move { from, .. } in &few {
        picture.rows(*from).for_each(|row| taken.extend_from_slice(row));
    }
    let mut rows: Vec<_> = most.into_iter().flat_map(Move::rows).collect();
    if falls {
        rows.sort_unstable_by_key(|row| Reverse(*row));
    } else {
        rows.sort_unstable();
    }
    for (to, from, width) in rows {
        picture.copy_row((from.1, from.0), (to.1, to.0), width);
    }
    let mut taken = taken.as_slice();
    for Move { to, .. } in few {
        for y in to.y..to.y + to.height {
            let row = picture.row_mut(to.x, y, to.width);
            let Some(moved) = taken.split_off(..row.len()) else { return };
            row.copy_from_slice(moved);
        }
    }
}

/// A row and a column.
type Spot = (usize, usize);

impl Move {
    /// Whether it comes from further down the picture, or further right in its row.
    const fn is_from_behind(&self) -> bool {
        self.from.y > self.to.y || (self.from.y == self.to.y && self.from.x > self.to.x)
    }

    /// By row: where to, where from, how many pixels.
    fn rows(&self) -> impl Iterator<Item = (Spot, Spot, usize)> {
        let Self { from, to } = *self;
        (0..to.height).map(move |row| ((to.y + row, to.x), (from.y + row, from.x), to.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_is_copied_as_it_was_before(
            codes in proptest::collection::vec(0..4_u8, 7 * 5),
            vectors in proptest::collection::vec((-40..40_i16, -40..40_i16), 3..=3),
        ) {
            let size = Size::new(7 * 16 - 3, 5 * 16 - 9).unwrap();
            let grid = Grid::new(size);
            let mut layout = Layout::new(grid, (0..grid.tiles()).collect());
            layout.vectors = vectors.into_iter().map(|(dx, dy)| Vector { dx, dy }).collect();
            for (block, code) in codes.into_iter().enumerate() {
                let vector = layout.vectors.get(usize::from(code)).copied();
                if vector.is_some_and(|it| source(grid.block(block), it, size).is_some()) {
                    layout.set(block, Code::Moved(code));
                }
            }
            let moves = of(&layout, grid).unwrap();
            let before = Picture::from_pixels(size, (0..).take(size.pixels()).collect()).unwrap();
            let (mut one, mut other) = (before.clone(), before.clone());
            copy(&mut one, &moves, &mut Vec::new());
            for (to, from, width) in moves.iter().flat_map(Move::rows) {
                let row = before.row(from.1, from.0, width);
                other.row_mut(to.1, to.0, width).copy_from_slice(row);
            }
            prop_assert!(one == other);
        }
    }
}
